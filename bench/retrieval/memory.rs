//! What is measured: a store of texts that finds them by a question.

use std::collections::HashMap;
use std::process::Command;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;
use crate::encoded::encoded;
use crate::server::{Place, Server};

/// A memory service, by what the measures need of it. Texts of different spaces
/// are not to be found together.
pub trait Memory {
    /// By what it can be asked to find; one empty name where there is no choice.
    fn modes(&self) -> Vec<&'static str>;
    /// Stores texts.
    async fn store(&mut self, space: &str, texts: &[String]) -> Result<()>;
    /// The texts that it finds for a question, best first.
    async fn search(&mut self, space: &str, mode: &str, question: &str, count: usize) -> Result<Vec<String>>;
}

/// A client that is yet to be built. It comes with TLS, which the program needs
/// elsewhere and leaves to its user to provide for.
fn client() -> reqwest::ClientBuilder {
    // Only the first call installs it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// This project's server, with a user for each space.
pub struct Ours {
    place: Place,
    server: Server,
    http: reqwest::Client,
    tokens: HashMap<String, String>,
}

impl Ours {
    /// Starts one on new data: on the `PostgreSQL` server with this URL, else on a file.
    pub fn start(database_url: Option<&str>) -> Result<Self> {
        let place = Place::new(database_url)?;
        let server = Server::start(&place, None, None)?;
        Ok(Self { place, server, http: client().build()?, tokens: HashMap::new() })
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_commonplace"));
        self.place.name_in(&mut command);
        let output = command.args(arguments).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

impl Memory for Ours {
    fn modes(&self) -> Vec<&'static str> {
        vec!["lexical", "dense", "hybrid"]
    }

    async fn store(&mut self, space: &str, texts: &[String]) -> Result<()> {
        self.run(&["user", "add", space])?;
        let token = self.run(&["token", "create", "bench", "--user", space])?;
        let url = format!("http://{}/api/memory", self.server.address);
        for text in texts {
            let sent = self.http.post(&url).bearer_auth(&token).json(&json!({"text": text})).send().await?;
            sent.error_for_status()?;
        }
        self.tokens.insert(space.to_owned(), token);
        Ok(())
    }

    async fn search(&mut self, space: &str, mode: &str, question: &str, count: usize) -> Result<Vec<String>> {
        let token = self.tokens.get(space).ok_or("nothing was stored there")?;
        let count = count.to_string();
        let mut url = reqwest::Url::parse(&format!("http://{}/api/memory", self.server.address))?;
        url.query_pairs_mut().extend_pairs([("query", question), ("mode", mode), ("count", &count)]);
        let answer = self.http.get(url).bearer_auth(token).send().await?.error_for_status()?;
        if let Some(lacks) = answer.headers().get("search-lacks") {
            return Err(format!("the answer lacks something: {lacks:?}").into());
        }
        Ok(answer.json().await?)
    }
}

/// Any other server.
pub struct Peer {
    spoken: Spoken,
    http: reqwest::Client,
}

/// A file that says how a server is spoken to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken {
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    store: Store,
    search: Search,
}

/// How a text is stored. In `body` the words `{text}` and `{space}` stand for
/// JSON strings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    path: String,
    body: String,
}

/// How a question is asked. In `body`, and percent-encoded in `path`, `{query}`,
/// `{space}` and `{count}` stand for themselves; without a body it is a GET.
/// `results` is the JSON pointer of the list, `text` that of the text in an item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    path: String,
    body: Option<String>,
    results: String,
    text: String,
}

impl Peer {
    /// Reads the file.
    pub fn read(path: &str) -> Result<Self> {
        let spoken: Spoken = toml::from_str(&std::fs::read_to_string(path)?)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &spoken.headers {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(Self { spoken, http: client().default_headers(headers).build()? })
    }
}

/// Puts values in their places, each as `form` writes it.
fn filled(template: &str, values: &[(&str, &str)], form: impl Fn(&str) -> String) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &form(value)))
}

impl Memory for Peer {
    fn modes(&self) -> Vec<&'static str> {
        vec![""]
    }

    async fn store(&mut self, space: &str, texts: &[String]) -> Result<()> {
        let as_json = |text: &str| Value::from(text).to_string();
        for text in texts {
            let body = filled(&self.spoken.store.body, &[("space", space), ("text", text)], as_json);
            let request = self.http.post(format!("{}{}", self.spoken.url, self.spoken.store.path));
            request.header("content-type", "application/json").body(body).send().await?.error_for_status()?;
        }
        Ok(())
    }

    async fn search(&mut self, space: &str, _: &str, question: &str, count: usize) -> Result<Vec<String>> {
        let count = count.to_string();
        let values = [("space", space), ("count", count.as_str()), ("query", question)];
        let url = format!("{}{}", self.spoken.url, filled(&self.spoken.search.path, &values, encoded));
        let request = match &self.spoken.search.body {
            None => self.http.get(url),
            Some(body) => {
                let body = body.replace("{count}", &count);
                let body = filled(&body, &values, |text| Value::from(text).to_string());
                self.http.post(url).header("content-type", "application/json").body(body)
            }
        };
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        let items =
            answer.pointer(&self.spoken.search.results).and_then(Value::as_array).ok_or("no list of results")?;
        let text = |item: &Value| item.pointer(&self.spoken.search.text)?.as_str().map(str::to_owned);
        items.iter().map(|item| text(item).ok_or_else(|| "a result without its text".into())).collect()
    }
}
