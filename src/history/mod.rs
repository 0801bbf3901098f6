//! Chat history: conversations brought from other tools, found again and cited.

pub mod chunk;
pub mod cite;
pub mod compose;
pub mod delete;
pub mod export;
pub mod find;
pub mod import;
pub mod intake;
pub mod jobs;
pub mod model;
pub mod ops;
pub mod read;
mod refine;
mod rows;
pub mod sentence;
pub mod summary;
pub mod tokens;
pub mod when;

use crate::clock::Micros;
use import::Role;

/// A conversation, without what was said in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id here.
    pub id: String,
    /// Where it is from, such as `chatgpt`.
    pub platform: String,
    /// Its id there.
    pub platform_id: String,
    /// Its title.
    pub title: String,
    /// When it began.
    pub created_at: Micros,
    /// When it was last changed, there.
    pub updated_at: Micros,
    /// How many messages it has.
    pub message_count: i64,
    /// How many tokens they have.
    pub token_count: i64,
    /// Whether it is to be kept where many are deleted at once.
    pub is_pinned: bool,
    /// How often it was changed here, from 1.
    pub(crate) revision: i64,
    /// The import that last changed something of it.
    pub import: Option<String>,
}

/// What one side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id at the platform.
    pub id: String,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
    /// When.
    pub created_at: Option<Micros>,
}

impl From<&import::Message> for Message {
    fn from(message: &import::Message) -> Self {
        let import::Message { id, role, text, created_at } = message.clone();
        Self { id, role, text, created_at }
    }
}
