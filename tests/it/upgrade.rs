//! Data of the first schema, as the program before searches by meaning left it.

use commonplace::db::{Db, Location, SqliteOptions};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Engine, Place, Server, on_both_engines, repository};

on_both_engines!(memories_of_the_first_schema_are_found_by_words_and_meaning);

const TEXTS: [&str; 3] = ["Ann's brother works as a doctor", "Мой брат живёт в Москве", "我的妹妹住在北京市"];
const TRASHED: &str = "La crème brûlée était délicieuse";

/// The statements that make data of the first schema, with one account.
fn statements(engine: Engine) -> Vec<String> {
    let folder = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    let schema = repository(&format!("migrations/{folder}/0001_memories.sql"));
    let schema = std::fs::read_to_string(schema).expect("the first step");
    let checksum = hex::encode(Sha256::digest(&schema));
    let mut statements = vec![
        "create table migration (number bigint primary key, checksum text not null)".to_owned(),
        schema,
        format!("insert into migration (number, checksum) values (1, '{checksum}')"),
        "insert into account (id, name, seq, created_at) values (1, 'ann', 4, 0)".to_owned(),
        "insert into bucket (account_id, id, name, name_key, is_general, memory_count, created_at) \
         values (1, 7, 'General', 'general', 1, 3, 0)"
            .to_owned(),
    ];
    let columns = "doc, account_id, id, bucket_id, text, fingerprint, content_type, version, created_at, updated_at";
    for (number, text) in (1_i64..).zip(TEXTS) {
        let text = text.replace('\'', "''");
        let doc = (1_i64 << 36) | number;
        let values = format!("{doc}, 1, 'mem_{number:032x}', 7, '{text}', 0, 'text', 1, 0, 0");
        statements.push(format!("insert into memory ({columns}) values ({values})"));
        if engine == Engine::Sqlite {
            statements.push(format!("insert into memory_fts (rowid, text) values ({doc}, '{text}')"));
        }
    }
    let doc = (1_i64 << 36) | 4;
    statements.push(format!(
        "insert into trash ({columns}, deletion_id, bucket_name, deleted_at, purge_at) values \
         ({doc}, 1, 'mem_{:032x}', 7, '{TRASHED}', 0, 'text', 1, 0, 0, 'del', 'General', 0, 9000000000000000)",
        4
    ));
    statements
}

async fn memories_of_the_first_schema_are_found_by_words_and_meaning(engine: Engine) {
    let place = Place::new(engine).await;
    let url = place.flags().into_iter().find(|(name, _)| *name == "database_url");
    match url {
        Some((_, url)) => {
            let pool = sqlx::PgPool::connect(&url).await.expect("connected");
            for statement in statements(engine) {
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await.expect("done");
            }
            pool.close().await;
        }
        None => {
            let file = rusqlite::Connection::open(place.folder.path().join("commonplace.db")).expect("opened");
            for statement in statements(engine) {
                file.execute_batch(&statement).expect("done");
            }
        }
    }
    let mut server = Server::start_at(&place, &[]).await;
    let account = commonplace::auth::ops::account(&server.app, Some("ann")).await.expect("there");
    let scopes = commonplace::auth::Scopes::all();
    let (token, _) =
        commonplace::auth::ops::create_token(&server.app, account.id, "t", scopes, None).await.expect("made");
    let ann = server.with_token(&token);
    for (query, text) in [("doctors", TEXTS[0]), ("МОСКВЕ", TEXTS[1]), ("北京", TEXTS[2])] {
        let found = ann.get(&format!("/api/memory?mode=lexical&query={}", crate::search::encoded(query))).await;
        assert_eq!(found.ok(), json!([text]));
        let preview = json!({"query": query, "dryRun": true});
        let preview = ann.post("/api/memories/delete-by-filter", preview).await.ok();
        assert_eq!(preview["matched"], json!(1), "{query}");
    }
    let early = ann.get("/api/memory?query=physician").await;
    assert_eq!(early.header("search-lacks"), Some("embeddings-pending"));
    let pending = commonplace::search::backlog::embed_pending(&server.app).await.expect("embedded");
    assert_eq!(pending.embedded, 3);
    assert_eq!(ann.get("/api/memory?query=physician").await.ok()[0], json!(TEXTS[0]));

    let restored = ann.post("/api/memories/restore", json!({"memoryIds": [format!("mem_{:032x}", 4)]})).await.ok();
    assert_eq!(restored, json!({"restored": 1, "failed": 0}));
    let found = ann.get("/api/memory?mode=lexical&query=CREME+BRULEE").await;
    assert_eq!(found.ok(), json!([TRASHED]));
    let all: Vec<String> = ann.ids().await.into_values().collect();
    let purged = ann.post("/api/memories/bulk-delete?purge=true", json!({"memoryIds": all})).await.ok();
    assert_eq!(purged, json!({"deleted": 4, "failed": 0}));
    server.stop().await;
    if let Some(path) = (engine == Engine::Sqlite).then(|| place.folder.path().join("commonplace.db")) {
        let db = Db::open(&Location::Sqlite(path, SqliteOptions::default())).await.expect("opened");
        assert_eq!(db.check().await.expect("checked"), [""; 0]);
        db.close().await;
    }
    for (path, bytes) in place.files() {
        for needle in ["doctor", "МОСКВ", "москв", "北京", "brul", "délicieuse", "delicieus"] {
            let is_there = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!is_there, "{needle} is in {}", path.display());
        }
    }
}
