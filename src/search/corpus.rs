//! What is searched. Both kinds are documents alike: rows with the same columns
//! for searching, in a table of their own, each with a number from the account's
//! one sequence. So one set of statements and one kind of index serve both.

use crate::db::Sql;

/// A kind of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Corpus {
    /// Memories: `memory`.
    Memories,
    /// Chunks of conversations: `chunk`. Their source is the platform, their bucket 0.
    Chunks,
}

impl Corpus {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Memories, Self::Chunks];

    /// A statement on its table, which is `{table}` there.
    pub(super) fn sql(self, text: &'static str) -> Sql {
        Sql::of(self.table(), text)
    }

    /// The same on what has the texts, too: a table or a view.
    pub(super) fn reading(self, text: &'static str) -> Sql {
        let table = match self {
            Self::Memories => "memory",
            Self::Chunks => "chunk_text",
        };
        Sql::of(table, text)
    }

    /// How much the cosine counts against the words, of 1, as [`super::fuse`] adds
    /// them. For memories recall is the same within its interval from 0.55 to 0.7;
    /// below, and from 0.7 on for the first five, it falls. For chunks, which have more
    /// words and are about more than one thing, 0.6 finds one point less than 0.5
    /// among the first ten.
    pub(super) fn dense_weight(self) -> f32 {
        match self {
            Self::Memories => 0.6,
            Self::Chunks => 0.5,
        }
    }

    /// Its table.
    fn table(self) -> &'static str {
        match self {
            Self::Memories => "memory",
            Self::Chunks => "chunk",
        }
    }
}
