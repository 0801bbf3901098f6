//! Chat history over HTTP.

pub(super) mod conversations;
pub(super) mod deleting;
pub(super) mod export;
pub(super) mod imports;
pub(super) mod ingest;
pub(super) mod recall;
pub(super) mod search;
pub(super) mod summaries;

use crate::history::import::Role;

fn sender(role: Role) -> &'static str {
    match role {
        Role::Human => "human",
        Role::Assistant => "assistant",
    }
}

fn platform(given: Option<String>) -> Option<String> {
    given.filter(|given| !given.is_empty() && given != "all")
}
