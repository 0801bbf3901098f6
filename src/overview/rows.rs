//! Rows of the overview.

use super::usage::{Kind, Step};
use super::{Began, Source, day_of};
use crate::clock::Micros;
use crate::db::{Dialect, Row, Sql, Tx};
use crate::error::{Error, Result};
use crate::id::AccountId;

/// How many memories and how many buckets there are.
pub(super) async fn memories_and_buckets(tx: &mut Tx, account: AccountId) -> Result<(i64, i64)> {
    let sql = "select cast(coalesce(sum(memory_count), 0) as bigint), count(*) from bucket where account_id = $1";
    let row = tx.one(sql, &[account.0.into()]).await?;
    Ok((row.int(0)?, row.int(1)?))
}

/// Where memories come from, most first.
pub(super) async fn sources(tx: &mut Tx, account: AccountId) -> Result<Vec<Source>> {
    let sql = "select source, count(*) from memory where account_id = $1 group by source \
               order by count(*) desc, source";
    let source = |mut row: Row| Ok(Source { name: row.text_or_null(0)?, memories: row.int(1)? });
    tx.rows(sql, &[account.0.into()]).await?.into_iter().map(source).collect()
}

/// Bytes that the storage takes: of `SQLite` the file without its log.
pub(super) async fn storage_bytes(tx: &mut Tx) -> Result<i64> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => "select page_count * page_size from pragma_page_count(), pragma_page_size()",
        Dialect::Postgres => "select pg_database_size(current_database())",
    };
    tx.one(sql, &[]).await?.int(0)
}

/// How many memories were stored before a time, and how many on each day from then on.
pub(super) async fn memories_by_day(tx: &mut Tx, account: AccountId, first: Micros) -> Result<(i64, Vec<Began>)> {
    by_day(tx, "memory", account, first).await
}

/// The same of conversations, by when they began.
pub(super) async fn conversations_by_day(tx: &mut Tx, account: AccountId, first: Micros) -> Result<(i64, Vec<Began>)> {
    by_day(tx, "conversation", account, first).await
}

async fn by_day(tx: &mut Tx, table: &'static str, account: AccountId, first: Micros) -> Result<(i64, Vec<Began>)> {
    let values = [account.0.into(), first.0.into()];
    let sql = Sql::of(table, "select count(*) from {table} where account_id = $1 and created_at < $2");
    let before = tx.one(sql, &values).await?.int(0)?;
    let sql = Sql::of(
        table,
        "select created_at / 86400000000 as day, count(*) from {table} \
         where account_id = $1 and created_at >= $2 group by day order by day",
    );
    Ok((before, tx.rows(sql, &values).await?.iter().map(began).collect::<Result<_>>()?))
}

fn began(row: &Row) -> Result<Began> {
    Ok(Began { day: Micros(row.int(0)? * Micros::DAY), count: row.int(1)? })
}

/// Adds to what is counted of a day, of an account that is there.
pub(super) async fn add(tx: &mut Tx, account: AccountId, day: i64, kind: Kind, step: u8, added: Step) -> Result<()> {
    let sql = "insert into usage_day (account_id, day, kind, step, count, micros, slowest) \
               select id, $2, $3, $4, $5, $6, $7 from account where id = $1 \
               on conflict (account_id, day, kind, step) do update set count = usage_day.count + excluded.count, \
               micros = usage_day.micros + excluded.micros, slowest = case \
               when excluded.slowest > usage_day.slowest then excluded.slowest else usage_day.slowest end";
    let values = [
        account.0.into(),
        day.into(),
        kind.name().into(),
        i64::from(step).into(),
        added.count.into(),
        added.micros.into(),
        added.slowest.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// What was counted from a day on.
pub(super) async fn used_since(tx: &mut Tx, account: AccountId, first: Micros) -> Result<Vec<(i64, Kind, u8, Step)>> {
    let sql = "select day, kind, step, count, micros, slowest from usage_day where account_id = $1 and day >= $2";
    let used = |mut row: Row| {
        let kind = Kind::named(&row.text(1)?).ok_or_else(|| Error::internal("usage is of no known kind"))?;
        let step = u8::try_from(row.int(2)?).map_err(Error::internal)?;
        Ok((row.int(0)?, kind, step, Step { count: row.int(3)?, micros: row.int(4)?, slowest: row.int(5)? }))
    };
    tx.rows(sql, &[account.0.into(), day_of(first).into()]).await?.into_iter().map(used).collect()
}

/// Whether anything was counted, of any account, before a time.
pub(super) async fn is_any_before(tx: &mut Tx, time: Micros) -> Result<bool> {
    Ok(tx.row("select 1 from usage_day where day < $1 limit 1", &[day_of(time).into()]).await?.is_some())
}

/// Removes what was counted, of any account, before a time.
pub(super) async fn delete_before(tx: &mut Tx, time: Micros) -> Result<()> {
    tx.execute("delete from usage_day where day < $1", &[day_of(time).into()]).await.map(drop)
}
