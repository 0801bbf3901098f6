//! Removing what `secure_delete` leaves behind, so that a purge can be proven by
//! searching the file.
//!
//! With `secure_delete` and FTS5's `secure-delete` a deleted row is overwritten
//! where it stood, but three copies of its bytes can survive it. All were found
//! by searching files for what had been deleted from them:
//!
//! 1. When `SQLite` balances a b-tree, it rebuilds pages with fewer cells and
//!    leaves the old bytes between the cell pointers and the first cell
//!    (`rebuildPage` in btree.c; `defragmentPage` clears that gap, it does not).
//!    A cell deleted later is overwritten in its new place only. Measured: one
//!    memory in 10,000 stayed readable after half of 20,000 were deleted.
//! 2. FTS5 keeps in `memory_fts_idx`, for each leaf page of a segment, a prefix
//!    of the page's first term. It stays when that term is gone, and, while a
//!    segment is being merged a few pages at a time, even when the page is.
//! 3. An input of such a merge that is used up stays in `memory_fts_data` until
//!    the whole merge is done, out of reach of any deletion.
//!
//! The page format is that of <https://sqlite.org/fileformat2.html>, section 1.6.

use std::time::Duration;

use super::connection::Connection;
use crate::db::Erasure;
use crate::db::value::{Cell, Value};
use crate::error::{Error, Result};

/// How long a purge waits for readers of other processes to let go of the log.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(5);

/// Clears all kinds of remains in a transaction of its own, then empties the
/// write-ahead log, which still has the pages as they were.
pub(super) fn erase(connection: &mut Connection) -> Result<Erasure> {
    connection.batch("begin immediate")?;
    let cleared = clear_index(connection).and_then(|()| clear_gaps(connection));
    match cleared {
        Ok(()) => connection.batch("commit")?,
        Err(error) => {
            connection.batch("rollback")?;
            return Err(error);
        }
    }
    crate::failpoint::reach("erase:cleared");
    connection.set_busy_timeout(Some(CHECKPOINT_WAIT))?;
    let checkpoint = connection.rows("pragma wal_checkpoint(truncate)", &[]);
    connection.set_busy_timeout(None)?;
    let blocked = checkpoint?.first().is_none_or(|row| row.0.first() != Some(&Cell::Int(0)));
    crate::failpoint::reach("erase:done");
    Ok(if blocked { Erasure::Blocked } else { Erasure::Bytes })
}

fn clear_index(connection: &mut Connection) -> Result<()> {
    remove_merged_segments(connection)?;
    remove_separators_of_no_page(connection)?;
    refresh_separators(connection)
}

/// How many bits of a key of `memory_fts_data` are below the segment's number.
const SEGMENT_SHIFT: i64 = 37;

/// Removes the inputs of an unfinished merge that are used up. FTS5 reads
/// nothing of them, and finds nothing left to remove when the merge is done.
fn remove_merged_segments(connection: &mut Connection) -> Result<()> {
    const STRUCTURE: i64 = 10;
    let row = connection.rows("select block from memory_fts_data where id = $1", &[STRUCTURE.into()])?.pop();
    let structure = row.ok_or_else(|| Error::internal("the full-text index has no structure"))?.bytes(0)?;
    let merged = merged_segments(&structure)
        .ok_or_else(|| Error::internal("the structure of the full-text index is damaged; run 'commonplace doctor'"))?;
    for segment in merged {
        connection.execute(
            "delete from memory_fts_data where id >= $1 and id < $2",
            &[(segment << SEGMENT_SHIFT).into(), ((segment + 1) << SEGMENT_SHIFT).into()],
        )?;
    }
    Ok(())
}

/// The numbers of the segments that an FTS5 structure record lists without a
/// page. See `fts5StructureDecode` in fts5_index.c.
fn merged_segments(structure: &[u8]) -> Option<Vec<i64>> {
    let after_cookie = structure.get(4..)?;
    let with_origins = after_cookie.strip_prefix(&[0xff, 0, 0, 1]);
    let mut rest = with_origins.unwrap_or(after_cookie);
    let levels = varint(&mut rest)?;
    let (_segments, _writes) = (varint(&mut rest)?, varint(&mut rest)?);
    let mut merged = Vec::new();
    for _ in 0..levels {
        let _merging = varint(&mut rest)?;
        for _ in 0..varint(&mut rest)? {
            let (segment, first, _last) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
            if with_origins.is_some() {
                for _ in 0..5 {
                    varint(&mut rest)?;
                }
            }
            if first == 0 {
                merged.push(segment);
            }
        }
    }
    rest.is_empty().then_some(merged)
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

/// Removes the separators of pages that a merge has taken away. FTS5 goes on at
/// the first page left, so they separate nothing.
fn remove_separators_of_no_page(connection: &mut Connection) -> Result<()> {
    // Left in, several could get the same successor below, and each must be unique.
    connection.execute(
        "delete from memory_fts_idx where length(term) > 0 and not exists \
         (select 1 from memory_fts_data d where d.id = (segid << $1) + (pgno >> 1))",
        &[SEGMENT_SHIFT.into()],
    )?;
    Ok(())
}

/// Replaces each separator that no live term begins with by the first live term
/// after it. That term is on the separator's page or a later one, and every
/// term of the pages before it sorts below the separator, so it separates the
/// same pages.
fn refresh_separators(connection: &mut Connection) -> Result<()> {
    // A separator is '0', the number of the main index, and the beginning of a term.
    const MAIN_INDEX: u8 = b'0';
    let separators = connection.rows("select segid, pgno, term from memory_fts_idx where length(term) > 1", &[])?;
    for mut row in separators {
        let (segment, page) = (row.int(0)?, row.int(1)?);
        let Some(Cell::Bytes(separator)) = row.0.get(2).cloned() else {
            return Err(Error::internal("a full-text separator is not a blob"));
        };
        let Some((&MAIN_INDEX, prefix)) = separator.split_first() else { continue };
        // A prefix may end inside a character; the terms around it don't.
        let from = String::from_utf8_lossy(prefix);
        let from = from.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let next = connection
            .rows("select term from memory_terms where term >= $1 order by term limit 1", &[from.into()])?
            .pop();
        let next = next.map(|mut row| row.text(0)).transpose()?;
        let Some(next) = next else { continue };
        if next.as_bytes().starts_with(prefix) || next.as_bytes() < prefix {
            continue;
        }
        let fresh = [&[MAIN_INDEX], next.as_bytes()].concat();
        connection.execute(
            "update memory_fts_idx set term = $3 where segid = $1 and pgno = $2",
            &[segment.into(), page.into(), Value::Bytes(&fresh)],
        )?;
        row.0.clear();
    }
    Ok(())
}

/// Walks every b-tree from its root and clears the gap of each of its pages.
fn clear_gaps(connection: &mut Connection) -> Result<()> {
    let mut todo = vec![1];
    for row in connection.rows("select rootpage from sqlite_schema where rootpage > 0", &[])? {
        todo.push(row.int(0)?);
    }
    while let Some(number) = todo.pop() {
        let row = connection.rows("select data from sqlite_dbpage where pgno = $1", &[number.into()])?.pop();
        let mut row = row.ok_or_else(|| Error::internal(format!("page {number} of a b-tree is missing")))?;
        let mut data = row.bytes(0)?;
        let page = Page::read(&data, number)?;
        todo.extend(page.children(&data)?);
        let gap = data.get_mut(page.gap()).ok_or_else(|| damaged(number))?;
        if gap.iter().any(|byte| *byte != 0) {
            gap.fill(0);
            connection
                .execute("update sqlite_dbpage set data = $2 where pgno = $1", &[number.into(), Value::Bytes(&data)])?;
        }
    }
    Ok(())
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
    use super::{merged_segments, varint};

    #[test]
    fn segments_without_a_page_are_merged() {
        // One level of two segments: 300 with the pages 2 to 9, 5 with none.
        let levels = [1, 2, 7, 2, 2, 0x82, 0x2c, 2, 9, 5, 0, 0];
        let structure = [&[0, 0, 0, 1][..], &levels].concat();
        assert_eq!(merged_segments(&structure), Some(vec![5]));
        assert_eq!(merged_segments(&structure[..structure.len() - 1]), None);
    }

    #[test]
    fn integers_have_up_to_nine_bytes() {
        for (mut bytes, value) in [(&[0x7f][..], 127), (&[0x81, 0], 128), (&[0xff; 9], -1)] {
            assert_eq!(varint(&mut bytes), Some(value));
            assert!(bytes.is_empty());
        }
    }
}
