//! Receiving files: an upload is streamed to a file beside the data and read from
//! there, by this process or, where it is stopped, by the next.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};

use super::{Job, Kind, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::error::{Error, Result};
use crate::id::AccountId;

/// Most uploads of an account that are not over.
const MOST_UNFINISHED: i64 = 4;
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
    let waiting = app.db.read(caller.account, |tx, account| rows::count_unfinished(tx, *account).boxed());
    if waiting.await? >= MOST_UNFINISHED {
        return Err(Error::TooMany(format!(
            "{MOST_UNFINISHED} uploads are being read already. Wait until one is over, or cancel one."
        )));
    }
    let folder = app.config.uploads()?;
    let job = Job::new(Kind::Upload, name, 0, app.clock.now())?;
    let whole = place(&folder, caller.account, &job.id);
    let mut part = whole.clone().into_os_string();
    part.push(PART);
    let part = PathBuf::from(part);
    let arrived = arrive(app, &part, body).await;
    let stored = match arrived {
        Ok((bytes, file)) => store(app, caller.account, Job { bytes_total: bytes, ..job }, &part, &whole, file).await,
        Err(error) => Err(error),
    };
    match stored {
        Ok(job) => {
            app.uploads.notify_one();
            Ok(job)
        }
        Err(error) => {
            remove(&part)?;
            Err(error)
        }
    }
}

/// Enters a file that is here whole. Only then has it the name that makes it read.
async fn store(app: &App, account: AccountId, job: Job, part: &Path, whole: &Path, file: File) -> Result<Job> {
    let inserted = app.db.write((account, job.clone()), |tx, (account, job)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            rows::insert(tx, *account, job).await
        }
        .boxed()
    });
    inserted.await?;
    crate::failpoint::reach("upload:entered");
    std::fs::rename(part, whole).map_err(Error::unavailable)?;
    drop(file);
    Ok(job)
}

/// Writes what arrives to a file, which stays locked.
async fn arrive<S, E>(app: &App, part: &Path, mut body: S) -> Result<(i64, File)>
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
    loop {
        let next = tokio::time::timeout(wait, body.next()).await;
        let next = next
            .map_err(|_| Error::Timeout(format!("Nothing more of the file arrived for {} seconds.", wait.as_secs())))?;
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
