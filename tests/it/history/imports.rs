//! Exports of other tools, uploaded and imported by the command line.

use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::http::{found, titles};
use crate::api::wire::Wire;
use crate::harness::{Answer, Engine, Place, Server, User, answer, contains, on_both_engines, run};

on_both_engines!(
    an_uploaded_export_is_taken_in_and_again_changes_nothing,
    a_newer_export_adds_only_the_difference,
    what_is_damaged_is_named_by_its_place_and_the_rest_taken_in,
    an_unknown_format_fails_with_the_list_of_known_ones,
    an_upload_that_is_refused_leaves_nothing,
    an_import_that_is_over_stays_as_it_is_when_it_is_cancelled,
    an_upload_that_is_cancelled_is_not_received_to_its_end,
    events_follow_an_import_to_its_end,
    the_command_line_imports_and_says_what_became_of_it,
    memories_of_other_tools_and_our_own_export_become_memories,
    sessions_of_coding_agents_are_followed,
);

/// A conversation as ChatGPT exports it.
pub fn chatgpt(id: &str, title: &str, said: &[&str]) -> Value {
    let mut mapping = serde_json::Map::new();
    mapping.insert("root".into(), json!({"id": "root", "message": null, "parent": null, "children": ["n0"]}));
    for (place, text) in said.iter().enumerate() {
        let role = if place % 2 == 0 { "user" } else { "assistant" };
        let parent = if place == 0 { "root".to_owned() } else { format!("n{}", place - 1) };
        let children: Vec<String> = (place + 1 < said.len()).then(|| format!("n{}", place + 1)).into_iter().collect();
        let message = json!({
            "id": format!("{id}-{place}"), "author": {"role": role, "name": null, "metadata": {}},
            "create_time": 1_700_000_000.5 + f64::from(u32::try_from(place).expect("few")),
            "content": {"content_type": "text", "parts": [text]},
            "status": "finished_successfully", "weight": 1.0, "metadata": {}, "recipient": "all",
        });
        let node = json!({"id": format!("n{place}"), "message": message, "parent": parent, "children": children});
        mapping.insert(format!("n{place}"), node);
    }
    json!({
        "id": id, "conversation_id": id, "title": title, "create_time": 1_700_000_000.5, "update_time": 1_700_000_100.5,
        "mapping": mapping, "current_node": format!("n{}", said.len() - 1),
    })
}

pub fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a file");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("an archive").into_inner()
}

fn trips() -> Vec<Value> {
    vec![
        chatgpt("c1", "Trip", &["Where do we stay in Lisbon?", "The flat in Alfama is booked."]),
        chatgpt("c2", "Bread", &["How long does rye rest?", "Rye dough rests for twelve hours."]),
    ]
}

fn export(conversations: &[Value]) -> Vec<u8> {
    let json = serde_json::to_vec(conversations).expect("JSON");
    zipped(&[("conversations.json", &json), ("user.json", b"{\"id\": \"user-1\"}"), ("chat.html", b"<html></html>")])
}

async fn upload(user: &User, body: Vec<u8>) -> Answer {
    let request = user.request(reqwest::Method::POST, "/api/chat-history/import?name=export.zip");
    answer(request.header("content-type", "application/zip").body(body)).await
}

/// An import once it is over.
async fn over(user: &User, import: &Value) -> Value {
    let path = format!("/api/chat-history/imports/{}", import["importId"].as_str().expect("an id"));
    let begun = Instant::now();
    loop {
        let import = user.get(&path).await.ok();
        if !["queued", "running"].contains(&import["status"].as_str().expect("a status")) {
            return import;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it goes on and on: {import}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn take_in(user: &User, body: Vec<u8>) -> Value {
    let received = upload(user, body).await;
    assert_eq!(received.status, 202, "{received:?}");
    over(user, &received.json()).await
}

fn counts(new: u64, updated: u64, unchanged: u64) -> Value {
    json!({"new": new, "updated": updated, "unchanged": unchanged, "tooLong": 0, "excluded": 0})
}

/// The server with what a process does beside answering.
async fn serving(engine: Engine) -> Server {
    let server = Server::start(engine).await;
    tokio::spawn(commonplace::history::jobs::run::keep_importing(server.app.clone()));
    server
}

fn uploads(server: &Server) -> Vec<std::path::PathBuf> {
    let folder = server.app.config.uploads_folder();
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

async fn an_uploaded_export_is_taken_in_and_again_changes_nothing(engine: Engine) {
    let server = serving(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let import = take_in(&ann, export(&trips())).await;
    assert_eq!((&import["status"], &import["conversations"]), (&json!("completed"), &counts(2, 0, 0)));
    assert_eq!((&import["name"], &import["kind"]), (&json!("export.zip"), &json!("upload")));
    assert_eq!(import["formats"], json!([{"format": "ChatGPT (conversations.json)", "files": 1}]));
    assert_eq!(import["bytesRead"], import["bytesTotal"]);
    assert_eq!(found(&ann, "flat in Alfama").await.first().map(String::as_str), Some("Trip"));
    let before = ann.get("/api/chat-history/chats").await.ok();
    let again = take_in(&ann, export(&trips())).await;
    assert_eq!(again["conversations"], counts(0, 0, 2));
    assert_eq!(ann.get("/api/chat-history/chats").await.ok(), before);
    assert_eq!(found(&bob, "flat in Alfama").await, Vec::<String>::new());
    bob.get(&format!("/api/chat-history/imports/{}", import["importId"].as_str().expect("one"))).await.error(404);
    assert_eq!(uploads(&server), Vec::<std::path::PathBuf>::new(), "what was read is gone");
}

async fn a_newer_export_adds_only_the_difference(engine: Engine) {
    let server = serving(engine).await;
    let ann = server.user("ann").await;
    let first = take_in(&ann, export(&trips())).await;
    let mut newer = trips();
    newer[0] = chatgpt("c1", "Trip", &["Where do we stay in Lisbon?", "The flat in Alfama is booked.", "Umbrellas?"]);
    newer.push(chatgpt("c3", "Tea", &["Black?", "Black."]));
    let second = take_in(&ann, export(&newer)).await;
    assert_eq!(second["conversations"], counts(1, 1, 1));
    let of = |import: &Value| format!("?importId={}", import["importId"].as_str().expect("an id"));
    assert_eq!(titles(&ann, &of(&first)).await, ["Bread"]);
    assert_eq!(titles(&ann, &of(&second)).await.len(), 2);
    assert_eq!(found(&ann, "umbrellas").await, ["Trip"]);
}

async fn what_is_damaged_is_named_by_its_place_and_the_rest_taken_in(engine: Engine) {
    let server = serving(engine).await;
    let ann = server.user("ann").await;
    let mut json = serde_json::to_string(&trips()).expect("JSON");
    json.truncate(json.len() - 40);
    let import = take_in(&ann, json.into_bytes()).await;
    assert_eq!((&import["status"], &import["conversations"]["new"]), (&json!("completed"), &json!(1)));
    assert_eq!(import["failed"], json!(1));
    assert!(import["failures"][0]["place"].as_str().expect("a place").contains('1'), "{import}");
    assert_eq!(titles(&ann, "").await, ["Trip"]);
}

async fn an_unknown_format_fails_with_the_list_of_known_ones(engine: Engine) {
    let server = serving(engine).await;
    let ann = server.user("ann").await;
    for body in [b"\x89PNG\r\n\x1a\n and so on".to_vec(), b"{\"a\": 1}".to_vec(), zipped(&[("a.txt", b"hello")])] {
        let import = take_in(&ann, body).await;
        assert_eq!(import["status"], json!("failed"));
        let error = import["error"].as_str().expect("a reason");
        assert!(error.contains("ChatGPT") && error.contains("LibreChat"), "{error}");
    }
    // A zip that is none.
    let import = take_in(&ann, b"PK\x03\x04 and then nothing of the kind".to_vec()).await;
    assert_eq!(import["status"], json!("failed"), "{import}");
    assert_eq!(uploads(&server), Vec::<std::path::PathBuf>::new());
}

async fn an_upload_that_is_refused_leaves_nothing(engine: Engine) {
    let server = Server::start_with(engine, &[("max_upload_bytes", "2048"), ("request_timeout_seconds", "1")]).await;
    let ann = server.user("ann").await;
    upload(&ann, Vec::new()).await.error(400);
    upload(&ann, vec![b'a'; 2049]).await.error(413);
    let form = ann.request(reqwest::Method::POST, "/api/chat-history/import");
    answer(form.header("content-type", "multipart/form-data; boundary=x").body("--x--")).await.error(415);
    // One that stalls, and one that breaks off.
    let mut wire = Wire::request(&ann, "POST /api/chat-history/import", "Content-Length: 100\r\n").await;
    wire.send(b"half").await;
    assert!(wire.rest().await.starts_with("HTTP/1.1 408"));
    let mut wire = Wire::request(&ann, "POST /api/chat-history/import", "Content-Length: 100\r\n").await;
    wire.send(b"half").await;
    drop(wire);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(uploads(&server), Vec::<std::path::PathBuf>::new());
    assert_eq!(ann.get("/api/chat-history/imports").await.ok()["total"], json!(0));
    // Nobody reads them here, so they wait.
    for _ in 0..4 {
        assert_eq!(upload(&ann, b"[]".to_vec()).await.status, 202);
    }
    upload(&ann, b"[]".to_vec()).await.error(429);
    assert_eq!(uploads(&server).len(), 4);
    let first = ann.get("/api/chat-history/imports").await.ok()["imports"][0]["importId"].clone();
    let path = format!("/api/chat-history/imports/{}/cancel", first.as_str().expect("an id"));
    assert_eq!(ann.post(&path, json!({})).await.ok()["status"], json!("cancelled"));
    assert_eq!(uploads(&server).len(), 3, "what is cancelled and not being read is gone at once");
    assert_eq!(upload(&ann, b"[]".to_vec()).await.status, 202);
    let place = server.place.as_ref().expect("its own");
    let removed = tokio::task::block_in_place(|| run(place, &["user", "remove", "ann", "--yes"]));
    assert_eq!((removed.0, uploads(&server)), (0, Vec::new()), "{removed:?}");
}

async fn an_import_that_is_over_stays_as_it_is_when_it_is_cancelled(engine: Engine) {
    let server = serving(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let import = take_in(&ann, export(&trips())).await;
    let path = format!("/api/chat-history/imports/{}/cancel", import["importId"].as_str().expect("an id"));
    bob.post(&path, json!({})).await.error(404);
    assert_eq!(ann.post(&path, json!({})).await.ok(), import);
}

async fn an_upload_that_is_cancelled_is_not_received_to_its_end(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut wire = Wire::request(&ann, "POST /api/chat-history/import", "Content-Length: 100000000\r\n").await;
    wire.send(&vec![b' '; 2 << 20]).await;
    let id = loop {
        let imports = ann.get("/api/chat-history/imports").await.ok();
        if let Some(id) = imports["imports"][0]["importId"].as_str() {
            break id.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let path = format!("/api/chat-history/imports/{id}/cancel");
    assert_eq!(ann.post(&path, json!({})).await.ok()["status"], json!("cancelled"));
    wire.send(&vec![b' '; 2 << 20]).await;
    assert!(wire.rest().await.starts_with("HTTP/1.1 409"));
    assert_eq!(uploads(&server), Vec::<std::path::PathBuf>::new());
    let import = ann.get(&format!("/api/chat-history/imports/{id}")).await.ok();
    assert_eq!(import["status"], json!("cancelled"));
}

async fn events_follow_an_import_to_its_end(engine: Engine) {
    let server = serving(engine).await;
    let ann = server.user("ann").await;
    let many: Vec<Value> =
        (0..300).map(|n| chatgpt(&format!("c{n}"), &format!("Number {n}"), &["Hello", "And hello to you"])).collect();
    let received = upload(&ann, export(&many)).await.json();
    let path = format!("/api/chat-history/imports/{}/events", received["importId"].as_str().expect("an id"));
    // The answer ends by itself.
    let events = ann.get(&path).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let data: Vec<Value> = events
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|json| serde_json::from_str(json).expect("JSON"))
        .collect();
    assert!(events.text.contains("event: progress"), "{}", events.text);
    let last = data.last().expect("an event");
    assert_eq!((&last["status"], &last["conversations"]), (&json!("completed"), &counts(300, 0, 0)));
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 300}));
}

/// A file beside the data.
fn file(place: &Place, name: &str, bytes: &[u8]) -> String {
    let path = place.folder.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

async fn the_command_line_imports_and_says_what_became_of_it(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let place = server.place.take().expect("its own");
    let path = file(&place, "export", &export(&trips()));
    let dry = tokio::task::block_in_place(|| run(&place, &["import", "--dry-run", "--user", "ann", &path]));
    assert!(dry.0 == 0 && dry.1.contains("2 conversations would be new"), "{dry:?}");
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 0}));
    assert_eq!(ann.get("/api/chat-history/imports").await.ok()["total"], json!(0));
    let first = tokio::task::block_in_place(|| run(&place, &["import", "--user", "ann", &path]));
    assert!(first.0 == 0 && first.1.contains("2 conversations new"), "{first:?}");
    // The server that is running finds them.
    assert_eq!(found(&ann, "flat in Alfama").await.first().map(String::as_str), Some("Trip"));
    let again = tokio::task::block_in_place(|| run(&place, &["import", "--user", "ann", &path]));
    assert!(again.0 == 0 && again.1.contains("2 conversations known already"), "{again:?}");
    let dry = tokio::task::block_in_place(|| run(&place, &["import", "--dry-run", "--user", "ann", &path]));
    assert!(dry.0 == 0 && dry.1.contains("2 conversations known already"), "{dry:?}");
    let other = file(&place, "other.bin", b"nothing of the kind");
    let (code, out, error) =
        tokio::task::block_in_place(|| run(&place, &["import", "--user", "ann", &other, "/no/such/file", &path]));
    assert!(code != 0 && out.contains("known are: ") && out.contains("No such file"), "{out}{error}");
    assert!(out.contains("2 conversations known already"), "the sound one is taken in all the same: {out}");
    let imports = ann.get("/api/chat-history/imports").await.ok();
    assert_eq!(imports["imports"][2]["status"], json!("completed"), "{imports}");
    server.stop().await;
}

async fn memories_of_other_tools_and_our_own_export_become_memories(engine: Engine) {
    let mut server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let bucket = ann.bucket("Work").await;
    ann.post("/api/memory", json!({"text": "Ann's desk is by the window", "bucketId": bucket})).await.ok();
    let place = server.place.take().expect("its own");
    let ours = file(&place, "ours.json", ann.get("/api/export").await.text.as_bytes());
    let csv = file(&place, "ours.csv", ann.get("/api/export?format=csv").await.text.as_bytes());
    let mem0 =
        json!({"results": [{"id": "1", "memory": "Likes tea", "user_id": "u", "created_at": "2025-01-02T03:04:05Z"}]});
    let mem0 = file(&place, "mem0.json", mem0.to_string().as_bytes());
    let taken = tokio::task::block_in_place(|| run(&place, &["import", "--user", "bob", &ours, &csv, &mem0]));
    assert_eq!(taken.0, 0, "{taken:?}");
    let mut texts = bob.texts().await;
    texts.sort_unstable();
    assert_eq!(texts, ["Ann's desk is by the window", "Likes tea"], "{taken:?}");
    let buckets = bob.get("/api/buckets").await.text;
    assert!(contains(buckets.as_bytes(), "Work"), "{buckets}");
    server.stop().await;
}

/// Lines of a session of Claude Code.
fn session(said: &[&str]) -> String {
    let line = |(place, text): (usize, &&str)| {
        let kind = if place % 2 == 0 { "user" } else { "assistant" };
        let parent = place.checked_sub(1).map(|parent| format!("u{parent}"));
        let line = json!({
            "type": kind, "uuid": format!("u{place}"), "parentUuid": parent, "sessionId": "s1", "cwd": "/home/ann/tiles",
            "isSidechain": false, "timestamp": format!("2026-03-04T05:06:{place:02}.000Z"), "version": "2.0.0",
            "message": {"role": kind, "content": [{"type": "text", "text": text}]},
        });
        format!("{line}\n")
    };
    said.iter().enumerate().map(line).collect()
}

async fn sessions_of_coding_agents_are_followed(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let place = server.place.take().expect("its own");
    let folder = place.folder.path().join("home/.claude/projects/-home-ann-tiles");
    std::fs::create_dir_all(&folder).expect("made");
    let file = folder.join("s1.jsonl");
    std::fs::write(&file, session(&["Make the tiles blue", "The tiles are blue now."])).expect("written");
    std::fs::write(folder.join("other.jsonl"), "{\"nothing\": 1}\n").expect("written");
    let mut watching = crate::harness::command(&place, &["watch", "--every", "1", "--user", "ann"]);
    let mut watching = watching.stdout(std::process::Stdio::null()).spawn().expect("it starts");
    let until = async |query: &str| {
        let begun = Instant::now();
        while found(&ann, query).await.is_empty() {
            assert!(begun.elapsed() < Duration::from_mins(1), "nothing is found of: {query}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    until("blue tiles").await;
    let more = session(&["Make the tiles blue", "The tiles are blue now.", "And the umbrella?", "It is red."]);
    std::fs::write(&file, &more).expect("written");
    until("umbrella").await;
    watching.kill().expect("killed");
    watching.wait().expect("ended");
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 1}));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), more, "it is only read");
    // Codex compresses sessions that are some days old.
    let old = session(&["Where is the kayak?", "In the shed."]).replace("\"s1\"", "\"s2\"");
    let old = ruzstd::encoding::compress_to_vec(old.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    std::fs::write(folder.join("s2.jsonl.zst"), old).expect("written");
    let once = tokio::task::block_in_place(|| run(&place, &["watch", "--once", "--user", "ann"]));
    assert_eq!((once.0, ann.get("/api/chat-history/count").await.ok()), (0, json!({"count": 2})), "{once:?}");
    assert!(!found(&ann, "kayak").await.is_empty());
    // What was deleted stays so, until somebody imports it.
    let preview = json!({"all": true, "dryRun": true});
    let preview = ann.post("/api/chat-history/delete-by-filter", preview).await.ok();
    let confirmed = json!({"all": true, "confirmationToken": preview["confirmationToken"]});
    assert_eq!(ann.post("/api/chat-history/delete-by-filter", confirmed).await.ok()["deleted"], json!(2));
    tokio::task::block_in_place(|| run(&place, &["watch", "--once", "--user", "ann"]));
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 0}));
    let folder = folder.display().to_string();
    let imported = tokio::task::block_in_place(|| run(&place, &["import", "--user", "ann", &folder]));
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 2}), "{imported:?}");
    let nowhere = tokio::task::block_in_place(|| run(&place, &["watch", "--once", "--user", "ann", "/no/such"]));
    assert_eq!(nowhere.0, 2, "{nowhere:?}");
    server.stop().await;
}
