//! `PostgreSQL`: a pool of connections; transactions run again on conflicts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Column, Connection as _, Executor, PgPool, Row as _, TypeInfo};

use super::value::{Cell, Row, Value};
use super::{Dialect, Erasure, Sql, Tx, migrate};
use crate::error::{Error, Result};

/// How often a transaction is tried when others get in its way.
const TRIES: u32 = 8;
/// The oldest version that is supported, as `server_version_num` has it.
const OLDEST: i64 = 150_000;
/// Any number; all nodes take the same lock to migrate one after another.
const MIGRATION_LOCK: i64 = 0x636f_6d6d_6f6e;

/// An open pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
}

/// A pooled connection inside a transaction.
#[derive(Debug)]
pub struct Connection {
    raw: PoolConnection<sqlx::Postgres>,
}

impl Connection {
    pub(super) async fn execute(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<u64> {
        let done = self.raw.execute(query(sql, values)).await.map_err(storage)?;
        Ok(done.rows_affected())
    }

    pub(super) async fn rows(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let rows = self.raw.fetch_all(query(sql, values)).await.map_err(storage)?;
        rows.iter().map(row).collect()
    }

    async fn command(&mut self, sql: &'static str) -> Result<()> {
        self.raw.execute(sqlx::raw_sql(sql)).await.map(drop).map_err(storage)
    }
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn query(sql: Sql, values: &[Value<'_>]) -> Query {
    // Statements are constants of ours; values only ever travel as parameters.
    let mut query = sqlx::query(AssertSqlSafe(Dialect::Postgres.render(sql)));
    for value in values {
        query = match *value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Embedding(value) => query.bind(value.map(vector_text)),
            Value::Embeddings(list) => {
                query.bind(list.iter().map(|values| values.map(vector_text)).collect::<Vec<_>>())
            }
            Value::Texts(list) => query.bind(list),
            Value::Ints(list) => query.bind(list),
        };
    }
    query
}

/// Whether this version of pgvector has the type `halfvec`, as those from 0.7 on do.
fn has_half_vectors(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let (major, minor): (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= (0, 7)
}

/// As pgvector reads a vector.
fn vector_text(values: &[i8]) -> String {
    let numbers: Vec<String> = values.iter().map(i8::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn row(row: &PgRow) -> Result<Row> {
    let cell = |(index, column): (usize, &sqlx::postgres::PgColumn)| -> Result<Cell> {
        let cell = match column.type_info().name() {
            "INT8" => row.try_get::<Option<i64>, _>(index).map(|v| v.map(Cell::Int)),
            "INT4" => row.try_get::<Option<i32>, _>(index).map(|v| v.map(|v| Cell::Int(v.into()))),
            "FLOAT8" => row.try_get::<Option<f64>, _>(index).map(|v| v.map(Cell::Real)),
            "FLOAT4" => row.try_get::<Option<f32>, _>(index).map(|v| v.map(|v| Cell::Real(v.into()))),
            "BYTEA" => row.try_get::<Option<Vec<u8>>, _>(index).map(|v| v.map(Cell::Bytes)),
            _ => row.try_get::<Option<String>, _>(index).map(|v| v.map(Cell::Text)),
        };
        Ok(cell.map_err(storage)?.unwrap_or(Cell::Null))
    };
    row.columns().iter().enumerate().map(cell).collect::<Result<_>>().map(Row)
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let options: PgConnectOptions = url.parse().map_err(|_| {
            Error::invalid("database_url is not a PostgreSQL URL such as postgres://user:password@host:5432/database.")
        })?;
        let options = options.application_name("commonplace").options([
            ("statement_timeout", "60s"),
            ("lock_timeout", "15s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await
            .map_err(storage)?;
        let db = Self { pool };
        db.migrate().await?;
        Ok(db)
    }

    async fn migrate(&self) -> Result<()> {
        let mut raw = self.pool.acquire().await.map_err(storage)?;
        let mut tx = raw.begin().await.map_err(storage)?;
        let version = sqlx::query_scalar("select current_setting('server_version_num')::int8");
        let version: i64 = version.fetch_one(&mut *tx).await.map_err(storage)?;
        if version < OLDEST {
            return Err(Error::Conflict(format!(
                "commonplace needs PostgreSQL 15 or newer; this server is {}.",
                version / 10_000
            )));
        }
        let vector = sqlx::query_scalar("select default_version from pg_available_extensions where name = 'vector'");
        let vector: Option<String> = vector.fetch_optional(&mut *tx).await.map_err(storage)?;
        if !vector.as_deref().is_some_and(has_half_vectors) {
            return Err(Error::Conflict(
                "commonplace needs the extension pgvector, 0.7 or newer, on the PostgreSQL server; its package is \
                 named like postgresql-17-pgvector."
                    .to_owned(),
            ));
        }
        // A step may take longer than any statement of a request.
        tx.execute(sqlx::raw_sql("set local statement_timeout = 0; set local lock_timeout = 0"))
            .await
            .map_err(storage)?;
        let lock = sqlx::query("select pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK);
        tx.execute(lock).await.map_err(storage)?;
        tx.execute(sqlx::raw_sql(migrate::TABLE)).await.map_err(storage)?;
        let applied: Vec<(i64, String)> = sqlx::query_as("select number, checksum from migration order by number")
            .fetch_all(&mut *tx)
            .await
            .map_err(storage)?;
        for step in migrate::pending(migrate::POSTGRES, &applied)? {
            tx.execute(sqlx::raw_sql(step.sql)).await.map_err(storage)?;
            let record = sqlx::query("insert into migration (number, checksum) values ($1, $2)");
            tx.execute(record.bind(step.number).bind(step.checksum())).await.map_err(storage)?;
        }
        tx.commit().await.map_err(storage)
    }

    pub(super) async fn write<A, T, F>(&self, args: A, work: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static,
    {
        // A task of its own, so that a caller who goes away can't stop it half-way.
        let db = self.clone();
        let task = tokio::spawn(async move {
            let mut tries = 1;
            loop {
                match db.transact("begin", &args, &work).await {
                    Err(Error::Unavailable(source)) if tries < TRIES && is_conflict(source.as_ref()) => {
                        tokio::time::sleep(Duration::from_millis(u64::from(5 * tries * tries))).await;
                        tries += 1;
                    }
                    result => return result,
                }
            }
        });
        task.await.map_err(Error::internal)?
    }

    pub(super) async fn read<A, T, F>(&self, args: A, work: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static,
    {
        let db = self.clone();
        let snapshot = "begin isolation level repeatable read read only";
        let task = tokio::spawn(async move { db.transact(snapshot, &args, &work).await });
        task.await.map_err(Error::internal)?
    }

    async fn transact<A, T, F>(&self, begin: &'static str, args: &A, work: &F) -> Result<T>
    where
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>>,
    {
        let raw = self.pool.acquire().await.map_err(storage)?;
        let mut connection = Connection { raw };
        connection.command(begin).await?;
        let mut tx = Tx::Postgres(connection);
        // A panic must not leave the transaction open for the connection's next user.
        let result = AssertUnwindSafe(work(&mut tx, args)).catch_unwind().await;
        let result = result.unwrap_or_else(|_| Err(Error::internal("a transaction panicked")));
        let Tx::Postgres(mut connection) = tx else {
            return Err(Error::internal("a transaction changed its engine"));
        };
        let end = match &result {
            Ok(_) => connection.command("commit").await,
            Err(_) => connection.command("rollback").await,
        };
        if end.is_err() {
            // In an unknown state: not for anyone else.
            connection.raw.close_on_drop();
        }
        match (result, end) {
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(value), Ok(())) => Ok(value),
        }
    }

    pub(super) async fn erase(&self) -> Result<Erasure> {
        let mut raw = self.pool.acquire().await.map_err(storage)?;
        // It takes as long as the tables are large; and such a connection is for nothing else.
        raw.close_on_drop();
        raw.execute(sqlx::raw_sql("set statement_timeout = 0")).await.map_err(storage)?;
        raw.execute(sqlx::raw_sql(
            "vacuum memory, memory_version, trash, deletion, conversation, message, chunk, conversation_summary, \
             conversation_trash, conversation_link, import",
        ))
        .await
        .map_err(storage)?;
        Ok(Erasure::Vacuumed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// What a database can answer to one of two transactions that got in each
/// other's way: serialization failure, deadlock.
fn is_conflict(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let code = source.downcast_ref::<Arc<sqlx::Error>>().and_then(|e| e.as_database_error()?.code());
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// Conflicts, a lost connection and a full or stopping server are
/// [`Error::Unavailable`]; any other failure is ours.
fn storage(error: sqlx::Error) -> Error {
    let unavailable = match &error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Classes: connection, rollback, resources, operator intervention, system; read-only; lock timeout.
            ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                || matches!(code.as_ref(), "25006" | "55P03" | "3D000" | "28P01")
        }),
        // A server that goes down may answer with something else than what is due.
        error => matches!(error, sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed),
    };
    if unavailable { Error::unavailable(Arc::new(error)) } else { Error::internal(error) }
}

#[cfg(test)]
mod tests {
    use super::has_half_vectors;

    #[test]
    fn half_vectors_came_with_0_7() {
        for (version, has) in
            [("0.6.2", false), ("0.7.0", true), ("0.8.1", true), ("0.10", true), ("1.0", true), ("", false)]
        {
            assert_eq!(has_half_vectors(version), has, "{version}");
        }
    }
}
