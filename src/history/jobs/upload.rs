//! Receiving files: an upload is streamed to a file beside the data and read from
//! there, by this process or, where it is stopped, by the next.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::Instant;

use super::{Job, Kind, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::error::{Error, Result};
use crate::id::AccountId;

/// Most uploads of an account that are not over.
const MOST_UNFINISHED: i64 = 4;
/// How long a file may take to arrive.
const LONGEST: Duration = Duration::from_hours(1);
/// What the name of a file ends in that is not here whole.
pub(super) const PART: &str = ".part";
/// How much is handed to the disk at once, in bytes.
const PIECE: usize = 1 << 20;

/// Where an upload is kept until it is read.
pub(super) fn place(folder: &Path, account: AccountId, id: &str) -> PathBuf {
    folder.join(format!("{}-{id}", account.0))
}

/// Stores a file that arrives in pieces, to be read in its turn.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::TooMany`] where others
/// wait already, [`Error::TooLarge`], [`Error::Timeout`] where nothing arrives for
/// as long as the settings say, [`Error::Invalid`] for one that breaks off or is
/// empty. Nothing is kept then.
pub async fn receive<S, E>(app: &App, caller: &Caller, name: &str, body: S) -> Result<Job>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
{
    caller.require(Scope::Write)?;
    let job = Job::new(Kind::Upload, name, 0, app.clock.now())?;
    let folder = app.config.uploads()?;
    // The row comes first, so that of many uploads at once no more begin than may.
    let begun = app.db.write((caller.account, job.clone()), |tx, (account, job)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            if rows::count_unfinished(tx, *account).await? >= MOST_UNFINISHED {
                return Err(Error::TooMany(format!(
                    "{MOST_UNFINISHED} uploads are being read already. Wait until one is over, or cancel one."
                )));
            }
            rows::insert(tx, *account, job).await
        }
        .boxed()
    });
    begun.await?;
    let whole = place(&folder, caller.account, &job.id);
    let mut part = whole.clone().into_os_string();
    part.push(PART);
    let part = PathBuf::from(part);
    let stored = match arrive(app, caller.account, &job.id, &part, body).await {
        Ok((bytes, file)) => enter(app, caller.account, &job, bytes, &part, &whole, file).await,
        Err(error) => Err(error),
    };
    if let Err(error) = stored {
        remove(&part)?;
        let args = (caller.account, job.id.clone());
        app.db.write(args, |tx, (account, id)| rows::delete(tx, *account, id).boxed()).await?;
        return Err(error);
    }
    app.uploads.notify_one();
    super::get_any(app, caller.account, &job.id).await
}

/// Enters a file that is here whole. Only then has it the name that makes it read.
async fn enter(
    app: &App,
    account: AccountId,
    job: &Job,
    bytes: i64,
    part: &Path,
    whole: &Path,
    file: File,
) -> Result<()> {
    let args = (account, job.id.clone(), bytes, app.clock.now());
    let arrived =
        app.db.write(args, |tx, (account, id, bytes, now)| rows::arrived(tx, *account, id, *bytes, *now).boxed());
    if !arrived.await? {
        return Err(Error::Conflict("The import was stopped while the file arrived.".to_owned()));
    }
    crate::failpoint::reach("upload:entered");
    std::fs::rename(part, whole).map_err(Error::unavailable)?;
    drop(file);
    Ok(())
}

/// Removes the file of an upload that is over, unless it is being read: then its
/// reader does.
pub(super) fn discard(app: &App, account: AccountId, id: &str) -> Result<()> {
    let path = place(&app.config.uploads_folder(), account, id);
    match File::open(&path) {
        Ok(file) if file.try_lock().is_ok() => remove(&path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::unavailable(error)),
    }
}

/// Writes what arrives to a file, which stays locked, as long as the import is not stopped.
async fn arrive<S, E>(app: &App, account: AccountId, id: &str, part: &Path, mut body: S) -> Result<(i64, File)>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
{
    let wait = Duration::from_secs(app.config.request_timeout_seconds);
    let limit = app.config.max_upload_bytes;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(part).map_err(Error::unavailable)?;
    file.try_lock().map_err(|error| Error::unavailable(io::Error::from(error)))?;
    let (mut bytes, mut piece) = (0_u64, Vec::with_capacity(PIECE));
    let end = Instant::now() + LONGEST;
    loop {
        let next = tokio::time::timeout_at(end.min(Instant::now() + wait), body.next()).await;
        let next = next.map_err(|_| {
            Error::Timeout(format!(
                "Nothing more of the file arrived for {} seconds, or all of it took longer than an hour.",
                wait.as_secs()
            ))
        })?;
        let is_over = next.is_none();
        if let Some(arrived) = next {
            let arrived = arrived.map_err(|_| Error::invalid("The file broke off; send it again."))?;
            bytes += arrived.len() as u64;
            if bytes > limit {
                return Err(Error::TooLarge(format!(
                    "The file is larger than {limit} bytes. Import it on the server, with 'commonplace import FILE', \
                     or raise max_upload_bytes."
                )));
            }
            piece.extend_from_slice(&arrived);
        }
        if piece.len() >= PIECE || is_over {
            let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
            let written = tokio::task::spawn_blocking(move || {
                file.write_all(&full)?;
                if is_over {
                    file.sync_all()?;
                }
                Ok(file)
            });
            file = written.await.map_err(Error::internal)?.map_err(|error: io::Error| Error::unavailable(error))?;
            let args = (account, id.to_owned());
            app.db.read(args, |tx, (account, id)| super::require_going(tx, *account, id).boxed()).await?;
        }
        if is_over {
            break;
        }
    }
    if bytes == 0 {
        return Err(Error::invalid("The file is empty. Send the export itself as the body of the request."));
    }
    Ok((i64::try_from(bytes).unwrap_or(i64::MAX), file))
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::unavailable(error)),
        _ => Ok(()),
    }
}
