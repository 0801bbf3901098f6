//! A conversation to take away, and links under which it can be read without a
//! token for a quarter of an hour: for agents that can fetch but hold no token.

use std::fmt::Write as _;

use futures_util::FutureExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::import::Role;
use super::ops::{ID_PREFIX, no_conversation};
use super::{Conversation, Message, rows};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id;

/// How long a link leads to its conversation, in minutes.
pub const LINK_MINUTES: i64 = 15;
/// What the token of a link begins with.
const PREFIX: &str = "link_";

/// A conversation as it is exported.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported<'a> {
    id: &'a str,
    title: &'a str,
    platform: &'a str,
    platform_conversation_id: &'a str,
    created_at: String,
    updated_at: String,
    messages: Vec<ExportedMessage<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedMessage<'a> {
    id: &'a str,
    role: &'static str,
    content: &'a str,
    created_at: Option<String>,
}

/// A form of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An object with `messages`, which can be taken in again.
    Json,
    /// To be read.
    Markdown,
}

impl Form {
    /// The form of this name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any but `json` and `markdown`.
    pub fn named(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "markdown" | "md" => Ok(Self::Markdown),
            _ => Err(Error::invalid("The format is json or markdown.")),
        }
    }

    /// The media type of such a file, and how its name ends.
    #[must_use]
    pub fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application/json", "json"),
            Self::Markdown => ("text/markdown; charset=utf-8", "md"),
        }
    }
}

/// Writes a conversation.
///
/// # Errors
/// None that a conversation can cause.
pub fn write(form: Form, conversation: &Conversation, messages: &[Message]) -> Result<String> {
    match form {
        Form::Json => json(conversation, messages),
        Form::Markdown => Ok(markdown(conversation, messages)),
    }
}

fn json(conversation: &Conversation, messages: &[Message]) -> Result<String> {
    fn exported(message: &Message) -> ExportedMessage<'_> {
        let role = message.role.name();
        let created_at = message.created_at.map(Micros::rfc3339);
        ExportedMessage { id: &message.id, role, content: &message.text, created_at }
    }
    let exported = Exported {
        id: &conversation.id,
        title: &conversation.title,
        platform: &conversation.platform,
        platform_conversation_id: &conversation.platform_id,
        created_at: conversation.created_at.rfc3339(),
        updated_at: conversation.updated_at.rfc3339(),
        messages: messages.iter().map(exported).collect(),
    };
    serde_json::to_string_pretty(&exported).map_err(Error::internal)
}

/// A transcript in Markdown, with the title as its heading.
#[must_use]
pub fn markdown(conversation: &Conversation, messages: &[Message]) -> String {
    let title = match conversation.title.trim() {
        "" => "Untitled",
        title => title,
    };
    let mut out = format!("# {title}\n\n");
    let began = conversation.created_at.date().map(|date| format!(", {date}")).unwrap_or_default();
    let _ = writeln!(out, "{}{began}", conversation.platform);
    for message in messages {
        let who = match message.role {
            Role::Human => "Human",
            Role::Assistant => "Assistant",
        };
        let at = message.created_at.map(|at| format!(" ({})", at.rfc3339())).unwrap_or_default();
        let _ = write!(out, "\n## {who}{at}\n\n{}\n", message.text.trim_end());
    }
    out
}

/// Makes a link to a conversation: its token, and when it ends.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::NotFound`].
pub async fn link(app: &App, caller: &Caller, conversation: &str) -> Result<(String, Micros)> {
    caller.require(Scope::Read)?;
    if !id::is_of(ID_PREFIX, conversation) {
        return Err(no_conversation());
    }
    let token = format!("{PREFIX}{}", hex::encode(id::random::<32>()?));
    let expires_at = app.clock.now().plus_minutes(LINK_MINUTES);
    let args = (caller.account, conversation.to_owned(), hash(&token), expires_at);
    let made = app.db.write(args, |tx, (account, conversation, hash, expires_at)| {
        rows::insert_link(tx, *account, conversation, hash, *expires_at).boxed()
    });
    if made.await? { Ok((token, expires_at)) } else { Err(no_conversation()) }
}

/// Where a link's conversation is, below the server's URL.
#[must_use]
pub fn path(token: &str) -> String {
    format!("/api/chat-history/links/{token}")
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The conversation that a link leads to.
///
/// # Errors
/// [`Error::NotFound`] for a link that has ended, is none, or whose conversation is gone.
pub async fn follow(app: &App, token: &str) -> Result<(Conversation, Vec<Message>)> {
    let found = app.db.read((hash(token), app.clock.now()), |tx, (hash, now)| {
        async move {
            let Some((account, id)) = rows::linked(tx, hash, *now).await? else { return Ok(None) };
            let conversation = rows::by_ids(tx, account, &[id]).await?.pop().ok_or_else(no_conversation)?;
            let messages = rows::messages(tx, account, &conversation.id).await?;
            Ok(Some((conversation, messages)))
        }
        .boxed()
    });
    found.await?.ok_or_else(|| Error::not_found("This link has ended, or never was. Ask for a new one."))
}

/// Removes the links that have ended.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn tidy(app: &App) -> Result<()> {
    let now = app.clock.now();
    if !app.db.read(now, |tx, now| rows::is_any_link_over(tx, *now).boxed()).await? {
        return Ok(());
    }
    app.db.write(now, |tx, now| rows::delete_ended_links(tx, *now).boxed()).await
}
