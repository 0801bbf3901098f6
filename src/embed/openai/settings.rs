//! What the program is told of an embeddings server.

use std::time::Duration;

use crate::outbound::ApiKey;

/// What there is to know of a server before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the API begins, such as `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// Name of the model, as the server knows it.
    pub model: String,
    /// Key, for servers that want one.
    pub key: Option<ApiKey>,
    /// Numbers in an embedding, for models that let one choose; sent only if
    /// set. A server that then gives another number of them is an error.
    pub dimensions: Option<usize>,
    /// What the model wants before a query, such as `search_query: `.
    pub query_prefix: String,
    /// What the model wants before a stored text, such as `search_document: `.
    pub document_prefix: String,
    /// Most texts in one request.
    pub batch_texts: usize,
    /// Most characters in one request, all texts together; one text may be longer.
    pub batch_chars: usize,
    /// How many characters of a text are embedded, its prefix not counted. A
    /// text that the server nevertheless can't take is tried again with half of
    /// it, down to 500 characters, so that a small model gets something of a long
    /// memory and not nothing.
    pub max_text_chars: usize,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a query may take in all.
    pub query_timeout: Duration,
    /// How long one try for stored texts may take in all.
    pub document_timeout: Duration,
    /// Tries for stored texts while the server is unavailable, at least 1.
    pub tries: u32,
    /// Wait before the second try; it doubles with each further one.
    pub first_wait: Duration,
}

impl Settings {
    /// A server, with the usual limits.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            key: None,
            dimensions: None,
            query_prefix: String::new(),
            document_prefix: String::new(),
            batch_texts: 64,
            batch_chars: 50_000,
            max_text_chars: 6_000,
            connect_timeout: Duration::from_secs(3),
            query_timeout: Duration::from_secs(3),
            document_timeout: Duration::from_mins(1),
            tries: 4,
            first_wait: Duration::from_millis(500),
        }
    }
}
