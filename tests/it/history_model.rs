//! What a language model adds to chat history, with a stub on a real socket as its
//! server; and that everything works without it.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::harness::{Engine, Server, User, on_both_engines};
use crate::stub::{Reply, Seen, Stub};

on_both_engines!(
    a_model_writes_from_the_quotations_and_its_sources_are_those_it_cites,
    what_a_model_cites_wrongly_is_removed_or_costs_it_the_answer,
    what_a_model_writes_is_within_the_budget,
    whatever_fails_the_quotations_are_the_answer,
    nobody_waits_longer_than_the_time_that_is_set,
    a_server_that_knows_only_the_newer_parameters_is_given_those,
    several_questions_are_written_at_once_but_for_the_bound,
    with_quality_other_wordings_are_looked_for_and_a_model_orders_what_is_found,
    a_step_that_fails_is_left_out,
    a_search_is_ordered_by_the_model_unless_that_is_skipped,
    without_a_model_every_field_is_taken_and_none_hides_anything,
    without_a_model_a_summary_is_made_of_sentences,
    a_written_summary_is_kept_until_the_conversation_changes,
    a_long_conversation_is_summarized_by_parts,
);

const KEY: &str = "sk-very-secret";

/// An answer in the form of servers.
fn answer_that(text: &str) -> String {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
    json!({"id": "x", "object": "chat.completion", "choices": [choice]}).to_string()
}

fn says(text: &str) -> Reply {
    Reply::Answer(200, None, answer_that(text))
}

/// A server that is to be left alone for longer than any test takes.
fn down() -> Reply {
    Reply::Answer(503, Some(("retry-after", "600".to_owned())), String::new())
}

fn status(status: u16) -> Reply {
    Reply::Answer(status, None, String::new())
}

impl Seen {
    fn instruction(&self) -> &str {
        self.body["messages"][0]["content"].as_str().expect("a text")
    }

    /// The mark of the passage with this title.
    fn mark_of(&self, title: &str) -> usize {
        let line = self.input().lines().find(|line| line.contains(&format!("] {title}, "))).expect("a passage");
        line.trim_start_matches('[').split(']').next().and_then(|mark| mark.parse().ok()).expect("a mark")
    }

    fn input(&self) -> &str {
        self.body["messages"][1]["content"].as_str().expect("a text")
    }
}

/// The server with the stub as its language model.
async fn server_with(engine: Engine, stub: &Stub, more: &[(&'static str, &str)]) -> Server {
    let url = stub.base_url();
    let settings = [("llm_url", url.as_str()), ("llm_model", "llama3"), ("llm_key", KEY)];
    Server::start_with(engine, &[&settings, more].concat()).await
}

/// Takes a conversation in; its id.
async fn take_in(user: &User, id: &str, title: &str, said: &[&str]) -> String {
    let message = |(place, text): (usize, &&str)| {
        let role = if place % 2 == 0 { "human" } else { "assistant" };
        json!({"id": format!("{id}-{place}"), "role": role, "content": text})
    };
    let messages: Vec<Value> = said.iter().enumerate().map(message).collect();
    let conversation = json!({"id": id, "title": title, "createdAt": "2026-03-04T10:00:00Z", "messages": messages});
    let taken = user.post("/api/chat-history/ingest/custom-online", json!({ "conversation": conversation })).await;
    taken.ok()["conversationId"].as_str().expect("an id").to_owned()
}

async fn lisbon(user: &User) -> String {
    let said = ["Where do we stay in Lisbon?", "The flat in Alfama is booked from the 12th."];
    take_in(user, "c1", "Trip", &said).await
}

async fn bread(user: &User) -> String {
    take_in(user, "c2", "Bread", &["How long does rye dough rest?", "Rye dough rests for twelve hours."]).await
}

async fn recall(user: &User, body: Value) -> Value {
    user.post("/api/chat-history/inject", body).await.ok()
}

async fn a_model_writes_from_the_quotations_and_its_sources_are_those_it_cites(engine: Engine) {
    let stub = Stub::start(|seen| says(&format!("The flat in Alfama is booked [{}].", seen.mark_of("Trip")))).await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    let id = lisbon(&ann).await;
    bread(&ann).await;
    let answer = recall(&ann, json!({"query": "Where do we stay in Lisbon, and how long does dough rest?"})).await;
    let seen = stub.seen();
    let mark = seen[0].mark_of("Trip");
    assert_eq!(answer["content"], format!("The flat in Alfama is booked [{mark}]."));
    assert_eq!(answer["model"], "llama3");
    assert_eq!(answer["sources"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!((&answer["sources"][0]["mark"], &answer["sources"][0]["conversationId"]), (&json!(mark), &json!(id)));
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].path.as_str(), &seen[0].body["stream"]), ("/v1/chat/completions", &json!(false)));
    assert_eq!((&seen[0].body["model"], &seen[0].body["max_tokens"]), (&json!("llama3"), &json!(600)));
    assert_eq!(seen[0].headers["authorization"], format!("Bearer {KEY}"));
    // The quotations are between two lines that they don't have, and nothing of them is among the orders.
    let input = seen[0].input();
    let fence = input.lines().next().expect("a line");
    let parts: Vec<&str> = input.split(fence).collect();
    assert_eq!(parts.len(), 3);
    assert!(parts[1].contains(" Trip, 2026-03-04\nhuman: Where do we stay in Lisbon?\nassistant: The flat"));
    assert!(parts[1].contains("rye dough"), "{input}");
    assert!(!seen[0].instruction().contains("Alfama"));
    assert!(!input.contains(&id) && !input.contains("c1-0"), "{input}");
}

async fn what_a_model_cites_wrongly_is_removed_or_costs_it_the_answer(engine: Engine) {
    let stub = Stub::start(|_| says("Booked in Alfama [1, 7]. From the 12th [9].")).await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    let question = json!({"query": "Where do we stay in Lisbon?"});
    let answer = recall(&ann, question.clone()).await;
    assert_eq!(answer["content"], "Booked in Alfama [1]. From the 12th.");
    assert_eq!(answer["model"], "llama3");
    for uncited in ["Booked in Alfama.", "Booked in Alfama [2].", "Booked `[1]`."] {
        stub.behave(move |_| says(uncited));
        let answer = recall(&ann, question.clone()).await;
        assert_eq!(answer["model"], "extractive (llama3 cited no source)");
        assert!(answer["content"].as_str().expect("a text").starts_with("[1] Trip"), "{answer}");
        assert_eq!(answer["sources"][0]["mark"], json!(1));
    }
    // That is not the server's fault, so it goes on being asked.
    assert_eq!(stub.requests(), 4);
}

async fn what_a_model_writes_is_within_the_budget(engine: Engine) {
    let sentence = "The flat in Alfama is booked from the 12th [1]. ";
    let stub = Stub::start(move |_| says(&sentence.repeat(100))).await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    let answer = recall(&ann, json!({"query": "Where do we stay in Lisbon?", "maxTokens": 50})).await;
    let content = answer["content"].as_str().expect("a text");
    assert!(!content.is_empty() && format!("{content} ").replace(sentence, "").is_empty(), "{content}");
    assert!(answer["tokenCount"].as_u64().is_some_and(|count| (25..=50).contains(&count)), "{answer}");
    assert_eq!(answer["model"], "llama3");
    let endless = "and so on ".repeat(1_000);
    stub.behave(move |_| says(&format!("[1] {endless}")));
    let answer = recall(&ann, json!({"query": "Where do we stay in Lisbon?", "maxTokens": 12_000})).await;
    assert_eq!(answer["model"], "extractive (llama3 wrote too much)");
    assert_eq!(stub.seen()[1].body["max_tokens"], json!(2_000));
}

type Behaviour = fn(&Seen) -> Reply;

async fn whatever_fails_the_quotations_are_the_answer(engine: Engine) {
    let stub = Stub::start(|_| status(500)).await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    let question = json!({"query": "Where do we stay in Lisbon?"});
    let cases: [(&str, usize, Behaviour); 8] = [
        ("is not available", 2, |_| status(500)),
        ("is not available", 1, |_| Reply::Answer(429, Some(("retry-after", "60".to_owned())), String::new())),
        ("is not set up rightly", 1, |_| status(401)),
        ("did not take the request", 1, |_| status(400)),
        ("gave no usable answer", 1, |_| Reply::Answer(200, None, "{\"choices\": [".to_owned())),
        ("gave no usable answer", 1, |_| Reply::Endless),
        ("can't be reached", 2, |_| Reply::HangUp),
        ("wrote nothing", 1, |_| says("<think>Where do we stay")),
    ];
    for (told, requests, behaviour) in cases {
        stub.behave(behaviour);
        let before = stub.requests();
        let answer = recall(&ann, question.clone()).await;
        assert_eq!(answer["model"], format!("extractive (llama3 {told})"));
        assert!(answer["content"].as_str().expect("a text").contains("The flat in Alfama is booked"), "{answer}");
        assert_eq!(answer["sources"][0]["conversationTitle"], "Trip");
        assert_eq!(stub.requests() - before, requests, "{told}");
        server.app.clock.advance_days(1);
    }
    // A server that failed is left alone for a while, and nobody waits for it.
    stub.behave(|_| down());
    recall(&ann, question.clone()).await;
    let before = stub.requests();
    assert_eq!(recall(&ann, question.clone()).await["model"], "extractive (llama3 is not available)");
    assert_eq!(stub.requests(), before);
    server.app.clock.advance_days(1);
    // One second try, where the first came to nothing.
    let mut tries = 0;
    stub.behave(move |_| {
        tries += 1;
        if tries == 1 { status(502) } else { says("In Alfama [1].") }
    });
    assert_eq!(recall(&ann, question).await["model"], "llama3");
    assert_eq!(stub.requests(), before + 2);
}

async fn nobody_waits_longer_than_the_time_that_is_set(engine: Engine) {
    for silence in [|_: &Seen| Reply::Never, |_: &Seen| Reply::Stall] {
        let stub = Stub::start(silence).await;
        let server = server_with(engine, &stub, &[("llm_timeout_seconds", "1")]).await;
        let ann = server.user("ann").await;
        lisbon(&ann).await;
        let answer = recall(&ann, json!({"query": "Where do we stay in Lisbon?"})).await;
        assert_eq!(answer["model"], "extractive (llama3 did not answer in time)");
        assert!(answer["content"].as_str().expect("a text").contains("The flat in Alfama is booked"), "{answer}");
        assert_eq!(stub.requests(), 1);
    }
}

async fn a_server_that_knows_only_the_newer_parameters_is_given_those(engine: Engine) {
    let stub = Stub::start(|seen| {
        if seen.body.get("max_tokens").is_some() {
            let error = json!({"error": {"message": "no", "code": "unsupported_parameter"}});
            return Reply::Answer(400, None, error.to_string());
        }
        says("In Alfama [1].")
    })
    .await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    for requests in [2, 3] {
        let answer = recall(&ann, json!({"query": "Where do we stay in Lisbon?"})).await;
        assert_eq!((&answer["model"], stub.requests()), (&json!("llama3"), requests));
    }
    let last = &stub.seen()[2].body;
    assert!(last["max_completion_tokens"].is_u64() && last.get("temperature").is_none(), "{last}");
}

async fn several_questions_are_written_at_once_but_for_the_bound(engine: Engine) {
    let stub = Stub::start(|seen| {
        let quotes = |word| seen.input().contains(word);
        match (quotes("The question: Where"), quotes("The question: How")) {
            (true, _) => says("In Alfama [1]."),
            (_, true) => says("Twelve hours [2]."),
            _ => says("I do not know."),
        }
    })
    .await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    bread(&ann).await;
    let queries = ["Where do we stay in Lisbon?", "How long does rye dough rest?", "rye", "quxzzy"];
    let queries: Vec<Value> = queries.iter().map(|query| json!({"query": query, "maxTokens": 100})).collect();
    let answer = recall(&ann, json!({ "queries": queries })).await;
    let results = answer["results"].as_array().expect("a list");
    let models: Vec<&str> = results.iter().map(|result| result["model"].as_str().expect("a text")).collect();
    let uncited = "extractive (llama3 cited no source)";
    assert_eq!(models, ["llama3", "llama3", uncited, "extractive"], "{answer}");
    assert_eq!(answer["model"], format!("extractive, {uncited}, llama3"));
    // A mark stands for one message in all of the answers.
    let sources = answer["sources"].as_array().expect("a list");
    let mark = |source: &Value| (source["mark"].clone(), source["messageId"].clone());
    for (a, b) in sources.iter().map(mark).flat_map(|a| sources.iter().map(move |b| (a.clone(), mark(b)))) {
        assert_eq!(a.0 == b.0, a.1 == b.1, "{answer}");
    }
    assert_eq!(results[1]["sources"][0]["conversationTitle"], "Bread");
    // Nothing was found for the last, so there was nothing to write.
    assert_eq!(stub.requests(), 3);
    // Nobody is answered before four are asking.
    let mut waiting = Vec::new();
    stub.behave(move |_| {
        let (go, held) = oneshot::channel();
        waiting.push(go);
        if waiting.len() == 4 {
            waiting.drain(..).for_each(|go| go.send(()).expect("still waiting"));
        }
        Reply::Held(held, answer_that("In Alfama [1]."))
    });
    let many: Vec<Value> = (0..12).map(|_| json!({"query": "Where do we stay in Lisbon?"})).collect();
    let answer = recall(&ann, json!({ "queries": many })).await;
    assert_eq!((answer["results"].as_array().map(Vec::len), &answer["model"]), (Some(12), &json!("llama3")));
    assert_eq!((stub.requests(), stub.most_at_once()), (15, 4));
}

/// What the stub is asked to do.
fn task(seen: &Seen) -> &'static str {
    let tasks = [("You word", "word"), ("You order", "order"), ("You answer", "answer")];
    let task = tasks.iter().find(|(begin, _)| seen.instruction().starts_with(begin));
    task.map(|(_, name)| *name).expect("a task that is known")
}

impl Seen {
    /// The number of the line that a passage is, where they are to be ordered.
    fn number_of(&self, text: &str) -> String {
        let line = self.input().lines().find(|line| line.starts_with('[') && line.contains(text)).expect("a passage");
        line.trim_start_matches('[').split(']').next().expect("a number").to_owned()
    }
}

fn tasks(stub: &Stub) -> Vec<&'static str> {
    stub.seen().iter().map(task).collect()
}

async fn with_quality_other_wordings_are_looked_for_and_a_model_orders_what_is_found(engine: Engine) {
    let stub = Stub::start(|seen| match task(seen) {
        "word" => says("1. rye dough\n2. Alfama"),
        "order" => says(&format!("{}, 99", seen.number_of("Rye dough rests"))),
        _ => says(&format!("It is in Alfama [{}].", seen.mark_of("Trip"))),
    })
    .await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    bread(&ann).await;
    // Nothing of what is stored is found by the question itself.
    let question = json!({"query": "quxzzy", "conversationContext": "We speak of flats and of bread.", "quality": true,
                          "conversationHistory": [{"role": "user", "content": "And before?"}]});
    let answer = recall(&ann, question).await;
    assert_eq!((&answer["model"], &answer["sources"][0]["conversationTitle"]), (&json!("llama3"), &json!("Trip")));
    assert_eq!(tasks(&stub), ["word", "order", "answer"]);
    let seen = stub.seen();
    let context = "We speak of flats and of bread.\nuser: And before?";
    assert!(seen[0].input().contains(context) && seen[0].input().ends_with("The query: quxzzy"));
    assert!(!seen[1].input().contains(context) && !seen[2].input().contains(context));
    // The strongest is the first.
    let first = seen[2].input().lines().nth(1).expect("a passage");
    assert!(first.starts_with('[') && first.contains("Bread"), "{first}");
    // Without it the model only writes, and here there is nothing to write from.
    assert_eq!(recall(&ann, json!({"query": "quxzzy"})).await["content"], "");
    assert_eq!(stub.requests(), 3);
}

async fn a_step_that_fails_is_left_out(engine: Engine) {
    let query = "Where do we stay in Lisbon, and how long does rye dough rest?";
    let question = json!({"query": query, "quality": true});
    for failing in ["word", "order", "answer"] {
        let stub = Stub::start(move |seen| match task(seen) {
            // It is no failure of the server, so the next step is tried.
            task if task == failing => status(400),
            "word" => says("rye dough"),
            "order" => says("1"),
            _ => says("In Alfama [1]."),
        })
        .await;
        let server = server_with(engine, &stub, &[]).await;
        let ann = server.user("ann").await;
        lisbon(&ann).await;
        bread(&ann).await;
        let answer = recall(&ann, question.clone()).await;
        assert_eq!(tasks(&stub), ["word", "order", "answer"]);
        let model = if failing == "answer" { "extractive (llama3 did not take the request)" } else { "llama3" };
        assert_eq!(answer["model"], model);
        assert!(answer["content"].as_str().is_some_and(|text| text.contains("Alfama")), "{answer}");
    }
    // One that is slow is given the time that is left for writing.
    let stub = Stub::start(|_| Reply::Never).await;
    let server = server_with(engine, &stub, &[("llm_timeout_seconds", "1")]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    bread(&ann).await;
    assert_eq!(recall(&ann, question.clone()).await["model"], "extractive (llama3 did not answer in time)");
    assert_eq!(tasks(&stub), ["word", "answer"]);
    assert_eq!(server.app.llm.as_ref().map(|llm| llm.state().consecutive_failures), Some(1));
    // A server that is down is noticed by the first step, and the others don't wait for it.
    let stub = Stub::start(|_| down()).await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    let answer = recall(&ann, question).await;
    assert_eq!(answer["model"], "extractive (llama3 is not available)");
    assert_eq!(stub.requests(), 1);
}

async fn a_search_is_ordered_by_the_model_unless_that_is_skipped(engine: Engine) {
    let stub = Stub::start(|seen| says(&seen.number_of("Rye dough rests"))).await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    bread(&ann).await;
    let search = async |body: Value| {
        let found = ann.post("/api/chat-history/search", body).await.ok();
        let results = found["results"].as_array().expect("a list").clone();
        let titles: Vec<String> = results.iter().map(|hit| hit["title"].as_str().expect("a text").to_owned()).collect();
        assert!(results.is_sorted_by(|a, b| a["score"].as_f64() >= b["score"].as_f64()), "{found}");
        titles
    };
    let query = "Where do we stay in Lisbon, in the flat in Alfama? And rye?";
    assert_eq!(search(json!({"query": query, "skipRerank": true})).await, ["Trip", "Bread"]);
    assert_eq!(stub.requests(), 0);
    assert_eq!(search(json!({"query": query})).await, ["Bread", "Trip"]);
    assert_eq!(search(json!({"query": query, "skipRerank": false, "limit": 1})).await, ["Bread"]);
    stub.behave(|_| status(500));
    assert_eq!(search(json!({"query": query, "skipRerank": null})).await, ["Trip", "Bread"]);
}

async fn without_a_model_every_field_is_taken_and_none_hides_anything(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    lisbon(&ann).await;
    let plain = recall(&ann, json!({"query": "Where do we stay in Lisbon?"})).await;
    let all = json!({"query": "Where do we stay in Lisbon?", "maxTokens": 12_000, "platform": "typingmind",
                     "conversationContext": "bread", "conversationHistory": [{"role": "user", "content": "rye"}],
                     "quality": true});
    let full = recall(&ann, all).await;
    assert_eq!((&full["content"], &full["model"]), (&plain["content"], &json!("extractive")));
    assert!(plain["content"].as_str().is_some_and(|text| text.contains("Alfama")), "{plain}");
    for hint in ["all", "custom", ""] {
        let hinted = recall(&ann, json!({"query": "Where do we stay in Lisbon?", "platform": hint})).await;
        assert_eq!(hinted["content"], plain["content"]);
    }
    let found = json!({"query": "Lisbon", "skipRerank": true});
    assert_eq!(ann.post("/api/chat-history/search", found).await.ok()["totalResults"], 1);
}

async fn summary(user: &User, id: &str) -> Value {
    user.post("/api/chat-history/summaries/get-or-generate", json!({"conversationId": id})).await.ok()
}

async fn without_a_model_a_summary_is_made_of_sentences(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let id = lisbon(&ann).await;
    let sentences = "Trip\nWhere do we stay in Lisbon?\nThe flat in Alfama is booked from the 12th.";
    let expected = json!({"status": "completed", "summary": sentences, "conversationId": id, "model": "extractive"});
    for _ in 0..2 {
        assert_eq!(summary(&ann, &id).await, expected);
    }
    let more = json!([{"id": "c1-2", "role": "human", "content": "Is there a washing machine in the flat?"}]);
    let longer = json!({"conversation": {"id": "c1", "messages": more}});
    ann.post("/api/chat-history/ingest/custom-online", longer).await.ok();
    let longer = summary(&ann, &id).await;
    assert_eq!(longer["summary"], format!("{sentences}\nIs there a washing machine in the flat?"));
    for (user, id) in [(&bob, id.as_str()), (&ann, "conv_00000000000000000000000000000000"), (&ann, "x")] {
        let answer = user.post("/api/chat-history/summaries/get-or-generate", json!({"conversationId": id})).await;
        assert_eq!(answer.error(404), "There is no conversation with that id.");
    }
    ann.request(reqwest::Method::DELETE, "/api/chat-history/chats")
        .json(&json!({"ids": [id]}))
        .send()
        .await
        .expect("sent");
    let gone = ann.post("/api/chat-history/summaries/get-or-generate", json!({"conversationId": id})).await;
    assert_eq!(gone.error(404), "There is no conversation with that id.");
}

async fn a_written_summary_is_kept_until_the_conversation_changes(engine: Engine) {
    let stub = Stub::start(|_| status(503)).await;
    let mut server = server_with(engine, &stub, &[]).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let id = lisbon(&ann).await;
    let failed = summary(&ann, &id).await;
    assert_eq!(failed["model"], "extractive (llama3 is not available)");
    assert!(failed["summary"].as_str().is_some_and(|text| text.starts_with("Trip\nWhere do we stay")), "{failed}");
    assert_eq!(failed["status"], "completed");
    // That stood in for it, and is not kept.
    server.app.clock.advance_days(1);
    let long = "They stay in Alfama. ".repeat(200);
    stub.behave(move |_| says(&long));
    let before = stub.requests();
    let written = summary(&ann, &id).await;
    assert_eq!(written["model"], "llama3");
    let text = written["summary"].as_str().expect("a text");
    assert!(format!("{text} ").replace("They stay in Alfama. ", "").is_empty(), "{text}");
    assert!(commonplace::history::tokens::count(text) <= 200);
    assert!(stub.seen()[before].input().contains("Title: Trip\n\nhuman: Where do we stay in Lisbon?\nassistant: The"));
    assert_eq!(summary(&ann, &id).await, written);
    assert_eq!(stub.requests(), before + 1);
    let without = Server::start_at(&place, &[]).await;
    assert_eq!(summary(&without.with_token(&ann.token), &id).await, written);
    let more = json!([{"id": "c1-2", "role": "human", "content": "And the umbrella?"}]);
    let longer = json!({"conversation": {"id": "c1", "messages": more}});
    ann.post("/api/chat-history/ingest/custom-online", longer).await.ok();
    stub.behave(|_| says("They ask for an umbrella."));
    assert_eq!(summary(&ann, &id).await["summary"], "They ask for an umbrella.");
    assert_eq!(stub.requests(), before + 2);
    assert!(stub.seen()[before + 1].input().contains("umbrella"));
    // What nobody wrote is written when there is a model.
    let other = bread(&ann).await;
    assert_eq!(summary(&without.with_token(&ann.token), &other).await["model"], "extractive");
    assert_eq!(summary(&ann, &other).await["model"], "llama3");
}

async fn a_long_conversation_is_summarized_by_parts(engine: Engine) {
    let stub = Stub::start(|seen| {
        let part = seen.instruction().strip_prefix("Take notes of part ");
        match part.and_then(|rest| rest.split(' ').next()) {
            Some(part) => says(&format!("Note {part}.")),
            None => says("All in all a river."),
        }
    })
    .await;
    let server = server_with(engine, &stub, &[]).await;
    let ann = server.user("ann").await;
    let long: Vec<String> = (0..1_000).map(|n| format!("Sentence number {n} is about the river.")).collect();
    let id = take_in(&ann, "long", "River", &["Tell me all.", &long.join(" ")]).await;
    assert_eq!(summary(&ann, &id).await["summary"], "All in all a river.");
    let seen = stub.seen();
    let (last, parts) = seen.split_last().expect("requests");
    assert!((3..=8).contains(&parts.len()), "{}", parts.len());
    assert!(parts.iter().all(|part| commonplace::history::tokens::count(part.input()) < 2_600));
    let notes: Vec<String> =
        (1..=parts.len()).map(|part| format!("Notes of part {part} of {}:\nNote {part}.", parts.len())).collect();
    assert!(last.input().contains(&notes.join("\n\n")), "{}", last.input());
    // One part that is missing is a summary that is missing something.
    stub.behave(|seen| if seen.instruction().starts_with("Take notes of part 2") { status(500) } else { says("So.") });
    let id = take_in(&ann, "again", "River", &["Tell me all again.", &long.join(" ")]).await;
    assert_eq!(summary(&ann, &id).await["model"], "extractive (llama3 is not available)");
}

/// What is written to the log of the program while it is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_in_no_log_and_doctor_says_what_is_wrong() {
    let stub = Stub::start(|_| status(401)).await;
    let place = crate::harness::Place::new(Engine::Sqlite).await;
    let url = stub.base_url();
    let environment = [
        ("COMMONPLACE_LLM_URL", url.as_str()),
        ("COMMONPLACE_LLM_MODEL", "llama3"),
        ("COMMONPLACE_LLM_KEY", KEY),
        ("COMMONPLACE_LOG", "trace"),
    ];
    let program = crate::harness::Program::serve(&place, &environment);
    let log = program.log();
    let user = program.user();
    lisbon(&user).await;
    let answer = recall(&user, json!({"query": "Where do we stay in Lisbon?"})).await;
    assert_eq!(answer["model"], "extractive (llama3 is not set up rightly)");
    assert_eq!(stub.seen()[0].headers["authorization"], format!("Bearer {KEY}"));
    program.kill();
    let log = log.join().expect("no panic");
    assert!(log.contains("does not accept the key (401)"), "{log}");
    assert!(!log.contains(KEY) && !log.contains("Alfama"), "the log has what it must not have");
    let mut doctor = crate::harness::command(&place, &["doctor"]);
    let output = doctor.envs(environment).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("The language model can't be asked") && said.contains("does not accept the key"), "{said}");
    let mut config = crate::harness::command(&place, &["config"]);
    let output = config.envs(environment).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("llm_key") && !said.contains(KEY), "{said}");
}
