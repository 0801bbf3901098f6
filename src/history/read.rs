//! Looking at conversations.

use futures_util::FutureExt;

use super::ops::{ID_PREFIX, no_conversation};
use super::{Conversation, Message, rows};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Micros;
use crate::error::Result;
use crate::id;

/// Which conversations are listed: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Of this platform.
    pub platform: Option<String>,
    /// With this in the title, in any case of letters.
    pub title: Option<String>,
    /// Begun at or after.
    pub from: Option<Micros>,
    /// Begun before.
    pub to: Option<Micros>,
    /// Only pinned ones.
    pub is_pinned: bool,
    /// How many of the first to leave out.
    pub skip: i64,
    /// At most how many.
    pub limit: i64,
}

/// Conversations, latest changed first, and how many there are in all.
///
/// # Errors
/// [`crate::Error::Forbidden`] without the scope `read`.
pub async fn list(app: &App, caller: &Caller, list: List) -> Result<(Vec<Conversation>, i64)> {
    caller.require(Scope::Read)?;
    let args = (caller.account, list);
    app.db.read(args, |tx, (account, list)| rows::list(tx, *account, list).boxed()).await
}

/// A conversation with its messages.
///
/// # Errors
/// [`crate::Error::Forbidden`] without the scope `read`, [`crate::Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<(Conversation, Vec<Message>)> {
    caller.require(Scope::Read)?;
    if !id::is_of(ID_PREFIX, id) {
        return Err(no_conversation());
    }
    let args = (caller.account, vec![id.to_owned()]);
    app.db
        .read(args, |tx, (account, ids)| {
            async move {
                let conversation = rows::by_ids(tx, *account, ids).await?.pop().ok_or_else(no_conversation)?;
                let messages = rows::messages(tx, *account, &conversation.id).await?;
                Ok((conversation, messages))
            }
            .boxed()
        })
        .await
}

/// How many conversations there are.
///
/// # Errors
/// [`crate::Error::Forbidden`] without the scope `read`.
pub async fn count(app: &App, caller: &Caller) -> Result<i64> {
    caller.require(Scope::Read)?;
    app.db.read(caller.account, |tx, account| rows::count(tx, *account).boxed()).await
}
