//! Random operations of two accounts, compared with a model after every step,
//! the account that a step does not touch at the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, User, answer, on_both_engines};

const STEPS: usize = 40;
/// Few, so that texts meet again.
const WORDS: u8 = 12;
const BUCKETS: u8 = 3;

on_both_engines!(any_sequence_of_operations_does_what_the_model_says);

/// An id that a request names: one that exists or existed, of either account, or none's.
#[derive(Debug, Clone)]
enum Id {
    Own(Index),
    Others(Index),
    Unknown(u8),
}

#[derive(Debug, Clone)]
enum Step {
    Create { word: u8, bucket: Index, dated: bool },
    Edit { id: Id, word: u8 },
    Move { ids: Vec<Id>, bucket: Index },
    Delete { id: Id, purge: bool },
    BulkDelete { ids: Vec<Id>, purge: bool, dry_run: bool },
    Filter { word: u8, purge: bool },
    Restore { ids: Vec<Id> },
    PurgeTrash { ids: Vec<Id> },
    EmptyTrash,
    CreateBucket { name: u8 },
    DeleteBucket { bucket: Index, contents: Option<bool>, purge: bool },
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        8 => any::<Index>().prop_map(Id::Own),
        1 => any::<Index>().prop_map(Id::Others),
        1 => (0..4_u8).prop_map(Id::Unknown),
    ]
}

fn ids() -> impl Strategy<Value = Vec<Id>> {
    prop::collection::vec(id(), 0..8)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..WORDS, any::<Index>(), any::<bool>())
            .prop_map(|(word, bucket, dated)| Step::Create { word, bucket, dated }),
        3 => (id(), 0..WORDS).prop_map(|(id, word)| Step::Edit { id, word }),
        2 => (prop::collection::vec(id(), 1..4), any::<Index>()).prop_map(|(ids, bucket)| Step::Move { ids, bucket }),
        2 => (id(), any::<bool>()).prop_map(|(id, purge)| Step::Delete { id, purge }),
        4 => (ids(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(ids, purge, dry_run)| Step::BulkDelete { ids, purge, dry_run }),
        1 => (0..WORDS, any::<bool>()).prop_map(|(word, purge)| Step::Filter { word, purge }),
        3 => ids().prop_map(|ids| Step::Restore { ids }),
        2 => ids().prop_map(|ids| Step::PurgeTrash { ids }),
        1 => Just(Step::EmptyTrash),
        2 => (0..BUCKETS).prop_map(|name| Step::CreateBucket { name }),
        1 => (any::<Index>(), any::<Option<bool>>(), any::<bool>())
            .prop_map(|(bucket, contents, purge)| Step::DeleteBucket { bucket, contents, purge }),
    ]
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Memory {
    text: String,
    bucket: String,
    version: i64,
}

/// What an account should hold.
struct Account {
    user: User,
    living: BTreeMap<String, Memory>,
    trash: BTreeMap<String, Memory>,
    /// Names by id; General first.
    buckets: Vec<(String, String)>,
    /// Every id that it ever had.
    known: Vec<String>,
}

fn text(word: u8) -> String {
    format!("fact w{word}w of many")
}

fn essence(text: &str) -> &str {
    text.strip_prefix("2026-07-26 ").unwrap_or(text)
}

impl Account {
    async fn new(server: &Server, name: &str) -> Self {
        let user = server.user(name).await;
        let general = user.get("/api/buckets").await.ok()[0]["id"].as_str().expect("an id").to_owned();
        let buckets = vec![(general, "General".to_owned())];
        Self { user, living: BTreeMap::new(), trash: BTreeMap::new(), buckets, known: Vec::new() }
    }

    fn resolve(&self, other: &Self, id: &Id) -> String {
        match id {
            Id::Own(index) if !self.known.is_empty() => index.get(&self.known).clone(),
            Id::Others(index) if !other.known.is_empty() => index.get(&other.known).clone(),
            Id::Unknown(n) => format!("mem_{n:032x}"),
            _ => "no id".to_owned(),
        }
    }

    fn resolve_all(&self, other: &Self, ids: &[Id]) -> Vec<String> {
        ids.iter().map(|id| self.resolve(other, id)).collect()
    }

    fn bucket(&self, index: Index) -> String {
        index.get(&self.buckets).0.clone()
    }

    /// The distinct ids that are in `map`, and how many are not.
    fn split(map: &BTreeMap<String, Memory>, ids: &[String]) -> (Vec<String>, usize) {
        let distinct: BTreeSet<&String> = ids.iter().collect();
        let (hit, missed): (Vec<&String>, Vec<&String>) = distinct.into_iter().partition(|id| map.contains_key(*id));
        (hit.into_iter().cloned().collect(), missed.len())
    }

    fn remove(&mut self, ids: &[String], purge: bool) {
        for id in ids {
            let memory = self.living.remove(id).expect("living");
            if !purge {
                self.trash.insert(id.clone(), memory);
            }
        }
    }

    fn move_to(&mut self, id: &str, bucket: &str) {
        let memory = self.living.get_mut(id).expect("living");
        if memory.bucket != bucket {
            bucket.clone_into(&mut memory.bucket);
            memory.version += 1;
        }
    }

    async fn step(&mut self, other: &Self, step: &Step) {
        match step {
            Step::Create { word, bucket, dated } => self.create(*word, &self.bucket(*bucket), *dated).await,
            Step::Edit { id, word } => self.edit(&self.resolve(other, id), *word).await,
            Step::Move { ids, bucket } => self.relocate(self.resolve_all(other, ids), &self.bucket(*bucket)).await,
            Step::Delete { id, purge } => self.delete(&self.resolve(other, id), *purge).await,
            Step::BulkDelete { ids, purge, dry_run } => {
                self.bulk_delete(self.resolve_all(other, ids), *purge, *dry_run).await;
            }
            Step::Filter { word, purge } => self.delete_by_filter(*word, *purge).await,
            Step::Restore { ids } => self.restore(self.resolve_all(other, ids)).await,
            Step::PurgeTrash { ids } => {
                let ids = self.resolve_all(other, ids);
                let (gone, failed) = Self::split(&self.trash, &ids);
                let purged = self.user.post("/api/trash/purge", json!({"memoryIds": ids})).await.ok();
                assert_eq!(purged, json!({"purged": gone.len(), "failed": failed}));
                self.trash.retain(|id, _| !gone.contains(id));
            }
            Step::EmptyTrash => {
                let purged = self.user.delete("/api/trash").await.ok();
                assert_eq!(purged, json!({"purged": self.trash.len(), "failed": 0}));
                self.trash.clear();
            }
            Step::CreateBucket { name } => self.create_bucket(&format!("Bucket {name}")).await,
            Step::DeleteBucket { bucket, contents, purge } => {
                self.delete_bucket(&self.bucket(*bucket), *contents, *purge).await;
            }
        }
    }

    async fn create(&mut self, word: u8, bucket: &str, dated: bool) {
        let text = format!("{}{}", if dated { "2026-07-26 " } else { "" }, text(word));
        let created = self.user.post("/api/memory", json!({"text": text, "bucketId": bucket})).await.ok();
        let id = created["memoryId"].as_str().expect("an id").to_owned();
        let same = |memory: &Memory| memory.bucket == bucket && essence(&memory.text) == essence(&text);
        if self.living.values().any(same) {
            assert_eq!(created["isDuplicate"], json!(true), "{text:?} is there already");
            assert!(same(&self.living[&id]), "{id} does not say the same");
        } else {
            assert_eq!(created["isDuplicate"], json!(false));
            self.known.push(id.clone());
            self.living.insert(id, Memory { text, bucket: bucket.to_owned(), version: 1 });
        }
    }

    async fn edit(&mut self, id: &str, word: u8) {
        let body = json!({"memoryId": id, "text": text(word)});
        let edited = self.user.post("/api/v2/memory/update", body).await;
        let Some(memory) = self.living.get_mut(id) else {
            edited.error(404);
            return;
        };
        if memory.text != text(word) {
            memory.text = text(word);
            memory.version += 1;
        }
        assert_eq!(edited.ok()["version"], json!(memory.version));
    }

    async fn relocate(&mut self, ids: Vec<String>, bucket: &str) {
        let moved = self.user.post("/api/v2/memory/update", json!({"memoryIds": ids, "bucketId": bucket})).await;
        let (hit, missed) = Self::split(&self.living, &ids);
        if missed > 0 {
            moved.error(404);
            assert_eq!(moved.json()["rejectedIds"].as_array().expect("a list").len(), missed);
            return;
        }
        assert_eq!(moved.ok()["moved"], json!(hit.len()));
        for id in hit {
            self.move_to(&id, bucket);
        }
    }

    async fn delete(&mut self, id: &str, purge: bool) {
        let path = format!("/api/memories/{}?purge={purge}", id.replace(' ', "%20"));
        let deleted = self.user.delete(&path).await;
        if self.living.contains_key(id) {
            deleted.ok();
            self.remove(&[id.to_owned()], purge);
        } else {
            deleted.error(404);
        }
    }

    async fn bulk_delete(&mut self, ids: Vec<String>, purge: bool, dry_run: bool) {
        let path = format!("/api/memories/bulk-delete?purge={purge}&dryRun={dry_run}");
        let deleted = self.user.post(&path, json!({"memoryIds": ids})).await;
        let (gone, failed) = Self::split(&self.living, &ids);
        assert_eq!(deleted.ok(), json!({"deleted": gone.len(), "failed": failed}));
        assert_eq!(deleted.header("deletion-receipt").is_none(), dry_run);
        if !dry_run {
            self.remove(&gone, purge);
            let receipt = deleted.header("deletion-receipt").expect("a receipt");
            let receipt = self.user.get(&format!("/api/deletions/{receipt}")).await.ok();
            assert_eq!(receipt["deleted"], json!(gone.len()));
            assert_eq!(receipt["failed"], json!(failed));
            assert_eq!(receipt["erasedAt"].is_string(), purge && !gone.is_empty());
        }
    }

    async fn delete_by_filter(&mut self, word: u8, purge: bool) {
        let path = "/api/memories/delete-by-filter";
        let filter = json!({"query": format!("w{word}w"), "dryRun": true});
        let preview = self.user.post(path, filter).await.ok();
        let with_word = self.living.iter().filter(|(_, memory)| essence(&memory.text) == text(word));
        let gone: Vec<String> = with_word.map(|(id, _)| id.clone()).collect();
        assert_eq!(preview["memoryIds"], json!(gone));
        let token = &preview["confirmationToken"];
        let filter = json!({"query": format!("w{word}w"), "confirmationToken": token, "purge": purge});
        let deleted = self.user.post(path, filter).await.ok();
        assert_eq!(deleted, json!({"deleted": gone.len(), "failed": 0}));
        self.remove(&gone, purge);
    }

    async fn restore(&mut self, ids: Vec<String>) {
        let restored = self.user.post("/api/memories/restore", json!({"memoryIds": ids})).await.ok();
        let (back, failed) = Self::split(&self.trash, &ids);
        assert_eq!(restored, json!({"restored": back.len(), "failed": failed}));
        for id in back {
            let mut memory = self.trash.remove(&id).expect("in the trash");
            if !self.buckets.iter().any(|(bucket, _)| *bucket == memory.bucket) {
                self.buckets[0].0.clone_into(&mut memory.bucket);
            }
            self.living.insert(id, memory);
        }
    }

    async fn create_bucket(&mut self, name: &str) {
        let made = self.user.post("/api/buckets", json!({"name": name})).await;
        if self.buckets.iter().any(|(_, taken)| taken == name) {
            made.error(409);
        } else {
            self.buckets.push((made.ok()["id"].as_str().expect("an id").to_owned(), name.to_owned()));
        }
    }

    /// `contents`: moved to General, deleted, or not said.
    async fn delete_bucket(&mut self, bucket: &str, contents: Option<bool>, purge: bool) {
        let say = match contents {
            None => String::new(),
            Some(true) => "?memories=move".to_owned(),
            Some(false) => format!("?memories=delete&purge={purge}"),
        };
        let deleted = answer(self.user.request(Method::DELETE, &format!("/api/buckets/{bucket}{say}"))).await;
        let inside = self.living.iter().filter(|(_, memory)| memory.bucket == bucket);
        let inside: Vec<String> = inside.map(|(id, _)| id.clone()).collect();
        if bucket == self.buckets[0].0 || (contents.is_none() && !inside.is_empty()) {
            deleted.error(409);
            return;
        }
        let general = self.buckets[0].0.clone();
        let mut gone = 0;
        if contents == Some(true) {
            for id in &inside {
                self.move_to(id, &general);
            }
        } else {
            gone = inside.len();
            self.remove(&inside, purge);
        }
        assert_eq!(deleted.ok()["deleted"], json!(gone));
        self.buckets.retain(|(id, _)| id != bucket);
    }

    /// Every way of reading says what the model says.
    async fn check(&self) {
        let all = self.user.get("/api/v2/memory?all=true&includeIds=true").await.ok();
        let object = |item: &Value| {
            let id = item["id"].as_str().expect("an id").to_owned();
            (id, (item["text"].clone(), json!(item["bucketId"].to_string())))
        };
        let listed: BTreeMap<String, _> = all["memories"].as_array().expect("a list").iter().map(object).collect();
        let expected: BTreeMap<String, _> =
            self.living.iter().map(|(id, m)| (id.clone(), (json!(m.text), json!(m.bucket)))).collect();
        assert_eq!(listed, expected);
        let mut buckets: Vec<Value> = Vec::new();
        for (id, name) in &self.buckets {
            let count = self.living.values().filter(|memory| memory.bucket == *id).count();
            buckets.push(json!({"id": id, "name": name, "memoryCount": count}));
        }
        buckets[1..].sort_by_key(|bucket| bucket["name"].to_string());
        assert_eq!(all["buckets"], json!(buckets));
        let trash = self.user.get("/api/trash?count=1000").await.ok();
        let in_trash: BTreeSet<&str> =
            trash["memories"].as_array().expect("a list").iter().map(|m| m["id"].as_str().expect("an id")).collect();
        assert!(in_trash.iter().copied().eq(self.trash.keys().map(String::as_str)), "the trash has {in_trash:?}");
    }

    /// The same for each word and each memory, which takes longer.
    async fn check_all(&self) {
        self.check().await;
        for word in 0..WORDS {
            let found = self
                .user
                .get(&format!("/api/memory?mode=lexical&query=w{word}w&count=1000&includeIds=true"))
                .await
                .ok();
            let ids: BTreeSet<&str> =
                found.as_array().expect("a list").iter().map(|m| m["id"].as_str().expect("an id")).collect();
            let with_word = self.living.iter().filter(|(_, memory)| essence(&memory.text) == text(word));
            assert!(with_word.map(|(id, _)| id.as_str()).eq(ids.iter().copied()), "w{word}w finds {ids:?}");
        }
        for id in &self.known {
            let got = self.user.get(&format!("/api/memories/{id}")).await;
            let Some(memory) = self.living.get(id) else {
                got.error(404);
                continue;
            };
            let got = got.ok();
            assert_eq!(got["version"], json!(memory.version));
            let kept = i64::try_from(got["versions"].as_array().expect("a list").len()).expect("few");
            assert_eq!(kept, memory.version - 1, "a version is kept for each change");
        }
    }
}

async fn any_sequence_of_operations_does_what_the_model_says(engine: Engine) {
    let server = Server::start(engine).await;
    let run = |case: usize, steps: Vec<(bool, Step)>| {
        let server = &server;
        async move {
            let mut one = Account::new(server, &format!("one{case}")).await;
            let mut two = Account::new(server, &format!("two{case}")).await;
            for (first, step) in &steps {
                let (account, other) = if *first { (&mut one, &two) } else { (&mut two, &one) };
                account.step(other, step).await;
                account.check().await;
            }
            one.check_all().await;
            two.check_all().await;
        }
    };
    // The same cases in every run; PROPTEST_CASES asks for more of them.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let steps = prop::collection::vec((any::<bool>(), step()), STEPS);
    let case = std::cell::Cell::new(0);
    let tested = tokio::task::block_in_place(|| {
        runner.run(&steps, |steps| {
            case.set(case.get() + 1);
            tokio::runtime::Handle::current().block_on(run(case.get(), steps));
            Ok(())
        })
    });
    if let Err(failure) = tested {
        panic!("{failure}");
    }
}
