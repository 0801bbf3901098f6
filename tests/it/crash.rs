//! SIGKILL of the real program at every point that matters, then an audit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Engine, Place, Program, Server, User, contains, on_both_engines, run};

on_both_engines!(
    a_crash_in_a_bulk_delete_leaves_all_or_nothing_of_it,
    a_crash_in_a_purge_leaves_all_or_nothing_of_it_and_the_next_start_erases,
    a_crash_in_a_restore_or_a_purge_of_the_trash_leaves_all_or_nothing_of_it,
    a_crash_in_a_create_leaves_all_or_nothing_of_it,
    a_crash_while_many_write_loses_no_acknowledged_memory,
);

/// What every read path says, once they have been found to agree.
#[derive(Debug, PartialEq, Eq)]
struct State {
    memories: Vec<String>,
    trash: Vec<String>,
}

fn sorted(list: &Value, field: &str) -> Vec<String> {
    let text = |item: &Value| item.as_str().or(item[field].as_str()).expect("a text").to_owned();
    let mut texts: Vec<String> = list.as_array().expect("a list").iter().map(text).collect();
    texts.sort_unstable();
    texts
}

async fn state(user: &User) -> State {
    let memories = sorted(&user.get("/api/memory?all=true").await.ok(), "text");
    let found = user.get("/api/memory?mode=lexical&query=town&count=1000").await.ok();
    assert_eq!(sorted(&found, "text"), memories, "the search finds others than the list has");
    let export = user.get("/api/export").await.ok();
    assert_eq!(sorted(&export["memories"], "text"), memories, "the export has others than the list");
    let buckets = user.get("/api/buckets").await.ok();
    let counts = buckets.as_array().expect("a list").iter().map(|bucket| bucket["memoryCount"].as_u64().expect("one"));
    assert_eq!(counts.sum::<u64>(), memories.len() as u64, "the buckets count others than the list has");
    let trash = user.get("/api/trash?count=1000").await.ok();
    assert_eq!(trash["total"], json!(trash["memories"].as_array().expect("a list").len()));
    State { memories, trash: sorted(&trash["memories"], "text") }
}

/// Twenty memories and ten in the trash, and someone's token for them.
struct Scene {
    place: Place,
    token: String,
    doomed: Vec<String>,
    trashed: Vec<String>,
    before: State,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        let mut server = Server::start(engine).await;
        let ann = server.user("ann").await;
        let texts: Vec<String> = (0..30).map(|n| format!("Number {n:02} went to town")).collect();
        let mut ids = ann.remember_all(&texts).await;
        let trashed = ids.split_off(20);
        ann.post("/api/memories/bulk-delete", json!({"memoryIds": trashed})).await.ok();
        let before = state(&ann).await;
        assert_eq!((&before.memories[..], &before.trash[..]), (&texts[..20], &texts[20..]));
        server.stop().await;
        let place = server.place.take().expect("its own");
        Self { place, token: ann.token, doomed: ids.split_off(10), trashed, before }
    }

    /// The program is killed at the last of these points, which a request leads
    /// to. It was not answered; what is there after the next start.
    async fn crash(&self, points: &str, path: &str, body: Value) -> (Program, User) {
        let program = Program::serve(&self.place, &[("COMMONPLACE_FAILPOINT", points)]);
        let request = program.with_token(&self.token).request(Method::POST, path).json(&body);
        let request = tokio::spawn(request.send());
        let last = points.rsplit(',').next().expect("a name");
        tokio::task::block_in_place(|| program.wait_for(&format!("failpoint {last} reached")));
        program.kill();
        request.await.expect("sent").expect_err("an answer came from a killed program");
        let program = Program::serve(&self.place, &[]);
        let user = program.with_token(&self.token);
        (program, user)
    }

    /// Crashes at each of the points, each time from the same beginning, and
    /// compares with what is there before and after the request.
    async fn audit(engine: Engine, points: &[Point], request: impl Fn(&Self) -> (&'static str, Value), after: After) {
        for (points, committed) in points.iter().filter(|point| point.engines(engine)).map(|p| (p.0, p.1)) {
            let scene = Self::set(engine).await;
            let (path, body) = request(&scene);
            let (program, ann) = scene.crash(points, path, body).await;
            let expected = if committed { after(&scene.before) } else { scene.before };
            assert_eq!(state(&ann).await, expected, "after a crash at {points}");
            if committed && path.contains("purge") {
                tokio::task::block_in_place(|| program.wait_for("finished the erasure"));
                let gone = if path.contains("trash") { "Number 25 went" } else { "Number 15 went" };
                for (file, bytes) in scene.place.files() {
                    assert!(!contains(&bytes, gone), "after a crash at {points} it is in {}", file.display());
                }
            }
            let (code, out, _) = run(&scene.place, &["doctor"]);
            assert_eq!(code, 0, "after a crash at {points}: {out}");
            // It goes on: what was there can be changed.
            ann.remember("One more went to town").await;
            assert_eq!(state(&ann).await.memories.len(), expected.memories.len() + 1);
        }
    }
}

type After = fn(&State) -> State;

/// Points to pass, whether the change stands there, and whether `PostgreSQL`
/// has them: its transactions are its own, and so are the points within a commit.
struct Point(&'static str, bool, Engines);

#[derive(PartialEq, Eq)]
enum Engines {
    Both,
    Sqlite,
}

impl Point {
    fn engines(&self, engine: Engine) -> bool {
        self.2 == Engines::Both || engine == Engine::Sqlite
    }
}

fn doomed(scene: &Scene) -> Value {
    json!({"memoryIds": scene.doomed})
}

fn trashed(scene: &Scene) -> Value {
    json!({"memoryIds": scene.trashed})
}

const IN_DELETE: [Point; 7] = [
    Point("delete:unindexed", false, Engines::Both),
    Point("delete:copied", false, Engines::Both),
    Point("delete:rows-gone", false, Engines::Both),
    Point("delete:receipt", false, Engines::Both),
    Point("delete:receipt,write:before-commit", false, Engines::Sqlite),
    Point("delete:receipt,write:after-commit", true, Engines::Sqlite),
    Point("delete:committed", true, Engines::Both),
];

async fn a_crash_in_a_bulk_delete_leaves_all_or_nothing_of_it(engine: Engine) {
    let request = |scene: &Scene| ("/api/memories/bulk-delete", doomed(scene));
    let after: After = |before| State {
        memories: before.memories[..10].to_vec(),
        trash: [&before.memories[10..], &before.trash[..]].concat(),
    };
    Scene::audit(engine, &IN_DELETE, request, after).await;
}

async fn a_crash_in_a_purge_leaves_all_or_nothing_of_it_and_the_next_start_erases(engine: Engine) {
    let request = |scene: &Scene| ("/api/memories/bulk-delete?purge=true", doomed(scene));
    let after: After = |before| State { memories: before.memories[..10].to_vec(), trash: before.trash.clone() };
    Scene::audit(engine, &IN_DELETE, request, after).await;
    let in_erasure = [
        Point("delete:committed,erase:cleared", true, Engines::Sqlite),
        Point("delete:committed,erase:done", true, Engines::Sqlite),
    ];
    Scene::audit(engine, &in_erasure, request, after).await;
}

async fn a_crash_in_a_restore_or_a_purge_of_the_trash_leaves_all_or_nothing_of_it(engine: Engine) {
    let points = [
        Point("restore:taken", false, Engines::Both),
        Point("restore:settled", false, Engines::Both),
        Point("restore:settled,write:before-commit", false, Engines::Sqlite),
        Point("restore:settled,write:after-commit", true, Engines::Sqlite),
    ];
    let request = |scene: &Scene| ("/api/memories/restore", trashed(scene));
    let after: After =
        |before| State { memories: [&before.memories[..], &before.trash[..]].concat(), trash: Vec::new() };
    Scene::audit(engine, &points, request, after).await;
    let points = [
        Point("purge:taken", false, Engines::Both),
        Point("purge:taken,write:before-commit", false, Engines::Sqlite),
        Point("purge:taken,write:after-commit", true, Engines::Sqlite),
        Point("purge:taken,delete:committed", true, Engines::Both),
    ];
    let request = |scene: &Scene| ("/api/trash/purge", trashed(scene));
    let after: After = |before| State { memories: before.memories.clone(), trash: Vec::new() };
    Scene::audit(engine, &points, request, after).await;
}

async fn a_crash_in_a_create_leaves_all_or_nothing_of_it(engine: Engine) {
    let points = [
        Point("create:counted", false, Engines::Both),
        Point("create:counted,write:before-commit", false, Engines::Sqlite),
        Point("create:counted,write:after-commit", true, Engines::Sqlite),
    ];
    let request = |_: &Scene| ("/api/memory", json!({"text": "Zoe went to town"}));
    let after: After = |before| State {
        memories: before.memories.iter().cloned().chain(["Zoe went to town".to_owned()]).collect(),
        trash: before.trash.clone(),
    };
    Scene::audit(engine, &points, request, after).await;
}

async fn a_crash_while_many_write_loses_no_acknowledged_memory(engine: Engine) {
    const CLIENTS: usize = 8;
    let scene = Scene::set(engine).await;
    let program = Program::serve(&scene.place, &[]);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let (enough, reached) = tokio::sync::oneshot::channel();
    let enough = Arc::new(std::sync::Mutex::new(Some(enough)));
    let client = |number: usize| {
        let (user, acknowledged, enough) = (program.with_token(&scene.token), acknowledged.clone(), enough.clone());
        async move {
            let mut ids = Vec::new();
            for n in 0.. {
                let body = json!({"text": format!("Client {number} sent {n} to town")});
                let Ok(answer) = user.request(Method::POST, "/api/memory").json(&body).send().await else { break };
                // Cut off within the body is not acknowledged either.
                let Ok(created) = answer.json::<Value>().await else { break };
                ids.push(created["memoryId"].as_str().expect("an id").to_owned());
                if acknowledged.fetch_add(1, Ordering::SeqCst) == 400 {
                    let enough = enough.lock().expect("not poisoned").take();
                    enough.expect("once").send(()).expect("waited for");
                }
            }
            ids
        }
    };
    let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(client(number))).collect();
    reached.await.expect("many are acknowledged");
    program.kill();
    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.await.expect("a client ends well"));
    }
    let program = Program::serve(&scene.place, &[]);
    let ann = program.with_token(&scene.token);
    let ids: std::collections::HashSet<String> = ann.ids().await.into_values().collect();
    let lost: Vec<&String> = sent.iter().filter(|id| !ids.contains(*id)).collect();
    assert_eq!(lost, Vec::<&String>::new());
    let there = state(&ann).await.memories.len();
    let known = 20 + sent.len();
    assert!((known..=known + CLIENTS).contains(&there), "{there} memories, {known} acknowledged");
    assert_eq!(run(&scene.place, &["doctor"]).0, 0);
}
