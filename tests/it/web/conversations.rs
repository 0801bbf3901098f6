//! Conversations on their pages.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, form, sent};
use crate::harness::{Engine, Server, User, answer, on_both_engines};
use crate::history::http::{conversation, send, titles};

on_both_engines!(
    conversations_are_listed_in_pages_with_the_exact_number,
    a_filter_shows_what_meets_every_condition,
    what_is_pinned_says_so_and_can_be_let_go,
    a_selection_is_deleted_after_its_exact_number_was_shown_and_comes_back,
    pinned_conversations_are_kept_unless_ticked,
    a_selection_that_changed_since_is_shown_again_and_not_deleted,
    all_that_match_are_deleted_only_if_they_are_those_that_were_shown,
    what_is_purged_or_excluded_is_on_no_page,
    a_transcript_has_every_message_in_pages_with_anchors,
    a_passage_is_found_marked_and_led_to,
    a_conversation_is_saved_as_json_and_markdown,
    a_summary_is_made_once_and_shown,
    conversations_of_others_are_unknown_pages,
    titles_and_messages_full_of_markup_are_text,
);

const MARKUP: &str = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}";

async fn with(user: &User, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let said = conversation(&format!("c{number}"), &format!("Talk {number}"), &["Where?", "There."]);
        ids.push(send(user, "chatgpt", said).await["conversationId"].as_str().expect("an id").to_owned());
    }
    ids
}

async fn one(user: &User, title: &str, said: &[&str]) -> String {
    let sent = send(user, "claude", conversation(title, title, said)).await;
    sent["conversationId"].as_str().expect("an id").to_owned()
}

fn rows(page: &str) -> usize {
    page.matches("name=\"id\"").count()
}

async fn conversations_are_listed_in_pages_with_the_exact_number(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/conversations").await.contains("No conversation is here yet"));
    with(&ann, 53).await;
    let first = browser.page("/conversations").await;
    assert!(first.contains("<strong>53</strong> conversations"), "{first}");
    assert!(first.contains("Page 1 of 2") && first.contains("href=\"/conversations?page=2\""), "{first}");
    let second = browser.page("/conversations?page=2").await;
    assert_eq!((rows(&first), rows(&second)), (50, 3));
    // A page that is no more is the last.
    assert!(browser.page("/conversations?page=99").await.contains("Page 2 of 2"));
    for bad in ["0", "-1", "x", "9999999999999999999999"] {
        assert_eq!(browser.get(&format!("/conversations?page={bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

async fn a_filter_shows_what_meets_every_condition(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = with(&ann, 3).await;
    one(&ann, "Garden", &["Roses?"]).await;
    ann.patch("/api/chat-history/chats", json!({"ids": [ids[1]], "pinned": true})).await.ok();
    let mut browser = Browser::signed_in(&server, "ann").await;
    for (query, count) in [
        ("platform=claude", 1),
        ("platform=chatgpt", 3),
        ("title=talk", 3),
        ("title=GARD&platform=claude", 1),
        ("title=garden&platform=chatgpt", 0),
        ("pinned=yes", 1),
        ("from=2026-03-04&to=2026-03-04", 4),
        ("from=2026-03-05", 0),
        ("to=2026-03-03", 0),
    ] {
        let page = browser.page(&format!("/conversations?{query}")).await;
        assert_eq!(rows(&page), count, "{query}");
        assert_eq!(page.contains("No conversation matches"), count == 0, "{query}");
    }
    assert_eq!(browser.get("/conversations?from=yesterday").await.status, StatusCode::BAD_REQUEST);
}

async fn what_is_pinned_says_so_and_can_be_let_go(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = with(&ann, 2).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let answer = browser.fill("/conversations", "/conversations/choose", &[("pin", &ids[0])]).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("1 conversation is pinned.") && page.matches(">Pinned</span>").count() == 1, "{page}");
    let selected = [("id", ids[0].as_str()), ("id", &ids[1]), ("action", "pin")];
    let answer = browser.fill("/conversations?title=talk", "/conversations/choose", &selected).await;
    let to = sent(&answer);
    assert_eq!((to.to.as_str(), to.params["title"].as_str()), ("/conversations", "talk"));
    assert!(browser.follow(&answer).await.contains("2 conversations are pinned."));
    let transcript = format!("/conversations/{}", ids[0]);
    let answer = browser.fill(&transcript, "/conversations/choose", &[("unpin", &ids[0])]).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("1 conversation is not pinned any more.") && page.contains(">Pin</button>"), "{page}");
    // Nothing selected, and nowhere else to be sent to.
    let mut fields = form(&browser.page("/conversations").await, "/conversations/choose");
    fields.iter_mut().filter(|(name, _)| name == "back").for_each(|(_, to)| "//evil.example".clone_into(to));
    fields.push(("action".to_owned(), "delete".to_owned()));
    let answer = browser.submit("/conversations/choose", &fields).await;
    assert_eq!(sent(&answer).to, "/conversations");
    assert!(browser.follow(&answer).await.contains("Nothing was selected."));
}

async fn a_selection_is_deleted_after_its_exact_number_was_shown_and_comes_back(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = with(&ann, 4).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let selected = [("id", ids[0].as_str()), ("id", &ids[1]), ("id", &ids[1]), ("action", "delete")];
    let answer = browser.fill("/conversations", "/conversations/choose", &selected).await;
    let review = answer.header("location").expect("a place").to_owned();
    assert!(!review.contains("csrf"), "{review}");
    let page = browser.page(&review).await;
    assert!(page.contains("Delete 2 conversations?") && page.contains("Talk 0") && page.contains("Talk 1"), "{page}");
    assert!(!page.contains("Talk 2") && titles(&ann, "").await.len() == 4);
    let answer = browser.fill(&review, "/conversations/delete", &[("how", "trash")]).await;
    let done = answer.header("location").expect("a place").to_owned();
    let page = browser.page(&done).await;
    assert!(page.contains("2 conversations were deleted") && page.contains("Undo: restore 2"), "{page}");
    let receipt = sent(&answer).params["receipt"].clone();
    assert!(page.contains(&receipt));
    assert_eq!(titles(&ann, "").await.len(), 2);
    assert_eq!(rows(&browser.page("/conversations").await), 2);
    assert_eq!(browser.get(&format!("/conversations/{}", ids[0])).await.status, StatusCode::NOT_FOUND);
    let answer = browser.fill(&done, "/conversations/restore", &[]).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("2 conversations are back.") && page.contains("<strong>2</strong> restored since"), "{page}");
    assert!(!page.contains("Undo"), "{page}");
    assert_eq!(titles(&ann, "").await.len(), 4);
}

async fn pinned_conversations_are_kept_unless_ticked(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = with(&ann, 3).await;
    ann.patch("/api/chat-history/chats", json!({"ids": [ids[0]], "pinned": true})).await.ok();
    let mut browser = Browser::signed_in(&server, "ann").await;
    let review = format!("/conversations/delete?id={}&id={}", ids[0], ids[1]);
    let page = browser.page(&review).await;
    assert!(page.contains("1 of them is pinned and kept, so <strong>1</strong> will be deleted."), "{page}");
    let answer = browser.fill(&review, "/conversations/delete", &[("how", "trash")]).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("1 conversation was deleted") && page.contains("<strong>1</strong> pinned, and kept."));
    assert_eq!(titles(&ann, "").await.len(), 2);
    let all = [("how", "purge"), ("pinned_too", "yes")];
    let answer = browser.fill("/conversations/delete?all=yes", "/conversations/delete", &all).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("2 conversations were deleted") && !page.contains("Undo"), "{page}");
    assert_eq!(titles(&ann, "").await, Vec::<String>::new());
}

async fn a_selection_that_changed_since_is_shown_again_and_not_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = with(&ann, 3).await;
    let pin = async |is_pinned: bool| {
        ann.patch("/api/chat-history/chats", json!({"ids": [ids[0]], "pinned": is_pinned})).await.ok();
    };
    pin(true).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let review = format!("/conversations/delete?id={}&id={}&id={}", ids[0], ids[1], ids[2]);
    let with_how = |page: &str, how: &str| {
        let mut fields = form(page, "/conversations/delete");
        fields.retain(|(name, _)| name != "how" && name != "pinned_too");
        fields.push(("how".to_owned(), how.to_owned()));
        fields
    };
    // It was shown as pinned and kept, and is not pinned any more.
    let fields = with_how(&browser.page(&review).await, "exclude");
    pin(false).await;
    assert_eq!(browser.submit("/conversations/delete", &fields).await.status, StatusCode::CONFLICT);
    assert_eq!(titles(&ann, "").await.len(), 3);
    // One was in the trash already when it was shown: excluding leaves it there.
    let request = ann.request(reqwest::Method::DELETE, "/api/chat-history/chats").json(&json!({"ids": [ids[1]]}));
    answer(request).await.ok();
    let page = browser.page(&review).await;
    assert!(page.contains("Delete 2 conversations?") && page.contains("gone already"), "{page}");
    let answer = browser.submit("/conversations/delete", &with_how(&page, "exclude")).await;
    assert!(browser.follow(&answer).await.contains("2 conversations were deleted"));
    assert_eq!(ann.get("/api/chat-history/trash").await.ok()["total"], json!(1));
}

async fn all_that_match_are_deleted_only_if_they_are_those_that_were_shown(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    with(&ann, 12).await;
    one(&ann, "Garden", &["Roses?"]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let list = browser.page("/conversations?title=talk").await;
    assert!(list.contains("href=\"/conversations/delete?all=yes&#38;title=talk\""), "{list}");
    let review = "/conversations/delete?all=yes&title=talk&from=2026-01-01&to=2026-12-31";
    let page = browser.page(review).await;
    assert!(page.contains("Delete 12 conversations?") && page.contains("and 2 more"), "{page}");
    let mut fields = form(&page, "/conversations/delete");
    fields.push(("how".to_owned(), "trash".to_owned()));
    send(&ann, "chatgpt", conversation("late", "Talk of late", &["Me too?"])).await;
    let refused = browser.submit("/conversations/delete", &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("Delete 13 conversations?"), "{}", refused.text);
    assert!(refused.text.contains("nothing was deleted"), "{}", refused.text);
    assert_eq!(titles(&ann, "").await.len(), 14);
    let mut fields = form(&refused.text, "/conversations/delete");
    fields.push(("how".to_owned(), "trash".to_owned()));
    let answer = browser.submit("/conversations/delete", &fields).await;
    assert!(browser.follow(&answer).await.contains("13 conversations were deleted"));
    assert_eq!(titles(&ann, "").await, ["Garden"]);
    assert!(browser.page(review).await.contains("Nothing to delete"));
    assert_eq!(browser.get("/conversations/delete").await.status, StatusCode::BAD_REQUEST);
}

async fn what_is_purged_or_excluded_is_on_no_page(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    for to in ["purge", "exclude"] {
        let title = format!("Secret {to}");
        let id = one(&ann, &title, &["The kraken sleeps in Bergen.", "Since when?"]).await;
        let review = format!("/conversations/delete?id={id}&how={to}");
        let page = browser.page(&review).await;
        assert_eq!(page.contains("value=\"exclude\" checked"), to == "exclude", "{page}");
        let answer = browser.fill(&review, "/conversations/delete", &[("how", to)]).await;
        let page = browser.follow(&answer).await;
        assert!(page.contains("<strong>1</strong> gone for good"), "{page}");
        assert_eq!(page.contains("No import will bring it back."), to == "exclude", "{page}");
        // The receipt says so, and no address.
        let claimed = browser.page(&format!("{}&excluded=yes", answer.header("location").expect("a way on"))).await;
        assert_eq!(claimed.contains("No import will bring it back."), to == "exclude", "{claimed}");
        for path in ["/conversations", "/conversations?q=kraken", "/recall?q=kraken+Bergen", "/", "/transfer"] {
            let page = browser.page(path).await.replace("value=\"kraken", "");
            assert!(!page.contains("Secret") && !page.contains("sleeps"), "{path}: {page}");
        }
        assert_eq!(browser.get(&format!("/conversations/{id}")).await.status, StatusCode::NOT_FOUND);
    }
}

async fn a_transcript_has_every_message_in_pages_with_anchors(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let said: Vec<String> = (1..=405).map(|number| format!("Message  number {number}\n\tindented")).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let id = one(&ann, "Long", &said).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/conversations/{id}");
    for (page, first, last) in [(1, 1, 200), (2, 201, 400), (3, 401, 405)] {
        let page = browser.page(&format!("{path}?page={page}")).await;
        assert_eq!(page.matches("<li id=\"m-").count(), last - first + 1);
        for number in [first, last] {
            assert!(page.contains(&format!("id=\"m-{number}\"")), "{number}");
            // White space is kept.
            assert!(page.contains(&format!(">Message  number {number}\n\tindented<")), "{number}");
        }
        assert!(page.contains(&format!("Messages {first} to {last} of 405")), "{first}");
    }
    // The page of a message is found by its id, and by the place of a passage.
    let page = browser.page(&format!("{path}?message=Long-250")).await;
    let marked = page.split("id=\"passage\"><mark>").nth(1).expect("a mark");
    assert!(marked.starts_with("Message  number 251"), "{marked}");
    assert!(page.contains("Page 2 of 3"));
    let page = browser.page(&format!("{path}?passage=403.9-403.19")).await;
    assert!(page.contains(">Message  <mark>number 404</mark>"), "{page}");
    for lost in ["message=gone", "passage=999.0-999.5", "passage=x"] {
        let page = browser.page(&format!("{path}?{lost}")).await;
        assert!(page.contains("is not in this conversation any more") && page.contains("id=\"m-1\""), "{lost}");
    }
}

async fn a_passage_is_found_marked_and_led_to(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    with(&ann, 3).await;
    let id = one(&ann, "Trip", &["Where do we stay in Lisbon?", "The flat in Alfama is booked from the 12th."]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/conversations?q=flat+Alfama").await;
    assert!(page.contains("<mark>flat</mark> in <mark>Alfama</mark>"), "{page}");
    let start = format!("href=\"/conversations/{id}?passage=");
    let place = page.split(&start).nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let place = place.strip_suffix("#passage").expect("an anchor");
    let transcript = browser.page(&format!("/conversations/{id}?passage={place}")).await;
    assert!(transcript.contains("id=\"passage\""), "{transcript}");
    assert!(transcript.contains("<mark>The flat in Alfama is booked from the 12th.</mark>"), "{transcript}");
    let nothing = browser.page("/conversations?q=flat+Alfama&platform=gemini").await;
    assert!(nothing.contains("Nothing like that was said"), "{nothing}");
}

async fn a_conversation_is_saved_as_json_and_markdown(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = one(&ann, "Trip", &["Where?", "Alfama."]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let json = browser.get(&format!("/conversations/{id}/export?format=json")).await;
    assert_eq!(json.header("content-disposition"), Some(format!("attachment; filename=\"{id}.json\"").as_str()));
    assert_eq!(json.ok()["messages"][1]["content"], json!("Alfama."));
    let markdown = browser.get(&format!("/conversations/{id}/export?format=markdown")).await;
    assert_eq!(markdown.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert!(markdown.text.starts_with("# Trip\n") && markdown.text.contains("Alfama."), "{}", markdown.text);
    assert_eq!(browser.get(&format!("/conversations/{id}/export?format=exe")).await.status, StatusCode::BAD_REQUEST);
}

async fn a_summary_is_made_once_and_shown(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = one(&ann, "Trip", &["Where do we stay in Lisbon?", "The flat in Alfama is booked from the 12th."]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let path = format!("/conversations/{id}");
    let answer = browser.fill(&path, "/conversations/summary", &[]).await;
    let page = browser.follow(&answer).await;
    assert!(page.contains("The summary is below.") && page.contains(">Summary</h2>"), "{page}");
    assert!(page.contains("Made of its own sentences."), "{page}");
    assert!(!page.contains("Summarize this conversation"), "{page}");
}

async fn conversations_of_others_are_unknown_pages(engine: Engine) {
    let server = Server::start(engine).await;
    let bob = server.user("bob").await;
    let id = one(&bob, "Bob's own", &["Mine?", "Yours."]).await;
    let deleted = one(&bob, "Bob's past", &["Gone?", "Gone."]).await;
    let mut bobs = Browser::signed_in(&server, "bob").await;
    let review = format!("/conversations/delete?id={deleted}");
    let answer = bobs.fill(&review, "/conversations/delete", &[("how", "trash")]).await;
    let receipt = sent(&answer).params["receipt"].clone();
    let mut ann = Browser::of_new_user(&server, "ann").await;
    let unknown = format!("conv_{}", "0".repeat(32));
    for id in [&id, &unknown, "x"] {
        for path in [format!("/conversations/{id}"), format!("/conversations/{id}/export")] {
            let page = ann.get(&path).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
            assert!(!page.text.contains("Mine?"), "{path}");
        }
        let review = ann.page(&format!("/conversations/delete?id={id}")).await;
        assert!(review.contains("Nothing to delete"), "{review}");
    }
    let done = format!("/conversations/deleted?receipt={receipt}");
    assert_eq!(ann.get(&done).await.status, StatusCode::NOT_FOUND);
    let csrf = form(&ann.page("/account").await, "/sign-out");
    let mut fields = csrf.clone();
    fields.push(("receipt".to_owned(), receipt));
    assert_eq!(ann.submit("/conversations/restore", &fields).await.status, StatusCode::NOT_FOUND);
    let mut fields = csrf.clone();
    fields.extend([("id".to_owned(), id.clone()), ("how".to_owned(), "purge".to_owned())]);
    let answer = ann.submit("/conversations/delete", &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("Nothing to delete") && !answer.text.contains("Bob"), "{}", answer.text);
    let mut fields = csrf;
    fields.push(("id".to_owned(), id.clone()));
    assert_eq!(ann.submit("/conversations/summary", &fields).await.status, StatusCode::NOT_FOUND);
    assert_eq!(titles(&bob, "").await, ["Bob's own"]);
}

async fn titles_and_messages_full_of_markup_are_text(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let first = format!("kraken {MARKUP}");
    let said = [first.as_str(), MARKUP];
    let sent = send(&ann, "tool", conversation("x\"><script>", MARKUP, &said)).await;
    let id = sent["conversationId"].as_str().expect("an id").to_owned();
    let mut browser = Browser::signed_in(&server, "ann").await;
    let summary = browser.fill(&format!("/conversations/{id}"), "/conversations/summary", &[]).await;
    browser.follow(&summary).await;
    for path in [
        "/conversations".to_owned(),
        format!("/conversations?title={}", "%3Cscript%3E"),
        "/conversations?q=kraken".to_owned(),
        format!("/conversations?q={}&platform=tool&from=2020-01-01", "%3Cscript%3E+kraken"),
        format!("/conversations/{id}"),
        format!("/conversations/{id}?message=x%22%3E%3Cscript%3E-0"),
        format!("/conversations/delete?id={id}"),
        "/conversations/delete?all=yes&platform=tool".to_owned(),
        "/recall?q=kraken".to_owned(),
        "/recall?q=%3Cscript%3Ealert(1)%3C/script%3E+kraken".to_owned(),
    ] {
        let page = browser.page(&path).await;
        assert!(page.contains("&#60;script&#62;"), "{path}: {page}");
        for bad in ["<script>", "<img src=x", "</textarea><", "x\"><"] {
            assert!(!page.contains(bad), "{path} has {bad}: {page}");
        }
    }
}
