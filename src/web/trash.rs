//! The trash: what was deleted and can still be restored, until it is purged.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::layout::thousands;
use super::moment::Moment;
use super::review::{CONVERSATIONS, Fate, MEMORIES, Outcome, Review, count, reach};
use super::show::{PAGE, Pager};
use super::snippet::{Piece, snippet};
use super::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};
use crate::app::App;
use crate::auth::oauth::Params;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::{history, memory};

/// The path of the page.
const PATH: &str = "/trash";

/// What of the trash a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memories,
    Conversations,
}

impl Kind {
    fn read(params: &Params) -> Result<Self> {
        match params.get("of")? {
            None | Some("memories") => Ok(Self::Memories),
            Some("conversations") => Ok(Self::Conversations),
            Some(_) => Err(Error::invalid("The trash has memories and conversations.")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Memories => "memories",
            Self::Conversations => "conversations",
        }
    }

    fn noun(self) -> (&'static str, &'static str) {
        match self {
            Self::Memories => MEMORIES,
            Self::Conversations => CONVERSATIONS,
        }
    }

    fn address(self) -> String {
        format!("{PATH}?of={}", self.name())
    }
}

#[derive(Template)]
#[template(path = "trash.html")]
struct Trash {
    layout: Layout,
    outcome: Option<Outcome>,
    of: &'static str,
    is_memories: bool,
    memories: String,
    conversations: String,
    rows: Vec<Row>,
    /// How many there are of this kind.
    total: i64,
    total_shown: String,
    pager: Pager,
    /// Days that it keeps them.
    days: i64,
}

struct Row {
    id: String,
    pieces: Vec<Piece>,
    /// The bucket or the platform.
    place: String,
    deleted: Moment,
    purge: Moment,
    /// How long until then.
    left: String,
    receipt: String,
}

fn left(now: Micros, then: Micros) -> String {
    let Ok(micros @ 1..) = u64::try_from(then.0 - now.0) else { return "any moment".to_owned() };
    match micros.div_ceil(Micros::DAY.unsigned_abs()) {
        1 => "within a day".to_owned(),
        days => format!("in {}", count(days, ("day", "days"))),
    }
}

pub(super) async fn show(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let (kind, number) = (Kind::read(&signed_in.query)?, Pager::asked(&signed_in.query)?);
    let (caller, now) = (&signed_in.caller, app.clock.now());
    let of = |wanted: Kind| if wanted == kind { (number * PAGE, PAGE) } else { (0, 1) };
    let (skip, limit) = of(Kind::Memories);
    let (memories, memories_total) = memory::trash::list(&app, caller, skip, limit).await?;
    let (skip, limit) = of(Kind::Conversations);
    let (conversations, conversations_total) = history::delete::trash(&app, caller, skip, limit).await?;
    let memory = |one: memory::trash::Trashed| Row {
        pieces: snippet(&one.text, &[]),
        id: one.id,
        place: one.bucket_name,
        deleted: one.deleted_at.into(),
        purge: one.purge_at.into(),
        left: left(now, one.purge_at),
        receipt: one.deletion_id,
    };
    let conversation = |one: history::delete::InTrash| Row {
        pieces: snippet(&one.title, &[]),
        id: one.id,
        place: one.platform,
        deleted: one.deleted_at.into(),
        purge: one.purge_at.into(),
        left: left(now, one.purge_at),
        receipt: one.deletion_id,
    };
    let (rows, total): (Vec<Row>, i64) = match kind {
        Kind::Memories => (memories.into_iter().map(memory).collect(), memories_total),
        Kind::Conversations => (conversations.into_iter().map(conversation).collect(), conversations_total),
    };
    let trash = Trash {
        layout: Layout::new(&signed_in, PATH),
        outcome: Outcome::in_query(&app, &signed_in, kind.address()).await?,
        of: kind.name(),
        is_memories: kind == Kind::Memories,
        memories: thousands(memories_total),
        conversations: thousands(conversations_total),
        pager: Pager::of_rows(&format!("{}&", kind.address()), number, rows.len(), total, kind.noun()),
        rows,
        total,
        total_shown: count(total, kind.noun()),
        days: app.config.trash_days,
    };
    Ok(page(StatusCode::OK, &trash))
}

/// The ids that a form chose.
fn ids(form: &SignedForm) -> Result<Vec<String>> {
    let ids: Vec<String> = form.fields.all("id").map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(Error::invalid("Nothing is selected. Tick at least one row, then try again."));
    }
    Ok(ids)
}

/// Puts back what was chosen.
pub(super) async fn restore(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let kind = Kind::read(&form.fields)?;
    let (caller, ids) = (&form.by.caller, ids(&form)?);
    let ((restored, _), code) = match kind {
        Kind::Memories => (memory::trash::restore(&app, caller, ids).await?, "restored"),
        Kind::Conversations => (history::delete::restore(&app, caller, ids).await?, "conversations-restored"),
    };
    Ok(redirect(&Notice::address(&kind.address(), code, u64::try_from(restored).ok()))?)
}

/// Asks whether to purge what was chosen, or purges it where that is confirmed.
pub(super) async fn purge(State(app): State<App>, headers: HeaderMap, form: SignedForm) -> Result<Response, Shown> {
    let ids = ids(&form)?;
    purge_part(&app, &headers, &form, "/trash/purge", Some(ids)).await
}

/// Asks whether to purge all memories or all conversations of the trash, or purges
/// them where that is confirmed.
pub(super) async fn empty(State(app): State<App>, headers: HeaderMap, form: SignedForm) -> Result<Response, Shown> {
    purge_part(&app, &headers, &form, "/trash/empty", None).await
}

async fn purge_part(
    app: &App,
    headers: &HeaderMap,
    form: &SignedForm,
    action: &'static str,
    ids: Option<Vec<String>>,
) -> Result<Response, Shown> {
    let kind = Kind::read(&form.fields)?;
    let caller = &form.by.caller;
    let part = || ids.clone().map_or(memory::trash::Part::All, memory::trash::Part::Ids);
    let mut problem = None;
    if let Some(confirmed) = form.fields.get("confirmation")? {
        let confirmed = Some(confirmed.to_owned());
        let purged = match kind {
            Kind::Memories => memory::trash::purge(app, caller, part(), confirmed).await,
            Kind::Conversations => history::delete::purge(app, caller, ids.clone(), confirmed).await,
        };
        match purged {
            Ok(purged) => return done(kind, purged),
            Err(Error::Conflict(_)) => {
                problem = Some(
                    "The trash has changed since you looked, so nothing was purged. This is what is in it now."
                        .to_owned(),
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
    let found = match kind {
        Kind::Memories => memory::trash::review(app, caller, part()).await?,
        Kind::Conversations => history::delete::review_purge(app, caller, ids.clone()).await?,
    };
    let mut fields = vec![("of", kind.name().to_owned()), ("confirmation", found.confirmation)];
    fields.extend(ids.into_iter().flatten().map(|id| ("id", id)));
    Ok(review(app, form, kind, action, found.total, fields, problem).show(&form.by, headers, PATH))
}

fn done(kind: Kind, purged: memory::delete::Deleted) -> Result<Response, Shown> {
    Ok(redirect(&format!("{}&deleted={}", kind.address(), purged.receipt.unwrap_or_default()))?)
}

fn review(
    app: &App,
    form: &SignedForm,
    kind: Kind,
    action: &'static str,
    total: usize,
    fields: Vec<(&'static str, String)>,
    problem: Option<String>,
) -> Review {
    let what = count(total as u64, kind.noun());
    Review {
        title: if total == 0 { "Nothing to purge".to_owned() } else { format!("Purge {what} for good?") },
        csrf: form.by.session.csrf().to_owned(),
        action,
        fields,
        total,
        shares: Vec::new(),
        remarks: Vec::new(),
        problem,
        fate: Some(Fate { trash_days: None, reach: reach(app) }),
        button: format!("Purge {what}"),
        cancel: kind.address(),
    }
}
