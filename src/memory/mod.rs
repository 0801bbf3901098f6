//! Memories: short facts in buckets. This is where they are created, found,
//! changed ([`ops`]), deleted ([`delete`]), kept in the trash ([`trash`]) and
//! taken out of the server ([`export`]) and
//! brought in ([`transfer`]). Which of them is said by a [`select::Selection`].
//!
//! A deleted memory leaves the table `memory` and its full-text index in the
//! transaction that deletes it. What is in the trash is in another table that
//! only [`trash`] reads, so no query can forget to leave it out.

pub mod delete;
pub mod duplicates;
pub mod export;
mod fingerprint;
pub mod ops;
pub(crate) mod rows;
pub mod select;
pub mod table;
pub mod transfer;
pub mod trash;

use std::collections::HashSet;

pub(crate) use fingerprint::essence;

use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::{self, BucketId};

/// What the ids of memories begin with.
const ID_PREFIX: &str = "mem";

/// A memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Its id.
    pub id: String,
    /// The bucket it is in.
    pub bucket_id: BucketId,
    /// That bucket's name.
    pub bucket_name: String,
    /// What is remembered.
    pub text: String,
    /// Which tool stored it, if it said so.
    pub source: Option<String>,
    /// `text`; later `image` too.
    pub content_type: String,
    /// 1, and one more for each change of text or bucket.
    pub version: i64,
    /// When it was stored.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

/// What a memory was before a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub version: i64,
    /// The text it had.
    pub text: String,
    /// The bucket it was in.
    pub bucket_id: BucketId,
    /// When it became so.
    pub created_at: Micros,
}

/// A text that keeps the rules: not empty, no NUL, not over the limit.
#[derive(Debug, Clone)]
pub struct MemoryText(String);

impl MemoryText {
    /// Checks a text, which is kept as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the rule.
    pub fn new(text: String, max_chars: usize) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::invalid("The field 'text' is empty; send the fact to be remembered."));
        }
        if text.contains('\0') {
            return Err(Error::invalid("The field 'text' has a NUL character; remove it."));
        }
        // A character has at most four bytes, so most texts need no counting.
        if text.len() > max_chars && text.chars().count() > max_chars {
            return Err(Error::invalid(format!(
                "The field 'text' is longer than {max_chars} characters; split it into several memories."
            )));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ids that a request names, each once.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Those that a memory can have.
    pub ids: Vec<String>,
    /// How many distinct ones were named, whatever their form.
    pub count: usize,
}

impl Asked {
    pub(crate) fn new(ids: Vec<String>) -> Self {
        let distinct: HashSet<String> = ids.into_iter().collect();
        let count = distinct.len();
        Self { ids: distinct.into_iter().filter(|id| is_memory_id(id)).collect(), count }
    }
}

/// Whether a memory can have this id.
pub(crate) fn is_memory_id(id: &str) -> bool {
    id::is_of(ID_PREFIX, id)
}

/// Checks the name of the tool that a memory comes from.
///
/// # Errors
/// [`Error::Invalid`] where it is over 200 characters or has control characters.
pub fn check_source(source: Option<String>) -> Result<Option<String>> {
    match source {
        Some(source) if source.chars().count() > 200 || source.chars().any(char::is_control) => {
            Err(Error::invalid("The field 'source' has at most 200 characters, none of them a control character."))
        }
        source => Ok(source),
    }
}
