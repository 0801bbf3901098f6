//! Finding memories: by words, the newest, all of them, in either shape.

use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    the_plain_list_is_of_texts_newest_first,
    the_second_version_brings_the_buckets_along,
    ids_come_with_objects_when_asked_for,
    a_setting_brings_back_the_older_form,
    a_query_finds_the_best_first,
    a_query_without_a_word_finds_nothing,
    a_query_can_not_break_the_search,
    how_many_come_depends_on_what_is_asked,
    pages_follow_one_another_without_gap_or_overlap,
    a_bucket_narrows_every_question,
    a_bucket_that_is_not_there_holds_nothing,
    a_kind_of_content_narrows_every_question,
    truth_and_numbers_are_read_from_text,
    a_parameter_that_can_not_be_read_is_400,
);

const PATHS: [&str; 2] = ["/api/memory", "/api/v2/memory"];

/// The memories of either kind of answer.
async fn found(user: &User, path_and_query: &str) -> Vec<Value> {
    let answer = user.get(path_and_query).await.ok();
    let list = if path_and_query.starts_with("/api/v2") { &answer["memories"] } else { &answer };
    list.as_array().unwrap_or_else(|| panic!("no list: {answer}")).clone()
}

async fn with_numbers(server: &Server, count: usize) -> User {
    let ann = server.user("ann").await;
    let texts: Vec<String> = (1..=count).map(|number| format!("Number {number}")).collect();
    ann.remember_all(&texts).await;
    ann
}

async fn the_plain_list_is_of_texts_newest_first(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for text in ["first", "second", "third"] {
        ann.remember(text).await;
    }
    for query in ["", "?latest=true", "?all=true", "?latest=true&all=true", "?latest=false"] {
        assert_eq!(found(&ann, &format!("/api/memory{query}")).await, ["third", "second", "first"], "{query}");
    }
}

async fn the_second_version_brings_the_buckets_along(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.post("/api/buckets", json!({"name": "Work", "description": "The job"})).await.ok();
    ann.post("/api/memory", json!({"text": "Ships on Fridays", "bucketId": work["id"]})).await.ok();
    let answer = ann.get("/api/v2/memory?client=typingmind&v=2").await.ok();
    assert_shape_snapshot!(answer, @r#"
    {
      "buckets": [
        {
          "id": "[bucket]",
          "memoryCount": 0,
          "name": "General"
        },
        {
          "description": "The job",
          "id": "[bucket]",
          "memoryCount": 1,
          "name": "Work"
        }
      ],
      "memories": [
        "Ships on Fridays"
      ]
    }
    "#);
}

async fn ids_come_with_objects_when_asked_for(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("2026-07-26 Likes tea").await;
    let listed = ann.get("/api/v2/memory?includeIds=true").await.ok();
    assert_shape_snapshot!(listed["memories"], @r#"
    [
      {
        "bucketId": "[bucket number]",
        "content_type": "text",
        "id": "[memory]",
        "metadata": {
          "bucketId": "[bucket number]",
          "bucketName": "General",
          "createdAt": "[time]",
          "text": "2026-07-26 Likes tea"
        },
        "text": "2026-07-26 Likes tea"
      }
    ]
    "#);
    assert_eq!(listed["memories"][0]["id"], json!(id));
    let matched = ann.get("/api/memory?includeIds=true&query=tea").await.ok();
    assert_shape_snapshot!(matched, @r#"
    [
      {
        "bucketId": "[bucket number]",
        "content_type": "text",
        "id": "[memory]",
        "metadata": {
          "bucketId": "[bucket number]",
          "bucketName": "General",
          "createdAt": "[time]",
          "text": "2026-07-26 Likes tea"
        },
        "score": 1.0,
        "text": "2026-07-26 Likes tea"
      }
    ]
    "#);
}

async fn a_setting_brings_back_the_older_form(engine: Engine) {
    let server = Server::start_with(engine, &[("memory_items", "objects")]).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea").await;
    for path in PATHS {
        assert_shape_snapshot!(found(&ann, path).await[0], @r#"
        {
          "bucketId": "[bucket number]",
          "content_type": "text",
          "id": "[memory]",
          "metadata": {
            "bucketId": "[bucket number]",
            "bucketName": "General",
            "createdAt": "[time]",
            "text": "Likes tea"
          },
          "text": "Likes tea"
        }
        "#);
    }
}

async fn a_query_finds_the_best_first(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for text in ["The cat sleeps", "The dog sleeps, the dog barks", "A fish swims", "My dog"] {
        ann.remember(text).await;
    }
    for path in PATHS {
        let both = found(&ann, &format!("{path}?mode=lexical&query=what%20does%20the%20DOG%20bark%20at")).await;
        assert_eq!(both, ["The dog sleeps, the dog barks", "My dog"]);
        let scored = found(&ann, &format!("{path}?mode=lexical&query=dog+barking&includeIds=true")).await;
        assert_eq!((&scored[0]["score"], scored.len()), (&json!(1.0), 2));
        assert!(scored[1]["score"].as_f64().is_some_and(|score| 0.0 < score && score < 1.0), "{scored:?}");
        // A query outranks both of the others.
        assert_eq!(
            found(&ann, &format!("{path}?mode=lexical&query=fish&all=true&latest=true")).await,
            ["A fish swims"]
        );
    }
}

async fn a_query_without_a_word_finds_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea?!").await;
    for path in PATHS {
        for query in ["%3F%21", "...", "%F0%9F%8E%89", "%00"] {
            assert!(found(&ann, &format!("{path}?query={query}")).await.is_empty(), "{query}");
        }
        // An empty parameter is one that is not there.
        assert_eq!(found(&ann, &format!("{path}?query=&bucketId=&count=")).await, ["Likes tea?!"]);
    }
}

async fn a_query_can_not_break_the_search(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Likes tea").await;
    let long = "tea+".repeat(2_000);
    for query in [
        "tea%22",
        "%22tea",
        "tea*",
        "tea+AND",
        "NEAR(tea+x)",
        "text:tea",
        "tea+%7C+%26+%21",
        "te'a+tea",
        "%5Ctea",
        &long,
    ] {
        for path in PATHS {
            assert_eq!(found(&ann, &format!("{path}?query={query}")).await, ["Likes tea"], "{query}");
        }
    }
}

async fn how_many_come_depends_on_what_is_asked(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_numbers(&server, 25).await;
    for (query, plain, second) in [
        ("", 10, 10),
        ("?latest=true", 10, 10),
        ("?all=true", 25, 25),
        ("?all=true&count=3", 25, 25),
        ("?count=3", 3, 3),
        ("?latest=true&count=1", 1, 1),
        ("?query=number", 5, 10),
        ("?query=number&count=20", 20, 20),
        ("?query=number&count=1000000", 25, 25),
        ("?skip=20", 5, 5),
        ("?all=true&skip=20", 5, 5),
        ("?query=number&skip=24", 1, 1),
        ("?skip=25", 0, 0),
        ("?count=9223372036854775807&skip=9223372036854775807", 0, 0),
    ] {
        assert_eq!(found(&ann, &format!("/api/memory{query}")).await.len(), plain, "{query}");
        assert_eq!(found(&ann, &format!("/api/v2/memory{query}")).await.len(), second, "{query}");
    }
}

async fn pages_follow_one_another_without_gap_or_overlap(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_numbers(&server, 25).await;
    for question in ["?", "?query=number&"] {
        let whole = found(&ann, &format!("/api/memory{question}count=25")).await;
        let mut pages = Vec::new();
        for skip in [0, 7, 14, 21] {
            pages.extend(found(&ann, &format!("/api/memory{question}count=7&skip={skip}")).await);
        }
        assert_eq!(pages, whole, "{question}");
    }
}

async fn a_bucket_narrows_every_question(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    ann.remember("Tea at home").await;
    ann.post("/api/memory", json!({"text": "Tea at work", "bucketId": work})).await.ok();
    for path in PATHS {
        for query in ["", "&all=true", "&latest=true", "&query=tea"] {
            let here = found(&ann, &format!("{path}?bucketId={work}{query}")).await;
            assert_eq!(here, ["Tea at work"], "{path} {query}");
        }
    }
    // The list of buckets is not narrowed: it is what a client chooses from.
    let answer = ann.get(&format!("/api/v2/memory?bucketId={work}")).await.ok();
    assert_eq!(answer["buckets"].as_array().map(Vec::len), Some(2));
}

async fn a_bucket_that_is_not_there_holds_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Tea").await;
    for id in ["1", "0", "-1", "9007199254740993", "99999999999999999999999"] {
        for query in ["", "&all=true", "&query=tea"] {
            for path in PATHS {
                assert!(found(&ann, &format!("{path}?bucketId={id}{query}")).await.is_empty(), "{id}");
            }
        }
    }
}

async fn a_kind_of_content_narrows_every_question(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("Tea").await;
    for path in PATHS {
        for query in ["", "&all=true", "&query=tea"] {
            assert_eq!(found(&ann, &format!("{path}?contentType=text{query}")).await, ["Tea"]);
            assert!(found(&ann, &format!("{path}?contentType=image{query}")).await.is_empty());
        }
        ann.get(&format!("{path}?contentType=video")).await.error(400);
    }
}

async fn truth_and_numbers_are_read_from_text(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = with_numbers(&server, 12).await;
    for path in PATHS {
        for truth in ["true", "True", "TRUE", "tRuE"] {
            assert_eq!(found(&ann, &format!("{path}?all={truth}")).await.len(), 12);
            assert!(found(&ann, &format!("{path}?includeIds={truth}")).await[0].is_object());
        }
        for untruth in ["false", "False", "FALSE", ""] {
            assert_eq!(found(&ann, &format!("{path}?all={untruth}")).await.len(), 10);
        }
        assert_eq!(found(&ann, &format!("{path}?count=%2011%20")).await.len(), 11);
    }
}

async fn a_parameter_that_can_not_be_read_is_400(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (query, word) in [
        ("all=yes", "'all'"),
        ("all=1", "'all'"),
        ("latest=maybe", "'latest'"),
        ("includeIds=0", "'includeIds'"),
        ("count=0", "'count'"),
        ("count=-1", "'count'"),
        ("count=ten", "'count'"),
        ("count=1.5", "'count'"),
        ("count=99999999999999999999", "'count'"),
        ("skip=-1", "'skip'"),
        ("skip=x", "'skip'"),
        ("bucketId=Work", "bucket id"),
        ("bucketId=1.5", "bucket id"),
        ("contentType=TEXT", "'contentType'"),
    ] {
        for path in PATHS {
            let error = ann.get(&format!("{path}?{query}")).await.error(400);
            assert!(error.contains(word), "{query}: {error}");
        }
    }
}
