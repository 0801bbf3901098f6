//! Codes and tokens: what works, for how long, and what ends it.

use commonplace::clock::Micros;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::person::{Client, call, refusal, token};
use crate::browser::Browser;
use crate::harness::{Engine, Server, User, on_both_engines, run};

on_both_engines!(
    a_client_uses_what_it_was_allowed,
    a_code_is_for_one_client_one_redirect_one_verifier_and_one_minute,
    a_code_that_is_used_twice_ends_what_came_of_it,
    a_refresh_token_is_replaced_and_the_one_before_works_for_a_moment,
    a_refresh_token_that_is_used_again_later_ends_the_grant,
    clients_that_refresh_at_once_all_get_tokens,
    tokens_expire,
    a_token_of_another_audience_is_refused,
    a_grant_to_read_does_not_write,
    a_revoked_token_ends_its_grant,
    grants_are_listed_and_ended_by_their_owner_alone,
    oauth_tokens_are_for_mcp_alone,
    a_removed_user_has_no_grants,
    receipts_name_the_client,
    the_token_endpoint_refuses_what_it_does_not_know,
    what_has_expired_is_removed,
);

struct Story {
    server: Server,
    ann: User,
    browser: Browser,
    client: Client,
}

impl Story {
    async fn begin(engine: Engine) -> Self {
        let server = Server::start(engine).await;
        let ann = server.user("ann").await;
        let browser = Browser::signed_in(&server, "ann").await;
        let client = Client::register(&server).await;
        Self { server, ann, browser, client }
    }

    async fn tokens(&mut self) -> (String, String) {
        let code = self.browser.allow(&self.client.query(&[])).await;
        let answer = self.client.exchange(&code, &[]).await;
        (token(&answer, "access_token"), token(&answer, "refresh_token"))
    }

    async fn works(&self, access: &str) -> bool {
        let answer = call(&self.server, access, "list_buckets", json!({})).await;
        match answer.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            _ => panic!("{answer:?}"),
        }
    }

    /// Lets time pass, in seconds.
    fn wait(&self, seconds: i64) {
        self.server.app.clock.advance(seconds * 1_000_000);
    }
}

async fn a_client_uses_what_it_was_allowed(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let code = story.browser.allow(&story.client.query(&[])).await;
    let answer = story.client.exchange(&code, &[]).await;
    let body = answer.ok();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(body["scope"], json!("read write"));
    let access = token(&answer, "access_token");
    let stored = call(&story.server, &access, "store_memory", json!({"text": "Ann likes tea"})).await.ok();
    assert_eq!(stored["result"]["structuredContent"]["isDuplicate"], json!(false), "{stored}");
    assert_eq!(story.ann.texts().await, ["Ann likes tea"]);
}

async fn a_code_is_for_one_client_one_redirect_one_verifier_and_one_minute(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let other = Client::register(&story.server).await;
    let code = story.browser.allow(&story.client.query(&[])).await;
    for changes in [
        [("client_id", other.id.as_str())],
        [("redirect_uri", "http://127.0.0.1:3999/other")],
        [("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx")],
        [("code", "cmpc_0000")],
    ] {
        let refused = story.client.exchange(&code, &changes).await;
        assert_eq!(refusal(&refused, 400), "invalid_grant", "{changes:?}");
    }
    let elsewhere = [("resource", "https://other.example/")];
    assert_eq!(refusal(&story.client.exchange(&code, &elsewhere).await, 400), "invalid_target");
    assert_eq!(refusal(&story.client.exchange(&code, &[("code_verifier", "")]).await, 400), "invalid_request");
    let unknown = [("client_id", "client_00000000000000000000000000000000")];
    assert_eq!(refusal(&story.client.exchange(&code, &unknown).await, 401), "invalid_client");
    story.client.exchange(&code, &[]).await.ok();
    let late = story.browser.allow(&story.client.query(&[])).await;
    story.wait(61);
    assert_eq!(refusal(&story.client.exchange(&late, &[]).await, 400), "invalid_grant");
}

async fn a_code_that_is_used_twice_ends_what_came_of_it(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let code = story.browser.allow(&story.client.query(&[])).await;
    let first = story.client.exchange(&code, &[]).await;
    let access = token(&first, "access_token");
    assert!(story.works(&access).await);
    assert_eq!(refusal(&story.client.exchange(&code, &[]).await, 400), "invalid_grant");
    assert!(!story.works(&access).await);
    let refresh = token(&first, "refresh_token");
    assert_eq!(refusal(&story.client.refresh(&refresh).await, 400), "invalid_grant");
}

async fn a_refresh_token_is_replaced_and_the_one_before_works_for_a_moment(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, refresh) = story.tokens().await;
    let second = story.client.refresh(&refresh).await;
    assert_ne!(token(&second, "refresh_token"), refresh);
    assert!(story.works(&token(&second, "access_token")).await);
    assert!(story.works(&access).await, "the access token before is not ended by refreshing");
    story.wait(20);
    let again = story.client.refresh(&refresh).await;
    assert!(story.works(&token(&again, "access_token")).await);
    let third = story.client.refresh(&token(&second, "refresh_token")).await;
    third.ok();
    let other = Client::register(&story.server).await;
    assert_eq!(refusal(&other.refresh(&token(&third, "refresh_token")).await, 400), "invalid_grant");
    assert_eq!(refusal(&story.client.refresh(&access).await, 400), "invalid_grant");
    assert!(story.works(&token(&third, "access_token")).await);
}

async fn a_refresh_token_that_is_used_again_later_ends_the_grant(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (_, refresh) = story.tokens().await;
    let second = story.client.refresh(&refresh).await;
    story.wait(31);
    assert_eq!(refusal(&story.client.refresh(&refresh).await, 400), "invalid_grant");
    assert!(!story.works(&token(&second, "access_token")).await);
    assert_eq!(refusal(&story.client.refresh(&token(&second, "refresh_token")).await, 400), "invalid_grant");
    assert_eq!(story.ann.get("/api/grants").await.ok()["grants"], json!([]));
}

async fn clients_that_refresh_at_once_all_get_tokens(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (_, refresh) = story.tokens().await;
    let answers = futures_util::future::join_all((0..8).map(|_| story.client.refresh(&refresh))).await;
    for answer in answers {
        assert!(story.works(&token(&answer, "access_token")).await);
        story.client.refresh(&token(&answer, "refresh_token")).await.ok();
    }
}

async fn tokens_expire(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, refresh) = story.tokens().await;
    story.wait(3_599);
    assert!(story.works(&access).await);
    story.wait(2);
    assert!(!story.works(&access).await);
    let second = story.client.refresh(&refresh).await;
    story.server.app.clock.advance(91 * Micros::DAY);
    let expired = story.client.refresh(&token(&second, "refresh_token")).await;
    assert_eq!(refusal(&expired, 400), "invalid_grant");
}

async fn a_token_of_another_audience_is_refused(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, refresh) = story.tokens().await;
    let place = story.server.place.as_ref().expect("a place");
    let mut moved = Server::start_at(place, &[("public_url", "https://memory.example")]).await;
    let refused = call(&moved, &access, "list_buckets", json!({})).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.header("www-authenticate").is_some_and(|told| told.contains("https://memory.example/")));
    let answer = story.client.refresh(&refresh).await;
    answer.ok();
    let mut there = Client::register(&moved).await;
    there.id.clone_from(&story.client.id);
    assert_eq!(refusal(&there.refresh(&token(&answer, "refresh_token")).await, 400), "invalid_grant");
    assert!(story.works(&access).await);
    moved.stop().await;
}

async fn a_grant_to_read_does_not_write(engine: Engine) {
    let mut story = Story::begin(engine).await;
    for (query, extra) in [
        (story.client.query(&[]), &[("decision", "allow")][..]),
        (story.client.query(&[("scope", "read")]), &[("decision", "allow"), ("may_write", "yes")]),
    ] {
        let sent = story.browser.decide(&query, extra).await;
        let answer = story.client.exchange(&sent.params["code"], &[]).await;
        assert_eq!(answer.ok()["scope"], json!("read"));
        let access = token(&answer, "access_token");
        assert!(story.works(&access).await);
        for (tool, arguments) in [("store_memory", json!({"text": "x"})), ("delete_memories", json!({"memoryIds": []}))]
        {
            let refused = call(&story.server, &access, tool, arguments).await;
            refused.error(403);
            let told = refused.header("www-authenticate").expect("a challenge");
            assert!(told.contains("error=\"insufficient_scope\"") && told.contains("scope=\"read write\""), "{told}");
        }
    }
    assert_eq!(story.ann.texts().await, Vec::<String>::new());
    // Nobody who holds an API token is asked again, so the model is told instead.
    let place = story.server.place.as_ref().expect("a place");
    let (_, read_only, _) = run(place, &["token", "create", "reader", "--scope", "read", "--user", "ann"]);
    let told = call(&story.server, read_only.trim(), "store_memory", json!({"text": "x"})).await.ok();
    assert_eq!(told["result"]["isError"], json!(true), "{told}");
}

async fn a_revoked_token_ends_its_grant(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, refresh) = story.tokens().await;
    let revoke = async |token: &str| {
        let answer =
            story.client.post("/oauth/revoke", &[("token", token), ("client_id", story.client.id.as_str())]).await;
        assert_eq!(answer.status, StatusCode::OK);
    };
    revoke("cmpr_unknown").await;
    assert!(story.works(&access).await);
    revoke(&refresh).await;
    assert!(!story.works(&access).await);
    revoke(&refresh).await;
    assert_eq!(refusal(&story.client.post("/oauth/revoke", &[]).await, 400), "invalid_request");
}

async fn grants_are_listed_and_ended_by_their_owner_alone(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (first, _) = story.tokens().await;
    let (second, _) = story.tokens().await;
    let bob = story.server.user("bob").await;
    let grants = story.ann.get("/api/grants").await.ok()["grants"].clone();
    let ids: Vec<&str> = grants.as_array().expect("a list").iter().filter_map(|grant| grant["id"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(grants[0]["clientName"], json!("Test <client>"));
    assert_eq!(bob.get("/api/grants").await.ok()["grants"], json!([]));
    bob.delete(&format!("/api/grants/{}", ids[0])).await.error(404);
    assert!(story.works(&first).await);
    story.ann.delete(&format!("/api/grants/{}", ids[0])).await.ok();
    story.ann.delete(&format!("/api/grants/{}", ids[0])).await.error(404);
    assert!(!story.works(&first).await && story.works(&second).await);
    let place = story.server.place.as_ref().expect("a place");
    let (code, listed, _) = run(place, &["grant", "list", "--user", "ann"]);
    assert!(code == 0 && listed.contains(ids[1]) && listed.contains("Test <client>"), "{listed}");
    assert_eq!(run(place, &["grant", "revoke", ids[1], "--user", "bob"]).0, 4);
    assert_eq!(run(place, &["grant", "revoke", ids[1], "--user", "ann"]).0, 0);
    assert!(!story.works(&second).await);
    let (_, reader, _) = run(place, &["token", "create", "writer", "--scope", "read,write", "--user", "ann"]);
    story.server.with_token(reader.trim()).get("/api/grants").await.error(403);
}

async fn oauth_tokens_are_for_mcp_alone(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, refresh) = story.tokens().await;
    for token in [&access, &refresh] {
        story.server.with_token(token).get("/api/memory").await.error(401);
    }
    assert!(!story.works(&refresh).await, "a refresh token is no access token");
}

async fn a_removed_user_has_no_grants(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, refresh) = story.tokens().await;
    let place = story.server.place.as_ref().expect("a place");
    let (code, _, why) = run(place, &["user", "remove", "ann", "--yes"]);
    assert_eq!(code, 0, "{why}");
    assert!(!story.works(&access).await);
    assert_eq!(refusal(&story.client.refresh(&refresh).await, 400), "invalid_grant");
    assert!(story.browser.get("/sign-in").await.text.contains("name=\"password\""));
}

async fn receipts_name_the_client(engine: Engine) {
    let mut story = Story::begin(engine).await;
    let (access, _) = story.tokens().await;
    let id = story.ann.remember("to be forgotten").await;
    let deleted = call(&story.server, &access, "delete_memories", json!({"memoryIds": [id]})).await.ok();
    let receipt: &Value = &deleted["result"]["structuredContent"]["receipt"];
    let receipt = receipt.as_str().expect("a receipt");
    let told = story.ann.get(&format!("/api/deletions/{receipt}")).await.ok();
    assert_eq!((&told["tokenName"], &told["deleted"]), (&json!("Test <client>"), &json!(1)));
}

async fn the_token_endpoint_refuses_what_it_does_not_know(engine: Engine) {
    let story = Story::begin(engine).await;
    let id = story.client.id.as_str();
    for (fields, error) in [
        (vec![], "invalid_request"),
        (vec![("client_id", id)], "invalid_request"),
        (vec![("client_id", id), ("grant_type", "password")], "unsupported_grant_type"),
        (vec![("client_id", id), ("grant_type", "client_credentials")], "unsupported_grant_type"),
        (vec![("client_id", id), ("client_id", id), ("grant_type", "refresh_token")], "invalid_request"),
        (vec![("client_id", id), ("grant_type", "refresh_token"), ("refresh_token", "\0")], "invalid_grant"),
    ] {
        assert_eq!(refusal(&story.client.post("/oauth/token", &fields).await, 400), error, "{fields:?}");
    }
    let json = crate::harness::client().post(format!("{}/oauth/token", story.server.url)).json(&json!({}));
    assert_eq!(refusal(&crate::harness::answer(json).await, 415), "invalid_request");
}

async fn what_has_expired_is_removed(engine: Engine) {
    let mut story = Story::begin(engine).await;
    story.tokens().await;
    // A code that nobody exchanges leaves nothing either.
    story.browser.allow(&story.client.query(&[])).await;
    story.wait(720);
    commonplace::auth::oauth::tokens::tidy(&story.server.app).await.expect("tidied");
    let grants = story.ann.get("/api/grants").await.ok()["grants"].clone();
    assert_eq!(grants.as_array().map(Vec::len), Some(1));
    story.server.app.clock.advance(91 * Micros::DAY);
    commonplace::auth::oauth::tokens::tidy(&story.server.app).await.expect("tidied");
    assert_eq!(story.ann.get("/api/grants").await.ok()["grants"], json!([]));
}
