//! What becomes of deleted memories: restored, purged, or purged in time.

use reqwest::Method;
use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Answer, Engine, Server, User, answer, on_both_engines};

on_both_engines!(
    the_trash_shows_what_was_deleted_and_until_when,
    the_trash_is_listed_latest_deletions_first_in_pages,
    a_restored_memory_is_as_it_was,
    restore_counts_each_distinct_id_once,
    restore_refuses_what_is_no_list_of_texts,
    a_memory_whose_bucket_is_gone_is_restored_to_general,
    a_memory_is_restored_beside_one_that_says_the_same,
    of_concurrent_restores_exactly_one_counts_a_memory,
    a_purged_memory_can_not_be_restored,
    purge_takes_only_what_is_in_the_trash,
    emptying_the_trash_purges_all_of_it,
    a_deletion_can_purge_at_once,
    without_trash_days_every_deletion_purges,
    the_trash_lets_go_when_its_time_is_over,
    a_restored_memory_does_not_expire,
);

const BULK: &str = "/api/memories/bulk-delete";
const RESTORE: &str = "/api/memories/restore";

async fn deleted(user: &User, texts: &[&str]) -> (Vec<String>, String) {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let ids = user.remember_all(&texts).await;
    let answer = user.post(BULK, json!({"memoryIds": ids})).await;
    (ids, receipt_of(&answer))
}

fn receipt_of(answer: &Answer) -> String {
    answer.ok();
    assert_eq!(answer.header("deletion-erasure"), None, "nothing is left to be erased");
    answer.header("deletion-receipt").expect("a receipt").to_owned()
}

async fn receipt(user: &User, id: &str) -> Value {
    user.get(&format!("/api/deletions/{id}")).await.ok()
}

/// How many of a receipt's memories were deleted, restored, purged; whether it is settled.
async fn account_of(user: &User, id: &str) -> (Value, Value, Value, bool) {
    let mut receipt = receipt(user, id).await;
    let settled = receipt["purgedAt"].is_string();
    assert_eq!(receipt["erasedAt"].is_string(), settled, "what is purged is erased: {receipt}");
    let mut take = |field: &str| receipt[field].take();
    (take("deleted"), take("restored"), take("purged"), settled)
}

async fn trashed(user: &User) -> Vec<Value> {
    let mut trash = user.get("/api/trash").await.ok();
    let list = trash["memories"].take();
    assert_eq!(trash["total"], json!(list.as_array().map(Vec::len)));
    serde_json::from_value(list).expect("a list")
}

async fn the_trash_shows_what_was_deleted_and_until_when(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let body = json!({"text": "2026-07-26 Likes tea", "source": "chatgpt"});
    let id = ann.post("/api/memory", body).await.ok()["memoryId"].clone();
    let answer = ann.post(BULK, json!({"memoryIds": [id]})).await;
    let trash = ann.get("/api/trash").await.ok();
    assert_shape_snapshot!(trash, @r#"
    {
      "memories": [
        {
          "bucketId": "[bucket number]",
          "bucketName": "General",
          "createdAt": "[time]",
          "deletedAt": "[time]",
          "id": "[memory]",
          "purgeAt": "[time]",
          "receipt": "[receipt]",
          "source": "chatgpt",
          "text": "2026-07-26 Likes tea"
        }
      ],
      "total": 1
    }
    "#);
    let item = &trash["memories"][0];
    assert_eq!((&item["id"], &item["receipt"]), (&id, &json!(receipt_of(&answer))));
    let time = |field: &str| commonplace::clock::Micros::parse(item[field].as_str().expect("a time")).expect("a time");
    assert_eq!(time("purgeAt"), time("deletedAt").plus_days(30));
}

async fn the_trash_is_listed_latest_deletions_first_in_pages(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    deleted(&ann, &["a", "b"]).await;
    deleted(&ann, &["c", "d", "e"]).await;
    let texts = |trash: &Value| -> Vec<String> {
        let list = trash["memories"].as_array().expect("a list");
        list.iter().map(|memory| memory["text"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(texts(&ann.get("/api/trash").await.ok()), ["e", "d", "c", "b", "a"]);
    let page = ann.get("/api/trash?skip=1&count=3").await.ok();
    assert_eq!((texts(&page), &page["total"]), (["d", "c", "b"].map(str::to_owned).to_vec(), &json!(5)));
    for query in ["skip=-1", "count=0", "skip=x"] {
        ann.get(&format!("/api/trash?{query}")).await.error(400);
    }
}

async fn a_restored_memory_is_as_it_was(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    let body = json!({"text": "Likes tea", "source": "chatgpt", "bucketId": work});
    let stored = ann.post("/api/memory", body).await.ok();
    let path = format!("/api/memories/{}", stored["memoryId"].as_str().expect("an id"));
    let update = json!({"memoryId": stored["memoryId"], "text": "Likes coffee"});
    ann.post("/api/v2/memory/update", update).await.ok();
    let (before, list) = (ann.get(&path).await.ok(), ann.get("/api/v2/memory?includeIds=true").await.ok());
    let receipt = receipt_of(&ann.delete(&path).await);
    server.app.clock.advance_days(1);
    let answer = ann.post(RESTORE, json!({"memoryIds": [stored["memoryId"]]})).await;
    assert_eq!(answer.text, r#"{"restored":1,"failed":0}"#);
    assert_eq!(ann.get(&path).await.ok(), before);
    assert_eq!(ann.get("/api/v2/memory?includeIds=true").await.ok(), list);
    assert_eq!(ann.get("/api/memory?query=coffee").await.ok(), json!(["Likes coffee"]));
    assert!(trashed(&ann).await.is_empty());
    assert_eq!(account_of(&ann, &receipt).await, (json!(1), json!(1), json!(0), false));
}

async fn restore_counts_each_distinct_id_once(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (ids, _) = deleted(&ann, &["a", "b"]).await;
    let live = ann.remember("never deleted").await;
    let asked = [&ids[0], &ids[0], &live, "", "x", "x", "a\u{0}b"];
    let body = json!({"memoryIds": asked, "reason": "ignored"});
    assert_eq!(ann.post(RESTORE, body.clone()).await.ok(), json!({"restored": 1, "failed": 4}));
    assert_eq!(ann.post(RESTORE, body).await.ok(), json!({"restored": 0, "failed": 5}));
    assert_eq!(ann.post(RESTORE, json!({"memoryIds": []})).await.ok(), json!({"restored": 0, "failed": 0}));
    assert_eq!(ann.texts().await, ["never deleted", "a"]);
}

async fn restore_refuses_what_is_no_list_of_texts(engine: Engine) {
    let server = Server::start_with(engine, &[("max_bulk_ids", "2"), ("max_body_bytes", "1024")]).await;
    let ann = server.user("ann").await;
    let (ids, _) = deleted(&ann, &["a"]).await;
    for path in [RESTORE, "/api/trash/purge"] {
        for body in [
            json!({}),
            json!({"memoryIds": null}),
            json!({"memoryIds": ids[0]}),
            json!({"memoryIds": [ids[0], 7]}),
            json!({"memoryIds": [ids[0], null]}),
            json!({"memoryIds": [ids[0], "b", "c"]}),
            json!([ids[0]]),
        ] {
            ann.post(path, body).await.error(400);
        }
        ann.post(path, json!({"memoryIds": ids, "padding": "x".repeat(1024)})).await.error(413);
        let untyped = ann.request(Method::POST, path).body(json!({"memoryIds": ids}).to_string());
        answer(untyped).await.error(415);
    }
    assert_eq!(trashed(&ann).await.len(), 1);
}

async fn a_memory_whose_bucket_is_gone_is_restored_to_general(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    let stored = ann.post("/api/memory", json!({"text": "Likes tea", "bucketId": work})).await.ok();
    receipt_of(&ann.delete(&format!("/api/buckets/{work}?memories=delete")).await);
    assert_eq!(trashed(&ann).await[0]["bucketName"], json!("Work"));
    // A new bucket of the same name is another one.
    ann.bucket("Work").await;
    ann.post(RESTORE, json!({"memoryIds": [stored["memoryId"]]})).await.ok();
    let memory = ann.get(&format!("/api/memories/{}", stored["memoryId"].as_str().expect("an id"))).await.ok();
    assert_eq!((&memory["bucketName"], &memory["version"]), (&json!("General"), &json!(1)));
    let buckets = ann.get("/api/buckets").await.ok();
    assert_eq!((&buckets[0]["memoryCount"], &buckets[1]["memoryCount"]), (&json!(1), &json!(0)));
}

async fn a_memory_is_restored_beside_one_that_says_the_same(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (ids, _) = deleted(&ann, &["Likes tea"]).await;
    let other = ann.remember("Likes tea").await;
    assert_eq!(ann.post(RESTORE, json!({"memoryIds": ids})).await.ok()["restored"], json!(1));
    assert_eq!(ann.texts().await, ["Likes tea", "Likes tea"]);
    ann.delete(&format!("/api/memories/{other}")).await.ok();
    assert_eq!(ann.texts().await, ["Likes tea"]);
}

async fn of_concurrent_restores_exactly_one_counts_a_memory(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let texts: Vec<String> = (0..50).map(|number| format!("Number {number}")).collect();
    let ids = ann.remember_all(&texts).await;
    let receipt = receipt_of(&ann.post(BULK, json!({"memoryIds": ids})).await);
    let restores = (0..16).map(|number| {
        let window: Vec<&String> = ids.iter().cycle().skip(number * 10).take(20).collect();
        ann.post(RESTORE, json!({"memoryIds": window}))
    });
    let answers = futures_util::future::join_all(restores).await;
    let restored: u64 = answers.iter().map(|answer| answer.ok()["restored"].as_u64().expect("a count")).sum();
    assert_eq!(restored, 50);
    assert_eq!(ann.texts().await.len(), 50);
    assert_eq!(account_of(&ann, &receipt).await, (json!(50), json!(50), json!(0), false));
}

async fn a_purged_memory_can_not_be_restored(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (ids, deletion) = deleted(&ann, &["a", "b", "c"]).await;
    let purged = ann.post("/api/trash/purge", json!({"memoryIds": [ids[0], ids[0], "x"]})).await;
    assert_eq!(purged.text, r#"{"purged":1,"failed":1}"#);
    let purge = receipt_of(&purged);
    assert_eq!(receipt(&ann, &purge).await["operation"], json!("purge-trash"));
    assert_eq!(account_of(&ann, &purge).await, (json!(1), json!(0), json!(1), true));
    assert_eq!(ann.post(RESTORE, json!({"memoryIds": ids})).await.ok(), json!({"restored": 2, "failed": 1}));
    assert_eq!(receipt(&ann, &deletion).await["restored"], json!(2));
    // With nothing of it left in the trash, the housekeeping closes the first receipt.
    commonplace::memory::trash::purge_due(&server.app).await.expect("housekeeping");
    assert_eq!(account_of(&ann, &deletion).await, (json!(3), json!(2), json!(1), true));
    assert_eq!(ann.texts().await, ["c", "b"]);
}

async fn purge_takes_only_what_is_in_the_trash(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let live = ann.remember("Never deleted").await;
    let purged = ann.post("/api/trash/purge", json!({"memoryIds": [live]})).await.ok();
    assert_eq!(purged, json!({"purged": 0, "failed": 1}));
    assert_eq!(ann.texts().await, ["Never deleted"]);
}

async fn emptying_the_trash_purges_all_of_it(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (first, second) = (deleted(&ann, &["a", "b"]).await, deleted(&ann, &["c"]).await);
    ann.remember("Kept").await;
    let emptied = ann.delete("/api/trash").await;
    assert_eq!(emptied.text, r#"{"purged":3,"failed":0}"#);
    let emptying = receipt_of(&emptied);
    assert_eq!(receipt(&ann, &emptying).await["operation"], json!("empty-trash"));
    assert_eq!(account_of(&ann, &emptying).await, (json!(3), json!(0), json!(3), true));
    assert_eq!(account_of(&ann, &first.1).await, (json!(2), json!(0), json!(2), true));
    assert_eq!(account_of(&ann, &second.1).await, (json!(1), json!(0), json!(1), true));
    assert!(trashed(&ann).await.is_empty());
    assert_eq!(ann.post(RESTORE, json!({"memoryIds": first.0})).await.ok(), json!({"restored": 0, "failed": 2}));
    assert_eq!(ann.texts().await, ["Kept"]);
    assert_eq!(ann.delete("/api/trash").await.ok(), json!({"purged": 0, "failed": 0}));
}

async fn a_deletion_can_purge_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = ann.remember_all(&["a".to_owned(), "b".to_owned()]).await;
    let one = ann.delete(&format!("/api/memories/{}?purge=true", ids[0])).await;
    let many = ann.post(&format!("{BULK}?purge=true"), json!({"memoryIds": ids})).await;
    assert_eq!(many.ok(), json!({"deleted": 1, "failed": 1}));
    for (answer, operation) in [(&one, "delete"), (&many, "bulk-delete")] {
        let id = receipt_of(answer);
        assert_eq!(receipt(&ann, &id).await["operation"], json!(operation));
        assert_eq!(account_of(&ann, &id).await, (json!(1), json!(0), json!(1), true));
    }
    assert!(trashed(&ann).await.is_empty());
    assert_eq!(ann.post(RESTORE, json!({"memoryIds": ids})).await.ok(), json!({"restored": 0, "failed": 2}));
}

async fn without_trash_days_every_deletion_purges(engine: Engine) {
    let server = Server::start_with(engine, &[("trash_days", "0")]).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    ann.post("/api/memory", json!({"text": "c", "bucketId": work})).await.ok();
    let ids = ann.remember_all(&["a".to_owned(), "b".to_owned()]).await;
    let answers = [
        ann.delete(&format!("/api/memories/{}", ids[0])).await,
        ann.post(BULK, json!({"memoryIds": [ids[1]]})).await,
        ann.delete(&format!("/api/buckets/{work}?memories=delete")).await,
    ];
    for answer in &answers {
        assert_eq!(account_of(&ann, &receipt_of(answer)).await, (json!(1), json!(0), json!(1), true));
    }
    assert!(trashed(&ann).await.is_empty() && ann.texts().await.is_empty());
}

async fn the_trash_lets_go_when_its_time_is_over(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (ids, first) = deleted(&ann, &["a", "b"]).await;
    server.app.clock.advance_days(29);
    let (_, second) = deleted(&ann, &["c"]).await;
    let due = commonplace::memory::trash::purge_due(&server.app).await.expect("housekeeping");
    assert_eq!((due, trashed(&ann).await.len()), (0, 3));
    server.app.clock.advance_days(2);
    let due = commonplace::memory::trash::purge_due(&server.app).await.expect("housekeeping");
    assert_eq!((due, trashed(&ann).await.len()), (2, 1));
    assert_eq!(account_of(&ann, &first).await, (json!(2), json!(0), json!(2), true));
    assert_eq!(account_of(&ann, &second).await, (json!(1), json!(0), json!(0), false));
    assert_eq!(ann.post(RESTORE, json!({"memoryIds": ids})).await.ok(), json!({"restored": 0, "failed": 2}));
    let due = commonplace::memory::trash::purge_due(&server.app).await.expect("housekeeping");
    assert_eq!(due, 0);
}

async fn a_restored_memory_does_not_expire(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (ids, _) = deleted(&ann, &["a"]).await;
    ann.post(RESTORE, json!({"memoryIds": ids})).await.ok();
    server.app.clock.advance_days(31);
    assert_eq!(commonplace::memory::trash::purge_due(&server.app).await.expect("housekeeping"), 0);
    assert_eq!(ann.texts().await, ["a"]);
}
