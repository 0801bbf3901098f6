//! Buckets: listed, made, renamed, described, deleted.

use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    an_account_begins_with_general,
    buckets_are_listed_general_first_then_by_name,
    a_bucket_is_made_with_an_id_that_every_reader_keeps_exact,
    a_name_keeps_the_rules,
    a_name_is_taken_whatever_its_case,
    general_is_taken_from_the_beginning,
    of_concurrent_requests_exactly_one_makes_the_bucket,
    a_bucket_is_renamed_and_described,
    a_rename_shows_wherever_the_bucket_does,
    general_can_be_described_but_not_renamed,
    a_change_that_breaks_a_rule_changes_nothing,
    an_empty_bucket_is_deleted,
    a_bucket_with_memories_is_only_deleted_when_told_what_to_do,
    the_memories_of_a_deleted_bucket_can_be_moved,
    the_memories_of_a_deleted_bucket_can_be_deleted,
    general_can_not_be_deleted,
    what_is_no_bucket_is_404_and_what_is_no_id_400,
);

async fn buckets(user: &User) -> Vec<(String, i64)> {
    let list = user.get("/api/buckets").await.ok();
    let entry = |bucket: &Value| {
        (bucket["name"].as_str().expect("a name").to_owned(), bucket["memoryCount"].as_i64().expect("a count"))
    };
    list.as_array().expect("a list").iter().map(entry).collect()
}

fn named(entries: &[(&str, i64)]) -> Vec<(String, i64)> {
    entries.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

async fn remember_in(user: &User, bucket: &str, text: &str) -> String {
    let stored = user.post("/api/memory", json!({"text": text, "bucketId": bucket})).await.ok();
    stored["memoryId"].as_str().expect("an id").to_owned()
}

async fn an_account_begins_with_general(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    assert_shape_snapshot!(ann.get("/api/buckets?v=2&source=chatgpt").await.ok(), @r#"
    [
      {
        "id": "[bucket]",
        "memoryCount": 0,
        "name": "General"
      }
    ]
    "#);
}

async fn buckets_are_listed_general_first_then_by_name(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for name in ["work", "Travel", "Äpfel", "a"] {
        ann.bucket(name).await;
    }
    let described = ann.post("/api/buckets", json!({"name": "Zoo", "description": "Animals"})).await.ok();
    remember_in(&ann, described["id"].as_str().expect("an id"), "A lion").await;
    let list = ann.get("/api/buckets").await.ok();
    assert_shape_snapshot!(list[4], @r#"
    {
      "description": "Animals",
      "id": "[bucket]",
      "memoryCount": 1,
      "name": "Zoo"
    }
    "#);
    let order = [("General", 0), ("a", 0), ("Travel", 0), ("work", 0), ("Zoo", 1), ("Äpfel", 0)];
    assert_eq!(buckets(&ann).await, named(&order));
}

async fn a_bucket_is_made_with_an_id_that_every_reader_keeps_exact(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let made = ann.post("/api/buckets", json!({"name": "  Work 2 ", "source": "typingmind", "v": 2})).await.ok();
    assert_shape_snapshot!(made, @r#"
    {
      "id": "[bucket]",
      "message": "Bucket created successfully",
      "name": "Work 2"
    }
    "#);
    let id: i64 = made["id"].as_str().expect("text").parse().expect("a number");
    assert!((1..1 << 53).contains(&id));
    let id = made["id"].as_str().expect("an id");
    remember_in(&ann, id, "Ships on Fridays").await;
    let listed = ann.get("/api/v2/memory?includeIds=true").await.ok();
    assert_eq!(listed["memories"][0]["bucketId"].to_string(), id);
}

async fn a_name_keeps_the_rules(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for name in ["x", "2026-07", "日本", "12 monkeys", "a".repeat(100).as_str(), "'; drop table bucket; --"] {
        ann.bucket(name).await;
    }
    for (body, word) in [
        (json!({"name": ""}), "1 to 100"),
        (json!({"name": " \t "}), "1 to 100"),
        (json!({"name": "a".repeat(101)}), "1 to 100"),
        (json!({"name": "123"}), "digits only"),
        (json!({"name": " ٣ "}), "digits only"),
        (json!({"name": "a\nb"}), "control characters"),
        (json!({"name": "a\u{0}b"}), "control characters"),
        (json!({"name": 12}), "a string"),
        (json!({"name": null}), "a string"),
        (json!({}), "`name`"),
        (json!({"name": "Described", "description": "d".repeat(2_001)}), "2000"),
        (json!({"name": "Described", "description": "a\u{0}b"}), "NUL"),
    ] {
        let error = ann.post("/api/buckets", body.clone()).await.error(400);
        assert!(error.contains(word), "{body}: {error}");
    }
    assert_eq!(buckets(&ann).await.len(), 7);
}

async fn a_name_is_taken_whatever_its_case(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.bucket("Büro").await;
    for name in ["Büro", "büro", "BÜRO", "  Büro "] {
        let refused = ann.post("/api/buckets", json!({"name": name})).await;
        assert!(refused.error(409).contains("already"), "{name}");
    }
    ann.bucket("Buro").await;
    // Names are each account's own.
    server.user("bob").await.bucket("Büro").await;
}

async fn general_is_taken_from_the_beginning(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for name in ["General", "general", " GENERAL "] {
        ann.post("/api/buckets", json!({"name": name})).await.error(409);
    }
    assert_eq!(buckets(&ann).await.len(), 1);
}

async fn of_concurrent_requests_exactly_one_makes_the_bucket(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let requests = (0..16).map(|number| {
        let name = if number % 2 == 0 { "Work" } else { "WORK" };
        ann.post("/api/buckets", json!({"name": name}))
    });
    let answers = futures_util::future::join_all(requests).await;
    let made = answers.iter().filter(|answer| answer.status.is_success()).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((made, taken, buckets(&ann).await.len()), (1, 15, 2));
}

async fn a_bucket_is_renamed_and_described(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let path = format!("/api/buckets/{}", ann.bucket("Work").await);
    let changed = ann.patch(&path, json!({"name": " Office ", "description": "The job", "color": "red"})).await.ok();
    assert_shape_snapshot!(changed, @r#"
    {
      "description": "The job",
      "id": "[bucket]",
      "memoryCount": 0,
      "name": "Office"
    }
    "#);
    assert_eq!(ann.get("/api/buckets").await.ok()[1], changed);
    // What is not given stays; null removes a description.
    assert_eq!(ann.patch(&path, json!({})).await.ok(), changed);
    assert_eq!(ann.patch(&path, json!({"name": null})).await.ok(), changed);
    assert_eq!(ann.patch(&path, json!({"name": "OFFICE"})).await.ok()["description"], json!("The job"));
    assert_eq!(ann.patch(&path, json!({"description": null})).await.ok().get("description"), None);
    assert_eq!(buckets(&ann).await, named(&[("General", 0), ("OFFICE", 0)]));
    // The old name is free again.
    ann.bucket("Work").await;
}

async fn a_rename_shows_wherever_the_bucket_does(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    let id = remember_in(&ann, &work, "Ships on Fridays").await;
    ann.patch(&format!("/api/buckets/{work}"), json!({"name": "Office"})).await.ok();
    let memory = ann.get(&format!("/api/memories/{id}")).await.ok();
    assert_eq!((&memory["bucketName"], &memory["version"]), (&json!("Office"), &json!(1)));
    let listed = ann.get("/api/v2/memory?includeIds=true").await.ok();
    assert_eq!(listed["memories"][0]["metadata"]["bucketName"], json!("Office"));
    assert_eq!(ann.get("/api/export").await.ok()["memories"][0]["bucket"], json!("Office"));
}

async fn general_can_be_described_but_not_renamed(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let list = ann.get("/api/buckets").await.ok();
    let path = format!("/api/buckets/{}", list[0]["id"].as_str().expect("an id"));
    for name in ["Other", "general", "GENERAL"] {
        assert_eq!(ann.patch(&path, json!({"name": name})).await.error(409), "The General bucket can't be renamed.");
    }
    let described = ann.patch(&path, json!({"name": "General", "description": "Everything"})).await.ok();
    assert_eq!((&described["name"], &described["description"]), (&json!("General"), &json!("Everything")));
}

async fn a_change_that_breaks_a_rule_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (work, _) = (ann.bucket("Work").await, ann.bucket("Home").await);
    let path = format!("/api/buckets/{work}");
    for (body, status) in [
        (json!({"name": "HOME", "description": "x"}), 409),
        (json!({"name": "general"}), 409),
        (json!({"name": ""}), 400),
        (json!({"name": "7"}), 400),
        (json!({"name": "Job", "description": "d".repeat(2_001)}), 400),
        (json!({"name": "Job", "description": 7}), 400),
        (json!(["Job"]), 400),
    ] {
        ann.patch(&path, body).await.error(status);
    }
    let list = ann.get("/api/buckets").await.ok();
    assert_eq!((&list[2]["name"], list[2].get("description")), (&json!("Work"), None));
}

async fn an_empty_bucket_is_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for query in ["", "?memories=move", "?memories=delete", "?memories=delete&purge=true"] {
        let work = ann.bucket("Work").await;
        let deleted = ann.delete(&format!("/api/buckets/{work}{query}")).await;
        assert_shape_snapshot!(deleted.ok(), @r#"
        {
          "deleted": 0,
          "message": "Bucket deleted"
        }
        "#);
        assert_eq!(deleted.header("deletion-receipt"), None, "there was nothing to prove");
        ann.delete(&format!("/api/buckets/{work}")).await.error(404);
    }
    let work = ann.bucket("Work").await;
    ann.delete(&format!("/api/buckets/{work}?memories=move&moveTo=1")).await.error(404);
    assert_eq!(buckets(&ann).await, named(&[("General", 0), ("Work", 0)]));
}

async fn a_bucket_with_memories_is_only_deleted_when_told_what_to_do(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    remember_in(&ann, &work, "One").await;
    remember_in(&ann, &work, "Two").await;
    let error = ann.delete(&format!("/api/buckets/{work}")).await.error(409);
    assert_eq!(error, "The bucket holds 2 memories; say memories=move or memories=delete.");
    for query in ["memories=keep", "memories=MOVE", "memories=delete&purge=yes", "memories=move&moveTo=Home"] {
        ann.delete(&format!("/api/buckets/{work}?{query}")).await.error(400);
    }
    for target in ["1", work.as_str()] {
        let error = ann.delete(&format!("/api/buckets/{work}?memories=move&moveTo={target}")).await.error(404);
        assert_eq!(error, "There is no such bucket to move the memories to.");
    }
    assert_eq!(buckets(&ann).await, named(&[("General", 0), ("Work", 2)]));
}

async fn the_memories_of_a_deleted_bucket_can_be_moved(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let home = ann.bucket("Home").await;
    for (query, target) in [(String::new(), "General"), (format!("&moveTo={home}"), "Home")] {
        let work = ann.bucket("Work").await;
        let id = remember_in(&ann, &work, &format!("Goes to {target}")).await;
        let deleted = ann.delete(&format!("/api/buckets/{work}?memories=move{query}")).await;
        assert_eq!(deleted.ok(), json!({"message": "Bucket deleted", "deleted": 0}));
        let memory = ann.get(&format!("/api/memories/{id}")).await.ok();
        assert_eq!((&memory["bucketName"], &memory["version"]), (&json!(target), &json!(2)));
        assert_eq!(memory["versions"][0]["bucketId"].to_string(), work);
    }
    assert_eq!(buckets(&ann).await, named(&[("General", 1), ("Home", 1)]));
    assert_eq!(ann.get("/api/deletions").await.ok()["total"], json!(0));
}

async fn the_memories_of_a_deleted_bucket_can_be_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Stays").await;
    for (query, in_trash) in [("", 2), ("&purge=true", 0)] {
        let work = ann.bucket("Work").await;
        remember_in(&ann, &work, "One").await;
        remember_in(&ann, &work, "Two").await;
        let deleted = ann.delete(&format!("/api/buckets/{work}?memories=delete{query}")).await;
        assert_eq!(deleted.ok(), json!({"message": "Bucket deleted", "deleted": 2}));
        let receipt = deleted.header("deletion-receipt").expect("a receipt");
        let receipt = ann.get(&format!("/api/deletions/{receipt}")).await.ok();
        assert_eq!((&receipt["operation"], &receipt["deleted"]), (&json!("delete-bucket"), &json!(2)));
        assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(in_trash));
        ann.delete("/api/trash").await.ok();
    }
    assert_eq!(ann.texts().await, ["Stays"]);
    assert_eq!(buckets(&ann).await, named(&[("General", 1)]));
}

async fn general_can_not_be_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let list = ann.get("/api/buckets").await.ok();
    let general = list[0]["id"].as_str().expect("an id");
    for query in ["", "?memories=move", "?memories=delete"] {
        let error = ann.delete(&format!("/api/buckets/{general}{query}")).await.error(409);
        assert_eq!(error, "The General bucket can't be deleted.");
    }
}

async fn what_is_no_bucket_is_404_and_what_is_no_id_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (id, status) in [("1", 404), ("0", 404), ("-1", 404), ("99999999999999999999", 404)] {
        ann.patch(&format!("/api/buckets/{id}"), json!({"name": "x"})).await.error(status);
        ann.delete(&format!("/api/buckets/{id}")).await.error(status);
    }
    for id in ["General", "1.0", "0x1", "%00", "1%202"] {
        ann.patch(&format!("/api/buckets/{id}"), json!({"name": "x"})).await.error(400);
        ann.delete(&format!("/api/buckets/{id}")).await.error(400);
    }
}
