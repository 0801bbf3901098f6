//! Who may do what: tokens, their end, their scopes.

use std::collections::BTreeSet;
use std::time::Duration;

use commonplace::auth::{Token, ops};
use commonplace::id::AccountId;
use reqwest::Method;
use serde_json::{Value, json};

use super::wire::{Ids, Operation, operations};
use crate::harness::{Answer, Engine, Server, User, answer, on_both_engines};

on_both_engines!(
    every_refused_token_is_answered_alike,
    the_scheme_is_read_in_any_case,
    every_operation_needs_a_token,
    every_operation_needs_its_scope,
    a_token_ends_when_its_time_is_over,
    a_revoked_token_is_refused_at_once_everywhere,
    a_removed_account_is_refused,
    the_last_use_of_a_token_is_recorded,
);

const UNKNOWN: Ids<'_> = Ids {
    memory: "mem_0",
    trashed: "mem_1",
    bucket: "1",
    receipt: "del_0",
    grant: "grant_0",
    conversation: "conv_0",
    trashed_conversation: "conv_1",
    import: "imp_0",
};

async fn account(server: &Server, name: &str) -> AccountId {
    ops::account(&server.app, Some(name)).await.expect("the account").id
}

async fn token(server: &Server, account: AccountId, scopes: &str, days: Option<i64>) -> (User, Token) {
    let scopes = scopes.parse().expect("scopes");
    let expires_at = days.map(|days| server.app.clock.now().plus_days(days));
    let made = ops::create_token(&server.app, account, "extra", scopes, expires_at).await;
    let (secret, token) = made.expect("a new token");
    (server.with_token(&secret), token)
}

fn with_header(user: &User, value: &[u8]) -> reqwest::RequestBuilder {
    user.http.get(format!("{}/api/memory", user.url)).header("authorization", value)
}

async fn every_refused_token_is_answered_alike(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = account(&server, "ann").await;
    let (expired, _) = token(&server, id, "read", Some(1)).await;
    let (revoked, record) = token(&server, id, "read", None).await;
    ops::revoke_tokens(&server.app, id, &record.id).await.expect("revoked");
    server.app.clock.advance_days(1);

    let (head, last) = ann.token.split_at(ann.token.len() - 1);
    let wrong_secret = format!("{head}{}", if last == "0" { "1" } else { "0" });
    let secret = ann.token.rsplit('_').next().expect("a secret");
    let unknown = format!("cmpl_{}_{secret}", "0".repeat(16));
    let mut answers: Vec<Answer> = vec![answer(ann.http.get(format!("{}/api/memory", ann.url))).await];
    for value in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {}", ann.token),
        ann.token.clone(),
        format!("Bearer{}", ann.token),
        format!("Bearer {head}"),
        format!("Bearer {}0", ann.token),
        format!("Bearer {wrong_secret}"),
        format!("Bearer {unknown}"),
        format!("Bearer {}", ann.token.to_uppercase()),
        format!("Bearer {secret}"),
        "Bearer cmpl__".to_owned(),
        format!("Bearer {}", "x".repeat(5_000)),
        format!("Bearer {} {}", ann.token, ann.token),
        format!("Bearer {}", expired.token),
        format!("Bearer {}", revoked.token),
    ] {
        answers.push(answer(with_header(&ann, value.as_bytes())).await);
    }
    answers.push(answer(with_header(&ann, b"Bearer \xff\xfe")).await);
    // A token in the URL would end up in logs, so it is not taken there.
    let in_url = format!("{}/api/memory?token={}&access_token={}", ann.url, ann.token, ann.token);
    answers.push(answer(ann.http.get(in_url)).await);
    for refused in &answers {
        refused.error(401);
        assert_eq!(refused.text, answers[0].text);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"commonplace\""));
        assert_eq!(refused.headers.len(), answers[0].headers.len());
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(answers[0].text, @r#"
        {"error":"A valid API token is required: send the header 'Authorization: Bearer <token>'. Tokens are made with 'commonplace token create NAME'.","code":"unauthorized"}
        "#);
    }
    ann.get("/api/memory").await.ok();
}

async fn the_scheme_is_read_in_any_case(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        answer(with_header(&ann, format!("{scheme} {}", ann.token).as_bytes())).await.ok();
    }
}

/// Method and route of every operation that the server describes and guards.
async fn described(user: &User) -> BTreeSet<(String, String)> {
    let description = user.get("/openapi.json").await.ok();
    let mut found = BTreeSet::new();
    for (route, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("operations") {
            if operation["security"] != json!([]) {
                found.insert((method.to_uppercase(), route.clone()));
            }
        }
    }
    found
}

async fn every_operation_needs_a_token(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let operations = operations(&UNKNOWN);
    let name = |operation: &Operation| (operation.method.to_string(), operation.route.to_owned());
    assert_eq!(operations.iter().map(name).collect::<BTreeSet<_>>(), described(&ann).await);
    for operation in operations {
        operation.send(&server.with_token("cmpl_0")).await.error(401);
    }
    let open: Vec<Value> = vec![
        ann.http.get(format!("{}/healthz", ann.url)).send().await.expect("an answer").status().as_u16().into(),
        ann.http.get(format!("{}/readyz", ann.url)).send().await.expect("an answer").status().as_u16().into(),
        ann.http.get(format!("{}/openapi.json", ann.url)).send().await.expect("an answer").status().as_u16().into(),
        ann.http.get(format!("{}/docs", ann.url)).send().await.expect("an answer").status().as_u16().into(),
    ];
    assert_eq!(open, [200, 200, 200, 200]);
}

async fn every_operation_needs_its_scope(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = account(&server, "ann").await;
    ann.remember("Kept").await;
    let others = |scope: &str| match scope {
        "read" => "write,admin",
        "write" => "read,admin",
        _ => "read,write",
    };
    for operation in operations(&UNKNOWN) {
        let (without, _) = token(&server, id, others(operation.scope), None).await;
        let refused = operation.send(&without).await;
        let wanted = format!(
            "This needs a token with the scope '{}'; this one has '{}'.",
            operation.scope,
            others(operation.scope)
        );
        assert_eq!(refused.error(403), wanted, "{} {}", operation.method, operation.path);
    }
    // Nothing of what was refused has happened.
    assert_eq!(ann.texts().await, ["Kept"]);
    assert_eq!(ann.get("/api/buckets").await.ok().as_array().map(Vec::len), Some(1));
    assert_eq!(ann.get("/api/deletions").await.ok()["total"], json!(0));
    for operation in operations(&UNKNOWN) {
        let (with, _) = token(&server, id, operation.scope, None).await;
        let answer = operation.send(&with).await;
        let allowed = answer.status == 200 || answer.status == 202 || answer.status == 404;
        assert!(allowed, "{} {}: {answer:?}", operation.method, operation.path);
    }
}

async fn a_token_ends_when_its_time_is_over(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let id = account(&server, "ann").await;
    let (short, _) = token(&server, id, "read", Some(7)).await;
    let (past, _) = token(&server, id, "read", Some(0)).await;
    past.get("/api/memory").await.error(401);
    server.app.clock.advance_days(6);
    short.get("/api/memory").await.ok();
    server.app.clock.advance_days(1);
    short.get("/api/memory").await.error(401);
}

async fn a_revoked_token_is_refused_at_once_everywhere(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = account(&server, "ann").await;
    let (extra, _) = token(&server, id, "read,write", None).await;
    let mut second = Server::start_at(server.place.as_ref().expect("its data"), &[]).await;
    let there = second.with_token(&extra.token);
    there.get("/api/memory").await.ok();
    extra.get("/api/memory").await.ok();
    assert_eq!(ops::revoke_tokens(&server.app, id, "extra").await.expect("revoked"), 1);
    extra.get("/api/memory").await.error(401);
    there.get("/api/memory").await.error(401);
    ann.get("/api/memory").await.ok();
    second.stop().await;
}

async fn a_removed_account_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    ann.remember("Gone").await;
    bob.remember("Kept").await;
    ops::remove_account(&server.app, account(&server, "ann").await).await.expect("removed");
    for method in [Method::GET, Method::POST] {
        answer(ann.request(method, "/api/memory").json(&json!({"text": "x"}))).await.error(401);
    }
    assert_eq!(bob.texts().await, ["Kept"]);
    // One of the same name begins with nothing.
    assert!(server.user("ann").await.texts().await.is_empty());
}

async fn the_last_use_of_a_token_is_recorded(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = account(&server, "ann").await;
    let last_use = async || ops::tokens(&server.app, id).await.expect("tokens")[0].last_used_at;
    assert_eq!(last_use().await, None);
    for _ in 0..2 {
        let before = server.app.clock.now();
        ann.get("/api/memory").await.ok();
        // It is recorded beside the request, so it can come after the answer.
        let recorded = async {
            while last_use().await.is_none_or(|used| used < before) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), recorded).await.expect("it is recorded");
        server.app.clock.advance_days(1);
    }
    // A refused token is not used.
    let used = last_use().await;
    server.with_token(&ann.token[..ann.token.len() - 1]).get("/api/memory").await.error(401);
    assert_eq!(last_use().await, used);
}
