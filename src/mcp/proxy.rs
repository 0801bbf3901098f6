//! Passing messages between a client that speaks MCP on standard input and
//! output and a server that speaks it over HTTP (the streamable transport of
//! 2025-03-26 and later). The server keeps no session, so each message goes by
//! itself, and what can't be delivered is answered in the server's stead.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Response, Url, header};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::address::MCP_PATH;
use crate::error::{Error, Result};
use crate::outbound;

/// Messages under way at once.
const AT_ONCE: usize = 32;
/// How long reaching the server may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long a server may keep silent.
const READ_TIME: Duration = Duration::from_mins(2);
/// Where a message names its revision of the protocol, since 2026-07-28.
const REVISION: &str = "io.modelcontextprotocol/protocolVersion";

/// A server somewhere else.
#[derive(Clone)]
pub struct Remote {
    url: Url,
    token: String,
}

impl Remote {
    /// The one that `COMMONPLACE_URL` names, with the token of `COMMONPLACE_TOKEN`
    /// or `MEMORY_PLUGIN_TOKEN`; none where there is no such name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no URL, or without a token.
    pub fn from_environment() -> Result<Option<Self>> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let Some(url) = set("COMMONPLACE_URL") else { return Ok(None) };
        let token = set("COMMONPLACE_TOKEN").or_else(|| set("MEMORY_PLUGIN_TOKEN")).ok_or_else(|| {
            Error::invalid(
                "COMMONPLACE_URL is set, but no COMMONPLACE_TOKEN; make one with 'commonplace token create'.",
            )
        })?;
        Self::new(&url, token.trim()).map(Some)
    }

    fn new(url: &str, token: &str) -> Result<Self> {
        let wrong = || Error::invalid("COMMONPLACE_URL is the address of a server, such as https://memory.example.");
        let base = url.trim().trim_end_matches('/').trim_end_matches(MCP_PATH);
        let is_plain = |url: &Url| matches!(url.scheme(), "http" | "https") && url.query().is_none();
        if !base.parse().is_ok_and(|url| is_plain(&url)) {
            return Err(wrong());
        }
        let url = format!("{base}{MCP_PATH}").parse().map_err(|_| wrong())?;
        Ok(Self { url, token: token.to_owned() })
    }
}

/// Passes messages on until the input ends and the last is answered. A line over
/// `max_line` bytes is answered with an error.
///
/// # Errors
/// [`Error::Unavailable`] where the input can't be read.
pub async fn run(
    remote: &Remote,
    max_line: usize,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> Result<()> {
    let mut client = outbound::client()?.connect_timeout(CONNECT_TIME).read_timeout(READ_TIME).tcp_nodelay(true);
    if outbound::is_this_machine(&remote.url) {
        client = client.no_proxy();
    }
    let passing = Arc::new(Passing {
        client: client.build().map_err(Error::internal)?,
        remote: remote.clone(),
        revision: OnceLock::new(),
        output: Mutex::new(output),
    });
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    let mut input = BufReader::new(input);
    while let Some(line) = read_line(&mut input, max_line).await? {
        while under_way.try_join_next().is_some() {}
        let message = match line {
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Whole(bytes) => {
                serde_json::from_slice::<Value>(&bytes).map_err(|error| format!("This is no JSON: {error}."))
            }
            Line::TooLong => Err(format!("A message has at most {max_line} bytes.")),
        };
        let message = match message {
            Ok(message) if message.is_object() => message,
            Ok(_) => {
                passing.write(&refusal(&Value::Null, -32600, "A message is one JSON object.")).await?;
                continue;
            }
            Err(why) => {
                passing.write(&refusal(&Value::Null, -32700, &why)).await?;
                continue;
            }
        };
        // What follows is sent in the revision that the answer to this agrees on.
        let is_first = message["method"] == "initialize";
        let turn = Arc::clone(&turns).acquire_owned().await.map_err(Error::internal)?;
        let passing = Arc::clone(&passing);
        let task = async move {
            let passed = passing.pass(&message).await;
            drop(turn);
            passed
        };
        if is_first {
            task.await?;
        } else {
            under_way.spawn(task);
        }
    }
    while under_way.join_next().await.is_some() {}
    Ok(())
}

/// A line of the input.
enum Line {
    Whole(Vec<u8>),
    TooLong,
}

async fn read_line(input: &mut (impl AsyncBufReadExt + Unpin), most: usize) -> Result<Option<Line>> {
    let mut line = Vec::new();
    let limit = most as u64 + 1;
    let read = (&mut *input).take(limit).read_until(b'\n', &mut line).await.map_err(Error::unavailable)?;
    if read == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") || line.len() <= most {
        return Ok(Some(Line::Whole(line)));
    }
    loop {
        let buffer = input.fill_buf().await.map_err(Error::unavailable)?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (skip, last) = (end.map_or(buffer.len(), |at| at + 1), end.is_some() || buffer.is_empty());
        input.consume(skip);
        if last {
            return Ok(Some(Line::TooLong));
        }
    }
}

fn refusal(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

/// A value as it can stand in a header: as it is, or encoded (SEP-2243).
fn header_value(text: &str) -> String {
    let is_plain =
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text && !text.starts_with("=?");
    if is_plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

struct Passing<W> {
    client: Client,
    remote: Remote,
    /// What client and server agreed on.
    revision: OnceLock<String>,
    output: Mutex<W>,
}

impl<W: AsyncWrite + Unpin> Passing<W> {
    /// Sends a message and writes what comes back. What goes wrong on the way is
    /// the answer to a request, and to nothing else.
    async fn pass(&self, message: &Value) -> Result<()> {
        let answered = match self.send(message).await {
            Ok(response) => self.receive(response, message).await,
            Err(why) => Err(why),
        };
        let why = match answered {
            Ok(true) => return Ok(()),
            Ok(false) => "The server did not answer.".to_owned(),
            Err(why) => why,
        };
        match message.get("id") {
            Some(id) if message.get("method").is_some() => {
                tracing::warn!("a request was not answered: {why}");
                self.write(&refusal(id, -32000, &why)).await
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, message: &Value) -> Result<Response, String> {
        let mut request = self
            .client
            .post(self.remote.url.clone())
            .bearer_auth(&self.remote.token)
            .header(header::ACCEPT, "application/json, text/event-stream")
            .json(message);
        let params = &message["params"];
        let of_message = params["_meta"][REVISION].as_str();
        if let Some(revision) = of_message.or(self.revision.get().map(String::as_str)) {
            request = request.header("mcp-protocol-version", revision);
        }
        if let (Some(_), Some(method)) = (of_message, message["method"].as_str()) {
            request = request.header("mcp-method", header_value(method));
            if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
                request = request.header("mcp-name", header_value(name));
            }
        }
        let host = self.remote.url.host_str().unwrap_or_default();
        request.send().await.map_err(|error| format!("The server at {host} can't be reached: {}.", cause(&error)))
    }

    /// Writes what comes back; whether the message itself was answered.
    async fn receive(&self, mut response: Response, message: &Value) -> Result<bool, String> {
        let status = response.status();
        let broke = |error: reqwest::Error| format!("The answer broke off: {}.", cause(&error));
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if status.is_success() && kind.starts_with("text/event-stream") {
            let mut events = Events::default();
            let mut is_answered = false;
            while let Some(bytes) = response.chunk().await.map_err(broke)? {
                for event in events.push(&bytes) {
                    is_answered |= self.write_message(&event, message).await?;
                }
            }
            return Ok(is_answered);
        }
        let body = response.bytes().await.map_err(broke)?;
        if status.is_success() && body.is_empty() {
            return Ok(false);
        }
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        match answer {
            // A refusal may be a message of the protocol, too.
            Some(answer) if answer.get("jsonrpc").is_some() => self.write_value(&answer, message).await,
            answer => {
                let sentence = answer.as_ref().and_then(|answer| answer["error"].as_str()).unwrap_or_default();
                Err(format!("The server refused with status {status}: {sentence}"))
            }
        }
    }

    async fn write_message(&self, text: &[u8], asked: &Value) -> Result<bool, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| format!("The answer is no JSON: {error}."))?;
        self.write_value(&value, asked).await
    }

    async fn write_value(&self, value: &Value, asked: &Value) -> Result<bool, String> {
        if let (true, Some(revision)) = (asked["method"] == "initialize", value["result"]["protocolVersion"].as_str()) {
            // Only the first agreement counts; there is one to a connection.
            let _kept = self.revision.set(revision.to_owned());
        }
        self.write(value).await.map_err(|error| error.to_string())?;
        Ok(value.get("method").is_none() && (value["id"] == asked["id"] || value["id"].is_null()))
    }

    async fn write(&self, value: &Value) -> Result<()> {
        let mut output = self.output.lock().await;
        let line = format!("{value}\n");
        output.write_all(line.as_bytes()).await.map_err(Error::unavailable)?;
        output.flush().await.map_err(Error::unavailable)
    }
}

/// The last cause of a failure, which says most and has no URL in it.
fn cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Server-sent events as they come in pieces; only their data counts here.
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
    data: Vec<u8>,
}

impl Events {
    /// The data of the events that these bytes complete.
    fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.trim_ascii_end();
            if line.is_empty() {
                let data = std::mem::take(&mut self.data);
                if !data.trim_ascii().is_empty() {
                    whole.push(data);
                }
            } else if let Some(data) = line.strip_prefix(b"data:") {
                self.data.extend_from_slice(data);
                self.data.push(b'\n');
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::{Events, Line, Remote, header_value, read_line};

    #[test]
    fn a_remote_is_a_server_or_its_endpoint() {
        for url in ["https://memory.example", "https://memory.example/", "https://memory.example/api/mcp/mcp"] {
            let remote = Remote::new(url, "t").expect("a URL");
            assert_eq!(remote.url.as_str(), "https://memory.example/api/mcp/mcp");
        }
        for bad in ["memory.example", "ftp://memory.example", "", "https://", "https://memory.example/?a=b#"] {
            assert!(Remote::new(bad, "t").is_err(), "{bad}");
        }
    }

    #[test]
    fn events_come_in_any_pieces() {
        let text = b"event: message\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n: ping\n\ndata:\nretry: 1\n\ndata:{}\n\n";
        let mut all = Vec::new();
        let mut events = Events::default();
        for byte in text {
            all.extend(events.push(&[*byte]));
        }
        let all: Vec<serde_json::Value> = all.iter().map(|data| serde_json::from_slice(data).expect("JSON")).collect();
        assert_eq!(all, [serde_json::json!({"a": 1}), serde_json::json!({})]);
    }

    #[test]
    fn what_no_header_can_hold_is_encoded() {
        assert_eq!(header_value("store_memory"), "store_memory");
        assert_eq!(header_value("é"), "=?base64?w6k=?=");
        assert_eq!(header_value("a\r\nb: c"), "=?base64?YQ0KYjogYw==?=");
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_skipped_whole() {
        let mut input = tokio::io::BufReader::with_capacity(3, &b"1234\n12345\n1\n12"[..]);
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input, 4).await.expect("readable") {
            lines.push(match line {
                Line::Whole(line) => String::from_utf8(line).expect("text"),
                Line::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(lines, ["1234\n", "too long", "1\n", "12"]);
    }
}
