//! Files that come and go by the page.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, form, sent};
use crate::harness::{Answer, Engine, Server, User, on_both_engines};
use crate::history::http::titles;
use crate::history::imports::{chatgpt, zipped};

on_both_engines!(
    a_script_sends_an_export_and_follows_it_to_the_end,
    what_was_excluded_stays_away_and_what_was_purged_comes_back,
    a_form_without_script_brings_several_files,
    a_form_with_more_files_than_are_taken_is_answered,
    nothing_is_stored_of_a_file_without_a_session_or_the_token,
    files_over_the_limits_are_refused_and_leave_nothing,
    a_file_of_no_known_form_fails_with_its_reason,
    memories_are_exported_and_come_back,
    a_stopped_import_keeps_what_it_told_and_goes_on_when_it_comes_again,
    an_import_that_is_over_is_not_stopped_and_one_of_others_is_unknown,
    names_and_failures_full_of_markup_are_text,
);

/// The server with what a process does beside answering.
async fn serving(engine: Engine, settings: &[(&'static str, &str)]) -> Server {
    let server = Server::start_with(engine, settings).await;
    tokio::spawn(commonplace::history::jobs::run::keep_importing(server.app.clone()));
    server
}

fn export(count: usize) -> Vec<u8> {
    let all: Vec<_> = (0..count).map(|n| chatgpt(&format!("c{n}"), &format!("Talk {n}"), &["Why?", "So."])).collect();
    zipped(&[("conversations.json", json!(all).to_string().as_bytes())])
}

async fn send(browser: &mut Browser, files: &[(&str, &[u8])], is_script: bool) -> Answer {
    let page = browser.page("/transfer").await;
    let csrf = form(&page, "/transfer").into_iter().find(|(name, _)| name == "csrf").expect("a token").1;
    browser.upload("/transfer", &csrf, files, is_script).await
}

/// What the page has of an import once it is over.
async fn over(browser: &mut Browser, id: &str) -> String {
    let begun = Instant::now();
    loop {
        let fragment = browser.fragment(&format!("/transfer/{id}")).await;
        assert_eq!(fragment.status, StatusCode::OK, "{fragment:?}");
        if !fragment.text.contains("data-live") {
            return fragment.text;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it goes on for ever: {}", fragment.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn id(fragment: &str) -> String {
    let (_, rest) = fragment.split_once("id=\"imp_").expect("an import");
    format!("imp_{}", rest.split('"').next().expect("an id"))
}

fn fact(fragment: &str, label: &str) -> Option<String> {
    let (_, rest) = fragment.split_once(&format!("<dt>{label}</dt><dd>"))?;
    rest.split('<').next().map(str::to_owned)
}

async fn a_script_sends_an_export_and_follows_it_to_the_end(engine: Engine) {
    let server = serving(engine, &[]).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/transfer").await.contains("None yet."));
    for (new, known) in [(Some("3"), None), (Some("0"), Some("3"))] {
        let sent = send(&mut browser, &[("export.zip", &export(3))], true).await;
        assert_eq!(sent.status, StatusCode::OK, "{sent:?}");
        assert!(sent.text.trim_start().starts_with("<article"), "{}", sent.text);
        let done = over(&mut browser, &id(&sent.text)).await;
        assert!(done.contains(">Done<") && done.contains("export.zip") && done.contains("ChatGPT"), "{done}");
        assert_eq!(fact(&done, "New conversations").as_deref(), new, "{done}");
        assert_eq!(fact(&done, "Already here").as_deref(), known, "{done}");
        assert_eq!(fact(&done, "Failed").as_deref(), Some("0"), "{done}");
        assert_eq!(done.contains("See its conversations"), known.is_none(), "{done}");
    }
    assert_eq!(titles(&ann, "").await.len(), 3);
    let list = browser.page("/transfer").await;
    assert_eq!(list.matches("<article class=\"card import\" id=\"imp_").count(), 2, "{list}");
    let first = list.rsplit("id=\"imp_").next().expect("the first").split('"').next().expect("an id");
    let brought = browser.page(&format!("/conversations?import=imp_{first}")).await;
    assert!(brought.contains("<strong>3</strong> conversations match"), "{brought}");
    assert!(browser.page(&format!("/transfer/imp_{first}")).await.contains("<h1>Import</h1>"));
}

async fn what_was_excluded_stays_away_and_what_was_purged_comes_back(engine: Engine) {
    let server = serving(engine, &[]).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    for (to, label) in [("purge", "New conversations"), ("exclude", "Excluded, left out")] {
        let sent = send(&mut browser, &[("a.zip", &export(1))], true).await;
        over(&mut browser, &id(&sent.text)).await;
        assert_eq!(titles(&ann, "").await, ["Talk 0"]);
        let review = "/conversations/delete?all=yes";
        let deleted = browser.fill(review, "/conversations/delete", &[("how", to)]).await;
        assert!(browser.follow(&deleted).await.contains("1 conversation was deleted"));
        let again = send(&mut browser, &[("a.zip", &export(1))], true).await;
        let done = over(&mut browser, &id(&again.text)).await;
        assert_eq!(fact(&done, label).as_deref(), Some("1"), "{done}");
        assert_eq!(titles(&ann, "").await.len(), usize::from(to == "purge"));
    }
}

async fn a_form_without_script_brings_several_files(engine: Engine) {
    let server = serving(engine, &[]).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let memories = br#"{"memories": ["Ann takes her coffee black", "Ann is left-handed"]}"#;
    let answer = send(&mut browser, &[("a.zip", &export(2)), ("b.json", memories)], false).await;
    assert_eq!(sent(&answer).to, "/transfer");
    let page = browser.follow(&answer).await;
    assert!(page.contains("2 files have arrived and are read now."), "{page}");
    let ids: Vec<String> = page.split("<article").skip(1).filter(|one| one.contains("id=\"imp_")).map(id).collect();
    let mut facts = Vec::new();
    for id in ids {
        let done = over(&mut browser, &id).await;
        facts.extend([fact(&done, "New conversations"), fact(&done, "New memories")].into_iter().flatten());
    }
    facts.sort();
    assert_eq!(facts, ["2", "2"]);
    assert_eq!((titles(&ann, "").await.len(), ann.texts().await.len()), (2, 2));
    let nothing = send(&mut browser, &[("", b"")], false).await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    assert!(nothing.text.contains("Choose a file first."), "{}", nothing.text);
    let nothing = send(&mut browser, &[("", b"")], true).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (StatusCode::BAD_REQUEST, "Choose a file first."));
}

async fn a_form_with_more_files_than_are_taken_is_answered(engine: Engine) {
    // Nobody reads them here, so they wait.
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let large = vec![b' '; 8 << 20];
    let files: Vec<(&str, &[u8])> = ["1", "2", "3", "4", "5", "6"].map(|name| (name, &large[..])).to_vec();
    let answer = send(&mut browser, &files, false).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.text.contains("The 4 before it arrived."), "{}", answer.text);
}

async fn nothing_is_stored_of_a_file_without_a_session_or_the_token(engine: Engine) {
    let server = serving(engine, &[]).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let mut bob = Browser::of_new_user(&server, "bob").await;
    let csrf = |page: &str| form(page, "/transfer").into_iter().next().expect("a token").1;
    let (right, bobs) = (csrf(&browser.page("/transfer").await), csrf(&bob.page("/transfer").await));
    let file = export(1);
    for wrong in ["", "x", &bobs] {
        let refused = browser.upload("/transfer", wrong, &[("a.zip", &file)], true).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    let stranger = Browser::new(&server).upload("/transfer", &right, &[("a.zip", &file)], true).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ann.get("/api/chat-history/imports").await.ok()["total"], json!(0));
    let uploads = server.app.config.uploads_folder();
    assert!(std::fs::read_dir(&uploads).map_or(true, |mut files| files.next().is_none()), "{}", uploads.display());
}

async fn files_over_the_limits_are_refused_and_leave_nothing(engine: Engine) {
    let server = serving(engine, &[("max_upload_bytes", "2048")]).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/transfer").await.contains("Up to 2 kB each"));
    for (file, status, why) in [
        (vec![b'x'; 2049], StatusCode::PAYLOAD_TOO_LARGE, "larger than 2048 bytes"),
        (Vec::new(), StatusCode::BAD_REQUEST, "The file is empty."),
    ] {
        let refused = send(&mut browser, &[("big.zip", &file)], true).await;
        assert_eq!(refused.status, status);
        assert!(refused.text.contains(why), "{}", refused.text);
        let refused = send(&mut browser, &[("big.zip", &file)], false).await;
        assert_eq!(refused.status, status);
        assert!(refused.text.contains("role=\"alert\"") && refused.text.contains(why), "{}", refused.text);
    }
    assert_eq!(ann.get("/api/chat-history/imports").await.ok()["total"], json!(0));
    let uploads = std::fs::read_dir(server.app.config.uploads_folder()).expect("a folder");
    assert_eq!(uploads.count(), 0);
}

async fn a_file_of_no_known_form_fails_with_its_reason(engine: Engine) {
    let server = serving(engine, &[]).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let sent = send(&mut browser, &[("notes.zip", &zipped(&[("a.txt", b"nothing of the kind")]))], true).await;
    let done = over(&mut browser, &id(&sent.text)).await;
    assert!(done.contains(">Failed<") && done.contains("class=\"problem\""), "{done}");
    assert!(done.contains("Give the file again"), "{done}");
}

async fn memories_are_exported_and_come_back(engine: Engine) {
    let server = serving(engine, &[]).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let texts: Vec<String> = (0..1_203).map(|number| format!("Fact, \"number\"\n{number}")).collect();
    ann.remember_all(&texts).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let mut bobs = Browser::signed_in(&server, "bob").await;
    for (format, kind, name) in [
        ("json", "application/json", "commonplace.json"),
        ("csv", "text/csv; charset=utf-8", "commonplace.csv"),
        ("text", "text/plain; charset=utf-8", "commonplace.txt"),
    ] {
        let file = browser.get(&format!("/transfer/export?format={format}")).await;
        assert_eq!(file.status, StatusCode::OK);
        assert_eq!(file.header("content-type"), Some(kind));
        assert_eq!(file.header("content-disposition"), Some(format!("attachment; filename=\"{name}\"").as_str()));
        assert_eq!(file.text.matches("Fact, ").count(), 1_203, "{format}");
        if format == "text" {
            continue;
        }
        let sent = send(&mut bobs, &[(name, file.text.as_bytes())], true).await;
        let done = over(&mut bobs, &id(&sent.text)).await;
        let wanted = if format == "json" { ("1,203", None) } else { ("0", Some("1,203")) };
        assert_eq!(fact(&done, "New memories").as_deref(), Some(wanted.0), "{done}");
        assert_eq!(fact(&done, "Memories already here").as_deref(), wanted.1, "{done}");
    }
    assert_eq!(bob.texts().await.len(), 1_203);
    assert_eq!(browser.get("/transfer/export?format=exe").await.status, StatusCode::BAD_REQUEST);
}

async fn a_stopped_import_keeps_what_it_told_and_goes_on_when_it_comes_again(engine: Engine) {
    const ALL: usize = 4_000;
    let server = serving(engine, &[]).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let file = export(ALL);
    let sent_file = send(&mut browser, &[("a.zip", &file)], true).await;
    let import = id(&sent_file.text);
    let path = format!("/transfer/{import}");
    let begun = Instant::now();
    let page = loop {
        let page = browser.page(&path).await;
        if fact(&page, "New conversations").is_some_and(|new| new != "0") {
            break page;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not begin: {page}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(page.contains("data-live"), "it was over at once: {page}");
    let answer = browser.submit("/transfer/cancel", &form(&page, "/transfer/cancel")).await;
    let stopped = browser.follow(&answer).await;
    assert!(stopped.contains("is stopped") && stopped.contains(">Stopped<"), "{stopped}");
    assert!(!stopped.contains("data-live") && !stopped.contains("/transfer/cancel"), "{stopped}");
    let told = fact(&stopped, "New conversations").expect("a count").replace(',', "");
    let stored = async || ann.get("/api/chat-history/count").await.ok()["count"].clone();
    let kept = stored().await;
    assert_eq!(kept.to_string(), told);
    assert!(kept.as_u64().is_some_and(|kept| 0 < kept && kept < ALL as u64), "{kept}");

    let again = send(&mut browser, &[("a.zip", &file)], true).await;
    let done = over(&mut browser, &id(&again.text)).await;
    assert_eq!(fact(&done, "Already here").expect("a count").replace(',', ""), told);
    assert_eq!(stored().await, json!(ALL));
    // Nothing more came of the one that was stopped.
    assert_eq!(fact(&browser.page(&path).await, "New conversations").expect("a count").replace(',', ""), told);
}

async fn an_import_that_is_over_is_not_stopped_and_one_of_others_is_unknown(engine: Engine) {
    let server = serving(engine, &[]).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    let import = send(&mut browser, &[("a.zip", &export(1))], true).await;
    let import = id(&import.text);
    over(&mut browser, &import).await;
    let cancel = async |browser: &mut Browser| {
        let mut fields = form(&browser.page("/account").await, "/sign-out");
        fields.push(("id".to_owned(), import.clone()));
        browser.submit("/transfer/cancel", &fields).await
    };
    let answer = cancel(&mut browser).await;
    assert_eq!(sent(&answer).to, format!("/transfer/{import}"));
    let page = browser.follow(&answer).await;
    assert!(page.contains(">Done<") && !page.contains("is stopped"), "{page}");
    let mut bob = Browser::of_new_user(&server, "bob").await;
    assert_eq!(cancel(&mut bob).await.status, StatusCode::NOT_FOUND);
    for id in [import.as_str(), "x", "imp_0"] {
        assert_eq!(bob.get(&format!("/transfer/{id}")).await.status, StatusCode::NOT_FOUND, "{id}");
        assert_eq!(bob.fragment(&format!("/transfer/{id}")).await.status, StatusCode::NOT_FOUND, "{id}");
    }
    assert!(bob.page("/transfer").await.contains("None yet."));
}

async fn names_and_failures_full_of_markup_are_text(engine: Engine) {
    let server = serving(engine, &[]).await;
    let ann: User = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let name = "<script>alert(1)</script>.zip";
    let damaged = r#"{"title": "<script>x</script>" "mapping": "<script>"}"#;
    let export = format!("[{}, {damaged}]", chatgpt("c1", "Fine", &["Why?"]));
    let file = zipped(&[("conversations.json", export.as_bytes())]);
    let sent = send(&mut browser, &[(name, &file)], true).await;
    let import = id(&sent.text);
    let done = over(&mut browser, &import).await;
    assert!(done.contains("What could not be taken in"), "{done}");
    let list = browser.page("/transfer").await;
    let page = browser.page(&format!("/transfer/{import}")).await;
    for text in [&sent.text, &done, &list, &page] {
        assert!(text.contains("&#60;script&#62;alert(1)") && !text.contains("<script>"), "{text}");
    }
    assert_eq!(titles(&ann, "").await, ["Fine"]);
}
