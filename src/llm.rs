//! A language model on a server that speaks the `OpenAI` form, `POST
//! {base_url}/chat/completions`: Ollama, LM Studio, llama.cpp, vLLM, `OpenAI` and
//! many others. There is none unless the settings name one, and nothing depends on
//! it: what asks it can do without an answer.
//!
//! Form: <https://platform.openai.com/docs/api-reference/chat/create>, not streamed.
//! Nothing of an answer is taken on trust ([`answer`]). A server that fails is left
//! alone for a while ([`Health`]).
//!
//! Texts go to the host of the base URL and nowhere else: redirects are not
//! followed, and a server on this machine is never reached through a proxy. Texts,
//! keys and answers are in no error, state or log.

mod answer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::outbound::{self, ApiKey, Health, State};

/// How many requests a server is given at once; most work on one or few.
pub const MOST_AT_ONCE: usize = 4;
/// Largest answer that is read. What is asked for has a few thousand tokens; some
/// models send what they thought beside it.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How much of an error's answer is read, for its code.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// What newer models get beside the tokens of their answer, because they count what
/// they think, too.
const THOUGHT: usize = 2_000;
/// What is asked to see whether a server can answer anything.
const PROBE: &str = "Answer with the word yes.";

/// What there is to know of a server before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the API begins, such as `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// Name of the model, as the server knows it.
    pub model: String,
    /// Key, for servers that want one.
    pub key: Option<ApiKey>,
    /// How long an answer may take in all, waiting for a turn and a second try included.
    pub timeout: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// Wait before the second try, unless the server asks for another.
    pub wait: Duration,
}

impl Settings {
    /// A server, with the usual limits.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            key: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(3),
            wait: Duration::from_millis(250),
        }
    }
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What it is to do.
    pub instruction: String,
    /// What it is to do it with.
    pub input: String,
    /// The most tokens of its answer, as it counts them.
    pub most_tokens: usize,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It took too long.
    Late,
    /// It was not reached, or hung up.
    Unreachable,
    /// It is too busy, or had an internal error.
    Unavailable,
    /// It takes no request until someone changes the settings or the server.
    Barred,
    /// It does not take this request.
    Refused,
    /// It sent what is no answer.
    Garbled,
    /// Its answer has no text.
    Empty,
}

impl Kind {
    /// What the model did, as the end of a sentence for anyone.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Late => "did not answer in time",
            Self::Unreachable => "can't be reached",
            Self::Unavailable => "is not available",
            Self::Barred => "is not set up rightly",
            Self::Refused => "did not take the request",
            Self::Garbled => "gave no usable answer",
            Self::Empty => "wrote nothing",
        }
    }
}

/// Why there is no answer, with a sentence for the operator: where the server is,
/// and no key or text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    /// Of which kind it is.
    pub kind: Kind,
    sentence: String,
    /// How long the server wants to be left alone.
    retry_after: Option<Duration>,
}

/// A language model on a server. Its requests share one pool of connections.
#[derive(Debug)]
pub struct Llm {
    settings: Settings,
    endpoint: Url,
    client: Client,
    health: Health<Failure>,
    turns: Semaphore,
    /// Whether the server has said that it does not take the older parameters.
    is_newer: AtomicBool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    /// What newer models of `OpenAI` have instead of `max_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<usize>,
}

impl Llm {
    /// Prepares for a server. It is not asked yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a base URL that is not a plain http or https URL.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self> {
        let endpoint = outbound::endpoint(&settings.base_url, "chat/completions").ok_or_else(|| {
            Error::invalid(
                "The setting llm_url must be like http://127.0.0.1:11434/v1, without name, password, '?' or '#'; \
                 a key has its own setting.",
            )
        })?;
        let client = outbound::client_for(&endpoint, settings.connect_timeout)?;
        let (health, turns) = (Health::new(clock), Semaphore::new(MOST_AT_ONCE));
        Ok(Self { settings, endpoint, client, health, turns, is_newer: AtomicBool::new(false) })
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.model
    }

    /// What has been seen of the server.
    #[must_use]
    pub fn state(&self) -> State {
        self.health.state()
    }

    /// Until when an answer that is begun now may take.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }

    /// What the model writes, not blank, without what it thought before. A server
    /// that failed is not asked for a while.
    ///
    /// # Errors
    /// [`Failure`], at `until` at the latest.
    pub async fn write(&self, prompt: &Prompt, until: Instant) -> Result<String, Failure> {
        let turn = tokio::time::timeout_at(until, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(self.failure(Kind::Late, "has other work")) };
        let time = until.saturating_duration_since(Instant::now());
        self.health.admit(time)?;
        let failure = match self.ask_twice(prompt, until).await {
            Ok(text) => {
                self.health.succeeded();
                return Ok(text);
            }
            Err(failure) => failure,
        };
        tracing::warn!(%failure, "the language model wrote nothing");
        let is_servers = match failure.kind {
            // One that was asked when most of the time was gone is not to blame.
            Kind::Late => time >= self.settings.timeout / 2,
            Kind::Refused => false,
            Kind::Empty => {
                self.health.succeeded();
                false
            }
            Kind::Unreachable | Kind::Unavailable | Kind::Barred | Kind::Garbled => true,
        };
        if is_servers {
            self.health.failed(&failure, failure.retry_after);
        }
        Err(failure)
    }

    /// Whether the model can be asked.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn check(&self) -> Result<(), Failure> {
        let prompt = Prompt { instruction: PROBE.to_owned(), input: PROBE.to_owned(), most_tokens: 16 };
        match self.write(&prompt, self.deadline()).await {
            // A model that thinks does not come to an answer in so few tokens, but it is there.
            Err(failure) if failure.kind != Kind::Empty => Err(failure),
            _ => Ok(()),
        }
    }

    /// Asks, and once more where that can help and there is time.
    async fn ask_twice(&self, prompt: &Prompt, until: Instant) -> Result<String, Failure> {
        let was_newer = self.is_newer.load(Ordering::Relaxed);
        let failure = match self.ask(prompt, until).await {
            Ok(text) => return Ok(text),
            Err(failure) => failure,
        };
        let wait = match failure.kind {
            Kind::Unreachable | Kind::Unavailable => failure.retry_after.unwrap_or(self.settings.wait),
            Kind::Refused if !was_newer && self.is_newer.load(Ordering::Relaxed) => Duration::ZERO,
            _ => return Err(failure),
        };
        if until.saturating_duration_since(Instant::now()) <= wait {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        self.ask(prompt, until).await
    }

    /// One request.
    async fn ask(&self, prompt: &Prompt, until: Instant) -> Result<String, Failure> {
        let is_newer = self.is_newer.load(Ordering::Relaxed);
        let most = prompt.most_tokens;
        let request = Request {
            model: &self.settings.model,
            messages: [
                Message { role: "system", content: &prompt.instruction },
                Message { role: "user", content: &prompt.input },
            ],
            stream: false,
            temperature: (!is_newer).then_some(0),
            max_tokens: (!is_newer).then_some(most),
            max_completion_tokens: is_newer.then_some(most + THOUGHT),
        };
        let body = serde_json::to_vec(&request).map_err(|_| self.failure(Kind::Refused, "can't be asked this"))?;
        let time = until.saturating_duration_since(Instant::now());
        let mut request = self.client.post(self.endpoint.clone()).timeout(time).body(body);
        request = request.header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.settings.key {
            request = request.header(AUTHORIZATION, key.header());
        }
        let mut response = request.send().await.map_err(|error| self.unreached(&error))?;
        let code = response.status();
        if !code.is_success() {
            let headers = std::mem::take(response.headers_mut());
            // Its code only explains; without it the answer still says enough.
            let body = outbound::body(&mut response, MAX_ERROR_BYTES).await.ok().flatten().unwrap_or_default();
            return Err(self.refused(code, &headers, &body));
        }
        let body = outbound::body(&mut response, MAX_ANSWER_BYTES).await.map_err(|error| self.unreached(&error))?;
        let long = || self.failure(Kind::Garbled, &format!("sent more than {MAX_ANSWER_BYTES} bytes"));
        let text = answer::read(&body.ok_or_else(long)?).map_err(|wrong| self.failure(Kind::Garbled, wrong))?;
        if text.is_empty() { Err(self.failure(Kind::Empty, "sent an answer without text")) } else { Ok(text) }
    }

    /// The failure behind an answer that is not a success.
    fn refused(&self, code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        let reason = outbound::error_code(body);
        let (kind, what) = match code.as_u16() {
            401 | 403 if self.settings.key.is_some() => (Kind::Barred, "does not accept the key".to_owned()),
            401 | 403 => (Kind::Barred, "wants a key".to_owned()),
            404 => {
                let model = &self.settings.model;
                (Kind::Barred, format!("has no such address or no model '{model}'; base URLs usually end in /v1"))
            }
            408 | 425 | 500..=599 => (Kind::Unavailable, "is not available".to_owned()),
            429 => (Kind::Unavailable, "wants fewer requests, or its quota is used up".to_owned()),
            300..=399 => {
                let target = outbound::redirect_target(&self.endpoint, headers);
                let target = target.map(|target| format!(" to {target}")).unwrap_or_default();
                (Kind::Barred, format!("redirects{target}; set llm_url to where it leads"))
            }
            400 | 413 | 422 => {
                if matches!(reason.as_deref(), Some("unsupported_parameter" | "unsupported_value")) {
                    self.is_newer.store(true, Ordering::Relaxed);
                }
                (Kind::Refused, "did not take the request".to_owned())
            }
            _ => (Kind::Barred, "did not take the request".to_owned()),
        };
        let retry_after = match kind {
            Kind::Unavailable => outbound::retry_after(headers, self.health.now()),
            _ => None,
        };
        let reason = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        Failure { retry_after, ..self.failure(kind, &format!("{what} ({}{reason})", code.as_u16())) }
    }

    /// The failure behind a request that got no whole answer.
    fn unreached(&self, error: &reqwest::Error) -> Failure {
        match (error.is_timeout(), error.is_connect()) {
            (true, false) => self.failure(Kind::Late, "did not answer in time"),
            (true, true) => self.failure(Kind::Unreachable, "can't be reached in time"),
            (false, is_connect) => {
                let what = if is_connect { "can't be reached" } else { "broke off" };
                self.failure(Kind::Unreachable, &format!("{what} ({})", outbound::innermost(error)))
            }
        }
    }

    fn failure(&self, kind: Kind, what: &str) -> Failure {
        let server = self.endpoint.origin().ascii_serialization();
        Failure { kind, sentence: format!("The server of the language model {server} {what}."), retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_are_taken_and_only_a_kind_is_told_to_anyone() {
        assert!(matches!(Llm::new(Settings::new("localhost", "m"), Clock::default()), Err(Error::Invalid(_))));
        let llm = Llm::new(Settings::new("http://10.1.2.3:9/v1", "m"), Clock::default()).expect("good settings");
        let body = br#"{"error": {"message": "sk-secret is wrong", "code": "invalid_api_key"}}"#;
        let failure = llm.refused(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body);
        let sentence = "The server of the language model http://10.1.2.3:9 wants a key (401, invalid_api_key).";
        assert_eq!(failure.to_string(), sentence);
        assert_eq!(failure.kind.told(), "is not set up rightly");
    }

    #[test]
    fn each_code_is_laid_at_the_right_door() {
        let llm = Llm::new(Settings::new("http://127.0.0.1:9/v1", "m"), Clock::default()).expect("good settings");
        let kind = |code: u16| llm.refused(StatusCode::from_u16(code).expect("a code"), &HeaderMap::new(), b"").kind;
        for (codes, wanted) in [
            (&[408, 425, 429, 500, 502, 503, 504][..], Kind::Unavailable),
            (&[400, 413, 422], Kind::Refused),
            (&[301, 307, 401, 402, 403, 404, 405, 410], Kind::Barred),
        ] {
            for code in codes {
                assert_eq!(kind(*code), wanted, "{code}");
            }
        }
    }
}
