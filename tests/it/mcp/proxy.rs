//! `commonplace mcp` as a proxy to a server somewhere else.

use serde_json::json;

use super::stdio::Pipes;
use crate::harness::{Engine, Place, Server, command, on_both_engines};

on_both_engines!(with_a_url_it_passes_everything_on, what_can_not_be_delivered_is_answered,);

async fn elsewhere() -> Place {
    Place::new(Engine::Sqlite).await
}

async fn with_a_url_it_passes_everything_on(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let place = elsewhere().await;
    for (url, name) in [
        (server.url.clone(), "COMMONPLACE_TOKEN"),
        (format!("{}/", server.url), "MEMORY_PLUGIN_TOKEN"),
        (format!("{}/api/mcp/mcp", server.url), "COMMONPLACE_TOKEN"),
    ] {
        let mut proxy = Pipes::start(&place, &[], &[("COMMONPLACE_URL", &url), (name, &ann.token)]);
        let id = proxy.call("store_memory", &json!({"text": "kept elsewhere"}))["memoryId"].clone();
        assert_eq!(ann.texts().await, ["kept elsewhere"]);
        assert_eq!(proxy.search("elsewhere"), ["kept elsewhere"]);
        assert_eq!(proxy.call("delete_memories", &json!({"memoryIds": [id]}))["deleted"], json!(1));
        let unknown = proxy.ask("tools/call", &json!({"name": "nope", "arguments": {}}));
        assert_eq!(unknown["error"]["code"], json!(-32602));
        // Several at once, each with its answer.
        for number in 100..120 {
            let params = json!({"name": "list_buckets", "arguments": {}});
            proxy.write(&json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).to_string());
        }
        let mut answered: Vec<i64> = (100..120).filter_map(|_| proxy.read()["id"].as_i64()).collect();
        answered.sort_unstable();
        assert_eq!(answered, (100..120).collect::<Vec<_>>());
        assert_eq!(proxy.end(), Some(0));
    }
    assert_eq!(place.files().len(), 0, "nothing is kept here");
}

async fn what_can_not_be_delivered_is_answered(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let place = elsewhere().await;
    let mut proxy = Pipes::start(&place, &[], &[("COMMONPLACE_URL", &server.url), ("COMMONPLACE_TOKEN", &ann.token)]);
    proxy.write("no JSON");
    assert_eq!(proxy.read()["error"]["code"], json!(-32700));
    crate::harness::run(server.place.as_ref().expect("a place"), &["token", "revoke", "test", "--user", "ann"]);
    let refused = proxy.ask("tools/list", &json!({}));
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("401")), "{refused}");
    server.stop().await;
    let unreachable = proxy.ask("tools/list", &json!({}));
    let why = unreachable["error"]["message"].as_str().expect("a sentence");
    assert!(why.contains("can't be reached") && !why.contains("cmpl_"), "{why}");
    assert_eq!(proxy.end(), Some(0));
}

#[tokio::test]
async fn without_a_token_it_says_what_is_missing() {
    let place = elsewhere().await;
    for (url, why) in [("http://127.0.0.1:1", "COMMONPLACE_TOKEN"), ("nonsense", "COMMONPLACE_URL")] {
        let mut command = command(&place, &["mcp"]);
        command.env("COMMONPLACE_URL", url);
        if url == "nonsense" {
            command.env("COMMONPLACE_TOKEN", "x");
        }
        let output = command.output().expect("runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(why));
    }
}
