//! Removing what `secure_delete` leaves behind, so that a purge can be proven by
//! searching the file.
//!
//! `secure_delete` overwrites a deleted row where it stood. Two kinds of copies
//! survive that; both were found by searching files for what had been deleted:
//!
//! 1. The full-text index only marks what is deleted from it; the words stay in
//!    its segments, and in the separators between their pages, until they are
//!    merged. FTS5's option `secure-delete` removes words at once, but at 70
//!    times the cost (10 s for 10,000 of 100,000 memories), and leaves separators
//!    and the used-up inputs of unfinished merges. Merging the whole index into
//!    one segment (`optimize`) leaves nothing, in 0.1 s for 100,000 memories,
//!    but for a case in which the marks are kept, see [`is_clean`].
//! 2. When `SQLite` balances a b-tree, it rebuilds pages with fewer cells and
//!    leaves the old bytes between the cell pointers and the first cell
//!    (`rebuildPage` in btree.c; `defragmentPage` clears that gap, it does not).
//!    A cell deleted later is overwritten in its new place only. Measured: one
//!    memory in 10,000 stayed readable after half of 20,000 were deleted.
//!
//! The page format is that of <https://sqlite.org/fileformat2.html>, section 1.6.

use std::time::Duration;

use super::connection::Connection;
use crate::db::value::{Cell, Value};
use crate::db::{Erasure, Sql};
use crate::error::{Error, Result};

/// How long a purge waits for readers of other processes to let go of the log.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(5);

/// Clears both kinds of remains, then empties the write-ahead log, which still
/// has the pages as they were.
pub(super) fn erase(connection: &mut Connection) -> Result<Erasure> {
    let marked = last_mark(connection)?;
    let history = marked > 0;
    in_transaction(connection, |connection| merge_index(connection, "memory_fts"))?;
    if history {
        in_transaction(connection, |connection| merge_index(connection, "chunk_fts"))?;
    }
    // After the other's commit, which may write pages of the index itself.
    in_transaction(connection, |connection| clear_gaps(connection, history))?;
    crate::failpoint::reach("erase:walked");
    forget_marks(connection, marked)?;
    crate::failpoint::reach("erase:cleared");
    connection.set_busy_timeout(Some(CHECKPOINT_WAIT))?;
    let checkpoint = connection.rows("pragma wal_checkpoint(truncate)", &[]);
    connection.set_busy_timeout(None)?;
    let blocked = checkpoint?.first().is_none_or(|row| row.0.first() != Some(&Cell::Int(0)));
    // It has read every page; the cache is not to stay so large.
    connection.batch("pragma shrink_memory")?;
    crate::failpoint::reach("erase:done");
    Ok(if blocked { Erasure::Blocked } else { Erasure::Bytes })
}

/// The last purge from the history that is marked; 0 for none. What another process
/// purges from here on has a later mark.
fn last_mark(connection: &mut Connection) -> Result<i64> {
    let last = connection.rows("select coalesce(max(id), 0) from unclean where part = 'history'", &[])?.pop();
    last.ok_or_else(|| Error::internal("a maximum has no row"))?.int(0)
}

/// Forgets the marks up to one, whose remains are cleared.
fn forget_marks(connection: &mut Connection, last: i64) -> Result<()> {
    connection.execute("delete from unclean where part = 'history' and id <= $1", &[last.into()]).map(drop)
}

fn in_transaction(connection: &mut Connection, work: impl FnOnce(&mut Connection) -> Result<()>) -> Result<()> {
    connection.batch("begin immediate")?;
    let done = work(connection);
    connection.batch(if done.is_ok() { "commit" } else { "rollback" })?;
    done
}

/// Merges a full-text index into one segment without marks of deletions.
fn merge_index(connection: &mut Connection, index: &'static str) -> Result<()> {
    const STRUCTURE: i64 = 10;
    connection.execute(Sql::of(index, "insert into {table} ({table}) values ('optimize')"), &[])?;
    let structure = Sql::of(index, "select block from {table}_data where id = $1");
    let row = connection.rows(structure, &[STRUCTURE.into()])?.pop();
    let structure = row.ok_or_else(|| Error::internal("the full-text index has no structure"))?.bytes(0)?;
    let clean = is_clean(&structure)
        .ok_or_else(|| Error::internal("the structure of the full-text index is damaged; run 'commonplace doctor'"))?;
    if !clean {
        connection.execute(Sql::of(index, "insert into {table} ({table}) values ('rebuild')"), &[])?;
    }
    Ok(())
}

/// Whether an FTS5 structure record tells of an index without marks of
/// deletions, each of which holds a deleted word.
///
/// A merge drops them only where its output is the one segment of the highest
/// level (`bOldest` in `fts5IndexMergeLevel`). 'optimize' merges on the level
/// where the segments are, and they are on a low one after the index has grown
/// by far: then FTS5 moves the older segment down to the new ones. The record
/// is read as by `fts5StructureDecode`.
fn is_clean(structure: &[u8]) -> Option<bool> {
    let after_cookie = structure.get(4..)?;
    let with_origins = after_cookie.strip_prefix(&[0xff, 0, 0, 1]);
    let mut rest = with_origins.unwrap_or(after_cookie);
    let (levels, segments, _writes) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    let mut on_highest = 0;
    for _ in 0..levels {
        let _merging = varint(&mut rest)?;
        on_highest = varint(&mut rest)?;
        let numbers = if with_origins.is_some() { 8 } else { 3 };
        for _ in 0..on_highest.checked_mul(numbers)? {
            varint(&mut rest)?;
        }
    }
    rest.is_empty().then_some(segments == 0 || (segments == 1 && on_highest == 1))
}

/// Takes an integer as `SQLite` writes it: seven bits in each byte, the highest
/// first, all eight in a ninth.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0;
    for index in 0..9 {
        let byte = i64::from(*bytes.split_off_first()?);
        if index == 8 {
            value = (value << 8) | byte;
        } else {
            value = (value << 7) | (byte & 0x7f);
            if byte < 0x80 {
                break;
            }
        }
    }
    Some(value)
}

/// Walks every b-tree from its root and clears the gap of each of its pages. A gap
/// has only what was in its own tree, so those of the history, which may be far
/// larger than all else, are left out where nothing was purged from it.
fn clear_gaps(connection: &mut Connection, history: bool) -> Result<()> {
    let mut todo = vec![1];
    for mut row in connection.rows("select rootpage, tbl_name from sqlite_schema where rootpage > 0", &[])? {
        if history || !is_history(&row.text(1)?) {
            todo.push(row.int(0)?);
        }
    }
    while let Some(number) = todo.pop() {
        let cleared = connection.page(number, |data| {
            let page = Page::read(data, number)?;
            todo.extend(page.children(data)?);
            let gap = data.get(page.gap()).ok_or_else(|| damaged(number))?;
            if gap.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let mut data = data.to_owned();
            data[page.gap()].fill(0);
            Ok(Some(data))
        });
        if let Some(data) = cleared? {
            connection
                .execute("update sqlite_dbpage set data = $2 where pgno = $1", &[number.into(), Value::Bytes(&data)])?;
        }
    }
    Ok(())
}

/// Whether a table is a part of the history.
fn is_history(table: &str) -> bool {
    table.starts_with("chunk")
        || matches!(table, "conversation" | "message" | "conversation_summary" | "conversation_trash")
}

/// The header of a b-tree page.
struct Page {
    number: i64,
    /// Where the cell pointers begin.
    pointers: usize,
    cells: usize,
    /// Where the first cell begins.
    content: usize,
    interior: bool,
    header: usize,
}

impl Page {
    fn read(data: &[u8], number: i64) -> Result<Self> {
        // The first page begins with the header of the file.
        let header = if number == 1 { 100 } else { 0 };
        let interior = match data.get(header) {
            Some(2 | 5) => true,
            Some(10 | 13) => false,
            _ => return Err(damaged(number)),
        };
        let cells = big_endian(data, header + 3, 2).ok_or_else(|| damaged(number))?;
        let content = match big_endian(data, header + 5, 2).ok_or_else(|| damaged(number))? {
            0 => 65_536,
            content => content,
        };
        let pointers = header + if interior { 12 } else { 8 };
        Ok(Self { number, pointers, cells, content, interior, header })
    }

    fn gap(&self) -> std::ops::Range<usize> {
        self.pointers + 2 * self.cells..self.content
    }

    fn children(&self, data: &[u8]) -> Result<Vec<i64>> {
        if !self.interior {
            return Ok(Vec::new());
        }
        let at = |offset| big_endian(data, offset, 4).and_then(|page| i64::try_from(page).ok());
        let cells = (0..self.cells).map(|cell| big_endian(data, self.pointers + 2 * cell, 2).and_then(at));
        cells.chain([at(self.header + 8)]).collect::<Option<_>>().ok_or_else(|| damaged(self.number))
    }
}

fn big_endian(data: &[u8], offset: usize, length: usize) -> Option<usize> {
    let bytes = data.get(offset..offset + length)?;
    Some(bytes.iter().fold(0, |value, byte| (value << 8) | usize::from(*byte)))
}

fn damaged(number: i64) -> Error {
    Error::internal(format!("page {number} of the database file is damaged; run 'commonplace doctor'"))
}

#[cfg(test)]
mod tests {
    use super::{forget_marks, is_clean, last_mark, varint};
    use crate::db::sqlite::SqliteOptions;
    use crate::db::sqlite::connection::{Connection, Role};

    #[test]
    fn a_purge_that_an_erasure_did_not_see_stays_marked() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteOptions { max_bytes: None, readers: 0 };
        let mut file = Connection::open(&folder.path().join("db"), Role::Writer, options).expect("opens");
        let schema = include_str!("../../../migrations/sqlite/0004_history.sql");
        let table = schema.lines().find(|line| line.starts_with("create table unclean")).expect("it is there");
        file.execute(table, &[]).expect("made");
        let mark = |file: &mut Connection| file.execute("insert into unclean (part) values ('history')", &[]);
        assert_eq!(last_mark(&mut file).expect("read"), 0);
        mark(&mut file).expect("marked");
        let (mine, others) = (last_mark(&mut file).expect("read"), last_mark(&mut file).expect("read"));
        mark(&mut file).expect("marked");
        forget_marks(&mut file, mine).expect("forgotten");
        let later = last_mark(&mut file).expect("read");
        assert!(later > mine);
        forget_marks(&mut file, later).expect("forgotten");
        // One that began with the first has none of the marks that follow, even when there was none between.
        mark(&mut file).expect("marked");
        forget_marks(&mut file, others).expect("forgotten");
        assert!(last_mark(&mut file).expect("read") > later);
    }

    #[test]
    fn an_index_is_clean_when_it_is_one_segment_of_the_highest_level() {
        let structure = |levels: &[u8]| [&[0, 0, 0, 1][..], levels].concat();
        let one_below = structure(&[2, 1, 7, 0, 1, 0x82, 0x2c, 1, 9, 0, 0]);
        let one_on_top = structure(&[2, 1, 7, 0, 0, 0, 1, 0x82, 0x2c, 1, 9]);
        let two = structure(&[1, 2, 7, 0, 2, 4, 1, 9, 5, 1, 1]);
        let none = structure(&[1, 0, 7, 0, 0]);
        let clean = [&one_below, &one_on_top, &two, &none].map(|structure| is_clean(structure));
        assert_eq!(clean, [Some(false), Some(true), Some(false), Some(true)]);
        assert_eq!(is_clean(&two[..two.len() - 1]), None);
    }

    #[test]
    fn integers_have_up_to_nine_bytes() {
        for (mut bytes, value) in [(&[0x7f][..], 127), (&[0x81, 0], 128), (&[0xff; 9], -1)] {
            assert_eq!(varint(&mut bytes), Some(value));
            assert!(bytes.is_empty());
        }
    }
}
