//! The sources of commonplace that the targets reach, under the names that they
//! have there. The whole library, with its web server and databases, takes the
//! instrumented build a quarter of an hour and more than 5 GB of memory; these take
//! a minute.

#![allow(dead_code, unused_imports, reason = "the rest of the library uses it")]

#[path = "../../src/clock.rs"]
pub mod clock;

#[path = "../../src/history"]
pub mod history {
    pub mod chunk;
    pub mod cite;
    pub mod compose;
    pub mod import;
    /// What answers have of the rest: nothing is written by a model here.
    pub mod model {
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub enum Writer {
            #[default]
            Nobody,
        }
    }
    pub mod sentence;
    pub mod tokens;
    pub mod when;
}

#[path = "../../src/search"]
mod search {
    pub(crate) mod analyze;
    mod porter;
    mod terms;

    pub use terms::Terms;

    /// Of a search that looked at everything.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Lack {}

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Corpus {
        Memories,
        Chunks,
    }
}
