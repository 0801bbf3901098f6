//! Buckets on their pages.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, form, sent};
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    buckets_are_made_listed_renamed_and_described,
    a_bucket_is_merged_into_another_with_all_it_has,
    a_bucket_is_deleted_as_its_owner_says,
    a_bucket_is_deleted_only_with_the_memories_that_were_shown,
    the_default_bucket_stays,
    buckets_of_others_are_unknown_pages,
    names_full_of_markup_are_text,
);

async fn fill_bucket(user: &User, bucket: &str, texts: &[&str]) {
    for text in texts {
        user.post("/api/memory", json!({"text": text, "bucketId": bucket})).await.ok();
    }
}

/// How many memories the list of buckets says that one has.
async fn count(browser: &mut Browser, id: &str) -> String {
    let page = browser.page("/buckets").await;
    let row = page.split("<tr>").find(|row| row.contains(&format!("/buckets/{id}\""))).expect("a row").to_owned();
    let cell = row.split("data-label=\"Memories\"").nth(1).expect("a count").split("</td>").next().expect("a cell");
    // What is between the tags.
    let texts = cell.split('>').skip(1).map(|part| part.split('<').next().unwrap_or_default());
    texts.collect::<String>().trim().to_owned()
}

async fn buckets_are_made_listed_renamed_and_described(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let new = [("name", " Work "), ("description", "Line one\r\nline two")];
    let answer = browser.fill("/buckets", "/buckets", &new).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("The bucket is there.") && page.contains(">Line one\nline two<"), "{page}");
    for (name, status) in
        [("work", StatusCode::CONFLICT), ("", StatusCode::BAD_REQUEST), ("123", StatusCode::BAD_REQUEST)]
    {
        let refused = browser.fill("/buckets", "/buckets", &[("name", name), ("description", "kept")]).await;
        assert_eq!(refused.status, status, "{name}");
        assert!(
            refused.text.contains("role=\"alert\"") && refused.text.contains(">kept</textarea>"),
            "{}",
            refused.text
        );
    }
    let list = ann.get("/api/buckets").await.ok();
    let id = list.as_array().or_else(|| list["buckets"].as_array()).expect("a list").iter();
    let id = id.clone().find(|bucket| bucket["name"] == json!("Work")).expect("made")["id"].clone();
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let path = format!("/buckets/{id}");
    let answer = browser.fill(&path, "/buckets/update", &[("name", "Job"), ("description", "")]).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("Saved.") && page.contains("<h1>Job</h1>") && !page.contains("Line one"), "{page}");
    let refused = browser.fill(&path, "/buckets/update", &[("name", "General"), ("description", "")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("<h1>Job</h1>") && refused.text.contains("value=\"General\""), "{}", refused.text);
}

async fn a_bucket_is_merged_into_another_with_all_it_has(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let (from, into) = (ann.bucket("From").await, ann.bucket("Into").await);
    fill_bucket(&ann, &from, &["one", "two", "three"]).await;
    fill_bucket(&ann, &into, &["four"]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/buckets/{from}");
    assert!(browser.page(&path).await.contains("All 3 memories move there"));
    assert_eq!(browser.fill(&path, "/buckets/merge", &[("into", "")]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.fill(&path, "/buckets/merge", &[("into", &from)]).await.status, StatusCode::CONFLICT);
    let answer = browser.fill(&path, "/buckets/merge", &[("into", &into)]).await;
    assert!(browser.follow(&answer).await.contains("The buckets are one; 3 memories were moved."));
    assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(count(&mut browser, &into).await, "4");
    assert_eq!(ann.texts().await.len(), 4);
}

async fn a_bucket_is_deleted_as_its_owner_says(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let keep = ann.bucket("Keep").await;
    for (how, left, said) in [
        ("move", 2, "The bucket is deleted. No memory was."),
        ("trash", 2, "The bucket is deleted, and 2 memories are in the trash."),
        ("purge", 2, "The bucket is deleted, and 2 memories for good."),
    ] {
        let id = ann.bucket("Temporary").await;
        fill_bucket(&ann, &id, &[&format!("{how} one"), &format!("{how} two")]).await;
        let path = format!("/buckets/{id}");
        assert!(browser.page(&path).await.contains("What becomes of its 2 memories?"));
        let answer = browser.fill(&path, "/buckets/delete", &[("memories", how), ("into", &keep)]).await;
        let page = browser.follow(&answer).await;
        assert!(page.contains(said), "{how}: {page}");
        assert_eq!(page.contains("Receipt:"), how != "move", "{page}");
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ann.texts().await.len(), left, "{how}");
        let in_trash = ann.get("/api/trash").await.ok()["total"].clone();
        assert_eq!(in_trash, json!(if how == "move" { 0 } else { 2 }), "{how}");
    }
    assert_eq!(count(&mut browser, &keep).await, "2");
    // An empty one asks nothing.
    let id = ann.bucket("Empty").await;
    let answer = browser.fill(&format!("/buckets/{id}"), "/buckets/delete", &[]).await;
    assert!(browser.follow(&answer).await.contains("No memory was."));
}

async fn a_bucket_is_deleted_only_with_the_memories_that_were_shown(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.bucket("Work").await;
    fill_bucket(&ann, &id, &["one"]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/buckets/{id}");
    let mut fields = form(&browser.page(&path).await, "/buckets/delete");
    fields.push(("memories".to_owned(), "purge".to_owned()));
    fill_bucket(&ann, &id, &["came later"]).await;
    let refused = browser.submit("/buckets/delete", &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("What becomes of its 2 memories?"), "{}", refused.text);
    assert_eq!(ann.texts().await.len(), 2);
    let mut fields = form(&refused.text, "/buckets/delete");
    fields.push(("memories".to_owned(), "purge".to_owned()));
    let answer = browser.submit("/buckets/delete", &fields).await;
    assert_eq!(sent(&answer).to, "/buckets");
    assert_eq!(ann.texts().await, Vec::<String>::new());
}

async fn the_default_bucket_stays(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let other = ann.bucket("Other").await;
    ann.remember("In General").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let list = browser.page("/buckets").await;
    let general = list.split("href=\"/buckets/").nth(1).and_then(|rest| rest.split('"').next()).expect("General");
    let path = format!("/buckets/{general}");
    let page = browser.page(&path).await;
    assert!(page.contains("The default bucket") && !page.contains("action=\"/buckets/delete\""), "{page}");
    let mut fields = form(&page, "/buckets/update");
    fields.push(("description".to_owned(), "All the rest".to_owned()));
    let answer = browser.submit("/buckets/update", &fields).await;
    assert!(browser.follow(&answer).await.contains("All the rest"));
    for (action, more) in [
        ("/buckets/merge", vec![("into", other.as_str())]),
        ("/buckets/delete", vec![("memories", "move"), ("into", &other)]),
        ("/buckets/update", vec![("name", "Specific")]),
    ] {
        let mut fields = form(&page, "/buckets/update");
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        assert_eq!(browser.submit(action, &fields).await.status, StatusCode::CONFLICT, "{action}");
    }
    assert_eq!(count(&mut browser, general).await, "1");
}

async fn buckets_of_others_are_unknown_pages(engine: Engine) {
    let server = Server::start(engine).await;
    let bob = server.user("bob").await;
    let id = bob.bucket("Bob's").await;
    fill_bucket(&bob, &id, &["Bob's own"]).await;
    let ann = server.user("ann").await;
    let anns = ann.bucket("Mine").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let csrf = form(&browser.page("/account").await, "/sign-out");
    for id in [id.as_str(), "1", "x", "99999999999999999999"] {
        assert_eq!(browser.get(&format!("/buckets/{id}")).await.status, StatusCode::NOT_FOUND, "{id}");
        for (action, more) in [
            ("/buckets/update", vec![("name", "Taken")]),
            ("/buckets/merge", vec![("into", anns.as_str())]),
            ("/buckets/delete", vec![("memories", "purge"), ("confirmation", "x")]),
            ("/buckets/delete", vec![("memories", "move"), ("into", &anns)]),
        ] {
            let mut fields = csrf.clone();
            fields.push(("bucket".to_owned(), id.to_owned()));
            fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            let status = browser.submit(action, &fields).await.status;
            assert_eq!(status, StatusCode::NOT_FOUND, "{action} of {id}");
        }
    }
    let mut fields = csrf;
    fields.extend([("bucket".to_owned(), anns), ("into".to_owned(), id)]);
    assert_eq!(browser.submit("/buckets/merge", &fields).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.texts().await, ["Bob's own"]);
}

async fn names_full_of_markup_are_text(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let name = "</textarea><script>alert(1)</script>\"'";
    let made = ann.post("/api/buckets", json!({"name": name, "description": name})).await.ok();
    let id = made["id"].as_str().expect("an id").to_owned();
    let other = ann.bucket("Other").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    for path in ["/buckets".to_owned(), format!("/buckets/{id}"), format!("/buckets/{other}")] {
        let page = browser.page(&path).await;
        assert!(page.contains("&#60;script&#62;") && !page.contains("<script>"), "{path}: {page}");
        assert!(!page.contains("</textarea><s"), "{path}: {page}");
    }
}
