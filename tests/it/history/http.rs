//! Chat history over the wire.

use serde_json::{Value, json};

use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    what_is_sent_is_found_by_the_next_search,
    sending_again_adds_what_is_new_and_replaces_what_is_edited,
    what_is_too_long_is_refused_and_the_import_says_so,
    conversations_are_listed_by_all_conditions,
    pinned_conversations_are_kept_unless_named_so,
    a_filter_deletes_what_was_confirmed_and_nothing_else,
    the_trash_gives_back_and_lets_go,
    excluding_reaches_the_trash,
    what_is_malformed_is_refused_with_a_sentence,
    a_link_ends_after_a_quarter_of_an_hour,
    an_answer_says_what_its_search_lacked,
    what_stands_next_to_a_hit_counts_more,
);

pub fn conversation(id: &str, title: &str, said: &[&str]) -> Value {
    let message = |(place, text): (usize, &&str)| {
        let role = if place % 2 == 0 { "human" } else { "assistant" };
        json!({"id": format!("{id}-{place}"), "role": role, "content": text, "createdAt": "2026-03-04T05:06:07Z"})
    };
    let messages: Vec<Value> = said.iter().enumerate().map(message).collect();
    json!({"id": id, "title": title, "createdAt": "2026-03-04T05:06:07Z", "messages": messages})
}

pub async fn send(user: &User, platform: &str, conversation: Value) -> Value {
    let body = json!({"conversation": conversation, "platform": platform});
    user.post("/api/chat-history/ingest/custom-online", body).await.ok()
}

async fn send_trip(user: &User) -> String {
    let sent =
        send(user, "chatgpt", conversation("c1", "Trip", &["Where do we stay?", "The flat in Alfama is booked."]))
            .await;
    sent["conversationId"].as_str().expect("an id").to_owned()
}

/// The titles that a search finds, best first.
pub async fn found(user: &User, query: &str) -> Vec<String> {
    let found = user.post("/api/chat-history/search", json!({"query": query})).await.ok();
    texts(&found["results"], "title")
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|item| item[field].as_str().expect("a text").to_owned()).collect()
}

pub async fn titles(user: &User, query: &str) -> Vec<String> {
    texts(&user.get(&format!("/api/chat-history/chats{query}")).await.ok()["items"], "title")
}

async fn what_is_sent_is_found_by_the_next_search(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let id = send_trip(&ann).await;
    let search = ann.post("/api/chat-history/search", json!({"query": "flat in Alfama", "limit": 1})).await.ok();
    let result = &search["results"][0];
    assert_eq!((&result["conversationId"], &result["sender"]), (&json!(id), &json!("human")));
    assert_eq!(result["timestamp"], json!("2026-03-04T05:06:07Z"));
    assert!(result["text"].as_str().expect("a text").contains("Alfama"));
    let recall = ann.post("/api/chat-history/inject", json!({"query": "where do we stay"})).await.ok();
    assert!(recall["content"].as_str().expect("a text").contains("Alfama is booked"), "{recall}");
    assert_eq!(recall["sources"][0]["conversationId"], json!(id));
    let several = json!({"queries": [{"query": "Alfama"}, {"query": "nothing of the kind", "maxTokens": 50}]});
    let several = ann.post("/api/chat-history/inject", several).await.ok();
    assert_eq!(several["results"].as_array().map(Vec::len), Some(2));
    let read = ann.get(&format!("/api/chat-history/conversation?conversationId={id}")).await.ok();
    assert_eq!((&read["total"], &read["messages"][1]["message_index"]), (&json!(2), &json!(1)));
    assert_eq!((&read["platformConversationId"], &read["sourceId"]), (&json!("c1"), &json!("chatgpt")));
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 1}));
    assert_eq!(found(&bob, "flat in Alfama").await, Vec::<String>::new());
}

async fn sending_again_adds_what_is_new_and_replaces_what_is_edited(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = send_trip(&ann).await;
    let mut more = conversation("c1", "Trip", &["", "", "And the umbrella?"]);
    more["messages"].as_array_mut().expect("messages").drain(..2);
    let sent = send(&ann, "chatgpt", more).await;
    assert_eq!((&sent["conversationId"], &sent["conversation"]["messageCount"]), (&json!(id), &json!(3)));
    let again = send_trip(&ann).await;
    assert_eq!(again, id);
    let mut edited = conversation("c1", "Journey", &["", "We stay in Belém."]);
    edited["messages"].as_array_mut().expect("messages").remove(0);
    send(&ann, "chatgpt", edited).await;
    assert_eq!(found(&ann, "Belém").await, ["Journey"]);
    let all = ann.post("/api/chat-history/search", json!({"query": "Alfama flat booked umbrella"})).await;
    assert!(all.ok()["results"].as_array().is_some() && !all.text.contains("Alfama is booked"), "{all:?}");
    let imports = ann.get("/api/chat-history/imports").await.ok();
    assert_eq!(imports["total"], json!(1));
    let counts = &imports["imports"][0]["conversations"];
    assert_eq!(*counts, json!({"new": 1, "updated": 2, "unchanged": 1, "tooLong": 0, "excluded": 0}));
    assert_eq!(titles(&ann, &format!("?importId={}", sent["importId"].as_str().expect("an id"))).await, ["Journey"]);
}

async fn what_is_too_long_is_refused_and_the_import_says_so(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let long = "a word or two ".repeat(40_000);
    let sent = send(&ann, "my-bot", conversation("long", "Long", &[&long])).await;
    assert_eq!((&sent["queued"], &sent["conversation"]["status"]), (&json!(false), &json!("rejected")));
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 0}));
    let import = ann.get(&format!("/api/chat-history/imports/{}", sent["importId"].as_str().expect("one"))).await.ok();
    assert_eq!(import["conversations"]["tooLong"], json!(1));
    assert_eq!(import["failures"][0]["place"], json!("conversation long"));
}

async fn conversations_are_listed_by_all_conditions(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (place, platform) in ["claude", "chatgpt", "claude"].into_iter().enumerate() {
        let mut one = conversation(&format!("c{place}"), &format!("Élan 50%_ {place}"), &["Hello", "Hello to you"]);
        one["createdAt"] = json!(format!("2026-01-0{}T12:00:00Z", place + 1));
        send(&ann, platform, one).await;
    }
    assert_eq!(titles(&ann, "").await.len(), 3);
    for (query, wanted) in [
        ("?provider=claude", vec!["0", "2"]),
        ("?provider=all&title=%C3%A9lan", vec!["0", "1", "2"]),
        ("?title=50%25_", vec!["0", "1", "2"]),
        ("?title=50%25_%201", vec!["1"]),
        ("?title=%25", vec!["0", "1", "2"]),
        ("?title=%5F%5F", vec![]),
        ("?dateFrom=2026-01-02&dateTo=2026-01-02", vec!["1"]),
        ("?dateTo=2026-01-02", vec!["0", "1"]),
        ("?dateFrom=2026-01-02T12:00:00Z", vec!["1", "2"]),
        ("?pinnedOnly=true", vec![]),
    ] {
        let mut found: Vec<String> = titles(&ann, query).await;
        found.sort_unstable();
        let wanted: Vec<String> = wanted.into_iter().map(|place| format!("Élan 50%_ {place}")).collect();
        assert_eq!(found, wanted, "{query}");
    }
    let page = ann.get("/api/chat-history/chats?page=2&pageSize=2").await.ok();
    assert_eq!((&page["total"], &page["totalPages"], &page["page"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(ann.get("/api/chat-history/chats?page=99").await.ok()["items"], json!([]));
}

async fn pinned_conversations_are_kept_unless_named_so(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = send_trip(&ann).await;
    let body = json!({"ids": [id, id, "conv_unknown"], "pinned": true});
    assert_eq!(ann.patch("/api/chat-history/chats", body).await.ok(), json!({"updated": 1, "failed": 1}));
    assert_eq!(titles(&ann, "?pinnedOnly=true").await, ["Trip"]);
    // It stays pinned where more is said.
    send(&ann, "chatgpt", conversation("c1", "Trip", &["Where?", "There.", "More"])).await;
    let kept = delete(&ann, "", json!({"ids": [id]})).await;
    assert_eq!(kept, json!({"deleted": [], "count": 0, "failed": 1, "pinned": [id]}));
    let filter = "/api/chat-history/delete-by-filter";
    let preview = ann.post(filter, json!({"all": true, "dryRun": true})).await.ok();
    assert_eq!(preview["matched"], json!(0));
    let gone = delete(&ann, "", json!({"ids": [id], "includePinned": true})).await;
    assert_eq!(gone, json!({"deleted": [id], "count": 1, "failed": 0, "pinned": []}));
    let back = ann.post("/api/chat-history/restore", json!({"ids": [id]})).await.ok();
    assert_eq!(back, json!({"restored": 1, "failed": 0}));
    assert_eq!(titles(&ann, "?pinnedOnly=true").await, ["Trip"]);
    // What has no dry run does nothing, and the body says as well as a parameter what becomes of them.
    let body = json!({"ids": [id], "includePinned": true, "purge": true});
    let request = ann.request(reqwest::Method::DELETE, "/api/chat-history/chats?dryRun=true");
    let refused = crate::harness::answer(request.json(&body)).await;
    assert!(refused.error(400).contains("nothing was done"));
    assert_eq!(delete(&ann, "", body).await["count"], json!(1));
    assert_eq!(ann.get("/api/chat-history/trash").await.ok()["total"], json!(0));
    let again = send_trip(&ann).await;
    assert_eq!(delete(&ann, "", json!({"ids": [again], "exclude": true})).await["count"], json!(1));
    let excluded = send(&ann, "chatgpt", conversation("c1", "Trip", &["Where?", "There."])).await;
    assert_eq!(titles(&ann, "").await, Vec::<String>::new(), "{excluded}");
}

async fn delete(user: &User, query: &str, body: Value) -> Value {
    let request = user.request(reqwest::Method::DELETE, &format!("/api/chat-history/chats{query}"));
    crate::harness::answer(request.json(&body)).await.ok()
}

async fn a_filter_deletes_what_was_confirmed_and_nothing_else(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    send_trip(&ann).await;
    send(&ann, "claude", conversation("c1", "Bread", &["Rye?", "Twelve hours."])).await;
    let filter = "/api/chat-history/delete-by-filter";
    let preview = ann.post(filter, json!({"provider": "claude", "dryRun": true})).await.ok();
    assert_eq!(preview["matched"], json!(1));
    ann.post(filter, json!({"provider": "claude"})).await.error(400);
    ann.post(filter, json!({"provider": "all"})).await.error(400);
    ann.post(filter, json!({})).await.error(400);
    let confirmed = json!({"provider": "claude", "confirmationToken": preview["confirmationToken"]});
    send(&ann, "claude", conversation("c2", "Tea", &["Black?", "Black."])).await;
    ann.post(filter, confirmed).await.error(409);
    // More was said meanwhile.
    let preview = ann.post(filter, json!({"provider": "claude", "dryRun": true})).await.ok();
    let confirmed = json!({"provider": "claude", "confirmationToken": preview["confirmationToken"]});
    send(&ann, "claude", conversation("c2", "Tea", &["Black?", "Black.", "With milk."])).await;
    ann.post(filter, confirmed).await.error(409);
    let preview = ann.post(filter, json!({"provider": "claude", "dryRun": true})).await.ok();
    let confirmed = json!({"provider": "claude", "confirmationToken": preview["confirmationToken"], "purge": true});
    let answer = ann.post(filter, confirmed).await;
    assert_eq!(answer.ok(), json!({"deleted": 2, "failed": 0}));
    assert!(answer.header("deletion-receipt").is_some() && answer.header("deletion-erasure").is_none());
    assert_eq!(titles(&ann, "").await, ["Trip"]);
    assert_eq!(ann.get("/api/chat-history/trash").await.ok()["total"], json!(0));
}

async fn the_trash_gives_back_and_lets_go(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let first = send_trip(&ann).await;
    let second = send(&ann, "claude", conversation("c1", "Bread", &["Rye?", "Twelve hours."])).await;
    let second = second["conversationId"].clone();
    delete(&ann, "", json!({"ids": [first, second, first]})).await;
    let trash = ann.get("/api/chat-history/trash").await.ok();
    assert_eq!((trash["total"].as_i64(), texts(&trash["conversations"], "title").len()), (Some(2), 2));
    ann.get(&format!("/api/chat-history/conversation?conversationId={first}")).await.error(404);
    assert_eq!(found(&ann, "Alfama rye twelve hours").await, Vec::<String>::new());
    let purge = json!({"ids": [second, "conv_nothing"]});
    let purged = ann.post("/api/chat-history/trash/purge", purge).await;
    assert_eq!(purged.ok(), json!({"purged": 1, "failed": 1}));
    assert!(purged.header("deletion-receipt").is_some());
    let back = ann.post("/api/chat-history/restore", json!({"ids": [first, second]})).await.ok();
    assert_eq!(back, json!({"restored": 1, "failed": 1}));
    assert_eq!(found(&ann, "Alfama").await, ["Trip"]);
    delete(&ann, "", json!({"ids": [first]})).await;
    // Taken in again meanwhile, it is not put over what is there.
    send_trip(&ann).await;
    let back = ann.post("/api/chat-history/restore", json!({"ids": [first]})).await.ok();
    assert_eq!(back, json!({"restored": 0, "failed": 1}));
    assert_eq!(ann.delete("/api/chat-history/trash").await.ok(), json!({"purged": 1, "failed": 0}));
    let receipts = ann.get("/api/deletions").await.ok();
    let operations = texts(&receipts["deletions"], "operation");
    assert_eq!(operations, ["empty-trash", "delete-conversations", "purge-trash", "delete-conversations"]);
    let oldest = &receipts["deletions"][3];
    assert_eq!(
        (&oldest["deleted"], &oldest["restored"], &oldest["purged"], &oldest["failed"]),
        (&json!(2), &json!(1), &json!(1), &json!(0))
    );
}

async fn excluding_reaches_the_trash(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let first = send_trip(&ann).await;
    delete(&ann, "", json!({"ids": [first]})).await;
    let second = send_trip(&ann).await;
    assert_ne!(first, second);
    // The one that is there takes with it what is in the trash of the same conversation.
    assert_eq!(delete(&ann, "?exclude=true", json!({"ids": [second]})).await["count"], json!(1));
    assert_eq!(ann.get("/api/chat-history/trash").await.ok()["total"], json!(0));
    let sent = send(&ann, "chatgpt", conversation("c1", "Trip", &["Again?"])).await;
    assert_eq!((&sent["queued"], &sent["conversation"]["status"]), (&json!(false), &json!("excluded")));
    // And one that is only in the trash can be excluded there.
    let third = send(&ann, "claude", conversation("c1", "Bread", &["Rye?"])).await["conversationId"].clone();
    delete(&ann, "", json!({"ids": [third]})).await;
    assert_eq!(delete(&ann, "?exclude=true", json!({"ids": [third]})).await["count"], json!(1));
    assert_eq!(ann.get("/api/chat-history/trash").await.ok()["total"], json!(0));
    let sent = send(&ann, "claude", conversation("c1", "Bread", &["Rye?"])).await;
    assert_eq!(sent["conversation"]["status"], json!("excluded"));
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 0}));
}

async fn what_is_malformed_is_refused_with_a_sentence(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ingest = "/api/chat-history/ingest/custom-online";
    for body in [
        json!({}),
        json!([]),
        json!({"conversation": {"id": "", "title": "t", "messages": []}}),
        json!({"conversation": {"id": "a\u{0}b", "title": "t", "messages": []}}),
        json!({"conversation": {"id": "x".repeat(501), "title": "t", "messages": []}}),
        json!({"conversation": {"id": "c", "title": "t", "messages": [{"id": "m", "role": "system", "content": "x"}]}}),
        json!({"conversation": {"id": "c", "title": "t", "messages": [{"id": "m", "role": "human", "content": 1}]}}),
        json!({"conversation": {"id": "c", "title": "t", "messages": []}, "platform": "a b"}),
        json!({"conversation": {"id": "c", "createdAt": "yesterday", "messages": []}}),
    ] {
        assert!(!ann.post(ingest, body.clone()).await.error(400).is_empty(), "{body}");
    }
    for (path, body) in [
        ("/api/chat-history/search", json!({})),
        ("/api/chat-history/search", json!({"query": "x", "limit": 0})),
        ("/api/chat-history/search", json!({"query": "x", "limit": 101})),
        ("/api/chat-history/search", json!({"query": "x", "provider": "\u{0}"})),
        ("/api/chat-history/delete-by-filter", json!({"title": "x".repeat(60_000), "dryRun": true})),
        ("/api/chat-history/inject", json!({})),
        ("/api/chat-history/inject", json!({"queries": []})),
        ("/api/chat-history/inject", json!({"queries": vec![json!({"query": "x"}); 16]})),
        ("/api/chat-history/restore", json!({"ids": "all"})),
        ("/api/chat-history/trash/purge", json!({})),
    ] {
        assert!(!ann.post(path, body.clone()).await.error(400).is_empty(), "{path} {body}");
    }
    for path in [
        "/api/chat-history/chats?page=0",
        "/api/chat-history/chats?dateFrom=soon",
        "/api/chat-history/chats?pinnedOnly=perhaps",
        "/api/chat-history/chats?title=%00",
        "/api/chat-history/chats?provider=%00",
        "/api/chat-history/chats?importId=%00",
        &format!("/api/chat-history/chats?title={}", "a".repeat(1_001)),
        "/api/chat-history/conversation",
    ] {
        ann.get(path).await.error(400);
    }
    for path in [
        "/api/chat-history/conversation?conversationId=conv_1",
        "/api/chat-history/conversation?conversationId=%00",
        "/api/chat-history/imports/imp_1",
        "/api/chat-history/imports/imp_1/events",
    ] {
        ann.get(path).await.error(404);
    }
    // A text with what no storage takes is kept without it.
    send(&ann, "custom", conversation("nul", "A \u{0} title", &["one \u{0} two \u{fffe} 🦀"])).await;
    assert_eq!(titles(&ann, "").await, ["A  title"]);
    assert_eq!(found(&ann, "🦀 one two").await, ["A  title"]);
}

async fn a_link_ends_after_a_quarter_of_an_hour(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = send_trip(&ann).await;
    let link = ann.post("/api/chat-history/export", json!({"conversationId": id})).await.ok();
    let url = link["url"].as_str().expect("a URL");
    let read = async |url: &str| ann.http.get(url).send().await.expect("an answer").status();
    assert_eq!(read(url).await, 200);
    assert_eq!(read(&format!("{url}?format=markdown")).await, 200);
    assert_eq!(read(&format!("{url}0")).await, 404);
    // It is stored as a hash.
    let token = url.rsplit('/').next().expect("a token");
    let place = server.place.as_ref().expect("its own");
    assert!(place.files().iter().all(|(_, bytes)| !crate::harness::contains(bytes, token)));
    server.app.clock.advance(14 * 60_000_000);
    assert_eq!(read(url).await, 200);
    server.app.clock.advance(60_000_000);
    assert_eq!(read(url).await, 404);
    commonplace::history::export::tidy(&server.app).await.expect("tidied");
    assert_eq!(read(url).await, 404);
}

async fn an_answer_says_what_its_search_lacked(engine: Engine) {
    let server = Server::start_with(engine, &[("search_memory_mb", "0")]).await;
    let ann = server.user("ann").await;
    send_trip(&ann).await;
    let lacks = match engine {
        Engine::Sqlite => Some("index-too-large"),
        Engine::Postgres => None,
    };
    for path in ["search", "inject"] {
        let found = ann.post(&format!("/api/chat-history/{path}"), json!({"query": "Alfama"})).await;
        assert_eq!(found.header("search-lacks"), lacks, "{path}");
        assert!(found.ok().to_string().contains("Alfama"), "{path}");
    }
    let no_model = Server::start(engine).await;
    let ann = no_model.user("ann").await;
    send_trip(&ann).await;
    let found = ann.post("/api/chat-history/inject", json!({"query": "Alfama"})).await;
    assert_eq!(found.header("search-lacks"), None);
}

async fn what_stands_next_to_a_hit_counts_more(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    // Two conversations of two passages each. The second passages are alike; only one follows a hit.
    let filler = |word: &str| format!("{word} ").repeat(240);
    let second = format!("The deposit is due in May. {}", filler("rest"));
    let first = format!("We chose the flat in Alfama with a deposit. {}", filler("rest"));
    let other = format!("Nothing of interest was said. {}", filler("rest"));
    send(&ann, "chatgpt", conversation("beside", "Beside", &[&first, &second])).await;
    send(&ann, "chatgpt", conversation("alone", "Alone", &[&other, &second])).await;
    let found = ann.post("/api/chat-history/search", json!({"query": "flat Alfama deposit due May"})).await.ok();
    let results = found["results"].as_array().expect("a list");
    let place = |title: &str| {
        let is_it = |result: &&Value| {
            result["title"] == title && result["text"].as_str().is_some_and(|text| text.contains("due in May"))
        };
        results.iter().find(is_it).map(|result| result["score"].as_f64().expect("a number")).expect("is found")
    };
    assert!(place("Beside") > place("Alone"), "{found}");
}
