//! What holds of every page.

use reqwest::{StatusCode, header};

use crate::browser::{Browser, form, sent};
use crate::harness::{Engine, Server, answer, client, on_both_engines};

on_both_engines!(
    every_page_has_the_headers_that_protect_it,
    nothing_is_shown_or_done_without_a_session,
    a_fragment_answers_a_script_with_a_sentence,
    a_form_of_the_dashboard_needs_its_token_and_its_origin,
    a_name_full_of_markup_is_text,
    a_notice_is_one_of_a_list_and_never_text_of_the_address,
    assets_are_kept_by_version_and_never_stale,
    a_person_who_goes_nowhere_sees_a_page_and_a_program_json,
    the_first_load_is_small,
);

/// Every page of the dashboard. Whoever adds one adds it here.
const PAGES: &[&str] = &[
    "/memories",
    "/memories/duplicates",
    "/trash",
    "/receipts",
    "/",
    "/account",
    "/conversations",
    "/conversations?q=x",
    "/conversations/delete?all=yes",
    "/recall",
    "/recall?q=x",
    "/buckets",
    "/transfer",
    "/connect",
    "/?period=90",
    "/?period=year",
];
/// Every form of the dashboard.
const FORMS: &[&str] = &[
    "/account/password",
    "/sign-out",
    "/sign-out-everywhere",
    "/memories",
    "/memories/delete",
    "/memories/move",
    "/memories/export",
    "/memories/mem_x",
    "/memories/mem_x/restore",
    "/trash/restore",
    "/trash/purge",
    "/trash/empty",
    "/receipts/del_x/restore",
    "/conversations/choose",
    "/conversations/delete",
    "/conversations/restore",
    "/conversations/summary",
    "/buckets",
    "/buckets/update",
    "/buckets/merge",
    "/buckets/delete",
    "/transfer",
    "/transfer/cancel",
    "/connect/tokens",
    "/connect/tokens/revoke",
    "/connect/grants/end",
];

async fn every_page_has_the_headers_that_protect_it(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let others = ["/welcome?link=x", "/oauth/authorize", "/oauth/authorize?client_id=x&redirect_uri=y"];
    let check = async |browser: &mut Browser, path: &str| {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy").expect(path);
        for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
        for bad in ["<style", " style=", " onclick=", "javascript:", "src=\"http", "href=\"http"] {
            assert!(!page.text.contains(bad), "{path} has {bad}");
        }
        let scripts = page.text.matches("<script").count();
        assert_eq!(scripts, page.text.matches("<script type=\"module\" src=\"/assets/").count(), "{path}");
    };
    for path in PAGES.iter().chain(&others) {
        check(&mut browser, path).await;
    }
    check(&mut Browser::new(&server), "/sign-in").await;
}

async fn nothing_is_shown_or_done_without_a_session(engine: Engine) {
    let server = Server::start(engine).await;
    let mut signed_in = Browser::of_new_user(&server, "ann").await;
    let fields = form(&signed_in.page("/account").await, "/sign-out");
    let mut stranger = Browser::new(&server);
    for path in PAGES {
        let to = sent(&stranger.get(path).await);
        assert_eq!((to.to.as_str(), to.params["next"].as_str()), ("/sign-in", *path));
        assert_eq!(stranger.fragment(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let to = sent(&stranger.get("/account?a=b&c=d").await);
    assert_eq!(to.params["next"], "/account?a=b&c=d");
    for path in FORMS {
        let to = sent(&stranger.submit(path, &fields).await);
        assert_eq!(to.to, "/sign-in", "{path}");
    }
    signed_in.page("/").await;
}

async fn a_fragment_answers_a_script_with_a_sentence(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::new(&server);
    let signed_out = browser.fragment("/").await;
    assert_eq!(signed_out.status, StatusCode::UNAUTHORIZED);
    assert_eq!(signed_out.text, "You are signed out. Load the page again to sign in.");
    let failed = browser.fragment("/sign-in?next=a&next=b").await;
    assert_eq!(failed.status, StatusCode::BAD_REQUEST);
    assert_eq!(failed.text, "The parameter 'next' is given twice.");
}

async fn a_form_of_the_dashboard_needs_its_token_and_its_origin(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let mut bob = Browser::of_new_user(&server, "bob").await;
    let right = form(&browser.page("/account").await, "/sign-out-everywhere");
    let bobs = form(&bob.page("/account").await, "/sign-out-everywhere");
    for path in FORMS {
        for wrong in [&Vec::new(), &bobs] {
            assert_eq!(browser.submit(path, wrong).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for origin in ["https://evil.example", "null"] {
            assert_eq!(browser.submit_from(origin, path, &right).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    browser.page("/").await;
    assert_eq!(browser.submit("/sign-out-everywhere", &right).await.status, StatusCode::SEE_OTHER);
}

async fn a_name_full_of_markup_is_text(engine: Engine) {
    let server = Server::start(engine).await;
    let name = "<script>alert(1)</script>\"'&<img/src=x>";
    let mut browser = Browser::of_new_user(&server, name).await;
    for path in PAGES {
        let page = browser.page(path).await;
        assert!(page.contains("&#60;script&#62;alert(1)"), "{path}: {page}");
        assert!(!page.contains("<script>") && !page.contains("<img/src"), "{path}: {page}");
    }
}

async fn a_notice_is_one_of_a_list_and_never_text_of_the_address(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    assert!(browser.page("/?done=password").await.contains("<p class=\"notice\">Your password is changed."));
    for query in ["done=Send+money", "done=", "done=%3Cb%3E", "n=5", "done=password&done=welcome"] {
        let page = browser.page(&format!("/?{query}")).await;
        assert!(!page.contains("class=\"notice\"") && !page.contains("Send money"), "{query}: {page}");
    }
}

async fn assets_are_kept_by_version_and_never_stale(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::new(&server);
    let page = browser.page("/sign-in").await;
    let (_, rest) = page.split_once("rel=\"stylesheet\" href=\"").expect("a style");
    let address = rest.split('"').next().expect("an address").to_owned();
    let kept = browser.get(&address).await;
    assert_eq!(kept.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(kept.header("content-type"), Some("text/css; charset=utf-8"));
    let tag = kept.header("etag").expect("a tag").to_owned();
    for other in ["/assets/style.css", "/assets/style.css?v=0123456789abcdef"] {
        let asked_again = browser.get(other).await;
        assert_eq!(asked_again.header("cache-control"), Some("no-cache"), "{other}");
        let request = client().get(format!("{}{other}", server.url)).header(header::IF_NONE_MATCH, &tag);
        assert_eq!(answer(request).await.status, StatusCode::NOT_MODIFIED);
    }
    for missing in ["/assets/other.css", "/assets/..%2FCargo.toml", "/assets/model/vocab.txt"] {
        assert_eq!(browser.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

async fn a_person_who_goes_nowhere_sees_a_page_and_a_program_json(engine: Engine) {
    let server = Server::start(engine).await;
    let ask = async |path: &str, accept: &str| {
        answer(client().get(format!("{}{path}", server.url)).header(header::ACCEPT, accept)).await
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = ask("/nowhere/<b>", browser).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("Nothing here") && !page.text.contains("<b>"), "{}", page.text);
    assert!(page.header("content-security-policy").is_some());
    for (path, accept) in [("/api/nowhere", browser), ("/oauth/nowhere", browser), ("/nowhere", "*/*")] {
        let json = ask(path, accept).await;
        assert_eq!(json.json()["code"], "not_found", "{path}");
    }
}

async fn the_first_load_is_small(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    for path in PAGES {
        let page = browser.page(path).await;
        let assets: std::collections::BTreeSet<String> =
            page.split(['"']).filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect();
        assert!(assets.len() < 10, "{path}: {assets:?}");
        let mut bytes = page.len();
        for asset in &assets {
            bytes += browser.page(asset).await.len();
        }
        assert!(bytes <= 150_000, "{path}: {bytes} bytes");
    }
}
