//! Several processes on the same data, all at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::stdio::Pipes;
use crate::harness::{Engine, Place, Program, on_both_engines};

on_both_engines!(three_processes_and_a_server_lose_nothing_and_never_fail);

const FOR: Duration = Duration::from_secs(30);

/// Words that no two writers share.
fn word(writer: usize, number: usize) -> String {
    format!("w{writer}x{number}")
}

/// Writes, searches for what it wrote, and deletes every third; what it left.
fn work(mut stdio: Pipes, writer: usize, until: Instant) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    let mut number = 0;
    while Instant::now() < until {
        let text = format!("{} is remembered", word(writer, number));
        let id = stdio.call("store_memory", &json!({"text": text}))["memoryId"].clone();
        assert_eq!(stdio.search(&word(writer, number)).first(), Some(&text), "found at once");
        if number % 3 == 0 {
            assert_eq!(stdio.call("delete_memories", &json!({"memoryIds": [id]}))["deleted"], json!(1));
            assert!(!stdio.search(&word(writer, number)).contains(&text), "gone at once");
        } else {
            left.insert(text);
        }
        number += 1;
    }
    assert_eq!(stdio.end(), Some(0));
    left
}

async fn three_processes_and_a_server_lose_nothing_and_never_fail(engine: Engine) {
    let place = Place::new(engine).await;
    let server = Program::serve(&place, &[]);
    let until = Instant::now() + FOR;
    let workers: Vec<_> = (0..3)
        .map(|writer| {
            let stdio = Pipes::start(&place, &[], &[]);
            std::thread::spawn(move || work(stdio, writer, until))
        })
        .collect();
    let ann = server.user();
    let mut left = BTreeSet::new();
    let mut number = 0;
    while Instant::now() < until {
        let text = format!("{} is remembered", word(9, number));
        ann.remember(&text).await;
        let found = ann.get(&format!("/api/memory?query={}", word(9, number))).await.ok();
        assert_eq!(found[0], json!(text));
        left.insert(text);
        number += 1;
    }
    for worker in workers {
        left.extend(worker.join().expect("no worker failed"));
    }
    assert_eq!(ann.texts().await.into_iter().collect::<BTreeSet<_>>(), left);
    let mut last = Pipes::start(&place, &[], &[]);
    for text in left.iter().step_by(left.len().div_ceil(20)) {
        let word = text.split(' ').next().expect("a word");
        assert!(last.search(word).contains(text), "{text}");
        let found = ann.get(&format!("/api/memory?query={word}")).await.ok();
        assert!(found.as_array().expect("a list").contains(&json!(text)), "{text}");
    }
}
