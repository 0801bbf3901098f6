//! Rows of passwords, sessions, and links that set a password.

use crate::auth::Account;
use crate::clock::Micros;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::AccountId;

pub(super) async fn set_password(tx: &mut Tx, account: AccountId, hash: &str) -> Result<()> {
    tx.execute("update account set password = $2 where id = $1", &[account.0.into(), hash.into()]).await.map(drop)
}

/// The account of a name with the hash of its password.
pub(super) async fn password(tx: &mut Tx, name: &str) -> Result<Option<(AccountId, Option<String>)>> {
    let row = tx.row("select id, password from account where name = $1", &[name.into()]).await?;
    row.map(|mut row| Ok((AccountId(row.int(0)?), row.text_or_null(1)?))).transpose()
}

/// Whether this is the hash of the account's password, which then stays so until
/// the transaction ends.
pub(super) async fn is_password(tx: &mut Tx, account: AccountId, hash: &str) -> Result<bool> {
    let sql = "update account set password = password where id = $1 and password = $2";
    Ok(tx.execute(sql, &[account.0.into(), hash.into()]).await? > 0)
}

pub(super) async fn insert(
    tx: &mut Tx,
    account: AccountId,
    hash: &[u8],
    now: Micros,
    expires_at: Micros,
) -> Result<()> {
    let sql = "insert into web_session (hash, account_id, created_at, expires_at) values ($1, $2, $3, $4)";
    tx.execute(sql, &[hash.into(), account.0.into(), now.0.into(), expires_at.0.into()]).await.map(drop)
}

/// The account that is signed in with the session of this hash, and whether it is the oldest.
pub(super) async fn account(tx: &mut Tx, hash: &[u8], now: Micros) -> Result<Option<(Account, bool)>> {
    let sql = "select a.id, a.name, a.created_at, (select min(id) from account) \
               from web_session s join account a on a.id = s.account_id where s.hash = $1 and s.expires_at > $2";
    let row = tx.row(sql, &[hash.into(), now.0.into()]).await?;
    let read = |row: Row| {
        let is_oldest = row.int(0)? == row.int(3)?;
        Ok((read_account(row)?, is_oldest))
    };
    row.map(read).transpose()
}

fn read_account(mut row: Row) -> Result<Account> {
    Ok(Account { id: AccountId(row.int(0)?), name: row.text(1)?, created_at: Micros(row.int(2)?) })
}

pub(super) async fn delete(tx: &mut Tx, hash: &[u8]) -> Result<()> {
    tx.execute("delete from web_session where hash = $1", &[hash.into()]).await.map(drop)
}

pub(super) async fn delete_all(tx: &mut Tx, account: AccountId) -> Result<()> {
    tx.execute("delete from web_session where account_id = $1", &[account.0.into()]).await.map(drop)
}

pub(super) async fn delete_expired(tx: &mut Tx, now: Micros) -> Result<()> {
    tx.execute("delete from web_session where expires_at <= $1", &[now.0.into()]).await?;
    tx.execute("delete from sign_in_link where expires_at <= $1", &[now.0.into()]).await.map(drop)
}

/// Whether any account has a password.
pub(super) async fn has_password(tx: &mut Tx) -> Result<bool> {
    Ok(tx.row("select 1 from account where password is not null limit 1", &[]).await?.is_some())
}

pub(super) async fn insert_link(
    tx: &mut Tx,
    account: AccountId,
    hash: &[u8],
    now: Micros,
    expires_at: Micros,
) -> Result<()> {
    let sql = "insert into sign_in_link (hash, account_id, created_at, expires_at) values ($1, $2, $3, $4)";
    tx.execute(sql, &[hash.into(), account.0.into(), now.0.into(), expires_at.0.into()]).await.map(drop)
}

/// The account that the link of this hash is for.
pub(super) async fn account_of_link(tx: &mut Tx, hash: &[u8], now: Micros) -> Result<Option<Account>> {
    let sql = "select a.id, a.name, a.created_at from sign_in_link l join account a on a.id = l.account_id \
               where l.hash = $1 and l.expires_at > $2";
    tx.row(sql, &[hash.into(), now.0.into()]).await?.map(read_account).transpose()
}

/// Removes the link of this hash; whose it was. Of two that try, one is answered.
pub(super) async fn take_link(tx: &mut Tx, hash: &[u8], now: Micros) -> Result<Option<AccountId>> {
    let sql = "delete from sign_in_link where hash = $1 and expires_at > $2 returning account_id";
    let row = tx.row(sql, &[hash.into(), now.0.into()]).await?;
    row.map(|row| row.int(0).map(AccountId)).transpose()
}

pub(super) async fn delete_links(tx: &mut Tx, account: AccountId) -> Result<()> {
    tx.execute("delete from sign_in_link where account_id = $1", &[account.0.into()]).await.map(drop)
}
