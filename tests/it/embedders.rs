//! The embedders that are not built in: a server of the `OpenAI` form, which a stub
//! on a real socket plays, good or bad; and a transformer with its real weights.

use std::sync::Arc;
use std::time::Duration;

use commonplace::clock::{Clock, Micros};
use commonplace::embed::openai::{Failure, OpenAi, Settings};
use commonplace::outbound::ApiKey;
use commonplace::search::backlog;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::harness::{Engine, Server, on_both_engines};
use crate::stub::{Reply, Seen, Stub};

on_both_engines!(
    what_waits_is_embedded_when_the_server_is_back,
    one_text_that_the_server_refuses_keeps_no_other_waiting,
    a_text_edited_meanwhile_is_not_given_the_embedding_of_the_old_one,
);

const KEY: &str = "sk-very-secret";

impl Seen {
    fn texts(&self) -> Vec<String> {
        serde_json::from_value(self.body["input"].clone()).expect("a list of texts")
    }
}

impl Stub {
    fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.base_url(), "small");
        settings.key = Some(ApiKey::new(KEY).expect("a key"));
        settings.first_wait = Duration::ZERO;
        // Only the tests of silent servers are about time.
        settings.connect_timeout = Duration::from_mins(1);
        settings.query_timeout = Duration::from_mins(1);
        settings
    }

    fn client(&self) -> OpenAi {
        self.client_with(|_| ())
    }

    fn client_with(&self, change: impl FnOnce(&mut Settings)) -> OpenAi {
        let mut settings = self.settings();
        change(&mut settings);
        OpenAi::new(settings, Clock::default()).expect("good settings")
    }
}

/// The stub's embedding of a text, which tells one text from another.
fn embedding(text: &str) -> Vec<f32> {
    let number = |n: usize| f32::from(u16::try_from(n).expect("a short text"));
    vec![number(text.chars().count()), f32::from(text.bytes().last().unwrap_or(0)), 1.0]
}

fn embeddings(texts: &[String]) -> Vec<Vec<f32>> {
    texts.iter().map(|text| embedding(text)).collect()
}

fn good_answer(seen: &Seen) -> String {
    let item =
        |(index, text): (usize, &String)| json!({"object": "embedding", "index": index, "embedding": embedding(text)});
    let mut data: Vec<Value> = seen.texts().iter().enumerate().map(item).collect();
    // Servers that compute in parallel send what is ready first.
    data.reverse();
    json!({"object": "list", "data": data, "model": "small", "usage": {"prompt_tokens": 1}}).to_string()
}

fn good(seen: &Seen) -> Reply {
    Reply::Answer(200, None, good_answer(seen))
}

fn json_answer(data: &Value) -> Reply {
    Reply::Answer(200, None, json!({ "data": data }).to_string())
}

fn status(status: u16) -> Reply {
    Reply::Answer(status, None, String::new())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The sentence of a failure of the kind that is expected.
macro_rules! sentence {
    ($kind:ident, $result:expr) => {
        match $result {
            Err(Failure::$kind(sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    };
}

#[tokio::test]
async fn embeddings_come_in_the_order_of_the_texts() {
    let stub = Stub::start(good).await;
    let client = stub.client();
    let texts = texts(&["one", "three", "seventeen"]);
    assert_eq!(client.embed_documents(&texts).await, Ok(embeddings(&texts)));
    assert_eq!(client.embed_query("where?").await, Ok(embedding("where?")));
    assert_eq!(client.embed_documents(&[]).await, Ok(vec![]));
    assert_eq!((client.dimensions(), stub.requests()), (Some(3), 2));
}

#[tokio::test]
async fn requests_have_the_form_that_servers_expect() {
    let stub = Stub::start(good).await;
    let client = stub.client_with(|settings| {
        settings.base_url.push('/');
        settings.query_prefix = "search_query: ".to_owned();
        settings.document_prefix = "search_document: ".to_owned();
    });
    client.embed_documents(&texts(&["a", "b"])).await.expect("embeddings");
    client.embed_query("c").await.expect("an embedding");
    let short = stub.client_with(|settings| {
        settings.key = None;
        settings.dimensions = Some(3);
    });
    short.embed_query("d").await.expect("an embedding");
    let seen = stub.seen();
    let bodies: Vec<&Value> = seen.iter().map(|seen| &seen.body).collect();
    assert_eq!(
        bodies,
        [
            &json!({"model": "small", "input": ["search_document: a", "search_document: b"], "encoding_format": "float"}),
            &json!({"model": "small", "input": ["search_query: c"], "encoding_format": "float"}),
            &json!({"model": "small", "input": ["d"], "encoding_format": "float", "dimensions": 3}),
        ]
    );
    assert!(seen.iter().all(|seen| seen.path == "/v1/embeddings"));
    assert!(seen.iter().all(|seen| seen.headers["content-type"] == "application/json"));
    assert_eq!(seen[0].headers["authorization"], format!("Bearer {KEY}"));
    assert!(!seen[2].headers.contains_key("authorization"));
}

#[tokio::test]
async fn many_texts_go_in_batches_over_one_connection() {
    let stub = Stub::start(good).await;
    let client = stub.client_with(|settings| settings.batch_chars = 1000);
    let mut texts: Vec<String> = (0..150).map(|number| format!("text {number}")).collect();
    texts.extend(["x".repeat(700), "y".repeat(700)]);
    assert_eq!(client.embed_documents(&texts).await, Ok(embeddings(&texts)));
    let sizes: Vec<usize> = stub.seen().iter().map(|seen| seen.texts().len()).collect();
    assert_eq!(sizes, [64, 64, 23, 1]);
    assert_eq!(stub.connections(), 1);
}

#[tokio::test]
async fn of_a_long_text_the_beginning_is_embedded() {
    let stub = Stub::start(good).await;
    let client = stub.client_with(|settings| settings.max_text_chars = 10);
    let found = client.embed_documents(&texts(&["ä long text that goes on"])).await;
    assert_eq!(found, Ok(vec![embedding("ä long tex")]));
}

#[tokio::test]
async fn a_text_that_is_too_long_for_the_model_is_shortened_until_it_fits() {
    for refusal in [400, 413, 500] {
        let stub =
            Stub::start(
                move |seen| {
                    if seen.texts().iter().any(|text| text.len() > 1000) { status(refusal) } else { good(seen) }
                },
            )
            .await;
        let found = stub.client().embed_documents(&["x".repeat(3000)]).await;
        assert_eq!(found, Ok(vec![embedding(&"x".repeat(750))]));
    }
}

#[tokio::test]
async fn one_bad_text_is_rejected_and_can_be_told_from_the_others() {
    let stub = Stub::start(|seen| {
        let bad = seen.texts().iter().any(|text| text.contains("bad"));
        if bad {
            Reply::Answer(400, None, json!({"error": {"message": "bad", "code": "bad_input"}}).to_string())
        } else {
            good(seen)
        }
    })
    .await;
    let client = stub.client();
    let texts = texts(&["one", "bad", "three"]);
    let sentence = sentence!(Rejected, client.embed_documents(&texts).await);
    assert!(sentence.contains("(400, bad_input)"), "{sentence}");
    let mut alone = Vec::new();
    for text in &texts {
        alone.push(client.embed_documents(std::slice::from_ref(text)).await.is_ok());
    }
    assert_eq!(alone, [true, false, true]);
    // A server that embeds the others is well.
    assert_eq!((client.state().consecutive_failures, client.state().last_error), (0, None));
}

#[tokio::test]
async fn a_text_that_breaks_the_server_is_rejected_and_not_tried_for_ever() {
    let stub =
        Stub::start(|seen| if seen.texts().contains(&"bad".to_owned()) { status(500) } else { good(seen) }).await;
    sentence!(Rejected, stub.client().embed_documents(&texts(&["bad"])).await);
    // Four tries and the question whether another text can be embedded.
    assert_eq!(stub.requests(), 5);
}

#[tokio::test]
async fn a_server_that_takes_one_text_at_a_time_can_be_used() {
    let stub = Stub::start(|seen| json_answer(&json!([{"index": 0, "embedding": embedding(&seen.texts()[0])}]))).await;
    let client = stub.client();
    let sentence = sentence!(Rejected, client.embed_documents(&texts(&["one", "two"])).await);
    assert!(sentence.contains("1 embeddings for 2 texts"), "{sentence}");
    assert_eq!(client.embed_documents(&texts(&["one"])).await, Ok(vec![embedding("one")]));
    let single = stub.client_with(|settings| settings.batch_texts = 1);
    let texts = texts(&["one", "two"]);
    assert_eq!(single.embed_documents(&texts).await, Ok(embeddings(&texts)));
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let mut replies = [503, 500, 429].into_iter();
    let stub = Stub::start(move |seen| {
        let busy = |code| Reply::Answer(code, Some(("retry-after", "0".to_owned())), String::new());
        replies.next().map_or_else(|| good(seen), busy)
    })
    .await;
    let client = stub.client();
    assert_eq!(client.embed_documents(&texts(&["one"])).await, Ok(vec![embedding("one")]));
    assert_eq!((stub.requests(), client.state().consecutive_failures), (4, 0));
}

#[tokio::test]
async fn tries_end() {
    let stub = Stub::start(|_| status(502)).await;
    let client = stub.client();
    sentence!(Unavailable, client.embed_documents(&texts(&["one"])).await);
    assert_eq!(stub.requests(), 4);
    stub.behave(|_| status(500));
    sentence!(Unavailable, client.embed_documents(&texts(&["one"])).await);
    assert_eq!((stub.requests(), client.state().consecutive_failures), (4 + 5, 2));
}

#[tokio::test]
async fn a_server_that_wants_a_long_pause_gets_it() {
    let stub = Stub::start(|_| Reply::Answer(429, Some(("retry-after", "600".to_owned())), String::new())).await;
    let client = stub.client();
    sentence!(Unavailable, client.embed_documents(&texts(&["one"])).await);
    assert_eq!(stub.requests(), 1);
    let state = client.state();
    let failed = state.last_failure.expect("the time of the failure");
    assert_eq!(state.retry_at, Some(Micros(failed.0 + 600_000_000)));
}

#[tokio::test]
async fn a_refused_key_is_told_at_once_and_without_the_key() {
    for code in [401, 403] {
        let stub = Stub::start(move |seen| {
            let message = format!("{KEY} may not embed {}", seen.texts()[0]);
            let error = json!({"error": {"message": message, "type": "auth", "code": message}});
            Reply::Answer(code, None, error.to_string())
        })
        .await;
        let client = stub.client();
        let sentence = sentence!(Misconfigured, client.embed_documents(&texts(&["private words"])).await);
        assert_eq!(stub.requests(), 1);
        assert!(sentence.contains("does not accept the key") && sentence.contains(&code.to_string()), "{sentence}");
        let state = client.state();
        assert_eq!(state.last_error.as_deref(), Some(sentence.as_str()));
        for shown in [sentence, format!("{state:?} {client:?}")] {
            assert!(!shown.contains("secret") && !shown.contains("private"), "{shown}");
        }
        stub.behave(good);
        client.embed_documents(&texts(&["one"])).await.expect("an embedding");
        assert_eq!(client.state().consecutive_failures, 0);
    }
}

#[tokio::test]
async fn an_unknown_model_or_address_is_told_with_what_to_check() {
    let stub = Stub::start(|_| Reply::Answer(404, None, "<html>not here</html>".to_owned())).await;
    let sentence = sentence!(Misconfigured, stub.client().embed_documents(&texts(&["one"])).await);
    assert!(sentence.contains("model 'small'") && sentence.contains("/v1"), "{sentence}");
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn answers_of_no_use_are_told_apart_and_never_taken() {
    let of = |first: Value, second: Value| {
        let data = json!([{"index": 0, "embedding": first}, {"index": 1, "embedding": second}]);
        (200, json!({ "data": data }).to_string())
    };
    for ((code, body), part) in [
        ((200, "<!doctype html><title>private words</title>".to_owned()), "a web page"),
        ((200, "private words".to_owned()), "not JSON"),
        ((200, json!({"error": "private words"}).to_string()), "not an answer with embeddings"),
        ((200, json!({"data": []}).to_string()), "0 embeddings for"),
        (of(json!([1, 2]), json!([1])), "embeddings"),
        (of(json!([null]), json!([null])), "embeddings"),
        ((200, json!({"data": [{"index": 7, "embedding": [1]}]}).to_string()), "indexes"),
        ((400, "private words".to_owned()), "(400)"),
    ] {
        let stub = Stub::start(move |_| Reply::Answer(code, None, body.clone())).await;
        let client = stub.client();
        // The same for every text, so it is not the texts.
        let sentence = sentence!(Misconfigured, client.embed_documents(&texts(&["private words", "two"])).await);
        assert!(sentence.contains(part), "{part}: {sentence}");
        assert!(!sentence.contains("private"), "{sentence}");
        assert_eq!((client.dimensions(), client.state().consecutive_failures), (None, 1));
    }
}

#[tokio::test]
async fn a_number_that_is_none_is_rejected_with_its_text() {
    let stub = Stub::start(|seen| {
        let item = |(index, text): (usize, &String)| {
            let numbers = if text == "bad" { json!([null, 1.0, 1.0]) } else { json!(embedding(text)) };
            json!({"index": index, "embedding": numbers})
        };
        json_answer(&seen.texts().iter().enumerate().map(item).collect())
    })
    .await;
    let client = stub.client();
    let sentence = sentence!(Rejected, client.embed_documents(&texts(&["one", "bad"])).await);
    assert!(sentence.contains("not a finite number"), "{sentence}");
    assert!(client.embed_documents(&texts(&["one"])).await.is_ok());
}

#[tokio::test]
async fn base64_is_understood() {
    // 1.5 and -2.0 as little-endian 32-bit floats.
    let stub = Stub::start(|_| json_answer(&json!([{"index": 0, "embedding": "AADAPwAAAMA="}]))).await;
    assert_eq!(stub.client().embed_query("one").await, Ok(vec![1.5, -2.0]));
}

#[tokio::test]
async fn embeddings_of_another_model_are_not_mixed_in() {
    let stub = Stub::start(good).await;
    let client = stub.client();
    client.embed_query("one").await.expect("an embedding");
    stub.behave(|_| json_answer(&json!([{"index": 0, "embedding": [1, 2, 3, 4]}])));
    let sentence = sentence!(Misconfigured, client.embed_documents(&texts(&["one"])).await);
    assert!(sentence.contains("of 4 numbers instead of 3"), "{sentence}");
    assert_eq!(client.dimensions(), Some(3));
    sentence!(Misconfigured, client.embed_query("two").await);
}

#[tokio::test]
async fn a_server_that_ignores_the_dimensions_is_found_out() {
    let stub = Stub::start(good).await;
    let client = stub.client_with(|settings| settings.dimensions = Some(2));
    let sentence = sentence!(Misconfigured, client.embed_documents(&texts(&["one"])).await);
    assert!(sentence.contains("of 3 numbers instead of 2"), "{sentence}");
}

#[tokio::test]
async fn nothing_is_sent_where_a_redirect_leads() {
    let other = Stub::start(good).await;
    for code in [301, 302, 307, 308] {
        let target = format!("http://{}/elsewhere?token=hidden", other.address);
        let stub = Stub::start(move |_| Reply::Answer(code, Some(("location", target.clone())), String::new())).await;
        let sentence = sentence!(Misconfigured, stub.client().embed_documents(&texts(&["one"])).await);
        assert!(sentence.contains(&format!("http://{}/elsewhere;", other.address)), "{sentence}");
        assert!(!sentence.contains("hidden"), "{sentence}");
    }
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_says_nothing_or_stops_halfway() {
    for silence in [|_: &Seen| Reply::Never, |_: &Seen| Reply::Stall] {
        let stub = Stub::start(silence).await;
        let client = stub.client_with(|settings| {
            settings.query_timeout = Duration::from_millis(50);
            settings.document_timeout = Duration::from_millis(50);
        });
        let sentence = sentence!(Unavailable, client.embed_query("one").await);
        assert!(sentence.contains("in time"), "{sentence}");
        sentence!(Unavailable, client.embed_documents(&texts(&["one"])).await);
    }
}

#[tokio::test]
async fn a_slow_server_gets_fewer_texts_at_once_until_it_is_done_in_time() {
    let stub = Stub::start(|seen| if seen.texts().len() > 16 { Reply::Never } else { good(seen) }).await;
    let client = stub.client_with(|settings| settings.document_timeout = Duration::from_millis(200));
    let texts: Vec<String> = (0..64).map(|number| format!("text {number}")).collect();
    let mut result = client.embed_documents(&texts).await;
    // On a machine that is busy itself it may take more calls than the two that it has to.
    for _ in 0..8 {
        match result {
            Ok(_) => break,
            Err(failure) => assert!(matches!(failure, Failure::Unavailable(_)), "{failure}"),
        }
        result = client.embed_documents(&texts).await;
    }
    assert_eq!(result, Ok(embeddings(&texts)));
    let sizes: Vec<usize> = stub.seen().iter().map(|seen| seen.texts().len()).collect();
    assert_eq!(sizes[..3], [64, 32, 16]);
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let stub = Stub::start(|seen| if seen.texts().len() > 1 { Reply::Endless } else { good(seen) }).await;
    let sentence = sentence!(Rejected, stub.client().embed_documents(&texts(&["one", "two"])).await);
    assert!(sentence.contains("more than"), "{sentence}");
    stub.behave(|_| Reply::Endless);
    sentence!(Unavailable, stub.client().embed_query("one").await);
}

#[tokio::test]
async fn an_error_answer_without_end_is_not_read_to_the_end() {
    let page = "x".repeat(1 << 20);
    let stub = Stub::start(move |_| Reply::Answer(503, None, page.clone())).await;
    let sentence = sentence!(Unavailable, stub.client().embed_query("one").await);
    assert!(sentence.contains("(503)"), "{sentence}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_said_to_be() {
    // Bound, so that no other test gets the port, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    let mut settings = Settings::new(format!("http://{address}/v1"), "small");
    settings.first_wait = Duration::ZERO;
    let client = OpenAi::new(settings, Clock::default()).expect("good settings");
    let sentence = sentence!(Unavailable, client.embed_documents(&texts(&["one"])).await);
    assert!(sentence.contains(&address) && sentence.contains("can't be reached"), "{sentence}");
    assert_eq!(client.state().last_error, Some(sentence));
}

#[tokio::test]
async fn https_is_not_given_up_for_a_server_without_it() {
    let stub = Stub::start(good).await;
    let client = stub.client_with(|settings| settings.base_url = settings.base_url.replace("http:", "https:"));
    let sentence = sentence!(Unavailable, client.embed_query("one").await);
    assert!(sentence.contains("can't be reached"), "{sentence}");
    assert_eq!(stub.requests(), 0);
}

#[tokio::test]
async fn queries_leave_a_failing_server_alone_and_stored_texts_find_it_well_again() {
    let stub = Stub::start(|_| Reply::Answer(503, Some(("retry-after", "600".to_owned())), String::new())).await;
    let client = stub.client();
    let first = sentence!(Unavailable, client.embed_query("one").await);
    let second = sentence!(Unavailable, client.embed_query("one").await);
    assert_eq!((first, stub.requests()), (second, 1));
    stub.behave(good);
    sentence!(Unavailable, client.embed_query("one").await);
    assert_eq!(stub.requests(), 1);
    client.embed_documents(&texts(&["one"])).await.expect("embeddings");
    assert_eq!(client.embed_query("one").await, Ok(embedding("one")));
    assert_eq!(stub.requests(), 3);
}

#[tokio::test]
async fn after_the_pause_one_query_asks_while_the_others_still_fail_at_once() {
    let stub = Stub::start(|_| Reply::Answer(503, Some(("retry-after", "600".to_owned())), String::new())).await;
    let clock = Clock::default();
    let mut settings = stub.settings();
    settings.query_timeout = Duration::from_hours(1);
    let client = Arc::new(OpenAi::new(settings, clock.clone()).expect("good settings"));
    sentence!(Unavailable, client.embed_query("one").await);
    let (go, held) = oneshot::channel();
    let (arrived, arrival) = oneshot::channel();
    let mut once = Some((held, arrived));
    stub.behave(move |seen| {
        let (held, arrived) = once.take().expect("one request");
        arrived.send(()).expect("awaited");
        Reply::Held(held, good_answer(seen))
    });
    clock.advance_days(1);
    let asking = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.embed_query("two").await }
    });
    arrival.await.expect("the one query arrives");
    sentence!(Unavailable, client.embed_query("three").await);
    go.send(()).expect("still waiting");
    assert_eq!(asking.await.expect("no panic"), Ok(embedding("two")));
    stub.behave(good);
    assert_eq!(client.embed_query("three").await, Ok(embedding("three")));
}

/// What the reference implementation computes, in 64 bits, with the weights as published.
#[test]
fn the_real_minilm_gives_the_published_embeddings() {
    let folder = std::env::var_os("COMMONPLACE_TEST_MINILM")
        .expect("COMMONPLACE_TEST_MINILM must name a folder with all-MiniLM-L6-v2; 'scripts/test' sets one up");
    let model = commonplace::embed::MiniLm::open(folder.as_ref()).expect("a model");
    let long = "one more word and ".repeat(100);
    let texts = texts(&[
        "The new movie is awesome",
        "The new movie is so great",
        "The cat sits outside",
        "",
        "Zürich 東京 naïve — Don't!",
        &long,
    ]);
    let found = model.embed(&texts).expect("embeddings");
    let first_numbers = [
        [-0.100_443, -0.077_393, -0.001_374, -0.048_461],
        [-0.084_189, -0.059_233, -0.000_974, -0.039_120],
        [0.139_191, 0.003_029, 0.047_015, 0.039_574],
        [-0.118_838, 0.048_299, -0.002_548, -0.011_011],
        [0.111_173, 0.067_055, 0.117_690, -0.049_683],
        [-0.032_573, -0.013_334, -0.032_285, -0.057_852],
    ];
    for (found, wanted) in found.iter().zip(first_numbers) {
        assert_eq!(found.len(), 384);
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 2e-6, "{found} for {wanted}");
        }
    }
    let cosine = |a: usize, b: usize| found[a].iter().zip(&found[b]).map(|(a, b)| a * b).sum::<f32>();
    assert!((cosine(0, 1) - 0.893_904).abs() < 1e-5, "{}", cosine(0, 1));
    assert!((cosine(0, 2) + 0.024_680).abs() < 1e-5, "{}", cosine(0, 2));
}

/// The program with the stub as its embedder.
async fn server_with(engine: Engine, stub: &Stub) -> Server {
    let url = stub.base_url();
    let settings = [("embedder", "openai"), ("embedder_url", url.as_str()), ("embedder_model", "small")];
    Server::start_with(engine, &settings).await
}

async fn what_waits_is_embedded_when_the_server_is_back(engine: Engine) {
    let stub = Stub::start(|_| status(401)).await;
    let server = server_with(engine, &stub).await;
    let ann = server.user("ann").await;
    ann.remember("first").await;
    ann.remember_all(&texts(&["second one", "the third"])).await;
    let found = ann.get("/api/memory?query=third").await;
    assert_eq!(found.header("search-lacks"), Some("embedder-unavailable"));
    assert_eq!(found.ok(), json!(["the third"]));
    let pending = backlog::embed_pending(&server.app).await.expect("the storage works");
    assert_eq!(pending.embedded, 0);
    assert!(pending.unavailable.is_some());
    stub.behave(good);
    let pending = backlog::embed_pending(&server.app).await.expect("the storage works");
    assert_eq!((pending.embedded, pending.unavailable), (3, None));
    let found = ann.get("/api/memory?query=the+third&mode=dense&explain=true").await;
    assert_eq!(found.header("search-lacks"), None);
    assert_eq!(found.ok()[0]["text"], json!("the third"));
    assert!(found.json()[0]["explain"]["cosine"].as_f64().is_some_and(|cosine| cosine > 0.999), "{found:?}");
}

async fn one_text_that_the_server_refuses_keeps_no_other_waiting(engine: Engine) {
    let stub =
        Stub::start(
            |seen| if seen.texts().iter().any(|text| text.contains("poison")) { status(400) } else { good(seen) },
        );
    let stub = stub.await;
    let server = server_with(engine, &stub).await;
    let ann = server.user("ann").await;
    let stored = texts(&["a", "bb", "ccc", "poison", "dddd", "eeeee", "ffffff"]);
    ann.remember_all(&stored).await;
    let pending = backlog::embed_pending(&server.app).await.expect("the storage works");
    assert_eq!((pending.embedded, pending.unavailable), (7, None));
    let found = ann.get("/api/memory?query=bb&mode=dense&count=10").await;
    assert_eq!(found.header("search-lacks"), None);
    let found: Vec<String> = serde_json::from_value(found.ok()).expect("texts");
    assert_eq!(found.len(), 6);
    assert!(!found.contains(&"poison".to_owned()), "{found:?}");
    assert_eq!(ann.get("/api/memory?query=poison&mode=lexical").await.ok(), json!(["poison"]));
    let asked = stub.requests();
    assert_eq!(backlog::embed_pending(&server.app).await.expect("nothing to do").embedded, 0);
    assert_eq!(stub.requests(), asked, "it is not tried again");
}

async fn a_text_edited_meanwhile_is_not_given_the_embedding_of_the_old_one(engine: Engine) {
    let stub = Stub::start(good).await;
    let server = server_with(engine, &stub).await;
    let ann = server.user("ann").await;
    let id = ann.remember("old").await;
    let (go, held) = oneshot::channel();
    let (arrived, arrival) = oneshot::channel();
    let mut once = Some((held, arrived));
    stub.behave(move |seen| match once.take() {
        Some((held, arrived)) => {
            arrived.send(()).expect("awaited");
            Reply::Held(held, good_answer(seen))
        }
        None => good(seen),
    });
    let app = server.app.clone();
    let embedding = tokio::spawn(async move { backlog::embed_pending(&app).await });
    arrival.await.expect("the text is being embedded");
    let edit = json!({"memoryId": id, "text": "the new text that is much longer"});
    ann.post("/api/v2/memory/update", edit).await.ok();
    go.send(()).expect("still waiting");
    embedding.await.expect("no panic").expect("the storage works");
    assert_eq!(ann.get("/api/search/state").await.ok()["embedded"], json!(0));
    assert_eq!(backlog::embed_pending(&server.app).await.expect("the storage works").embedded, 1);
    let found = ann.get("/api/memory?query=the+new+text+that+is+much+longer&mode=dense&explain=true").await.ok();
    assert!(found[0]["explain"]["cosine"].as_f64().is_some_and(|cosine| cosine > 0.999), "{found}");
}
