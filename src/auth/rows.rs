//! Rows of accounts and tokens.

use super::{Account, Token};
use crate::clock::Micros;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::AccountId;

/// Takes `count` numbers from the account's sequence; the last of them.
///
/// Every change of an account's memories, buckets and trash begins with this.
/// It locks the account's row until the transaction ends, so that changes of
/// one account happen one after another on every engine, and each knows that
/// what it has read stays as it is.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn advance(tx: &mut Tx, account: AccountId, count: i64) -> Result<i64> {
    let sql = "update account set seq = seq + $2 where id = $1 returning seq";
    match tx.row(sql, &[account.0.into(), count.into()]).await? {
        Some(row) => row.int(0),
        // The account was removed after the caller was authenticated.
        None => Err(crate::Error::Unauthorized),
    }
}

/// Adds an account; `None` where the name is taken.
pub(super) async fn insert_account(tx: &mut Tx, name: &str, now: Micros) -> Result<Option<AccountId>> {
    let sql = "insert into account (name, created_at) values ($1, $2) on conflict (name) do nothing returning id";
    let row = tx.row(sql, &[name.into(), now.0.into()]).await?;
    row.map(|row| row.int(0).map(AccountId)).transpose()
}

pub(super) async fn account_by_name(tx: &mut Tx, name: &str) -> Result<Option<Account>> {
    let row = tx.row("select id, name, created_at from account where name = $1", &[name.into()]).await?;
    row.map(account).transpose()
}

pub(super) async fn accounts(tx: &mut Tx) -> Result<Vec<Account>> {
    let rows = tx.rows("select id, name, created_at from account order by id", &[]).await?;
    rows.into_iter().map(account).collect()
}

fn account(mut row: Row) -> Result<Account> {
    Ok(Account { id: AccountId(row.int(0)?), name: row.text(1)?, created_at: Micros(row.int(2)?) })
}

/// Removes an account and every row that it owns.
pub(super) async fn delete_account(tx: &mut Tx, account: AccountId) -> Result<bool> {
    tx.execute("delete from memory where account_id = $1", &[account.0.into()]).await?;
    // The other tables follow by their foreign keys.
    Ok(tx.execute("delete from account where id = $1", &[account.0.into()]).await? > 0)
}

pub(super) async fn insert_token(tx: &mut Tx, account: AccountId, token: &Token, hash: &[u8]) -> Result<()> {
    let sql = "insert into api_token (account_id, id, name, lookup, hash, scopes, created_at, expires_at) \
               values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let scopes = token.scopes.to_string();
    let values = [
        account.0.into(),
        (&token.id).into(),
        (&token.name).into(),
        (&token.lookup).into(),
        hash.into(),
        (&scopes).into(),
        token.created_at.0.into(),
        token.expires_at.map(|t| t.0).into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// A token as needed to check it.
pub(super) struct Credential {
    pub account: AccountId,
    pub hash: Vec<u8>,
    pub name: String,
    pub scopes: String,
    pub expires_at: Option<Micros>,
}

pub(super) async fn credential(tx: &mut Tx, lookup: &str) -> Result<Option<Credential>> {
    let sql = "select account_id, hash, name, scopes, expires_at from api_token where lookup = $1";
    let Some(mut row) = tx.row(sql, &[lookup.into()]).await? else { return Ok(None) };
    Ok(Some(Credential {
        account: AccountId(row.int(0)?),
        hash: row.bytes(1)?,
        name: row.text(2)?,
        scopes: row.text(3)?,
        expires_at: row.int_or_null(4)?.map(Micros),
    }))
}

pub(super) async fn tokens(tx: &mut Tx, account: AccountId) -> Result<Vec<Token>> {
    let sql = "select id, name, lookup, scopes, created_at, expires_at, last_used_at \
               from api_token where account_id = $1 order by created_at, id";
    let rows = tx.rows(sql, &[account.0.into()]).await?;
    let token = |mut row: Row| -> Result<Token> {
        Ok(Token {
            id: row.text(0)?,
            name: row.text(1)?,
            lookup: row.text(2)?,
            scopes: row.text(3)?.parse()?,
            created_at: Micros(row.int(4)?),
            expires_at: row.int_or_null(5)?.map(Micros),
            last_used_at: row.int_or_null(6)?.map(Micros),
        })
    };
    rows.into_iter().map(token).collect()
}

/// Removes the token with this id; whether there was one.
pub(super) async fn delete_token(tx: &mut Tx, account: AccountId, id: &str) -> Result<bool> {
    let sql = "delete from api_token where account_id = $1 and id = $2";
    Ok(tx.execute(sql, &[account.0.into(), id.into()]).await? > 0)
}

/// Removes the tokens with this id or name; how many there were.
pub(super) async fn delete_tokens(tx: &mut Tx, account: AccountId, id_or_name: &str) -> Result<u64> {
    let sql = "delete from api_token where account_id = $1 and (id = $2 or name = $2)";
    tx.execute(sql, &[account.0.into(), id_or_name.into()]).await
}

/// Removes every token, session, link and grant of an account, and its password.
pub(super) async fn delete_all_access(tx: &mut Tx, account: AccountId) -> Result<()> {
    for sql in [
        "delete from api_token where account_id = $1",
        "delete from web_session where account_id = $1",
        "delete from sign_in_link where account_id = $1",
        "delete from oauth_grant where account_id = $1",
        "update account set password = null where id = $1",
    ] {
        tx.execute(sql, &[account.0.into()]).await?;
    }
    Ok(())
}

pub(super) async fn touch_token(tx: &mut Tx, lookup: &str, now: Micros) -> Result<()> {
    let sql = "update api_token set last_used_at = $2 where lookup = $1";
    tx.execute(sql, &[lookup.into(), now.0.into()]).await.map(drop)
}
