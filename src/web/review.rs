//! The step before a deletion or a large move, which says exactly what goes, and
//! what is said after a deletion, which is read off its receipt.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::layout::thousands;
use super::{Layout, SignedIn, is_fragment, page};
use crate::app::App;
use crate::error::{Error, Result};
use crate::receipt::{self, Receipt};

/// What is asked before something is deleted or moved.
#[derive(Debug)]
pub(super) struct Review {
    pub title: String,
    pub csrf: String,
    /// Where the form is sent.
    pub action: &'static str,
    /// What it carries.
    pub fields: Vec<(&'static str, String)>,
    /// How much goes; at 0 there is nothing to confirm.
    pub total: usize,
    /// From where, and how much from there.
    pub shares: Vec<(String, String)>,
    /// What else is to be known.
    pub remarks: Vec<String>,
    /// Why this is asked again.
    pub problem: Option<String>,
    /// What becomes of it, if it is to be deleted.
    pub fate: Option<Fate>,
    /// What the button says.
    pub button: String,
    /// Where one goes who does not want it.
    pub cancel: String,
}

/// What becomes of something that is deleted.
#[derive(Debug)]
pub(super) struct Fate {
    /// The days for which the trash would keep it, where that is a choice.
    pub trash_days: Option<i64>,
    /// How far a purge reaches.
    pub reach: &'static str,
}

#[derive(Template)]
#[template(path = "review.html")]
struct Page {
    layout: Layout,
    review: Review,
}

#[derive(Template)]
#[template(path = "review_part.html")]
struct Part {
    review: Review,
}

impl Review {
    /// The review as a page, or as the content of a dialog for a script.
    pub(super) fn show(self, by: &SignedIn, headers: &HeaderMap, current: &'static str) -> Response {
        let status = if self.problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        if is_fragment(headers) {
            page(status, &Part { review: self })
        } else {
            page(status, &Page { layout: Layout::new(by, current), review: self })
        }
    }
}

/// So many of something: 1 memory, 1,234 memories.
pub(super) fn count(number: impl TryInto<u64>, (one, many): (&str, &str)) -> String {
    let number = number.try_into().unwrap_or_default();
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

pub(super) const MEMORIES: (&str, &str) = ("memory", "memories");
pub(super) const CONVERSATIONS: (&str, &str) = ("conversation", "conversations");

/// What a receipt counts.
pub(super) fn noun(receipt: &Receipt) -> (&'static str, &'static str) {
    match receipt.operation.as_str() {
        "purge-trash" | "empty-trash" => ("entry of the trash", "entries of the trash"),
        "remove-user" => ("entry", "entries"),
        _ if receipt.is_of_conversations() => CONVERSATIONS,
        _ => MEMORIES,
    }
}

/// What a deletion did, and what has become of it since.
#[derive(Debug)]
pub(super) struct Outcome {
    pub csrf: String,
    pub receipt: String,
    pub sentences: Vec<String>,
    pub can_undo: bool,
    /// Where undoing it leads.
    pub back: String,
}

impl Outcome {
    /// Of the deletion whose receipt the address names, if it is one of this person's.
    pub(super) async fn in_query(app: &App, of: &SignedIn, back: String) -> Result<Option<Self>> {
        let Some(id) = of.query.get("deleted")? else { return Ok(None) };
        match receipt::ops::get(app, &of.caller, id).await {
            Ok((receipt, _)) => Ok(Some(Self::new(app, of.session.csrf(), &receipt, back))),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn new(app: &App, csrf: &str, receipt: &Receipt, back: String) -> Self {
        let noun = noun(receipt);
        let (deleted, in_trash) = (receipt.deleted, receipt.in_trash());
        let is_one = deleted == 1;
        let mut sentences = Vec::new();
        if deleted == 0 {
            sentences.push("Nothing was deleted.".to_owned());
        } else if in_trash == deleted {
            let days = count(app.config.trash_days, ("day", "days"));
            let they = if is_one { "It" } else { "They" };
            let was = if is_one { "is" } else { "are" };
            sentences.push(format!("{} {was} in the trash. {they} can be restored for {days}.", count(deleted, noun)));
        } else {
            if receipt.purged > 0 {
                let are = if receipt.purged == 1 { "is" } else { "are" };
                sentences.push(format!("{} {are} gone for good.", count(receipt.purged, noun)));
                sentences.push(erased(app, receipt).to_owned());
            }
            if receipt.restored > 0 {
                let are = if receipt.restored == 1 { "is" } else { "are" };
                sentences.push(format!("{} {are} restored.", count(receipt.restored, noun)));
            }
            if in_trash > 0 {
                let are = if in_trash == 1 { "is" } else { "are" };
                sentences.push(format!("{} {are} in the trash.", count(in_trash, noun)));
            }
        }
        if receipt.failed > 0 {
            let were = if receipt.failed == 1 { "was" } else { "were" };
            let why = if receipt.is_of_conversations() { "gone before, or pinned and kept" } else { "gone before" };
            sentences.push(format!("{} of those selected {were} {why}.", thousands(receipt.failed)));
        }
        Self { csrf: csrf.to_owned(), receipt: receipt.id.clone(), sentences, can_undo: in_trash > 0, back }
    }
}

/// How far a purge reaches in this storage.
pub(super) fn reach(app: &App) -> &'static str {
    if receipt::overwrites_bytes(app) {
        "gone for good, from the disk as well"
    } else {
        "gone for good, from the database as well"
    }
}

/// What is left of what a receipt purged.
pub(super) fn erased(app: &App, receipt: &Receipt) -> &'static str {
    match (receipt.erased_at, receipt::overwrites_bytes(app)) {
        (None, _) => "The server still erases what is left on the disk; the receipt will say when that is done.",
        (Some(_), true) => "The bytes are overwritten in this server's files.",
        (Some(_), false) => "The rows are removed from the database, and their space is free for others.",
    }
}

#[cfg(test)]
mod tests {
    use super::{MEMORIES, count};

    #[test]
    fn numbers_are_said_with_what_they_count() {
        assert_eq!(count(1, MEMORIES), "1 memory");
        assert_eq!(count(0, MEMORIES), "0 memories");
        assert_eq!(count(12_345_usize, MEMORIES), "12,345 memories");
    }
}
