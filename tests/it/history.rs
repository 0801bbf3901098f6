//! Chat history: what is taken in is found, and taken in again changes nothing.

use commonplace::auth::{Caller, ops as auth};
use commonplace::history::find::{self, Question, Within};
use commonplace::history::import::{Conversation, Message, Role};
use commonplace::history::ops::{self, Incoming, Outcome};

use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    what_is_taken_in_is_found_with_its_source,
    taking_in_again_changes_only_what_is_new,
    recall_quotes_within_its_budget,
);

fn conversation(id: &str, title: &str, said: &[&str]) -> Conversation {
    let message = |(place, text): (usize, &&str)| Message {
        id: format!("{id}-{place}"),
        role: if place % 2 == 0 { Role::Human } else { Role::Assistant },
        text: (*text).to_owned(),
        created_at: None,
    };
    let messages = said.iter().enumerate().map(message).collect();
    Conversation { id: id.to_owned(), title: title.to_owned(), created_at: None, updated_at: None, messages }
}

async fn caller(server: &Server, name: &str) -> Caller {
    Caller::operator(auth::account(&server.app, Some(name)).await.expect("an account").id)
}

async fn take_in(server: &Server, caller: &Caller, all: Vec<Conversation>) -> Vec<Outcome> {
    let incoming = |conversation| Incoming { platform: "chatgpt".to_owned(), conversation, is_whole: true };
    let batch = all.into_iter().map(incoming).collect();
    let ingested = ops::ingest(&server.app, caller, batch, true).await.expect("taken in");
    ingested.into_iter().map(|one| one.outcome).collect()
}

async fn found(server: &Server, caller: &Caller, query: &str) -> Vec<String> {
    let found = find::find(&server.app, caller, query, Within::default(), 5, 4).await.expect("found");
    found.hits.into_iter().map(|hit| hit.conversation.title).collect()
}

fn lisbon() -> Conversation {
    conversation("c1", "Trip", &["Where do we stay in Lisbon?", "The flat in Alfama is booked from the 12th."])
}

async fn what_is_taken_in_is_found_with_its_source(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    server.user("bob").await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    let other = conversation("c2", "Bread", &["How long does rye dough rest?", "Rye dough rests for twelve hours."]);
    assert_eq!(take_in(&server, &ann, vec![lisbon(), other]).await, [Outcome::New, Outcome::New]);
    assert_eq!(found(&server, &ann, "flat in Alfama").await.first().map(String::as_str), Some("Trip"));
    assert_eq!(found(&server, &ann, "rye dough").await.first().map(String::as_str), Some("Bread"));
    assert_eq!(found(&server, &bob, "rye dough").await, Vec::<String>::new());
}

async fn taking_in_again_changes_only_what_is_new(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    assert_eq!(take_in(&server, &ann, vec![lisbon()]).await, [Outcome::New]);
    assert_eq!(take_in(&server, &ann, vec![lisbon()]).await, [Outcome::Unchanged]);
    let mut longer = lisbon();
    longer.messages.extend(conversation("c1b", "", &["And the umbrella?", "It stays at home."]).messages);
    assert_eq!(take_in(&server, &ann, vec![longer]).await, [Outcome::Updated]);
    assert_eq!(found(&server, &ann, "umbrella").await, ["Trip"]);
    let mut edited = lisbon();
    edited.messages[1].text.replace_range(.., "We stay in Belém instead.");
    assert_eq!(take_in(&server, &ann, vec![edited]).await, [Outcome::Updated]);
    assert_eq!(found(&server, &ann, "Alfama").await, Vec::<String>::new());
    assert_eq!(found(&server, &ann, "umbrella").await, Vec::<String>::new());
    assert_eq!(found(&server, &ann, "Belém").await, ["Trip"]);
}

async fn recall_quotes_within_its_budget(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    take_in(&server, &ann, vec![lisbon()]).await;
    let question = Question { query: "where do we stay".to_owned(), budget: 100 };
    let answers = find::recall(&server.app, &ann, &[question], &Within::default()).await.expect("an answer");
    assert!(answers[0].content.contains("The flat in Alfama is booked"), "{}", answers[0].content);
    assert!(answers[0].tokens <= 100);
    assert_eq!(answers[0].sources[0].title, "Trip");
}
