//! Storage: one seam over `SQLite` and `PostgreSQL`.
//!
//! Work is given as a function of a transaction, written once for both engines:
//! [`Db::write`] and [`Db::read`] take its arguments and the function, and run it
//!
//! * on `SQLite` on the one writer thread (or one of the readers), with
//!   synchronous calls; writes that queued up meanwhile share one commit and are
//!   answered after it (group commit). Where one fails and must be undone, they
//!   run again, each inside a savepoint of its own;
//! * on `PostgreSQL` on a pooled connection, again when the database reports a
//!   conflict with another transaction.
//!
//! So a function must await nothing but its transaction, and may run more than
//! once. Nothing else of the program knows which engine it runs on.

mod dialect;
mod migrate;
mod postgres;
mod sqlite;
mod value;

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::error::Result;

pub use dialect::{Dialect, Sql};
pub use postgres::Postgres;
pub use sqlite::{Sqlite, SqliteOptions};
pub use value::{Row, Value};

/// Where the data is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A `SQLite` file, made if it does not exist.
    Sqlite(PathBuf, SqliteOptions),
    /// A `PostgreSQL` connection URL.
    Postgres(String),
}

/// The open storage. Clones share it.
#[derive(Debug, Clone)]
pub enum Db {
    /// An embedded file.
    Sqlite(Sqlite),
    /// A database server.
    Postgres(Postgres),
}

/// What a purge can promise about the bytes once [`Db::erase`] is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// Every removed row's bytes are gone from the database file and its log.
    Bytes,
    /// The rows are gone and their tables vacuumed; the bytes are the database server's.
    Vacuumed,
    /// Another reader holds the log open; to be tried again.
    Blocked,
}

/// A transaction, handed to the functions given to [`Db::write`] and [`Db::read`].
#[derive(Debug)]
pub enum Tx {
    /// On `SQLite`.
    Sqlite(sqlite::Connection),
    /// On `PostgreSQL`.
    Postgres(postgres::Connection),
}

impl Tx {
    /// Which SQL this transaction speaks, for the few statements that differ.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; the number of rows it changed.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where the storage fails, else
    /// [`crate::Error::Internal`]: statements are ours, so a rejected one is our fault.
    pub async fn execute(&mut self, sql: impl Into<Sql> + Send, values: &[Value<'_>]) -> Result<u64> {
        match self {
            Self::Sqlite(connection) => connection.execute(sql, values),
            Self::Postgres(connection) => connection.execute(sql.into(), values).await,
        }
    }

    /// All rows that a statement returns.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn rows(&mut self, sql: impl Into<Sql> + Send, values: &[Value<'_>]) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(connection) => connection.rows(sql, values),
            Self::Postgres(connection) => connection.rows(sql.into(), values).await,
        }
    }

    /// The first row that a statement returns, if it returns one.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn row(&mut self, sql: impl Into<Sql> + Send, values: &[Value<'_>]) -> Result<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The first row of a statement that always returns one.
    ///
    /// # Errors
    /// As [`Tx::execute`], and [`crate::Error::Internal`] where there is none.
    pub async fn one(&mut self, sql: impl Into<Sql> + Send, values: &[Value<'_>]) -> Result<Row> {
        self.row(sql, values).await?.ok_or_else(|| crate::Error::internal("a statement returned no row"))
    }
}

impl Db {
    /// Opens the storage and brings its schema up to date. Safe while other
    /// processes do the same.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where it can't be opened or reached,
    /// [`crate::Error::Conflict`] where a newer program has written its schema.
    pub async fn open(location: &Location) -> Result<Self> {
        Ok(match location {
            Location::Sqlite(path, options) => Self::Sqlite(Sqlite::open(path, *options)?),
            Location::Postgres(url) => Self::Postgres(Postgres::open(url).await?),
        })
    }

    /// Runs `work` in a transaction that can change rows. When this returns
    /// `Ok`, the change is durable; on an error nothing of it remains.
    ///
    /// # Errors
    /// What `work` returns, [`crate::Error::Busy`] where it waited too long for
    /// its turn, [`crate::Error::Unavailable`] where the storage fails.
    pub async fn write<A, T, F>(&self, args: A, work: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static,
    {
        match self {
            Self::Sqlite(db) => db.write(args, work).await,
            Self::Postgres(db) => db.write(args, work).await,
        }
    }

    /// Runs `work` on one consistent state of the data.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn read<A, T, F>(&self, args: A, work: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static,
    {
        match self {
            Self::Sqlite(db) => db.read(args, work).await,
            Self::Postgres(db) => db.read(args, work).await,
        }
    }

    /// Makes sure that nothing is left of rows already removed and committed:
    /// see [`Erasure`] for what each engine can promise.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where the storage fails.
    pub async fn erase(&self) -> Result<Erasure> {
        match self {
            Self::Sqlite(db) => db.erase().await,
            Self::Postgres(db) => db.erase().await,
        }
    }

    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Whether [`Db::erase`] can promise [`Erasure::Bytes`].
    #[must_use]
    pub fn overwrites_bytes(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Finishes what is queued and closes.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
        }
    }

    /// Whether [`Db::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Sqlite(db) => db.is_closed(),
            Self::Postgres(db) => db.is_closed(),
        }
    }

    /// Looks for damage and for indexes that disagree with their rows; one
    /// sentence for each finding.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where the storage can't be read.
    pub async fn check(&self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(db) => db.check().await,
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }
}
