//! Connecting clients: the steps, API tokens, and what signed in.

use clap::ValueEnum;
use commonplace::auth::{ops as auth, session};
use commonplace::connect::{Client, TOKEN};
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, PASSWORD, form, hidden};
use crate::harness::{Engine, Server, on_both_engines};
use crate::oauth::person::{self, REDIRECT, register, token};

on_both_engines!(
    every_client_has_its_steps_with_the_address_in_use,
    a_service_of_the_internet_is_told_what_it_needs,
    a_token_is_shown_once_and_works,
    the_same_form_sent_again_makes_no_second_token,
    a_token_may_what_was_chosen_for_as_long_as_was_chosen,
    only_the_owner_makes_a_token_that_sees_the_server,
    a_token_that_keeps_no_rule_is_refused_and_the_form_kept,
    a_revoked_token_is_asked_about_and_then_refused,
    what_signed_in_is_listed_and_disconnected_at_once,
    tokens_and_grants_of_others_are_unknown,
    names_full_of_markup_are_text,
    the_consent_says_where_it_is_ended,
);

const MARKUP: &str = "</table><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}";

type Choice<'c> = [(&'c str, &'c str)];

/// The one token in a page.
fn secret(page: &str) -> String {
    let mut found = page.split("cmpl_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        format!("cmpl_{}", &rest[..end])
    });
    let secret = found.next().expect("a token");
    assert!(found.all(|other| other == secret));
    secret
}

async fn make(browser: &mut Browser, name: &str, choice: &Choice<'_>) -> String {
    let mut fields = vec![("name", name)];
    fields.extend(choice);
    let made = browser.fill("/connect", "/connect/tokens", &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    secret(&made.text)
}

/// Lets a client sign in, and gives its access token.
async fn signs_in(server: &Server, browser: &mut Browser, name: &str) -> String {
    let registered = register(server, json!({"redirect_uris": [REDIRECT], "client_name": name})).await;
    let mut client = person::Client::register(server).await;
    registered.json()["client_id"].as_str().expect("an id").clone_into(&mut client.id);
    let code = browser.allow(&client.query(&[])).await;
    token(&client.exchange(&code, &[]).await, "access_token")
}

/// The ids in the addresses that ask whether to end something.
fn ids(page: &str, action: &str) -> Vec<String> {
    let address = format!("href=\"{action}?id=");
    page.split(&address).skip(1).map(|rest| rest.split('"').next().expect("an id").to_owned()).collect()
}

async fn every_client_has_its_steps_with_the_address_in_use(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let page = browser.page("/connect").await;
    assert!(page.contains(&format!("<code>{}/api/mcp/mcp</code>", server.url)), "{page}");
    for client in Client::value_variants() {
        let (_, card) = page.split_once(&format!("id=\"{}\"", client.name())).expect("a card");
        let card = card.split("</details>").next().expect("an end");
        assert!(card.contains(client.title()), "{card}");
        let base = if client.is_service() { "https://memory.example.com" } else { &server.url };
        assert!(card.contains(base), "{client:?}: {card}");
    }
    // The name by which the browser reaches the server is the one in the steps.
    let port = server.url.rsplit(':').next().expect("a port");
    let mut local = Browser::at(&format!("http://localhost:{port}"));
    local.sign_in("ann", PASSWORD, "").await;
    let page = local.page("/connect").await;
    assert!(page.contains(&format!("http://localhost:{port}/api/mcp/mcp")) && !page.contains(&server.url), "{page}");
    assert!(page.contains(TOKEN) && !page.contains("cmpl_"));
}

async fn a_service_of_the_internet_is_told_what_it_needs(engine: Engine) {
    let told = "can't reach it";
    let server = Server::start(engine).await;
    let page = Browser::of_new_user(&server, "ann").await.page("/connect").await;
    assert!(page.contains(told) && page.matches("needs a public https address").count() == 3, "{page}");
    let public = "https://memory.example.org";
    let server = Server::start_with(engine, &[("public_url", public)]).await;
    let account = auth::create_account(&server.app, "ann").await.expect("an account");
    session::set_password(&server.app, account.id, PASSWORD.to_owned()).await.expect("a password");
    let mut browser = Browser::new(&server);
    let mut fields = hidden(&browser.page("/sign-in").await);
    fields.extend([("name", "ann"), ("password", PASSWORD)].map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(browser.submit_from(public, "/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
    let page = browser.page("/connect").await;
    assert!(!page.contains(told) && !page.contains("memory.example.com"), "{page}");
    assert!(page.contains(&format!("{public}/openapi.json")) && !page.contains(&server.url), "{page}");
}

async fn a_token_is_shown_once_and_works(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let secret = make(&mut browser, "phone", &[("scope", "read"), ("scope", "write"), ("lasts", "none")]).await;
    let phone = server.with_token(&secret);
    let id = phone.remember("Ann has a blue bicycle").await;
    phone.delete(&format!("/api/memories/{id}")).await.ok();
    assert_eq!(phone.get("/api/deletions").await.ok()["deletions"][0]["tokenName"], "phone");
    for path in ["/connect", "/", "/connect/tokens/revoke", "/connect/tokens"] {
        assert!(!browser.get(path).await.text.contains("cmpl_"), "{path}");
    }
    let page = browser.page("/connect").await;
    assert!(page.contains("phone") && page.contains("read, change") && page.contains("when revoked"), "{page}");
    for (file, bytes) in server.place.as_ref().expect("a place").files() {
        assert!(!crate::harness::contains(&bytes, &secret), "{} has the token", file.display());
    }
}

async fn the_same_form_sent_again_makes_no_second_token(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let mut fields = form(&browser.page("/connect").await, "/connect/tokens");
    for (name, value) in [("name", "phone"), ("scope", "read"), ("lasts", "30")] {
        fields.push((name.to_owned(), value.to_owned()));
    }
    assert_eq!(browser.submit("/connect/tokens", &fields).await.status, StatusCode::OK);
    let again = browser.submit("/connect/tokens", &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("a token of this name already") && !again.text.contains("cmpl_"), "{}", again.text);
    assert_eq!(ids(&browser.page("/connect").await, "/connect/tokens/revoke").len(), 2);
}

async fn a_token_may_what_was_chosen_for_as_long_as_was_chosen(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let reads = make(&mut browser, "reads", &[("scope", "read"), ("lasts", "30")]).await;
    let reads = server.with_token(&reads);
    assert_eq!(reads.get("/api/buckets").await.status, StatusCode::OK);
    let refused = reads.post("/api/memory", json!({"text": "x"})).await;
    assert!(refused.error(403).contains("scope 'write'"), "{refused:?}");
    let refused = reads.get("/api/grants").await;
    assert!(refused.error(403).contains("scope 'admin'"), "{refused:?}");
    let all = [("scope", "read"), ("scope", "write"), ("scope", "admin"), ("lasts", "90")];
    let all = server.with_token(&make(&mut browser, "all", &all).await);
    assert_eq!(all.get("/api/grants").await.status, StatusCode::OK);
    let ever = server.with_token(&make(&mut browser, "ever", &[("scope", "read"), ("lasts", "none")]).await);
    for (days, works) in [(29, [true, true, true]), (2, [false, true, true]), (60, [false, false, true])] {
        server.app.clock.advance_days(days);
        for (user, works) in [&reads, &all, &ever].into_iter().zip(works) {
            let status = user.get("/api/buckets").await.status;
            assert_eq!(status == StatusCode::OK, works, "{status} after {days} days more");
        }
    }
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert_eq!(browser.page("/connect").await.matches(">expired<").count(), 2);
}

async fn only_the_owner_makes_a_token_that_sees_the_server(engine: Engine) {
    let server = Server::start(engine).await;
    let mut owner = Browser::of_new_user(&server, "ann").await;
    assert!(owner.page("/connect").await.contains("value=\"admin\""));
    let mut bob = Browser::of_new_user(&server, "bob_o'hara").await;
    let page = bob.page("/connect").await;
    assert!(!page.contains("value=\"admin\""), "{page}");
    assert!(page.contains("commonplace connect cursor --write --user &#39;bob_o&#39;\\&#39;&#39;hara&#39;"), "{page}");
    let fields = [("name", "all"), ("scope", "read"), ("scope", "admin"), ("lasts", "90")];
    let refused = bob.fill("/connect", "/connect/tokens", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let reads = server.with_token(&make(&mut bob, "reads", &[("scope", "read"), ("lasts", "30")]).await);
    assert_eq!(reads.get("/api/buckets").await.status, StatusCode::OK);
    reads.get("/metrics").await.error(403);
}

async fn a_token_that_keeps_no_rule_is_refused_and_the_form_kept(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let long = "x".repeat(101);
    for (name, scope, lasts) in [
        ("", "read", "30"),
        (&long, "read", "30"),
        ("a\nb", "read", "30"),
        ("phone", "root", "30"),
        ("phone", "read", "1000000"),
        ("phone", "read", ""),
    ] {
        let fields = [("name", name), ("scope", scope), ("lasts", lasts)];
        let refused = browser.fill("/connect", "/connect/tokens", &fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{name} {scope} {lasts}");
        assert!(!refused.text.contains("cmpl_"));
    }
    let none = browser.fill("/connect", "/connect/tokens", &[("name", "my phone"), ("lasts", "365")]).await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
    for kept in ["Choose at least one thing", "value=\"my phone\"", "<option value=\"365\" selected>"] {
        assert!(none.text.contains(kept), "{kept}: {}", none.text);
    }
    assert_eq!(ids(&browser.page("/connect").await, "/connect/tokens/revoke").len(), 1);
}

async fn a_revoked_token_is_asked_about_and_then_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let secret = make(&mut browser, "phone", &[("scope", "read"), ("lasts", "none")]).await;
    let listed = ids(&browser.page("/connect").await, "/connect/tokens/revoke");
    let phone = &listed[1];
    let asked = format!("/connect/tokens/revoke?id={phone}");
    assert!(browser.page(&asked).await.contains("Revoke the token “phone”?"));
    assert_eq!(server.with_token(&secret).get("/api/buckets").await.status, StatusCode::OK);
    let revoked = browser.fill(&asked, "/connect/tokens/revoke", &[]).await;
    assert!(browser.follow(&revoked).await.contains("The token is revoked."));
    assert_eq!(server.with_token(&secret).get("/api/buckets").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ids(&browser.page("/connect").await, "/connect/tokens/revoke"), [listed[0].clone()]);
    assert_eq!(browser.get(&asked).await.status, StatusCode::NOT_FOUND);
}

async fn what_signed_in_is_listed_and_disconnected_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    assert!(browser.page("/connect").await.contains("None yet. A tool that signs in"));
    let access = signs_in(&server, &mut browser, "Chatter").await;
    let call = async || person::call(&server, &access, "list_buckets", json!({})).await.status;
    assert_eq!(call().await, StatusCode::OK);
    let page = browser.page("/connect").await;
    let grants = ids(&page, "/connect/grants/end");
    assert!(page.contains("Chatter") && page.contains("read, change") && grants.len() == 1, "{page}");
    let asked = format!("/connect/grants/end?id={}", grants[0]);
    assert!(browser.page(&asked).await.contains("Disconnect “Chatter”?"));
    assert_eq!(call().await, StatusCode::OK);
    let ended = browser.fill(&asked, "/connect/grants/end", &[]).await;
    let page = browser.follow(&ended).await;
    assert!(page.contains("The tool is disconnected.") && !page.contains("Chatter"), "{page}");
    assert_eq!(call().await, StatusCode::UNAUTHORIZED);
}

async fn tokens_and_grants_of_others_are_unknown(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bob = Browser::of_new_user(&server, "bob").await;
    let secret = make(&mut bob, "bobs-token", &[("scope", "read"), ("lasts", "none")]).await;
    let access = signs_in(&server, &mut bob, "bobs-tool").await;
    let bobs = bob.page("/connect").await;
    let mut ann = Browser::of_new_user(&server, "ann").await;
    let page = ann.page("/connect").await;
    assert!(!page.contains("bobs-"), "{page}");
    let csrf = form(&page, "/connect/tokens");
    for action in ["/connect/tokens/revoke", "/connect/grants/end"] {
        for id in ids(&bobs, action).iter().map(String::as_str).chain(["tok_x", "grant_x", "", "../x"]) {
            let answer = ann.get(&format!("{action}?id={id}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{action} {id}");
            assert!(!answer.text.contains("bobs-"), "{}", answer.text);
            let mut fields = csrf.clone();
            fields.push(("id".to_owned(), id.to_owned()));
            assert_eq!(ann.submit(action, &fields).await.status, StatusCode::NOT_FOUND, "{action} {id}");
        }
    }
    assert_eq!(server.with_token(&secret).get("/api/buckets").await.status, StatusCode::OK);
    assert_eq!(person::call(&server, &access, "list_buckets", json!({})).await.status, StatusCode::OK);
}

async fn names_full_of_markup_are_text(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let fields = [("name", MARKUP), ("scope", "read"), ("lasts", "none")];
    let made = browser.fill("/connect", "/connect/tokens", &fields).await;
    let again = browser.fill("/connect", "/connect/tokens", &fields).await;
    signs_in(&server, &mut browser, MARKUP).await;
    let list = browser.page("/connect").await;
    let revoke = ids(&list, "/connect/tokens/revoke").pop().expect("a token");
    let end = ids(&list, "/connect/grants/end").pop().expect("a grant");
    let revoke = browser.page(&format!("/connect/tokens/revoke?id={revoke}")).await;
    let end = browser.page(&format!("/connect/grants/end?id={end}")).await;
    for (page, times) in [(made.text, 1), (again.text, 3), (list, 4), (revoke, 1), (end, 1)] {
        assert_eq!(page.matches("&#60;script&#62;alert(1)&#60;/script&#62;").count(), times, "{page}");
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{page}");
    }
}

async fn the_consent_says_where_it_is_ended(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let client = person::Client::register(&server).await;
    let page = browser.page(&format!("/oauth/authorize?{}", client.query(&[]))).await;
    assert!(page.contains("href=\"/connect#connected\""), "{page}");
}
