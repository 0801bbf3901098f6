//! Storing a memory, reading one back, deleting one.

use reqwest::Method;
use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Engine, Server, answer, on_both_engines};

on_both_engines!(
    a_memory_is_stored_found_and_deleted,
    both_paths_store_and_answer_alike,
    a_fact_sent_again_under_another_date_is_a_duplicate,
    a_duplicate_is_looked_for_in_its_bucket_only,
    a_duplicate_changes_nothing,
    a_forgotten_fact_can_be_stored_anew,
    every_form_of_a_bucket_id_is_taken,
    a_bucket_that_is_not_there_is_404_and_stores_nothing,
    a_text_must_say_something,
    the_longest_text_is_taken_and_one_character_more_is_not,
    a_text_is_kept_byte_for_byte,
    a_source_keeps_the_rules,
    unknown_fields_and_parameters_are_ignored,
    a_body_that_is_no_memory_is_400,
    a_deletion_without_an_id_is_400,
    an_id_that_no_memory_has_is_404,
);

const PATHS: [&str; 2] = ["/api/memory", "/api/v2/memory"];

async fn a_memory_is_stored_found_and_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Ann has a blue bicycle").await;
    assert_eq!(ann.get("/api/memory?query=bicycles").await.ok(), json!(["Ann has a blue bicycle"]));
    let gone = ann.delete(&format!("/api/memories/{id}")).await;
    assert_eq!(gone.ok(), json!({"message": "Memory deleted"}));
    assert!(gone.header("deletion-receipt").is_some_and(|receipt| receipt.starts_with("del_")));
    assert_eq!(ann.get("/api/memory?query=bicycles").await.ok(), json!([]));
    assert_eq!(ann.get(&format!("/api/memories/{id}")).await.error(404), "There is no memory with that id.");
    assert_eq!(ann.delete(&format!("/api/memories/{id}")).await.error(404), "There is no memory with that id.");
}

async fn both_paths_store_and_answer_alike(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for path in PATHS {
        let body = json!({"text": format!("Stored through {path}"), "source": "chatgpt"});
        let first = ann.post(path, body.clone()).await.ok();
        assert_shape_snapshot!(first, @r#"
        {
          "dbId": "[memory]",
          "done": "ok",
          "isDuplicate": false,
          "memoryId": "[memory]"
        }
        "#);
        let second = ann.post(path, body).await.ok();
        assert_shape_snapshot!(second, @r#"
        {
          "dbId": "[memory]",
          "done": "ok",
          "isDuplicate": true,
          "memoryId": "[memory]"
        }
        "#);
        assert_eq!((&first["memoryId"], &first["dbId"]), (&second["memoryId"], &second["dbId"]));
        assert_eq!(first["memoryId"], first["dbId"]);
        let id = first["memoryId"].as_str().expect("an id");
        let stored = ann.get(&format!("/api/memories/{id}")).await.ok();
        assert_eq!((&stored["text"], &stored["source"]), (&json!(format!("Stored through {path}")), &json!("chatgpt")));
    }
}

async fn a_fact_sent_again_under_another_date_is_a_duplicate(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("2026-07-26\n\nUses tabs").await;
    for same in [
        "Uses tabs",
        "  Uses tabs\n",
        "2026-07-27\n\nUses tabs",
        "2026-07-27 - Uses tabs",
        "2026-07-27 Uses tabs",
        "2025-01-01\r\n\r\nUses tabs ",
    ] {
        let answer = ann.post("/api/memory", json!({"text": same})).await.ok();
        assert_eq!((&answer["isDuplicate"], &answer["memoryId"]), (&json!(true), &json!(id)), "{same:?}");
    }
    for other in ["Uses Tabs", "uses tabs", "2026-07-27: Uses tabs", "In 2026-07-27 Uses tabs", "2026-07-26"] {
        ann.remember(other).await;
    }
    assert_eq!(ann.texts().await.len(), 6);
}

async fn a_duplicate_is_looked_for_in_its_bucket_only(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let general = ann.remember("Likes tea").await;
    let work = ann.bucket("Work").await;
    let stored = ann.post("/api/memory", json!({"text": "Likes tea", "bucketId": work})).await.ok();
    assert_eq!(stored["isDuplicate"], json!(false));
    assert_ne!(stored["memoryId"], json!(general));
}

async fn a_duplicate_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let first = ann.post("/api/memory", json!({"text": "2026-07-26 Likes tea", "source": "a"})).await.ok();
    let path = format!("/api/memories/{}", first["memoryId"].as_str().expect("an id"));
    let before = ann.get(&path).await.ok();
    server.app.clock.advance_days(1);
    ann.post("/api/memory", json!({"text": "2026-07-27 Likes tea", "source": "b"})).await.ok();
    assert_eq!(ann.get(&path).await.ok(), before);
    assert_eq!(ann.get("/api/buckets").await.ok()[0]["memoryCount"], json!(1));
}

async fn a_forgotten_fact_can_be_stored_anew(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let first = ann.remember("Likes tea").await;
    ann.delete(&format!("/api/memories/{first}")).await.ok();
    assert_ne!(ann.remember("Likes tea").await, first);
}

async fn every_form_of_a_bucket_id_is_taken(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.bucket("Work").await;
    let number: i64 = id.parse().expect("a number");
    let forms = [json!(number), json!(id), json!(format!(" {id} "))];
    for (index, form) in forms.into_iter().enumerate() {
        let body = json!({"text": format!("in Work {index}"), "bucketId": form});
        ann.post(PATHS[index % 2], body).await.ok();
    }
    // Some languages have one kind of number and may write it with a fraction of zero.
    let request = ann.request(Method::POST, "/api/memory").header("content-type", "application/json");
    answer(request.body(format!(r#"{{"text":"in Work 3","bucketId":{id}.0}}"#))).await.ok();
    let in_work = ann.get(&format!("/api/memory?all=true&bucketId={id}")).await.ok();
    assert_eq!(in_work, json!(["in Work 3", "in Work 2", "in Work 1", "in Work 0"]));
    for (index, form) in [Value::Null, json!(""), json!(" ")].into_iter().enumerate() {
        ann.post("/api/memory", json!({"text": format!("in General {index}"), "bucketId": form})).await.ok();
    }
    let buckets = ann.get("/api/buckets").await.ok();
    assert_eq!((&buckets[0]["name"], &buckets[0]["memoryCount"]), (&json!("General"), &json!(3)));
    for form in [json!(1.5), json!("1.0"), json!("Work"), json!(true), json!([number]), json!({})] {
        let refused = ann.post("/api/memory", json!({"text": "refused", "bucketId": form})).await;
        assert!(refused.error(400).contains("a bucket id"), "{form}: {refused:?}");
    }
    assert_eq!(ann.texts().await.len(), 7);
}

async fn a_bucket_that_is_not_there_is_404_and_stores_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for id in [json!(1), json!("1"), json!(0), json!(-1), json!(i64::MAX), json!(1e300), json!("9".repeat(40))] {
        for path in PATHS {
            let refused = ann.post(path, json!({"text": "lost", "bucketId": id})).await;
            assert_eq!(
                refused.error(404),
                "There is no such bucket; see GET /api/buckets, or leave it out for General."
            );
        }
    }
    assert!(ann.texts().await.is_empty());
}

async fn a_text_must_say_something(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (text, word) in [
        (json!(""), "empty"),
        (json!(" \t\r\n "), "empty"),
        (json!("\u{3000}"), "empty"),
        (json!("a\u{0}b"), "NUL"),
        (json!(null), "text"),
        (json!(7), "text"),
        (json!(["a"]), "text"),
    ] {
        for path in PATHS {
            let error = ann.post(path, json!({"text": text})).await.error(400);
            assert!(error.contains(word) || error.contains("a string"), "{text}: {error}");
        }
    }
    assert!(ann.post("/api/memory", json!({"memory": "no text"})).await.error(400).contains("`text`"));
    assert!(ann.texts().await.is_empty());
}

async fn the_longest_text_is_taken_and_one_character_more_is_not(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    // Characters count, not bytes: this one has three.
    let longest = "日".repeat(100_000);
    ann.remember(&longest).await;
    let refused = ann.post("/api/memory", json!({"text": longest.clone() + "!"})).await;
    assert!(refused.error(400).contains("100000 characters"), "{refused:?}");
    assert_eq!(ann.texts().await, [longest]);

    let small = Server::start_with(engine, &[("max_text_chars", "5")]).await;
    let bob = small.user("bob").await;
    bob.remember("12345").await;
    assert!(bob.post("/api/memory", json!({"text": "123456"})).await.error(400).contains("5 characters"));
}

async fn a_text_is_kept_byte_for_byte(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for text in [
        "2026-07-26\n\nKeeps its date",
        " spaces around\t",
        "line\r\nline",
        "e\u{301} and é",
        "👩‍👩‍👧 \u{202e}right to left\u{202c}",
        "\u{feff}mark, \u{1}control, \u{10ffff}last",
        "'); drop table memory; -- $1 ?1 {in $2} %s",
    ] {
        let id = ann.remember(text).await;
        assert_eq!(ann.get(&format!("/api/memories/{id}")).await.ok()["text"], json!(text));
        assert_eq!(ann.get("/api/memory?count=1").await.ok(), json!([text]));
    }
}

async fn a_source_keeps_the_rules(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (index, source) in [json!("ü".repeat(200)), json!(null), json!("")].into_iter().enumerate() {
        let stored = ann.post("/api/memory", json!({"text": format!("fact {index}"), "source": source})).await.ok();
        let id = stored["memoryId"].as_str().expect("an id");
        assert_eq!(ann.get(&format!("/api/memories/{id}")).await.ok()["source"], source);
    }
    for source in [json!("ü".repeat(201)), json!("a\nb"), json!("\u{0}"), json!(7)] {
        let error = ann.post("/api/memory", json!({"text": "refused", "source": source})).await.error(400);
        assert!(error.contains("source") || error.contains("a string"), "{error}");
    }
}

async fn unknown_fields_and_parameters_are_ignored(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for path in ["/api/memory?client=python&v=2", "/api/v2/memory?client=typingmind&v=2&text=not%20this&x"] {
        let body = json!({"text": format!("via {path}"), "memoryId": "mine", "userId": 7, "tags": ["a"], "date": null});
        assert_eq!(ann.post(path, body).await.ok()["done"], json!("ok"));
    }
    let body = crate::harness::client().post(format!("{}/api/memory", ann.url)).bearer_auth(&ann.token);
    for (index, kind) in
        ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"].iter().enumerate()
    {
        let request = body.try_clone().expect("no body yet").header("content-type", *kind);
        answer(request.body(format!("{{\"text\":\"typed {index}\"}}"))).await.ok();
    }
    assert_eq!(ann.texts().await.len(), 5);
}

async fn a_body_that_is_no_memory_is_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for body in
        ["", "{", "null", "[]", "\"text\"", "{\"text\":\"a\",}", "{\"text\":\"\\ud800\"}", "text=a", "\u{feff}{}"]
    {
        for path in PATHS {
            let request = ann.request(Method::POST, path).header("content-type", "application/json");
            let error = answer(request.body(body)).await.error(400);
            assert!(error.starts_with("The body is "), "{body:?}: {error}");
        }
    }
    assert!(ann.texts().await.is_empty());
}

async fn a_deletion_without_an_id_is_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    assert_eq!(ann.delete("/api/memories/").await.error(400), "Memory ID is required");
    server.with_token("").delete("/api/memories/").await.error(401);
}

async fn an_id_that_no_memory_has_is_404(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let kept = ann.remember("Kept").await;
    let almost = kept.to_uppercase();
    let long = "m".repeat(5_000);
    for id in ["mem_0", "%20", "%00", "..%2F..%2Fx", "%F0%9F%98%80", "'%20or%201=1", &almost, &long] {
        for method in [Method::GET, Method::DELETE] {
            let refused = answer(ann.request(method, &format!("/api/memories/{id}"))).await;
            assert_eq!(refused.error(404), "There is no memory with that id.", "{id}");
            assert_eq!(refused.header("deletion-receipt"), None);
        }
    }
    assert_eq!(ann.texts().await, ["Kept"]);
}
