//! The same again and again: what one purge leaves in order, the next must find so.

use std::fmt::Write as _;

use serde_json::json;

use super::remains::{Needles, Random, TAIL};
use crate::harness::{Engine, Server, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hundredth_purge_leaves_no_more_than_the_first() {
    let mut random = Random(11);
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let mut living: Vec<(String, String)> = Vec::new();
    let mut dead = String::new();
    for round in 0..100 {
        for _ in 0..=random.below(6) {
            let text = format!("{} {}", random.token(16), random.token(16));
            living.push((ann.remember(&text).await, text));
        }
        random.shuffle(&mut living);
        // Now and then all, so that the index is empty in between.
        let keep = if round % 30 == 29 { 0 } else { random.below(living.len() + 1).min(30) };
        let gone = living.split_off(keep);
        let ids: Vec<&String> = gone.iter().map(|(id, _)| id).collect();
        let purged = ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": ids})).await;
        assert_eq!(purged.ok(), json!({"deleted": gone.len(), "failed": 0}));
        for (_, text) in gone {
            write!(dead, "{text} ").expect("written");
        }
        let left = Needles::<TAIL>::new(dead.split_whitespace()).found_in(&place.files());
        assert!(left.is_empty(), "after round {round}: {left:#?}");
        for (_, text) in &living {
            let word = text.split(' ').next().expect("a word");
            assert_eq!(ann.get(&format!("/api/memory?mode=lexical&query={word}")).await.ok(), json!([text]));
        }
    }
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_from_an_index_that_grew_by_far_since_the_last_one_leaves_no_word() {
    // FTS5 then moves the older segment down to the level of the new, larger
    // ones; whether a merge drops marks of deletions depends on the levels.
    let mut random = Random(12);
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let mut dead = String::new();
    for size in [20, 20, 20, 20, 2_000, 20, 3_000] {
        let texts: Vec<String> =
            (0..size).map(|_| (0..5).map(|_| random.token(16)).collect::<Vec<_>>().join(" ")).collect();
        let ids = ann.remember_all(&texts).await;
        let purged = json!({"memoryIds": ids[size / 4..]});
        ann.post("/api/memories/bulk-delete?purge=true", purged).await.ok();
        dead.extend(texts[size / 4..].iter().map(|text| format!("{text} ")));
        let left = Needles::<TAIL>::new(dead.split_whitespace()).found_in(&place.files());
        assert!(left.is_empty(), "{} words are left, the first: {:#?}", left.len(), &left[..left.len().min(5)]);
    }
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}
