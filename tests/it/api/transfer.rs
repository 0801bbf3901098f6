//! Export and import: in three formats, there and back again.

use reqwest::Method;
use serde_json::{Value, json};

use super::wire::assert_shape_snapshot;
use crate::harness::{Answer, Engine, Server, User, answer, on_both_engines};

on_both_engines!(
    an_export_has_everything_in_each_format,
    what_was_exported_is_imported_the_same,
    an_export_of_one_bucket_has_only_that,
    an_export_is_whole_beyond_one_page,
    an_export_leaves_out_the_trash,
    an_empty_account_exports_empty_files,
    an_import_run_again_changes_nothing,
    a_json_import_takes_several_shapes,
    a_csv_import_takes_columns_in_any_order,
    a_text_import_takes_any_list,
    what_is_refused_is_named_by_its_position,
    a_file_that_can_not_be_read_stores_nothing,
    an_import_can_put_everything_in_one_bucket,
    the_format_is_said_by_the_parameter_or_the_content_type,
    an_import_over_the_limit_is_413,
);

/// Texts that formats like to break.
const DIFFICULT: [&str; 10] = [
    "2026-07-26\n\nA paragraph after a date",
    "- a dash\n* a star\n\n  an indent",
    "comma, \"quote\", 'apostrophe'; semicolon",
    "line\r\nline\rline",
    "=1+1",
    "日本語 ünïcödé e\u{301} 👩‍👩‍👧",
    "\u{202e}right to left\u{202c} and \u{feff}mark",
    "tab\tand \\n no newline",
    "null",
    "{\"text\": \"json\"}",
];

async fn import(user: &User, query: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = user.request(Method::POST, &format!("/api/import{query}"));
    answer(request.header("content-type", kind).body(body)).await
}

/// Each memory's text, bucket, source and time.
async fn contents(user: &User) -> Vec<[Value; 4]> {
    let mut export = user.get("/api/export").await.ok();
    let list = export["memories"].as_array_mut().expect("a list");
    list.iter_mut().map(|memory| ["text", "bucket", "source", "createdAt"].map(|field| memory[field].take())).collect()
}

async fn filled(server: &Server) -> User {
    let ann = server.user("ann").await;
    let work = ann.bucket("Work, \"2\"").await;
    for (index, text) in DIFFICULT.iter().enumerate() {
        let bucket = if index % 2 == 0 { json!(work) } else { Value::Null };
        let source = if index % 3 == 0 { json!("a \"tool\", ü") } else { Value::Null };
        ann.post("/api/memory", json!({"text": text, "bucketId": bucket, "source": source})).await.ok();
        server.app.clock.advance_days(1);
    }
    ann
}

async fn an_export_has_everything_in_each_format(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.post("/api/buckets", json!({"name": "Work", "description": "The job"})).await.ok();
    ann.remember("Likes tea").await;
    let body = json!({"text": "Ships,\non Fridays", "bucketId": work["id"], "source": "chatgpt"});
    ann.post("/api/memory", body).await.ok();

    let export = ann.get("/api/export").await;
    assert_shape_snapshot!(export.ok(), @r#"
    {
      "buckets": [
        {
          "description": null,
          "id": "[bucket]",
          "name": "General"
        },
        {
          "description": "The job",
          "id": "[bucket]",
          "name": "Work"
        }
      ],
      "exportedAt": "[time]",
      "memories": [
        {
          "bucket": "General",
          "bucketId": "[bucket number]",
          "createdAt": "[time]",
          "id": "[memory]",
          "source": null,
          "text": "Likes tea",
          "updatedAt": "[time]",
          "version": 1
        },
        {
          "bucket": "Work",
          "bucketId": "[bucket number]",
          "createdAt": "[time]",
          "id": "[memory]",
          "source": "chatgpt",
          "text": "Ships,\non Fridays",
          "updatedAt": "[time]",
          "version": 1
        }
      ],
      "version": 1
    }
    "#);
    assert_eq!(export.header("content-type"), Some("application/json"));
    assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"commonplace.json\""));

    let csv = ann.get("/api/export?format=csv").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"commonplace.csv\""));
    let mut memories = export.ok()["memories"].take();
    let mut field = |index: usize, name: &str| memories[index][name].take().as_str().expect("text").to_owned();
    let wanted = format!(
        "id,text,bucket,source,createdAt,updatedAt\n{},Likes tea,General,,{},{}\n{},\"Ships,\non Fridays\",Work,chatgpt,{},{}\n",
        field(0, "id"),
        field(0, "createdAt"),
        field(0, "updatedAt"),
        field(1, "id"),
        field(1, "createdAt"),
        field(1, "updatedAt"),
    );
    assert_eq!(csv.text, wanted);

    let text = ann.get("/api/export?format=TEXT").await;
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(text.header("content-disposition"), Some("attachment; filename=\"commonplace.txt\""));
    assert_eq!(text.text, "- Likes tea\n- Ships,\n  on Fridays\n");
    ann.get("/api/export?format=xml").await.error(400);
}

async fn what_was_exported_is_imported_the_same(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = filled(&server).await;
    for (name, kind) in [("json", "application/json"), ("csv", "text/csv")] {
        let file = ann.get(&format!("/api/export?format={name}")).await.text;
        let other = server.user(name).await;
        let answer = import(&other, "", kind, file).await.ok();
        assert_eq!(answer["created"], json!(DIFFICULT.len()), "{name}: {answer}");
        assert_eq!(contents(&other).await, contents(&ann).await, "{name}");
    }
    // A plain list has only the texts, and knows one kind of line end.
    let file = ann.get("/api/export?format=text").await.text;
    let other = server.user("text").await;
    import(&other, "", "text/plain", file).await.ok();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut texts = other.texts().await;
    texts.reverse();
    let wanted: Vec<_> = DIFFICULT.iter().map(|text| lines(text)).collect();
    assert_eq!(texts.iter().map(|text| lines(text)).collect::<Vec<_>>(), wanted);
}

async fn an_export_of_one_bucket_has_only_that(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    ann.remember("At home").await;
    ann.post("/api/memory", json!({"text": "At work", "bucketId": work})).await.ok();
    for format in ["json", "csv", "text"] {
        let file = ann.get(&format!("/api/export?format={format}&bucketId={work}")).await;
        file.text.find("At work").unwrap_or_else(|| panic!("{file:?}"));
        assert!(!file.text.contains("At home") && !file.text.contains("General"), "{file:?}");
        let none = ann.get(&format!("/api/export?format={format}&bucketId=1")).await;
        assert_eq!(none.status, 200);
        assert!(!none.text.contains("At "), "{none:?}");
    }
}

async fn an_export_is_whole_beyond_one_page(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    // Over two pages of a thousand, all of the same time, and the last page full.
    let texts: Vec<String> = (0..2_000).map(|number| format!("Number {number}")).collect();
    let file: Vec<Value> = texts.iter().map(|text| json!({"text": text, "createdAt": "2025-01-01"})).collect();
    assert_eq!(ann.post("/api/import", json!(file)).await.ok()["created"], json!(2_000));
    let export = ann.get("/api/export").await.ok();
    let exported: Vec<&Value> = export["memories"].as_array().expect("a list").iter().map(|m| &m["text"]).collect();
    assert_eq!(exported, texts.iter().map(|text| json!(text)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(ann.get("/api/export?format=csv").await.text.lines().count(), 2_001);
    assert_eq!(ann.get("/api/export?format=text").await.text.lines().count(), 2_000);
}

async fn an_export_leaves_out_the_trash(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Deleted").await;
    ann.delete(&format!("/api/memories/{id}")).await.ok();
    for format in ["json", "csv", "text"] {
        assert!(!ann.get(&format!("/api/export?format={format}")).await.text.contains("Deleted"));
    }
}

async fn an_empty_account_exports_empty_files(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    assert_eq!(ann.get("/api/export").await.ok()["memories"], json!([]));
    assert_eq!(ann.get("/api/export?format=csv").await.text, "id,text,bucket,source,createdAt,updatedAt\n");
    assert_eq!(ann.get("/api/export?format=text").await.text, "");
    for (kind, file) in [("application/json", "[]"), ("text/csv", "text\n"), ("text/plain", "\n \n")] {
        let answer = import(&ann, "", kind, file).await.ok();
        assert_shape_snapshot!(answer, @r#"
        {
          "created": 0,
          "duplicates": 0,
          "failed": 0,
          "failures": []
        }
        "#);
    }
}

async fn an_import_run_again_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = filled(&server).await;
    let before = ann.get("/api/v2/memory?all=true&includeIds=true").await.ok();
    for (name, kind) in [("json", "application/json"), ("csv", "text/csv")] {
        let file = ann.get(&format!("/api/export?format={name}")).await.text;
        let answer = import(&ann, "", kind, file).await.ok();
        let wanted = json!({"created": 0, "duplicates": DIFFICULT.len(), "failed": 0, "failures": []});
        assert_eq!(answer, wanted, "{name}");
    }
    assert_eq!(ann.get("/api/v2/memory?all=true&includeIds=true").await.ok(), before);
    // Within one file, too.
    let answer = import(&ann, "", "text/plain", "- new\n- new\n- 2026-07-26 new\n").await.ok();
    assert_eq!((&answer["created"], &answer["duplicates"]), (&json!(1), &json!(2)));
}

async fn a_json_import_takes_several_shapes(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.bucket("Work").await;
    for file in [
        json!(["a", {"text": "b", "bucket": "WORK", "extra": [1]}]),
        json!({"memories": [{"memory": "c", "bucketName": "New", "created_at": "2025-01-01"}], "buckets": "ignored"}),
        json!({"memories": [{"content": "d", "bucket": null, "source": null, "createdAt": null, "bucketId": 7}]}),
    ] {
        assert_eq!(ann.post("/api/import", file.clone()).await.ok()["failed"], json!(0), "{file}");
    }
    let now = |value: &Value| value == "2025-01-01T00:00:00Z";
    let found: Vec<(String, bool)> = contents(&ann)
        .await
        .iter()
        .map(|[text, bucket, _, created_at]| (format!("{text} in {bucket}").replace('"', ""), now(created_at)))
        .collect();
    // Oldest first: the one with a time of its own leads.
    let wanted = [("c in New", true), ("a in General", false), ("b in Work", false), ("d in General", false)];
    assert_eq!(found, wanted.map(|(text, old)| (text.to_owned(), old)));
}

async fn a_csv_import_takes_columns_in_any_order(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for file in [
        "text\na\n",
        "Source,Text,Extra\r\nchatgpt,\"b, and\nmore\",x\r\n",
        "\u{feff}Memory,Bucket,CreatedAt\nc,Work,2025-01-01T10:00:00+02:00\n,,\n",
        "content , bucketName\nd,Work\ne\n",
    ] {
        let answer = import(&ann, "", "text/csv; charset=utf-8", file).await.ok();
        assert_eq!(answer["failed"], json!(usize::from(file.contains(",,"))), "{file:?}: {answer}");
    }
    let general = json!("General");
    let found = contents(&ann).await;
    assert_eq!(found[0][..2], [json!("c"), json!("Work")]);
    assert_eq!(found[0][3], json!("2025-01-01T08:00:00Z"));
    assert_eq!(found[1][..2], [json!("a"), general.clone()]);
    assert_eq!(found[2][..3], [json!("b, and\nmore"), general.clone(), json!("chatgpt")]);
    assert_eq!(found[3][..2], [json!("d"), json!("Work")]);
    assert_eq!(found[4][..2], [json!("e"), general]);
}

async fn a_text_import_takes_any_list(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let file = "- dash\n  goes on\n* star\n• dot\nplain\n\n\n2026-07-26 - dated\n";
    assert_eq!(import(&ann, "", "text/plain", file).await.ok()["created"], json!(5));
    assert_eq!(ann.texts().await, ["2026-07-26 - dated", "plain", "dot", "star", "dash\ngoes on"]);
}

async fn what_is_refused_is_named_by_its_position(engine: Engine) {
    let server = Server::start_with(engine, &[("max_text_chars", "10")]).await;
    let ann = server.user("ann").await;
    let file = json!([
        "first",
        "",
        {"text": "far too long"},
        {"text": "no date", "createdAt": "yesterday"},
        {"text": "digits", "bucket": "12"},
        {"text": "control", "source": "a\nb"},
        {"text": "NUL\u{0}"},
        "last",
    ]);
    let answer = ann.post("/api/import", file).await.ok();
    assert_shape_snapshot!(answer, @r#"
    {
      "created": 2,
      "duplicates": 0,
      "failed": 6,
      "failures": [
        {
          "error": "The field 'text' is empty; send the fact to be remembered.",
          "position": 2
        },
        {
          "error": "The field 'text' is longer than 10 characters; split it into several memories.",
          "position": 3
        },
        {
          "error": "'createdAt' is not a date such as 2026-07-26 or 2026-07-26T10:00:00Z.",
          "position": 4
        },
        {
          "error": "A bucket's name can't be digits only; add a word to it.",
          "position": 5
        },
        {
          "error": "The field 'source' has at most 200 characters, none of them a control character.",
          "position": 6
        },
        {
          "error": "The field 'text' has a NUL character; remove it.",
          "position": 7
        }
      ]
    }
    "#);
    assert_eq!(ann.texts().await, ["last", "first"]);

    let blanks = vec![""; 150];
    let answer = ann.post("/api/import", json!(blanks)).await.ok();
    assert_eq!(answer["failed"], json!(150));
    assert_eq!(answer["failures"].as_array().map(Vec::len), Some(100));
}

async fn a_file_that_can_not_be_read_stores_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (kind, file, word) in [
        ("application/json", b"[\"a\"".as_slice(), "not JSON"),
        ("application/json", b"", "not JSON"),
        ("application/json", b"7", "neither a list"),
        ("application/json", b"{}", "'memories'"),
        ("application/json", b"{\"memories\":{}}", "'memories'"),
        ("application/json", b"[\"a\", 7]", "Memory 2"),
        ("application/json", b"[\"a\", {\"note\": \"b\"}]", "Memory 2"),
        ("application/json", b"[\"a\", {\"text\": 7}]", "memory 2"),
        ("text/csv", b"a,b\n1,2\n", "'text'"),
        ("text/plain", b"- a\n- \xff\n", "UTF-8 text at byte 6"),
    ] {
        let error = import(&ann, "", kind, file).await.error(400);
        assert!(error.contains(word), "{file:?}: {error}");
    }
    assert!(ann.texts().await.is_empty());
}

async fn an_import_can_put_everything_in_one_bucket(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    let file = json!([{"text": "a", "bucket": "Elsewhere"}, "b"]).to_string();
    import(&ann, &format!("?bucketId={work}"), "application/json", file.clone()).await.ok();
    let buckets = ann.get("/api/buckets").await.ok();
    assert_eq!((buckets.as_array().map(Vec::len), &buckets[1]["memoryCount"]), (Some(2), &json!(2)));
    import(&ann, "?bucketId=1", "application/json", file.clone()).await.error(404);
    import(&ann, "?bucketId=Work", "application/json", file).await.error(400);
    assert_eq!(ann.texts().await.len(), 2);
}

async fn the_format_is_said_by_the_parameter_or_the_content_type(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for (query, kind, created) in [
        ("?format=text", "application/octet-stream", 1),
        ("?format=TXT", "application/json", 0),
        ("", "Text/Plain; charset=utf-8", 0),
    ] {
        assert_eq!(import(&ann, query, kind, "- a\n").await.ok()["created"], json!(created));
    }
    import(&ann, "", "application/octet-stream", "- a\n").await.error(415);
    import(&ann, "?format=xml", "text/plain", "- a\n").await.error(400);
    answer(ann.request(Method::POST, "/api/import").body("- a\n")).await.error(415);
}

async fn an_import_over_the_limit_is_413(engine: Engine) {
    let server = Server::start_with(engine, &[("max_import_bytes", "2048"), ("max_body_bytes", "1024")]).await;
    let ann = server.user("ann").await;
    // The limit is its own, not that of other bodies.
    assert_eq!(import(&ann, "", "text/plain", format!("- {}\n", "a".repeat(2_000))).await.ok()["created"], json!(1));
    import(&ann, "", "text/plain", "- a\n".repeat(600)).await.error(413);
    assert_eq!(ann.texts().await.len(), 1);
}
