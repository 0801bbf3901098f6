//! Embeddings from a server that speaks the `OpenAI` form, `POST
//! {base_url}/embeddings`: Ollama, LM Studio, llama.cpp, `OpenAI`, Voyage and
//! many others.
//!
//! Form: <https://platform.openai.com/docs/api-reference/embeddings/create>.
//! Servers differ in what they make of it, so nothing of an answer is taken on
//! trust ([`answer`]), and a server that fails is left alone for a while
//! ([`Health`]).
//!
//! Texts go to the host of the base URL and nowhere else: redirects are not
//! followed, and a server on this machine is never reached through a proxy. Texts,
//! keys and answers are in no error, state or log.
//!
//! Of a long text only the beginning is embedded ([`Settings::max_text_chars`]).

mod answer;
mod settings;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use settings::Settings;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::outbound::{self, Health, State};

/// Largest answer that is read: 64 embeddings of 4096 numbers are about 6 MB.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// How much of an error's answer is read, for its code.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// A text that a server can't take is not shortened below this many characters.
const SHORTEST_TEXT_CHARS: usize = 500;

/// Longest wait between two tries; a server that asks for more is given up for now.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is embedded to see whether a server can embed anything.
const PROBE: &str = "memory";

/// Why there is no embedding, as a sentence without key or text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server can't do it now; the same may work later.
    #[error("{0}")]
    Unavailable(String),
    /// No text will get an embedding until someone changes the settings or the
    /// server. Texts that failed with it are as good as any.
    #[error("{0}")]
    Misconfigured(String),
    /// The server embeds other texts, but not these together. Of several texts
    /// one may be to blame; ask for them one by one.
    #[error("{0}")]
    Rejected(String),
}

/// One try that came to nothing.
#[derive(Debug)]
struct Fault {
    kind: Kind,
    sentence: String,
    /// How long the server wants to be left alone.
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Not reached, or too busy.
    Down,
    /// Reached, but not done in time.
    Slow,
    /// An internal error, which may come of these texts or of all.
    Broken,
    /// An answer without use, for these texts or for all.
    Garbled,
    /// A request that the server won't take, because of these texts or of all.
    Refused,
    /// Nothing that another text would change.
    Barred,
}

/// A server of embeddings. Its requests share one pool of connections.
#[derive(Debug)]
pub struct OpenAi {
    settings: Settings,
    endpoint: Url,
    client: Client,
    health: Health<Failure>,
    /// Numbers in each embedding, once known.
    dimensions: OnceLock<usize>,
    /// Most texts in one request, as far as the server has shown to be quick enough.
    together: AtomicUsize,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

impl OpenAi {
    /// Prepares for a server. It is not asked yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a base URL that is not a plain http or https URL,
    /// a missing model, or a limit of 0.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self> {
        let endpoint = outbound::endpoint(&settings.base_url, "embeddings").ok_or_else(|| {
            Error::invalid(
                "The base URL of the embedding server must be like http://127.0.0.1:11434/v1, \
                 without name, password, '?' or '#'; a key has its own setting.",
            )
        })?;
        if settings.model.trim().is_empty() {
            return Err(Error::invalid("The name of the embedding model is missing."));
        }
        let counts = [settings.batch_texts, settings.batch_chars, settings.max_text_chars];
        if counts.contains(&0) || settings.dimensions == Some(0) || settings.tries == 0 {
            return Err(Error::invalid("The limits, tries and dimensions of the embedding server must not be 0."));
        }
        let client = outbound::client_for(&endpoint, settings.connect_timeout)?;
        let dimensions = settings.dimensions.map(OnceLock::from).unwrap_or_default();
        let together = AtomicUsize::new(settings.batch_texts);
        Ok(Self { settings, endpoint, client, health: Health::new(clock), dimensions, together })
    }

    /// Names what its embeddings depend on: model, dimensions and what is done
    /// to a text. Not the address: a model is the same wherever it runs.
    #[must_use]
    pub fn name(&self) -> String {
        let Settings { model, dimensions, document_prefix, .. } = &self.settings;
        let mut name = format!("openai:{model}");
        if let Some(dimensions) = dimensions {
            name = format!("{name}:{dimensions}");
        }
        if !document_prefix.is_empty() {
            name = format!("{name}+{}", hex::encode(&Sha256::digest(document_prefix)[..4]));
        }
        name
    }

    /// Numbers in each embedding: as set, or as in the first answer.
    #[must_use]
    pub fn dimensions(&self) -> Option<usize> {
        self.dimensions.get().copied()
    }

    /// What has been seen of the server.
    #[must_use]
    pub fn state(&self) -> State {
        self.health.state()
    }

    /// The embedding of a query, as the server gave it: not necessarily of
    /// length 1. One try of at most [`Settings::query_timeout`], and none while a
    /// server that failed is left alone.
    ///
    /// # Errors
    /// [`Failure`]. What may be the fault of the text or of the server counts as
    /// the server's, because a query has no time to find out.
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>, Failure> {
        let timeout = self.settings.query_timeout;
        self.health.admit(timeout)?;
        let input = [prefixed(&self.settings.query_prefix, text, self.settings.max_text_chars)];
        match self.ask(&input, timeout).await {
            Ok(mut rows) => {
                self.health.succeeded();
                Ok(rows.swap_remove(0))
            }
            Err(fault) => {
                let sentence = fault.sentence;
                let failure = match fault.kind {
                    Kind::Down | Kind::Slow | Kind::Broken | Kind::Garbled => Failure::Unavailable(sentence),
                    Kind::Refused => return Err(Failure::Rejected(sentence)),
                    Kind::Barred => Failure::Misconfigured(sentence),
                };
                self.health.failed(&failure, fault.retry_after);
                Err(failure)
            }
        }
    }

    /// The embeddings of stored texts, in their order and as the server gave
    /// them, for all of the texts or none. Asks whatever has failed before, so a
    /// caller that goes on asking notices when the server is back. Where several
    /// texts were not done in time, half as many are sent at once from then on, so
    /// the caller of a slow server gets there by asking again.
    ///
    /// # Errors
    /// [`Failure`], after [`Settings::tries`] where another try can help.
    pub async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let mut rows = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(self.batch(rest));
            rows.append(&mut self.embed_batch(batch).await?);
            rest = after;
        }
        Ok(rows)
    }

    /// How many of these texts, at least one, go into the next request.
    fn batch(&self, texts: &[String]) -> usize {
        let mut chars = 0;
        let fits = |text: &&String| {
            chars += text.chars().take(self.settings.max_text_chars).count();
            chars <= self.settings.batch_chars
        };
        texts.iter().take(self.together.load(Ordering::Relaxed)).take_while(fits).count().max(1)
    }

    async fn embed_batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let mut bound = self.settings.max_text_chars;
        loop {
            let prefix = &self.settings.document_prefix;
            let input: Vec<String> = texts.iter().map(|text| prefixed(prefix, text, bound)).collect();
            let result = self.embed_input(&input).await;
            match (&result, texts) {
                (Err(Failure::Rejected(_)), [text]) => {
                    let sent = text.chars().take(bound).count();
                    if sent <= SHORTEST_TEXT_CHARS {
                        return result;
                    }
                    bound = (sent / 2).max(SHORTEST_TEXT_CHARS);
                }
                _ => return result,
            }
        }
    }

    async fn embed_input(&self, input: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let fault = match self.ask_patiently(input).await {
            Ok(rows) => {
                self.health.succeeded();
                return Ok(rows);
            }
            Err(fault) => fault,
        };
        let failure = match fault.kind {
            Kind::Down => Failure::Unavailable(fault.sentence),
            Kind::Slow => {
                self.together.fetch_min((input.len() / 2).max(1), Ordering::Relaxed);
                Failure::Unavailable(fault.sentence)
            }
            Kind::Barred => Failure::Misconfigured(fault.sentence),
            // Whether it is the texts, a text that is nobody's fault can tell.
            Kind::Broken | Kind::Garbled | Kind::Refused => {
                let probe = [prefixed(&self.settings.document_prefix, PROBE, PROBE.len())];
                match self.ask(&probe, self.settings.document_timeout).await {
                    Ok(_) => {
                        self.health.succeeded();
                        return Err(Failure::Rejected(fault.sentence));
                    }
                    Err(Fault { kind: Kind::Down | Kind::Slow | Kind::Broken, sentence, .. }) => {
                        Failure::Unavailable(sentence)
                    }
                    Err(Fault { sentence, .. }) => Failure::Misconfigured(sentence),
                }
            }
        };
        self.health.failed(&failure, fault.retry_after);
        Err(failure)
    }

    /// Asks until there is an answer, a fault that another try won't mend, or no
    /// try left.
    async fn ask_patiently(&self, input: &[String]) -> Result<Vec<Vec<f32>>, Fault> {
        let mut tried = 1;
        loop {
            let fault = match self.ask(input, self.settings.document_timeout).await {
                Ok(rows) => return Ok(rows),
                Err(fault) => fault,
            };
            let mends = match fault.kind {
                Kind::Down | Kind::Broken => true,
                // What took several texts too long would take them too long again.
                Kind::Slow => input.len() == 1,
                Kind::Garbled | Kind::Refused | Kind::Barred => false,
            };
            let wait = wait(self.settings.first_wait, tried, fault.retry_after);
            if !mends || tried >= self.settings.tries || wait > LONGEST_WAIT {
                return Err(fault);
            }
            tokio::time::sleep(wait).await;
            tried += 1;
        }
    }

    /// One request.
    async fn ask(&self, input: &[String], timeout: Duration) -> Result<Vec<Vec<f32>>, Fault> {
        let Settings { model, key, dimensions, .. } = &self.settings;
        let request = Request { model, input, encoding_format: "float", dimensions: *dimensions };
        let body = serde_json::to_vec(&request).map_err(|_| self.fault(Kind::Refused, "can't be asked this"))?;
        let mut request = self.client.post(self.endpoint.clone()).timeout(timeout).body(body);
        request = request.header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, key.header());
        }
        let mut response = request.send().await.map_err(|error| self.unreached(&error))?;
        let status = response.status();
        if !status.is_success() {
            let headers = std::mem::take(response.headers_mut());
            // The code only explains; without it the status still says enough.
            let body = self.body(&mut response, MAX_ERROR_BYTES).await.unwrap_or_default();
            return Err(self.refused(status, &headers, &body));
        }
        let body = self.body(&mut response, MAX_ANSWER_BYTES).await?;
        let rows = answer::read(&body, input.len()).map_err(|wrong| self.fault(Kind::Garbled, &wrong))?;
        let found = rows.first().map_or(0, Vec::len);
        let wanted = *self.dimensions.get_or_init(|| found);
        if found != wanted {
            let wrong = format!(
                "sent embeddings of {found} numbers instead of {wanted}; check whether its model was changed, \
                 or does not let one choose the dimensions"
            );
            return Err(self.fault(Kind::Barred, &wrong));
        }
        Ok(rows)
    }

    /// The body of an answer, as far as `limit` bytes.
    async fn body(&self, response: &mut reqwest::Response, limit: usize) -> Result<Vec<u8>, Fault> {
        let body = outbound::body(response, limit).await.map_err(|error| self.unreached(&error))?;
        body.ok_or_else(|| self.fault(Kind::Garbled, &format!("sent more than {limit} bytes")))
    }

    /// The fault behind an answer that is not a success.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        let code = outbound::error_code(body).map(|code| format!(", {code}")).unwrap_or_default();
        let model = &self.settings.model;
        let (kind, what) = match status.as_u16() {
            401 | 403 if self.settings.key.is_some() => (Kind::Barred, "does not accept the key".to_owned()),
            401 | 403 => (Kind::Barred, "wants a key".to_owned()),
            404 => {
                let what = format!("has no such address or no model '{model}'; base URLs usually end in /v1");
                (Kind::Barred, what)
            }
            408 | 425 | 502..=504 => (Kind::Down, "is not available".to_owned()),
            429 => (Kind::Down, "wants fewer requests, or its quota is used up".to_owned()),
            400 | 413 | 422 => (Kind::Refused, "did not take the request".to_owned()),
            500..=599 => (Kind::Broken, "had an internal error".to_owned()),
            300..=399 => {
                let target = outbound::redirect_target(&self.endpoint, headers);
                let target = target.map(|target| format!(" to {target}")).unwrap_or_default();
                (Kind::Barred, format!("redirects{target}; set the base URL to where it leads"))
            }
            _ => (Kind::Barred, "did not take the request".to_owned()),
        };
        let retry_after = match kind {
            Kind::Down | Kind::Broken => outbound::retry_after(headers, self.health.now()),
            _ => None,
        };
        Fault { retry_after, ..self.fault(kind, &format!("{what} ({}{code})", status.as_u16())) }
    }

    /// The fault behind a request that got no whole answer.
    fn unreached(&self, error: &reqwest::Error) -> Fault {
        if error.is_timeout() {
            let kind = if error.is_connect() { Kind::Down } else { Kind::Slow };
            return self.fault(kind, "did not answer in time");
        }
        let cause = outbound::innermost(error);
        let what = if error.is_connect() { "can't be reached" } else { "broke off" };
        self.fault(Kind::Down, &format!("{what} ({cause})"))
    }

    fn fault(&self, kind: Kind, what: &str) -> Fault {
        let server = self.endpoint.origin().ascii_serialization();
        Fault { kind, sentence: format!("The embedding server {server} {what}."), retry_after: None }
    }
}

/// The text as it is sent: the prefix and at most `max_chars` of it.
fn prefixed(prefix: &str, text: &str, max_chars: usize) -> String {
    let end = text.char_indices().nth(max_chars).map_or(text.len(), |(end, _)| end);
    format!("{prefix}{}", &text[..end])
}

/// The wait after this many tries: doubling, or longer where the server asks.
fn wait(first: Duration, tried: u32, asked: Option<Duration>) -> Duration {
    let doubled = first.saturating_mul(1 << tried.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    doubled.max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::ApiKey;

    fn server(change: impl FnOnce(&mut Settings)) -> OpenAi {
        let mut settings = Settings::new("http://127.0.0.1:9/v1/", "small");
        change(&mut settings);
        OpenAi::new(settings, Clock::default()).expect("good settings")
    }

    #[test]
    fn limits_of_zero_and_a_missing_model_are_refused() {
        let changes: [fn(&mut Settings); 6] = [
            |settings| settings.model = " ".to_owned(),
            |settings| settings.batch_texts = 0,
            |settings| settings.batch_chars = 0,
            |settings| settings.max_text_chars = 0,
            |settings| settings.dimensions = Some(0),
            |settings| settings.tries = 0,
        ];
        for change in changes {
            let mut settings = Settings::new("http://127.0.0.1:9/v1", "small");
            change(&mut settings);
            assert!(matches!(OpenAi::new(settings, Clock::default()), Err(Error::Invalid(_))));
        }
    }

    #[test]
    fn the_name_changes_with_whatever_changes_embeddings_and_with_nothing_else() {
        let plain = server(|_| ()).name();
        assert_eq!(plain, "openai:small");
        assert_eq!(server(|settings| settings.base_url = "https://a/v1".to_owned()).name(), plain);
        assert_eq!(server(|settings| settings.query_prefix = "query: ".to_owned()).name(), plain);
        let prefixed = server(|settings| settings.document_prefix = "passage: ".to_owned()).name();
        let short = server(|settings| settings.dimensions = Some(256)).name();
        assert_eq!(short, "openai:small:256");
        assert!(prefixed.starts_with("openai:small+") && prefixed != plain);
    }

    #[test]
    fn texts_are_cut_between_characters_and_keep_their_prefix() {
        assert_eq!(prefixed("q: ", "naïve", 3), "q: naï");
        assert_eq!(prefixed("q: ", "naïve", 5), "q: naïve");
        assert_eq!(prefixed("", "", 5), "");
    }

    #[test]
    fn batches_keep_both_limits_and_are_never_empty() {
        let server = server(|settings| {
            settings.batch_texts = 3;
            settings.batch_chars = 10;
            settings.max_text_chars = 8;
        });
        let batch = |texts: &[&str]| server.batch(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(batch(&["a", "b", "c", "d"]), 3);
        assert_eq!(batch(&["12345", "67890", "x"]), 2);
        // Only eight of its characters are sent.
        assert_eq!(batch(&["a text that is far too long", "ab", "c"]), 2);
        let narrow = OpenAi::new(Settings { batch_chars: 1, ..server.settings.clone() }, Clock::default());
        assert_eq!(narrow.expect("good settings").batch(&["long".to_owned()]), 1);
    }

    #[test]
    fn waits_double_and_follow_the_server() {
        let first = Duration::from_millis(500);
        let waits: Vec<u128> = (1..=8).map(|tried| wait(first, tried, None).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(wait(first, 1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(wait(first, 3, Some(Duration::from_secs(1))), Duration::from_secs(2));
    }

    #[test]
    fn each_status_is_laid_at_the_right_door() {
        let server = server(|settings| settings.key = Some(ApiKey::new("sk-secret").expect("a key")));
        let kind = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            server.refused(status, &HeaderMap::new(), b"").kind
        };
        for status in [408, 425, 429, 502, 503, 504] {
            assert_eq!(kind(status), Kind::Down, "{status}");
        }
        for status in [400, 413, 422] {
            assert_eq!(kind(status), Kind::Refused, "{status}");
        }
        for status in [301, 307, 401, 402, 403, 404, 405, 410] {
            assert_eq!(kind(status), Kind::Barred, "{status}");
        }
        assert_eq!((kind(500), kind(501)), (Kind::Broken, Kind::Broken));
    }
}
