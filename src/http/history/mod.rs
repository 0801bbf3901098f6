//! Chat history over HTTP.

pub(super) mod conversations;
pub(super) mod deleting;
pub(super) mod export;
pub(super) mod imports;
pub(super) mod ingest;
pub(super) mod recall;
pub(super) mod search;
pub(super) mod summaries;

fn platform(given: Option<String>) -> Option<String> {
    given.filter(|given| !given.is_empty() && given != "all")
}
