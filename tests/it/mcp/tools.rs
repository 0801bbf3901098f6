//! What the tools do, and what they answer to what makes no sense.

use serde_json::{Value, json};

use crate::harness::{Engine, Server, User, on_both_engines};
use crate::oauth::person::call;

on_both_engines!(
    a_memory_is_stored_found_changed_deleted_and_restored,
    deleting_is_counted_exactly_and_first_by_a_dry_run,
    a_long_list_comes_in_parts,
    what_goes_wrong_is_an_answer_that_a_model_can_act_on,
    arguments_are_read_in_the_forms_that_models_send,
    one_person_does_not_reach_anothers_memories,
    earlier_conversations_are_recalled_read_and_exported,
    deleting_is_marked_as_destructive_and_reading_as_harmless,
);

/// What a tool answers: whether it failed, its text, its structure.
struct Told {
    failed: bool,
    text: String,
    structure: Value,
}

async fn tell(server: &Server, user: &User, tool: &str, arguments: Value) -> Told {
    let answer = call(server, &user.token, tool, arguments).await.ok();
    let result = &answer["result"];
    Told {
        failed: result["isError"] == json!(true),
        text: result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}")).to_owned(),
        structure: result["structuredContent"].clone(),
    }
}

async fn done(server: &Server, user: &User, tool: &str, arguments: Value) -> Value {
    let told = tell(server, user, tool, arguments).await;
    assert!(!told.failed, "{}", told.text);
    told.structure
}

async fn a_memory_is_stored_found_changed_deleted_and_restored(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let bucket = done(&server, &ann, "create_bucket", json!({"name": "Kitchen"})).await["id"].clone();
    let new = json!({"text": "2026-07-26 - Ada bakes with rye", "bucketId": bucket});
    let stored = tell(&server, &ann, "store_memory", new.clone()).await;
    let id = stored.structure["memoryId"].as_str().expect("an id").to_owned();
    assert_eq!(stored.text, format!("Stored as {id}."));
    let again = tell(&server, &ann, "store_memory", new).await;
    assert_eq!(again.structure, json!({"memoryId": id, "isDuplicate": true}));
    let found =
        tell(&server, &ann, "search_memories", json!({"query": "what flour for bread", "bucketId": bucket})).await;
    assert_eq!(found.structure["memories"][0]["id"], json!(id));
    assert_eq!(found.structure["memories"][0]["bucketName"], json!("Kitchen"));
    assert_eq!(serde_json::from_str::<Value>(&found.text).expect("JSON"), found.structure);
    let change = json!({"memoryId": id, "text": "2026-08-01: Ada bakes with spelt", "bucketName": "general"});
    assert_eq!(done(&server, &ann, "update_or_move_memories", change).await, json!({"memoryIds": [id], "version": 2}));
    let moved = done(&server, &ann, "update_or_move_memories", json!({"memoryIds": [id], "bucketId": bucket})).await;
    assert_eq!(moved, json!({"memoryIds": [id]}));
    let buckets = done(&server, &ann, "list_buckets", json!({})).await;
    assert_eq!(buckets["buckets"][1]["memoryCount"], json!(1));
    let deleted = tell(&server, &ann, "delete_memories", json!({"memoryIds": [id]})).await;
    assert!(deleted.text.starts_with("Deleted 1 memories. They can be restored with restore_memories for 30 days."));
    let gone = done(&server, &ann, "search_memories", json!({"query": "spelt"})).await;
    assert_eq!(gone["memories"], json!([]));
    assert_eq!(
        done(&server, &ann, "restore_memories", json!({"memoryIds": [id, "mem_x"]})).await,
        json!({"restored": 1, "failed": 1})
    );
    let back = done(&server, &ann, "get_memories_and_buckets", json!({"query": "spelt"})).await;
    assert_eq!(back["memories"][0]["id"], json!(id));
}

async fn deleting_is_counted_exactly_and_first_by_a_dry_run(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let texts: Vec<String> = (0..250).map(|number| format!("fact number {number}")).collect();
    let mut ids = ann.remember_all(&texts).await;
    ids.extend(["mem_unknown".to_owned(), ids[0].clone()]);
    for name in ["dry_run", "dryRun"] {
        let dry = done(&server, &ann, "delete_memories", json!({"memoryIds": ids, name: true})).await;
        assert_eq!((&dry["deleted"], &dry["failed"], &dry["dryRun"]), (&json!(250), &json!(1), &json!(true)));
        assert_eq!(dry["receipt"], json!(null));
    }
    assert_eq!(ann.texts().await.len(), 250);
    let deleted = done(&server, &ann, "delete_memories", json!({"memoryIds": ids})).await;
    assert_eq!((&deleted["deleted"], &deleted["failed"]), (&json!(250), &json!(1)));
    let receipt = deleted["receipt"].as_str().expect("a receipt");
    assert_eq!(ann.get(&format!("/api/deletions/{receipt}")).await.ok()["deleted"], json!(250));
    assert_eq!(ann.texts().await, Vec::<String>::new());
    assert_eq!(done(&server, &ann, "restore_memories", json!({"memoryIds": ids})).await["restored"], json!(250));
}

async fn a_long_list_comes_in_parts(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let texts: Vec<String> = (0..30).map(|number| format!("{number} {}", "long ".repeat(1_000))).collect();
    ann.remember_all(&texts).await;
    let (mut seen, mut skip, mut parts) = (std::collections::BTreeSet::new(), json!(0), 0);
    while !skip.is_null() {
        let part = done(&server, &ann, "get_memories_and_buckets", json!({"all": true, "skip": skip})).await;
        let memories = part["memories"].as_array().expect("a list");
        assert!((1..=12).contains(&memories.len()));
        seen.extend(memories.iter().map(|memory| memory["id"].as_str().expect("an id").to_owned()));
        (skip, parts) = (part["nextSkip"].clone(), parts + 1);
    }
    assert_eq!((seen.len(), parts), (30, 3));
    let first = done(&server, &ann, "get_memories_and_buckets", json!({"count": 2})).await;
    assert_eq!((first["memories"].as_array().map(Vec::len), &first["nextSkip"]), (Some(2), &json!(2)));
}

async fn what_goes_wrong_is_an_answer_that_a_model_can_act_on(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("kept as it is").await;
    for (tool, arguments, why) in [
        ("store_memory", json!({"text": " "}), "empty"),
        ("store_memory", json!({}), "missing field `text`"),
        ("store_memory", json!({"text": 5}), "invalid type"),
        ("store_memory", json!({"text": "x".repeat(100_001)}), "longer than 100000 characters"),
        ("store_memory", json!({"text": "x", "bucketId": 7}), "no such bucket"),
        ("store_memory", json!({"text": "x", "bucketId": "seven"}), "bucket id"),
        ("search_memories", json!({"query": ["a"]}), "invalid type"),
        ("create_bucket", json!({"name": "123"}), "digit"),
        ("create_bucket", json!({"name": "General"}), "already"),
        ("update_or_move_memories", json!({"memoryId": "mem_x", "text": "y"}), "mem_x"),
        ("update_or_move_memories", json!({"memoryId": id, "memoryIds": [id]}), "not both"),
        ("delete_memories", json!({"memoryIds": "all"}), "invalid type"),
        ("delete_memories", json!({"memoryIds": [id, 5]}), "invalid type"),
        ("delete_memories", json!({"memoryIds": vec!["x"; 10_001]}), "at most 10000"),
    ] {
        let told = tell(&server, &ann, tool, arguments).await;
        assert!(told.failed && told.text.contains(why), "{tool}: {}", told.text);
    }
    assert_eq!(ann.texts().await, ["kept as it is"]);
}

async fn arguments_are_read_in_the_forms_that_models_send(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let bucket = ann.bucket("Work").await;
    let number: i64 = bucket.parse().expect("a number");
    for (text, id) in [("a", json!(bucket)), ("b", json!(number)), ("c", json!(null)), ("d", json!(""))] {
        done(&server, &ann, "store_memory", json!({"text": text, "bucketId": id, "unknown": 1})).await;
    }
    let inside = done(&server, &ann, "get_memories_and_buckets", json!({"bucketId": bucket})).await;
    assert_eq!(inside["memories"].as_array().map(Vec::len), Some(2));
    for limit in [-1, 0, 1_000_000] {
        done(&server, &ann, "search_memories", json!({"query": "a", "limit": limit})).await;
        done(&server, &ann, "get_memories_and_buckets", json!({"count": limit, "skip": limit})).await;
    }
    let empty = done(&server, &ann, "search_memories", json!({"query": ""})).await;
    assert_eq!(empty["memories"], json!([]));
}

async fn one_person_does_not_reach_anothers_memories(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (id, bucket) = (ann.remember("Ann's secret").await, ann.bucket("Ann's").await);
    assert_eq!(done(&server, &bob, "search_memories", json!({"query": "secret"})).await["memories"], json!([]));
    assert_eq!(done(&server, &bob, "get_memories_and_buckets", json!({"all": true})).await["memories"], json!([]));
    let deleted = done(&server, &bob, "delete_memories", json!({"memoryIds": [id]})).await;
    assert_eq!((&deleted["deleted"], &deleted["failed"]), (&json!(0), &json!(1)));
    assert!(tell(&server, &bob, "update_or_move_memories", json!({"memoryId": id, "text": "x"})).await.failed);
    assert!(tell(&server, &bob, "store_memory", json!({"text": "x", "bucketId": bucket})).await.failed);
    done(&server, &ann, "delete_memories", json!({"memoryIds": [id]})).await;
    assert_eq!(done(&server, &bob, "restore_memories", json!({"memoryIds": [id]})).await["restored"], json!(0));
    assert_eq!(ann.texts().await, Vec::<String>::new());
}

async fn earlier_conversations_are_recalled_read_and_exported(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let said = |id: &str, content: &str| json!({"id": id, "role": "human", "content": content});
    let long: Vec<Value> = (0..40)
        .map(|place| said(&format!("l{place}"), &format!("Point {place}: {}", "the tiles are blue. ".repeat(150))))
        .collect();
    let trip = [said("m1", "Which flat in Lisbon?"), said("m2", "The flat in Alfama.")];
    let mut ids = Vec::new();
    for (id, title, messages) in [("c1", "Trip", json!(trip)), ("c2", "Tiles", json!(long))] {
        let body = json!({"conversation": {"id": id, "title": title, "messages": messages}, "platform": "claude"});
        let sent = ann.post("/api/chat-history/ingest/custom-online", body).await.ok();
        ids.push(sent["conversationId"].as_str().expect("an id").to_owned());
    }
    let recalled = tell(&server, &ann, "recall_chat_history", json!({"query": "which flat", "maxTokens": 100})).await;
    assert!(
        !recalled.failed && recalled.text.contains("Alfama") && recalled.text.contains(&ids[0]),
        "{}",
        recalled.text
    );
    assert_eq!(recalled.structure["answers"][0]["sources"][0]["conversationId"], json!(ids[0]));
    let several = json!({"queries": [{"query": "flat"}, {"query": "tiles", "maxTokens": 50}], "mode": "quality"});
    let several = done(&server, &ann, "recall_chat_history", several).await;
    assert_eq!(several["answers"].as_array().map(Vec::len), Some(2));
    let before = json!({"query": "which flat", "before": "2001-01-01"});
    let before = tell(&server, &ann, "recall_chat_history", before).await;
    assert_eq!(before.text, "Nothing was found on: which flat");
    let overview = done(&server, &ann, "chat_history_overview", json!({})).await;
    assert_eq!((&overview["conversations"], &overview["sources"][0]["platform"]), (&json!(2), &json!("claude")));
    let short = done(&server, &ann, "get_conversation_summary", json!({"conversationId": ids[0]})).await;
    assert_eq!(short["isWhole"], json!(true));
    let summary = tell(&server, &ann, "get_conversation_summary", json!({"conversationId": ids[1]})).await;
    assert_eq!(summary.structure["isWhole"], json!(false));
    assert!(!summary.text.is_empty() && summary.text.len() < 4_000, "{}", summary.text);
    let (mut skip, mut whole) = (json!(0), String::new());
    while !skip.is_null() {
        let part = json!({"conversationId": ids[1], "skip": skip});
        let part = done(&server, &ann, "get_full_conversation", part).await;
        whole.push_str(part["text"].as_str().expect("a text"));
        skip = part["nextSkip"].clone();
    }
    assert!((0..40).all(|place| whole.contains(&format!("Point {place}:"))));
    let link = done(&server, &ann, "export_conversation", json!({"conversationId": ids[0]})).await;
    let url = link["url"].as_str().expect("a URL");
    let read: Value = ann.http.get(url).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&read["title"], &read["messages"][1]["content"]), (&json!("Trip"), &json!("The flat in Alfama.")));
    for (tool, arguments) in [
        ("get_conversation_summary", json!({"conversationId": ids[0]})),
        ("get_full_conversation", json!({"conversationId": ids[0]})),
        ("export_conversation", json!({"conversationId": ids[0]})),
        ("recall_chat_history", json!({})),
        ("recall_chat_history", json!({"query": "x", "after": "soon"})),
        ("recall_chat_history", json!({"queries": vec![json!({"query": "x"}); 16]})),
    ] {
        assert!(tell(&server, &bob, tool, arguments).await.failed, "{tool}");
    }
    let nothing = tell(&server, &bob, "recall_chat_history", json!({"query": "which flat"})).await;
    assert_eq!(nothing.text, "Nothing was found on: which flat");
    // The link goes with the conversation.
    let request = ann.request(reqwest::Method::DELETE, "/api/chat-history/chats");
    crate::harness::answer(request.json(&json!({"ids": [ids[0]]}))).await.ok();
    assert_eq!(ann.http.get(url).send().await.expect("an answer").status(), 404);
}

async fn deleting_is_marked_as_destructive_and_reading_as_harmless(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let list = super::transport::send(&server, &ann.token, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
        .await
        .ok();
    let mut hints = Vec::new();
    for tool in list["result"]["tools"].as_array().expect("tools") {
        let marks = &tool["annotations"];
        let mark = |name: &'static str| if marks[name] == json!(true) { name.trim_end_matches("Hint") } else { "" };
        let marks: Vec<&str> = ["readOnlyHint", "destructiveHint", "idempotentHint"]
            .map(mark)
            .into_iter()
            .filter(|mark| !mark.is_empty())
            .collect();
        let marks = if marks.is_empty() { vec!["additive"] } else { marks };
        hints.push(format!("{} {}", tool["name"].as_str().expect("a name"), marks.join(" ")));
        assert!(tool["title"].is_string() && tool["outputSchema"].is_object(), "{tool}");
        for schema in ["inputSchema", "outputSchema"] {
            let schema = tool[schema].to_string();
            assert!(!schema.contains("null") && !schema.contains("uint"), "{schema}");
        }
    }
    insta::assert_snapshot!(hints.join("\n"), @"
    chat_history_overview readOnly idempotent
    create_bucket additive
    delete_memories destructive idempotent
    export_conversation readOnly idempotent
    get_conversation_summary readOnly idempotent
    get_full_conversation readOnly idempotent
    get_memories_and_buckets readOnly idempotent
    list_buckets readOnly idempotent
    recall_chat_history readOnly idempotent
    restore_memories idempotent
    search_memories readOnly idempotent
    store_memory idempotent
    update_or_move_memories idempotent
    ");
}
