//! Operations on receipts.

use futures_util::FutureExt;

use super::{ID_PREFIX, Proof, Receipt, rows};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::db::Erasure;
use crate::error::{Error, Result};

/// The caller's receipts, newest first, and how many there are.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn list(app: &App, caller: &Caller, skip: i64, limit: i64) -> Result<(Vec<Receipt>, i64)> {
    caller.require(Scope::Read)?;
    let args = (caller.account, skip, limit);
    app.db.read(args, |tx, (account, skip, limit)| rows::list(tx, *account, *skip, *limit).boxed()).await
}

/// One receipt with its proof.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<(Receipt, Proof)> {
    caller.require(Scope::Read)?;
    check_id(id)?;
    let args = (caller.account, id.to_owned());
    let found = app.db.read(args, |tx, (account, id)| rows::get(tx, *account, id).boxed()).await?;
    found.ok_or_else(no_receipt)
}

/// Refuses an id that no receipt can have.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if crate::id::is_of(ID_PREFIX, id) { Ok(()) } else { Err(no_receipt()) }
}

/// The refusal of an id that is no receipt of the caller's.
pub(crate) fn no_receipt() -> Error {
    Error::not_found("There is no receipt with that id; see GET /api/deletions.")
}

/// The receipts, of all accounts, whose purge is committed but not yet erased.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn to_erase(app: &App) -> Result<Vec<String>> {
    app.db.read((), |tx, ()| rows::to_erase(tx).boxed()).await
}

/// Erases what committed purges have left in the storage and notes it in their
/// receipts. Where a reader of another process holds on to it, the receipts
/// stay unfinished and the next call, at the latest the housekeeping's, tries again.
///
/// # Errors
/// [`Error::Unavailable`] where the storage fails; the purge itself stands.
pub async fn finish_erasure(app: &App) -> Result<Erasure> {
    // Only what is committed before the erasing begins is covered by it.
    let ids = to_erase(app).await?;
    let erasure = app.db.erase().await?;
    if erasure != Erasure::Blocked && !ids.is_empty() {
        let args = (ids, app.clock.now());
        app.db.write(args, |tx, (ids, now)| rows::mark_erased(tx, ids, *now).boxed()).await?;
    }
    Ok(erasure)
}
