//! Ten thousand memories at once.

use commonplace::bucket::{self, BucketRef};
use commonplace::memory::select::{Conditions, Selection};
use commonplace::memory::table::{self, Ask, From};
use commonplace::memory::transfer::Format;
use commonplace::memory::{delete, duplicates, export, ops, trash};
use serde_json::json;

use super::person;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(ten_thousand_are_compared_moved_exported_deleted_and_brought_back);

async fn ten_thousand_are_compared_moved_exported_deleted_and_brought_back(engine: Engine) {
    let server = Server::start(engine).await;
    let (app, (ann, caller)) = (&server.app, person(&server, "ann").await);
    let invoice = |n: usize| {
        let bucket = if n.is_multiple_of(4) { "Home" } else { "Work" };
        json!({"text": format!("Invoice {n} was paid in full"), "bucket": bucket})
    };
    let mut file: Vec<_> = (0..9_998).map(invoice).collect();
    file.extend(["Work", "Home"].map(|bucket| json!({"text": "The dog is called Rex", "bucket": bucket})));
    ann.post("/api/import", json!(file)).await.ok();
    let all = || Selection::Where(Conditions::default());
    let sound = async || assert_eq!(bucket::ops::miscounted(app).await.expect("counted"), 0);

    // All are alike, so that there are far more pairs than are compared.
    let found = duplicates::find(app, &caller).await.expect("compared");
    assert_eq!((found.compared, found.groups.len()), (10_000, duplicates::MOST_GROUPS));
    assert!(found.is_capped && found.total > found.groups.len());
    let first = &found.groups[0];
    assert!(first.is_exact && first.memories.iter().all(|memory| memory.text.starts_with("The dog")));

    let review = delete::review(app, &caller, all()).await.expect("a review");
    let counts: Vec<usize> = review.buckets.iter().map(|share| share.count).collect();
    assert_eq!((review.total, counts), (10_000, vec![7_499, 2_501]));
    let work = BucketRef::Name("Work".to_owned());
    let moved = ops::move_selected(app, &caller, all(), work, None).await.expect("moved");
    assert_eq!(moved, ops::Moved { moved: 2_501, there: 7_499, missing: 0 });
    sound().await;

    let mut export = export::begin(app, &caller, all(), Format::Text).await.expect("begun");
    let mut lines = 0;
    while let Some(piece) = export.piece().await.expect("a piece") {
        lines += piece.lines().count();
    }
    assert_eq!(lines, 10_000);
    let last = table::page(app, &caller, Ask { from: From::Last, limit: 100, ..Ask::default() }).await.expect("a page");
    assert_eq!((last.memories.len(), last.total, last.next), (100, 10_000, None));

    let review = delete::review(app, &caller, all()).await.expect("a review");
    let deleted = delete::reviewed(app, &caller, all(), review.confirmation, false).await.expect("deleted");
    assert_eq!(deleted.ids.len(), 10_000);
    assert_eq!(ann.texts().await, [""; 0]);
    let receipt = deleted.receipt.expect("a receipt");
    let undone = trash::restore_deletion(app, &caller, &receipt).await.expect("undone");
    assert_eq!((undone.restored, undone.left), (10_000, 0));
    assert_eq!(ann.texts().await.len(), 10_000);
    sound().await;
}
