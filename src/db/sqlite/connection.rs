//! One connection to the file, with synchronous calls.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::types::{ToSql, Value as SqliteValue, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, Statement};

use super::{SqliteOptions, functions};
use crate::db::value::{Cell, Row, Value};
use crate::db::{Dialect, Sql};
use crate::error::{Error, Result};

/// How long a statement waits for another process before it gives up.
const BUSY: Duration = Duration::from_secs(30);

/// A connection and the statements it has seen.
#[derive(Debug)]
pub struct Connection {
    raw: rusqlite::Connection,
    rendered: HashMap<Sql, Arc<str>>,
}

/// What a connection is for; it decides how much cache it may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

impl Connection {
    pub(super) fn open(path: &Path, role: Role, options: SqliteOptions) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let raw = rusqlite::Connection::open_with_flags(path, flags).map_err(storage)?;
        raw.busy_timeout(BUSY).map_err(storage)?;
        raw.set_prepared_statement_cache_capacity(128);
        rusqlite::vtab::array::load_module(&raw).map_err(storage)?;
        functions::register(&raw).map_err(storage)?;
        // A bulk delete and an erasure touch most pages, and do so again and again where they don't fit.
        let cache_kib = match role {
            Role::Writer => 32 * 1024,
            Role::Reader => 4 * 1024,
        };
        // FULL: a write that was answered survives a loss of power.
        // secure_delete: deleted rows are overwritten, not only forgotten.
        // wal_autocheckpoint: the writer does it, after it has answered.
        use_log(&raw)?;
        raw.execute_batch(&format!(
            "pragma synchronous = full;
             pragma secure_delete = on;
             pragma foreign_keys = on;
             pragma temp_store = memory;
             pragma wal_autocheckpoint = 0;
             pragma cache_size = -{cache_kib};"
        ))
        .map_err(storage)?;
        if let Some(bytes) = options.max_bytes {
            let page: i64 = raw.query_row("pragma page_size", [], |row| row.get(0)).map_err(storage)?;
            raw.execute_batch(&format!("pragma max_page_count = {}", (bytes / page.unsigned_abs()).max(1)))
                .map_err(storage)?;
        }
        if role == Role::Reader {
            raw.execute_batch("pragma query_only = on").map_err(storage)?;
        }
        Ok(Self { raw, rendered: HashMap::new() })
    }

    /// Whether the current transaction is over, by its end or by a failure that
    /// made `SQLite` roll it back.
    pub(super) fn is_autocommit(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// How many rows this connection has changed since it was opened.
    pub(super) fn total_changes(&self) -> u64 {
        self.raw.total_changes()
    }

    /// Runs several statements without parameters or results.
    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        self.raw.execute_batch(sql).map_err(storage)
    }

    /// Reads a page of the file, in place: an erasure reads all of them.
    pub(super) fn page<T>(&mut self, number: i64, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let mut statement = self.prepare("select data from sqlite_dbpage where pgno = $1".into())?;
        bind(&mut statement, &[number.into()])?;
        let mut rows = statement.raw_query();
        match rows.next().map_err(storage)?.map(|row| row.get_ref(0)) {
            Some(Ok(ValueRef::Blob(data))) => read(data),
            Some(Err(error)) => Err(storage(error)),
            _ => Err(Error::internal(format!("page {number} of a b-tree is missing"))),
        }
    }

    /// How many pages the write-ahead log has.
    pub(super) fn log_pages(&mut self) -> Result<i64> {
        let row = self.rows("pragma wal_checkpoint(noop)", &[])?.pop();
        row.ok_or_else(|| Error::internal("the write-ahead log has no state"))?.int(1)
    }

    pub(super) fn set_busy_timeout(&self, wait: Option<Duration>) -> Result<()> {
        self.raw.busy_timeout(wait.unwrap_or(BUSY)).map_err(storage)
    }

    pub(in crate::db) fn execute(&mut self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<u64> {
        let mut statement = self.prepare(sql.into())?;
        bind(&mut statement, values)?;
        Ok(statement.raw_execute().map_err(storage)? as u64)
    }

    pub(in crate::db) fn rows(&mut self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let mut statement = self.prepare(sql.into())?;
        bind(&mut statement, values)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(storage)? {
            let mut cells = Vec::with_capacity(columns);
            for column in 0..columns {
                cells.push(cell(row.get_ref(column).map_err(storage)?)?);
            }
            out.push(Row(cells));
        }
        Ok(out)
    }

    fn prepare(&mut self, sql: Sql) -> Result<rusqlite::CachedStatement<'_>> {
        let rendered = self.rendered.entry(sql).or_insert_with(|| Dialect::Sqlite.render(sql).into());
        self.raw.prepare_cached(rendered).map_err(storage)
    }
}

/// Switches the file to a write-ahead log, once for ever. While another process
/// does so, `SQLite` says that it is busy without waiting as it was told to.
fn use_log(raw: &rusqlite::Connection) -> Result<()> {
    let begun = Instant::now();
    loop {
        match raw.execute_batch("pragma journal_mode = wal") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < BUSY => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result.map_err(storage),
        }
    }
}

fn bind(statement: &mut Statement<'_>, values: &[Value<'_>]) -> Result<()> {
    let embedding = |values: &[i8]| SqliteValue::Blob(values.iter().map(|value| value.cast_unsigned()).collect());
    for (index, value) in values.iter().enumerate() {
        let mut bind = |value: &dyn ToSql| statement.raw_bind_parameter(index + 1, value);
        let mut bind_list = |list: Vec<SqliteValue>| bind(&Rc::new(list));
        match *value {
            Value::Int(value) => bind(&value),
            Value::Text(value) => bind(&value),
            Value::Bytes(value) => bind(&value),
            Value::Embedding(value) => bind(&value.map(embedding)),
            Value::Embeddings(list) => {
                bind_list(list.iter().map(|value| value.map_or(SqliteValue::Null, embedding)).collect())
            }
            Value::Texts(list) => bind_list(list.iter().cloned().map(SqliteValue::Text).collect()),
            Value::Ints(list) => bind_list(list.iter().copied().map(SqliteValue::Integer).collect()),
        }
        .map_err(storage)?;
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(bytes) => Cell::Text(std::str::from_utf8(bytes).map_err(Error::internal)?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_owned()),
    })
}

/// A failure of the file or the disk is [`Error::Unavailable`]; any other is ours.
pub(super) fn storage(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => Error::unavailable(error),
        _ => Error::internal(error),
    }
}
