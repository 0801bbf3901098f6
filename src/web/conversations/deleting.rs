//! Deleting conversations: what it would be about, doing it, and what became of it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Filters, PATH, Row};
use crate::app::App;
use crate::auth::Caller;
use crate::auth::oauth::Params;
use crate::error::{Error, Result};
use crate::history::delete::{self, How, Review, Selection, To};
use crate::receipt::{self, Receipt};
use crate::web::moment::Moment;
use crate::web::show::{Count, address, number};
use crate::web::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};

/// How many of the conversations are named.
const NAMED: i64 = 100;
/// How many of those that meet conditions are.
const NAMED_OF_ALL: i64 = 10;

/// What is to be deleted, as an address and a form have it.
struct Asked {
    ids: Vec<String>,
    filters: Filters,
    is_all: bool,
}

impl Asked {
    fn of(params: &Params) -> Result<Self> {
        let asked = Self {
            ids: params.all("id").map(str::to_owned).collect(),
            filters: Filters::of(params)?,
            is_all: params.get("all")?.is_some(),
        };
        if asked.ids.is_empty() && !asked.is_all {
            return Err(Error::invalid("No conversation is selected. Go back to the list and select some."));
        }
        Ok(asked)
    }

    fn selection(&self) -> Selection {
        if self.is_all { Selection::Where(self.filters.which()) } else { Selection::Ids(self.ids.clone()) }
    }

    async fn review(&self, app: &App, caller: &Caller) -> Result<Review> {
        let named = if self.is_all { NAMED_OF_ALL } else { NAMED };
        delete::review(app, caller, self.selection(), named).await
    }
}

#[derive(Template)]
#[template(path = "conversations/delete.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    total: Count,
    /// How many are deleted where pinned ones are kept.
    unpinned: Count,
    pinned: Count,
    missing: Count,
    rows: Vec<Row>,
    /// How many are not named.
    others: Count,
    confirmation: String,
    confirmation_with_pinned: String,
    /// 0: there is no trash.
    trash_days: i64,
    /// What is chosen at first.
    how: &'static str,
    overwrites: bool,
    back: String,
    problem: Option<&'static str>,
}

impl Page {
    fn new(app: &App, by: &SignedIn, asked: Asked, review: Review, problem: Option<&'static str>) -> Result<Self> {
        let trash_days = app.config.trash_days;
        let how = match by.query.get("how")? {
            Some("exclude") => "exclude",
            _ if trash_days == 0 => "purge",
            _ => "trash",
        };
        let back = match asked.ids.as_slice() {
            [id] if !asked.is_all => format!("{PATH}/{id}"),
            _ => address(PATH, asked.filters.pairs()),
        };
        let others = review.total.saturating_sub(review.some.len());
        Ok(Self {
            layout: Layout::new(by, PATH),
            total: Count::new(review.total),
            unpinned: Count::new(review.total - review.pinned),
            pinned: Count::new(review.pinned),
            missing: Count::new(review.missing),
            rows: review.some.into_iter().map(Row::from).collect(),
            others: Count::new(others),
            confirmation: review.confirmation,
            confirmation_with_pinned: review.confirmation_with_pinned,
            trash_days,
            how,
            overwrites: receipt::overwrites_bytes(app),
            back,
            problem,
            asked,
        })
    }
}

/// Says what a deletion would be about, and asks.
pub(in crate::web) async fn review(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let asked = Asked::of(&signed_in.query)?;
    let review = asked.review(&app, &signed_in.caller).await?;
    Ok(page(StatusCode::OK, &Page::new(&app, &signed_in, asked, review, None)?))
}

/// Deletes what was looked at.
pub(in crate::web) async fn confirm(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let caller = &form.by.caller;
    let asked = Asked::of(&form.fields)?;
    let to = match form.field("how")?.as_str() {
        "trash" => To::Trash,
        "purge" => To::Nothing,
        "exclude" => To::Exclusion,
        _ => return Err(Error::invalid("Say what becomes of them: trash, purge or exclude.").into()),
    };
    let how = How { to, pinned_too: !form.field("pinned_too")?.is_empty() };
    let confirmed = form.field(if how.pinned_too { "confirmation_with_pinned" } else { "confirmation" })?;
    let outcome = delete::reviewed(&app, caller, asked.selection(), how, confirmed).await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(Error::Conflict(_)) => {
            let review = asked.review(&app, caller).await?;
            let problem = "Meanwhile other conversations match, so nothing was deleted. This is what would be now.";
            return Ok(page(StatusCode::CONFLICT, &Page::new(&app, &form.by, asked, review, Some(problem))?));
        }
        Err(error) => return Err(error.into()),
    };
    let receipt = outcome.deleted.receipt.unwrap_or_default();
    let kept = if outcome.pinned.is_empty() { String::new() } else { outcome.pinned.len().to_string() };
    let parameters = [("receipt", receipt.as_str()), ("kept", kept.as_str())];
    Ok(redirect(&address(&format!("{PATH}/deleted"), parameters))?)
}

#[derive(Template)]
#[template(path = "conversations/deleted.html")]
struct Done {
    layout: Layout,
    receipt: Receipt,
    deleted: Count,
    in_trash: Count,
    restored: Count,
    purged: Count,
    erased: Option<Moment>,
    is_excluded: bool,
    /// How many were kept because they are pinned.
    kept: Count,
    overwrites: bool,
    trash_days: i64,
}

/// What became of a deletion, by its receipt.
pub(in crate::web) async fn deleted(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let id = signed_in.query.get("receipt")?.unwrap_or_default();
    let (receipt, _) = receipt::ops::get(&app, &signed_in.caller, id).await?;
    if !receipt.is_of_conversations() {
        return Err(Error::not_found("There is no deletion of conversations with that receipt.").into());
    }
    let done = Done {
        layout: Layout::new(&signed_in, PATH),
        deleted: Count::new(receipt.deleted),
        in_trash: Count::new(receipt.in_trash()),
        restored: Count::new(receipt.restored),
        purged: Count::new(receipt.purged),
        erased: receipt.erased_at.map(Moment::from),
        is_excluded: receipt.excludes(),
        // Never more than the receipt says was not deleted: an address is anyone's.
        kept: Count::new(number(&signed_in.query, "kept")?.filter(|kept| *kept <= receipt.failed).unwrap_or_default()),
        overwrites: receipt::overwrites_bytes(&app),
        trash_days: app.config.trash_days,
        receipt,
    };
    Ok(page(StatusCode::OK, &done))
}

/// Undoes a deletion.
pub(in crate::web) async fn restore(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let receipt = form.field("receipt")?;
    let undone = delete::restore_deletion(&app, &form.by.caller, &receipt).await?;
    let back = address(&format!("{PATH}/deleted"), [("receipt", receipt.as_str())]);
    Ok(redirect(&Notice::address(&back, "conversations-restored", u64::try_from(undone.restored).ok()))?)
}
