//! SIGKILL of the real program while it takes conversations in.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{conversation, send};
use super::imports::{chatgpt, zipped};
use crate::harness::{Engine, Place, Program, Server, User, answer, command, contains, on_both_engines, run};

on_both_engines!(
    an_import_that_is_killed_and_run_again_ends_like_one_that_was_not,
    an_upload_that_is_killed_is_read_to_its_end_by_the_next_start,
    an_upload_that_is_killed_while_it_is_entered_leaves_no_file,
    a_crash_in_a_purge_leaves_all_or_nothing_of_it_and_the_next_start_erases,
);

/// Conversations of an export, more than are written in two transactions.
const COUNT: usize = 500;

/// Everything that can be read of the history, without ids and imports.
async fn state(user: &User) -> Vec<Value> {
    let mut chats = Vec::new();
    for page in 1.. {
        let items = user.get(&format!("/api/chat-history/chats?pageSize=100&page={page}")).await.ok()["items"].clone();
        match items.as_array().expect("a list") {
            items if items.is_empty() => break,
            items => chats.extend_from_slice(items),
        }
    }
    let mut all = Vec::new();
    for chat in &chats {
        let id = chat["id"].as_str().expect("an id");
        let read = user.get(&format!("/api/chat-history/conversation?conversationId={id}")).await.ok();
        // Asking for each takes long.
        let is_asked = chat["title"].as_str().is_some_and(|title| title.ends_with('7'));
        let query = if is_asked { &chat["title"] } else { &json!("") };
        let found = user.post("/api/chat-history/search", json!({"query": query, "limit": 100})).await.ok();
        let mut texts: Vec<&str> = found["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["text"].as_str().expect("a text"))
            .collect();
        texts.sort_unstable();
        all.push(json!([read["platformConversationId"], read["title"], read["messages"], texts]));
    }
    all.sort_by_key(ToString::to_string);
    all
}

/// Three batches of conversations, each with words of its own.
fn export() -> Vec<u8> {
    let one = |number| {
        let said = format!("All about subject{number} at some length.");
        chatgpt(&format!("c{number}"), &format!("subject{number}"), &["What of it?", &said])
    };
    let all: Vec<Value> = (0..COUNT).map(one).collect();
    zipped(&[("conversations.json", &serde_json::to_vec(&all).expect("JSON"))])
}

async fn an_import_that_is_killed_and_run_again_ends_like_one_that_was_not(engine: Engine) {
    let mut server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let place = server.place.take().expect("its own");
    server.stop().await;
    let path = place.folder.path().join("export.zip");
    std::fs::write(&path, export()).expect("written");
    let path = path.display().to_string();
    let (code, out, error) = run(&place, &["import", "--user", "bob", &path]);
    assert_eq!(code, 0, "{out}{error}");
    for points in ["history:written", "history:written,history:written", "history:committed,history:written"] {
        killed(&place, &["import", "--user", "ann", &path], points);
        let (code, out, _) = run(&place, &["doctor"]);
        assert_eq!(code, 0, "after a crash at {points}: {out}");
    }
    let (code, out, error) = run(&place, &["import", "--user", "ann", &path]);
    assert!(code == 0 && out.contains("known already"), "{out}{error}");
    let program = Program::serve(&place, &[]);
    let (ann, bob) = (program.with_token(&ann.token), program.with_token(&bob.token));
    let all = state(&bob).await;
    assert_eq!(all.len(), COUNT);
    assert_eq!(state(&ann).await, all);
}

/// Runs the program until it gets to a point, and kills it there.
fn killed(place: &Place, arguments: &[&str], points: &str) {
    let mut command = command(place, arguments);
    let mut child = command
        .env("COMMONPLACE_FAILPOINT", points)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let is_there = |line: std::io::Result<String>| line.is_ok_and(|line| line.contains("reached"));
    assert!(std::io::BufRead::lines(said).any(is_there), "it never got to {points}");
    child.kill().expect("killed");
    child.wait().expect("ended");
}

async fn an_upload_that_is_killed_while_it_is_entered_leaves_no_file(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let place = server.place.take().expect("its own");
    server.stop().await;
    let program = Program::serve(&place, &[("COMMONPLACE_FAILPOINT", "upload:entered")]);
    let user = program.with_token(&ann.token);
    let request = tokio::spawn(user.request(reqwest::Method::POST, "/api/chat-history/import").body(export()).send());
    tokio::task::block_in_place(|| program.wait_for("failpoint upload:entered reached"));
    assert_eq!(uploads(&place), 1);
    program.kill();
    request.await.expect("sent").expect_err("an answer came from a killed program");
    let _program = Program::serve(&place, &[]);
    let begun = Instant::now();
    while uploads(&place) > 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "the file stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many files of uploads there are.
fn uploads(place: &Place) -> usize {
    std::fs::read_dir(place.folder.path().join("uploads")).map_or(0, Iterator::count)
}

async fn a_crash_in_a_purge_leaves_all_or_nothing_of_it_and_the_next_start_erases(engine: Engine) {
    let points = [("history:deleted", false), ("delete:committed", true), ("erase:walked", true)];
    for (point, is_gone) in points.into_iter().filter(|(point, _)| engine == Engine::Sqlite || *point != "erase:walked")
    {
        let mut server = Server::start(engine).await;
        let ann = server.user("ann").await;
        let mut ids = Vec::new();
        for word in ["quuxzyx", "kept"] {
            let sent =
                send(&ann, "claude", conversation(word, word, &[&format!("What of {word}?"), "It is said."])).await;
            ids.push(sent["conversationId"].clone());
        }
        let before = state(&ann).await;
        let place = server.place.take().expect("its own");
        server.stop().await;
        let program = Program::serve(&place, &[("COMMONPLACE_FAILPOINT", point)]);
        let user = program.with_token(&ann.token);
        let request = user.request(reqwest::Method::DELETE, "/api/chat-history/chats?purge=true");
        let request = tokio::spawn(request.json(&json!({"ids": [ids[0]]})).send());
        tokio::task::block_in_place(|| program.wait_for(&format!("failpoint {point} reached")));
        program.kill();
        request.await.expect("sent").expect_err("an answer came from a killed program");
        let program = Program::serve(&place, &[]);
        let user = program.with_token(&ann.token);
        let after = state(&user).await;
        if is_gone {
            tokio::task::block_in_place(|| program.wait_for("finished the erasure"));
            assert_eq!(after.len(), 1, "after a crash at {point}");
            for (file, bytes) in place.files() {
                assert!(!contains(&bytes, "quuxzyx"), "after a crash at {point} it is in {}", file.display());
            }
        } else {
            assert_eq!(after, before, "after a crash at {point}");
        }
        let deletions = user.get("/api/deletions").await.ok();
        assert_eq!(deletions["total"], json!(i32::from(is_gone)), "after a crash at {point}");
        let (code, out, _) = run(&place, &["doctor"]);
        assert_eq!(code, 0, "after a crash at {point}: {out}");
    }
}

async fn an_upload_that_is_killed_is_read_to_its_end_by_the_next_start(engine: Engine) {
    let mut server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let place = server.place.take().expect("its own");
    server.stop().await;
    let program = Program::serve(&place, &[("COMMONPLACE_FAILPOINT", "history:committed,history:written")]);
    let user = program.with_token(&ann.token);
    let request = user.request(reqwest::Method::POST, "/api/chat-history/import");
    let import = answer(request.body(export())).await.json();
    tokio::task::block_in_place(|| program.wait_for("failpoint history:written reached"));
    program.kill();
    let program = Program::serve(&place, &[]);
    let user = program.with_token(&ann.token);
    let path = format!("/api/chat-history/imports/{}/events", import["importId"].as_str().expect("an id"));
    user.get(&path).await;
    let import = user.get(path.trim_end_matches("/events")).await.ok();
    assert_eq!((&import["status"], &import["attempts"]), (&json!("completed"), &json!(2)), "{import}");
    assert_eq!(import["conversations"]["new"], json!(COUNT), "what the first attempt wrote is new by this import");
    assert_eq!(state(&user).await.len(), COUNT);
    assert_eq!(uploads(&place), 0, "the file is gone");
}
