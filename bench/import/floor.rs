//! What `SQLite` takes by itself: the same messages into a table, and the same chunks into FTS5 as it comes, with the
//! program's settings of the file and nothing around it. What makes them is not counted.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use commonplace::history::chunk::{Said, Shape};
use commonplace::history::import::{Conversation, Item, Limits, container};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use crate::Result;

/// Bytes of text to a transaction.
const BATCH: usize = 8 << 20;
const SCHEMA: &str = "
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma secure_delete = on;
    pragma wal_autocheckpoint = 16000;
    pragma cache_size = -32768;
    create table message (id integer primary key, text text not null);
    create virtual table chunk_fts using fts5 (text, content = '', tokenize = 'porter ascii');
";

/// How long it takes to insert all of an export.
pub fn insert(export: &Path, folder: &Path) -> Result<Duration> {
    let data = TempDir::new_in(folder)?;
    let connection = Connection::open(data.path().join("floor.db"))?;
    connection.execute_batch(SCHEMA)?;
    let (mut batch, mut bytes, mut time) = (Vec::new(), 0, Duration::ZERO);
    let mut failure = None;
    let summary = container::read(export, &Limits::default(), &mut |_, item| {
        let Item::Conversation(conversation) = item else { return ControlFlow::Continue(()) };
        bytes += conversation.messages.iter().map(|message| message.text.len()).sum::<usize>();
        batch.push(conversation);
        if bytes < BATCH {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        match write(&connection, &std::mem::take(&mut batch)) {
            Ok(taken) => {
                time += taken;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    summary.map_err(|why| why.to_string())?;
    match failure {
        Some(error) => Err(error),
        None => Ok(time + write(&connection, &batch)?),
    }
}

fn write(connection: &Connection, batch: &[Conversation]) -> Result<Duration> {
    let mut chunks = Vec::new();
    for conversation in batch {
        let said = conversation.messages.iter();
        let said = said.map(|message| Said { role: message.role, at: message.created_at, text: &message.text });
        let said: Vec<_> = said.collect();
        chunks.extend(Shape::default().chunks(&said).iter().map(|chunk| chunk.text(&said)));
    }
    let begun = Instant::now();
    connection.execute_batch("begin immediate")?;
    let mut insert = connection.prepare_cached("insert into message (text) values ($1)")?;
    for message in batch.iter().flat_map(|conversation| &conversation.messages) {
        insert.execute(params![message.text])?;
    }
    let mut insert = connection.prepare_cached("insert into chunk_fts (text) values ($1)")?;
    for chunk in &chunks {
        insert.execute(params![chunk])?;
    }
    connection.execute_batch("commit")?;
    Ok(begun.elapsed())
}
