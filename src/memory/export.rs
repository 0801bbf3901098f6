//! Taking memories out of the server, as JSON, CSV or text, piece by piece: an
//! export is never whole in memory, and no transaction stays open for it. What
//! changes meanwhile is in it or not; what is deleted before it is read, is not.

use std::collections::{HashSet, VecDeque};

use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::Serialize;

use super::Memory;
use super::delete::ids_of;
use super::rows::{self, Side, Time};
use super::select::{Checked, Chosen, Selection};
use super::transfer::{Format, write_text};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::bucket::{self, Bucket};
use crate::error::{Error, Result};
use crate::id::{AccountId, BucketId};
use crate::search;

/// How many memories are read at a time.
const PIECE: usize = 1_000;

/// A bucket in a file.
#[derive(Debug, Serialize)]
struct ExportedBucket {
    id: String,
    name: String,
    description: Option<String>,
}

/// A memory in a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    id: String,
    text: String,
    bucket: String,
    bucket_id: i64,
    source: Option<String>,
    version: i64,
    created_at: String,
    updated_at: String,
}

impl From<Memory> for Exported {
    fn from(memory: Memory) -> Self {
        Self {
            id: memory.id,
            text: memory.text,
            bucket: memory.bucket_name,
            bucket_id: memory.bucket_id.0,
            source: memory.source,
            version: memory.version,
            created_at: memory.created_at.rfc3339(),
            updated_at: memory.updated_at.rfc3339(),
        }
    }
}

/// What is still to be read.
#[derive(Debug)]
enum Left {
    /// What a filter accepts after a place.
    Where(search::Filter, (i64, i64)),
    /// These documents, oldest first.
    Docs(VecDeque<i64>),
}

/// An export under way.
#[derive(Debug)]
pub struct Export {
    app: App,
    account: AccountId,
    format: Format,
    left: Left,
    /// What the next piece begins with.
    head: String,
    is_first: bool,
    is_over: bool,
}

/// Begins an export of a selection, oldest memories first.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::Invalid`] for more ids
/// than the limit and for a query without a word.
pub async fn begin(app: &App, caller: &Caller, selection: Selection, format: Format) -> Result<Export> {
    caller.require(Scope::Read)?;
    let args = (caller.account, selection.check(app)?);
    let begun = app.db.read(args, |tx, (account, chosen)| {
        async move {
            let account = *account;
            let mut buckets = bucket::rows::list(tx, account).await?;
            // Without a list of what it is, all of it is found as it is read.
            if let Chosen::Where(Checked { filter, terms: None }) = chosen {
                buckets.retain(|one| filter.bucket.is_none_or(|bucket| bucket == one.id));
                return Ok((Left::Where(filter.clone(), (i64::MIN, i64::MIN)), buckets));
            }
            let found = chosen.found(tx, account).await?;
            let within: HashSet<BucketId> = found.iter().map(|one| one.bucket).collect();
            buckets.retain(|one| within.contains(&one.id));
            let ids = ids_of(found);
            Ok((Left::Docs(rows::docs_oldest_first(tx, account, &ids).await?.into()), buckets))
        }
        .boxed()
    });
    let (left, buckets) = begun.await?;
    let head = head(app, format, buckets)?;
    Ok(Export { app: app.clone(), account: caller.account, format, left, head, is_first: true, is_over: false })
}

fn head(app: &App, format: Format, buckets: Vec<Bucket>) -> Result<String> {
    match format {
        Format::Text => Ok(String::new()),
        Format::Csv => Ok("id,text,bucket,source,createdAt,updatedAt\n".to_owned()),
        Format::Json => {
            let bucket = |b: Bucket| ExportedBucket { id: b.id.to_string(), name: b.name, description: b.description };
            let list: Vec<_> = buckets.into_iter().map(bucket).collect();
            let now = app.clock.now().rfc3339();
            let list = serde_json::to_string(&list).map_err(Error::internal)?;
            Ok(format!("{{\"version\":1,\"exportedAt\":\"{now}\",\"buckets\":{list},\n\"memories\":["))
        }
    }
}

impl Export {
    /// The pieces of the file. The first is read at once, so that what fails is an
    /// error before an answer has begun.
    ///
    /// # Errors
    /// As [`Export::piece`].
    pub async fn pieces(mut self) -> Result<impl Stream<Item = Result<String>>> {
        let first = self.piece().await?.unwrap_or_default();
        let rest = stream::try_unfold(self, async |mut export| Ok(export.piece().await?.map(|piece| (piece, export))));
        Ok(stream::once(async { Ok(first) }).chain(rest))
    }

    /// The next piece of the file; none when it is whole.
    ///
    /// # Errors
    /// As [`crate::db::Db::read`].
    pub async fn piece(&mut self) -> Result<Option<String>> {
        if self.is_over {
            return Ok(None);
        }
        let mut out = std::mem::take(&mut self.head);
        let memories = self.read().await?;
        self.is_over = memories.is_empty();
        match self.format {
            Format::Json if self.is_over => out.push_str("\n]}\n"),
            Format::Json => self.write_json(&mut out, memories)?,
            Format::Csv => write_csv(&mut out, &memories)?,
            Format::Text => memories.iter().for_each(|memory| write_text(&mut out, memory)),
        }
        Ok(Some(out))
    }

    /// The next memories; none at the end.
    async fn read(&mut self) -> Result<Vec<Memory>> {
        loop {
            let docs: Vec<i64> = match &mut self.left {
                Left::Docs(docs) => docs.drain(..docs.len().min(PIECE)).collect(),
                Left::Where(filter, place) => {
                    let args = (self.account, filter.clone(), *place);
                    let places = self.app.db.read(args, |tx, (account, filter, place)| {
                        let from = (Side::Later, *place);
                        rows::places(
                            tx,
                            *account,
                            (filter, None),
                            Time::Created,
                            from,
                            i64::try_from(PIECE).unwrap_or(i64::MAX),
                        )
                        .boxed()
                    });
                    let places = places.await?;
                    if let Some(last) = places.last() {
                        *place = *last;
                    }
                    places.into_iter().map(|(_, doc)| doc).collect()
                }
            };
            if docs.is_empty() {
                return Ok(Vec::new());
            }
            let found = self
                .app
                .db
                .read((self.account, docs.clone()), |tx, (account, docs)| rows::by_docs(tx, *account, docs).boxed());
            let mut found = found.await?;
            let memories: Vec<Memory> = docs.iter().filter_map(|doc| found.remove(doc)).collect();
            // Where all of them are deleted by now, there may be more behind.
            if !memories.is_empty() {
                return Ok(memories);
            }
        }
    }

    fn write_json(&mut self, out: &mut String, memories: Vec<Memory>) -> Result<()> {
        for memory in memories {
            out.push_str(if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" });
            out.push_str(&serde_json::to_string(&Exported::from(memory)).map_err(Error::internal)?);
        }
        Ok(())
    }
}

fn write_csv(out: &mut String, memories: &[Memory]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for memory in memories {
        let created_at = memory.created_at.rfc3339();
        let updated_at = memory.updated_at.rfc3339();
        let source = memory.source.as_deref().unwrap_or_default();
        let row = [&memory.id, &memory.text, &memory.bucket_name, source, &created_at, &updated_at];
        writer.write_record(row).map_err(Error::internal)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    out.push_str(std::str::from_utf8(&bytes).map_err(Error::internal)?);
    Ok(())
}
