//! Links with which a password is set.

use commonplace::auth::session::link;
use commonplace::auth::{ops as auth, session};
use reqwest::StatusCode;

use crate::browser::{Browser, PASSWORD, form, sent};
use crate::harness::{Answer, Engine, Place, Program, Server, on_both_engines, run};

on_both_engines!(
    the_first_start_shows_a_link_that_signs_the_owner_in,
    a_link_works_once,
    looking_at_a_link_does_not_use_it_up,
    a_link_ends_after_a_day,
    a_newer_link_or_a_new_password_ends_the_one_before,
    a_new_password_may_be_used_whatever_others_tried,
    of_links_made_at_once_one_is_left,
    of_two_who_use_a_link_at_once_one_wins,
    a_link_opens_no_other_account,
    a_password_that_is_refused_leaves_the_link_working,
    a_link_that_was_never_made_tells_nothing,
    the_command_makes_a_link,
    links_are_stored_hashed_and_removed_when_they_have_expired,
);

/// A link of this account, as a path.
async fn make(server: &Server, name: &str) -> String {
    let account = auth::account(&server.app, Some(name)).await.expect("an account");
    let secret = link::create(&server.app, account.id).await.expect("a link");
    format!("/welcome?link={secret}")
}

async fn redeem(browser: &mut Browser, link: &str, password: &str) -> Answer {
    browser.fill(link, "/welcome", &[("password", password), ("again", password)]).await
}

async fn is_gone(browser: &mut Browser, link: &str) -> bool {
    let answer = browser.get(link).await;
    answer.status == StatusCode::NOT_FOUND && answer.text.contains("commonplace user link NAME")
}

async fn the_first_start_shows_a_link_that_signs_the_owner_in(engine: Engine) {
    let place = Place::new(engine).await;
    let first = Program::serve(&place, &[]);
    let unused = first.link.clone().expect("a link");
    drop(first);
    let second = Program::serve(&place, &[]);
    let link = second.link.clone().expect("the first was not used, so there is another");
    assert!(link.starts_with(&second.url), "{link}");
    let path = |link: &str| link[link.find("/welcome").expect("a path")..].to_owned();
    let mut browser = Browser::at(&second.url);
    assert!(is_gone(&mut browser, &path(&unused)).await);
    let answer = redeem(&mut browser, &path(&link), PASSWORD).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("owner") && page.contains("Your password is set."), "{page}");
    let log = second.log();
    drop(second);
    let secret = path(&link).split('=').next_back().expect("a secret").to_owned();
    assert!(!log.join().expect("read").contains(&secret), "the secret is in the log");
    let third = Program::serve(&place, &[]);
    assert_eq!(third.link, None);
}

async fn a_link_works_once(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let link = make(&server, "ann").await;
    let mut browser = Browser::new(&server);
    let page = browser.page(&link).await;
    let mut again = form(&page, "/welcome");
    let answer = redeem(&mut browser, &link, PASSWORD).await;
    assert_eq!(sent(&answer).to, "/");
    browser.page("/").await;
    let mut other = Browser::new(&server);
    assert!(is_gone(&mut other, &link).await);
    // The form that was loaded before is of no use, either.
    let mut late = Browser::new(&server);
    let fields = form(&late.page("/sign-in").await, "/sign-in");
    again.retain(|(name, _)| name == "link");
    again.extend(fields.into_iter().filter(|(name, _)| name == "csrf"));
    again.extend(["password", "again"].map(|name| (name.to_owned(), "another password".to_owned())));
    assert_eq!(late.submit("/welcome", &again).await.status, StatusCode::NOT_FOUND);
    assert_eq!(sent(&late.sign_in("ann", PASSWORD, "").await).to, "/");
}

async fn looking_at_a_link_does_not_use_it_up(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let link = make(&server, "ann").await;
    for _ in 0..3 {
        let page = Browser::new(&server).page(&link).await;
        assert!(page.contains("<strong class=\"wrap\">ann</strong>"), "{page}");
    }
    let head = crate::harness::client().head(format!("{}{link}", server.url)).send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(sent(&redeem(&mut Browser::new(&server), &link, PASSWORD).await).to, "/");
}

async fn a_link_ends_after_a_day(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let link = make(&server, "ann").await;
    let mut browser = Browser::new(&server);
    let loaded = form(&browser.page(&link).await, "/welcome");
    server.app.clock.advance_days(1);
    assert!(is_gone(&mut browser, &link).await);
    let fields = ["password", "again"].map(|name| (name.to_owned(), PASSWORD.to_owned()));
    let late: Vec<_> = loaded.into_iter().chain(fields).collect();
    assert_eq!(browser.submit("/welcome", &late).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.sign_in("ann", PASSWORD, "").await.status, StatusCode::FORBIDDEN);
}

async fn a_newer_link_or_a_new_password_ends_the_one_before(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    drop(ann);
    let mut browser = Browser::new(&server);
    let first = make(&server, "ann").await;
    let second = make(&server, "ann").await;
    assert!(is_gone(&mut browser, &first).await);
    browser.page(&second).await;
    let account = auth::account(&server.app, Some("ann")).await.expect("ann");
    session::set_password(&server.app, account.id, PASSWORD.to_owned()).await.expect("set");
    assert!(is_gone(&mut browser, &second).await);
}

async fn a_new_password_may_be_used_whatever_others_tried(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let link = make(&server, "ann").await;
    let mut stranger = Browser::new(&server);
    while stranger.sign_in("ann", "a guess", "").await.status != StatusCode::TOO_MANY_REQUESTS {}
    assert_eq!(sent(&redeem(&mut Browser::new(&server), &link, PASSWORD).await).to, "/");
    assert_eq!(sent(&Browser::new(&server).sign_in("ann", PASSWORD, "").await).to, "/");
}

async fn of_links_made_at_once_one_is_left(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let links = futures_util::future::join_all((0..8).map(|_| make(&server, "ann"))).await;
    let mut working = 0;
    for link in &links {
        let answer = Browser::new(&server).get(link).await;
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&answer.status), "{answer:?}");
        working += usize::from(answer.status == StatusCode::OK);
    }
    assert_eq!(working, 1);
}

async fn of_two_who_use_a_link_at_once_one_wins(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let mut before = Browser::signed_in(&server, "ann").await;
    let link = make(&server, "ann").await;
    let (mut one, mut two) = (Browser::new(&server), Browser::new(&server));
    let (first, second) =
        tokio::join!(redeem(&mut one, &link, "the first password"), redeem(&mut two, &link, "the second password"));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
    let (winner, loser, password) = if first.status == StatusCode::SEE_OTHER {
        (&mut one, &mut two, "the first password")
    } else {
        (&mut two, &mut one, "the second password")
    };
    winner.page("/").await;
    for other in [loser, &mut before] {
        assert_eq!(sent(&other.get("/").await).to, "/sign-in");
    }
    assert_eq!(sent(&Browser::new(&server).sign_in("ann", password, "").await).to, "/");
}

async fn a_link_opens_no_other_account(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("bob").await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let link = make(&server, "bob").await;
    let answer = redeem(&mut browser, &link, "the password of bob").await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("<span class=\"name\">bob</span>"), "{page}");
    let mut other = Browser::new(&server);
    assert_eq!(other.sign_in("ann", "the password of bob", "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(sent(&other.sign_in("ann", PASSWORD, "").await).to, "/");
}

async fn a_password_that_is_refused_leaves_the_link_working(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let link = make(&server, "ann").await;
    let mut browser = Browser::new(&server);
    let short = redeem(&mut browser, &link, "seven77").await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    assert!(short.text.contains("at least 8 characters"), "{}", short.text);
    let fields = [("password", PASSWORD), ("again", "something else")];
    let differ = browser.fill(&link, "/welcome", &fields).await;
    assert_eq!(differ.status, StatusCode::BAD_REQUEST);
    assert!(differ.text.contains("differ"), "{}", differ.text);
    assert_eq!(sent(&redeem(&mut browser, &link, PASSWORD).await).to, "/");
}

async fn a_link_that_was_never_made_tells_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let mut browser = Browser::new(&server);
    let made_up = "0".repeat(64);
    for link in ["/welcome", "/welcome?link=", "/welcome?link=%00", &format!("/welcome?link={made_up}")] {
        let answer = browser.get(link).await;
        assert!(answer.status == StatusCode::NOT_FOUND && !answer.text.contains("ann"), "{link}: {answer:?}");
    }
}

async fn the_command_makes_a_link(engine: Engine) {
    let mut server = Server::start(engine).await;
    server.user("ann").await;
    server.user("bob").await;
    let place = server.place.as_ref().expect("a place");
    assert_eq!(run(place, &["user", "link", "nobody"]).0, 4);
    let (code, out, errors) = run(place, &["user", "link", "bob"]);
    assert_eq!(code, 0, "{errors}");
    let link = out.lines().find_map(|line| line.find("/welcome?link=").map(|at| &line[at..])).expect("a link");
    let page = Browser::new(&server).page(link).await;
    assert!(page.contains("<strong class=\"wrap\">bob</strong>"), "{page}");
    server.stop().await;
}

async fn links_are_stored_hashed_and_removed_when_they_have_expired(engine: Engine) {
    let mut server = Server::start(engine).await;
    server.user("ann").await;
    let link = make(&server, "ann").await;
    let secret = link.split('=').next_back().expect("a secret");
    server.app.clock.advance_days(1);
    session::tidy(&server.app).await.expect("tidied");
    assert!(is_gone(&mut Browser::new(&server), &link).await);
    let place = server.place.as_ref().expect("a place");
    for (path, bytes) in place.files() {
        assert!(!crate::harness::contains(&bytes, secret), "the secret is in {}", path.display());
    }
    server.stop().await;
}
