//! Questions, and answers from what was said.

use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Engine, Server, on_both_engines};
use crate::history::http::{conversation, send};

on_both_engines!(
    an_answer_cites_and_its_citations_lead_to_the_message,
    a_question_without_an_answer_and_a_new_account_are_told_so,
    a_time_in_a_question_is_noticed_and_said,
    a_time_that_is_given_leaves_out_the_rest,
    what_an_answer_lacks_is_said_with_what_to_do,
);

async fn what_an_answer_lacks_is_said_with_what_to_do(engine: Engine) {
    let server = Server::start_with(engine, &[("search_memory_mb", "0")]).await;
    let ann = server.user("ann").await;
    send(&ann, "chatgpt", conversation("c1", "Trip", &["Where do we stay?", "In Alfama."])).await;
    ann.remember("The flat is in Alfama").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    for path in ["/recall?q=Alfama", "/conversations?q=Alfama", "/memories?q=Alfama"] {
        let page = browser.page(path).await;
        assert!(page.contains("Alfama"), "{path}");
        // PostgreSQL needs no index in memory.
        assert_eq!(page.contains("(search_memory_mb)"), engine == Engine::Sqlite, "{path}: {page}");
    }
}

async fn an_answer_cites_and_its_citations_lead_to_the_message(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let trip = conversation("c1", "Trip", &["Where do we stay in Lisbon?", "The flat in Alfama is booked."]);
    let id = send(&ann, "chatgpt", trip).await["conversationId"].as_str().expect("an id").to_owned();
    send(&ann, "claude", conversation("c2", "Bread", &["How long does rye rest?", "Twelve hours."])).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/recall?q=which+flat+in+Alfama").await;
    assert!(page.contains("No language model was asked."), "{page}");
    assert!(page.contains("href=\"#source-1\"") && page.contains("<li id=\"source-1\">"), "{page}");
    assert!(page.contains("strong match"), "{page}");
    let source = page.split("<li id=\"source-1\">").nth(1).expect("a source");
    let link = source.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let (path, anchor) = link.split_once('#').expect("an anchor");
    assert!(path.starts_with(&format!("/conversations/{id}?passage=")), "{link}");
    assert_eq!(anchor, "passage");
    let transcript = browser.page(path).await;
    let marked = transcript.split("id=\"passage\"><mark>").nth(1).expect("a mark");
    assert!(marked.starts_with("Where do we stay") || marked.starts_with("The flat in Alfama"), "{marked}");
    // The passages are below, with the words of the question marked.
    assert!(page.contains("<mark>Alfama</mark>"), "{page}");
}

async fn a_question_without_an_answer_and_a_new_account_are_told_so(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/recall").await.contains("There is nothing to recall yet"));
    assert!(browser.page("/recall?q=anything").await.contains("Nothing was found for this"));
    send(&ann, "chatgpt", conversation("c1", "Trip", &["Where?", "There."])).await;
    let page = browser.page("/recall").await;
    assert!(page.contains("Ask in your own words.") && !page.contains("nothing to recall"), "{page}");
    let bad = browser.get("/recall?q=where&from=then").await;
    assert_eq!(bad.status.as_u16(), 400);
    assert!(bad.text.contains("A date is written as") && bad.text.contains("value=\"where\""), "{}", bad.text);
}

async fn a_time_in_a_question_is_noticed_and_said(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    send(&ann, "chatgpt", conversation("c1", "Trip", &["Where is the flat?", "The flat is in Alfama."])).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/recall?q=which+flat+in+March+2026").await;
    assert!(page.contains(">2026-03-01</time>") && page.contains(">2026-03-31</time>"), "{page}");
    assert!(page.contains("Looked first at what was said"), "{page}");
    assert!(!browser.page("/recall?q=which+flat").await.contains("Looked first"));
    assert!(!browser.page("/recall?q=which+flat+in+March+2026&from=2020-01-01").await.contains("Looked first"));
}

async fn a_time_that_is_given_leaves_out_the_rest(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    send(&ann, "chatgpt", conversation("c1", "Trip", &["Where is the flat?", "The flat is in Alfama."])).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    for (when, is_found) in
        [("from=2026-03-04&to=2026-03-04", true), ("from=2026-03-05", false), ("to=2026-03-03", false)]
    {
        let page = browser.page(&format!("/recall?q=flat&{when}")).await;
        assert_eq!(page.contains("in Alfama."), is_found, "{when}: {page}");
        assert_eq!(page.contains("Nothing was found for this"), !is_found, "{when}");
    }
    assert_eq!(ann.get("/api/chat-history/count").await.ok(), json!({"count": 1}));
}
