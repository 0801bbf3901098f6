//! The server itself: health, metrics, limits, what is not served, the end.

use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;

use super::wire::{Wire, assert_shape_snapshot, status};
use crate::harness::{Answer, Engine, Server, answer, on_both_engines};

on_both_engines!(
    health_and_readiness_need_no_token,
    a_server_without_its_storage_is_not_ready,
    metrics_count_requests_by_route,
    every_answer_has_a_request_id_of_its_own,
    browsers_may_call_from_anywhere_even_into_a_private_network,
    a_path_that_is_not_served_is_404_as_json,
    a_method_that_is_not_taken_is_405_and_says_which_are,
    a_path_that_is_no_text_is_refused_as_json,
    head_is_get_without_a_body,
    headers_without_end_are_refused,
    a_body_that_never_comes_is_408,
    a_body_that_breaks_off_changes_nothing,
    more_requests_than_allowed_are_503,
    more_connections_than_allowed_wait_their_turn,
    a_stop_finishes_what_is_under_way,
    the_description_names_this_server,
);

async fn plain(server: &Server, method: Method, path: &str) -> Answer {
    answer(crate::harness::client().request(method, format!("{}{path}", server.url))).await
}

async fn health_and_readiness_need_no_token(engine: Engine) {
    let server = Server::start(engine).await;
    for path in ["/healthz", "/readyz"] {
        let answer = plain(&server, Method::GET, path).await;
        answer.ok();
        assert_eq!(answer.text, r#"{"status":"ok"}"#);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

async fn a_server_without_its_storage_is_not_ready(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    server.app.db.close().await;
    let refused = plain(&server, Method::GET, "/readyz").await;
    assert_shape_snapshot!(refused.json(), @r#"
    {
      "code": "unavailable",
      "error": "The storage can't serve this right now; nothing was done by halves. Try again shortly."
    }
    "#);
    assert_eq!(refused.error(503), ann.get("/api/memory").await.error(503));
    assert_eq!(refused.header("retry-after"), Some("2"));
    plain(&server, Method::GET, "/healthz").await.ok();
}

async fn metrics_count_requests_by_route(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    for _ in 0..2 {
        ann.get(&format!("/api/memories/{id}")).await.ok();
    }
    ann.get("/api/memories/unknown").await.error(404);
    ann.get("/nowhere/secret").await.error(404);
    let metrics = ann.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let route = r#"method="GET",route="/api/memories/{memoryId}""#;
    for line in [
        format!("commonplace_http_requests_total{{{route},status=\"200\"}} 2"),
        format!("commonplace_http_requests_total{{{route},status=\"404\"}} 1"),
        format!("commonplace_http_request_seconds_count{{{route}}} 3"),
        r#"commonplace_http_requests_total{method="GET",route="(none)",status="404"} 1"#.to_owned(),
        "commonplace_http_requests_in_flight 1".to_owned(),
    ] {
        assert!(metrics.text.lines().any(|found| found == line), "{line}\n{}", metrics.text);
    }
    // What was asked for is nobody's business here.
    assert!(!metrics.text.contains(&id) && !metrics.text.contains("secret"));
}

async fn every_answer_has_a_request_id_of_its_own(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let answers =
        [ann.get("/api/memory").await, ann.get("/nowhere").await, plain(&server, Method::GET, "/api/memory").await];
    let ids: std::collections::HashSet<&str> =
        answers.iter().map(|answer| answer.header("x-request-id").expect("an id")).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.starts_with("req_") && id.len() == 36), "{ids:?}");
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

async fn browsers_may_call_from_anywhere_even_into_a_private_network(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for path in ["/api/memory", "/api/memories/bulk-delete", "/api/buckets/1"] {
        let preflight = crate::harness::client()
            .request(Method::OPTIONS, format!("{}{path}", server.url))
            .header("origin", "https://www.typingmind.com")
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization,content-type")
            .header("access-control-request-private-network", "true");
        let allowed = answer(preflight).await;
        assert!(allowed.status.is_success(), "{allowed:?}");
        assert_eq!(allowed.header("access-control-allow-origin"), Some("*"));
        assert_eq!(allowed.header("access-control-allow-methods"), Some("GET,POST,PATCH,DELETE"));
        let headers = allowed.header("access-control-allow-headers").expect("a list");
        assert!(headers.starts_with("authorization,content-type,mcp-protocol-version,"), "{headers}");
        assert_eq!(allowed.header("access-control-allow-private-network"), Some("true"));
    }
    for path in ["/api/memory", "/nowhere"] {
        let request = ann.request(Method::GET, path).header("origin", "https://www.typingmind.com");
        let actual = answer(request).await;
        assert_eq!(actual.header("access-control-allow-origin"), Some("*"), "errors are readable, too");
        assert_eq!(actual.header("access-control-allow-credentials"), None);
        let exposed = actual.header("access-control-expose-headers").expect("exposed headers");
        assert!(exposed.contains("deletion-receipt") && exposed.contains("deletion-erasure"));
    }
}

async fn a_path_that_is_not_served_is_404_as_json(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for path in [
        "/nowhere",
        "/api",
        "/api/memory/",
        "/api/buckets/",
        "/api/v2/memory/buckets",
        "/api/v2/memory/combined",
        "//api/memory",
    ] {
        let missing = ann.get(path).await;
        assert_eq!(missing.error(404), "There is nothing at this path; see /docs for what there is.", "{path}");
        assert_eq!(missing.header("content-type"), Some("application/json"));
        assert_eq!(missing.json()["code"], json!("not_found"));
    }
    ann.post("/api/memories/bulk-delete/", json!({"memoryIds": []})).await.error(404);
    plain(&server, Method::POST, "/api/nowhere").await.error(404);
}

async fn a_method_that_is_not_taken_is_405_and_says_which_are(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (method, path, allowed) in [
        (Method::PUT, "/api/memory", "GET,HEAD,POST"),
        (Method::DELETE, "/api/v2/memory", "GET,HEAD,POST"),
        (Method::GET, "/api/v2/memory/update", "POST"),
        (Method::PUT, "/api/memories/bulk-delete", "POST"),
        (Method::PUT, "/api/memories/mem_0", "DELETE,GET,HEAD"),
        (Method::GET, "/api/memories/", "DELETE"),
        (Method::PUT, "/api/buckets", "GET,HEAD,POST"),
        (Method::POST, "/api/buckets/1", "DELETE,PATCH"),
        (Method::POST, "/api/trash", "DELETE,GET,HEAD"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::DELETE, "/api/export", "GET,HEAD"),
        (Method::PATCH, "/openapi.json", "GET,HEAD"),
    ] {
        let refused = answer(ann.request(method.clone(), path)).await;
        refused.error(405);
        assert_eq!(refused.json()["code"], json!("method_not_allowed"));
        let allow = refused.header("allow").unwrap_or_default();
        let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{method} {path}");
    }
}

async fn a_path_that_is_no_text_is_refused_as_json(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (method, path) in [
        (Method::GET, "/api/memories/%FF"),
        (Method::DELETE, "/api/memories/%FF"),
        (Method::PATCH, "/api/buckets/%FF"),
        (Method::DELETE, "/api/buckets/%FF"),
        (Method::GET, "/api/deletions/%FF"),
    ] {
        let refused = answer(ann.request(method, path).json(&json!({}))).await;
        assert!(refused.status == 400 || refused.status == 404, "{path}: {refused:?}");
        assert!(refused.json()["error"].is_string());
    }
    // In a query, what is no text becomes one with a mark in its place.
    assert_eq!(ann.get("/api/memory?query=%FF").await.ok(), json!([]));
}

async fn head_is_get_without_a_body(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea").await;
    for path in ["/api/memory", "/healthz", "/openapi.json"] {
        let (whole, head) = (ann.get(path).await, answer(ann.request(Method::HEAD, path)).await);
        assert_eq!((head.status, head.text.as_str()), (whole.status, ""));
        assert_eq!(head.header("content-length"), Some(whole.text.len().to_string().as_str()), "{path}");
    }
    assert_eq!(answer(server.with_token("").request(Method::HEAD, "/api/memory")).await.status, 401);
}

async fn headers_without_end_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut wire = Wire::request(&ann, "GET /api/memory", &"X-Header: x\r\n".repeat(200)).await;
    assert_eq!(status(&wire.rest().await), 431);
    let mut wire = Wire::open(&ann.url).await;
    wire.send(format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "x".repeat(70_000)).as_bytes()).await;
    assert_eq!(status(&wire.rest().await), 414);
    ann.get("/api/memory").await.ok();
}

async fn a_body_that_never_comes_is_408(engine: Engine) {
    let server = Server::start_with(engine, &[("request_timeout_seconds", "1")]).await;
    let ann = server.user("ann").await;
    for path in ["/api/memories/bulk-delete", "/api/import"] {
        let mut wire = Wire::waiting_for_body(&ann, &format!("POST {path}"), 100).await;
        let answer = wire.rest().await;
        assert_eq!(status(&answer), 408, "{answer}");
        assert!(
            answer.contains(r#"{"error":"The body did not arrive within 1 seconds.","code":"timeout"}"#),
            "{answer}"
        );
    }
    ann.get("/api/memory").await.ok();
}

async fn a_body_that_breaks_off_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Kept").await;
    // What came is a whole request, but less than was announced.
    let body = json!({"memoryIds": [id]}).to_string();
    let mut wire = Wire::waiting_for_body(&ann, "POST /api/memories/bulk-delete", body.len() + 1).await;
    wire.send(body.as_bytes()).await;
    drop(wire);
    // The slot of the broken request is free again once the server is done with it.
    let mut server = server;
    server.stop().await;
    let place = server.place.take().expect("its data");
    let again = Server::start_at(&place, &[]).await;
    assert_eq!(again.with_token(&ann.token).texts().await, ["Kept"]);
}

async fn more_requests_than_allowed_are_503(engine: Engine) {
    let server = Server::start_with(engine, &[("max_requests", "1")]).await;
    let ann = server.user("ann").await;
    let body = json!({"text": "Took its time"}).to_string();
    let mut slow = Wire::waiting_for_body(&ann, "POST /api/memory", body.len()).await;
    let refused = ann.get("/api/memory").await;
    assert_eq!(refused.error(503), "The server has more work waiting than it takes on; try again in a moment.");
    assert_eq!(refused.json()["code"], json!("busy"));
    assert_eq!(refused.header("retry-after"), Some("2"));
    plain(&server, Method::GET, "/readyz").await.ok();
    slow.send(body.as_bytes()).await;
    assert_eq!(status(&slow.rest().await), 200);
    assert_eq!(ann.texts().await, ["Took its time"]);
}

async fn more_connections_than_allowed_wait_their_turn(engine: Engine) {
    let server = Server::start_with(engine, &[("max_connections", "1")]).await;
    let ann = server.user("ann").await;
    let body = json!({"text": "First"}).to_string();
    let mut first = Wire::waiting_for_body(&ann, "POST /api/memory", body.len()).await;
    let mut second = Wire::request(&ann, "GET /api/memory", "").await;
    first.send(body.as_bytes()).await;
    assert_eq!(status(&first.rest().await), 200);
    // It was asked before the first was stored, and is answered after.
    let answer = second.rest().await;
    assert!(answer.ends_with(r#"["First"]"#), "{answer}");
}

async fn a_stop_finishes_what_is_under_way(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let body = json!({"text": "Stored at the last moment"}).to_string();
    let mut slow = Wire::waiting_for_body(&ann, "POST /api/memory", body.len()).await;
    let address = server.url.strip_prefix("http://").expect("a plain URL").to_owned();
    let finish = async {
        // Once the port is closed, the stop has begun.
        while TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        slow.send(body.as_bytes()).await;
        slow.rest().await
    };
    let ((), answer) = tokio::join!(server.stop(), finish);
    assert_eq!(status(&answer), 200, "{answer}");
    let place = server.place.take().expect("its data");
    let again = Server::start_at(&place, &[]).await;
    assert_eq!(again.with_token(&ann.token).texts().await, ["Stored at the last moment"]);
}

async fn the_description_names_this_server(engine: Engine) {
    let server = Server::start(engine).await;
    let description = plain(&server, Method::GET, "/openapi.json").await.ok();
    assert_eq!(description["openapi"].as_str().map(|version| version.starts_with("3.1")), Some(true));
    let page = plain(&server, Method::GET, "/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("BulkDeleteMemories"));
    assert_eq!(description["servers"], json!([{"url": server.url}]));
}
