//! Looking at conversations.

use futures_util::FutureExt;

use super::delete::asked;
use super::ops::{ID_PREFIX, no_conversation};
use super::{Conversation, Message, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{self, AccountId};

/// Longest condition, in characters.
const MOST_CONDITION: usize = 1_000;

/// Which conversations: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct Which {
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
    /// Last changed by this import.
    pub import: Option<String>,
}

impl Which {
    /// Refuses what no storage takes in a condition.
    pub(super) fn check(&self) -> Result<()> {
        let texts = [&self.platform, &self.title, &self.import];
        if texts.into_iter().flatten().any(|text| text.contains('\0') || text.chars().count() > MOST_CONDITION) {
            return Err(Error::invalid(format!(
                "A condition has at most {MOST_CONDITION} characters, and none of them is NUL."
            )));
        }
        Ok(())
    }
}

/// Conversations, latest changed first, and how many there are in all.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn list(app: &App, caller: &Caller, which: Which, skip: i64, limit: i64) -> Result<(Vec<Conversation>, i64)> {
    caller.require(Scope::Read)?;
    which.check()?;
    let args = (caller.account, which, skip, limit);
    app.db.read(args, |tx, (account, which, skip, limit)| rows::list(tx, *account, which, *skip, *limit).boxed()).await
}

/// A conversation with its messages.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::NotFound`].
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
/// [`Error::Forbidden`] without the scope `read`.
pub async fn count(app: &App, caller: &Caller) -> Result<i64> {
    caller.require(Scope::Read)?;
    app.db.read(caller.account, |tx, account| rows::count(tx, *account).boxed()).await
}

/// Pins conversations, or lets them go: those that are pinned are kept where many
/// are deleted at once. How many, and how many of the distinct ids there are not.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`]
/// for more ids than the limit.
pub async fn pin(app: &App, caller: &Caller, ids: Vec<String>, is_pinned: bool) -> Result<(usize, usize)> {
    caller.require(Scope::Write)?;
    let (ids, count) = asked(app, ids)?;
    let args = (caller.account, ids, is_pinned);
    let pinned = app.db.write(args, |tx, (account, ids, is_pinned)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            rows::pin(tx, *account, ids, *is_pinned).await
        }
        .boxed()
    });
    let pinned = usize::try_from(pinned.await?).unwrap_or(count);
    Ok((pinned, count - pinned))
}

/// What there is of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The platform.
    pub platform: String,
    /// How many conversations.
    pub conversations: i64,
    /// How many messages they have.
    pub messages: i64,
    /// How many tokens.
    pub tokens: i64,
    /// When the first of them began.
    pub first: Micros,
    /// When the last of them was changed.
    pub last: Micros,
}

/// What there is, by platform, most conversations first.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn overview(app: &App, caller: &Caller) -> Result<Vec<Volume>> {
    caller.require(Scope::Read)?;
    app.db.read(caller.account, |tx, account| rows::overview(tx, *account).boxed()).await
}

/// The same in a transaction.
pub(crate) async fn volumes(tx: &mut Tx, account: AccountId) -> Result<Vec<Volume>> {
    rows::overview(tx, account).await
}
