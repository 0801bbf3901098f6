//! The description of the API: that it is checked in as generated, and keeps
//! what the clients that read it rely on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Engine, Place, Server, command, repository, run};

/// The description as checked in.
fn checked_in() -> Value {
    let text = std::fs::read_to_string(repository("docs/openapi.json")).expect("docs/openapi.json");
    serde_json::from_str(&text).expect("JSON")
}

/// Every operation: its path, its method, and what is said of it.
fn operations(description: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            all.push((path.as_str(), method.as_str(), operation));
        }
    }
    all
}

/// Calls `see` with every object in a JSON value.
fn walk<'v>(value: &'v Value, see: &mut impl FnMut(&'v serde_json::Map<String, Value>)) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| walk(item, see)),
        Value::Object(object) => {
            see(object);
            object.values().for_each(|item| walk(item, see));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_checked_in_description_is_the_generated_one() {
    let place = Place::new(Engine::Sqlite).await;
    let (code, generated, errors) = run(&place, &["openapi"]);
    assert_eq!(code, 0, "{errors}");
    let checked_in = std::fs::read_to_string(repository("docs/openapi.json")).expect("docs/openapi.json");
    assert!(
        generated == checked_in,
        "docs/openapi.json is out of date. Write it anew: cargo run -- openapi > docs/openapi.json"
    );
}

#[test]
fn the_operations_that_clients_know_by_name_are_there() {
    let description = checked_in();
    let ids: BTreeSet<&str> =
        operations(&description).iter().filter_map(|(.., operation)| operation["operationId"].as_str()).collect();
    let known = [
        ("post", "/api/memory", "CreateMemory"),
        ("get", "/api/memory", "QueryMemories"),
        ("get", "/api/v2/memory", "GetMemoriesAndBuckets"),
        ("post", "/api/v2/memory/update", "UpdateMemory"),
        ("delete", "/api/memories/{memoryId}", "DeleteMemory"),
        ("post", "/api/memories/bulk-delete", "BulkDeleteMemories"),
        ("get", "/api/buckets", "ListBuckets"),
        ("post", "/api/buckets", "CreateBucket"),
    ];
    for (method, path, id) in known {
        assert!(ids.contains(id), "{id} is missing");
        assert_eq!(description["paths"][path][method]["operationId"], json!(id), "{method} {path}");
    }
}

#[test]
fn every_operation_has_an_id_of_its_own_and_words_that_assistants_take() {
    let description = checked_in();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&description) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id), "{id} is there twice");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty(), "{method} {path} has no summary");
        // GPT Actions refuse a description with longer ones.
        for field in ["summary", "description"] {
            let length = operation[field].as_str().unwrap_or_default().chars().count();
            assert!(length <= 300, "the {field} of {id} has {length} characters");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let length = parameter["description"].as_str().unwrap_or_default().chars().count();
            assert!((1..=700).contains(&length), "{} of {id} has {length} characters", parameter["name"]);
        }
    }
}

#[test]
fn every_operation_says_what_its_errors_look_like() {
    let description = checked_in();
    for (path, method, operation) in operations(&description) {
        let mut wanted = vec![];
        if operation["security"] != json!([]) {
            wanted.extend(["400", "401", "403", "500", "503"]);
        }
        if operation.get("requestBody").is_some() {
            wanted.extend(["408", "413", "415"]);
        }
        if path.contains('{') {
            wanted.push("404");
        }
        let answers = operation["responses"].as_object().expect("answers");
        for status in wanted {
            assert!(answers.contains_key(status), "{method} {path} says nothing of {status}");
        }
        for (status, answer) in answers.iter().filter(|(status, _)| !status.starts_with('2')) {
            let schema = &answer["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/ErrorResponse", "{status} of {method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let description = checked_in();
    walk(&description, &mut |object| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            let place = reference.strip_prefix('#').and_then(|pointer| description.pointer(pointer));
            assert!(place.is_some(), "{reference} leads nowhere");
        }
    });
}

#[tokio::test]
async fn the_description_has_the_url_and_the_limits_of_the_settings() {
    let place = Place::new(Engine::Sqlite).await;
    let settings = [
        ("COMMONPLACE_PUBLIC_URL", "https://memory.example/"),
        ("COMMONPLACE_MAX_BULK_IDS", "12"),
        ("COMMONPLACE_MAX_TEXT_CHARS", "34"),
    ];
    let output = command(&place, &["openapi"]).envs(settings).output().expect("the program runs");
    let description: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(description["servers"], json!([{"url": "https://memory.example"}]));
    let schemas = &description["components"]["schemas"];
    assert_eq!(schemas["BulkDeleteRequest"]["properties"]["memoryIds"]["maxItems"], json!(12));
    assert_eq!(schemas["CreateMemoryRequest"]["properties"]["text"]["maxLength"], json!(34));
}

#[tokio::test]
async fn the_served_description_names_the_server_itself() {
    let server = Server::start(Engine::Sqlite).await;
    let served = server.with_token("").get("/openapi.json").await.ok();
    assert_eq!(served["servers"], json!([{"url": server.url}]));
}

#[tokio::test]
async fn the_documentation_page_loads_nothing_and_names_every_operation() {
    let server = Server::start(Engine::Sqlite).await;
    let page = server.with_token("").get("/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let own = page.text.replace(&server.url, "");
    for outside in ["http://", "https://", "src=", "url(", "@import", "<link", "<script", "=\"//"] {
        assert!(!own.contains(outside), "/docs has {outside}");
    }
    for (.., operation) in operations(&checked_in()) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(page.text.contains(&format!("id=\"{id}\"")), "/docs has no {id}");
    }
}
