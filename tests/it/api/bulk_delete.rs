//! Deleting many memories in one request: counted exactly, all or nothing.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::wire::{Wire, assert_shape_snapshot, status};
use crate::harness::{Answer, Engine, Server, User, answer, on_both_engines};

on_both_engines!(
    bulk_delete_answers_with_two_counts_and_no_more,
    bulk_delete_counts_each_distinct_id_once,
    bulk_delete_takes_an_empty_list,
    bulk_delete_again_deletes_nothing_more,
    bulk_delete_refuses_what_is_no_list_of_texts,
    bulk_delete_ignores_fields_it_does_not_know,
    bulk_delete_takes_as_many_ids_as_the_limit_says,
    bulk_delete_needs_a_token,
    bulk_delete_reads_only_json,
    bulk_delete_refuses_a_body_over_the_limit,
    bulk_delete_only_counts_in_a_dry_run,
    bulk_delete_purges_whether_the_body_says_so_or_the_parameter,
    deletions_that_have_no_dry_run_say_so_and_do_nothing,
    bulk_delete_tells_what_became_of_each_id,
    bulk_delete_takes_a_memory_from_every_answer,
    bulk_delete_keeps_the_counts_of_buckets,
    bulk_delete_takes_ten_thousand_ids,
    of_concurrent_requests_exactly_one_deletes_a_memory,
    a_receipt_proves_which_memories_were_deleted,
    receipts_are_listed_newest_first_in_pages,
);

const BULK: &str = "/api/memories/bulk-delete";

async fn bulk(user: &User, ids: &[impl serde::Serialize]) -> Answer {
    user.post(BULK, json!({"memoryIds": ids})).await
}

async fn numbered(user: &User, count: usize) -> Vec<String> {
    user.remember_all(&(0..count).map(|number| format!("Number {number}")).collect::<Vec<_>>()).await
}

async fn bulk_delete_answers_with_two_counts_and_no_more(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 3).await;
    let answer = bulk(&ann, &ids[..2]).await;
    answer.ok();
    assert_eq!(answer.text, r#"{"deleted":2,"failed":0}"#);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("deletion-erasure"), None);
    assert_eq!(ann.texts().await, ["Number 2"]);
}

async fn bulk_delete_counts_each_distinct_id_once(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 3).await;
    ann.delete(&format!("/api/memories/{}", ids[2])).await.ok();
    let (live, gone) = (&ids[0], &ids[2]);
    let upper = live.to_uppercase();
    let padded = format!(" {live}");
    let asked = [live, live, gone, "", "", "mem_0", "a\u{0}b", "\u{0}", "日本", "' or 1=1 --", &upper, &padded, live];
    let distinct = asked.iter().collect::<HashSet<_>>().len();
    let answer = bulk(&ann, &asked).await.ok();
    assert_eq!(answer, json!({"deleted": 1, "failed": distinct - 1}));
    assert_eq!(ann.texts().await, ["Number 1"]);
}

async fn bulk_delete_takes_an_empty_list(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    numbered(&ann, 1).await;
    assert_eq!(bulk(&ann, &[] as &[&str]).await.text, r#"{"deleted":0,"failed":0}"#);
    assert_eq!(ann.texts().await.len(), 1);
}

async fn bulk_delete_again_deletes_nothing_more(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 3).await;
    assert_eq!(bulk(&ann, &ids).await.ok(), json!({"deleted": 3, "failed": 0}));
    assert_eq!(bulk(&ann, &ids).await.ok(), json!({"deleted": 0, "failed": 3}));
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(3));
}

async fn bulk_delete_refuses_what_is_no_list_of_texts(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = numbered(&ann, 1).await.remove(0);
    for (body, word) in [
        (String::new(), "not JSON"),
        ("{".to_owned(), "not JSON"),
        (format!(r#"{{"memoryIds":["{id}"]"#), "not JSON"),
        (format!(r#"{{"memoryIds":["{id}"]}} {{}}"#), "not JSON"),
        (format!(r#"{{"memoryIds":["{id}","\ud800"]}}"#), "not JSON"),
        ("{}".to_owned(), "memoryIds"),
        (format!(r#"{{"memory_ids":["{id}"]}}"#), "memoryIds"),
        (format!(r#"{{"ids":["{id}"]}}"#), "memoryIds"),
        (r#"{"memoryIds":null}"#.to_owned(), "sequence"),
        (format!(r#"{{"memoryIds":"{id}"}}"#), "sequence"),
        (format!(r#"{{"memoryIds":{{"0":"{id}"}}}}"#), "sequence"),
        (format!(r#"{{"memoryIds":["{id}",null]}}"#), "null"),
        (format!(r#"{{"memoryIds":["{id}",7]}}"#), "integer"),
        (format!(r#"{{"memoryIds":["{id}",["{id}"]]}}"#), "sequence"),
        (format!(r#"{{"memoryIds":["{id}"],"memoryIds":["{id}"]}}"#), "duplicate"),
        (format!(r#"["{id}"]"#), "JSON list"),
        (format!(r#""{id}""#), "struct"),
    ] {
        let request = ann.request(Method::POST, BULK).header("content-type", "application/json");
        let refused = answer(request.body(body.clone())).await;
        assert!(refused.error(400).contains(word), "{body}: {refused:?}");
        assert_eq!(refused.header("deletion-receipt"), None);
    }
    assert_eq!(ann.texts().await.len(), 1);
    for parameter in ["dryRun=yes", "details=1", "purge=on"] {
        let refused = ann.post(&format!("{BULK}?{parameter}"), json!({"memoryIds": [id]})).await;
        assert!(refused.error(400).contains("true or false"));
    }
    assert_eq!(ann.get("/api/deletions").await.ok()["total"], json!(0));
}

async fn bulk_delete_ignores_fields_it_does_not_know(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 1).await;
    let body = json!({"memoryIds": ids, "dryRun": true, "ids": ["x"], "reason": null});
    let answer = ann.post(&format!("{BULK}?client=typingmind&v=2&dryrun=true"), body).await.ok();
    assert_eq!(answer, json!({"deleted": 1, "failed": 0}));
}

async fn bulk_delete_takes_as_many_ids_as_the_limit_says(engine: Engine) {
    let server = Server::start_with(engine, &[("max_bulk_ids", "3")]).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 2).await;
    // The list counts as it was sent, since that is what has to be read.
    let refused = bulk(&ann, &[&ids[0], &ids[0], &ids[1], &ids[1]]).await;
    assert_eq!(refused.error(400), "'memoryIds' has 4 ids; at most 3 are taken in one request. Nothing was changed.");
    assert_eq!(ann.texts().await.len(), 2);
    assert_eq!(bulk(&ann, &[&ids[0], &ids[1], &ids[1]]).await.ok(), json!({"deleted": 2, "failed": 0}));
    let description = ann.get("/openapi.json").await.ok();
    let published = &description["components"]["schemas"]["BulkDeleteRequest"]["properties"]["memoryIds"]["maxItems"];
    assert_eq!(published, &json!(3));
}

async fn bulk_delete_needs_a_token(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 1).await;
    for token in ["", "cmpl_0", &ann.token[..ann.token.len() - 1], &format!("{}0", ann.token)] {
        // Not even the shape of the body is looked at.
        server.with_token(token).post(BULK, json!({"memoryIds": ids})).await.error(401);
        server.with_token(token).post(BULK, json!({})).await.error(401);
    }
    assert_eq!(ann.texts().await.len(), 1);
}

async fn bulk_delete_reads_only_json(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 1).await;
    let body = json!({"memoryIds": ids}).to_string();
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json"), Some("")] {
        let mut request = ann.request(Method::POST, BULK).body(body.clone());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let refused = answer(request).await;
        assert!(refused.error(415).contains("Content-Type: application/json"), "{kind:?}");
    }
    assert_eq!(ann.texts().await.len(), 1);
}

async fn bulk_delete_refuses_a_body_over_the_limit(engine: Engine) {
    let server = Server::start_with(engine, &[("max_body_bytes", "1024")]).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 1).await;
    let body = json!({"memoryIds": ids, "padding": "x".repeat(1024)});
    let refused = ann.post(BULK, body.clone()).await;
    assert_eq!(refused.error(413), "The body is larger than 1024 bytes; split the request.");
    // A body whose length is not announced is counted as it comes.
    let headers = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut wire = Wire::request(&ann, &format!("POST {BULK}"), headers).await;
    let body = body.to_string();
    wire.send(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes()).await;
    assert_eq!(status(&wire.rest().await), 413);
    assert_eq!(ann.texts().await.len(), 1);
    let fits = json!({"memoryIds": ids, "padding": "x".repeat(1024 - 100)});
    assert_eq!(ann.post(BULK, fits).await.ok(), json!({"deleted": 1, "failed": 0}));
}

async fn bulk_delete_only_counts_in_a_dry_run(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 2).await;
    let asked = || json!({"memoryIds": [ids[0], "x", ids[0]]});
    let mut in_the_body = asked();
    in_the_body["dryRun"] = json!(true);
    let queries = ["?dryRun=true", "?dryRun=TRUE&purge=true", "?dryrun=true", "?dry_run=true"];
    let by_parameter = queries.map(|query| (query, asked()));
    for (query, body) in by_parameter.into_iter().chain([("", in_the_body)]) {
        let preview = ann.post(&format!("{BULK}{query}"), body).await;
        assert_eq!(preview.ok(), json!({"deleted": 1, "failed": 1}));
        assert_eq!(preview.header("deletion-receipt"), None);
    }
    assert_eq!(ann.texts().await.len(), 2);
    assert_eq!(ann.get("/api/deletions").await.ok()["total"], json!(0));
    let empty = ann.post(&format!("{BULK}?dryRun=true"), json!({"memoryIds": []})).await;
    assert_eq!(empty.ok(), json!({"deleted": 0, "failed": 0}));
}

async fn bulk_delete_purges_whether_the_body_says_so_or_the_parameter(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 2).await;
    for (query, body) in
        [("?purge=true", json!({"memoryIds": [ids[0]]})), ("", json!({"memoryIds": [ids[1]], "purge": true}))]
    {
        assert_eq!(ann.post(&format!("{BULK}{query}"), body).await.ok(), json!({"deleted": 1, "failed": 0}));
        assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(0));
    }
}

async fn deletions_that_have_no_dry_run_say_so_and_do_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 2).await;
    ann.post(BULK, json!({"memoryIds": [ids[1]]})).await.ok();
    ann.post("/api/buckets", json!({"name": "Work"})).await.ok();
    let bucket = ann.get("/api/buckets").await.ok()[1]["id"].as_str().expect("an id").to_owned();
    for path in [
        format!("/api/memories/{}?dryRun=true", ids[0]),
        format!("/api/buckets/{bucket}?dry_run=true"),
        "/api/trash?dryRun=true".to_owned(),
        "/api/chat-history/trash?dryRun=true".to_owned(),
    ] {
        let error = ann.delete(&path).await.error(400);
        assert!(error.contains("nothing was done"), "{path}: {error}");
    }
    for (path, body) in [
        ("/api/trash/purge?dryRun=true", json!({"memoryIds": [ids[1]]})),
        ("/api/chat-history/trash/purge?dryRun=true", json!({"ids": []})),
    ] {
        assert!(ann.post(path, body).await.error(400).contains("nothing was done"), "{path}");
    }
    assert_eq!(ann.texts().await.len(), 1);
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(1));
    assert_eq!(ann.get("/api/buckets").await.ok().as_array().map(Vec::len), Some(2));
}

async fn bulk_delete_tells_what_became_of_each_id(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 2).await;
    let asked = ["x", &ids[1], "", &ids[0], "x", &ids[1]];
    let wanted = json!([
        {"memoryId": "x", "status": "not_found"},
        {"memoryId": ids[1], "status": "deleted"},
        {"memoryId": "", "status": "not_found"},
        {"memoryId": ids[0], "status": "deleted"},
    ]);
    for query in ["?details=true&dryRun=true", "?details=true"] {
        let answer = ann.post(&format!("{BULK}{query}"), json!({"memoryIds": asked})).await.ok();
        assert_eq!(answer, json!({"deleted": 2, "failed": 2, "results": wanted}));
    }
    let none = ann.post(&format!("{BULK}?details=true"), json!({"memoryIds": []})).await.ok();
    assert_eq!(none, json!({"deleted": 0, "failed": 0, "results": []}));
}

async fn bulk_delete_takes_a_memory_from_every_answer(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("The secret word is xyzzy").await;
    ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": "The secret word was xyzzy"})).await.ok();
    ann.remember("Kept").await;
    // A second server on the same data holds nothing that would still show it.
    let place = server.place.as_ref().expect("its data");
    let mut second = Server::start_at(place, &[]).await;
    let there = second.with_token(&ann.token);
    let reads = [
        "/api/memory?all=true".to_owned(),
        "/api/memory?query=xyzzy".to_owned(),
        "/api/v2/memory?query=xyzzy&includeIds=true".to_owned(),
        "/api/v2/memory?latest=true&includeIds=true".to_owned(),
        "/api/export".to_owned(),
        "/api/export?format=csv".to_owned(),
        "/api/export?format=text".to_owned(),
        format!("/api/memories/{id}"),
    ];
    for path in &reads {
        assert!(there.get(path).await.text.contains("xyzzy"), "{path}");
    }
    bulk(&ann, &[&id]).await.ok();
    for path in &reads {
        for user in [&ann, &there] {
            let answer = user.get(path).await;
            assert!(!answer.text.contains("xyzzy") && !answer.text.contains(&id), "{path}: {answer:?}");
        }
    }
    ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": "x"})).await.error(404);
    second.stop().await;
}

async fn bulk_delete_keeps_the_counts_of_buckets(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    let general = numbered(&ann, 3).await;
    let in_work = ann.post("/api/memory", json!({"text": "at work", "bucketId": work})).await.ok();
    bulk(&ann, &[json!(general[0]), json!(general[1]), in_work["memoryId"].clone()]).await.ok();
    let buckets = ann.get("/api/buckets").await.ok();
    assert_eq!((&buckets[0]["memoryCount"], &buckets[1]["memoryCount"]), (&json!(1), &json!(0)));
}

async fn bulk_delete_takes_ten_thousand_ids(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut ids = numbered(&ann, 4_000).await;
    ids.extend((0..6_000).map(|number| format!("mem_{number:032}")));
    // Mixed, so that neither kind stands together.
    ids.sort_by_key(|id| Sha256::digest(id).to_vec());
    assert_eq!(bulk(&ann, &ids).await.ok(), json!({"deleted": 4_000, "failed": 6_000}));
    assert!(ann.texts().await.is_empty());
    let restored = ann.post("/api/memories/restore", json!({"memoryIds": ids})).await.ok();
    assert_eq!(restored, json!({"restored": 4_000, "failed": 6_000}));
    assert_eq!(ann.texts().await.len(), 4_000);
    ids.push("one more".to_owned());
    assert!(bulk(&ann, &ids).await.error(400).contains("10000"));
}

async fn of_concurrent_requests_exactly_one_deletes_a_memory(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 200).await;
    // 64 windows of 50 ids around the circle, so that each id is in 16 requests.
    let requests = (0..64).map(|number| {
        let window: Vec<&String> = ids.iter().cycle().skip(number * 25 % 200).take(50).collect();
        let ann = ann.clone();
        async move { bulk(&ann, &window).await }
    });
    let answers = futures_util::future::join_all(requests).await;
    let mut deleted = 0;
    let mut hashed = 0;
    for answer in &answers {
        let (gone, failed) = (answer.ok()["deleted"].as_u64(), answer.ok()["failed"].as_u64());
        assert_eq!(gone.zip(failed).map(|(gone, failed)| gone + failed), Some(50));
        deleted += gone.unwrap_or_default();
        let receipt =
            ann.get(&format!("/api/deletions/{}", answer.header("deletion-receipt").expect("one"))).await.ok();
        assert_eq!(receipt["deleted"].as_u64(), gone);
        hashed += receipt["idHashes"].as_array().expect("a list").len();
    }
    assert_eq!((deleted, hashed), (200, 200));
    assert!(ann.texts().await.is_empty());
    assert_eq!(ann.get("/api/buckets").await.ok()[0]["memoryCount"], json!(0));
}

/// What a receipt has for this id, if it is about it.
fn hash(receipt: &Value, id: &str) -> String {
    let salt = hex::decode(receipt["idSalt"].as_str().expect("a salt")).expect("hexadecimal");
    assert_eq!(salt.len(), 16);
    let digest = Sha256::new().chain_update(salt).chain_update(id).finalize();
    hex::encode(&digest[..16])
}

async fn a_receipt_proves_which_memories_were_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = numbered(&ann, 3).await;
    let answer = bulk(&ann, &[&ids[0], &ids[1], "unknown"]).await;
    let id = answer.header("deletion-receipt").expect("a receipt").to_owned();
    let mut receipt = ann.get(&format!("/api/deletions/{id}")).await.ok();
    let mut wanted = vec![hash(&receipt, &ids[0]), hash(&receipt, &ids[1])];
    wanted.sort_unstable();
    assert_eq!(receipt["idHashes"], json!(wanted));
    assert!(!wanted.contains(&hash(&receipt, "unknown")) && !wanted.contains(&hash(&receipt, &ids[2])));
    assert!(!receipt.to_string().contains("Number"), "no text in a receipt");
    for field in ["idSalt", "idHashes", "erasure"] {
        receipt.as_object_mut().expect("an object").remove(field).expect(field);
    }
    assert_shape_snapshot!(receipt, @r#"
    {
      "createdAt": "[time]",
      "deleted": 2,
      "erasedAt": null,
      "failed": 1,
      "id": "[receipt]",
      "operation": "bulk-delete",
      "purged": 0,
      "purgedAt": null,
      "restored": 0,
      "tokenName": "test"
    }
    "#);
    // Without its proof it stands in the list.
    let list = ann.get("/api/deletions").await.ok();
    assert_eq!(list["total"], json!(1));
    assert_eq!((&list["deletions"][0]["id"], &list["deletions"][0]["idSalt"]), (&json!(id), &Value::Null));

    // The same ids are hashed differently each time, so that receipts can't be compared.
    ann.post("/api/memories/restore", json!({"memoryIds": ids})).await.ok();
    let again = bulk(&ann, &ids[..2]).await;
    let second = ann.get(&format!("/api/deletions/{}", again.header("deletion-receipt").expect("one"))).await.ok();
    assert_ne!(second["idHashes"], json!(wanted));
    assert!(second["idHashes"].as_array().expect("a list").contains(&json!(hash(&second, &ids[0]))));
    assert_eq!(ann.get(&format!("/api/deletions/{id}")).await.ok()["restored"], json!(2));

    let expected = match engine {
        Engine::Sqlite => "bytes-overwritten",
        Engine::Postgres => "rows-vacuumed",
    };
    assert_eq!(second["erasure"], json!(expected));
}

async fn receipts_are_listed_newest_first_in_pages(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut receipts = Vec::new();
    for number in 0..5 {
        let answer = bulk(&ann, &[format!("unknown {number}")]).await;
        receipts.insert(0, answer.header("deletion-receipt").expect("even when nothing was deleted").to_owned());
    }
    let ids = |list: &Value| -> Vec<String> {
        let list = list["deletions"].as_array().expect("a list");
        list.iter().map(|receipt| receipt["id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = ann.get("/api/deletions").await.ok();
    assert_eq!((ids(&all), &all["total"]), (receipts.clone(), &json!(5)));
    let page = ann.get("/api/deletions?skip=1&count=2").await.ok();
    assert_eq!((ids(&page), &page["total"]), (receipts[1..3].to_vec(), &json!(5)));
    for query in ["skip=-1", "count=0", "count=x"] {
        ann.get(&format!("/api/deletions?{query}")).await.error(400);
    }
    for unknown in ["del_0", "%00", "%20"] {
        ann.get(&format!("/api/deletions/{unknown}")).await.error(404);
    }
}
