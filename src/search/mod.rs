//! Finding memories by words: what a query means ([`terms`]), and the
//! candidates that each engine's full-text index offers ([`candidates`]).

mod candidates;
mod terms;

pub use candidates::{candidates, index, index_new, matching_all, unindex, unindex_account};
pub use terms::Terms;
