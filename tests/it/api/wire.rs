//! What the tests of the wire share: answers without what differs from run to
//! run, a list of every operation, and requests written byte by byte.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, User, answer};

/// Compares an answer's shape with an inline snapshot. Each test runs once for
/// each engine and both must answer alike, hence the duplicates.
macro_rules! assert_shape_snapshot {
    ($json:expr, @$snapshot:literal) => {{
        let shape = $crate::api::wire::shape(&$json);
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(shape, @$snapshot)
        }
    }};
}
pub(crate) use assert_shape_snapshot;

/// JSON with ids and times replaced by what they are.
pub fn shape(json: &Value) -> Value {
    match json {
        Value::String(text) => json!(kind(text)),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::Number(_) if name == "bucketId" => (name.clone(), json!("[bucket number]")),
                value => (name.clone(), shape(value)),
            })
            .collect(),
        other => other.clone(),
    }
}

fn kind(text: &str) -> &str {
    let is_uuid = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split_once('_') {
        Some(("mem", id)) if is_uuid(id) => return "[memory]",
        Some(("del", id)) if is_uuid(id) => return "[receipt]",
        Some(("conv", id)) if is_uuid(id) => return "[conversation]",
        Some(("imp", id)) if is_uuid(id) => return "[import]",
        _ => {}
    }
    // Bucket ids are random up to 2^53, so a short one is as good as impossible.
    if text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return "[bucket]";
    }
    if text.ends_with('Z') && commonplace::clock::Micros::parse(text).is_some() {
        return "[time]";
    }
    text
}

/// An operation and what a request to it looks like.
pub struct Operation {
    pub method: Method,
    /// As in the description of the API.
    pub route: &'static str,
    /// The route with ids filled in, and a query.
    pub path: String,
    pub body: Option<Value>,
    /// What a token must be for.
    pub scope: &'static str,
}

impl Operation {
    pub async fn send(&self, user: &User) -> Answer {
        let request = user.request(self.method.clone(), &self.path);
        match &self.body {
            Some(body) => answer(request.json(body)).await,
            None => answer(request).await,
        }
    }
}

/// The ids that a request can name.
pub struct Ids<'a> {
    pub memory: &'a str,
    pub trashed: &'a str,
    pub bucket: &'a str,
    pub receipt: &'a str,
    pub grant: &'a str,
    pub conversation: &'a str,
    pub trashed_conversation: &'a str,
    pub import: &'a str,
}

/// Every operation that needs a token, with these ids wherever it takes any.
/// Those that destroy come last, so that they can be sent one after another.
pub fn operations(ids: &Ids<'_>) -> Vec<Operation> {
    let Ids { memory, trashed, bucket, receipt, grant, conversation, trashed_conversation, import } = ids;
    let operation = |method: Method, route: &'static str, query: &str, body: Value, scope| {
        let path = route.replace("{memoryId}", memory).replace("{bucketId}", bucket).replace("{deletionId}", receipt);
        let path = path.replace("{grantId}", grant).replace("{importId}", import);
        Operation { method, route, path: path + query, body: Some(body).filter(|body| !body.is_null()), scope }
    };
    let get = |route, query: &str, scope| operation(Method::GET, route, query, Value::Null, scope);
    let post = |route, query: &str, body| operation(Method::POST, route, query, body, "write");
    let reading = |route, body| operation(Method::POST, route, "", body, "read");
    let in_bucket = format!("?bucketId={bucket}");
    let of_conversation = format!("?conversationId={conversation}");
    let said =
        json!({"id": "c1", "title": "planted", "messages": [{"id": "m1", "role": "human", "content": "planted"}]});
    vec![
        get("/api/memory", &in_bucket, "read"),
        get("/api/memory", &format!("{in_bucket}&query=secret"), "read"),
        get("/api/v2/memory", &format!("{in_bucket}&includeIds=true&all=true"), "read"),
        get("/api/memories/{memoryId}", "", "read"),
        get("/api/search/state", "", "read"),
        get("/api/buckets", "", "read"),
        get("/api/trash", "", "read"),
        get("/api/deletions", "", "read"),
        get("/api/deletions/{deletionId}", "", "read"),
        get("/api/export", &format!("{in_bucket}&format=csv"), "read"),
        get("/api/chat-history/chats", &format!("?importId={import}"), "read"),
        get("/api/chat-history/conversation", &of_conversation, "read"),
        get("/api/chat-history/count", "", "read"),
        get("/api/chat-history/trash", "", "read"),
        get("/api/chat-history/imports", "", "read"),
        get("/api/chat-history/imports/{importId}", "", "read"),
        get("/api/chat-history/imports/{importId}/events", "", "read"),
        get("/api/chat-history/export", &format!("{of_conversation}&format=markdown"), "read"),
        reading("/api/chat-history/export", json!({"conversationId": conversation})),
        reading("/api/chat-history/summaries/get-or-generate", json!({"conversationId": conversation})),
        reading("/api/chat-history/search", json!({"query": "secret"})),
        reading("/api/chat-history/inject", json!({"queries": [{"query": "secret"}]})),
        get("/metrics", "", "admin"),
        get("/api/grants", "", "admin"),
        post("/api/memory", "", json!({"text": "planted", "bucketId": bucket})),
        post("/api/v2/memory", "", json!({"text": "planted", "bucketId": bucket})),
        post("/api/v2/memory/update", "", json!({"memoryId": memory, "text": "overwritten"})),
        post("/api/v2/memory/update", "", json!({"memoryIds": [memory], "bucketName": "General"})),
        post("/api/buckets", "", json!({"name": "Made"})),
        operation(Method::PATCH, "/api/buckets/{bucketId}", "", json!({"name": "Renamed"}), "write"),
        post("/api/import", &in_bucket, json!(["planted too"])),
        post("/api/chat-history/ingest/custom-online", "", json!({"conversation": said, "platform": "chatgpt"})),
        post("/api/chat-history/import", "", json!([])),
        post("/api/chat-history/imports/{importId}/cancel", "", json!({})),
        operation(
            Method::PATCH,
            "/api/chat-history/chats",
            "",
            json!({"ids": [conversation], "pinned": true}),
            "write",
        ),
        post("/api/chat-history/restore", "", json!({"ids": [trashed_conversation]})),
        post("/api/chat-history/trash/purge", "", json!({"ids": [trashed_conversation, conversation]})),
        post("/api/chat-history/delete-by-filter", "", json!({"importId": import, "dryRun": true})),
        operation(
            Method::DELETE,
            "/api/chat-history/chats",
            "?exclude=true",
            json!({"ids": [conversation, trashed_conversation], "includePinned": true}),
            "write",
        ),
        operation(Method::DELETE, "/api/chat-history/trash", "", Value::Null, "write"),
        post("/api/memories/restore", "", json!({"memoryIds": [trashed]})),
        post("/api/trash/purge", "", json!({"memoryIds": [trashed, memory]})),
        operation(Method::DELETE, "/api/memories/{memoryId}", "", Value::Null, "write"),
        post("/api/memories/bulk-delete", "?details=true", json!({"memoryIds": [memory, trashed]})),
        post("/api/memories/delete-by-filter", "", json!({"bucketId": bucket, "dryRun": true})),
        operation(Method::DELETE, "/api/buckets/{bucketId}", "?memories=delete", Value::Null, "write"),
        operation(Method::DELETE, "/api/trash", "", Value::Null, "write"),
        operation(Method::DELETE, "/api/grants/{grantId}", "", Value::Null, "admin"),
    ]
}

/// A connection to write requests on by hand.
pub struct Wire(TcpStream);

impl Wire {
    pub async fn open(url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("a plain URL");
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    /// A connection with the head of a request sent, to be answered and closed.
    pub async fn request(user: &User, line: &str, headers: &str) -> Self {
        let mut wire = Self::open(&user.url).await;
        let token = &user.token;
        let head = format!(
            "{line} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{headers}\r\n"
        );
        wire.send(head.as_bytes()).await;
        wire
    }

    /// One whose body the server waits for by now, because it has asked for it.
    pub async fn waiting_for_body(user: &User, line: &str, length: usize) -> Self {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n");
        let mut wire = Self::request(user, line, &headers).await;
        let mut said = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        wire.0.read_exact(&mut said).await.expect("an interim answer");
        assert_eq!(said, b"HTTP/1.1 100 Continue\r\n\r\n");
        wire
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("sent");
    }

    /// All that the server says until it closes.
    pub async fn rest(&mut self) -> String {
        let mut said = Vec::new();
        // A server that answers before it has read everything may reset the connection after its answer.
        let read = tokio::time::timeout(Duration::from_mins(1), self.0.read_to_end(&mut said)).await;
        let read = read.expect("the server closes the connection");
        assert!(read.is_ok() || !said.is_empty(), "{read:?}");
        String::from_utf8(said).expect("UTF-8")
    }
}

/// The status of an answer as it came over the wire.
pub fn status(said: &str) -> u16 {
    let code = said.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).expect(said);
    code.parse().expect("a status")
}
