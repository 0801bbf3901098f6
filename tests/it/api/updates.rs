//! Editing and moving memories, and what they were before.

use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    an_edit_answers_with_the_next_version,
    an_edit_is_found_by_its_new_words_only,
    a_memory_is_moved_by_id_or_by_name,
    text_and_bucket_change_in_one_version,
    what_changes_nothing_makes_no_version,
    a_memory_comes_with_all_of_its_versions,
    several_memories_are_moved_at_once,
    one_unknown_id_stops_the_whole_move,
    a_request_that_says_too_little_or_too_much_is_400,
    what_is_not_there_is_404,
    a_hundred_memories_are_moved_and_one_more_is_not,
    edits_at_the_same_time_each_make_a_version,
);

const UPDATE: &str = "/api/v2/memory/update";

async fn details(user: &User, id: &str) -> Value {
    user.get(&format!("/api/memories/{id}")).await.ok()
}

async fn counts(user: &User) -> Vec<(String, i64)> {
    let buckets = user.get("/api/buckets").await.ok();
    let count = |bucket: &Value| {
        (bucket["name"].as_str().expect("a name").to_owned(), bucket["memoryCount"].as_i64().expect("a count"))
    };
    buckets.as_array().expect("a list").iter().map(count).collect()
}

async fn an_edit_answers_with_the_next_version(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    let answer = ann.post(UPDATE, json!({"memoryId": id, "text": "Likes coffee"})).await.ok();
    assert_shape_snapshot!(answer, @r#"
    {
      "dbId": "[memory]",
      "done": "ok",
      "memoryId": "[memory]",
      "version": 2
    }
    "#);
    assert_eq!((&answer["memoryId"], &answer["dbId"]), (&json!(id), &json!(id)));
}

async fn an_edit_is_found_by_its_new_words_only(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    ann.post(UPDATE, json!({"memoryId": id, "text": "Likes coffee"})).await.ok();
    assert_eq!(ann.get("/api/memory?mode=lexical&query=coffee").await.ok(), json!(["Likes coffee"]));
    assert_eq!(ann.get("/api/memory?mode=lexical&query=tea").await.ok(), json!([]));
    assert_eq!(ann.texts().await, ["Likes coffee"]);
    // So is its being a duplicate.
    assert_eq!(ann.post("/api/memory", json!({"text": "Likes coffee"})).await.ok()["isDuplicate"], json!(true));
    ann.remember("Likes tea").await;
}

async fn a_memory_is_moved_by_id_or_by_name(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (id, work) = (ann.remember("Likes tea").await, ann.bucket("Work").await);
    let number: i64 = work.parse().expect("a number");
    for (index, (target, name)) in [
        (json!({"bucketId": number}), "Work"),
        (json!({"bucketName": " general "}), "General"),
        (json!({"bucketId": work, "bucketName": null}), "Work"),
        (json!({"bucketName": "GENERAL", "bucketId": ""}), "General"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = target;
        body["memoryId"] = json!(id);
        assert_eq!(ann.post(UPDATE, body).await.ok()["version"], json!(index + 2));
        assert_eq!(details(&ann, &id).await["bucketName"], json!(name));
        let here = |bucket: &str| i64::from(bucket == name);
        assert_eq!(counts(&ann).await, [("General".to_owned(), here("General")), ("Work".to_owned(), here("Work"))]);
    }
}

async fn text_and_bucket_change_in_one_version(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    ann.bucket("Work").await;
    let body = json!({"memoryId": id, "text": "Likes coffee", "bucketName": "work"});
    assert_eq!(ann.post(UPDATE, body).await.ok()["version"], json!(2));
    let memory = details(&ann, &id).await;
    assert_eq!((&memory["text"], &memory["bucketName"]), (&json!("Likes coffee"), &json!("Work")));
}

async fn what_changes_nothing_makes_no_version(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    let before = details(&ann, &id).await;
    server.app.clock.advance_days(1);
    for body in [
        json!({"memoryId": id, "text": "Likes tea"}),
        json!({"memoryId": id, "bucketName": "General"}),
        json!({"memoryId": id, "text": "Likes tea", "bucketName": "General"}),
        json!({"memoryIds": [id], "bucketName": "General"}),
    ] {
        ann.post(UPDATE, body).await.ok();
    }
    assert_eq!(details(&ann, &id).await, before);
}

async fn a_memory_comes_with_all_of_its_versions(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    let created = details(&ann, &id).await;
    ann.bucket("Work").await;
    server.app.clock.advance_days(1);
    ann.post(UPDATE, json!({"memoryId": id, "text": "Likes coffee"})).await.ok();
    ann.post(UPDATE, json!({"memoryIds": [id], "bucketName": "Work"})).await.ok();
    let memory = details(&ann, &id).await;
    assert_shape_snapshot!(memory, @r#"
    {
      "bucketId": "[bucket number]",
      "bucketName": "Work",
      "content_type": "text",
      "createdAt": "[time]",
      "id": "[memory]",
      "source": null,
      "text": "Likes coffee",
      "updatedAt": "[time]",
      "version": 3,
      "versions": [
        {
          "bucketId": "[bucket number]",
          "createdAt": "[time]",
          "text": "Likes tea",
          "version": 1
        },
        {
          "bucketId": "[bucket number]",
          "createdAt": "[time]",
          "text": "Likes coffee",
          "version": 2
        }
      ]
    }
    "#);
    assert_eq!(memory["createdAt"], created["createdAt"]);
    assert_ne!(memory["updatedAt"], created["updatedAt"]);
    assert_eq!(memory["versions"][0]["createdAt"], created["createdAt"]);
    assert_ne!(memory["bucketId"], memory["versions"][1]["bucketId"]);
}

async fn several_memories_are_moved_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (one, two, stays) = (ann.remember("One").await, ann.remember("Two").await, ann.remember("Stays").await);
    let work = ann.bucket("Work").await;
    // In the order of the request, each once.
    let answer = ann.post(UPDATE, json!({"memoryIds": [two, one, two], "bucketId": work})).await.ok();
    assert_shape_snapshot!(answer, @r#"
    {
      "done": "ok",
      "memoryIds": [
        "[memory]",
        "[memory]"
      ],
      "moved": 2
    }
    "#);
    assert_eq!(answer["memoryIds"], json!([two, one]));
    for (id, version) in [(&one, 2), (&two, 2), (&stays, 1)] {
        assert_eq!(details(&ann, id).await["version"], json!(version));
    }
    assert_eq!(counts(&ann).await, [("General".to_owned(), 1), ("Work".to_owned(), 2)]);
}

async fn one_unknown_id_stops_the_whole_move(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (kept, gone) = (ann.remember("Kept").await, ann.remember("Gone").await);
    ann.delete(&format!("/api/memories/{gone}")).await.ok();
    let work = ann.bucket("Work").await;
    let refused = ann.post(UPDATE, json!({"memoryIds": ["x", kept, gone, "x"], "bucketId": work})).await;
    refused.error(404);
    assert_shape_snapshot!(refused.json(), @r#"
    {
      "code": "rejected_ids",
      "error": "2 of the memory ids can't be resolved, so nothing was changed; remove the ids listed in rejectedIds and send the request again.",
      "rejectedIds": [
        "x",
        "[memory]"
      ]
    }
    "#);
    assert_eq!(refused.json()["rejectedIds"], json!(["x", gone]));
    let memory = details(&ann, &kept).await;
    assert_eq!((&memory["version"], &memory["bucketName"]), (&json!(1), &json!("General")));
    assert_eq!(counts(&ann).await, [("General".to_owned(), 1), ("Work".to_owned(), 0)]);
}

async fn a_request_that_says_too_little_or_too_much_is_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    let work = ann.bucket("Work").await;
    for (body, word) in [
        (json!({}), "memoryId"),
        (json!({"text": "x"}), "memoryId"),
        (json!({"memoryId": id}), "text"),
        (json!({"memoryId": id, "bucketId": "", "bucketName": " "}), "text"),
        (json!({"memoryId": id, "memoryIds": [id], "bucketId": work}), "not both"),
        (json!({"memoryId": id, "bucketId": work, "bucketName": "Work"}), "not both"),
        (json!({"memoryIds": [id], "bucketId": work, "text": "x"}), "text"),
        (json!({"memoryIds": [id]}), "bucketId"),
        (json!({"memoryIds": [], "bucketId": work}), "1 to 100"),
        (json!({"memoryIds": [id, null], "bucketId": work}), "null"),
        (json!({"memoryIds": id, "bucketId": work}), "sequence"),
        (json!({"memoryId": 7, "text": "x"}), "a string"),
        (json!({"memoryId": id, "text": ""}), "empty"),
        (json!({"memoryId": id, "text": "a\u{0}b"}), "NUL"),
        (json!({"memoryId": id, "text": "x".repeat(100_001)}), "100000"),
        (json!({"memoryId": id, "bucketId": "Work"}), "bucket id"),
    ] {
        let error = ann.post(UPDATE, body.clone()).await.error(400);
        assert!(error.contains(word), "{word}: {error}");
    }
    let memory = details(&ann, &id).await;
    assert_eq!((&memory["version"], &memory["text"]), (&json!(1), &json!("Likes tea")));
}

async fn what_is_not_there_is_404(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    for body in [
        json!({"memoryId": id, "bucketId": 1}),
        json!({"memoryId": id, "bucketName": "Nowhere", "text": "x"}),
        json!({"memoryIds": [id], "bucketName": "Nowhere"}),
    ] {
        assert!(ann.post(UPDATE, body).await.error(404).contains("bucket"));
    }
    for unknown in ["", "mem_0", "a\u{0}b"] {
        let refused = ann.post(UPDATE, json!({"memoryId": unknown, "text": "x"})).await;
        refused.error(404);
        assert_eq!(refused.json()["rejectedIds"], json!([unknown]));
    }
    assert_eq!(details(&ann, &id).await["version"], json!(1));
}

async fn a_hundred_memories_are_moved_and_one_more_is_not(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let texts: Vec<String> = (0..101).map(|number| format!("Number {number}")).collect();
    let ids = ann.remember_all(&texts).await;
    let work = ann.bucket("Work").await;
    let refused = ann.post(UPDATE, json!({"memoryIds": ids, "bucketId": work})).await;
    assert!(refused.error(400).contains("1 to 100"));
    let moved = ann.post(UPDATE, json!({"memoryIds": ids[..100], "bucketId": work})).await.ok();
    assert_eq!(moved["moved"], json!(100));
    assert_eq!(counts(&ann).await, [("General".to_owned(), 1), ("Work".to_owned(), 100)]);
}

async fn edits_at_the_same_time_each_make_a_version(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Edit 0").await;
    let edits = (1..=16).map(|number| ann.post(UPDATE, json!({"memoryId": id, "text": format!("Edit {number}")})));
    let answers = futures_util::future::join_all(edits).await;
    let mut versions: Vec<i64> = answers.iter().map(|answer| answer.ok()["version"].as_i64().expect("one")).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=17).collect::<Vec<i64>>());
    let memory = details(&ann, &id).await;
    assert_eq!(memory["version"], json!(17));
    assert_eq!(memory["versions"].as_array().map(Vec::len), Some(16));
}
