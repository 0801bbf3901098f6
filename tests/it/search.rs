//! Searching by words and by meaning: what is found, by what, in which order,
//! and what is no longer found.

use commonplace::search::backlog;
use serde_json::{Value, json};

use crate::harness::{Engine, Place, Server, User, on_both_engines, run};

on_both_engines!(
    a_memory_is_found_by_what_it_means,
    a_date_before_a_memory_takes_nothing_from_its_meaning,
    each_mode_finds_by_its_own_kind,
    an_answer_can_be_explained,
    a_word_mistyped_finds_what_was_meant,
    numbers_are_never_taken_for_others,
    a_word_of_each_script_is_found_however_it_is_written,
    filters_narrow_before_the_best_are_chosen,
    what_is_stored_edited_moved_deleted_and_restored_is_so_for_the_next_query,
    what_one_server_changes_the_other_finds_and_misses_next,
    what_can_not_be_a_query_is_an_ordinary_one,
    without_memory_for_an_index_words_still_find,
    the_command_line_finds_what_the_server_finds,
    another_model_embeds_everything_again,
    what_was_in_the_trash_while_the_model_changed_is_embedded_when_restored,
    what_other_accounts_store_changes_no_score,
    a_deletion_takes_no_query_that_would_be_cut,
    the_state_says_how_far_the_embeddings_are,
);

/// Percent-encodes everything, so that any text can be a query.
pub fn encoded(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    bytes.concat()
}

/// The texts that a query finds.
async fn texts(user: &User, query: &str, more: &str) -> Vec<String> {
    let found = user.get(&format!("/api/memory?count=100&query={}{more}", encoded(query))).await;
    assert_eq!(found.header("search-lacks"), None, "{query}: {found:?}");
    serde_json::from_value(found.ok()).expect("a list of texts")
}

const FACTS: [&str; 6] = [
    "Ann's brother works as a doctor in a hospital",
    "The car needs new tires before winter",
    "Ann is allergic to peanuts",
    "Her favourite composer is Johann Sebastian Bach",
    "The flat in Lisbon has two bedrooms",
    "Every Tuesday evening she plays badminton",
];

async fn with_facts(server: &Server) -> User {
    let ann = server.user("ann").await;
    for fact in FACTS {
        ann.remember(fact).await;
    }
    ann
}

async fn a_memory_is_found_by_what_it_means(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    // None of these shares a word with what answers it.
    for (question, fact) in [
        ("the physician among the siblings", FACTS[0]),
        ("vehicle maintenance", FACTS[1]),
        ("which food must be avoided, nuts?", FACTS[2]),
        ("classical music", FACTS[3]),
        ("apartment", FACTS[4]),
        ("sport", FACTS[5]),
    ] {
        assert_eq!(texts(&ann, question, "").await.first().map(String::as_str), Some(fact), "{question}");
        assert_eq!(texts(&ann, question, "&mode=lexical").await, [""; 0], "{question} shares a word");
    }
}

async fn a_date_before_a_memory_takes_nothing_from_its_meaning(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (number, date) in ["", "2026-11-24 ", "2026-11-24 - ", "2026-11-24\n\n"].into_iter().enumerate() {
        let bucket = ann.bucket(&format!("Form {number}")).await;
        let text = format!("{date}Ann takes her coffee black");
        ann.post("/api/memory", json!({"text": text, "bucketId": bucket})).await.ok();
        let found = ann.get(&format!("/api/memory?query=hot+drink&explain=true&bucketId={bucket}")).await.ok();
        let cosine = found[0]["explain"]["cosine"].as_f64();
        assert!(cosine.is_some_and(|cosine| (cosine - 0.237).abs() < 0.02), "{text:?}: {found}");
    }
}

async fn each_mode_finds_by_its_own_kind(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    assert_eq!(texts(&ann, "doctors", "&mode=lexical").await, [FACTS[0]]);
    assert_eq!(texts(&ann, "medicine", "&mode=dense").await.len(), FACTS.len(), "all are ranked, whatever they mean");
    assert_eq!(texts(&ann, "doctors", "").await[0], FACTS[0]);
    assert_eq!(texts(&ann, "doctors", "&mode=HYBRID").await, texts(&ann, "doctors", "").await);
    let error = ann.get("/api/memory?query=x&mode=fuzzy").await.error(400);
    assert!(error.contains("'mode'"), "{error}");
}

async fn an_answer_can_be_explained(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    let found = ann.get("/api/v2/memory?query=hospital+doctor&explain=true").await.ok();
    let best = &found["memories"][0];
    assert_eq!(best["text"], json!(FACTS[0]));
    let number = |value: &Value| value.as_f64().expect("a number");
    let explain = &best["explain"];
    assert!(number(&explain["bm25"]) > 0.0);
    assert!((number(&explain["lexical"]) - 1.0).abs() < 1e-6);
    assert!((number(&explain["dense"]) - 1.0).abs() < 1e-6);
    assert!((0.2..=1.0).contains(&number(&explain["cosine"])), "{explain}");
    assert!((number(&best["score"]) - 1.0).abs() < 1e-6, "the best of both kinds scores 1");
    assert_eq!(explain["corrected"], json!([]));
    let by_meaning = ann.get("/api/memory?query=physician&explain=true").await;
    assert!(by_meaning.text.contains(r#""bm25":0.0,"lexical":0.0,"#), "{by_meaning:?}");
    // Without a query there is nothing to explain, and without the parameter it is not.
    assert!(ann.get("/api/memory?explain=true").await.ok()[0].get("explain").is_none());
    assert!(ann.get("/api/memory?includeIds=true&query=doctor").await.ok()[0].get("explain").is_none());
}

async fn a_word_mistyped_finds_what_was_meant(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    for (mistyped, fact) in [
        ("docter", FACTS[0]),
        ("hopsital", FACTS[0]),
        ("peanits", FACTS[2]),
        ("bedroms", FACTS[4]),
        ("Badmintton", FACTS[5]),
    ] {
        assert_eq!(texts(&ann, mistyped, "&mode=lexical").await, [fact], "{mistyped}");
    }
    let found = ann.get("/api/memory?query=hopsital&mode=lexical&explain=true").await.ok();
    assert_eq!(found[0]["explain"]["corrected"], json!([{"from": "hopsital", "to": "hospit"}]));
    // Where the word is there, what is near it is not looked for.
    ann.remember("A doctoe is no word, but it was stored").await;
    assert_eq!(texts(&ann, "doctoe", "&mode=lexical").await, ["A doctoe is no word, but it was stored"]);
    assert_eq!(texts(&ann, "zzzzzzzz", "&mode=lexical").await, [""; 0]);
}

async fn numbers_are_never_taken_for_others(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Order 20261124 and part ab1234cd").await;
    for other in ["20261125", "ab1235cd"] {
        assert_eq!(texts(&ann, other, "&mode=lexical").await, [""; 0], "{other}");
    }
}

async fn a_word_of_each_script_is_found_however_it_is_written(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let cases = [
        ("La crème brûlée était délicieuse", "CREME BRULEE"),
        ("Die Straße heißt Königsallee", "KONIGSALLEE strasse"),
        ("Η Μαρία μένει στην Αθήνα", "αθηνα"),
        ("Мой брат живёт в Москве", "МОСКВЕ живет"),
        ("أخي يعمل طبيبًا في القاهرة", "القاهرة"),
        ("אחותי גרה בירושלים", "בירושלים"),
        ("मेरी बहन दिल्ली में रहती है", "दिल्ली"),
        ("น้องสาวของฉันทำงานที่โรงพยาบาล", "โรงพยาบาล"),
        ("我的妹妹住在北京市朝阳区", "北京"),
        ("姉は東京のコーヒー店で働いている", "コーヒー"),
        ("내 동생은 서울에서 일합니다", "서울에서"),
    ];
    for (text, _) in cases {
        ann.remember(text).await;
    }
    for (text, query) in cases {
        assert_eq!(texts(&ann, query, "&mode=lexical").await, [text], "{query}");
        assert_eq!(texts(&ann, query, "").await[0], text, "{query}");
        let preview = json!({"query": query, "dryRun": true});
        let preview = ann.post("/api/memories/delete-by-filter", preview).await.ok();
        assert_eq!(preview["matched"], json!(1), "{query}");
    }
}

async fn filters_narrow_before_the_best_are_chosen(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let bucket = ann.bucket("Rare").await;
    // More of the better ones than are ever candidates.
    let better: Vec<String> = (0..150).map(|n| format!("tea tea tea, {n}")).collect();
    ann.remember_all(&better).await;
    let rare = json!({
        "text": "once she had a cup of tea on the long way to the far north", "bucketId": bucket, "source": "rare tool",
    });
    ann.post("/api/memory", rare.clone()).await.ok();
    let created = ann.get("/api/memory?storedBy=rare+tool&includeIds=true").await.ok();
    let created = created[0]["metadata"]["createdAt"].as_str().expect("a time").to_owned();
    for mode in ["hybrid", "lexical", "dense"] {
        for filter in [format!("bucketId={bucket}"), "storedBy=rare+tool".to_owned(), format!("after={created}")] {
            let found = texts(&ann, "tea", &format!("&mode={mode}&{filter}")).await;
            assert_eq!(found, [rare["text"].as_str().expect("a text")], "{mode} {filter}");
        }
        assert_eq!(texts(&ann, "tea", &format!("&mode={mode}&before={created}")).await.len(), 100);
        for none in ["bucketId=1", "storedBy=nobody", "after=2999-01-01", "before=1970-01-01", "contentType=image"] {
            assert_eq!(texts(&ann, "tea", &format!("&mode={mode}&{none}")).await, [""; 0], "{mode} {none}");
        }
    }
    for (bad, word) in [("after=soon", "'after'"), ("before=1", "'before'"), ("storedBy=%01", "source")] {
        let error = ann.get(&format!("/api/memory?{bad}")).await.error(400);
        assert!(error.contains(word), "{error}");
    }
}

async fn what_is_stored_edited_moved_deleted_and_restored_is_so_for_the_next_query(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    changes_show(&ann, &ann, 0).await;
}

async fn what_one_server_changes_the_other_finds_and_misses_next(engine: Engine) {
    let place = Place::new(engine).await;
    let (one, two) = (Server::start_at(&place, &[]).await, Server::start_at(&place, &[]).await);
    let here = with_facts(&one).await;
    let there = two.with_token(&here.token);
    for round in 0..6 {
        let (writer, reader) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        changes_show(writer, reader, round).await;
    }
    for mut server in [one, two] {
        server.stop().await;
    }
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

/// Each change by one shows in the next query of the other, in every mode.
async fn changes_show(writer: &User, reader: &User, round: usize) {
    const MODES: [&str; 3] = ["&mode=hybrid", "&mode=lexical", "&mode=dense"];
    let first = format!("Uncle Theodor keeps a parrot, round {round}");
    let edited = format!("Uncle Theodor keeps a goldfish, round {round}");
    let many: Vec<String> = (0..40).map(|n| format!("Uncle Theodor keeps parrot number {n} of {round}")).collect();
    let id = writer.remember(&first).await;
    for mode in MODES {
        assert_eq!(texts(reader, "uncle parrot", mode).await[0], first, "stored, {mode}");
    }
    writer.post("/api/v2/memory/update", json!({"memoryId": id, "text": edited})).await.ok();
    for mode in MODES {
        let found = texts(reader, "uncle theodor goldfish", mode).await;
        assert_eq!(found[0], edited, "edited, {mode}");
        assert!(!found.contains(&first), "edited, {mode}");
    }
    let bucket = writer.bucket(&format!("Pets {round}")).await;
    writer.post("/api/v2/memory/update", json!({"memoryId": id, "bucketId": bucket})).await.ok();
    for mode in MODES {
        let inside = texts(reader, "uncle theodor", &format!("{mode}&bucketId={bucket}")).await;
        assert_eq!(inside, [edited.as_str()], "moved, {mode}");
    }
    let ids = writer.remember_all(&many).await;
    for mode in MODES {
        let found = texts(reader, "uncle theodor parrot number", mode).await;
        assert!(many.iter().all(|text| found.contains(text)), "imported, {mode}");
    }
    writer.post("/api/memories/bulk-delete", json!({"memoryIds": ids})).await.ok();
    for mode in MODES {
        let found = texts(reader, "uncle theodor parrot number", mode).await;
        assert!(!many.iter().any(|text| found.contains(text)), "deleted, {mode}");
    }
    writer.post("/api/memories/restore", json!({"memoryIds": ids[..20]})).await.ok();
    for mode in MODES {
        let found = texts(reader, "uncle theodor parrot number", mode).await;
        assert!(many[..20].iter().all(|text| found.contains(text)), "restored, {mode}");
        assert!(!many[20..].iter().any(|text| found.contains(text)), "restored, {mode}");
    }
    let rest = [&ids[..20], &[id]].concat();
    writer.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": rest})).await.ok();
    for mode in MODES {
        let found = texts(reader, "uncle theodor goldfish", mode).await;
        assert!(!found.iter().any(|text| text.contains("Theodor")), "purged, {mode}: {found:?}");
    }
    writer.delete("/api/trash").await.ok();
    writer.delete(&format!("/api/buckets/{bucket}")).await.ok();
}

async fn what_can_not_be_a_query_is_an_ordinary_one(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    let bob = server.user("bob").await;
    bob.remember("Bob's doctor lives in Lisbon").await;
    let long = "doctor hospital ".repeat(500);
    let wordless = ["?!", "🎉🎉", "\u{200d}", "\u{1}\u{7f}", "\"\"", "()", "-", "*", "''"];
    let with_words = [
        "doctor AND hospital",
        "NEAR(doctor hospital, 5)",
        "text:doctor",
        "\"doctor",
        "doctor*",
        "-doctor",
        "^doctor",
        "doctor' or '1'='1",
        "doctor & hospital | !lisbon <-> x:*",
        "doctor\\",
        "{doctor}",
        "doctor 🎉",
        "dóctor\u{301}",
        "doctor\u{0}\u{1}hospital",
        "doc\ttor doctor\r\n",
        "%doctor_",
        &long,
    ];
    for mode in ["hybrid", "lexical", "dense"] {
        for query in wordless {
            assert_eq!(texts(&ann, query, &format!("&mode={mode}")).await, [""; 0], "{query:?} {mode}");
        }
        for query in with_words {
            let found = texts(&ann, query, &format!("&mode={mode}")).await;
            assert!(!found.iter().any(|text| text.contains("Bob")), "{query:?} {mode}");
            assert_eq!(found.first().map(String::as_str), Some(FACTS[0]), "{query:?} {mode}");
        }
    }
}

async fn without_memory_for_an_index_words_still_find(engine: Engine) {
    let server = Server::start_with(engine, &[("search_memory_mb", "0")]).await;
    let ann = with_facts(&server).await;
    let found = ann.get("/api/memory?query=doctor").await;
    assert_eq!(found.ok()[0], json!(FACTS[0]));
    let (lacks, by_meaning) = match engine {
        Engine::Sqlite => (Some("index-too-large"), json!([])),
        Engine::Postgres => (None, json!([FACTS[0]])),
    };
    assert_eq!(found.header("search-lacks"), lacks);
    let found = ann.get("/api/memory?query=physician&mode=dense&count=1").await;
    assert_eq!((found.header("search-lacks"), found.ok()), (lacks, by_meaning));
    // Filters and pages go the same way.
    let none = ann.get("/api/memory?query=doctor&mode=lexical&after=2999-01-01").await.ok();
    assert_eq!(none, json!([]));
    assert_eq!(ann.get("/api/memory?query=doctor&mode=lexical&skip=1").await.ok(), json!([]));
    assert_eq!(ann.get("/api/memory?query=doctor&mode=lexical&storedBy=x").await.ok(), json!([]));
}

async fn the_command_line_finds_what_the_server_finds(engine: Engine) {
    let server = Server::start(engine).await;
    let place = server.place.as_ref().expect("its own");
    let ann = with_facts(&server).await;
    let (code, out, error) = run(place, &["search", "a", "physician", "--user", "ann", "-n", "1", "--json"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let line: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(line["text"], json!(FACTS[0]));
    let (_, out, error) = run(place, &["search", "hopsital", "--user", "ann", "--mode", "lexical", "--explain"]);
    assert!(out.contains(FACTS[0]) && out.contains("cosine none") && out.lines().count() == 1, "{out}");
    assert!(error.contains("'hopsital'"), "{error}");
    assert_eq!(run(place, &["search", "doctor", "--user", "ann", "--bucket", "Nowhere"]).0, 4);
    assert_eq!(run(place, &["search", "doctor", "--user", "ann", "--after", "soon"]).0, 2);
    assert_eq!(run(place, &["search", "doctor", "--user", "ann", "--after", "2999-01-01"]).1, "");
    drop(ann);
}

async fn another_model_embeds_everything_again(engine: Engine) {
    let place = Place::new(engine).await;
    let mut before = Server::start_at(&place, &[]).await;
    let ann = with_facts(&before).await;
    before.stop().await;
    // Nobody listens there, so what is stored now waits, and queries go by words.
    let away = [("embedder", "openai"), ("embedder_url", "http://127.0.0.1:9/v1"), ("embedder_model", "away")];
    let mut server = Server::start_at(&place, &away).await;
    let there = server.with_token(&ann.token);
    backlog::clear_other_spaces(&server.app).await.expect("cleared");
    there.remember("The doctor moved to Porto").await;
    let found = there.get("/api/memory?query=doctor").await;
    assert_eq!(found.header("search-lacks"), Some("embedder-unavailable"));
    assert_eq!(found.ok().as_array().map(Vec::len), Some(2));
    let pending = backlog::embed_pending(&server.app).await.expect("the storage works");
    assert_eq!(pending.embedded, 0);
    assert!(pending.unavailable.is_some());
    let state = there.get("/api/search/state").await.ok();
    assert_eq!((&state["embedded"], &state["memories"]), (&json!(0), &json!(7)));
    assert!(state["failure"].is_string(), "{state}");
    server.stop().await;
    // Back to the first model: its embeddings are gone, so they are made again.
    let server = Server::start_at(&place, &[]).await;
    let there = server.with_token(&ann.token);
    let found = there.get("/api/memory?query=physician").await;
    assert_eq!((found.header("search-lacks"), found.ok()), (Some("embeddings-pending"), json!([])));
    assert_eq!(backlog::embed_pending(&server.app).await.expect("embedded").embedded, 7);
    assert_eq!(texts(&there, "physician", "").await[0], FACTS[0]);
    assert_eq!(backlog::embed_pending(&server.app).await.expect("embedded").embedded, 0, "once is enough");
}

async fn what_was_in_the_trash_while_the_model_changed_is_embedded_when_restored(engine: Engine) {
    let place = Place::new(engine).await;
    let away = [("embedder", "openai"), ("embedder_url", "http://127.0.0.1:9/v1"), ("embedder_model", "away")];
    let mut before = Server::start_at(&place, &[]).await;
    let ann = before.user("ann").await;
    let id = ann.remember(FACTS[0]).await;
    let deleted = ann.post("/api/memories/bulk-delete", json!({"memoryIds": [id]})).await.ok();
    assert_eq!(deleted["deleted"], json!(1));
    before.stop().await;
    let server = Server::start_at(&place, &away).await;
    let there = server.with_token(&ann.token);
    there.post("/api/memories/restore", json!({"memoryIds": [id]})).await.ok();
    let state = there.get("/api/search/state").await.ok();
    assert_eq!((&state["embedded"], &state["memories"]), (&json!(0), &json!(1)));
    let pending = backlog::embed_pending(&server.app).await.expect("the storage works");
    assert!(pending.unavailable.is_some(), "it is to be embedded again");
}

/// Scores tell nothing of what others store.
async fn what_other_accounts_store_changes_no_score(engine: Engine) {
    for memory in ["0", "64"] {
        let server = Server::start_with(engine, &[("search_memory_mb", memory)]).await;
        let ann = with_facts(&server).await;
        let question = "/api/memory?query=doctor+hospital+lisbon&explain=true";
        let before = ann.get(question).await.ok();
        let bob = server.user("bob").await;
        let texts: Vec<String> = (0..200).map(|n| format!("The doctor in Lisbon has number {n}")).collect();
        bob.remember_all(&texts).await;
        assert_eq!(ann.get(question).await.ok(), before, "search_memory_mb = {memory}");
    }
}

async fn a_deletion_takes_no_query_that_would_be_cut(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let words: Vec<String> = (0..70).map(|n| format!("word{n}x")).collect();
    let (all, fewer) = (words.join(" "), words[..66].join(" "));
    ann.remember(&fewer).await;
    // A search may leave words out; a deletion by them would delete what has only some of them.
    assert_eq!(texts(&ann, &all, "&mode=lexical").await, [fewer.as_str()]);
    let error = ann.post("/api/memories/delete-by-filter", json!({"query": all, "dryRun": true})).await.error(400);
    assert!(error.contains("64"), "{error}");
    let most = json!({"query": words[..64].join(" "), "dryRun": true});
    assert_eq!(ann.post("/api/memories/delete-by-filter", most).await.ok()["matched"], json!(1));
}

async fn the_state_says_how_far_the_embeddings_are(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_facts(&server).await;
    let state = ann.get("/api/search/state").await.ok();
    assert!(state["embedder"].as_str().is_some_and(|name| name.starts_with("static-256-")), "{state}");
    assert_eq!((&state["embedded"], &state["memories"]), (&json!(6), &json!(6)));
    assert_eq!(state["failure"], json!(null));
    let bob = server.user("bob").await;
    assert_eq!(bob.get("/api/search/state").await.ok()["memories"], json!(0));
}
