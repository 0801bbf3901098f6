//! Purging half of twenty thousand memories, and then searching every file for
//! every word of them.
//!
//! What survives a purge does so by chance of where a b-tree or a segment of
//! the full-text index was split, one memory in thousands. So this test is
//! about numbers: all words are random and unique, and each is looked for.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::remains::{Needles, Random, TAIL};
use super::{SHOW_TERMS, open};
use crate::harness::{Engine, Place, Server, User, run};

const MEMORIES: usize = 20_000;
const EDITS: usize = 300;
/// Memories that have the word [`SHARED`] in common; its entry in the index
/// spans several pages.
const IN_PROJECT: usize = 3_000;
const SHARED: &str = "projectzwqxv7";

/// A memory as the test knows it.
struct Known {
    /// Every word it has or had.
    words: Vec<String>,
    text: String,
}

/// Sets of words, some of a family whose members differ in the last letter only:
/// where a page of the index ends between two of them, the key that leads to
/// the next page is a whole word.
fn texts(random: &mut Random) -> Vec<Known> {
    let mut stem = random.token(14);
    let memory = |index: usize| {
        let mut words: Vec<String> = (0..random.below(7)).map(|_| random.token(16)).collect();
        if index.is_multiple_of(10) {
            stem = random.token(14);
        }
        words.push(format!("{stem}{}", index % 10));
        let shared = (index < IN_PROJECT).then_some(SHARED);
        let text = words.iter().map(String::as_str).chain(shared).collect::<Vec<_>>().join(" ");
        Known { words, text }
    };
    (0..MEMORIES).map(memory).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_of_ten_thousand_purged_memories_is_left_in_any_file() {
    let mut random = Random(20_260_726);
    let server = Server::start(Engine::Sqlite).await;
    let place = server.place.as_ref().expect("its own");
    let ann = server.user("ann").await;
    let bucket = ann.bucket("Elsewhere").await;
    let mut known = BTreeMap::new();
    let all = texts(&mut random);
    let lists: Vec<String> = all.iter().map(|memory| memory.text.clone()).collect();
    for (id, memory) in ann.remember_all(&lists).await.into_iter().zip(all) {
        known.insert(id, memory);
    }
    let mut ids: Vec<String> = known.keys().cloned().collect();
    random.shuffle(&mut ids);
    for id in &ids[..EDITS] {
        let memory = known.get_mut(id).expect("known");
        let word = random.token(16);
        memory.text = format!("{word} {}", memory.text.to_uppercase());
        memory.words.push(word);
        ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": memory.text})).await.ok();
    }
    for batch in ids[EDITS / 2..10 * EDITS].chunks(100) {
        ann.post("/api/v2/memory/update", json!({"memoryIds": batch, "bucketId": bucket})).await.ok();
    }

    // All of the project, so that its word must go too, and a random half of the rest.
    let (project, rest): (Vec<_>, Vec<_>) = ids.iter().partition(|id| has_word(&known[*id].text, SHARED));
    let dead: Vec<&String> = project.into_iter().chain(rest.into_iter().take(MEMORIES / 2 - IN_PROJECT)).collect();
    purge(&ann, &mut random, &dead).await;

    let words = dead.iter().flat_map(|id| known[*id].words.iter().map(String::as_str));
    let left = Needles::<TAIL>::new(words.chain([SHARED])).found_in(&place.files());
    assert!(left.is_empty(), "{} words are left, the first: {:#?}", left.len(), &left[..left.len().min(10)]);
    let dead_ids = dead.iter().map(|id| id.strip_prefix("mem_").expect("an id of a memory"));
    // Nine of its hexadecimal digits stand in some living id in one run of a hundred.
    let left = Needles::<20>::new(dead_ids).found_in(&place.files());
    assert!(left.is_empty(), "{} ids are left, the first: {:#?}", left.len(), &left[..left.len().min(10)]);

    let dead: HashSet<&String> = dead.into_iter().collect();
    let living: BTreeMap<&String, &Known> = known.iter().filter(|(id, _)| !dead.contains(id)).collect();
    let mut listed = ann.texts().await;
    let mut expected: Vec<&str> = living.values().map(|memory| memory.text.as_str()).collect();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed.len(), expected.len());
    assert!(listed.iter().eq(&expected), "the list has other texts than those not purged");
    // Every page of the index has a word of some hundredth memory.
    for memory in living.values().step_by(50) {
        let word = memory.words.last().expect("has one");
        assert_eq!(ann.get(&format!("/api/memory?mode=lexical&query={word}")).await.ok(), json!([memory.text]));
    }

    let mut server = server;
    server.stop().await;
    let place = server.place.take().expect("its own");
    assert_eq!(run(&place, &["doctor"]).0, 0, "{:?}", run(&place, &["doctor"]));
    search_equals_that_of_a_fresh_index(&place);
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(' ').any(|w| w.eq_ignore_ascii_case(word))
}

/// In batches of all sizes and along every way that leads to a purge.
async fn purge(ann: &User, random: &mut Random, dead: &[&String]) {
    let mut dead = dead.to_vec();
    random.shuffle(&mut dead);
    let mut left = &dead[..];
    for (turn, size) in [1, 5, 2_000, 30, 1, 700, 3_000, 100, 1_500, 3, usize::MAX].into_iter().enumerate() {
        let (batch, after) = left.split_at(size.min(left.len()));
        left = after;
        let body = json!({"memoryIds": batch});
        let counted = if turn % 3 == 2 {
            ann.post("/api/memories/bulk-delete", body.clone()).await.ok();
            ann.post("/api/trash/purge", body).await
        } else {
            ann.post("/api/memories/bulk-delete?purge=true", body).await
        };
        assert_eq!(counted.header("deletion-erasure"), None, "nothing keeps the log open");
        assert_eq!(counted.ok()["failed"], json!(0));
    }
}

/// Every fifth term of the index finds the same rows as in an index built anew.
fn search_equals_that_of_a_fresh_index(place: &Place) {
    let copy = place.folder.path().join("copy.db");
    let copied = std::process::Command::new("cp").arg(place.folder.path().join("commonplace.db")).arg(&copy).status();
    assert!(copied.expect("runs").success());
    let fresh = rusqlite::Connection::open(&copy).expect("opens");
    fresh.execute_batch("insert into memory_fts (memory_fts) values ('rebuild')").expect("rebuilt");
    let kept = open(place);
    for index in [&fresh, &kept] {
        index.execute_batch(SHOW_TERMS).expect("a view of the index");
    }
    let mut terms = fresh.prepare("select term from memory_terms order by term").expect("terms");
    let terms: Vec<String> = terms.query_map([], |row| row.get(0)).expect("terms").map(|t| t.expect("text")).collect();
    let mut known = kept.prepare("select term from memory_terms order by term").expect("terms");
    let known: Vec<String> = known.query_map([], |row| row.get(0)).expect("terms").map(|t| t.expect("text")).collect();
    assert!(known == terms, "the index has {} terms, a fresh one {}", known.len(), terms.len());
    let rows = |index: &rusqlite::Connection, term: &str| -> Vec<i64> {
        let sql = "select rowid from memory_fts where memory_fts match '\"' || ?1 || '\"' order by rowid";
        let mut statement = index.prepare_cached(sql).expect("a query");
        let rows = statement.query_map([term], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a number")).collect()
    };
    // A page of the index has hundreds.
    for term in terms.into_iter().step_by(5) {
        assert_eq!(rows(&kept, &term), rows(&fresh, &term), "{term}");
    }
}
