//! The page of one memory.

use reqwest::StatusCode;

use crate::browser::{Browser, form};
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    an_edit_is_a_version_whose_difference_is_shown_and_that_can_be_undone,
    an_edit_of_what_changed_since_saves_nothing_and_keeps_what_was_written,
    a_text_is_not_changed_by_looking_at_it,
);

async fn an_edit_is_a_version_whose_difference_is_shown_and_that_can_be_undone(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Ann takes tea with milk.").await;
    let work = ann.bucket("Work").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/memories/{id}");
    let fields = [("text", "Ann takes coffee with milk."), ("into", work.as_str())];
    let saved = browser.fill(&path, &path, &fields).await;
    let page = browser.follow(&saved).await;
    assert!(page.contains("Your change is saved."), "{page}");
    assert!(page.contains("Ann takes <del>tea</del><ins>coffee</ins> with milk."), "{page}");
    assert!(
        page.contains("Moved from <span class=\"chip\">General</span> to <span class=\"chip\">Work</span>"),
        "{page}"
    );
    assert_eq!(ann.texts().await, ["Ann takes coffee with milk."]);
    let restore = format!("{path}/restore");
    let restored = browser.fill(&path, &restore, &[]).await;
    assert!(browser.follow(&restored).await.contains("The older text is restored."));
    assert_eq!(ann.texts().await, ["Ann takes tea with milk."]);
    assert_eq!(browser.page(&path).await.matches("<li class=\"card\">").count(), 3);
    for wrong in ["7", "x", ""] {
        let mut fields = form(&browser.page(&path).await, &restore);
        fields.retain(|(name, _)| name == "csrf");
        fields.push(("version".to_owned(), wrong.to_owned()));
        assert!(browser.submit(&restore, &fields).await.status.is_client_error(), "{wrong}");
    }
}

async fn an_edit_of_what_changed_since_saves_nothing_and_keeps_what_was_written(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("First").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/memories/{id}");
    let mut fields = form(&browser.page(&path).await, &path);
    fields.push(("text".to_owned(), "Written here".to_owned()));
    ann.post("/api/v2/memory/update", serde_json::json!({"memoryId": id, "text": "Second"})).await.ok();
    let refused = browser.submit(&path, &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("Written here</textarea>") && refused.text.contains("nothing was saved"));
    assert_eq!(ann.texts().await, ["Second"]);
    let mut fields = form(&refused.text, &path);
    fields.push(("text".to_owned(), "Written here".to_owned()));
    let saved = browser.submit(&path, &fields).await;
    browser.follow(&saved).await;
    assert_eq!(ann.texts().await, ["Written here"]);
}

async fn a_text_is_not_changed_by_looking_at_it(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let text = "\n  Two lines\r\nwith spaces ";
    let id = ann.remember(text).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/memories/{id}");
    // As a browser sends what it was shown.
    let saved = browser.fill(&path, &path, &[("text", "\r\n  Two lines\r\nwith spaces ")]).await;
    assert!(browser.follow(&saved).await.contains("Nothing was changed."));
    assert_eq!(ann.texts().await, [text]);
    let refused = browser.fill(&path, &path, &[("text", "  ")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}
