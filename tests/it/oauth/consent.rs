//! What a client asks of a person, and what becomes of bad requests.

use reqwest::StatusCode;
use serde_json::json;

use super::person::{Client, REDIRECT, refusal, register};
use crate::browser::{Browser, hidden, sent};
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    the_answer_has_code_state_and_issuer,
    a_person_signs_in_on_the_way,
    a_no_is_told_to_the_client,
    a_request_that_may_not_be_answered_is_shown_to_the_person,
    a_request_that_breaks_a_rule_is_told_to_the_client,
    a_form_of_another_site_decides_nothing,
    a_loopback_client_may_use_any_port,
    names_of_clients_are_text,
    nobody_is_led_to_the_web_by_a_bad_request,
);

async fn asked(server: &Server) -> (Browser, Client) {
    server.user("ann").await;
    (Browser::signed_in(server, "ann").await, Client::register(server).await)
}

async fn the_answer_has_code_state_and_issuer(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, client) = asked(&server).await;
    let sent = browser.decide(&client.query(&[]), &[("decision", "allow"), ("may_write", "yes")]).await;
    assert_eq!(sent.to, REDIRECT);
    assert_eq!(sent.params["state"], "a state & more");
    assert_eq!(sent.params["iss"], server.url);
    assert!(sent.params["code"].starts_with("cmpc_"));
    assert_eq!(sent.params.len(), 3);
}

async fn a_person_signs_in_on_the_way(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, client) = asked(&server).await;
    let mut browser = Browser::new(&server);
    let path = format!("/oauth/authorize?{}", client.query(&[]));
    let first = sent(&browser.get(&path).await);
    assert_eq!(first.to, "/sign-in");
    assert_eq!(first.params["next"], path);
    let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    let signed_in = browser.sign_in("ann", crate::browser::PASSWORD, &next).await;
    assert_eq!(signed_in.header("location"), Some(path.as_str()));
    assert_eq!(browser.get(&path).await.status, StatusCode::OK);
}

async fn a_no_is_told_to_the_client(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, client) = asked(&server).await;
    for answer in [&[("decision", "deny")][..], &[], &[("decision", "whatever")]] {
        let sent = browser.decide(&client.query(&[]), answer).await;
        assert_eq!(sent.params["error"], "access_denied");
        assert_eq!(sent.params["state"], "a state & more");
        assert_eq!(sent.params["iss"], server.url);
        assert!(!sent.params.contains_key("code"));
    }
}

async fn a_request_that_may_not_be_answered_is_shown_to_the_person(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, client) = asked(&server).await;
    for changes in [
        [("client_id", "client_00000000000000000000000000000000")],
        [("client_id", "client_\0")],
        [("client_id", "")],
        [("redirect_uri", "")],
        [("redirect_uri", "http://127.0.0.1:3999/other")],
        [("redirect_uri", "http://127.0.0.1:3999/callback/../x")],
        [("redirect_uri", "http://127.0.0.1:3999@evil.example/callback")],
        [("redirect_uri", "https://evil.example/callback")],
    ] {
        let path = format!("/oauth/authorize?{}", client.query(&changes));
        let page = browser.get(&path).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert!(page.header("location").is_none(), "{changes:?}");
        assert!(page.text.contains("role=\"alert\""));
    }
    let twice = format!("/oauth/authorize?{}&client_id=other", client.query(&[]));
    assert_eq!(browser.get(&twice).await.status, StatusCode::BAD_REQUEST);
}

async fn a_request_that_breaks_a_rule_is_told_to_the_client(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, client) = asked(&server).await;
    let long = "x".repeat(9_000);
    for (changes, error) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("response_type", "")], "invalid_request"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge_method", "")], "invalid_request"),
        ([("code_challenge", "")], "invalid_request"),
        ([("code_challenge", "tooshort")], "invalid_request"),
        ([("code_challenge", "dBjftJeZ4CVP+mB92K27uhbUJU1p1r/wW1gFWFOEjXk")], "invalid_request"),
        ([("resource", "https://other.example/api/mcp/mcp")], "invalid_target"),
        ([("scope", "admin")], "invalid_scope"),
        ([("state", long.as_str())], "invalid_request"),
    ] {
        let query = client.query(&changes);
        let sent = sent(&browser.get(&format!("/oauth/authorize?{query}")).await);
        assert_eq!((sent.to.as_str(), sent.params["error"].as_str()), (REDIRECT, error), "{changes:?}");
        assert_eq!(sent.params["iss"], server.url);
    }
    let twice = format!("/oauth/authorize?{}&scope=read", client.query(&[]));
    assert_eq!(sent(&browser.get(&twice).await).params["error"], "invalid_request");
    for resource in [format!("{}/api/mcp/mcp", server.url), format!("{}/", server.url), server.url.clone()] {
        let page = browser.get(&format!("/oauth/authorize?{}", client.query(&[("resource", &resource)]))).await;
        assert_eq!(page.status, StatusCode::OK, "{resource}");
    }
}

async fn a_form_of_another_site_decides_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, client) = asked(&server).await;
    let page = browser.get(&format!("/oauth/authorize?{}", client.query(&[]))).await;
    let mut fields = hidden(&page.text);
    fields.push(("decision".to_owned(), "allow".to_owned()));
    for origin in ["https://evil.example", "null"] {
        let refused = browser.submit_from(origin, "/oauth/authorize", &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{origin}");
    }
    let without: Vec<_> = fields.iter().filter(|(name, _)| name != "csrf").cloned().collect();
    assert_eq!(browser.submit("/oauth/authorize", &without).await.status, StatusCode::FORBIDDEN);
    // Another person's token does not fit this person's cookie.
    server.user("bob").await;
    let mut bob = Browser::signed_in(&server, "bob").await;
    assert_eq!(bob.submit("/oauth/authorize", &fields).await.status, StatusCode::FORBIDDEN);
    // A changed redirect is checked again.
    let changed: Vec<_> = fields
        .iter()
        .cloned()
        .map(
            |(name, value)| {
                if name == "redirect_uri" { (name, "https://evil.example".to_owned()) } else { (name, value) }
            },
        )
        .collect();
    let refused = browser.submit("/oauth/authorize", &changed).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.header("location").is_none());
}

async fn a_loopback_client_may_use_any_port(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, client) = asked(&server).await;
    let other_port = "http://127.0.0.1:41000/callback";
    let query = client.query(&[("redirect_uri", other_port)]);
    let sent = browser.decide(&query, &[("decision", "allow"), ("may_write", "yes")]).await;
    assert_eq!(sent.to, other_port);
    let code = sent.params["code"].clone();
    assert_eq!(refusal(&client.exchange(&code, &[]).await, 400), "invalid_grant");
    client.exchange(&code, &[("redirect_uri", other_port)]).await.ok();
}

async fn names_of_clients_are_text(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, mut client) = asked(&server).await;
    let name = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>";
    let redirect = "https://example.com/\"><script>alert(2)</script>";
    let wanted = json!({"redirect_uris": [REDIRECT], "client_name": name});
    let registered = register(&server, wanted).await.json();
    registered["client_id"].as_str().expect("an id").clone_into(&mut client.id);
    let page = browser.get(&format!("/oauth/authorize?{}", client.query(&[("state", redirect)]))).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("<script") && !page.text.contains("<img src=x"), "{}", page.text);
    assert!(hidden(&page.text).contains(&("state".to_owned(), redirect.to_owned())));
}

async fn nobody_is_led_to_the_web_by_a_bad_request(engine: Engine) {
    let server = Server::start(engine).await;
    let (mut browser, mut client) = asked(&server).await;
    let redirect = "https://chat.example/cb";
    let registered = register(&server, json!({"redirect_uris": [redirect]})).await.json();
    registered["client_id"].as_str().expect("an id").clone_into(&mut client.id);
    let bad = client.query(&[("redirect_uri", redirect), ("response_type", "token")]);
    let page = browser.get(&format!("/oauth/authorize?{bad}")).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.header("location").is_none());
    assert!(page.text.contains("https://chat.example/cb?error=unsupported_response_type"), "{}", page.text);
    // A client that was allowed something is told at once.
    browser.allow(&client.query(&[("redirect_uri", redirect)])).await;
    assert_eq!(sent(&browser.get(&format!("/oauth/authorize?{bad}")).await).to, redirect);
}
