//! The overview: numbers that are true.

use commonplace::auth::{Caller, Scope, Scopes, ops as auth};
use commonplace::clock::Micros;
use commonplace::error::Error;
use commonplace::history::find::{self, Question, Within};
use commonplace::history::import::{Conversation, Message, Role};
use commonplace::history::ops::{self as chats, Incoming};
use commonplace::memory::ops::{self, Find};
use commonplace::overview::usage::{self, Day, Kind};
use commonplace::overview::{self, Began, Snapshot, Source};
use serde_json::json;

use super::person;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    what_is_stored_is_counted,
    growth_is_told_by_the_day,
    searches_are_counted_by_the_day_and_kept,
    what_was_counted_goes_with_its_account_and_its_time,
    an_overview_looks_back_for_a_year_at_most,
);

fn conversation(id: &str, created_at: &str) -> Incoming {
    let message = |place: usize| Message {
        id: format!("{id}-{place}"),
        role: Role::Human,
        text: format!("What of rye {place}?"),
        created_at: Micros::parse(created_at),
    };
    let at = Micros::parse(created_at);
    let messages = (0..2).map(message).collect();
    let title = id.to_owned();
    Incoming {
        platform: "chatgpt".to_owned(),
        conversation: Conversation { id: id.to_owned(), title, created_at: at, updated_at: at, messages },
        is_whole: true,
        import: None,
        is_automatic: false,
    }
}

async fn seen(server: &Server, caller: &Caller, days: i64) -> Snapshot {
    overview::snapshot(&server.app, caller, days, 1).await.expect("numbers")
}

async fn what_is_stored_is_counted(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let (bob, bobs) = person(&server, "bob").await;
    let file = json!([
        {"text": "One", "source": "a", "bucket": "Work"},
        {"text": "Two", "source": "a"},
        {"text": "Three"},
        {"text": "Four"},
    ]);
    ann.post("/api/import", file).await.ok();
    ann.delete(&format!("/api/memories/{}", ann.ids().await["Four"])).await.ok();
    bob.remember("Five").await;
    let batch = vec![conversation("c1", "2025-01-01"), conversation("c2", "2025-01-02")];
    chats::ingest(&server.app, &caller, batch, true).await.expect("taken in");
    let stored = seen(&server, &caller, 1).await.stored;
    assert_eq!((stored.memories, stored.buckets, stored.trashed_memories), (3, 2, 1));
    assert_eq!((stored.conversations(), stored.messages(), stored.trashed_conversations), (2, 4, 0));
    let source = |name: Option<&str>, memories| Source { name: name.map(str::to_owned), memories };
    assert_eq!(stored.sources, [source(Some("a"), 2), source(None, 1)]);
    assert!(stored.storage_bytes.is_some_and(|bytes| bytes > 10_000), "{:?}", stored.storage_bytes);
    assert_eq!(seen(&server, &bobs, 1).await.stored.memories, 1);

    let (secret, _) =
        auth::create_token(&server.app, caller.account, "r", Scopes::of(&[Scope::Read]), None).await.expect("a token");
    let reader = auth::authenticate(&server.app, Some(&format!("Bearer {secret}"))).await.expect("a caller");
    let stored = seen(&server, &reader, 1).await.stored;
    assert_eq!((stored.memories, stored.storage_bytes), (3, None));
}

async fn growth_is_told_by_the_day(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let today = Micros(server.app.clock.now().0.div_euclid(Micros::DAY) * Micros::DAY);
    let day = |back: i64, micros: i64| Micros(today.plus_days(-back).0 + micros).rfc3339();
    let file = json!([
        {"text": "Too old", "createdAt": day(3, -1)},
        {"text": "First", "createdAt": day(2, 0)},
        {"text": "Second", "createdAt": day(2, Micros::DAY - 1)},
        {"text": "Third", "createdAt": day(0, 0)},
        {"text": "Before 1970", "createdAt": "1969-07-20"},
    ]);
    ann.post("/api/import", file).await.ok();
    chats::ingest(&server.app, &caller, vec![conversation("c1", &day(1, 5))], true).await.expect("taken in");
    let growth = seen(&server, &caller, 3).await.growth;
    let began = |back: i64, count| Began { day: today.plus_days(-back), count };
    assert_eq!((growth.memories_before, growth.memories), (2, vec![began(2, 2), began(0, 1)]));
    assert_eq!((growth.conversations_before, growth.conversations), (0, vec![began(1, 1)]));
}

async fn days(server: &Server, caller: &Caller) -> Vec<Day> {
    seen(server, caller, 2).await.usage
}

async fn searches_are_counted_by_the_day_and_kept(engine: Engine) {
    let mut server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let (_, bobs) = person(&server, "bob").await;
    ann.remember("Likes tea").await;
    for _ in 0..3 {
        ann.get("/api/memory?query=secretword").await.ok();
    }
    // A list is no search.
    ann.get("/api/memory").await.ok();
    let question = Question { query: "rye".to_owned(), budget: 600 };
    find::recall(&server.app, &caller, &[question], &Within::default()).await.expect("recalled");
    let counts = |days: &[Day]| days.iter().map(|day| (day.kind, day.count)).collect::<Vec<_>>();
    let today = days(&server, &caller).await;
    assert_eq!(counts(&today), [(Kind::Search, 3), (Kind::Recall, 1)]);
    for day in &today {
        assert!(day.p50 <= day.p95 && day.p95 <= day.slowest && day.mean <= day.slowest, "{day:?}");
    }
    assert_eq!(days(&server, &bobs).await, []);

    usage::store(&server.app).await.expect("stored");
    assert_eq!(days(&server, &caller).await, today);
    ann.get("/api/memory?query=tea").await.ok();
    usage::store(&server.app).await.expect("stored");
    server.app.clock.advance_days(1);
    ops::find(&server.app, &caller, Find { query: Some("tea".to_owned()), limit: 1, ..Find::default() })
        .await
        .expect("found");
    usage::store(&server.app).await.expect("stored");
    let place = server.place.take().expect("a place");
    server.stop().await;
    let again = Server::start_at(&place, &[]).await;
    again.app.clock.advance_days(1);
    assert_eq!(counts(&days(&again, &caller).await), [(Kind::Search, 4), (Kind::Recall, 1), (Kind::Search, 1)]);
    // Numbers alone are kept.
    for (path, bytes) in place.files() {
        assert!(!crate::harness::contains(&bytes, "secretword"), "{}", path.display());
    }
}

async fn what_was_counted_goes_with_its_account_and_its_time(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, anns) = person(&server, "ann").await;
    let (bob, bobs) = person(&server, "bob").await;
    for user in [&ann, &bob] {
        user.get("/api/memory?query=tea").await.ok();
    }
    auth::remove_account(&server.app, anns.account).await.expect("removed");
    // What is counted of an account that is gone is dropped, and keeps nothing from the others.
    usage::store(&server.app).await.expect("stored");
    assert_eq!(days(&server, &anns).await, []);
    assert_eq!(days(&server, &bobs).await.len(), 1);
    bob.get("/api/memory?query=tea").await.ok();
    usage::store(&server.app).await.expect("stored");
    auth::remove_account(&server.app, bobs.account).await.expect("removed");
    assert_eq!(days(&server, &bobs).await, []);

    let (cid, cids) = person(&server, "cid").await;
    cid.get("/api/memory?query=tea").await.ok();
    usage::store(&server.app).await.expect("stored");
    server.app.clock.advance_days(overview::MOST_DAYS);
    assert_eq!(seen(&server, &cids, overview::MOST_DAYS).await.usage, []);
    usage::store(&server.app).await.expect("stored");
    server.app.clock.advance_days(-1);
    assert_eq!(seen(&server, &cids, overview::MOST_DAYS).await.usage, []);
}

async fn an_overview_looks_back_for_a_year_at_most(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, caller) = person(&server, "ann").await;
    for days in [0, -1, overview::MOST_DAYS + 1, i64::MAX] {
        let refused = overview::snapshot(&server.app, &caller, days, 1).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
}
