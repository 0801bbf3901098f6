//! Looking after what there is: duplicates, buckets, versions, tokens.

use commonplace::auth::{Caller, Scope, Scopes, ops as auth, own};
use commonplace::bucket;
use commonplace::error::Error;
use commonplace::id::BucketId;
use commonplace::memory::{duplicates, ops};
use serde_json::json;

use super::person;
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    memories_that_say_the_same_are_grouped,
    duplicates_are_ones_own_and_those_that_are_there,
    duplicates_are_compared_one_account_at_a_time,
    a_bucket_is_merged_into_another,
    a_merge_that_can_not_be_is_refused_and_changes_nothing,
    of_two_merges_that_cross_nothing_is_lost,
    an_older_version_is_restored_as_a_change,
    a_version_of_another_memory_or_account_is_not_restored,
    a_token_is_made_used_and_revoked_by_its_owner,
    a_token_is_never_given_more_than_its_maker_has,
);

async fn groups(server: &Server, caller: &Caller) -> Vec<(bool, Vec<String>)> {
    let found = duplicates::find(&server.app, caller).await.expect("compared");
    assert_eq!(found.total, found.groups.len());
    let group = |group: duplicates::Group| {
        let mut texts: Vec<String> = group.memories.into_iter().map(|memory| memory.text).collect();
        texts.sort();
        (group.is_exact, texts)
    };
    found.groups.into_iter().map(group).collect()
}

async fn memories_that_say_the_same_are_grouped(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let file = json!([
        {"text": "Uses tabs for indentation in Rust", "bucket": "Work"},
        {"text": "2026-07-26 Uses tabs for indentation in Rust", "bucket": "Home"},
        {"text": "The dog is called Rex and is six years old"},
        {"text": "The dog is called Rex, and is six years old!"},
        {"text": "Drinks her coffee without milk or sugar"},
        {"text": "Lives in a flat above the harbour in Lisbon"},
    ]);
    ann.post("/api/import", file).await.ok();
    let tabs = ["2026-07-26 Uses tabs for indentation in Rust", "Uses tabs for indentation in Rust"];
    let dog = ["The dog is called Rex and is six years old", "The dog is called Rex, and is six years old!"];
    let expected = [(true, tabs.map(str::to_owned).to_vec()), (false, dog.map(str::to_owned).to_vec())];
    assert_eq!(groups(&server, &caller).await, expected);
}

async fn duplicates_are_compared_one_account_at_a_time(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    ann.remember("One").await;
    let turn = server.app.search.turn_to_compare().expect("nobody compares");
    let refused = duplicates::find(&server.app, &caller).await;
    assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    drop(turn);
    assert_eq!(duplicates::find(&server.app, &caller).await.expect("compared").compared, 1);
}

async fn duplicates_are_ones_own_and_those_that_are_there(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, anns) = person(&server, "ann").await;
    let (bob, bobs) = person(&server, "bob").await;
    ann.remember("The dog is called Rex").await;
    bob.remember("The dog is called Rex").await;
    assert_eq!(groups(&server, &anns).await, []);
    bob.bucket("Work").await;
    bob.post("/api/import", json!([{"text": "The dog is called Rex", "bucket": "Work"}])).await.ok();
    assert_eq!(groups(&server, &bobs).await.len(), 1);
    assert_eq!(groups(&server, &anns).await, []);
    let id = bob.ids().await["The dog is called Rex"].clone();
    bob.delete(&format!("/api/memories/{id}")).await.ok();
    assert_eq!(groups(&server, &bobs).await, []);
}

async fn buckets(user: &User) -> Vec<(String, i64)> {
    let all = user.get("/api/buckets").await.ok();
    let bucket = |one: &serde_json::Value| {
        (one["name"].as_str().expect("a name").to_owned(), one["memoryCount"].as_i64().expect("a count"))
    };
    all.as_array().expect("a list").iter().map(bucket).collect()
}

async fn made(user: &User, name: &str) -> BucketId {
    BucketId::parse(&user.bucket(name).await).expect("an id")
}

async fn a_bucket_is_merged_into_another(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let (work, home) = (made(&ann, "Work").await, made(&ann, "Home").await);
    let file = json!([{"text": "One", "bucket": "Work"}, {"text": "Two", "bucket": "Work"}, {"text": "Three", "bucket": "Home"}]);
    ann.post("/api/import", file).await.ok();
    assert_eq!(bucket::ops::merge(&server.app, &caller, work, home).await.expect("merged"), 2);
    assert_eq!(buckets(&ann).await, [("General".to_owned(), 0), ("Home".to_owned(), 3)]);
    let found = ann.get(&format!("/api/memory?query=one&mode=lexical&bucketId={home}")).await.ok();
    assert_eq!(found, json!(["One"]));
    let memory = ann.get(&format!("/api/memories/{}", ann.ids().await["One"])).await.ok();
    assert_eq!(memory["version"], json!(2));
    let general = bucket::ops::list(&server.app, &caller).await.expect("a list")[0].id;
    assert_eq!(bucket::ops::merge(&server.app, &caller, home, general).await.expect("merged"), 3);
    assert_eq!(buckets(&ann).await, [("General".to_owned(), 3)]);
    assert_eq!(bucket::ops::miscounted(&server.app).await.expect("counted"), 0);
}

async fn a_merge_that_can_not_be_is_refused_and_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let (bob, _) = person(&server, "bob").await;
    let (work, empty, theirs) = (made(&ann, "Work").await, made(&ann, "Empty").await, made(&bob, "Work").await);
    let general = bucket::ops::list(&server.app, &caller).await.expect("a list")[0].id;
    ann.post("/api/import", json!([{"text": "One", "bucket": "Work"}])).await.ok();
    let before = buckets(&ann).await;
    for (from, into, is_conflict) in [
        (work, work, true),
        (general, work, true),
        (work, theirs, false),
        (empty, theirs, false),
        (theirs, work, false),
        (empty, BucketId(1), false),
    ] {
        let refused = bucket::ops::merge(&server.app, &caller, from, into).await.expect_err("refused");
        assert_eq!(matches!(refused, Error::Conflict(_)), is_conflict, "{refused:?}");
        assert_eq!(matches!(refused, Error::NotFound(_)), !is_conflict, "{refused:?}");
    }
    assert_eq!(buckets(&ann).await, before);
    assert_eq!(buckets(&bob).await.len(), 2);
}

async fn of_two_merges_that_cross_nothing_is_lost(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let (work, home) = (made(&ann, "Work").await, made(&ann, "Home").await);
    ann.post("/api/import", json!([{"text": "One", "bucket": "Work"}, {"text": "Two", "bucket": "Home"}])).await.ok();
    let (one, two) = tokio::join!(
        bucket::ops::merge(&server.app, &caller, work, home),
        bucket::ops::merge(&server.app, &caller, home, work)
    );
    let refused = [one, two].into_iter().filter(|merged| matches!(merged, Err(Error::NotFound(_)))).count();
    assert_eq!(refused, 1);
    assert_eq!(buckets(&ann).await.into_iter().map(|(_, count)| count).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(bucket::ops::miscounted(&server.app).await.expect("counted"), 0);
}

async fn an_older_version_is_restored_as_a_change(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let id = ann.remember("Likes tea").await;
    for text in ["Likes coffee", "Likes water"] {
        ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": text})).await.ok();
    }
    assert_eq!(ops::restore_version(&server.app, &caller, &id, 1).await.expect("restored"), 4);
    let (memory, versions) = ops::get(&server.app, &caller, &id).await.expect("a memory");
    assert_eq!((memory.text.as_str(), memory.version), ("Likes tea", 4));
    let texts: Vec<&str> = versions.iter().map(|version| version.text.as_str()).collect();
    assert_eq!(texts, ["Likes tea", "Likes coffee", "Likes water"]);
    for (query, count) in [("tea", 1), ("water", 0)] {
        let found = ann.get(&format!("/api/memory?query={query}&mode=lexical")).await.ok();
        assert_eq!(found.as_array().map(Vec::len), Some(count), "{query}");
    }
    // It says that by now, so that nothing changes.
    assert_eq!(ops::restore_version(&server.app, &caller, &id, 1).await.expect("restored"), 4);
}

async fn a_version_of_another_memory_or_account_is_not_restored(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, anns) = person(&server, "ann").await;
    let (_, bobs) = person(&server, "bob").await;
    let id = ann.remember("Likes tea").await;
    ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": "Likes coffee"})).await.ok();
    let other = ann.remember("Plays chess").await;
    for (caller, id, version) in
        [(&bobs, id.as_str(), 1), (&anns, &other, 1), (&anns, &id, 2), (&anns, &id, 0), (&anns, "mem_x", 1)]
    {
        let refused = ops::restore_version(&server.app, caller, id, version).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{id} {version}: {refused:?}");
    }
    ann.delete(&format!("/api/memories/{id}")).await.ok();
    let refused = ops::restore_version(&server.app, &anns, &id, 1).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    assert_eq!(ann.texts().await, ["Plays chess"]);
}

async fn a_token_is_made_used_and_revoked_by_its_owner(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, anns) = person(&server, "ann").await;
    let (_, bobs) = person(&server, "bob").await;
    let end = server.app.clock.now().plus_days(1);
    let scopes = Scopes::of(&[Scope::Read]);
    let made = own::create_token(&server.app, &anns, " phone ", scopes.clone(), Some(end)).await;
    let (secret, token) = made.expect("a token");
    assert_eq!((token.name.as_str(), token.expires_at, &token.scopes), ("phone", Some(end), &scopes));
    assert_eq!(server.with_token(&secret).get("/api/buckets").await.status.as_u16(), 200);
    let names =
        |tokens: Vec<commonplace::auth::Token>| -> Vec<String> { tokens.into_iter().map(|token| token.name).collect() };
    assert_eq!(names(own::tokens(&server.app, &anns).await.expect("a list")), ["test", "phone"]);
    let refused = own::revoke_token(&server.app, &bobs, &token.id).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    let refused = own::revoke_token(&server.app, &anns, "phone").await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    own::revoke_token(&server.app, &anns, &token.id).await.expect("revoked");
    assert_eq!(server.with_token(&secret).get("/api/buckets").await.status.as_u16(), 401);
    assert_eq!(names(own::tokens(&server.app, &anns).await.expect("a list")), ["test"]);
}

async fn a_token_is_never_given_more_than_its_maker_has(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, ann) = person(&server, "ann").await;
    let limited = |scopes: &[Scope]| {
        let scopes = Scopes::of(scopes);
        let (app, account) = (server.app.clone(), ann.account);
        async move {
            let (secret, _) = auth::create_token(&app, account, "limited", scopes, None).await.expect("a token");
            auth::authenticate(&app, Some(&format!("Bearer {secret}"))).await.expect("a caller")
        }
    };
    for (caller, scopes) in [
        (limited(&[Scope::Read, Scope::Write]).await, Scopes::of(&[Scope::Read])),
        (limited(&[Scope::Admin]).await, Scopes::of(&[Scope::Admin, Scope::Read])),
    ] {
        let refused = own::create_token(&server.app, &caller, "more", scopes, None).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    let now = Some(server.app.clock.now());
    for (name, scopes, end) in [
        ("", Scopes::all(), None),
        ("x\ny", Scopes::all(), None),
        ("none", Scopes::of(&[]), None),
        ("over", Scopes::all(), now),
    ] {
        let refused = own::create_token(&server.app, &ann, name, scopes, end).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{name}: {refused:?}");
    }
    let made = own::tokens(&server.app, &ann).await.expect("a list").len();
    for number in made..own::MOST_TOKENS {
        own::create_token(&server.app, &ann, &number.to_string(), Scopes::all(), None).await.expect("a token");
    }
    let refused = own::create_token(&server.app, &ann, "one more", Scopes::all(), None).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}
