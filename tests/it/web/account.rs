//! The page of one's own account.

use reqwest::StatusCode;

use crate::browser::{Browser, PASSWORD, sent};
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    a_changed_password_is_the_only_one_and_signs_others_out,
    a_wrong_current_password_changes_nothing_and_counts_as_a_failed_sign_in,
    a_new_password_that_keeps_no_rule_is_refused,
    signing_out_everywhere_ends_every_session_of_this_account_alone,
);

fn change<'p>(current: &'p str, new: &'p str) -> [(&'static str, &'p str); 3] {
    [("current", current), ("password", new), ("again", new)]
}

async fn a_changed_password_is_the_only_one_and_signs_others_out(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let mut other = Browser::new(&server);
    other.sign_in("ann", PASSWORD, "").await;
    other.page("/").await;
    let changed = browser.fill("/account", "/account/password", &change(PASSWORD, "another password")).await;
    assert!(browser.follow(&changed).await.contains("Your password is changed."));
    assert_eq!(sent(&other.get("/").await).to, "/sign-in");
    assert_eq!(other.sign_in("ann", PASSWORD, "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(sent(&other.sign_in("ann", "another password", "").await).to, "/");
}

async fn a_wrong_current_password_changes_nothing_and_counts_as_a_failed_sign_in(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    for _ in 0..10 {
        let refused = browser.fill("/account", "/account/password", &change("a wrong one", "another password")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.text.contains("not your current password"), "{}", refused.text);
    }
    let stopped = browser.fill("/account", "/account/password", &change(PASSWORD, "another password")).await;
    assert_eq!(stopped.status, StatusCode::TOO_MANY_REQUESTS);
    let mut other = Browser::new(&server);
    assert_eq!(other.sign_in("ann", PASSWORD, "").await.status, StatusCode::TOO_MANY_REQUESTS);
    server.app.clock.advance_days(1);
    assert_eq!(sent(&other.sign_in("ann", PASSWORD, "").await).to, "/");
}

async fn a_new_password_that_keeps_no_rule_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let long = "x".repeat(1_001);
    for (new, again) in [("short", "short"), ("one of two", "two of two"), (&long, &long), ("", "")] {
        let fields = [("current", PASSWORD), ("password", new), ("again", again)];
        let refused = browser.fill("/account", "/account/password", &fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{new}");
    }
    assert_eq!(sent(&Browser::new(&server).sign_in("ann", PASSWORD, "").await).to, "/");
}

async fn signing_out_everywhere_ends_every_session_of_this_account_alone(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bob = Browser::of_new_user(&server, "bob").await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let mut other = Browser::new(&server);
    other.sign_in("ann", PASSWORD, "").await;
    let out = browser.fill("/account", "/sign-out-everywhere", &[]).await;
    assert!(browser.follow(&out).await.contains("in every other browser"));
    for ended in [&mut browser, &mut other] {
        assert_eq!(sent(&ended.get("/account").await).to, "/sign-in");
    }
    bob.page("/account").await;
}
