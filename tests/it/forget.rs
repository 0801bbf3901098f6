//! A purge is forgotten by every file, while the server runs.

mod mass;
mod merging;
mod remains;
mod rounds;

use std::collections::BTreeSet;

use commonplace::embed::StaticModel;
use commonplace::memory::trash;
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD};
use crate::harness::{Engine, Place, Server, User, run};

/// Shows the words in the full-text index, as `memory_terms`, to one connection.
const SHOW_TERMS: &str = "create virtual table temp.memory_terms using fts5vocab (main, memory_fts, row)";

/// The database file beside the server, as any other program would open it.
fn open(place: &Place) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(place.folder.path().join("commonplace.db")).expect("opens");
    // What it writes must not leave more behind than what the program writes.
    connection.execute_batch("pragma secure_delete = on").expect("set");
    connection
}

/// The terms of the full-text index, in lower case and stemmed.
fn terms(place: &Place) -> BTreeSet<String> {
    let connection = open(place);
    connection.execute_batch(SHOW_TERMS).expect("a view of the index");
    let mut terms = connection.prepare("select term from memory_terms").expect("a query");
    terms.query_map([], |row| row.get(0)).expect("rows").map(|term| term.expect("text")).collect()
}

/// A memory, and every word and index term that it alone brought along.
struct Marked {
    id: String,
    needles: BTreeSet<String>,
}

/// Stores a memory and edits it twice, with words that nothing else has.
async fn marked(place: &Place, user: &User, tag: &str, bucket: Option<&str>) -> Marked {
    let words = ["vexations", "ponies", "generalizing"].map(|ending| format!("Zq{tag}x{ending}"));
    let body = json!({"text": format!("We met {} in town", words[0]), "bucketId": bucket, "source": tag});
    let id = user.post("/api/memory", body).await.ok()["memoryId"].as_str().expect("an id").to_owned();
    let mut needles = terms(place);
    for word in &words[1..] {
        let edit = json!({"memoryId": id, "text": format!("We met {word} in town")});
        user.post("/api/v2/memory/update", edit).await.ok();
        needles.extend(terms(place));
    }
    needles.retain(|term| term.starts_with(&format!("zq{tag}x")));
    assert_eq!(needles.len(), 3, "each text has one new term: {needles:?}");
    let unstemmed = words.map(|word| word.to_lowercase());
    assert!(unstemmed.iter().any(|word| !needles.contains(word)), "some are stemmed: {needles:?}");
    needles.extend(unstemmed);
    let found = traces(place, &needles);
    assert!(!found.is_empty(), "the search of the files finds nothing where there is something");
    Marked { id, needles }
}

/// Which of these words stand in which file.
fn traces(place: &Place, needles: &BTreeSet<String>) -> Vec<String> {
    let mut traces = Vec::new();
    for (path, bytes) in place.files() {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let found = needles.iter().filter(|needle| text.contains(*needle));
        traces.extend(found.map(|needle| format!("{needle} in {}", path.display())));
    }
    traces
}

async fn trash(user: &User, id: &str) {
    user.delete(&format!("/api/memories/{id}")).await.ok();
}

/// Purges a memory by one of the ways that there are.
async fn purge_by(way: &str, server: &Server, place: &Place, user: &User, id: &str, bucket: &str) {
    let ids = json!({"memoryIds": [id]});
    let answer = match way {
        "bulkdelete" => user.post("/api/memories/bulk-delete?purge=true", ids).await,
        "deleteone" => user.delete(&format!("/api/memories/{id}?purge=true")).await,
        "purgetrash" => {
            trash(user, id).await;
            user.post("/api/trash/purge", ids).await
        }
        "emptytrash" => {
            trash(user, id).await;
            user.delete("/api/trash").await
        }
        "expiry" => {
            trash(user, id).await;
            server.app.clock.advance_days(31);
            assert_eq!(trash::purge_due(&server.app).await.expect("purged"), 1);
            return;
        }
        "filter" => {
            let mut filter = json!({"source": way, "dryRun": true});
            let preview = user.post("/api/memories/delete-by-filter", filter.clone()).await.ok();
            assert_eq!(preview["memoryIds"], json!([id]));
            filter = json!({"source": way, "confirmationToken": preview["confirmationToken"], "purge": true});
            user.post("/api/memories/delete-by-filter", filter).await
        }
        "deletebucket" => user.delete(&format!("/api/buckets/{bucket}?memories=delete&purge=true")).await,
        "removeuser" => {
            // From the command line, in a process of its own.
            let (code, out, error) = run(place, &["user", "remove", "ann", "--yes"]);
            assert_eq!((code, out.as_str(), error.as_str()), (0, "Removed user 'ann'.\n", ""));
            return;
        }
        _ => panic!("{way} is no way to purge"),
    };
    answer.ok();
    assert_eq!(answer.header("deletion-erasure"), None, "{way}");
    let receipt = receipt(user, answer.header("deletion-receipt").expect("a receipt")).await;
    assert!(receipt["purgedAt"].is_string() && receipt["erasedAt"].is_string(), "{way}: {receipt}");
    assert_eq!(receipt["erasure"], json!("bytes-overwritten"));
}

async fn receipt(user: &User, id: &str) -> Value {
    user.get(&format!("/api/deletions/{id}")).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_purging_leaves_no_word_in_any_file_while_the_server_runs() {
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let bucket = ann.bucket("Doomed").await;
    for user in [&ann, &bob] {
        let others: Vec<String> = (0..300).map(|n| format!("We met number {n} in town, again and again")).collect();
        user.remember_all(&others).await;
    }
    let ways =
        ["bulkdelete", "deleteone", "purgetrash", "emptytrash", "expiry", "filter", "deletebucket", "removeuser"];
    for way in ways {
        let into = (way == "deletebucket").then_some(bucket.as_str());
        let memory = marked(&place, &ann, way, into).await;
        purge_by(way, &server, &place, &ann, &memory.id, &bucket).await;
        let left = traces(&place, &memory.needles);
        assert!(left.is_empty(), "after {way}: {left:?}");
    }
    assert_eq!(bob.texts().await.len(), 300);
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_claims_no_erasure_while_a_reader_holds_the_log_open() {
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let memory = marked(&place, &ann, "held", None).await;
    let reader = open(&place);
    reader.execute_batch("begin; select count(*) from memory").expect("a snapshot");

    let purged = ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": [memory.id]})).await;
    assert_eq!(purged.ok(), json!({"deleted": 1, "failed": 0}));
    assert_eq!(purged.header("deletion-erasure"), Some("pending"));
    let id = purged.header("deletion-receipt").expect("a receipt").to_owned();
    let pending = receipt(&ann, &id).await;
    assert!(pending["purgedAt"].is_string() && pending["erasedAt"].is_null(), "{pending}");
    assert!(!traces(&place, &memory.needles).is_empty(), "the reader sees the memory still, so it must be somewhere");
    let (code, found, _) = run(&place, &["doctor"]);
    assert_eq!(code, 1);
    assert!(found.contains("1 purges are not erased"), "{found}");

    // What the housekeeping does every minute.
    reader.execute_batch("commit").expect("ended");
    assert_eq!(trash::purge_due(&server.app).await.expect("done"), 0);
    assert!(receipt(&ann, &id).await["erasedAt"].is_string());
    assert_eq!(traces(&place, &memory.needles), [""; 0]);
    drop(reader);
    server.stop().await;
    assert_eq!(run(&place, &["doctor"]).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_not_called_removed_while_a_reader_holds_the_log_open() {
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let mut signed_in = Browser::signed_in(&server, "ann").await;
    let memory = marked(&place, &ann, "held", None).await;
    let in_trash = marked(&place, &ann, "trashed", None).await;
    trash(&ann, &in_trash.id).await;
    let reader = open(&place);
    reader.execute_batch("begin; select count(*) from memory").expect("a snapshot");

    let (code, out, error) = run(&place, &["user", "remove", "ann", "--yes"]);
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(error.contains("another program keeps the database open"), "{error}");
    ann.get("/api/memory").await.error(401);
    assert_eq!(signed_in.sign_in("ann", PASSWORD, "").await.status.as_u16(), 403, "nor by password");

    // The running server erases it as soon as it can; the command then has nothing left to do.
    reader.execute_batch("commit").expect("ended");
    trash::purge_due(&server.app).await.expect("done");
    assert_eq!(traces(&place, &memory.needles), [""; 0]);
    assert_eq!(traces(&place, &in_trash.needles), [""; 0]);
    assert_eq!(run(&place, &["user", "remove", "ann", "--yes"]).0, 0);
    drop(reader);
    server.stop().await;
    let (code, found, error) = run(&place, &["doctor"]);
    assert_eq!(code, 0, "{found}{error}");
}

/// Every row of every table as text, bytes in hexadecimal.
async fn all_rows(url: &str) -> Vec<String> {
    let pool = sqlx::PgPool::connect(url).await.expect("connected");
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.expect("tables");
    assert!(tables.iter().any(|table| table == "memory_version"), "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        let sql = sqlx::AssertSqlSafe(format!("select '{table}: ' || lower(t::text) from \"{table}\" t"));
        rows.extend(sqlx::query_scalar::<_, String>(sql).fetch_all(&pool).await.expect("rows"));
    }
    pool.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_removes_every_row_from_postgres_and_claims_no_bytes() {
    let server = Server::start(Engine::Postgres).await;
    let place = server.place.as_ref().expect("its own");
    let url = place.flags().into_iter().find(|(name, _)| *name == "database_url").expect("a URL").1;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    bob.remember("Bob met no one in town").await;
    let has = |rows: &[String], word: &str| {
        let hex = hex::encode(word);
        rows.iter().filter(|row| row.contains(word) || row.contains(&hex)).cloned().collect::<Vec<_>>()
    };
    for way in ["bulk-delete", "trash"] {
        let id = ann.remember("We met Zqvexations in town").await;
        ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": "We met Zqponies in town"})).await.ok();
        // The stems, which stand in the words too.
        for word in ["zqvex", "zqponi"] {
            assert!(!has(&all_rows(&url).await, word).is_empty(), "{word} is nowhere before the purge");
        }
        let purged = if way == "trash" {
            trash(&ann, &id).await;
            ann.delete("/api/trash").await
        } else {
            ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": [id]})).await
        };
        let rows = all_rows(&url).await;
        for needle in ["zqvex", "zqponi", &id] {
            assert_eq!(has(&rows, needle), [""; 0], "after {way}");
        }
        let receipt = receipt(&ann, purged.header("deletion-receipt").expect("a receipt")).await;
        assert_eq!(receipt["erasure"], json!("rows-vacuumed"));
        assert!(receipt["erasedAt"].is_string());
    }
    assert_eq!(bob.texts().await, ["Bob met no one in town"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_no_embedding_in_any_file() {
    let mut server = Server::start(Engine::Sqlite).await;
    let place = server.place.take().expect("its own");
    let ann = server.user("ann").await;
    let others: Vec<String> = (0..300).map(|n| format!("We met number {n} in town, again and again")).collect();
    ann.remember_all(&others).await;
    let embedding = |text: &str| StaticModel::built_in().embed(text).expect("it has words").to_bytes();
    // Numbers that stand together nowhere else, also where a page was cut.
    let holders = |text: &str| {
        let embedding = embedding(text);
        let parts: Vec<&[u8]> = embedding.chunks(32).collect();
        let has = |bytes: &[u8]| parts.iter().any(|part| bytes.windows(32).any(|window| window == *part));
        place.files().into_iter().filter(|(_, bytes)| has(bytes)).map(|(path, _)| path).collect::<Vec<_>>()
    };
    let (first, second) = ("The parrot of uncle Theodor speaks Greek", "His tortoise is older than he is");
    let id = ann.remember(first).await;
    assert!(!holders(first).is_empty(), "the search of the files finds nothing where there is something");
    ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": second})).await.ok();
    trash(&ann, &id).await;
    assert!(!holders(second).is_empty(), "the trash keeps it, to be restored");
    let purged = ann.delete("/api/trash").await;
    assert_eq!((purged.ok(), purged.header("deletion-erasure")), (json!({"purged": 1, "failed": 0}), None));
    for text in [first, second] {
        assert_eq!(holders(text), [""; 0].map(std::path::PathBuf::from), "{text}");
    }
    server.stop().await;
}
