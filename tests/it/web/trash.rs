//! The pages of the trash and of receipts.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Fields, form};
use crate::harness::{Engine, Server, User, answer, on_both_engines};
use crate::history::http::{conversation, send};

on_both_engines!(
    the_trash_shows_what_was_deleted_until_it_is_purged,
    what_is_chosen_in_the_trash_comes_back_or_goes_for_good,
    emptying_the_trash_asks_with_the_exact_number,
    conversations_have_their_own_part_of_the_trash,
    receipts_say_what_became_of_what_was_deleted,
);

async fn thrown_away(ann: &User, count: usize) -> Vec<String> {
    let texts: Vec<String> = (0..count).map(|number| format!("Fact number {number}")).collect();
    let ids = ann.remember_all(&texts).await;
    ann.post("/api/memories/bulk-delete", json!({"memoryIds": ids})).await.ok();
    ids
}

fn with(page: &str, action: &str, ids: &[String]) -> Fields {
    let mut fields = form(page, action);
    fields.extend(ids.iter().map(|id| ("id".to_owned(), id.clone())));
    fields
}

async fn the_trash_shows_what_was_deleted_until_it_is_purged(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/trash").await.contains("Nothing here"));
    thrown_away(&ann, 120).await;
    let page = browser.page("/trash").await;
    assert!(page.contains("1–50 of 120 memories") && page.contains("in 30 days"), "{page}");
    let last = browser.page("/trash?of=memories&page=3").await;
    assert!(last.contains("101–120 of 120 memories") && last.matches("name=\"id\"").count() == 20, "{last}");
    assert!(browser.page("/trash?page=9").await.contains("There is no such page."));
    assert_eq!(browser.get("/trash?page=0").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get("/trash?of=x").await.status, StatusCode::BAD_REQUEST);
    server.app.clock.advance_days(29);
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/trash").await.contains("within a day"));
    server.app.clock.advance_days(2);
    commonplace::memory::trash::purge_due(&server.app).await.expect("purged");
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/trash").await.contains("Nothing here"));
    assert!(browser.page("/receipts").await.contains("120 purged and erased"));
}

async fn what_is_chosen_in_the_trash_comes_back_or_goes_for_good(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = thrown_away(&ann, 10).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/trash").await;
    let restored = browser.submit("/trash/restore", &with(&page, "/trash/purge", &ids[..3])).await;
    assert!(browser.follow(&restored).await.contains("3 memories are back."));
    assert_eq!(ann.texts().await.len(), 3);
    // One of them is back meanwhile, so it is not purged.
    let review = browser.submit("/trash/purge", &with(&page, "/trash/purge", &ids[2..6])).await;
    assert!(review.text.contains("Purge 3 memories for good?"), "{}", review.text);
    let purged = browser.submit("/trash/purge", &form(&review.text, "/trash/purge")).await;
    let after = browser.follow(&purged).await;
    assert!(after.contains("3 entries of the trash are gone for good."), "{after}");
    assert!(after.contains("1 of those selected was gone before."), "{after}");
    assert!(after.contains("<p id=\"count\">4 memories"), "{after}");
    assert_eq!(ann.texts().await.len(), 3);
    let nothing = browser.submit("/trash/restore", &form(&page, "/trash/purge")).await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
}

async fn emptying_the_trash_asks_with_the_exact_number(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = thrown_away(&ann, 60).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let review = browser.fill("/trash", "/trash/empty", &[]).await;
    assert!(review.text.contains("Purge 60 memories for good?"), "{}", review.text);
    let other = ann.remember("Something else").await;
    ann.delete(&format!("/api/memories/{other}")).await.ok();
    let again = browser.submit("/trash/empty", &form(&review.text, "/trash/empty")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("nothing was purged") && again.text.contains("Purge 61 memories"), "{}", again.text);
    // As many, but not the same.
    ann.post("/api/memories/restore", json!({"memoryIds": ids[..1]})).await.ok();
    ann.delete(&format!("/api/memories/{}", ann.remember("One more").await)).await.ok();
    let again = browser.submit("/trash/empty", &form(&again.text, "/trash/empty")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let done = browser.submit("/trash/empty", &form(&again.text, "/trash/empty")).await;
    let after = browser.follow(&done).await;
    assert!(after.contains("61 entries of the trash are gone for good.") && after.contains("Nothing here"), "{after}");
}

async fn conversations_have_their_own_part_of_the_trash(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let conversation = conversation(&format!("c{number}"), &format!("<b>Talk {number}</b>"), &["Hello"]);
        let sent = send(&ann, "chatgpt", conversation).await;
        ids.push(sent["conversationId"].as_str().expect("an id").to_owned());
    }
    let request = ann.request(reqwest::Method::DELETE, "/api/chat-history/chats").json(&json!({"ids": ids}));
    answer(request).await.ok();
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/trash?of=conversations").await;
    assert!(
        page.contains("<p id=\"count\">3 conversations")
            && page.contains("&#60;b&#62;Talk 1&#60;/b&#62;")
            && !page.contains("<b>Talk"),
        "{page}"
    );
    let restored = browser.submit("/trash/restore", &with(&page, "/trash/purge", &ids[..1])).await;
    assert!(browser.follow(&restored).await.contains("1 conversation is back."));
    let review = browser.submit("/trash/purge", &with(&page, "/trash/purge", &ids[1..2])).await;
    assert!(review.text.contains("Purge 1 conversation for good?"), "{}", review.text);
    let purged = browser.submit("/trash/purge", &form(&review.text, "/trash/purge")).await;
    assert!(browser.follow(&purged).await.contains("<p id=\"count\">1 conversation"));
    let review = browser.fill("/trash?of=conversations", "/trash/empty", &[]).await;
    let purged = browser.submit("/trash/empty", &form(&review.text, "/trash/empty")).await;
    assert!(browser.follow(&purged).await.contains("No conversations are in the trash."));
}

async fn receipts_say_what_became_of_what_was_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/receipts").await.contains("No receipts yet"));
    let ids = thrown_away(&ann, 10).await;
    ann.post("/api/memories/restore", json!({"memoryIds": ids[..2]})).await.ok();
    let page = browser.page("/receipts").await;
    assert!(
        page.contains("8 in the trash") && page.contains("2 restored") && page.contains("<p id=\"count\">1 receipt"),
        "{page}"
    );
    let (_, rest) = page.split_once("href=\"/receipts/").expect("a receipt");
    let path = format!("/receipts/{}", rest.split('"').next().expect("an id"));
    let one = browser.page(&path).await;
    assert!(one.contains("Deleted selected memories: 10 memories") && one.contains("10 hashes"), "{one}");
    assert!(browser.page(&format!("{path}?id={}", ids[4])).await.contains("Yes: this receipt is about"));
    let undo = format!("{path}/restore");
    let undone = browser.fill(&path, &undo, &[]).await;
    assert!(browser.follow(&undone).await.contains("8 memories are back."));
    assert_eq!(ann.texts().await.len(), 10);
    for number in 0..55 {
        let id = ann.remember(&format!("One of many {number}")).await;
        ann.delete(&format!("/api/memories/{id}")).await.ok();
    }
    assert!(browser.page("/receipts").await.contains("1–50 of 56 receipts"));
    assert!(browser.page("/receipts?page=2").await.contains("51–56 of 56"));
}
