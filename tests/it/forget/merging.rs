//! Purging while the full-text index is in the middle of merging its segments.
//!
//! FTS5 merges a large segment a few pages at a time. Pages that it is done with
//! are gone, but their keys stay in `memory_fts_idx` until the whole segment is.
//! They name words, so a purge must remove them, and they separate no pages.

use serde_json::json;

use super::open;
use super::remains::{Needles, Random, TAIL};
use crate::harness::{Engine, Place, Server, run};

const MEMORIES: usize = 3_000;

/// How many keys of the index lead to pages that are gone.
fn keys_without_a_page(place: &Place) -> i64 {
    let sql = "select count(*) from memory_fts_idx i where length(term) > 0 \
               and not exists (select 1 from memory_fts_data d where d.id = (i.segid << 37) + (i.pgno >> 1))";
    open(place).query_row(sql, [], |row| row.get(0)).expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_in_the_middle_of_a_merge_of_the_index_leaves_no_word() {
    let mut random = Random(7);
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    // Families of words that differ in the last letter only, so that most keys are whole words.
    let texts: Vec<String> = (0..MEMORIES)
        .map(|_| {
            let stems: Vec<String> = (0..4).map(|_| random.token(12)).collect();
            let word = |stem: &String| (0..4).map(|last| format!("{stem}{last}")).collect::<Vec<_>>().join(" ");
            stems.iter().map(word).collect::<Vec<_>>().join(" ")
        })
        .collect();
    ann.remember_all(&texts).await;
    // What FTS5 does by itself at some sizes, here and now: some pages' work of a larger merge.
    let merge = "insert into memory_fts (memory_fts, rank) values ('merge', -100)";
    open(&place).execute_batch(merge).expect("merged in part");
    assert!(keys_without_a_page(&place) > 10, "the index is not in the middle of a merge");

    // All but a few: between most keys no word is left.
    let ids = ann.ids().await;
    let (dead, living): (Vec<_>, Vec<_>) = texts.iter().partition(|text| !text.contains("zz"));
    let dead_ids: Vec<&String> = dead.iter().map(|text| &ids[text.as_str()]).collect();
    for batch in dead_ids.chunks(5_000) {
        let purged = ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": batch})).await;
        assert_eq!(purged.header("deletion-erasure"), None, "the erasure failed");
        assert_eq!(purged.ok(), json!({"deleted": batch.len(), "failed": 0}));
    }
    let left = Needles::<TAIL>::new(dead.iter().flat_map(|text| text.split(' '))).found_in(&place.files());
    assert!(left.is_empty(), "{} words are left, the first: {:#?}", left.len(), &left[..left.len().min(10)]);
    for text in &living {
        let word = text.rsplit(' ').next().expect("a word");
        assert_eq!(ann.get(&format!("/api/memory?mode=lexical&query={word}")).await.ok(), json!([text]));
    }

    // The merge goes on where it was, without what it was rid of.
    let merge = "insert into memory_fts (memory_fts, rank) values ('merge', 100000)";
    open(&place).execute_batch(merge).expect("merged");
    assert_eq!(keys_without_a_page(&place), 0, "the merge is done");
    for text in &living {
        let word = text.rsplit(' ').next().expect("a word");
        assert_eq!(ann.get(&format!("/api/memory?mode=lexical&query={word}")).await.ok(), json!([text]));
    }

    // And then all: nothing is left to separate.
    let last: Vec<&String> = living.iter().map(|text| &ids[text.as_str()]).collect();
    let purged = ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": last})).await;
    assert_eq!(purged.header("deletion-erasure"), None, "the erasure failed");
    let left = Needles::<TAIL>::new(texts.iter().flat_map(|text| text.split(' '))).found_in(&place.files());
    assert!(left.is_empty(), "{} words are left, the first: {:#?}", left.len(), &left[..left.len().min(10)]);
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}
