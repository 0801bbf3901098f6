//! Rows of buckets.

use super::{Bucket, BucketName, BucketRef, GENERAL, key};
use crate::clock::Micros;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::{AccountId, BucketId};

/// Adds a bucket; `None` where the name is taken.
pub(super) async fn insert(
    tx: &mut Tx,
    account: AccountId,
    id: BucketId,
    name: &BucketName,
    description: Option<&str>,
    now: Micros,
) -> Result<Option<BucketId>> {
    let sql = "insert into bucket (account_id, id, name, name_key, description, is_general, created_at) \
               values ($1, $2, $3, $4, $5, $6, $7) on conflict (account_id, name_key) do nothing returning id";
    let key = name.key();
    let values = [
        account.0.into(),
        id.0.into(),
        name.as_str().into(),
        (&key).into(),
        description.into(),
        i64::from(name.as_str() == GENERAL).into(),
        now.0.into(),
    ];
    Ok(tx.row(sql, &values).await?.map(|_| id))
}

/// All buckets: General first, then by name.
pub(crate) async fn list(tx: &mut Tx, account: AccountId) -> Result<Vec<Bucket>> {
    let sql = "select id, name, description, is_general, memory_count, created_at \
               from bucket where account_id = $1 order by is_general desc, name_key, id";
    tx.rows(sql, &[account.0.into()]).await?.into_iter().map(bucket).collect()
}

/// The bucket that a reference names; without one, General.
pub(crate) async fn find(tx: &mut Tx, account: AccountId, wanted: Option<&BucketRef>) -> Result<Option<Bucket>> {
    // No bucket has control characters in its name, and PostgreSQL can't be asked for NUL.
    if matches!(wanted, Some(BucketRef::Name(name)) if name.contains('\0')) {
        return Ok(None);
    }
    let (id, name) = match wanted {
        None => (None, Some(key(GENERAL))),
        Some(BucketRef::Id(id)) => (Some(id.0), None),
        Some(BucketRef::Name(name)) => (None, Some(key(name))),
    };
    let sql = "select id, name, description, is_general, memory_count, created_at \
               from bucket where account_id = $1 and (id = $2 or name_key = $3)";
    let row = tx.row(sql, &[account.0.into(), id.into(), name.as_deref().into()]).await?;
    row.map(bucket).transpose()
}

fn bucket(mut row: Row) -> Result<Bucket> {
    Ok(Bucket {
        id: BucketId(row.int(0)?),
        name: row.text(1)?,
        description: row.text_or_null(2)?,
        is_general: row.int(3)? == 1,
        memory_count: row.int(4)?,
        created_at: Micros(row.int(5)?),
    })
}

/// Adds to the number of memories in a bucket.
pub(crate) async fn count(tx: &mut Tx, account: AccountId, bucket: BucketId, added: i64) -> Result<()> {
    let sql = "update bucket set memory_count = memory_count + $3 where account_id = $1 and id = $2";
    tx.execute(sql, &[account.0.into(), bucket.0.into(), added.into()]).await.map(drop)
}

/// Changes name and description. The name must be free.
pub(super) async fn update(
    tx: &mut Tx,
    account: AccountId,
    id: BucketId,
    name: &str,
    description: Option<&str>,
) -> Result<()> {
    let sql = "update bucket set name = $3, name_key = $4, description = $5 where account_id = $1 and id = $2";
    let key = key(name);
    let values = [account.0.into(), id.0.into(), name.into(), (&key).into(), description.into()];
    tx.execute(sql, &values).await.map(drop)
}

/// Removes a bucket, which must be empty.
pub(super) async fn delete(tx: &mut Tx, account: AccountId, id: BucketId) -> Result<()> {
    let sql = "delete from bucket where account_id = $1 and id = $2";
    tx.execute(sql, &[account.0.into(), id.0.into()]).await.map(drop)
}

/// Buckets of all accounts whose count is not the number of their memories.
pub(super) async fn miscounted(tx: &mut Tx) -> Result<i64> {
    let sql = "select count(*) from bucket b where memory_count <> \
               (select count(*) from memory m where m.account_id = b.account_id and m.bucket_id = b.id)";
    tx.one(sql, &[]).await?.int(0)
}
