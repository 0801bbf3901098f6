//! Chat history: what is taken in is found, and taken in again changes nothing.

mod crash;
pub mod http;
pub mod imports;

use commonplace::auth::{Caller, ops as auth};
use commonplace::clock::Micros;
use commonplace::history::delete::{self, How, To};
use commonplace::history::find::{self, Question, Within};
use commonplace::history::import::{Conversation, Message, Role};
use commonplace::history::jobs;
use commonplace::history::ops::{self, Incoming, Outcome};
use commonplace::history::summary;
use commonplace::memory::delete::Deleted;
use commonplace::search::backlog;

use crate::harness::{Engine, Place, Server, contains, on_both_engines, run};

on_both_engines!(
    what_is_taken_in_is_found_with_its_source,
    taking_in_again_changes_only_what_is_new,
    a_chat_that_was_branched_is_found_once,
    recall_quotes_within_its_budget,
    what_is_deleted_is_found_by_nobody_and_comes_back_whole,
    deleting_counts_each_id_once_and_only_ones_own,
    what_is_excluded_is_never_taken_in_again,
    excluding_what_is_in_the_trash_takes_what_came_again,
    a_purged_conversation_leaves_no_trace,
    a_removed_user_leaves_no_conversation,
    an_older_export_takes_nothing_away,
    an_import_that_was_stopped_writes_nothing_more,
    what_was_deleted_comes_back_by_an_import_and_not_by_itself,
    a_purge_takes_from_imports_what_may_tell_of_it,
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
    let incoming = |conversation| Incoming {
        platform: "chatgpt".to_owned(),
        conversation,
        is_whole: true,
        import: None,
        is_automatic: false,
    };
    let batch = all.into_iter().map(incoming).collect();
    let ingested = ops::ingest(&server.app, caller, batch, true).await.expect("taken in");
    ingested.into_iter().map(|one| one.outcome).collect()
}

async fn gone(server: &Server, caller: &Caller, ids: Vec<String>, to: To) -> Deleted {
    let how = How { to, pinned_too: false };
    delete::delete(&server.app, caller, ids, how).await.expect("deleted").deleted
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

async fn a_chat_that_was_branched_is_found_once(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let said = ["Which flat?", "The one in Alfama."];
    let one = conversation("a", "One", &said);
    let branch = Conversation { id: "b".to_owned(), title: "Two".to_owned(), ..one.clone() };
    // Somebody may say the same again.
    let again = conversation("c", "Three", &said);
    take_in(&server, &ann, vec![one, branch, again]).await;
    let before = found(&server, &ann, "flat").await;
    assert!(before.contains(&"Three".to_owned()) && before.len() == 2, "{before:?}");
    let copy = find::find(&server.app, &ann, "flat", Within::default(), 5, 0).await.expect("found").hits;
    let copy = copy.into_iter().find(|hit| hit.conversation.title != "Three").expect("a copy");
    gone(&server, &ann, vec![copy.conversation.id], To::Nothing).await;
    let after = found(&server, &ann, "flat").await;
    assert!(after.len() == 2 && after != before, "{before:?}, {after:?}");
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

/// The id of the conversation with this id at its platform.
async fn id_of(server: &Server, caller: &Caller, query: &str) -> String {
    let found = find::find(&server.app, caller, query, Within::default(), 5, 0).await.expect("found");
    found.hits[0].conversation.id.clone()
}

async fn what_is_deleted_is_found_by_nobody_and_comes_back_whole(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    take_in(&server, &ann, vec![lisbon()]).await;
    let id = id_of(&server, &ann, "Alfama").await;
    let deleted = gone(&server, &ann, vec![id.clone()], To::Trash).await;
    assert_eq!((deleted.ids.len(), deleted.failed, deleted.purged), (1, 0, false));
    assert_eq!(found(&server, &ann, "Alfama").await, Vec::<String>::new());
    assert_eq!(delete::restore(&server.app, &ann, vec![id.clone(), "x".into()]).await.expect("restored"), (1, 1));
    assert_eq!(delete::restore(&server.app, &ann, vec![id.clone()]).await.expect("nothing"), (0, 1));
    assert_eq!(found(&server, &ann, "Alfama").await, ["Trip"]);
    assert_eq!(id_of(&server, &ann, "Alfama").await, id);
    // As it was: taking it in again finds nothing new.
    assert_eq!(take_in(&server, &ann, vec![lisbon()]).await, [Outcome::Unchanged]);
}

async fn deleting_counts_each_id_once_and_only_ones_own(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    server.user("bob").await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    take_in(&server, &ann, vec![lisbon()]).await;
    let id = id_of(&server, &ann, "Alfama").await;
    let ids = vec![id.clone(), id.clone(), "conv_x".to_owned()];
    for to in [To::Trash, To::Nothing, To::Exclusion] {
        let deleted = gone(&server, &bob, ids.clone(), to).await;
        assert_eq!((deleted.ids.len(), deleted.failed), (0, 2));
    }
    let deleted = gone(&server, &ann, ids, To::Trash).await;
    assert_eq!((deleted.ids.len(), deleted.failed), (1, 1));
    assert_eq!(delete::restore(&server.app, &bob, vec![id.clone()]).await.expect("nothing"), (0, 1));
    let purged = delete::purge(&server.app, &bob, Some(vec![id.clone()]), None).await.expect("nothing");
    assert_eq!((purged.ids.len(), purged.failed), (0, 1));
    assert_eq!(delete::restore(&server.app, &ann, vec![id]).await.expect("restored"), (1, 0));
}

async fn what_is_excluded_is_never_taken_in_again(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    take_in(&server, &ann, vec![lisbon()]).await;
    let id = id_of(&server, &ann, "Alfama").await;
    gone(&server, &ann, vec![id], To::Exclusion).await;
    assert_eq!(take_in(&server, &ann, vec![lisbon()]).await, [Outcome::Excluded]);
    assert_eq!(found(&server, &ann, "Alfama").await, Vec::<String>::new());
}

async fn excluding_what_is_in_the_trash_takes_what_came_again(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    take_in(&server, &ann, vec![lisbon()]).await;
    let trashed = id_of(&server, &ann, "Alfama").await;
    gone(&server, &ann, vec![trashed.clone()], To::Trash).await;
    assert_eq!(take_in(&server, &ann, vec![lisbon()]).await, [Outcome::New]);
    let again = id_of(&server, &ann, "Alfama").await;
    let deleted = gone(&server, &ann, vec![trashed.clone()], To::Exclusion).await;
    let mut both = vec![trashed, again];
    both.sort();
    assert_eq!((deleted.ids, deleted.failed), (both, 0));
    assert_eq!(found(&server, &ann, "Alfama").await, Vec::<String>::new());
    assert_eq!(take_in(&server, &ann, vec![lisbon()]).await, [Outcome::Excluded]);
}

/// A conversation of words that nothing else has.
fn marked() -> (Conversation, Vec<String>) {
    let words: Vec<String> = (0..80).map(|number| format!("quux{number}zyx")).collect();
    let said: Vec<String> = words.chunks(8).map(|words| words.join(" ")).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    (conversation("marked", "titlewordzyx", &said), words)
}

fn traces(place: &Place, words: &[String]) -> Vec<String> {
    let files = place.files();
    let words = words.iter().map(String::as_str).chain(["titlewordzyx"]);
    let is_there = |word: &&str| files.iter().any(|(_, bytes)| contains(bytes, word));
    words.filter(is_there).map(str::to_owned).collect()
}

async fn a_purged_conversation_leaves_no_trace(engine: Engine) {
    let mut server = Server::start(engine).await;
    let place = server.place.take().expect("its own");
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let others = (0..200).map(|number| {
        conversation(
            &format!("o{number}"),
            "other",
            &[&format!("what of {number}"), &"an answer of some length ".repeat(20)],
        )
    });
    take_in(&server, &ann, others.collect()).await;
    for round in 0..3 {
        let (conversation, words) = marked();
        take_in(&server, &ann, vec![conversation]).await;
        let id = id_of(&server, &ann, "quux7zyx").await;
        let summary = summary::get_or_generate(&server.app, &ann, &id).await.expect("a summary");
        assert!(summary.text.contains("titlewordzyx\nquux0zyx"), "{}", summary.text);
        if engine == Engine::Sqlite {
            assert_eq!(traces(&place, &words).len(), words.len() + 1, "it is there before");
        }
        if round == 0 {
            gone(&server, &ann, vec![id.clone()], To::Trash).await;
            let purged = delete::purge(&server.app, &ann, Some(vec![id]), None).await.expect("purged");
            assert!(!purged.erasure_pending);
        } else {
            let purged = gone(&server, &ann, vec![id], To::Nothing).await;
            assert!(!purged.erasure_pending);
        }
        assert_eq!(traces(&place, &words), Vec::<String>::new(), "round {round}");
    }
    assert_eq!(found(&server, &ann, "what of 7").await, ["other"]);
    server.stop().await;
    let (code, out, error) = run(&place, &["doctor"]);
    assert_eq!(code, 0, "{out}{error}");
}

async fn a_removed_user_leaves_no_conversation(engine: Engine) {
    let mut server = Server::start(engine).await;
    let place = server.place.take().expect("its own");
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let (conversation, words) = marked();
    take_in(&server, &ann, vec![conversation, lisbon()]).await;
    let id = id_of(&server, &ann, "Alfama").await;
    gone(&server, &ann, vec![id], To::Trash).await;
    let (code, _, error) = run(&place, &["user", "remove", "ann", "--yes"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(traces(&place, &words), Vec::<String>::new());
    assert!(place.files().iter().all(|(_, bytes)| !contains(bytes, "Alfama")));
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

/// What becomes of a conversation.
async fn outcome(server: &Server, caller: &Caller, incoming: Incoming) -> Outcome {
    ops::ingest(&server.app, caller, vec![incoming], false).await.expect("taken in")[0].outcome
}

fn incoming(conversation: Conversation) -> Incoming {
    Incoming { platform: "chatgpt".to_owned(), conversation, is_whole: true, import: None, is_automatic: false }
}

async fn an_older_export_takes_nothing_away(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let at = |conversation: Conversation, day: i64| Conversation {
        updated_at: Some(Micros(0).plus_days(20_000 + day)),
        ..conversation
    };
    let mut newer = lisbon();
    newer.messages.extend(conversation("c1b", "", &["And the umbrella?", "It stays at home."]).messages);
    assert_eq!(outcome(&server, &ann, incoming(at(newer.clone(), 2))).await, Outcome::New);
    assert_eq!(outcome(&server, &ann, incoming(at(lisbon(), 1))).await, Outcome::Unchanged);
    assert_eq!(found(&server, &ann, "umbrella").await, ["Trip"]);
    // One from the same time or later is what the person sees there.
    assert_eq!(outcome(&server, &ann, incoming(at(lisbon(), 2))).await, Outcome::Updated);
    assert_eq!(found(&server, &ann, "umbrella").await, Vec::<String>::new());
}

async fn an_import_that_was_stopped_writes_nothing_more(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let job = jobs::begin(&server.app, &ann, jobs::Kind::File, "export.zip", 1).await.expect("begun");
    let of_it = |conversation| Incoming { import: Some(job.id.clone()), ..incoming(conversation) };
    assert_eq!(outcome(&server, &ann, of_it(lisbon())).await, Outcome::New);
    jobs::cancel(&server.app, &ann, &job.id).await.expect("cancelled");
    let more = conversation("c2", "Bread", &["Rye?", "Twelve hours."]);
    let refused = ops::ingest(&server.app, &ann, vec![of_it(more)], false).await.expect_err("it is over");
    assert_eq!(refused.to_string(), "The import was stopped.");
    assert_eq!(found(&server, &ann, "rye").await, Vec::<String>::new());
    assert_eq!(found(&server, &ann, "Alfama").await, ["Trip"]);
}

async fn what_was_deleted_comes_back_by_an_import_and_not_by_itself(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let by_itself = || Incoming { is_automatic: true, ..incoming(lisbon()) };
    assert_eq!(outcome(&server, &ann, by_itself()).await, Outcome::New);
    for to in [To::Trash, To::Nothing] {
        let id = id_of(&server, &ann, "Alfama").await;
        gone(&server, &ann, vec![id], to).await;
        assert_eq!(outcome(&server, &ann, by_itself()).await, Outcome::Excluded);
        assert_eq!(outcome(&server, &ann, incoming(lisbon())).await, Outcome::New);
        // Somebody wanted it again, so it goes on.
        assert_eq!(outcome(&server, &ann, by_itself()).await, Outcome::Unchanged);
    }
    let id = id_of(&server, &ann, "Alfama").await;
    gone(&server, &ann, vec![id.clone()], To::Trash).await;
    assert_eq!(delete::restore(&server.app, &ann, vec![id]).await.expect("restored"), (1, 0));
    assert_eq!(outcome(&server, &ann, by_itself()).await, Outcome::Unchanged);
}

async fn a_purge_takes_from_imports_what_may_tell_of_it(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    let job = jobs::begin(&server.app, &ann, jobs::Kind::File, "My divorce.json", 1).await.expect("begun");
    let report = serde_json::from_value(serde_json::json!({
        "formats": {}, "new": 1, "updated": 0, "unchanged": 0, "too_long": 0, "excluded": 0, "memories": 0,
        "known_memories": 0, "skipped": 0, "failed": 1, "failures": [{"place": "My divorce.json", "why": "broken"}],
    }));
    assert_eq!(
        outcome(&server, &ann, Incoming { import: Some(job.id.clone()), ..incoming(lisbon()) }).await,
        Outcome::New
    );
    assert!(jobs::note(&server.app, ann.account, &job.id, 1, Some(report.expect("a report"))).await.expect("noted"));
    // The same file again, which failed for another reason, and one of other conversations.
    let end = async |name: &str, new: u64, why: &str| {
        let job = jobs::begin(&server.app, &ann, jobs::Kind::File, name, 1).await.expect("begun");
        let report = serde_json::from_value(serde_json::json!({
            "formats": {}, "new": new, "updated": 0, "unchanged": 0, "too_long": 0, "excluded": 0, "memories": 0,
            "known_memories": 0, "skipped": 0, "failed": 0, "failures": [],
        }));
        jobs::note(&server.app, ann.account, &job.id, 1, Some(report.expect("a report"))).await.expect("noted");
        jobs::end(&server.app, ann.account, &job.id, jobs::State::Failed, Some(why.to_owned())).await.expect("over");
        job.id
    };
    let again = end("My divorce.json", 0, "My divorce.json: it is cut off").await;
    let other = end("All.json", 3, "All.json: it is cut off").await;
    // One that had brought it first, before the other changed it.
    let first = end("My divorce (1).json", 1, "").await;
    let id = id_of(&server, &ann, "Alfama").await;
    gone(&server, &ann, vec![id.clone()], To::Trash).await;
    assert_eq!(jobs::get(&server.app, &ann, &job.id).await.expect("there").name, "My divorce.json");
    delete::purge(&server.app, &ann, Some(vec![id]), None).await.expect("purged");
    let job = jobs::get(&server.app, &ann, &job.id).await.expect("there");
    assert_eq!((job.name.as_str(), job.report.new, job.report.failed), ("", 1, 1));
    assert_eq!(job.report.failures, []);
    let again = jobs::get(&server.app, &ann, &again).await.expect("there");
    assert_eq!((again.name.as_str(), again.error.as_deref()), ("", Some("it is cut off")));
    assert_eq!(jobs::get(&server.app, &ann, &first).await.expect("there").name, "");
    assert_eq!(jobs::get(&server.app, &ann, &other).await.expect("there").name, "All.json");
}

/// How many pages of words wait to be put into their places; none does afterwards.
async fn settled(server: &Server) -> i64 {
    let flags = server.place.as_ref().expect("a place").flags();
    let (_, url) = flags.into_iter().find(|(name, _)| *name == "database_url").expect("a database");
    let pool = sqlx::PgPool::connect(&url).await.expect("connected");
    let pages = sqlx::query_scalar("select gin_clean_pending_list('chunk_tsv')").fetch_one(&pool).await;
    pool.close().await;
    pages.expect("an index")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_an_import_do_not_wait_in_postgres_for_long() {
    let server = Server::start(Engine::Postgres).await;
    server.user("ann").await;
    let ann = caller(&server, "ann").await;
    take_in(&server, &ann, vec![lisbon()]).await;
    assert!(settled(&server).await > 0, "words don't wait at all");
    take_in(&server, &ann, vec![conversation("c2", "Bread", &["Rye?", "Twelve hours."])]).await;
    assert_eq!(found(&server, &ann, "twelve").await, ["Bread"]);
    backlog::embed_pending(&server.app).await.expect("the storage works");
    assert_eq!(settled(&server).await, 0);
    assert_eq!(found(&server, &ann, "twelve").await, ["Bread"]);
}
