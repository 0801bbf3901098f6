//! A deletion is looked at first: how many memories, from which buckets.

use commonplace::bucket;
use commonplace::error::Error;
use commonplace::id::BucketId;
use commonplace::memory::delete::{self, Share};
use commonplace::memory::select::{Conditions, Selection};
use commonplace::search::Filter;
use serde_json::json;

use super::person;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    a_review_counts_what_each_bucket_loses,
    what_was_reviewed_is_what_is_deleted,
    nothing_is_deleted_where_the_selection_is_another_by_now,
    nothing_is_deleted_where_what_was_seen_was_changed,
    a_review_knows_no_memory_of_another_account,
    of_two_deletions_of_one_review_one_happens,
);

fn with(query: &str) -> Selection {
    Selection::Where(Conditions { filter: Filter::default(), query: Some(query.to_owned()) })
}

async fn a_review_counts_what_each_bucket_loses(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let file = json!([
        {"text": "Green tea", "bucket": "Work", "source": "a", "createdAt": "2025-01-01"},
        {"text": "Black tea", "bucket": "Work", "createdAt": "2025-02-01"},
        {"text": "White tea", "source": "a", "createdAt": "2025-03-01"},
        {"text": "Coffee", "bucket": "Home"},
    ]);
    ann.post("/api/import", file).await.ok();
    let review = delete::review(&server.app, &caller, with("teas")).await.expect("a review");
    let shares = |shares: &[Share]| -> Vec<(String, usize)> {
        shares.iter().map(|share| (share.name.clone(), share.count)).collect()
    };
    assert_eq!((review.total, review.missing), (3, 0));
    assert_eq!(shares(&review.buckets), [("Work".to_owned(), 2), ("General".to_owned(), 1)]);

    let work = review.buckets[0].id;
    for (filter, total) in [
        (Filter { bucket: Some(work), ..Filter::default() }, 2),
        (Filter { source: Some("a".to_owned()), ..Filter::default() }, 2),
        (Filter { bucket: Some(work), source: Some("a".to_owned()), ..Filter::default() }, 1),
        (Filter { content_type: Some("text".to_owned()), ..Filter::default() }, 4),
        (Filter { content_type: Some("image".to_owned()), ..Filter::default() }, 0),
        (Filter { before: commonplace::clock::Micros::parse("2025-02-15"), ..Filter::default() }, 2),
        (Filter { bucket: Some(BucketId(1)), ..Filter::default() }, 0),
        (Filter::default(), 4),
    ] {
        let selection = Selection::Where(Conditions { filter: filter.clone(), query: None });
        let review = delete::review(&server.app, &caller, selection).await.expect("a review");
        assert_eq!(review.total, total, "{filter:?}");
        assert_eq!(review.buckets.iter().map(|share| share.count).sum::<usize>(), total);
    }

    let ids = ann.ids().await;
    let named = vec![ids["Coffee"].clone(), ids["Green tea"].clone(), "mem_none".to_owned(), ids["Coffee"].clone()];
    let review = delete::review(&server.app, &caller, Selection::Ids(named)).await.expect("a review");
    assert_eq!((review.total, review.missing), (2, 1));
}

async fn what_was_reviewed_is_what_is_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    ann.remember_all(&["Green tea", "Black tea", "Coffee"].map(str::to_owned)).await;
    let review = delete::review(&server.app, &caller, with("tea")).await.expect("a review");
    let deleted = delete::reviewed(&server.app, &caller, with("tea"), review.confirmation, false).await;
    assert_eq!(deleted.expect("deleted").ids.len(), 2);
    assert_eq!(ann.texts().await, ["Coffee"]);
    let coffee = Selection::Ids(vec![ann.ids().await["Coffee"].clone(), "unknown".to_owned()]);
    let review = delete::review(&server.app, &caller, coffee.clone()).await.expect("a review");
    let deleted = delete::reviewed(&server.app, &caller, coffee, review.confirmation, true).await.expect("deleted");
    assert_eq!((deleted.ids.len(), deleted.failed, deleted.purged), (1, 1, true));
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(2));
}

async fn nothing_is_deleted_where_the_selection_is_another_by_now(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    ann.remember("Green tea").await;
    let review = delete::review(&server.app, &caller, with("tea")).await.expect("a review");
    ann.remember("Black tea").await;
    let refused = delete::reviewed(&server.app, &caller, with("tea"), review.confirmation.clone(), false).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let other = Selection::Ids(vec![ann.ids().await["Black tea"].clone()]);
    let refused = delete::reviewed(&server.app, &caller, other, review.confirmation, false).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(ann.texts().await.len(), 2);
}

async fn nothing_is_deleted_where_what_was_seen_was_changed(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let work = ann.bucket("Work").await;
    let id = ann.remember("Green tea").await;
    let change = async |change: serde_json::Value| {
        let mut body = json!({"memoryId": id});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        ann.post("/api/v2/memory/update", body).await.ok();
    };
    let named = || Selection::Ids(vec![id.clone()]);
    for changed in [json!({"text": "Black tea"}), json!({"bucketId": work})] {
        let review = delete::review(&server.app, &caller, named()).await.expect("a review");
        change(changed).await;
        let refused = delete::reviewed(&server.app, &caller, named(), review.confirmation, true).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    let bucket = BucketId::parse(&work).expect("an id");
    let inside = Filter { bucket: Some(bucket), ..Filter::default() };
    let inside = Selection::Where(Conditions { filter: inside, query: None });
    let review = delete::review(&server.app, &caller, inside).await.expect("a review");
    change(json!({"text": "White tea"})).await;
    let refused = bucket::ops::delete_reviewed(&server.app, &caller, bucket, review.confirmation, true).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(ann.texts().await, ["White tea"]);
}

async fn a_review_knows_no_memory_of_another_account(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, anns) = person(&server, "ann").await;
    let (bob, bobs) = person(&server, "bob").await;
    let id = ann.remember("Green tea").await;
    for selection in [with("tea"), Selection::Where(Conditions::default()), Selection::Ids(vec![id.clone()])] {
        let review = delete::review(&server.app, &bobs, selection.clone()).await.expect("a review");
        assert_eq!((review.total, review.buckets), (0, vec![]));
        // What stands for nothing of one account does not stand for nothing of another.
        let theirs = delete::review(&server.app, &anns, with("nothing")).await.expect("a review").confirmation;
        assert_ne!(theirs, review.confirmation);
        let deleted = delete::reviewed(&server.app, &bobs, selection, review.confirmation, true).await;
        assert_eq!(deleted.expect("nothing").ids, [""; 0]);
    }
    assert_eq!((ann.texts().await.len(), bob.texts().await.len()), (1, 0));
}

async fn of_two_deletions_of_one_review_one_happens(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    ann.remember_all(&["Green tea", "Black tea"].map(str::to_owned)).await;
    let review = delete::review(&server.app, &caller, with("tea")).await.expect("a review");
    let delete = || delete::reviewed(&server.app, &caller, with("tea"), review.confirmation.clone(), false);
    let (one, two) = tokio::join!(delete(), delete());
    let happened = [one, two].into_iter().flatten().map(|deleted| deleted.ids.len()).collect::<Vec<_>>();
    assert_eq!(happened, [2]);
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(2));
}
