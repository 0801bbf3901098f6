//! What is done with memories that were chosen: deleted after a review, moved,
//! exported; and adding one.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::PATH;
use super::list::{Draft, whole};
use super::view::View;
use crate::app::App;
use crate::bucket::{self, BucketRef};
use crate::error::{Error, Result};
use crate::id::BucketId;
use crate::memory::ops::{Moved, NewMemory};
use crate::memory::select::Selection;
use crate::memory::transfer::Format;
use crate::memory::{self, MemoryText, delete, export};
use crate::web::conversations::attachment;
use crate::web::layout::thousands;
use crate::web::review::{Fate, MEMORIES, Review, count, reach};
use crate::web::{Notice, Shown, SignedForm, redirect};

/// Which memories a form is about, and where it came from.
struct Chosen {
    /// Those that are ticked.
    ids: Vec<String>,
    /// All that match instead.
    is_all: bool,
    view: View,
    /// From the page of duplicates.
    is_of_duplicates: bool,
    /// Of duplicates the one that is not to be deleted.
    kept: String,
}

impl Chosen {
    fn read(form: &SignedForm) -> Result<Self> {
        let kept = form.field("keep")?;
        Ok(Self {
            ids: form.fields.all("id").filter(|id| *id != kept).map(str::to_owned).collect(),
            is_all: form.field("all")? == "1",
            view: View::of_query(&form.field("where")?)?,
            is_of_duplicates: form.field("back")? == "duplicates",
            kept,
        })
    }

    fn selection(&self) -> Result<Selection> {
        match (self.is_all, self.ids.is_empty()) {
            (true, _) => Ok(Selection::Where(self.view.conditions())),
            (false, false) if self.kept.is_empty() => Ok(Selection::Ids(self.ids.clone())),
            (false, false) => Ok(Selection::Beside { kept: self.kept.clone(), ids: self.ids.clone() }),
            (false, true) => Err(Error::invalid("No memory is selected. Tick at least one, then try again.")),
        }
    }

    /// Where one goes back to.
    fn back(&self, more: &[(&str, String)]) -> String {
        if !self.is_of_duplicates {
            return self.view.address(more);
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(more).finish();
        format!("{PATH}/duplicates?{query}")
    }

    /// What a form carries so that it is about the same again.
    fn fields(self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("where", self.view.query())];
        if self.is_of_duplicates {
            fields.push(("back", "duplicates".to_owned()));
            fields.push(("keep", self.kept));
        }
        if self.is_all {
            fields.push(("all", "1".to_owned()));
        } else {
            fields.extend(self.ids.into_iter().map(|id| ("id", id)));
        }
        fields
    }

    /// What is asked before it is done with these.
    fn review(
        self,
        form: &SignedForm,
        found: delete::Review,
        action: &'static str,
        title: String,
        button: String,
    ) -> Review {
        let mut remarks = Vec::new();
        if found.missing > 0 {
            let are = if found.missing == 1 { "is" } else { "are" };
            remarks.push(format!("{} that you selected {are} gone already.", count(found.missing, MEMORIES)));
        }
        let cancel = self.back(&[]);
        let mut fields = self.fields();
        fields.push(("confirmation", found.confirmation));
        Review {
            title,
            csrf: form.by.session.csrf().to_owned(),
            action,
            fields,
            total: found.total,
            shares: found.buckets.into_iter().map(|share| (share.name, thousands(share.count as u64))).collect(),
            remarks,
            problem: None,
            fate: None,
            button,
            cancel,
        }
    }
}

/// Shows what would be deleted, or deletes it where that is confirmed.
pub(in crate::web) async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    form: SignedForm,
) -> Result<Response, Shown> {
    let chosen = Chosen::read(&form)?;
    let problem = match form.fields.get("confirmation")? {
        None => None,
        Some(confirmed) => {
            let is_purge = form.field("what")? == "purge";
            let confirmed = confirmed.to_owned();
            match delete::reviewed(&app, &form.by.caller, chosen.selection()?, confirmed, is_purge).await {
                Ok(deleted) => {
                    let receipt = deleted.receipt.unwrap_or_default();
                    return Ok(redirect(&chosen.back(&[("deleted", receipt)]))?);
                }
                Err(Error::Conflict(_)) => Some(changed("deleted")),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let found = delete::review(&app, &form.by.caller, chosen.selection()?).await?;
    let days = app.config.trash_days;
    let fate = Fate { trash_days: (days > 0).then_some(days), reach: reach(&app) };
    let button = format!("Delete {}", count(found.total, MEMORIES));
    let title = match found.total {
        0 => "Nothing to delete".to_owned(),
        _ => format!("{button}?"),
    };
    let review = Review { fate: Some(fate), problem, ..chosen.review(&form, found, "/memories/delete", title, button) };
    Ok(review.show(&form.by, &headers, PATH))
}

/// Moves them to a bucket; all that match only where what that is was seen and confirmed.
pub(in crate::web) async fn move_to(
    State(app): State<App>,
    headers: HeaderMap,
    form: SignedForm,
) -> Result<Response, Shown> {
    let chosen = Chosen::read(&form)?;
    let bucket = BucketId::read(&form.field("to_bucket")?);
    let bucket = bucket.ok_or_else(|| Error::invalid("Choose the bucket to move them to."))?;
    let confirmed = form.fields.get("confirmation")?.map(str::to_owned);
    let mut problem = None;
    if !chosen.is_all || confirmed.is_some() {
        let into = BucketRef::Id(bucket);
        match memory::ops::move_selected(&app, &form.by.caller, chosen.selection()?, into, confirmed).await {
            Ok(Moved { moved, .. }) => {
                return Ok(redirect(&Notice::address(&chosen.back(&[]), "moved", u64::try_from(moved).ok()))?);
            }
            Err(Error::Conflict(_)) => problem = Some(changed("moved")),
            Err(error) => return Err(error.into()),
        }
    }
    let found = delete::review(&app, &form.by.caller, chosen.selection()?).await?;
    let buckets = bucket::ops::list(&app, &form.by.caller).await?;
    let target = buckets.into_iter().find(|other| other.id == bucket).map(|target| target.name);
    let target = target.ok_or_else(|| Error::not_found("There is no such bucket any more; choose another one."))?;
    let title = match found.total {
        0 => "Nothing to move".to_owned(),
        total => format!("Move {} to “{target}”?", count(total, MEMORIES)),
    };
    let button = format!("Move {}", count(found.total, MEMORIES));
    let mut review = Review { problem, ..chosen.review(&form, found, "/memories/move", title, button) };
    review.fields.push(("to_bucket", bucket.to_string()));
    Ok(review.show(&form.by, &headers, PATH))
}

/// Why what was confirmed is asked again.
fn changed(done: &str) -> String {
    format!("Something changed since you looked, so nothing was {done}. This is what would be {done} now.")
}

/// Sends them as a file.
pub(in crate::web) async fn send(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let chosen = Chosen::read(&form)?;
    let format = Format::named(&form.field("format")?)?;
    let (kind, extension) = format.file();
    let pieces = export::begin(&app, &form.by.caller, chosen.selection()?, format).await?.pieces().await?;
    Ok(attachment(kind, &format!("memories.{extension}"), Body::from_stream(pieces)))
}

/// What a browser sends of a text that is written in a form: its line breaks are two characters.
pub(super) fn typed(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// The bucket that a form names by its id; none where it names none.
pub(super) fn bucket_named(id: &str) -> Result<Option<BucketId>> {
    if id.is_empty() {
        return Ok(None);
    }
    BucketId::read(id).map(Some).ok_or_else(|| Error::invalid("There is no such bucket."))
}

/// Adds a memory.
pub(in crate::web) async fn add(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let (text, bucket) = (form.field("text")?, form.field("into")?);
    let added = match MemoryText::new(typed(&text), app.config.max_text_chars) {
        Ok(text) => {
            let into = bucket_named(&bucket)?.map(BucketRef::Id);
            let new = NewMemory { text, bucket: into, source: Some("dashboard".to_owned()), created_at: None };
            memory::ops::create(&app, &form.by.caller, new).await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(added) if added.duplicate => Ok(redirect(&Notice::address(&format!("{PATH}/{}", added.id), "known", None))?),
        Ok(_) => Ok(redirect(&Notice::address(PATH, "added", None))?),
        Err(Error::Invalid(problem)) => {
            let draft = Draft { text, bucket, problem: Some(problem.replace("The field 'text'", "The text")) };
            whole(&app, &form.by, StatusCode::BAD_REQUEST, draft).await
        }
        Err(error) => Err(error.into()),
    }
}
