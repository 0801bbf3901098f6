//! Programs written for the API, as they use it.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, User, answer, on_both_engines, repository};

on_both_engines!(a_chat_plugin_in_a_browser_finds_its_way, a_connector_in_plain_python_finds_its_way);

/// Sends what a plugin in a browser's page sends.
async fn from_page(user: &User, method: Method, path: &str, body: Option<Value>) -> Answer {
    let mut request = user.request(method, path).header("origin", "https://www.typingmind.com");
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = answer(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "a page could not read this");
    answer
}

async fn a_chat_plugin_in_a_browser_finds_its_way(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;

    // It makes a bucket and shows the id to the model, which gives it back as a number.
    let made = from_page(&ann, Method::POST, "/api/buckets", Some(json!({"name": "Travel"}))).await.ok();
    assert_eq!(made["message"], json!("Bucket created successfully"));
    let bucket: u64 = made["id"].as_str().expect("an id").parse().expect("a number");

    // It puts the date before a text that has none.
    let store = "/api/v2/memory?client=typingmind&v=2";
    let body = json!({"text": "2026-07-26\n\nPrefers window seats", "bucketId": bucket});
    let stored = from_page(&ann, Method::POST, store, Some(body)).await.ok();
    assert_eq!(stored["isDuplicate"], json!(false));
    let body = json!({"text": "2026-07-27\n\nPrefers window seats", "bucketId": bucket});
    let stored = from_page(&ann, Method::POST, store, Some(body)).await.ok();
    assert_eq!(stored["isDuplicate"], json!(true));
    from_page(&ann, Method::POST, store, Some(json!({"text": "2026-07-27\n\nSpeaks Danish"}))).await.ok();

    // Everything in its queries is text.
    let path = format!("/api/v2/memory?client=typingmind&v=2&query=seat&count=20&bucketId={bucket}");
    let found = from_page(&ann, Method::GET, &path, None).await.ok();
    assert_eq!(found["memories"], json!(["2026-07-26\n\nPrefers window seats"]));
    let all = from_page(&ann, Method::GET, "/api/v2/memory?client=typingmind&v=2&all=true", None).await.ok();
    assert_eq!(all["memories"].as_array().map(Vec::len), Some(2));
    assert_eq!(all["buckets"][1], json!({"id": made["id"], "name": "Travel", "memoryCount": 1}));
    let buckets = from_page(&ann, Method::GET, "/api/buckets?client=typingmind&v=2", None).await.ok();
    assert_eq!(buckets, all["buckets"]);

    // What goes wrong it shows as the field `error`.
    let refused = from_page(&ann, Method::POST, store, Some(json!({"text": ""}))).await;
    assert!(refused.error(400).contains("empty"));
    let refused = from_page(&server.with_token("wrong"), Method::GET, "/api/buckets", None).await;
    assert!(refused.error(401).contains("API token"));
    // Of the service's newer functions it makes the best when they are not there.
    let path = format!("/api/buckets/{bucket}/categories?client=typingmind");
    assert!(!from_page(&ann, Method::GET, &path, None).await.error(404).is_empty());
}

async fn a_connector_in_plain_python_finds_its_way(engine: Engine) {
    // It reads memories only from objects.
    let server = Server::start_with(engine, &[("memory_items", "objects")]).await;
    let ann = server.user("ann").await;
    let (url, token) = (server.url.clone(), ann.token.clone());
    let run = tokio::task::spawn_blocking(move || {
        let mut python = Command::new("python3");
        python.arg(repository("tests/support/client.py"));
        python.env("MEMORY_PLUGIN_BASE_URL", url).env("MEMORY_PLUGIN_TOKEN", token).env("NO_PROXY", "127.0.0.1");
        python.output().expect("python3 runs")
    });
    let output = run.await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    insta::allow_duplicates! {
        insta::assert_snapshot!(said, @"
        probe: ['buckets', 'memories'] 0
        refused: 401
        stored: ok True False
        again: ok True True
        found: ['2026-07-26 - Spiser gjerne blåbær 🫐']
        all: ['2026-07-26 - Spiser gjerne blåbær 🫐', '2026-07-26 - Works in Oslo']
        general: 2
        deleted: {'deleted': 1, 'failed': 1}
        again: (404, 'There is no memory with that id.')
        left: ['2026-07-26 - Works in Oslo']
        ");
    }
    // It has forgotten one and left the other.
    assert_eq!(ann.get("/api/memory").await.ok()[0]["text"], json!("2026-07-26 - Works in Oslo"));
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(1));
}
