//! Signing in.

use commonplace::auth::{ops as auth, session};
use reqwest::StatusCode;

use crate::browser::{Browser, PASSWORD, hidden, sent};
use crate::harness::{Engine, Server, on_both_engines, run};

on_both_engines!(
    a_person_signs_in_and_out,
    a_wrong_password_is_refused_like_a_name_that_is_not_there,
    too_many_failures_stop_even_the_right_password_for_a_while,
    a_new_password_ends_every_session,
    a_session_ends_by_itself,
    a_form_without_its_token_is_refused,
    a_sign_in_leads_nowhere_else,
    the_command_sets_a_password,
    two_pages_in_one_browser_both_work,
);

async fn a_person_signs_in_and_out(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert_eq!(sent(&browser.get("/sign-in").await).to, "/");
    let out = browser.fill("/", "/sign-out", &[]).await;
    assert_eq!(sent(&out).to, "/sign-in");
    assert!(browser.follow(&out).await.contains("You are signed out."));
    assert_eq!(sent(&browser.get("/").await).to, "/sign-in");
}

async fn a_wrong_password_is_refused_like_a_name_that_is_not_there(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    server.user("bob").await;
    drop(Browser::signed_in(&server, "ann").await);
    let mut browser = Browser::new(&server);
    for (name, password) in [("ann", "wrong password"), ("bob", PASSWORD), ("nobody", PASSWORD), ("a\0nn", PASSWORD)] {
        let refused = browser.sign_in(name, password, "").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}");
        assert!(refused.text.contains("don&#39;t match"), "{}", refused.text);
    }
    let long = browser.sign_in("ann", &"x".repeat(2_000), "").await;
    assert_eq!(long.status, StatusCode::FORBIDDEN);
}

async fn too_many_failures_stop_even_the_right_password_for_a_while(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    drop(Browser::signed_in(&server, "ann").await);
    let mut browser = Browser::new(&server);
    for _ in 0..10 {
        assert_eq!(browser.sign_in("ann", "wrong password", "").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.sign_in("ann", PASSWORD, "").await.status, StatusCode::TOO_MANY_REQUESTS);
    server.app.clock.advance_days(1);
    assert_eq!(browser.sign_in("ann", PASSWORD, "").await.status, StatusCode::SEE_OTHER);
}

async fn a_new_password_ends_every_session(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let account = auth::account(&server.app, Some("ann")).await.expect("ann");
    let short = session::set_password(&server.app, account.id, "seven77".to_owned()).await;
    assert!(short.is_err());
    browser.page("/").await;
    session::set_password(&server.app, account.id, "another password".to_owned()).await.expect("set");
    assert!(browser.get("/sign-in").await.text.contains("name=\"password\""));
}

async fn a_session_ends_by_itself(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    server.app.clock.advance_days(29);
    browser.page("/").await;
    server.app.clock.advance_days(1);
    assert!(browser.get("/sign-in").await.text.contains("name=\"password\""));
}

async fn a_form_without_its_token_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    drop(Browser::signed_in(&server, "ann").await);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let right = vec![field("name", "ann"), field("password", PASSWORD)];
    let mut fresh = Browser::new(&server);
    assert_eq!(fresh.submit("/sign-in", &right).await.status, StatusCode::FORBIDDEN, "no cookie, no token");
    let csrf = hidden(&fresh.get("/sign-in").await.text);
    assert_eq!(fresh.submit("/sign-in", &right).await.status, StatusCode::FORBIDDEN, "no token");
    let mut other = Browser::new(&server);
    other.get("/sign-in").await;
    let stolen: Vec<_> = right.iter().cloned().chain(csrf).collect();
    assert_eq!(other.submit("/sign-in", &stolen).await.status, StatusCode::FORBIDDEN, "another browser's token");
    for origin in ["https://evil.example", "null", &server.url.replace("http", "https"), ""] {
        let refused = fresh.submit_from(origin, "/sign-in", &stolen).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(fresh.submit("/sign-in", &stolen).await.status, StatusCode::SEE_OTHER);
}

async fn a_sign_in_leads_nowhere_else(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    drop(Browser::signed_in(&server, "ann").await);
    for (next, to) in [("https://evil.example", "/"), ("//evil.example", "/"), ("", "/"), ("/docs", "/docs")] {
        let mut browser = Browser::new(&server);
        assert_eq!(sent(&browser.sign_in("ann", PASSWORD, next).await).to, to);
        assert_eq!(sent(&browser.get(&format!("/sign-in?next={next}")).await).to, to);
    }
}

async fn the_command_sets_a_password(engine: Engine) {
    use std::io::Write;
    let mut server = Server::start(engine).await;
    server.user("ann").await;
    let place = server.place.as_ref().expect("a place");
    let give = |name: &str, password: &str| {
        let mut command = crate::harness::command(place, &["user", "password", name]);
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
        child.stdin.take().expect("piped").write_all(password.as_bytes()).expect("written");
        child.wait_with_output().expect("ends")
    };
    assert!(give("ann", "from the command\n").status.success());
    assert_eq!(give("ann", "short\n").status.code(), Some(2));
    assert_eq!(give("nobody", "from the command\n").status.code(), Some(4));
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in("ann", "from the command", "").await.status, StatusCode::SEE_OTHER);
    let (code, out, _) = run(place, &["grant", "list", "--user", "ann"]);
    assert_eq!((code, out.as_str()), (0, ""));
    server.stop().await;
}

async fn two_pages_in_one_browser_both_work(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    drop(Browser::signed_in(&server, "ann").await);
    let mut browser = Browser::new(&server);
    let mut fields = hidden(&browser.get("/sign-in").await.text);
    browser.get("/sign-in").await;
    fields.extend([("name".to_owned(), "ann".to_owned()), ("password".to_owned(), PASSWORD.to_owned())]);
    assert_eq!(browser.submit("/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
}
