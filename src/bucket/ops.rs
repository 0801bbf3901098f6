//! Operations on buckets.

use futures_util::FutureExt;

use super::{Bucket, BucketName, BucketRef, GENERAL, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, BucketId};
use crate::memory::{self, delete::Deleted};
use crate::receipt::{self, Operation};
use crate::search::Filter;

/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 2_000;

/// Makes the bucket that every account has.
pub(crate) async fn create_general(tx: &mut Tx, account: AccountId, now: Micros) -> Result<()> {
    let name = BucketName::new(GENERAL)?;
    rows::insert(tx, account, BucketId::random()?, &name, None, now).await.map(drop)
}

/// All of the caller's buckets: General first, then by name.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Bucket>> {
    caller.require(Scope::Read)?;
    app.db.read(caller.account, |tx, account| rows::list(tx, *account).boxed()).await
}

/// Makes a bucket.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Conflict`] where the
/// name is taken, [`Error::Invalid`] for a description that is too long.
pub async fn create(app: &App, caller: &Caller, name: BucketName, description: Option<String>) -> Result<BucketId> {
    caller.require(Scope::Write)?;
    check_description(description.as_deref())?;
    let args = (caller.account, BucketId::random()?, name, description, app.clock.now());
    app.db
        .write(args, |tx, (account, id, name, description, now)| {
            async move {
                auth::advance(tx, *account, 1).await?;
                let made = rows::insert(tx, *account, *id, name, description.as_deref(), *now).await?;
                made.ok_or_else(|| taken(name.as_str()))
            }
            .boxed()
        })
        .await
}

/// Renames or describes a bucket; what is `None` stays.
///
/// # Errors
/// As [`create`]; [`Error::NotFound`]; [`Error::Conflict`] for a new name for General.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: BucketId,
    name: Option<BucketName>,
    description: Option<Option<String>>,
) -> Result<Bucket> {
    caller.require(Scope::Write)?;
    check_description(description.as_ref().and_then(|d| d.as_deref()))?;
    let args = (caller.account, id, name, description);
    app.db
        .write(args, |tx, (account, id, name, description)| {
            async move {
                auth::advance(tx, *account, 1).await?;
                let mut bucket = existing(tx, *account, *id).await?;
                if let Some(name) = name {
                    if bucket.is_general && name.as_str() != GENERAL {
                        return Err(Error::Conflict("The General bucket can't be renamed.".to_owned()));
                    }
                    let wanted = BucketRef::Name(name.as_str().to_owned());
                    if rows::find(tx, *account, Some(&wanted)).await?.is_some_and(|other| other.id != *id) {
                        return Err(taken(name.as_str()));
                    }
                    name.as_str().clone_into(&mut bucket.name);
                }
                if let Some(description) = description {
                    bucket.description.clone_from(description);
                }
                rows::update(tx, *account, *id, &bucket.name, bucket.description.as_deref()).await?;
                Ok(bucket)
            }
            .boxed()
        })
        .await
}

/// What becomes of the memories in a bucket that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// There must be none.
    None,
    /// They are moved to another bucket.
    MoveTo(Option<BucketId>),
    /// They are deleted with it.
    Delete {
        /// Beyond recovery, instead of to the trash.
        purge: bool,
    },
}

/// Deletes a bucket. What happened to its memories, if any were deleted.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for it or
/// the bucket to move to, [`Error::Conflict`] for General, and for a bucket that
/// is not empty where `contents` does not say what to do.
pub async fn delete(app: &App, caller: &Caller, id: BucketId, contents: Contents) -> Result<Option<Deleted>> {
    caller.require(Scope::Write)?;
    let purge = matches!(contents, Contents::Delete { purge: true }) || app.config.trash_days == 0;
    let draft = receipt::Draft::new(app, caller, Operation::DeleteBucket, purge)?;
    let deleted = app
        .db
        .write((draft, id, contents), |tx, (draft, id, contents)| delete_in(tx, draft, *id, *contents, None).boxed())
        .await?;
    match deleted.deleted {
        Some(deleted) => memory::delete::finish(app, deleted).await.map(Some),
        None => Ok(None),
    }
}

/// Deletes a bucket with the memories that a person was shown to be in it; `confirmed`
/// is what [`memory::delete::review`] of the bucket gave.
///
/// # Errors
/// As [`delete`]; [`Error::Conflict`] where other memories are in it by now or one
/// was changed, and nothing is deleted.
pub async fn delete_reviewed(
    app: &App,
    caller: &Caller,
    id: BucketId,
    confirmed: String,
    purge: bool,
) -> Result<Option<Deleted>> {
    caller.require(Scope::Write)?;
    let purge = purge || app.config.trash_days == 0;
    let draft = receipt::Draft::new(app, caller, Operation::DeleteBucket, purge)?;
    let emptied = app.db.write((draft, id, confirmed, purge), |tx, (draft, id, confirmed, purge)| {
        delete_in(tx, draft, *id, Contents::Delete { purge: *purge }, Some(confirmed)).boxed()
    });
    match emptied.await?.deleted {
        Some(deleted) => memory::delete::finish(app, deleted).await.map(Some),
        None => Ok(None),
    }
}

/// Merges a bucket into another: its memories are moved there, and it is removed,
/// in one transaction. How many memories were moved.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for either
/// bucket, [`Error::Conflict`] for General as the one to go, and for a bucket into itself.
pub async fn merge(app: &App, caller: &Caller, from: BucketId, into: BucketId) -> Result<usize> {
    caller.require(Scope::Write)?;
    if from == into {
        return Err(Error::Conflict("A bucket can't be merged into itself; choose another one.".to_owned()));
    }
    let draft = receipt::Draft::new(app, caller, Operation::DeleteBucket, false)?;
    let merged = app.db.write((draft, from, into), |tx, (draft, from, into)| {
        delete_in(tx, draft, *from, Contents::MoveTo(Some(*into)), None).boxed()
    });
    Ok(merged.await?.moved)
}

/// What became of the memories in a bucket that is gone.
#[derive(Debug, Default)]
struct Emptied {
    moved: usize,
    deleted: Option<Deleted>,
}

/// With `confirmed`, only if that stands for the memories that are in it.
async fn delete_in(
    tx: &mut Tx,
    draft: &receipt::Draft,
    id: BucketId,
    contents: Contents,
    confirmed: Option<&str>,
) -> Result<Emptied> {
    let account = draft.account;
    auth::advance(tx, account, 1).await?;
    let bucket = existing(tx, account, id).await?;
    if bucket.is_general {
        return Err(Error::Conflict("The General bucket can't be deleted.".to_owned()));
    }
    let inside = Filter { bucket: Some(id), ..Filter::default() };
    let found = memory::rows::located_where(tx, account, &inside, None).await?;
    if confirmed.is_some_and(|confirmed| confirmed != memory::delete::confirmation_of(account, &found)) {
        return Err(memory::delete::changed_since());
    }
    let ids = memory::delete::ids_of(found);
    let mut emptied = Emptied::default();
    match contents {
        Contents::None | Contents::Delete { .. } if ids.is_empty() => {}
        Contents::None => {
            return Err(Error::Conflict(format!(
                "The bucket holds {} memories; say memories=move or memories=delete.",
                ids.len()
            )));
        }
        Contents::MoveTo(target) => {
            let target = rows::find(tx, account, target.map(BucketRef::Id).as_ref()).await?;
            let target = target.filter(|target| target.id != id);
            let target = target.ok_or_else(|| Error::not_found("There is no such bucket to move the memories to."))?;
            emptied.moved = memory::ops::move_in(tx, account, &ids, target.id, draft.now).await?;
        }
        Contents::Delete { .. } => {
            emptied.deleted = Some(memory::delete::remove(tx, draft, &ids, ids.len()).await?);
        }
    }
    rows::delete(tx, account, id).await?;
    Ok(emptied)
}

/// The bucket with this id.
pub(crate) async fn existing(tx: &mut Tx, account: AccountId, id: BucketId) -> Result<Bucket> {
    let found = rows::find(tx, account, Some(&BucketRef::Id(id))).await?;
    found.ok_or_else(|| Error::not_found("There is no bucket with that id; see GET /api/buckets."))
}

/// How many buckets, of all accounts, count their memories wrong.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn miscounted(app: &App) -> Result<i64> {
    app.db.read((), |tx, ()| rows::miscounted(tx).boxed()).await
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a bucket '{name}' already; choose another name."))
}

fn check_description(description: Option<&str>) -> Result<()> {
    let Some(description) = description else { return Ok(()) };
    if description.chars().count() > DESCRIPTION_MAX || description.contains('\0') {
        return Err(Error::invalid(format!(
            "A description has at most {DESCRIPTION_MAX} characters, none of them NUL."
        )));
    }
    Ok(())
}

/// Makes the bucket of this name if there is none. The account must be locked
/// by [`auth::advance`], the name must keep the rules.
pub(crate) async fn ensure(tx: &mut Tx, account: AccountId, name: &str, now: Micros) -> Result<()> {
    let name = BucketName::new(name)?;
    let wanted = BucketRef::Name(name.as_str().to_owned());
    if rows::find(tx, account, Some(&wanted)).await?.is_none() {
        rows::insert(tx, account, BucketId::random()?, &name, None, now).await?;
    }
    Ok(())
}
