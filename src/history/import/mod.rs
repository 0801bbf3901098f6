//! Reading what other tools export. Each format has a module; all of them turn
//! a reader into [`Item`]s, one at a time, and know nothing of the storage.

mod branch;
mod chatgpt;
mod claude;
mod claude_code;
mod codex;
pub mod container;
mod content;
mod deepseek;
pub mod detect;
mod dialogs;
#[cfg(test)]
mod examine;
mod finish;
pub mod format;
mod gemini;
mod gemini_html;
mod gemini_workspace;
mod grok;
pub mod heal;
#[cfg(test)]
mod hostile;
mod json;
mod librechat;
mod local_time;
pub mod markup;
pub mod memories;
mod names;
mod open_webui;
mod outline;
pub mod scan;
pub mod stream;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod typingmind;
mod wrappers;
mod zstandard;

use crate::clock::Micros;

use format::Format;

/// Every format that is read, in the order in which they are tried.
pub const FORMATS: &[&Format] = &[
    &deepseek::FORMAT,
    &chatgpt::FORMAT,
    &claude::FORMAT,
    &claude::DESIGN,
    &grok::FORMAT,
    &typingmind::FORMAT,
    &open_webui::FORMAT,
    &librechat::FORMAT,
    &gemini::FORMAT,
    &gemini_html::FORMAT,
    &gemini_workspace::FORMAT,
    &claude_code::FORMAT,
    &codex::FORMAT,
    &memories::CLAUDE,
    &memories::MEM0,
    &memories::LIST,
];

/// What a file may cost before it is refused.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one part of a file, such as one conversation.
    pub part: usize,
    /// Bytes unpacked from archives, all in all.
    pub unpacked: u64,
    /// How many times larger than packed a file may be, once it is over 16 MiB.
    pub ratio: u64,
    /// Files in an archive or a folder.
    pub files: u64,
    /// Bytes of a compressed archive inside of an archive, which has to be held in memory.
    pub nested: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { part: 64 << 20, unpacked: 64 << 30, ratio: 200, files: 100_000, nested: 128 << 20 }
    }
}

/// A conversation as its tool exported it: the branch that the person saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id at the tool; where the tool gives none, one made from what it holds, the same each time.
    pub id: String,
    /// Its title; empty where it has none.
    pub title: String,
    /// When it began.
    pub created_at: Option<Micros>,
    /// When it was last changed.
    pub updated_at: Option<Micros>,
    /// What was said, in order. Hidden, empty and tool messages are left out.
    pub messages: Vec<Message>,
}

/// What one side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id at the tool; as for conversations where there is none.
    pub id: String,
    /// Who said it.
    pub role: Role,
    /// What was said, not empty. Names of attached files stand in it as `[file: name]`.
    pub text: String,
    /// When.
    pub created_at: Option<Micros>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person.
    Human,
    /// The assistant.
    Assistant,
}

impl Role {
    /// Its name: `human` or `assistant`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Assistant => "assistant",
        }
    }
}

/// A remembered fact in an export of memories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What is remembered.
    pub text: String,
    /// The bucket, project or category it was in.
    pub bucket: Option<String>,
    /// When it was stored.
    pub created_at: Option<Micros>,
}

/// What a parser finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A conversation with at least one message.
    Conversation(Conversation),
    /// A remembered fact.
    Fact(Fact),
    /// Something that was left out on purpose, and why: `empty conversation`, `no message shown`.
    Skipped {
        /// Where: such as `conversations.json[17]`, with the id where there is one.
        place: String,
        /// Why, in a few words.
        why: String,
    },
    /// Something that should have been read and could not be.
    Failed {
        /// Where, by position in the file.
        place: String,
        /// What is wrong there.
        why: String,
    },
}
