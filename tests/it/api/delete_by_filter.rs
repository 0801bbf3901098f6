//! Deleting what a filter matches: looked at first, then confirmed.

use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    a_filter_is_previewed_then_confirmed,
    every_condition_narrows_what_is_deleted,
    a_filter_without_a_condition_is_400,
    a_filter_that_can_not_be_read_is_400,
    nothing_is_deleted_without_the_confirmation,
    nothing_is_deleted_where_something_else_matches_by_now,
    a_filter_that_matches_nothing_deletes_nothing,
    a_filter_can_purge_at_once,
);

const FILTER: &str = "/api/memories/delete-by-filter";

fn with(filter: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut body = filter.clone();
    body[field] = value.into();
    body
}

async fn preview(user: &User, filter: &Value) -> Value {
    user.post(FILTER, with(filter, "dryRun", true)).await.ok()
}

async fn a_filter_is_previewed_then_confirmed(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Likes tea").await;
    ann.remember("Likes coffee").await;
    let filter = json!({"query": "tea", "unknown": "ignored"});
    let looked = ann.post(FILTER, with(&filter, "dryRun", true)).await;
    assert_eq!(looked.header("deletion-receipt"), None);
    let mut looked = looked.ok();
    assert_eq!(looked["memoryIds"], json!([id]));
    let token = looked["confirmationToken"].take();
    assert_shape_snapshot!(looked, @r#"
    {
      "confirmationToken": null,
      "matched": 1,
      "memoryIds": [
        "[memory]"
      ]
    }
    "#);
    assert_eq!(ann.texts().await.len(), 2);

    let deleted = ann.post(FILTER, with(&filter, "confirmationToken", token)).await;
    assert_eq!(deleted.ok(), json!({"deleted": 1, "failed": 0}));
    assert_eq!(deleted.text, r#"{"deleted":1,"failed":0}"#);
    let receipt = deleted.header("deletion-receipt").expect("a receipt");
    let receipt = ann.get(&format!("/api/deletions/{receipt}")).await.ok();
    assert_eq!((&receipt["operation"], &receipt["deleted"]), (&json!("delete-by-filter"), &json!(1)));
    assert_eq!(ann.texts().await, ["Likes coffee"]);
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(1));
}

async fn every_condition_narrows_what_is_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let file = json!([
        {"text": "January tea", "createdAt": "2025-01-15T12:00:00Z", "source": "a", "bucket": "Work"},
        {"text": "February tea and cake", "createdAt": "2025-02-01", "source": "b", "bucket": "Work"},
        {"text": "March cake", "createdAt": "2025-03-31T23:59:59.999999Z", "source": "a"},
        {"text": "April", "createdAt": "2025-04-01T00:00:00Z"},
    ]);
    assert_eq!(ann.post("/api/import", file).await.ok()["created"], json!(4));
    let work = ann.get("/api/buckets").await.ok()[1]["id"].clone();
    let number: i64 = work.as_str().expect("an id").parse().expect("a number");
    for (filter, texts) in [
        (json!({"bucketId": work}), &["January", "February"][..]),
        (json!({"bucketId": number}), &["January", "February"]),
        (json!({"bucketId": 1}), &[]),
        (json!({"source": "a"}), &["January", "March"]),
        (json!({"source": "A"}), &[]),
        (json!({"after": "2025-02-01"}), &["February", "March", "April"]),
        (json!({"before": "2025-02-01"}), &["January"]),
        (json!({"after": "2025-02-01", "before": "2025-04-01"}), &["February", "March"]),
        (json!({"before": "2025-04-01T01:00:00+01:00"}), &["January", "February", "March"]),
        (json!({"query": "tea"}), &["January", "February"]),
        (json!({"query": "the cakes, and tea"}), &["February"]),
        (json!({"query": "tea", "source": "a", "bucketId": work}), &["January"]),
        (json!({"query": "tea", "source": null, "bucketId": "", "after": null}), &["January", "February"]),
        (json!({"all": true}), &["January", "February", "March", "April"]),
    ] {
        let looked = preview(&ann, &filter).await;
        let mut found = Vec::new();
        for id in looked["memoryIds"].as_array().expect("a list") {
            found.push(ann.get(&format!("/api/memories/{}", id.as_str().expect("an id"))).await.ok()["text"].clone());
        }
        assert_eq!(looked["matched"], json!(texts.len()), "{filter}: {found:?}");
        for text in texts {
            assert!(
                found.iter().any(|found| found.as_str().is_some_and(|f| f.starts_with(text))),
                "{filter}: {found:?}"
            );
        }
        // Deleted and back again, for the next one.
        let deleted = ann.post(FILTER, with(&filter, "confirmationToken", looked["confirmationToken"].clone())).await;
        assert_eq!(deleted.ok(), json!({"deleted": texts.len(), "failed": 0}));
        let restored = ann.post("/api/memories/restore", json!({"memoryIds": looked["memoryIds"]})).await;
        assert_eq!(restored.ok(), json!({"restored": texts.len(), "failed": 0}));
    }
}

async fn a_filter_without_a_condition_is_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Kept").await;
    for filter in [
        json!({}),
        json!({"all": false}),
        json!({"bucketId": null, "source": null, "after": null, "before": null, "query": null}),
        json!({"bucketId": ""}),
        json!({"buckets": [1]}),
        // A condition beside "everything" contradicts it.
        json!({"all": true, "query": "kept"}),
    ] {
        for body in [with(&filter, "dryRun", true), with(&filter, "confirmationToken", "0")] {
            assert!(ann.post(FILTER, body).await.error(400).contains("at least one of"), "{filter}");
        }
    }
    assert_eq!(ann.texts().await, ["Kept"]);
}

async fn a_filter_that_can_not_be_read_is_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (filter, word) in [
        (json!({"query": "?!"}), "no word"),
        (json!({"query": ""}), "no word"),
        (json!({"after": "yesterday"}), "2026-07-26"),
        (json!({"before": 1_700_000_000}), "string"),
        (json!({"bucketId": "Work"}), "bucket id"),
        (json!({"source": 7}), "string"),
        (json!({"source": "a\u{0}b"}), "control character"),
        (json!({"all": "true"}), "boolean"),
        (json!([]), "filter"),
    ] {
        let body = if filter.is_array() { filter.clone() } else { with(&filter, "dryRun", true) };
        let error = ann.post(FILTER, body).await.error(400);
        assert!(error.contains(word) || filter.is_array(), "{filter}: {error}");
    }
}

async fn nothing_is_deleted_without_the_confirmation(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea").await;
    let filter = json!({"query": "tea"});
    assert!(ann.post(FILTER, filter.clone()).await.error(400).contains("dryRun"));
    ann.post(FILTER, with(&filter, "confirmationToken", Value::Null)).await.error(400);
    for token in ["", "0", &"0".repeat(64)] {
        ann.post(FILTER, with(&filter, "confirmationToken", token)).await.error(409);
    }
    // With the right token, but still only to look.
    let token = preview(&ann, &filter).await["confirmationToken"].take();
    preview(&ann, &with(&filter, "confirmationToken", token)).await;
    assert_eq!(ann.texts().await, ["Likes tea"]);
}

async fn nothing_is_deleted_where_something_else_matches_by_now(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (first, second) = (ann.remember("Tea at one").await, ann.remember("Tea at two").await);
    let filter = json!({"query": "tea"});
    let token = preview(&ann, &filter).await["confirmationToken"].take();
    let confirmed = with(&filter, "confirmationToken", token);

    let third = ann.remember("Tea at three").await;
    assert!(ann.post(FILTER, confirmed.clone()).await.error(409).contains("nothing was done"));
    ann.delete(&format!("/api/memories/{third}")).await.ok();
    ann.delete(&format!("/api/memories/{second}")).await.ok();
    ann.post(FILTER, confirmed.clone()).await.error(409);
    assert_eq!(ann.texts().await, ["Tea at one"]);
    // It says something else by now.
    let token = preview(&ann, &filter).await["confirmationToken"].take();
    ann.post("/api/v2/memory/update", json!({"memoryId": first, "text": "Tea at noon"})).await.ok();
    ann.post(FILTER, with(&filter, "confirmationToken", token)).await.error(409);
    assert_eq!(ann.texts().await, ["Tea at noon"]);
    ann.post("/api/v2/memory/update", json!({"memoryId": first, "text": "Tea at one"})).await.ok();
    ann.post("/api/memories/restore", json!({"memoryIds": [second]})).await.ok();
    let token = preview(&ann, &filter).await["confirmationToken"].take();
    let confirmed = with(&filter, "confirmationToken", token);
    ann.delete(&format!("/api/memories/{second}")).await.ok();
    // Another filter is another question.
    ann.post(FILTER, json!({"query": "one", "confirmationToken": confirmed["confirmationToken"]})).await.error(409);

    // Once the same memories match again, what was confirmed holds.
    ann.post("/api/memories/restore", json!({"memoryIds": [second]})).await.ok();
    assert_eq!(ann.post(FILTER, confirmed.clone()).await.ok(), json!({"deleted": 2, "failed": 0}));
    ann.post(FILTER, confirmed).await.error(409);
    ann.get(&format!("/api/memories/{first}")).await.error(404);
}

async fn a_filter_that_matches_nothing_deletes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea").await;
    let filter = json!({"query": "coffee"});
    let looked = preview(&ann, &filter).await;
    assert_eq!((&looked["matched"], &looked["memoryIds"]), (&json!(0), &json!([])));
    let confirmed = with(&filter, "confirmationToken", looked["confirmationToken"].clone());
    assert_eq!(ann.post(FILTER, confirmed).await.ok(), json!({"deleted": 0, "failed": 0}));
    assert_eq!(ann.texts().await, ["Likes tea"]);
}

async fn a_filter_can_purge_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea").await;
    let filter = json!({"all": true, "purge": true});
    let token = preview(&ann, &filter).await["confirmationToken"].take();
    let deleted = ann.post(FILTER, with(&filter, "confirmationToken", token)).await;
    assert_eq!(deleted.ok(), json!({"deleted": 1, "failed": 0}));
    let receipt = deleted.header("deletion-receipt").expect("a receipt");
    let receipt = ann.get(&format!("/api/deletions/{receipt}")).await.ok();
    assert_eq!(receipt["purged"], json!(1));
    assert!(receipt["erasedAt"].is_string());
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(0));
}
