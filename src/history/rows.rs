//! Rows of conversations, their messages and their chunks.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::import::Role;
use super::read::{Volume, Which};
use super::{Conversation, Message};
use crate::clock::Micros;
use crate::db::{Dialect, Row, Tx, Value};
use crate::embed::Vector;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::receipt::Draft;
use crate::search::Embedding;

/// Stands for no number in a list of them.
const NONE: i64 = i64::MIN;

/// A query for conversations, with what follows the table.
macro_rules! conversations {
    ($($rest:expr),+) => {
        concat!(
            "select id, platform, platform_id, title, created_at, updated_at, message_count, token_count, pinned, \
             revision, import_id from conversation ",
            $($rest),+
        )
    };
}

/// The columns of [`conversations`].
fn conversation(mut row: Row) -> Result<Conversation> {
    Ok(Conversation {
        id: row.text(0)?,
        platform: row.text(1)?,
        platform_id: row.text(2)?,
        title: row.text(3)?,
        created_at: Micros(row.int(4)?),
        updated_at: Micros(row.int(5)?),
        message_count: row.int(6)?,
        token_count: row.int(7)?,
        is_pinned: row.int(8)? != 0,
        revision: row.int(9)?,
        import: row.text_or_null(10)?,
    })
}

pub(super) async fn by_platform_id(
    tx: &mut Tx,
    account: AccountId,
    platform: &str,
    platform_id: &str,
) -> Result<Option<Conversation>> {
    let sql = conversations!("where account_id = $1 and platform = $2 and platform_id = $3");
    let row = tx.row(sql, &[account.0.into(), platform.into(), platform_id.into()]).await?;
    row.map(conversation).transpose()
}

pub(super) async fn by_ids(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<Conversation>> {
    let sql = conversations!("where account_id = $1 and id {in $2}");
    tx.rows(sql, &[account.0.into(), ids.into()]).await?.into_iter().map(conversation).collect()
}

/// Adds a conversation, or gives it what has changed of it. `chunks` is how many it has then.
pub(super) async fn put(tx: &mut Tx, account: AccountId, conversation: &Conversation, chunks: i64) -> Result<()> {
    let sql = "insert into conversation (account_id, id, platform, platform_id, title, created_at, updated_at, \
               message_count, token_count, chunk_count, revision, pinned, import_id, title_lower) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
               on conflict (account_id, id) do update set title = excluded.title, created_at = excluded.created_at, \
               updated_at = excluded.updated_at, message_count = excluded.message_count, \
               token_count = excluded.token_count, chunk_count = excluded.chunk_count, revision = excluded.revision, \
               import_id = excluded.import_id, title_lower = excluded.title_lower";
    let title_lower = conversation.title.to_lowercase();
    let values = [
        account.0.into(),
        (&conversation.id).into(),
        (&conversation.platform).into(),
        (&conversation.platform_id).into(),
        (&conversation.title).into(),
        conversation.created_at.0.into(),
        conversation.updated_at.0.into(),
        conversation.message_count.into(),
        conversation.token_count.into(),
        chunks.into(),
        conversation.revision.into(),
        i64::from(conversation.is_pinned).into(),
        conversation.import.as_deref().into(),
        title_lower.as_str().into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

pub(super) fn role(name: &str) -> Result<Role> {
    match name {
        "human" => Ok(Role::Human),
        "assistant" => Ok(Role::Assistant),
        _ => Err(Error::internal(format!("'{name}' is no role"))),
    }
}

/// The messages of a conversation, in order.
pub(super) async fn messages(tx: &mut Tx, account: AccountId, conversation: &str) -> Result<Vec<Message>> {
    let sql = "select platform_id, role, text, created_at from message \
               where account_id = $1 and conversation_id = $2 order by position";
    let rows = tx.rows(sql, &[account.0.into(), conversation.into()]).await?;
    rows.into_iter().map(message).collect()
}

/// The columns of a [`Message`].
fn message(mut row: Row) -> Result<Message> {
    Ok(Message {
        id: row.text(0)?,
        role: role(&row.text(1)?)?,
        text: row.text(2)?,
        created_at: row.int_or_null(3)?.map(Micros),
    })
}

/// Removes the messages from a position on.
pub(super) async fn delete_messages(tx: &mut Tx, account: AccountId, conversation: &str, from: i64) -> Result<()> {
    let sql = "delete from message where account_id = $1 and conversation_id = $2 and position >= $3";
    tx.execute(sql, &[account.0.into(), conversation.into(), from.into()]).await.map(drop)
}

/// Adds messages to a conversation, the first of them at position `from`.
pub(super) async fn insert_messages(
    tx: &mut Tx,
    account: AccountId,
    conversation: &str,
    from: i64,
    messages: &[Message],
) -> Result<()> {
    let (account, conversation) = (account.0.into(), conversation.into());
    let time = |message: &Message| message.created_at.map(|at| at.0);
    match tx.dialect() {
        Dialect::Sqlite => {
            let sql = "insert into message (account_id, conversation_id, position, platform_id, role, text, created_at) \
                       values ($1, $2, $3, $4, $5, $6, $7)";
            for (position, message) in (from..).zip(messages) {
                let (id, role, text) = ((&message.id).into(), message.role.name().into(), (&message.text).into());
                let values = [account, conversation, position.into(), id, role, text, time(message).into()];
                tx.execute(sql, &values).await?;
            }
        }
        // All at once, since each statement goes over the network and back.
        Dialect::Postgres => {
            let sql = "insert into message (account_id, conversation_id, position, platform_id, role, text, created_at) \
                       select $1, $2, $3 + m.place - 1, m.id, m.role, m.text, nullif(m.time, $4) \
                       from unnest($5::text[], $6::text[], $7::text[], $8::bigint[]) with ordinality \
                       m (id, role, text, time, place)";
            let ids: Vec<String> = messages.iter().map(|message| message.id.clone()).collect();
            let roles: Vec<String> = messages.iter().map(|message| message.role.name().to_owned()).collect();
            let texts: Vec<String> = messages.iter().map(|message| message.text.clone()).collect();
            let times: Vec<i64> = messages.iter().map(|message| time(message).unwrap_or(NONE)).collect();
            let lists = [Value::Texts(&ids), Value::Texts(&roles), Value::Texts(&texts), Value::Ints(&times)];
            let values = [&[account, conversation, from.into(), NONE.into()][..], &lists].concat();
            tx.execute(sql, &values).await?;
        }
    }
    Ok(())
}

/// The messages that a chunk begins and ends in, and where in their texts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Extent {
    pub first: i64,
    pub start: i64,
    pub last: i64,
    pub stop: i64,
}

/// A chunk to be added.
#[derive(Debug, Clone)]
pub(super) struct NewChunk {
    pub extent: Extent,
    pub role: Role,
    /// Empty where it is neither stored nor embedded.
    pub text: String,
    /// As of [`crate::search::Stems`].
    pub words: String,
    pub created_at: Micros,
    pub embedding: Embedding,
}

impl NewChunk {
    fn vector(&self) -> Option<&[i8]> {
        self.embedding.vector.as_ref().map(Vector::values)
    }
}

/// The chunks of a conversation, in order: their numbers, and what they are of.
pub(super) async fn chunks(tx: &mut Tx, account: AccountId, conversation: &str) -> Result<Vec<(i64, Extent)>> {
    let sql = "select doc, first, start, last, stop from chunk \
               where account_id = $1 and conversation_id = $2 order by first, start, doc";
    let rows = tx.rows(sql, &[account.0.into(), conversation.into()]).await?;
    let chunk = |row: Row| {
        let extent = Extent { first: row.int(1)?, start: row.int(2)?, last: row.int(3)?, stop: row.int(4)? };
        Ok((row.int(0)?, extent))
    };
    rows.into_iter().map(chunk).collect()
}

/// Adds chunks to a conversation, the first of them with the number `doc`.
pub(super) async fn insert_chunks(
    tx: &mut Tx,
    account: AccountId,
    conversation: &Conversation,
    doc: i64,
    chunks: &[NewChunk],
) -> Result<()> {
    let (account, id, source) = (account.0.into(), (&conversation.id).into(), (&conversation.platform).into());
    match tx.dialect() {
        Dialect::Sqlite => {
            let sql = "insert into chunk (account_id, doc, conversation_id, first, start, last, stop, role, source, \
                       created_at, embedder, embedding) \
                       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {vector $12})";
            for (doc, chunk) in (doc..).zip(chunks) {
                let Extent { first, start, last, stop } = chunk.extent;
                let place = [account, doc.into(), id, first.into(), start.into(), last.into(), stop.into()];
                let (role, created) = (chunk.role.name().into(), chunk.created_at.0.into());
                let embedding = [chunk.embedding.space.into(), Value::Embedding(chunk.vector())];
                tx.execute(sql, &[&place[..], &[role, source, created], &embedding].concat()).await?;
            }
        }
        // All at once, as messages are.
        Dialect::Postgres => {
            let sql = "insert into chunk (account_id, doc, conversation_id, first, start, last, stop, role, source, \
                       created_at, embedder, embedding, text, words, analysis) \
                       select $1, $2 + c.place - 1, $3, c.first, c.start, c.last, c.stop, c.role, $4, c.created_at, \
                       nullif(c.space, $5), c.embedding::halfvec, c.text, c.words, 1 \
                       from unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], \
                       $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[]) with ordinality \
                       c (first, start, last, stop, role, created_at, space, embedding, text, words, place)";
            let ints = |of: &dyn Fn(&NewChunk) -> i64| -> Vec<i64> { chunks.iter().map(of).collect() };
            let texts = |of: &dyn Fn(&NewChunk) -> String| -> Vec<String> { chunks.iter().map(of).collect() };
            let (first, start) = (ints(&|chunk| chunk.extent.first), ints(&|chunk| chunk.extent.start));
            let (last, stop) = (ints(&|chunk| chunk.extent.last), ints(&|chunk| chunk.extent.stop));
            let role = texts(&|chunk| chunk.role.name().to_owned());
            let created = ints(&|chunk| chunk.created_at.0);
            let space = ints(&|chunk| chunk.embedding.space.unwrap_or(NONE));
            let embedding: Vec<Option<&[i8]>> = chunks.iter().map(NewChunk::vector).collect();
            let (text, words) = (texts(&|chunk| chunk.text.clone()), texts(&|chunk| chunk.words.clone()));
            let extents = [&first, &start, &last, &stop].map(|list| Value::Ints(list));
            let rest = [Value::Texts(&role), Value::Ints(&created), Value::Ints(&space), Value::Embeddings(&embedding)];
            let texts = [Value::Texts(&text), Value::Texts(&words)];
            let values = [&[account, doc.into(), id, source, NONE.into()][..], &extents, &rest, &texts].concat();
            tx.execute(sql, &values).await?;
        }
    }
    Ok(())
}

/// Removes chunks, which must be out of the full-text index.
pub(super) async fn delete_chunks(tx: &mut Tx, account: AccountId, docs: &[i64]) -> Result<u64> {
    let sql = "delete from chunk where {unindexed account_id} = $1 and doc {in $2}";
    tx.execute(sql, &[account.0.into(), docs.into()]).await
}

/// Where a chunk is.
pub(super) struct Place {
    pub conversation: String,
    pub first: i64,
    pub start: i64,
    pub last: i64,
    pub stop: i64,
}

impl Place {
    /// Whether nothing stands between this and another that begins later in the same conversation.
    pub(super) fn is_followed_by(&self, next: &Self) -> bool {
        let is_within = (next.first, next.start) <= (self.last, self.stop);
        self.conversation == next.conversation && (is_within || next.first <= self.last + 1)
    }
}

/// Where these chunks are, those of them that there are.
pub(super) async fn places(tx: &mut Tx, account: AccountId, docs: &[i64]) -> Result<HashMap<i64, Place>> {
    let sql = "select doc, conversation_id, first, start, last, stop from chunk \
               where {unindexed account_id} = $1 and doc {in $2}";
    let place = |mut row: Row| {
        let place = Place {
            conversation: row.text(1)?,
            first: row.int(2)?,
            start: row.int(3)?,
            last: row.int(4)?,
            stop: row.int(5)?,
        };
        Ok((row.int(0)?, place))
    };
    tx.rows(sql, &[account.0.into(), docs.into()]).await?.into_iter().map(place).collect()
}

/// The messages of these chunks, and up to `margin` before and after each, in their
/// order, each with the chunk's number and its position.
pub(super) async fn messages_around(
    tx: &mut Tx,
    account: AccountId,
    docs: &[i64],
    margin: i64,
) -> Result<Vec<(i64, i64, Message)>> {
    let sql = "select m.platform_id, m.role, m.text, m.created_at, c.doc, m.position \
               from chunk c join message m on m.account_id = $1 and m.conversation_id = c.conversation_id \
               and m.position between c.first - $3 and c.last + $3 \
               where {unindexed c.account_id} = $1 and c.doc {in $2} order by c.doc, m.position";
    let rows = tx.rows(sql, &[account.0.into(), docs.into(), margin.into()]).await?;
    rows.into_iter().map(|row| Ok((row.int(4)?, row.int(5)?, message(row)?))).collect()
}

/// Removes a conversation; its messages and chunks follow by their foreign keys,
/// and the chunks must be out of the full-text index.
pub(super) async fn delete_conversation(tx: &mut Tx, account: AccountId, id: &str) -> Result<()> {
    let sql = "delete from conversation where account_id = $1 and id = $2";
    tx.execute(sql, &[account.0.into(), id.into()]).await.map(drop)
}

/// Remembers that a conversation was deleted.
pub(super) async fn note_deleted(
    tx: &mut Tx,
    account: AccountId,
    hash: &[u8],
    forever: bool,
    now: Micros,
) -> Result<()> {
    let sql = "insert into deleted_conversation (account_id, hash, forever, created_at) values ($1, $2, $3, $4) \
               on conflict (account_id, hash) do update set created_at = excluded.created_at, \
               forever = case when excluded.forever = 1 then 1 else deleted_conversation.forever end";
    tx.execute(sql, &[account.0.into(), hash.into(), i64::from(forever).into(), now.0.into()]).await.map(drop)
}

/// Forgets that a conversation was deleted, because somebody wanted it again.
pub(super) async fn forget_deleted(tx: &mut Tx, account: AccountId, hash: &[u8]) -> Result<()> {
    let sql = "delete from deleted_conversation where account_id = $1 and hash = $2 and forever = 0";
    tx.execute(sql, &[account.0.into(), hash.into()]).await.map(drop)
}

/// Whether a conversation was deleted; true for forever.
pub(super) async fn deleted(tx: &mut Tx, account: AccountId, hash: &[u8]) -> Result<Option<bool>> {
    let sql = "select forever from deleted_conversation where account_id = $1 and hash = $2";
    tx.row(sql, &[account.0.into(), hash.into()]).await?.map(|row| Ok(row.int(0)? == 1)).transpose()
}

/// A message as the trash keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    role: String,
    text: String,
    at: Option<i64>,
}

pub(super) async fn insert_trash(
    tx: &mut Tx,
    draft: &Draft,
    conversation: &Conversation,
    messages: &[Message],
) -> Result<()> {
    let kept = |message: &Message| Kept {
        id: message.id.clone(),
        role: message.role.name().to_owned(),
        text: message.text.clone(),
        at: message.created_at.map(|at| at.0),
    };
    let content: Vec<Kept> = messages.iter().map(kept).collect();
    let content = serde_json::to_string(&content).map_err(Error::internal)?;
    let sql = "insert into conversation_trash (account_id, id, deletion_id, platform, platform_id, title, \
               created_at, updated_at, pinned, content, deleted_at, purge_at, import_id) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let values = [
        draft.account.0.into(),
        (&conversation.id).into(),
        (&draft.id).into(),
        (&conversation.platform).into(),
        (&conversation.platform_id).into(),
        (&conversation.title).into(),
        conversation.created_at.0.into(),
        conversation.updated_at.0.into(),
        i64::from(conversation.is_pinned).into(),
        (&content).into(),
        draft.now.0.into(),
        draft.purge_at.0.into(),
        conversation.import.as_deref().into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// A conversation in the trash.
pub(super) struct Trashed {
    pub conversation: Conversation,
    pub messages: Vec<Message>,
    pub deletion_id: String,
}

/// A conversation in the trash; they can be long, so one at a time.
pub(super) async fn trashed(tx: &mut Tx, account: AccountId, id: &str) -> Result<Option<Trashed>> {
    let sql = "select id, platform, platform_id, title, created_at, updated_at, pinned, content, deletion_id, \
               import_id from conversation_trash where account_id = $1 and id = $2";
    let trashed = |mut row: Row| {
        let content: Vec<Kept> = serde_json::from_str(&row.text(7)?).map_err(Error::internal)?;
        let message = |kept: Kept| {
            let role = role(&kept.role)?;
            Ok(Message { id: kept.id, role, text: kept.text, created_at: kept.at.map(Micros) })
        };
        let messages = content.into_iter().map(message).collect::<Result<_>>()?;
        let conversation = Conversation {
            id: row.text(0)?,
            platform: row.text(1)?,
            platform_id: row.text(2)?,
            title: row.text(3)?,
            created_at: Micros(row.int(4)?),
            updated_at: Micros(row.int(5)?),
            message_count: 0,
            token_count: 0,
            is_pinned: row.int(6)? != 0,
            revision: 0,
            import: row.text_or_null(9)?,
        };
        Ok(Trashed { conversation, messages, deletion_id: row.text(8)? })
    };
    tx.row(sql, &[account.0.into(), id.into()]).await?.map(trashed).transpose()
}

/// Those of these that are in the trash: their ids, platforms and ids there.
pub(super) async fn trashed_names(
    tx: &mut Tx,
    account: AccountId,
    ids: &[String],
) -> Result<Vec<(String, String, String)>> {
    let sql =
        "select id, platform, platform_id from conversation_trash where account_id = $1 and id {in $2} order by id";
    let rows = tx.rows(sql, &[account.0.into(), ids.into()]).await?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?, row.text(2)?))).collect()
}

/// What the trash shows of a conversation in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTrash {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Where it is from.
    pub platform: String,
    /// When it began.
    pub created_at: Micros,
    /// When it was deleted.
    pub deleted_at: Micros,
    /// When it will be purged.
    pub purge_at: Micros,
    /// The receipt of its deletion.
    pub deletion_id: String,
}

/// How many conversations are in the trash.
pub(super) async fn count_trash(tx: &mut Tx, account: AccountId) -> Result<i64> {
    let sql = "select count(*) from conversation_trash where account_id = $1";
    tx.one(sql, &[account.0.into()]).await?.int(0)
}

/// When the first in the trash is due.
pub(super) async fn first_due(tx: &mut Tx, account: AccountId) -> Result<Option<Micros>> {
    let sql = "select min(purge_at) from conversation_trash where account_id = $1";
    Ok(tx.one(sql, &[account.0.into()]).await?.int_or_null(0)?.map(Micros))
}

/// How many in the trash are due before a time.
pub(super) async fn count_due(tx: &mut Tx, account: AccountId, before: Micros) -> Result<i64> {
    let sql = "select count(*) from conversation_trash where account_id = $1 and purge_at < $2";
    tx.one(sql, &[account.0.into(), before.0.into()]).await?.int(0)
}

/// The trash, latest deletions first, and how many it holds in all.
pub(super) async fn trash(tx: &mut Tx, account: AccountId, skip: i64, limit: i64) -> Result<(Vec<InTrash>, i64)> {
    let total = count_trash(tx, account).await?;
    let sql = "select id, title, platform, created_at, deleted_at, purge_at, deletion_id from conversation_trash \
               where account_id = $1 order by deleted_at desc, id desc limit $3 offset $2";
    let in_trash = |mut row: Row| {
        Ok(InTrash {
            id: row.text(0)?,
            title: row.text(1)?,
            platform: row.text(2)?,
            created_at: Micros(row.int(3)?),
            deleted_at: Micros(row.int(4)?),
            purge_at: Micros(row.int(5)?),
            deletion_id: row.text(6)?,
        })
    };
    let rows = tx.rows(sql, &[account.0.into(), skip.into(), limit.into()]).await?;
    Ok((rows.into_iter().map(in_trash).collect::<Result<_>>()?, total))
}

/// The ids of all that is in the trash.
pub(super) async fn trash_ids(tx: &mut Tx, account: AccountId) -> Result<Vec<String>> {
    let sql = "select id from conversation_trash where account_id = $1 order by id";
    tx.rows(sql, &[account.0.into()]).await?.into_iter().map(|mut row| row.text(0)).collect()
}

/// The ids of what the trash has of a deletion, in order.
pub(super) async fn trash_ids_of(tx: &mut Tx, account: AccountId, deletion: &str) -> Result<Vec<String>> {
    let sql = "select id from conversation_trash where account_id = $1 and deletion_id = $2 order by id";
    let rows = tx.rows(sql, &[account.0.into(), deletion.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// What is in the trash of a conversation that was taken in under this platform and id there.
pub(super) async fn trash_of(
    tx: &mut Tx,
    account: AccountId,
    platform: &str,
    platform_id: &str,
) -> Result<Vec<String>> {
    let sql =
        "select id from conversation_trash where account_id = $1 and platform = $2 and platform_id = $3 order by id";
    let rows = tx.rows(sql, &[account.0.into(), platform.into(), platform_id.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// Those of these that are in the trash and, by now, conversations again.
pub(super) async fn restored_ids(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<String>> {
    let sql = "select t.id from conversation_trash t join conversation c on c.account_id = t.account_id and c.id = t.id \
               where t.account_id = $1 and t.id {in $2}";
    let rows = tx.rows(sql, &[account.0.into(), ids.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// Those of these that are in the trash, each with the receipt of its deletion and the import that it is of.
pub(super) async fn trash_receipts(
    tx: &mut Tx,
    account: AccountId,
    ids: &[String],
) -> Result<Vec<(String, String, Option<String>)>> {
    let sql = "select id, deletion_id, import_id from conversation_trash where account_id = $1 and id {in $2} \
               order by id";
    let rows = tx.rows(sql, &[account.0.into(), ids.into()]).await?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?, row.text_or_null(2)?))).collect()
}

pub(super) async fn delete_trash(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    let sql = "delete from conversation_trash where account_id = $1 and id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into()]).await.map(drop)
}

/// The accounts whose trash has conversations beyond their time.
pub(super) async fn due_accounts(tx: &mut Tx, now: Micros) -> Result<Vec<AccountId>> {
    let sql = "select distinct account_id from conversation_trash where purge_at <= $1 order by account_id";
    tx.rows(sql, &[now.0.into()]).await?.iter().map(|row| row.int(0).map(AccountId)).collect()
}

pub(super) async fn due_ids(tx: &mut Tx, account: AccountId, now: Micros, limit: i64) -> Result<Vec<String>> {
    let sql = "select id from conversation_trash where account_id = $1 and purge_at <= $2 order by id limit $3";
    let rows = tx.rows(sql, &[account.0.into(), now.0.into(), limit.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// Removes all conversations and their trash, under the conditions of [`delete_conversation`].
pub(super) async fn delete_all(tx: &mut Tx, account: AccountId) -> Result<()> {
    for sql in [
        "delete from conversation where account_id = $1",
        "delete from conversation_trash where account_id = $1",
        "delete from import where account_id = $1",
    ] {
        tx.execute(sql, &[account.0.into()]).await?;
    }
    Ok(())
}

pub(super) async fn count(tx: &mut Tx, account: AccountId) -> Result<i64> {
    tx.one("select count(*) from conversation where account_id = $1", &[account.0.into()]).await?.int(0)
}

/// What there is, by platform.
pub(super) async fn overview(tx: &mut Tx, account: AccountId) -> Result<Vec<Volume>> {
    let sql = "select platform, count(*), cast(sum(message_count) as bigint), cast(sum(token_count) as bigint), \
               min(created_at), max(updated_at) from conversation where account_id = $1 \
               group by platform order by count(*) desc, platform";
    let volume = |mut row: Row| {
        Ok(Volume {
            platform: row.text(0)?,
            conversations: row.int(1)?,
            messages: row.int(2)?,
            tokens: row.int(3)?,
            first: Micros(row.int(4)?),
            last: Micros(row.int(5)?),
        })
    };
    tx.rows(sql, &[account.0.into()]).await?.into_iter().map(volume).collect()
}

/// The conditions of a [`Which`], as the values of [`which`] are.
macro_rules! which {
    () => {
        "account_id = $1 and ($2 is null or platform = $2) and ($3 is null or title_lower like $3 escape '\\') \
         and ($4 is null or created_at >= $4) and ($5 is null or created_at < $5) and ($6 = 0 or pinned = 1) \
         and ($7 is null or import_id = $7) "
    };
}

fn like(which: &Which) -> Option<String> {
    // What 'like' takes for something else is escaped.
    let escaped = |title: &String| title.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    which.title.as_ref().map(|title| format!("%{}%", escaped(title)))
}

fn values<'a>(account: AccountId, which: &'a Which, like: Option<&'a str>) -> Vec<Value<'a>> {
    vec![
        account.0.into(),
        which.platform.as_deref().into(),
        like.into(),
        which.from.map(|from| from.0).into(),
        which.to.map(|to| to.0).into(),
        i64::from(which.is_pinned).into(),
        which.import.as_deref().into(),
    ]
}

/// Conversations, latest changed first, and how many there are in all.
pub(super) async fn list(
    tx: &mut Tx,
    account: AccountId,
    which: &Which,
    skip: i64,
    limit: i64,
) -> Result<(Vec<Conversation>, i64)> {
    let like = like(which);
    let mut values = values(account, which, like.as_deref());
    let sql = concat!("select count(*) from conversation where ", which!());
    let total = tx.one(sql, &values).await?.int(0)?;
    values.push(limit.into());
    values.push(skip.into());
    let sql = conversations!("where ", which!(), "order by updated_at desc, id desc limit $8 offset $9");
    Ok((tx.rows(sql, &values).await?.into_iter().map(conversation).collect::<Result<_>>()?, total))
}

/// Which conversation, as of which revision, and whether it is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    pub id: String,
    pub revision: i64,
    pub is_pinned: bool,
}

fn located(mut row: Row) -> Result<Located> {
    Ok(Located { id: row.text(0)?, revision: row.int(1)?, is_pinned: row.int(2)? != 0 })
}

/// Those of these conversations that there are, in order of their ids.
pub(super) async fn locate(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<Located>> {
    let sql = "select id, revision, pinned from conversation where account_id = $1 and id {in $2} order by id";
    tx.rows(sql, &[account.0.into(), ids.into()]).await?.into_iter().map(located).collect()
}

/// Those that meet the conditions, in order of their ids.
pub(super) async fn located_where(tx: &mut Tx, account: AccountId, which: &Which) -> Result<Vec<Located>> {
    let like = like(which);
    let sql = concat!("select id, revision, pinned from conversation where ", which!(), "order by id");
    tx.rows(sql, &values(account, which, like.as_deref())).await?.into_iter().map(located).collect()
}

/// Pins conversations or lets them go; how many there are of them.
pub(super) async fn pin(tx: &mut Tx, account: AccountId, ids: &[String], is_pinned: bool) -> Result<u64> {
    let sql = "update conversation set pinned = $3 where account_id = $1 and id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into(), i64::from(is_pinned).into()]).await
}

/// Adds a link; false where there is no such conversation.
pub(super) async fn insert_link(
    tx: &mut Tx,
    account: AccountId,
    conversation: &str,
    hash: &[u8; 32],
    expires_at: Micros,
) -> Result<bool> {
    let sql = "insert into conversation_link (token_hash, account_id, conversation_id, expires_at) \
               select $1, account_id, id, $4 from conversation where account_id = $2 and id = $3";
    let values = [hash[..].into(), account.0.into(), conversation.into(), expires_at.0.into()];
    Ok(tx.execute(sql, &values).await? > 0)
}

/// Whose conversation a link leads to, and which.
pub(super) async fn linked(tx: &mut Tx, hash: &[u8; 32], now: Micros) -> Result<Option<(AccountId, String)>> {
    let sql = "select account_id, conversation_id from conversation_link where token_hash = $1 and expires_at > $2";
    let row = tx.row(sql, &[hash[..].into(), now.0.into()]).await?;
    row.map(|mut row| Ok((AccountId(row.int(0)?), row.text(1)?))).transpose()
}

pub(super) async fn is_any_link_over(tx: &mut Tx, now: Micros) -> Result<bool> {
    let sql = "select 1 from conversation_link where expires_at <= $1 limit 1";
    Ok(tx.row(sql, &[now.0.into()]).await?.is_some())
}

pub(super) async fn delete_ended_links(tx: &mut Tx, now: Micros) -> Result<()> {
    tx.execute("delete from conversation_link where expires_at <= $1", &[now.0.into()]).await.map(drop)
}

/// A summary as it is kept.
#[derive(Debug, Clone)]
pub(super) struct KeptSummary {
    pub text: String,
    /// The model that wrote it; nobody where it is made of quotations.
    pub model: Option<String>,
}

/// The summary of a conversation as it is now.
pub(super) async fn summary(tx: &mut Tx, account: AccountId, conversation: &str) -> Result<Option<KeptSummary>> {
    let sql = "select s.text, s.model from conversation_summary s join conversation c \
               on c.account_id = s.account_id and c.id = s.conversation_id and c.revision = s.revision \
               where s.account_id = $1 and s.conversation_id = $2";
    let row = tx.row(sql, &[account.0.into(), conversation.into()]).await?;
    row.map(|mut row| Ok(KeptSummary { text: row.text(0)?, model: row.text_or_null(1)? })).transpose()
}

/// Keeps the summary of a conversation, if it is still of this revision.
pub(super) async fn keep_summary(
    tx: &mut Tx,
    account: AccountId,
    conversation: &Conversation,
    summary: &KeptSummary,
) -> Result<()> {
    let sql = "insert into conversation_summary (account_id, conversation_id, revision, text, model) \
               select account_id, id, revision, $4, $5 from conversation \
               where account_id = $1 and id = $2 and revision = $3 \
               on conflict (account_id, conversation_id) do update \
               set revision = excluded.revision, text = excluded.text, model = excluded.model";
    let values = [
        account.0.into(),
        (&conversation.id).into(),
        conversation.revision.into(),
        (&summary.text).into(),
        summary.model.as_deref().into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}
