//! MCP over HTTP: revisions, faults of the protocol, limits, hosts and origins.

use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Answer, Engine, Server, answer, client, on_both_engines};

on_both_engines!(
    every_revision_is_spoken,
    faults_of_the_protocol_get_its_errors,
    another_host_and_another_origin_are_refused,
    a_request_over_the_limit_is_413,
    a_request_that_never_ends_is_408,
    the_old_transport_is_gone_and_says_where_to_go,
    no_session_is_kept,
    a_refusal_leaves_the_connection_open,
);

pub fn request(server: &Server, token: &str) -> reqwest::RequestBuilder {
    let request = client().post(format!("{}/api/mcp/mcp", server.url)).bearer_auth(token);
    request.header(header::ACCEPT, "application/json, text/event-stream")
}

pub async fn send(server: &Server, token: &str, message: &Value) -> Answer {
    answer(request(server, token).json(message)).await
}

fn initialize(revision: &str) -> Value {
    let params =
        json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
}

async fn every_revision_is_spoken(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let agreed = send(&server, &ann.token, &initialize(revision)).await.ok();
        assert_eq!(agreed["result"]["protocolVersion"], json!(revision));
        let call = json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call",
            "params": {"name": "store_memory", "arguments": {"text": format!("in {revision}")}}});
        let stored =
            answer(request(&server, &ann.token).header("mcp-protocol-version", revision).json(&call)).await.ok();
        assert_eq!((&stored["id"], &stored["result"]["isError"]), (&json!("x"), &json!(false)), "{stored}");
    }
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "newest", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "store_memory", "arguments": {"text": "in 2026-07-28"}, "_meta": meta}});
    let newest = request(&server, &ann.token)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "store_memory");
    let stored = answer(newest.json(&call)).await.ok();
    assert_eq!(stored["result"]["resultType"], json!("complete"), "{stored}");
    assert_eq!(ann.texts().await.len(), 5);
    let by_client = ann.get("/api/v2/memory?all=true&storedBy=newest").await.ok();
    assert!(by_client.to_string().contains("in 2026-07-28"), "{by_client}");
}

async fn faults_of_the_protocol_get_its_errors(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let code = |answer: &Answer| answer.json()["error"]["code"].as_i64();
    let typed = |body: &'static str| request(&server, &ann.token).header("content-type", "application/json").body(body);
    for body in ["{\"jsonrpc\":", "", "\u{0}", "[1", "{\"jsonrpc\":\"1.0\"}", "7", "\"x\""] {
        let refused = answer(typed(body)).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (400, Some(-32700)), "{body:?}: {refused:?}");
    }
    let tool = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "nope", "arguments": {}}});
    assert_eq!(code(&send(&server, &ann.token, &tool).await), Some(-32602));
    let method = json!({"jsonrpc": "2.0", "id": 1, "method": "no/such"});
    assert_eq!(code(&send(&server, &ann.token, &method).await), Some(-32601));
    let plain = client().post(format!("{}/api/mcp/mcp", server.url)).bearer_auth(&ann.token);
    let wrong = answer(plain.try_clone().expect("no body").header("accept", "text/html").json(&method)).await;
    assert!(wrong.error(406).contains("application/json and text/event-stream"));
    let form = answer(request(&server, &ann.token).header("content-type", "text/plain").body("x")).await;
    form.error(415);
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let asked = client().request(method, format!("{}/api/mcp/mcp", server.url)).bearer_auth(&ann.token);
        answer(asked).await.error(405);
    }
    let notice = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(send(&server, &ann.token, &notice).await.status.as_u16(), 202);
}

async fn another_host_and_another_origin_are_refused(engine: Engine) {
    let server = Server::start_with(engine, &[("allowed_origins", "https://chat.example")]).await;
    let ann = server.user("ann").await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let with = async |name: &'static str, value: &str| {
        answer(request(&server, &ann.token).header(name, value).json(&list)).await
    };
    assert!(with("host", "evil.example").await.error(403).contains("public_url"));
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "https://chat.example:444"] {
        with("origin", origin).await.error(403);
    }
    with("origin", &server.url).await.ok();
    with("origin", "https://chat.example").await.ok();
}

async fn a_request_over_the_limit_is_413(engine: Engine) {
    let server = Server::start_with(engine, &[("max_body_bytes", "2048")]).await;
    let ann = server.user("ann").await;
    let call = |text: &str| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "store_memory", "arguments": {"text": text}}});
    send(&server, &ann.token, &call(&"x".repeat(3_000))).await.error(413);
    let stored = send(&server, &ann.token, &call(&"x".repeat(1_000))).await.ok();
    assert_eq!(stored["result"]["isError"], json!(false));
}

async fn a_request_that_never_ends_is_408(engine: Engine) {
    let server = Server::start_with(engine, &[("request_timeout_seconds", "1")]).await;
    let ann = server.user("ann").await;
    let address = server.url.trim_start_matches("http://");
    let mut half = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /api/mcp/mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nAccept: application/json, \
         text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        ann.token
    );
    half.write_all(head.as_bytes()).await.expect("written");
    let mut told = [0; 12];
    half.read_exact(&mut told).await.expect("an answer");
    assert_eq!(&told, b"HTTP/1.1 408");
}

async fn the_old_transport_is_gone_and_says_where_to_go(engine: Engine) {
    let server = Server::start(engine).await;
    for method in [Method::GET, Method::POST] {
        let gone = answer(client().request(method, format!("{}/api/mcp/sse", server.url))).await;
        assert!(gone.error(410).contains("/api/mcp/mcp"));
    }
}

async fn a_refusal_leaves_the_connection_open(engine: Engine) {
    let server = Server::start(engine).await;
    let address = server.url.trim_start_matches("http://");
    let mut wire = tokio::net::TcpStream::connect(address).await.expect("a connection");
    for path in ["/api/mcp/mcp", "/api/mcp/sse", "/api/mcp/mcp"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n");
        wire.write_all(head.as_bytes()).await.expect("written");
        // The body comes in a packet of its own, as some clients send it.
        tokio::task::yield_now().await;
        wire.write_all(b"0123456789").await.expect("written");
        let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
        while !answer.ends_with(b"\"}") {
            let length = wire.read(&mut piece).await.expect("readable");
            assert_ne!(length, 0, "{path}: the connection was closed");
            answer.extend_from_slice(&piece[..length]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{path}");
    }
}

async fn no_session_is_kept(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let agreed = send(&server, &ann.token, &initialize("2025-11-25")).await;
    assert!(agreed.header("mcp-session-id").is_none());
    // Another node, or the same after a restart, goes on.
    let place = server.place.take().expect("a place");
    server.stop().await;
    let next = Server::start_at(&place, &[]).await;
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let tools = answer(request(&next, &ann.token).header("mcp-protocol-version", "2025-11-25").json(&list)).await.ok();
    assert_eq!(tools["result"]["tools"].as_array().map(Vec::len), Some(13));
}
