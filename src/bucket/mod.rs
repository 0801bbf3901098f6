//! Buckets: the named places in which memories are kept. Every account has
//! one that can't be renamed or deleted, General.

pub mod ops;
pub(crate) mod rows;

use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::BucketId;

/// The name of the bucket that every account has.
pub const GENERAL: &str = "General";

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its id, unique within the account.
    pub id: BucketId,
    /// Its name, unique within the account without regard to case.
    pub name: String,
    /// What its owner says belongs there.
    pub description: Option<String>,
    /// Whether it is the General bucket.
    pub is_general: bool,
    /// How many memories it holds, those in the trash not counted.
    pub memory_count: i64,
    /// When it was made.
    pub created_at: Micros,
}

/// A bucket as a request names it.
#[derive(Debug, Clone)]
pub enum BucketRef {
    /// By id.
    Id(BucketId),
    /// By name, without regard to case.
    Name(String),
}

/// A name that keeps the rules: 1 to 100 characters, no control characters,
/// not digits only (those would be taken for an id).
#[derive(Debug, Clone)]
pub struct BucketName(String);

impl BucketName {
    /// Checks a name, without the spaces around it.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the rule.
    pub fn new(name: &str) -> Result<Self> {
        let name = name.trim();
        if !(1..=100).contains(&name.chars().count()) {
            return Err(Error::invalid("A bucket's name has 1 to 100 characters."));
        }
        if name.chars().any(char::is_control) {
            return Err(Error::invalid("A bucket's name can't have control characters or line breaks."));
        }
        if name.chars().all(char::is_numeric) {
            return Err(Error::invalid("A bucket's name can't be digits only; add a word to it."));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are compared by.
    pub(crate) fn key(&self) -> String {
        key(&self.0)
    }
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::BucketName;

    #[test]
    fn names_keep_the_rules() {
        assert_eq!(BucketName::new("  Büro 2 ").expect("valid").key(), "büro 2");
        for bad in ["", "  ", "123", "٣", "a\nb", &"x".repeat(101)] {
            assert!(BucketName::new(bad).is_err(), "{bad:?}");
        }
    }
}
