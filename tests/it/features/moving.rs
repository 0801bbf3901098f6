//! A selection is moved, and taken away, as it is shown.

use commonplace::bucket::{self, BucketRef};
use commonplace::error::Error;
use commonplace::id::BucketId;
use commonplace::memory::ops::{self, Moved};
use commonplace::memory::select::{Conditions, Selection};
use commonplace::memory::transfer::Format;
use commonplace::memory::{delete, export};
use commonplace::search::Filter;
use serde_json::{Value, json};

use super::person;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    all_that_match_are_moved_and_counted,
    what_changed_since_it_was_looked_at_is_not_moved,
    another_account_moves_and_exports_nothing,
    a_selection_is_exported_in_every_form,
    an_export_leaves_out_what_is_deleted_before_it_is_read,
);

fn with(query: &str) -> Selection {
    Selection::Where(Conditions { filter: Filter::default(), query: Some(query.to_owned()) })
}

async fn all_that_match_are_moved_and_counted(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let file = json!([{"text": "Green tea", "bucket": "Work"}, {"text": "Black tea"}, {"text": "Coffee"}]);
    ann.post("/api/import", file).await.ok();
    let work = BucketRef::Name("work".to_owned());
    let moved = ops::move_selected(&server.app, &caller, with("tea"), work.clone(), None).await.expect("moved");
    assert_eq!(moved, Moved { moved: 1, there: 1, missing: 0 });
    let ids = ann.ids().await;
    let named = Selection::Ids(vec![ids["Coffee"].clone(), ids["Black tea"].clone(), "mem_none".to_owned()]);
    let moved = ops::move_selected(&server.app, &caller, named, work, None).await.expect("moved");
    assert_eq!(moved, Moved { moved: 1, there: 1, missing: 1 });
    let buckets = ann.get("/api/buckets").await.ok();
    let count = |place: usize| buckets[place]["memoryCount"].as_i64();
    assert_eq!((count(0), count(1)), (Some(0), Some(3)), "{buckets}");
    assert_eq!(bucket::ops::miscounted(&server.app).await.expect("counted"), 0);
    let memory = ann.get(&format!("/api/memories/{}", ids["Black tea"])).await.ok();
    assert_eq!(memory["version"], json!(2), "{memory}");
    let path = format!("/api/memory?query=coffee&bucketId={}", buckets[1]["id"].as_str().expect("an id"));
    assert_eq!(ann.get(&path).await.ok()[0], json!("Coffee"));
    let nowhere = ops::move_selected(&server.app, &caller, with("tea"), BucketRef::Id(BucketId(1)), None).await;
    assert!(matches!(nowhere, Err(Error::NotFound(_))), "{nowhere:?}");
}

async fn what_changed_since_it_was_looked_at_is_not_moved(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let work = BucketRef::Id(BucketId::parse(&ann.bucket("Work").await).expect("an id"));
    let id = ann.remember("Green tea").await;
    let look = async || delete::review(&server.app, &caller, with("tea")).await.expect("a review").confirmation;
    let go = async |seen: &str| {
        ops::move_selected(&server.app, &caller, with("tea"), work.clone(), Some(seen.to_owned())).await
    };
    let seen = look().await;
    ann.remember("Black tea").await;
    assert!(matches!(go(&seen).await, Err(Error::Conflict(_))));
    let seen = look().await;
    ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": "Greener tea"})).await.ok();
    assert!(matches!(go(&seen).await, Err(Error::Conflict(_))));
    assert_eq!(ann.get("/api/buckets").await.ok()[0]["memoryCount"], json!(2));
    assert_eq!(go(&look().await).await.expect("moved").moved, 2);
}

async fn read(server: &Server, caller: &commonplace::auth::Caller, selection: Selection, format: Format) -> String {
    let mut export = export::begin(&server.app, caller, selection, format).await.expect("begun");
    let mut file = String::new();
    while let Some(piece) = export.piece().await.expect("a piece") {
        file.push_str(&piece);
    }
    file
}

async fn another_account_moves_and_exports_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, _) = person(&server, "ann").await;
    let (bob, bobs) = person(&server, "bob").await;
    let id = ann.remember("Green tea").await;
    let bucket = BucketId::parse(&bob.bucket("Work").await).expect("an id");
    let anns = BucketId::parse(ann.get("/api/buckets").await.ok()[0]["id"].as_str().expect("an id"));
    for selection in [with("tea"), Selection::Where(Conditions::default()), Selection::Ids(vec![id])] {
        let moved = ops::move_selected(&server.app, &bobs, selection.clone(), BucketRef::Id(bucket), None).await;
        assert_eq!(moved.expect("nothing").moved, 0);
        let hers = BucketRef::Id(anns.expect("an id"));
        let into = ops::move_selected(&server.app, &bobs, selection.clone(), hers, None).await;
        assert!(matches!(into, Err(Error::NotFound(_))), "{into:?}");
        assert_eq!(read(&server, &bobs, selection, Format::Text).await, "");
    }
    assert_eq!(ann.get("/api/buckets").await.ok()[0]["memoryCount"], json!(1));
}

async fn a_selection_is_exported_in_every_form(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let file = json!([
        {"text": "Green tea", "bucket": "Work", "createdAt": "2025-03-01"},
        {"text": "Black tea", "createdAt": "2025-01-01"},
        {"text": "Coffee", "bucket": "Home"},
    ]);
    ann.post("/api/import", file).await.ok();
    let ids = ann.ids().await;
    let named = Selection::Ids(vec![ids["Green tea"].clone(), ids["Black tea"].clone(), "mem_none".to_owned()]);
    for selection in [with("tea"), named] {
        let text = read(&server, &caller, selection.clone(), Format::Text).await;
        assert_eq!(text, "- Black tea\n- Green tea\n");
        let csv = read(&server, &caller, selection.clone(), Format::Csv).await;
        assert_eq!(csv.lines().count(), 3, "{csv}");
        let file: Value = serde_json::from_str(&read(&server, &caller, selection, Format::Json).await).expect("JSON");
        let names: Vec<&str> =
            file["buckets"].as_array().expect("a list").iter().filter_map(|bucket| bucket["name"].as_str()).collect();
        assert_eq!(names, ["General", "Work"]);
        let memories: Vec<&str> =
            file["memories"].as_array().expect("a list").iter().filter_map(|one| one["text"].as_str()).collect();
        assert_eq!(memories, ["Black tea", "Green tea"]);
    }
    let none = read(&server, &caller, with("absent"), Format::Json).await;
    assert_eq!(serde_json::from_str::<Value>(&none).expect("JSON")["memories"], json!([]));
}

async fn an_export_leaves_out_what_is_deleted_before_it_is_read(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    ann.remember_all(&(0..1_500).map(|n| format!("Fact {n}")).collect::<Vec<_>>()).await;
    for selection in [with("fact"), Selection::Where(Conditions::default())] {
        let mut export = export::begin(&server.app, &caller, selection, Format::Text).await.expect("begun");
        let first = export.piece().await.expect("a piece").expect("a first one");
        let last = ann.texts().await.into_iter().next().expect("a memory");
        ann.delete(&format!("/api/memories/{}", ann.ids().await[&last])).await.ok();
        let mut rest = String::new();
        while let Some(piece) = export.piece().await.expect("a piece") {
            rest.push_str(&piece);
        }
        assert!(!rest.lines().any(|line| line == format!("- {last}")), "{last} is in it");
        assert_eq!(first.lines().count() + rest.lines().count(), ann.texts().await.len());
    }
}
