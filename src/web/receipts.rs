//! Receipts: what was deleted, when and by what, and what has become of it since.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::thousands;
use super::moment::Moment;
use super::review::{count, erased, noun};
use super::show::{PAGE, Pager};
use super::sign_in::inside;
use super::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};
use crate::app::App;
use crate::receipt::{self, Receipt};
use crate::{history, memory};

/// The path of the list.
const PATH: &str = "/receipts";

#[derive(Template)]
#[template(path = "receipts.html")]
struct List {
    layout: Layout,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: String,
    what: &'static str,
    deleted: String,
    by: String,
    at: Moment,
    state: Vec<String>,
}

/// What was done, in the words of the pages.
fn what(receipt: &Receipt) -> &'static str {
    match receipt.operation.as_str() {
        "delete" => "Deleted one memory",
        "bulk-delete" => "Deleted selected memories",
        "delete-by-filter" => "Deleted all that matched",
        "delete-bucket" => "Deleted a bucket",
        "purge-trash" => "Purged from the trash",
        "empty-trash" => "Emptied the trash",
        "delete-conversations" => "Deleted conversations",
        "exclude-conversations" => "Excluded conversations",
        _ => "Deleted",
    }
}

/// Where that is now which a receipt is about.
fn state(receipt: &Receipt) -> Vec<String> {
    let part = |number: i64, is: &str| (number > 0).then(|| format!("{} {is}", thousands(number)));
    let purged = if receipt.erased_at.is_some() { "purged and erased" } else { "purged, not erased yet" };
    [
        part(receipt.in_trash(), "in the trash"),
        part(receipt.restored, "restored"),
        part(receipt.purged, purged),
        part(receipt.failed, "not found"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) async fn list(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let number = Pager::asked(&signed_in.query)?;
    let (found, total) = receipt::ops::list(&app, &signed_in.caller, number * PAGE, PAGE).await?;
    let pager = Pager::of_rows("/receipts?", number, found.len(), total, ("receipt", "receipts"));
    let row = |receipt: Receipt| Row {
        what: what(&receipt),
        state: state(&receipt),
        deleted: thousands(receipt.deleted),
        by: receipt.token_name,
        at: receipt.created_at.into(),
        id: receipt.id,
    };
    let rows = found.into_iter().map(row).collect();
    Ok(page(StatusCode::OK, &List { layout: Layout::new(&signed_in, PATH), rows, pager }))
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct One {
    layout: Layout,
    id: String,
    what: &'static str,
    by: String,
    deleted: String,
    /// Numbers, each with what it counts.
    counts: Vec<(&'static str, String)>,
    at: Moment,
    purged_at: Option<Moment>,
    erased_at: Option<Moment>,
    is_purged: bool,
    erased: &'static str,
    can_undo: bool,
    salt: String,
    hashes: String,
    /// An id that was asked about, and whether it is one of those deleted.
    asked: Option<(String, bool)>,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    let (receipt, proof) = receipt::ops::get(&app, &signed_in.caller, &id).await?;
    let asked = signed_in
        .query
        .get("id")?
        .map(str::trim)
        .map(|id| (id.to_owned(), proof.hashes.binary_search(&receipt::id_hash(&proof.salt, id)).is_ok()));
    let one = One {
        layout: Layout::new(&signed_in, PATH),
        what: what(&receipt),
        deleted: count(receipt.deleted, noun(&receipt)),
        counts: vec![
            ("Deleted", thousands(receipt.deleted)),
            ("Now in the trash", thousands(receipt.in_trash())),
            ("Restored since", thousands(receipt.restored)),
            ("Purged", thousands(receipt.purged)),
            ("Asked for, but not there", thousands(receipt.failed)),
        ],
        at: receipt.created_at.into(),
        purged_at: receipt.purged_at.map(Moment::from),
        erased_at: receipt.erased_at.map(Moment::from),
        is_purged: receipt.purged > 0,
        erased: erased(&app, &receipt),
        can_undo: receipt.in_trash() > 0,
        salt: hex::encode(&proof.salt),
        hashes: thousands(proof.hashes.len() as u64),
        asked,
        by: receipt.token_name,
        id: receipt.id,
    };
    Ok(page(StatusCode::OK, &one))
}

/// Puts back what a deletion took, as far as it is in the trash.
pub(super) async fn undo(State(app): State<App>, Path(id): Path<String>, form: SignedForm) -> Result<Response, Shown> {
    let (receipt, _) = receipt::ops::get(&app, &form.by.caller, &id).await?;
    let (undone, code) = if receipt.is_of_conversations() {
        (history::delete::restore_deletion(&app, &form.by.caller, &id).await?, "conversations-restored")
    } else {
        (memory::trash::restore_deletion(&app, &form.by.caller, &id).await?, "restored")
    };
    let back = form.field("back")?;
    let back = if back.is_empty() { format!("{PATH}/{id}") } else { inside(&back).to_owned() };
    Ok(redirect(&Notice::address(&back, code, u64::try_from(undone.restored).ok()))?)
}
