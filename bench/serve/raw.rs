//! The baselines: the same rows into and out of the same tables of the same
//! file system, by `SQLite` with the server's settings and nothing around it.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::Result;
use crate::corpus::Corpus;
use crate::server::folder;

const SCHEMA: &str = include_str!("../../migrations/sqlite/0001_memories.sql");
const FILE: &str = "commonplace.db";
/// The first document number of the first account.
const DOC: i64 = 1 << 36;
/// The hidden command of [`inserts_in_child`].
pub const COMMAND: &str = "--raw-inserts";

fn open(folder: &Path) -> Result<Connection> {
    let connection = Connection::open(folder.join(FILE))?;
    connection.execute_batch(
        "pragma journal_mode = wal;
         pragma synchronous = full;
         pragma secure_delete = on;
         pragma foreign_keys = on;
         pragma temp_store = memory;
         pragma wal_autocheckpoint = 2000;
         pragma cache_size = -16384;",
    )?;
    rusqlite::vtab::array::load_module(&connection)?;
    Ok(connection)
}

/// Inserts texts into a new file, `group` to a transaction, in a process of its
/// own, so that a library can be preloaded into it; how many in a second.
pub fn inserts_in_child(seed: u64, count: usize, group: usize, preload: Option<&Path>) -> Result<f64> {
    let folder = folder()?;
    let mut child = Command::new(std::env::current_exe()?);
    child.arg(COMMAND).arg(folder.path()).args([seed.to_string(), count.to_string(), group.to_string()]);
    let output = child.envs(preload.map(|library| ("LD_PRELOAD", library))).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let seconds: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(f64::from(u32::try_from(count)?) / seconds)
}

/// The child's side of [`inserts_in_child`].
pub fn inserts(arguments: &[String]) -> Result<()> {
    let [folder, seed, count, group] = arguments else { return Err("not for use by hand".into()) };
    let texts = Corpus::new(seed.parse()?).texts(count.parse()?);
    let connection = open(Path::new(folder))?;
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch(
        "insert into account (id, name, created_at) values (1, 'owner', 0);
         insert into bucket (account_id, id, name, name_key, is_general, created_at)
         values (1, 1, 'General', 'general', 1, 0);",
    )?;
    let mut insert = connection.prepare(
        "insert into memory (doc, account_id, id, bucket_id, text, fingerprint, created_at, updated_at)
         values (?1, 1, ?2, 1, ?3, ?4, ?5, ?5)",
    )?;
    let mut index = connection.prepare("insert into memory_fts (rowid, text) values (?1, ?2)")?;
    let mut fingerprints = Corpus::new(0);
    let mut doc = DOC;
    let begun = Instant::now();
    for texts in texts.chunks(group.parse()?) {
        connection.execute_batch("begin immediate")?;
        for text in texts {
            doc += 1;
            let fingerprint = fingerprints.number().cast_signed();
            insert.execute(params![doc, format!("mem_{doc:032x}"), text, fingerprint, doc])?;
            index.execute(params![doc, text])?;
        }
        connection.execute_batch("commit")?;
    }
    println!("{}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Deletes memories from a server's folder, with a receipt: to the trash, or
/// for good, with the full-text index merged and the log emptied.
pub fn delete(folder: &Path, ids: &[String], purge: bool) -> Result<Duration> {
    let connection = open(folder)?;
    let ids = Rc::new(ids.iter().cloned().map(Value::Text).collect::<Vec<_>>());
    let count = i64::try_from(ids.len())?;
    let begun = Instant::now();
    connection.execute_batch("begin immediate")?;
    connection.execute(
        "insert into memory_fts (memory_fts, rowid, text)
         select 'delete', doc, text from memory where account_id = 1 and id in rarray(?1) order by doc",
        [&ids],
    )?;
    if purge {
        connection.execute("delete from memory_version where account_id = 1 and memory_id in rarray(?1)", [&ids])?;
    } else {
        connection.execute(
            "insert into trash (doc, account_id, id, deletion_id, bucket_id, bucket_name, text, fingerprint, source,
             content_type, version, created_at, updated_at, deleted_at, purge_at)
             select m.doc, m.account_id, m.id, 'del_1', m.bucket_id, b.name, m.text, m.fingerprint, m.source,
             m.content_type, m.version, m.created_at, m.updated_at, 1, 2
             from memory m join bucket b on b.account_id = m.account_id and b.id = m.bucket_id
             where m.account_id = 1 and m.id in rarray(?1)",
            [&ids],
        )?;
    }
    let deleted = connection.execute("delete from memory where account_id = 1 and id in rarray(?1)", [&ids])?;
    if deleted != ids.len() {
        return Err(format!("{deleted} of {count} were deleted").into());
    }
    connection.execute("update bucket set memory_count = memory_count - ?1 where account_id = 1", [count])?;
    connection.execute(
        "insert into deletion (account_id, id, operation, token_name, deleted, failed, id_salt, id_hashes, created_at)
         values (1, 'del_1', 'bulk-delete', 'bench', ?1, 0, zeroblob(16), zeroblob(16 * ?1), 1)",
        [count],
    )?;
    connection.execute_batch("commit")?;
    if purge {
        // Without this the words stay in the index, and the checkpoint writes them into the file.
        connection.execute_batch("insert into memory_fts (memory_fts) values ('optimize')")?;
        connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    }
    Ok(begun.elapsed())
}
