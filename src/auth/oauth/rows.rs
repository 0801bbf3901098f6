//! Rows of clients, grants, codes and tokens.

use super::Grant;
use super::clients::Client;
use crate::clock::Micros;
use crate::db::{Row, Tx};
use crate::error::{Error, Result};
use crate::id::AccountId;

pub(super) async fn insert_client(tx: &mut Tx, client: &Client, now: Micros) -> Result<()> {
    let sql = "insert into oauth_client (id, name, redirect_uris, created_at) values ($1, $2, $3, $4)";
    let uris = serde_json::to_string(&client.redirect_uris).map_err(Error::internal)?;
    tx.execute(sql, &[(&client.id).into(), (&client.name).into(), (&uris).into(), now.0.into()]).await.map(drop)
}

pub(super) async fn client(tx: &mut Tx, id: &str) -> Result<Option<Client>> {
    let row = tx.row("select id, name, redirect_uris from oauth_client where id = $1", &[id.into()]).await?;
    let client = |mut row: Row| {
        let redirect_uris = serde_json::from_str(&row.text(2)?).map_err(Error::internal)?;
        Ok(Client { id: row.text(0)?, name: row.text(1)?, redirect_uris })
    };
    row.map(client).transpose()
}

/// How many clients registered since.
pub(super) async fn count_clients_since(tx: &mut Tx, since: Micros) -> Result<i64> {
    tx.one("select count(*) from oauth_client where created_at > $1", &[since.0.into()]).await?.int(0)
}

/// Removes those clients that were never used, but for the newest `kept`.
pub(super) async fn delete_oldest_unused_clients(tx: &mut Tx, kept: i64) -> Result<()> {
    let sql = "delete from oauth_client where used_at is null and created_at < \
               (select created_at from oauth_client where used_at is null \
               order by created_at desc limit 1 offset $1)";
    tx.execute(sql, &[kept.into()]).await.map(drop)
}

/// Removes clients that registered before `unused` and were never used, and
/// those last used before `forgotten` that no grant is left of.
pub(super) async fn delete_unused_clients(tx: &mut Tx, unused: Micros, forgotten: Micros) -> Result<()> {
    let sql = "delete from oauth_client where (used_at is null and created_at < $1) or (used_at < $2 \
               and not exists (select 1 from oauth_grant where oauth_grant.client_id = oauth_client.id))";
    tx.execute(sql, &[unused.0.into(), forgotten.0.into()]).await.map(drop)
}

pub(super) async fn use_client(tx: &mut Tx, id: &str, now: Micros) -> Result<()> {
    tx.execute("update oauth_client set used_at = $2 where id = $1", &[id.into(), now.0.into()]).await.map(drop)
}

pub(super) async fn insert_grant(tx: &mut Tx, account: AccountId, grant: &Grant) -> Result<()> {
    let sql = "insert into oauth_grant (account_id, id, client_id, client_name, scopes, resource, created_at) \
               values ($1, $2, $3, $4, $5, $6, $7)";
    let scopes = grant.scopes.to_string();
    let values = [
        account.0.into(),
        (&grant.id).into(),
        (&grant.client_id).into(),
        (&grant.client_name).into(),
        (&scopes).into(),
        (&grant.resource).into(),
        grant.created_at.0.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

pub(super) async fn grants(tx: &mut Tx, account: AccountId) -> Result<Vec<Grant>> {
    let sql = "select id, client_id, client_name, scopes, resource, created_at, last_used_at \
               from oauth_grant where account_id = $1 order by created_at, id";
    let rows = tx.rows(sql, &[account.0.into()]).await?;
    rows.into_iter().map(|row| grant(row, 0)).collect()
}

/// The grant whose columns begin at `at`, in the order of [`grants`].
fn grant(mut row: Row, at: usize) -> Result<Grant> {
    Ok(Grant {
        id: row.text(at)?,
        client_id: row.text(at + 1)?,
        client_name: row.text(at + 2)?,
        scopes: row.text(at + 3)?.parse()?,
        resource: row.text(at + 4)?,
        created_at: Micros(row.int(at + 5)?),
        last_used_at: row.int_or_null(at + 6)?.map(Micros),
    })
}

/// Ends a grant; its codes and tokens follow by their foreign keys. Whether there was one.
pub(super) async fn delete_grant(tx: &mut Tx, account: AccountId, id: &str) -> Result<bool> {
    let sql = "delete from oauth_grant where account_id = $1 and id = $2";
    Ok(tx.execute(sql, &[account.0.into(), id.into()]).await? > 0)
}

/// Notes when a grant was used, and keeps it until the transaction ends; whether it is there.
pub(super) async fn touch_grant(tx: &mut Tx, account: AccountId, id: &str, now: Micros) -> Result<bool> {
    let sql = "update oauth_grant set last_used_at = $3 where account_id = $1 and id = $2";
    Ok(tx.execute(sql, &[account.0.into(), id.into(), now.0.into()]).await? > 0)
}

/// Whether the account has allowed this client something.
pub(super) async fn has_grant(tx: &mut Tx, account: AccountId, client: &str) -> Result<bool> {
    let sql = "select 1 from oauth_grant where account_id = $1 and client_id = $2 limit 1";
    Ok(tx.row(sql, &[account.0.into(), client.into()]).await?.is_some())
}

/// Removes grants that no token can be had of any more: without a token, and
/// without a code that was still valid at `then`.
pub(super) async fn delete_dead_grants(tx: &mut Tx, then: Micros) -> Result<()> {
    let sql = "delete from oauth_grant where \
               not exists (select 1 from oauth_token t where t.account_id = oauth_grant.account_id \
               and t.grant_id = oauth_grant.id) and \
               not exists (select 1 from oauth_code c where c.account_id = oauth_grant.account_id \
               and c.grant_id = oauth_grant.id and c.used_at is null and c.expires_at > $1)";
    tx.execute(sql, &[then.0.into()]).await.map(drop)
}

/// A code or a token with its grant.
pub(super) struct Stored<T> {
    pub account: AccountId,
    pub grant: Grant,
    /// When a code was exchanged or a refresh token replaced.
    pub used_at: Option<Micros>,
    pub item: T,
}

/// What a code is bound to.
pub(super) struct Code {
    pub redirect_uri: String,
    pub challenge: String,
    pub expires_at: Micros,
}

pub(super) async fn insert_code(tx: &mut Tx, account: AccountId, grant: &str, hash: &[u8], code: &Code) -> Result<()> {
    let sql = "insert into oauth_code (hash, account_id, grant_id, redirect_uri, challenge, expires_at) \
               values ($1, $2, $3, $4, $5, $6)";
    let values = [
        hash.into(),
        account.0.into(),
        grant.into(),
        (&code.redirect_uri).into(),
        (&code.challenge).into(),
        code.expires_at.0.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

pub(super) async fn code(tx: &mut Tx, hash: &[u8]) -> Result<Option<Stored<Code>>> {
    let sql = "select c.account_id, c.used_at, c.redirect_uri, c.challenge, c.expires_at, \
               g.id, g.client_id, g.client_name, g.scopes, g.resource, g.created_at, g.last_used_at \
               from oauth_code c join oauth_grant g on g.account_id = c.account_id and g.id = c.grant_id \
               where c.hash = $1";
    let Some(mut row) = tx.row(sql, &[hash.into()]).await? else { return Ok(None) };
    Ok(Some(Stored {
        account: AccountId(row.int(0)?),
        used_at: row.int_or_null(1)?.map(Micros),
        item: Code { redirect_uri: row.text(2)?, challenge: row.text(3)?, expires_at: Micros(row.int(4)?) },
        grant: grant(row, 5)?,
    }))
}

/// Marks a code as exchanged; whether it was not before.
pub(super) async fn use_code(tx: &mut Tx, hash: &[u8], now: Micros) -> Result<bool> {
    let sql = "update oauth_code set used_at = $2 where hash = $1 and used_at is null";
    Ok(tx.execute(sql, &[hash.into(), now.0.into()]).await? > 0)
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Using the server.
    Access,
    /// Getting new tokens.
    Refresh,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// A token.
pub(super) struct Token {
    pub kind: Kind,
    pub expires_at: Micros,
}

pub(super) async fn insert_token(
    tx: &mut Tx,
    account: AccountId,
    grant: &str,
    kind: Kind,
    hash: &[u8],
    now: Micros,
    expires_at: Micros,
) -> Result<()> {
    let sql = "insert into oauth_token (hash, account_id, grant_id, kind, created_at, expires_at) \
               values ($1, $2, $3, $4, $5, $6)";
    let values = [hash.into(), account.0.into(), grant.into(), kind.name().into(), now.0.into(), expires_at.0.into()];
    tx.execute(sql, &values).await.map(drop)
}

pub(super) async fn token(tx: &mut Tx, hash: &[u8]) -> Result<Option<Stored<Token>>> {
    let sql = "select t.account_id, t.replaced_at, t.kind, t.expires_at, \
               g.id, g.client_id, g.client_name, g.scopes, g.resource, g.created_at, g.last_used_at \
               from oauth_token t join oauth_grant g on g.account_id = t.account_id and g.id = t.grant_id \
               where t.hash = $1";
    let Some(mut row) = tx.row(sql, &[hash.into()]).await? else { return Ok(None) };
    let kind = if row.text(2)? == Kind::Access.name() { Kind::Access } else { Kind::Refresh };
    Ok(Some(Stored {
        account: AccountId(row.int(0)?),
        used_at: row.int_or_null(1)?.map(Micros),
        item: Token { kind, expires_at: Micros(row.int(3)?) },
        grant: grant(row, 4)?,
    }))
}

/// Notes when a refresh token was first replaced.
pub(super) async fn replace_token(tx: &mut Tx, hash: &[u8], now: Micros) -> Result<()> {
    let sql = "update oauth_token set replaced_at = $2 where hash = $1 and replaced_at is null";
    tx.execute(sql, &[hash.into(), now.0.into()]).await.map(drop)
}

pub(super) async fn delete_expired_tokens(tx: &mut Tx, now: Micros) -> Result<()> {
    tx.execute("delete from oauth_token where expires_at <= $1", &[now.0.into()]).await.map(drop)
}
