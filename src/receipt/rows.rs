//! Rows of receipts.

use super::{Draft, Proof, Receipt};
use crate::clock::Micros;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::AccountId;

pub(crate) async fn insert(tx: &mut Tx, draft: &Draft, ids: &[String], failed: i64) -> Result<()> {
    let sql = "insert into deletion (account_id, id, operation, token_name, deleted, failed, purged, \
               id_salt, id_hashes, created_at, purged_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let deleted = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let hashes = draft.hashes(ids);
    let values = [
        draft.account.0.into(),
        (&draft.id).into(),
        draft.operation.name().into(),
        (&draft.token_name).into(),
        deleted.into(),
        failed.into(),
        if draft.purge { deleted } else { 0 }.into(),
        draft.salt[..].into(),
        hashes[..].into(),
        draft.now.0.into(),
        (draft.purge && deleted > 0).then_some(draft.now.0).into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// Notes that memories of a receipt left the trash.
pub(crate) async fn settle(
    tx: &mut Tx,
    account: AccountId,
    id: &str,
    restored: i64,
    purged: i64,
    now: Micros,
) -> Result<()> {
    let sql = "update deletion set restored = restored + $3, purged = purged + $4, \
               purged_at = case when $4 > 0 then $5 else purged_at end, \
               erased_at = case when $4 > 0 then null else erased_at end \
               where account_id = $1 and id = $2";
    tx.execute(sql, &[account.0.into(), id.into(), restored.into(), purged.into(), now.0.into()]).await.map(drop)
}

pub(super) async fn list(tx: &mut Tx, account: AccountId, skip: i64, limit: i64) -> Result<(Vec<Receipt>, i64)> {
    let total = tx.one("select count(*) from deletion where account_id = $1", &[account.0.into()]).await?.int(0)?;
    let sql = "select id, operation, token_name, deleted, failed, restored, purged, created_at, purged_at, erased_at \
               from deletion where account_id = $1 order by created_at desc, id desc limit $3 offset $2";
    let rows = tx.rows(sql, &[account.0.into(), skip.into(), limit.into()]).await?;
    Ok((rows.into_iter().map(receipt).collect::<Result<_>>()?, total))
}

/// A receipt with its proof.
pub(crate) async fn get(tx: &mut Tx, account: AccountId, id: &str) -> Result<Option<(Receipt, Proof)>> {
    let sql = "select id, operation, token_name, deleted, failed, restored, purged, created_at, purged_at, erased_at, \
               id_salt, id_hashes from deletion where account_id = $1 and id = $2";
    let Some(mut row) = tx.row(sql, &[account.0.into(), id.into()]).await? else { return Ok(None) };
    let proof = Proof { salt: row.bytes(10)?, hashes: row.bytes(11)?.as_chunks().0.to_vec() };
    Ok(Some((receipt(row)?, proof)))
}

fn receipt(mut row: Row) -> Result<Receipt> {
    Ok(Receipt {
        id: row.text(0)?,
        operation: row.text(1)?,
        token_name: row.text(2)?,
        deleted: row.int(3)?,
        failed: row.int(4)?,
        restored: row.int(5)?,
        purged: row.int(6)?,
        created_at: Micros(row.int(7)?),
        purged_at: row.int_or_null(8)?.map(Micros),
        erased_at: row.int_or_null(9)?.map(Micros),
    })
}

/// The receipts of all accounts whose purge is committed but not yet erased.
pub(super) async fn to_erase(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "select id from deletion where purged_at is not null and erased_at is null order by id";
    tx.rows(sql, &[]).await?.into_iter().map(|mut row| row.text(0)).collect()
}

/// Notes that nothing is left of what these receipts purged.
pub(super) async fn mark_erased(tx: &mut Tx, ids: &[String], now: Micros) -> Result<()> {
    let sql = "update deletion set erased_at = $2 \
               where purged_at is not null and erased_at is null and id {in $1}";
    tx.execute(sql, &[ids.into(), now.0.into()]).await.map(drop)
}
