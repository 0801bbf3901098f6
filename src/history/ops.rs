//! Taking conversations in.
//!
//! A conversation is known by its platform and its id there, so that it can be
//! taken in again and again: what is new or changed is written, and nothing else
//! is touched. What is to be written is worked out beside the transaction, from
//! what is there; the transaction then makes sure that this is still there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::FutureExt;

use super::chunk::{self, Chunk, Said, Shape};
use super::delete::exclusion;
use super::intake::Report;
use super::rows::{self, Extent, NewChunk};
use super::{Conversation, Message, tokens};
use super::{import, jobs};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::clock::Micros;
use crate::db::{Dialect, Tx};
use crate::error::{Error, Result};
use crate::id::{self, AccountId};
use crate::search::{self, Corpus, Embedding, Stems};

/// What the ids of conversations begin with.
pub(super) const ID_PREFIX: &str = "conv";
/// Most tokens of a conversation.
pub const MOST_TOKENS: usize = 100_000;
/// Longest id at a platform, and longest title, in characters.
const MOST_ID: usize = 500;
const MOST_TITLE: usize = 1_000;
/// How often to begin anew where others change the same conversations meanwhile.
const TRIES: usize = 5;

/// A conversation to be taken in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Where it is from, such as `chatgpt`.
    pub platform: String,
    /// What was said there.
    pub conversation: import::Conversation,
    /// Whether these are all of its messages, so that others are there no more;
    /// else they are added to those that are known.
    pub is_whole: bool,
    /// The import that it is of.
    pub import: Option<String>,
    /// Nobody asked for it now, so it is not taken in once it was deleted.
    pub is_automatic: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not known.
    New,
    /// Something of it is new.
    Updated,
    /// Everything was known.
    Unchanged,
    /// It has more than [`MOST_TOKENS`], and was not taken.
    TooLong,
    /// It was excluded, and is never taken again.
    Excluded,
}

/// A conversation that was taken in.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// Its state now; of one that was too long, what would have been.
    pub conversation: Conversation,
    /// What became of it.
    pub outcome: Outcome,
}

impl Ingested {
    /// Whether there is such a conversation now.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.conversation.revision > 0
    }
}

/// Takes conversations in, in one transaction. Each must be named once.
/// `is_embedded` says whether their embeddings are made first; else they are made
/// afterwards, and until then the conversations are found by their words.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`] for a
/// platform that is not 1 to 100 letters, digits, `-`, `_` and `.`, or an id that
/// is empty or too long.
pub async fn ingest(app: &App, caller: &Caller, batch: Vec<Incoming>, is_embedded: bool) -> Result<Vec<Ingested>> {
    ingest_noted(app, caller, batch, is_embedded, false).await
}

/// Takes a conversation in that comes by itself: it is embedded first, and what
/// became of it is noted in the import [`jobs::online`].
///
/// # Errors
/// As [`ingest`].
pub async fn ingest_online(app: &App, caller: &Caller, incoming: Incoming) -> Result<Ingested> {
    let incoming = Incoming { import: Some(jobs::online(&incoming.platform)), ..incoming };
    let ingested = ingest_noted(app, caller, vec![incoming], true, true).await?.pop();
    ingested.ok_or_else(|| Error::internal("nothing became of a conversation"))
}

async fn ingest_noted(
    app: &App,
    caller: &Caller,
    batch: Vec<Incoming>,
    is_embedded: bool,
    is_noted: bool,
) -> Result<Vec<Ingested>> {
    caller.require(Scope::Write)?;
    let batch: Vec<Incoming> = batch.into_iter().map(checked).collect::<Result<_>>()?;
    let batch = Arc::new(batch);
    for _ in 0..TRIES {
        let plans = plan(app, caller, &batch, is_embedded).await?;
        let note = if is_noted { Note::Online } else { Note::Nothing };
        if let Some(ingested) = commit(app, caller, plans, note).await? {
            return Ok(ingested);
        }
    }
    Err(Error::Busy)
}

/// What is noted in an import, in the transaction that writes what came with it.
#[derive(Debug, Clone)]
enum Note {
    /// Nothing; if they are of an import, it must not be over.
    Nothing,
    /// What became of all that is of the import, with these. It must not be over.
    Report(Report),
    /// What became of each, in the import of what comes by itself.
    Online,
}

/// Writes what was worked out, if that was from what is there still. What is not
/// of an import of what comes by itself is of one import at most.
async fn commit(app: &App, caller: &Caller, plans: Vec<Plan>, note: Note) -> Result<Option<Vec<Ingested>>> {
    let import = plans.iter().find_map(|plan| plan.conversation.import.clone());
    let import = import.filter(|_| plans.iter().any(Plan::is_written));
    let args = (caller.account, plans, note, import, app.clock.now());
    let written = app.db.write(args, |tx, (account, plans, note, import, now)| {
        async move {
            let Some(ingested) = write(tx, *account, plans).await? else { return Ok(None) };
            match (note, import) {
                (Note::Nothing, Some(import)) => jobs::require_going(tx, *account, import).await?,
                (Note::Report(report), Some(import)) => {
                    jobs::note_written(tx, *account, import, report, *now).await?;
                }
                (Note::Nothing | Note::Report(_), None) => {}
                (Note::Online, _) => {
                    for Ingested { conversation, outcome } in &ingested {
                        let Conversation { platform, platform_id, .. } = conversation;
                        jobs::count_online(tx, *account, platform, platform_id, *outcome, *now).await?;
                    }
                }
            }
            Ok(Some(ingested))
        }
        .boxed()
    });
    let written = written.await?;
    if written.is_some() {
        crate::failpoint::reach("history:committed");
        app.search.wake();
    }
    Ok(written)
}

/// Conversations and what is to be written of them, for taking in many: while
/// some are written, it can be worked out for the next.
pub(super) struct Prepared {
    batch: Arc<Vec<Incoming>>,
    plans: Vec<Plan>,
}

impl Prepared {
    /// Works out what is to be written, of what is [`checked`]. Each conversation must be named once.
    pub(super) async fn of(app: &App, caller: &Caller, batch: Vec<Incoming>) -> Result<Self> {
        caller.require(Scope::Write)?;
        let batch = Arc::new(batch);
        // PostgreSQL would write a row that gets its embedding later all over again, and its words into their index.
        let is_embedded = app.db.dialect() == Dialect::Postgres;
        Ok(Self { plans: plan(app, caller, &batch, is_embedded).await?, batch })
    }

    /// What becomes of each, if nobody changes any of them before.
    pub(super) fn foreseen(&self) -> impl Iterator<Item = Ingested> {
        self.plans.iter().map(|plan| Ingested { conversation: plan.conversation.clone(), outcome: plan.outcome })
    }

    /// Does what [`ingest`] does, and notes in their import what has become of all of it with these.
    pub(super) async fn write(self, app: &App, caller: &Caller, report: Report) -> Result<Vec<Ingested>> {
        if let Some(ingested) = commit(app, caller, self.plans, Note::Report(report)).await? {
            return Ok(ingested);
        }
        ingest(app, caller, Arc::unwrap_or_clone(self.batch), false).await
    }
}

/// What would become of conversations that were taken in, under the conditions of [`Prepared::of`].
pub(super) async fn foresee(app: &App, caller: &Caller, batch: Vec<Incoming>) -> Result<Vec<Ingested>> {
    caller.require(Scope::Write)?;
    Ok(plan(app, caller, &Arc::new(batch), false).await?.into_iter().map(Plan::foreseen).collect())
}

/// Works out what is to be written, from what is there.
async fn plan(app: &App, caller: &Caller, batch: &Arc<Vec<Incoming>>, is_embedded: bool) -> Result<Vec<Plan>> {
    let known = app.db.read((caller.account, Arc::clone(batch)), |tx, (account, batch)| {
        async move {
            let mut known = Vec::new();
            for incoming in batch.iter() {
                known.push(read_known(tx, *account, incoming).await?);
            }
            Ok(known)
        }
        .boxed()
    });
    let known = known.await?;
    let (batch, now, mut stems) = (Arc::clone(batch), app.clock.now(), Stems::new(app.db.dialect()));
    let search = app.search.clone();
    // It takes as long as the writing, which goes on meanwhile.
    let planned = tokio::task::spawn_blocking(move || {
        let plans = batch.iter().zip(known).map(|(incoming, (deleted, known))| {
            let is_excluded = deleted == Some(true) || (deleted.is_some() && incoming.is_automatic);
            let mut plan = Plan::of(incoming, known, now, &mut stems, is_embedded)?;
            plan.was_deleted = deleted.is_some();
            if is_excluded {
                return Ok(plan.without(Outcome::Excluded));
            }
            if is_embedded {
                plan.chunks.iter_mut().for_each(|chunk| chunk.embedding = search.embed(&chunk.text));
            }
            Ok(plan)
        });
        plans.collect()
    });
    planned.await.map_err(Error::internal)?
}

/// The refusal of an id that is no conversation of the caller's.
#[must_use]
pub fn no_conversation() -> Error {
    Error::not_found("There is no conversation with that id.")
}

/// What no storage takes is replaced, what breaks a rule refused.
pub(super) fn checked(mut incoming: Incoming) -> Result<Incoming> {
    let platform = &incoming.platform;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=100).contains(&platform.len()) || !platform.bytes().all(is_plain) {
        return Err(Error::invalid("A platform has 1 to 100 characters: letters, digits, '-', '_' and '.'."));
    }
    let conversation = &mut incoming.conversation;
    let is_id = |id: &str| (1..=MOST_ID).contains(&id.chars().count()) && !id.chars().any(char::is_control);
    if !is_id(&conversation.id) {
        return Err(Error::invalid(format!(
            "A conversation's id has 1 to {MOST_ID} characters, none a control character."
        )));
    }
    conversation.title = conversation.title.chars().filter(|c| !c.is_control()).take(MOST_TITLE).collect();
    for message in &mut conversation.messages {
        if !is_id(&message.id) {
            return Err(Error::invalid(format!(
                "A message's id has 1 to {MOST_ID} characters, none a control character."
            )));
        }
        if message.text.contains('\0') {
            message.text = message.text.replace('\0', "\u{fffd}");
        }
    }
    conversation.messages.retain(|message| !message.text.trim().is_empty());
    Ok(incoming)
}

/// What is there of a conversation.
pub(super) struct Known {
    pub conversation: Conversation,
    pub messages: Vec<Message>,
    pub chunks: Vec<(i64, Extent)>,
}

/// What is there of a conversation, and whether it was deleted; true for forever.
async fn read_known(tx: &mut Tx, account: AccountId, incoming: &Incoming) -> Result<(Option<bool>, Option<Known>)> {
    let Incoming { platform, conversation, .. } = incoming;
    let deleted = rows::deleted(tx, account, &exclusion(platform, &conversation.id)).await?;
    let Some(found) = rows::by_platform_id(tx, account, platform, &conversation.id).await? else {
        return Ok((deleted, None));
    };
    let messages = rows::messages(tx, account, &found.id).await?;
    let chunks = rows::chunks(tx, account, &found.id).await?;
    Ok((deleted, Some(Known { conversation: found, messages, chunks })))
}

/// What is to be written of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    conversation: Conversation,
    outcome: Outcome,
    /// The revision that this was worked out from; 0 for none.
    from_revision: i64,
    /// From where on the messages are others.
    from: usize,
    /// Those from there on.
    messages: Vec<Message>,
    /// Chunks that are of what is there no more.
    stale: Vec<i64>,
    /// New ones.
    chunks: Vec<NewChunk>,
    /// How many there are then.
    chunk_count: usize,
    /// Whether one like it was deleted before.
    was_deleted: bool,
}

impl Plan {
    fn of(
        incoming: &Incoming,
        known: Option<Known>,
        now: Micros,
        stems: &mut Stems,
        is_embedded: bool,
    ) -> Result<Self> {
        let import::Conversation { id: platform_id, title, created_at, updated_at, messages } = &incoming.conversation;
        let fresh: Vec<Message> = messages.iter().map(Message::from).collect();
        let (before, old_messages, old_chunks) = match known {
            Some(Known { conversation, messages, chunks }) => (Some(conversation), messages, chunks),
            None => (None, Vec::new(), Vec::new()),
        };
        let messages = if incoming.is_whole { distinct(fresh) } else { merged(&old_messages, fresh) };
        let said: Vec<Said<'_>> = messages.iter().map(said).collect();
        let token_count: usize = said.iter().map(|said| tokens::count(said.text)).sum();
        let times = || messages.iter().filter_map(|message| message.created_at);
        let earlier = before.as_ref().map(|before| before.created_at);
        let created_at = created_at.or(earlier).or_else(|| times().min()).unwrap_or(now);
        let latest = before.as_ref().map(|before| before.updated_at);
        let as_of = (*updated_at).or_else(|| times().max());
        // An export from before the last one knows nothing of what was said since.
        let is_older = incoming.is_whole && as_of.is_some() && as_of < latest;
        let updated_at = (*updated_at).or_else(|| times().max()).max(latest).unwrap_or(created_at);
        let from_revision = before.as_ref().map_or(0, |before| before.revision);
        let conversation = Conversation {
            id: before.as_ref().map_or_else(|| id::new(ID_PREFIX, now), |before| Ok(before.id.clone()))?,
            platform: incoming.platform.clone(),
            platform_id: platform_id.clone(),
            title: if title.is_empty() {
                before.as_ref().map(|before| before.title.clone()).unwrap_or_default()
            } else {
                title.clone()
            },
            created_at,
            updated_at,
            message_count: count(messages.len()),
            token_count: count(token_count),
            is_pinned: before.as_ref().is_some_and(|before| before.is_pinned),
            revision: 0,
            import: incoming.import.clone(),
        };
        let unchanged = before.as_ref().is_some_and(|before| {
            let (revision, import) = (before.revision, before.import.clone());
            old_messages == messages && Conversation { revision, import, ..conversation.clone() } == *before
        });
        let outcome = match before {
            _ if token_count > MOST_TOKENS => Outcome::TooLong,
            _ if unchanged || is_older => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
            None => Outcome::New,
        };
        if matches!(outcome, Outcome::TooLong | Outcome::Unchanged) {
            let conversation = before.unwrap_or(conversation);
            let nothing = Self {
                conversation,
                outcome,
                from_revision,
                from: 0,
                messages: Vec::new(),
                stale: Vec::new(),
                chunks: Vec::new(),
                chunk_count: 0,
                was_deleted: false,
            };
            return Ok(nothing);
        }
        let new = cut(&said, created_at, stems, is_embedded);
        let chunk_count = new.len();
        let old_said: Vec<Said<'_>> = old_messages.iter().map(self::said).collect();
        let extents: HashSet<Extent> = new.iter().map(|chunk| chunk.extent).collect();
        let is_same = |extent: &Extent| extents.contains(extent) && parts(&old_said, *extent).eq(parts(&said, *extent));
        let (kept, stale): (Vec<_>, Vec<_>) = old_chunks.into_iter().partition(|(_, extent)| is_same(extent));
        let kept: HashSet<Extent> = kept.into_iter().map(|(_, extent)| extent).collect();
        let chunks = new.into_iter().filter(|chunk| !kept.contains(&chunk.extent)).collect();
        let from = old_messages.iter().zip(&messages).take_while(|(old, new)| old == new).count();
        let messages = messages.into_iter().skip(from).collect();
        let stale = stale.into_iter().map(|(doc, _)| doc).collect();
        Ok(Self {
            conversation,
            outcome,
            from_revision,
            from,
            messages,
            stale,
            chunks,
            chunk_count,
            was_deleted: false,
        })
    }

    /// The same, but nothing is written.
    fn without(self, outcome: Outcome) -> Self {
        Self { outcome, messages: Vec::new(), stale: Vec::new(), chunks: Vec::new(), ..self }
    }

    /// All of a conversation that comes back from the trash.
    pub(super) fn restoring(known: Known, dialect: Dialect) -> Self {
        let Known { mut conversation, messages, .. } = known;
        let said: Vec<Said<'_>> = messages.iter().map(said).collect();
        conversation.message_count = count(messages.len());
        conversation.token_count = count(said.iter().map(|said| tokens::count(said.text)).sum());
        let chunks = cut(&said, conversation.created_at, &mut Stems::new(dialect), false);
        Self {
            conversation,
            outcome: Outcome::New,
            from_revision: 0,
            from: 0,
            stale: Vec::new(),
            chunk_count: chunks.len(),
            chunks,
            messages,
            was_deleted: true,
        }
    }

    fn foreseen(self) -> Ingested {
        Ingested { conversation: self.conversation, outcome: self.outcome }
    }

    /// Whether there is something to write.
    fn is_written(&self) -> bool {
        matches!(self.outcome, Outcome::New | Outcome::Updated)
    }

    /// Writes a conversation that is not there.
    pub(super) async fn write(self, tx: &mut Tx, account: AccountId) -> Result<()> {
        write(tx, account, std::slice::from_ref(&self)).await.map(drop)
    }
}

fn said(message: &Message) -> Said<'_> {
    Said { role: message.role, at: message.created_at, text: &message.text }
}

/// What an extent has of messages.
fn parts<'a>(said: &[Said<'a>], Extent { first, start, last, stop }: Extent) -> impl Iterator<Item = (usize, &'a str)> {
    let place = |number| usize::try_from(number).unwrap_or(usize::MAX - 1);
    chunk::parts(said, (place(first), place(start)), (place(last), place(stop)))
}

/// The chunks of messages, without embeddings. Their texts are left out where they are only to be written, and
/// the storage doesn't take them.
fn cut(said: &[Said<'_>], created_at: Micros, stems: &mut Stems, is_embedded: bool) -> Vec<NewChunk> {
    let has_texts = is_embedded || stems.dialect() == Dialect::Postgres;
    let mut text = String::new();
    let mut chunk = |chunk: &Chunk| {
        text.clear();
        chunk.put_text(said, &mut text);
        NewChunk {
            extent: Extent {
                first: count(chunk.first),
                start: count(chunk.start),
                last: count(chunk.last),
                stop: count(chunk.end),
            },
            role: chunk.role,
            words: stems.words(&text),
            text: if has_texts { text.clone() } else { String::new() },
            created_at: chunk.at.unwrap_or(created_at),
            embedding: Embedding::default(),
        }
    };
    Shape::default().chunks(said).iter().map(&mut chunk).collect()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Messages, the last of those with the same id alone.
fn distinct(messages: Vec<Message>) -> Vec<Message> {
    merged(&[], messages)
}

/// Known messages with those that came: replaced where they have the same id, else after them.
fn merged(known: &[Message], came: Vec<Message>) -> Vec<Message> {
    let mut all = known.to_vec();
    let mut places: HashMap<String, usize> =
        all.iter().enumerate().map(|(place, message)| (message.id.clone(), place)).collect();
    for message in came {
        match places.get(&message.id) {
            Some(place) => all[*place] = message,
            None => {
                places.insert(message.id.clone(), all.len());
                all.push(message);
            }
        }
    }
    all
}

/// Writes what was worked out, if that was from what is there still.
async fn write(tx: &mut Tx, account: AccountId, plans: &[Plan]) -> Result<Option<Vec<Ingested>>> {
    let numbers: usize = plans.iter().map(|plan| plan.chunks.len()).sum();
    let last = auth::advance(tx, account, count(numbers.max(1))).await?;
    for Plan { conversation, from_revision, outcome, .. } in plans {
        let Conversation { platform, platform_id, .. } = conversation;
        let there = rows::by_platform_id(tx, account, platform, platform_id).await?;
        if there.as_ref().map_or(0, |there| there.revision) != *from_revision {
            return Ok(None);
        }
        let is_new = *outcome == Outcome::New;
        if is_new && rows::deleted(tx, account, &exclusion(platform, platform_id)).await? == Some(true) {
            return Ok(None);
        }
    }
    let mut seq = last - count(numbers);
    let mut ingested = Vec::new();
    for plan in plans {
        // No revision comes twice, also not of one that was deleted and came back.
        let conversation = if plan.is_written() {
            Conversation { revision: last, ..plan.conversation.clone() }
        } else {
            plan.conversation.clone()
        };
        ingested.push(Ingested { conversation: conversation.clone(), outcome: plan.outcome });
        if !plan.is_written() {
            continue;
        }
        let conversation = &conversation;
        if plan.was_deleted {
            let Conversation { platform, platform_id, .. } = conversation;
            rows::forget_deleted(tx, account, &exclusion(platform, platform_id)).await?;
        }
        if !plan.stale.is_empty() {
            search::unindex_chunks(tx, account, &plan.stale).await?;
            rows::delete_chunks(tx, account, &plan.stale).await?;
        }
        rows::put(tx, account, conversation, count(plan.chunk_count)).await?;
        if plan.from_revision > 0 {
            rows::delete_messages(tx, account, &conversation.id, count(plan.from)).await?;
        }
        rows::insert_messages(tx, account, &conversation.id, count(plan.from), &plan.messages).await?;
        rows::insert_chunks(tx, account, conversation, account.doc(seq + 1), &plan.chunks).await?;
        for chunk in &plan.chunks {
            seq += 1;
            search::index_new(tx, Corpus::Chunks, account.doc(seq), &chunk.words, None).await?;
        }
    }
    crate::failpoint::reach("history:written");
    Ok(Some(ingested))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::history::delete::{self, How, To};
    use crate::history::import::Role;
    use crate::history::read::{self, Which};

    async fn app() -> (tempfile::TempDir, App, Caller) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "").expect("written");
        let flags = [("data_dir", folder.path().join("data").display().to_string())];
        let config = Config::load(Some(&file), &flags).expect("valid settings");
        let app = App::open(config, Clock::default()).await.expect("opens");
        let account = auth::ops::create_account(&app, "ann").await.expect("made").id;
        (folder, app, Caller::operator(account))
    }

    fn incoming(said: &str) -> Vec<Incoming> {
        let message =
            import::Message { id: "m1".to_owned(), role: Role::Human, text: said.to_owned(), created_at: None };
        let conversation = import::Conversation {
            id: "c1".to_owned(),
            title: "Trip".to_owned(),
            created_at: None,
            updated_at: None,
            messages: vec![message],
        };
        let platform = "chatgpt".to_owned();
        vec![Incoming { platform, conversation, is_whole: true, import: None, is_automatic: false }]
    }

    async fn ids(app: &App, caller: &Caller) -> Vec<String> {
        let (all, _) = read::list(app, caller, Which::default(), 0, 10).await.expect("listed");
        all.into_iter().map(|conversation| conversation.id).collect()
    }

    async fn delete(app: &App, caller: &Caller, ids: Vec<String>, to: To) {
        let how = How { to, pinned_too: false };
        assert_eq!(delete::delete(app, caller, ids, how).await.expect("deleted").deleted.failed, 0);
    }

    async fn said(app: &App, caller: &Caller, id: &str) -> String {
        read::get(app, caller, id).await.expect("there").1.remove(0).text
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_excluded_after_it_was_worked_out_is_not_written() {
        let (_folder, app, ann) = app().await;
        ingest(&app, &ann, incoming("Alfama"), false).await.expect("taken in");
        let known = ids(&app, &ann).await;
        delete(&app, &ann, known.clone(), To::Trash).await;
        let prepared = Prepared::of(&app, &ann, incoming("Alfama")).await.expect("worked out");
        delete(&app, &ann, known, To::Exclusion).await;
        assert_eq!(
            prepared.write(&app, &ann, Report::default()).await.expect("no failure")[0].outcome,
            Outcome::Excluded
        );
        assert_eq!(ids(&app, &ann).await, Vec::<String>::new());
        app.db.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_worked_out_of_a_conversation_that_went_and_came_back_is_worked_out_again() {
        let (_folder, app, ann) = app().await;
        ingest(&app, &ann, incoming("Alfama"), false).await.expect("taken in");
        let known = ids(&app, &ann).await;
        let prepared = Prepared::of(&app, &ann, incoming("Belém")).await.expect("worked out");
        delete(&app, &ann, known.clone(), To::Trash).await;
        assert_eq!(delete::restore(&app, &ann, known.clone()).await.expect("restored"), (1, 0));
        assert_eq!(
            prepared.write(&app, &ann, Report::default()).await.expect("no failure")[0].outcome,
            Outcome::Updated
        );
        assert_eq!(said(&app, &ann, &known[0]).await, "Belém");
        // Gone and taken in anew, it is another conversation.
        let prepared = Prepared::of(&app, &ann, incoming("Chiado")).await.expect("worked out");
        delete(&app, &ann, known, To::Nothing).await;
        ingest(&app, &ann, incoming("Alfama"), false).await.expect("taken in");
        assert_eq!(
            prepared.write(&app, &ann, Report::default()).await.expect("no failure")[0].outcome,
            Outcome::Updated
        );
        let known = ids(&app, &ann).await;
        assert_eq!((known.len(), said(&app, &ann, &known[0]).await.as_str()), (1, "Chiado"));
        assert_eq!(app.db.check().await.expect("checked"), Vec::<String>::new());
        app.db.close().await;
    }
}
