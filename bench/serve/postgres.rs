//! Databases of the measurement's own on a `PostgreSQL` server, and the
//! baseline there: one insert for each transaction on one connection.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::Result;
use crate::corpus::Corpus;

const SCHEMA: &str = include_str!("../../migrations/postgres/0001_memories.sql");

/// A database that goes away with this.
pub struct Database {
    pub server: String,
    pub name: String,
}

fn wait<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work)?)
}

impl Database {
    /// An empty one, or one with the data of `template`.
    pub fn create(server: &str, template: Option<&str>) -> Result<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("commonplace_bench_{}_{number}", std::process::id());
        run(server, format!("create database {name} template {}", template.unwrap_or("template0")))?;
        Ok(Self { server: server.to_owned(), name })
    }

    /// The server's URL with the database's name as its path.
    pub fn url(&self) -> String {
        let (base, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
        let authority = rest.split('/').next().unwrap_or_default();
        format!("{scheme}://{authority}/{}?{query}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = run(&self.server, format!("drop database if exists {} with (force)", self.name)) {
            eprintln!("the database {} was left behind: {error}", self.name);
        }
    }
}

fn run(server: &str, sql: String) -> Result<()> {
    wait(async {
        let mut connection = PgConnection::connect(server).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await
    })
}

/// Inserts texts into a new database, each in a transaction; how many in a second.
pub fn inserts(server: &str, seed: u64, count: usize) -> Result<f64> {
    let database = Database::create(server, None)?;
    let texts = Corpus::new(seed).texts(count);
    let seconds = wait(async {
        let mut connection = PgConnection::connect(&database.url()).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        let owner = "insert into account (id, name, created_at) values (1, 'owner', 0);
                     insert into bucket (account_id, id, name, name_key, is_general, created_at)
                     values (1, 1, 'General', 'general', 1, 0);";
        sqlx::raw_sql(owner).execute(&mut connection).await?;
        let begun = Instant::now();
        for (doc, text) in (1_i64..).zip(&texts) {
            let insert =
                "insert into memory (doc, account_id, id, bucket_id, text, fingerprint, created_at, updated_at)
                          values ($1, 1, $2, 1, $3, $1, $1, $1)";
            let insert = sqlx::query(insert).bind(doc).bind(format!("mem_{doc:032x}")).bind(text);
            insert.execute(&mut connection).await?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        connection.close().await?;
        Ok(seconds)
    })?;
    Ok(f64::from(u32::try_from(count)?) / seconds)
}
