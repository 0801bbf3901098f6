//! Accounts see nothing of each other: every operation is tried with another
//! account's ids, and answers as it does for ids that never were.

use serde_json::{Value, json};

use crate::api::wire::{Ids, operations};
use crate::browser::Browser;
use crate::harness::{Engine, Server, User, on_both_engines};
use crate::oauth::person::Client;

on_both_engines!(
    another_accounts_ids_are_as_unknown_as_any,
    lists_searches_and_exports_hold_only_the_callers_own,
    the_same_fact_in_two_accounts_is_no_duplicate,
    another_accounts_confirmation_confirms_nothing,
    a_deletion_of_everything_is_of_the_callers_own,
    a_mixed_list_of_ids_takes_only_the_callers_own,
);

/// Words that only Ann's data has.
const SECRET: &str = "Secret";

/// What Ann has, one of each kind of thing.
struct Owned {
    memory: String,
    trashed: String,
    bucket: String,
    receipt: String,
    grant: String,
    conversation: String,
    trashed_conversation: String,
    import: String,
}

impl Owned {
    async fn of(server: &Server, user: &User, name: &str) -> Self {
        let bucket = user.bucket("Secret bucket").await;
        let mut ids = Vec::new();
        for text in ["Secret memory", "Secret trash"] {
            let body = json!({"text": text, "bucketId": bucket, "source": "Secret tool"});
            let stored = user.post("/api/memory", body).await.ok();
            ids.push(stored["memoryId"].as_str().expect("an id").to_owned());
        }
        let edit = json!({"memoryId": ids[0], "text": "Secret memory, edited"});
        user.post("/api/v2/memory/update", edit).await.ok();
        let gone = user.delete(&format!("/api/memories/{}", ids[1])).await;
        let receipt = gone.header("deletion-receipt").expect("a receipt").to_owned();
        let trashed = ids.pop().expect("two");
        let client = Client::register(server).await;
        let code = Browser::signed_in(server, name).await.allow(&client.query(&[])).await;
        client.exchange(&code, &[]).await.ok();
        let grants = user.get("/api/grants").await.ok();
        let grant = grants["grants"][0]["id"].as_str().expect("an id").to_owned();
        let mut conversations = Vec::new();
        for id in ["c1", "c2"] {
            let said = [json!({"id": "m1", "role": "human", "content": "Secret words"})];
            let body = json!({"conversation": {"id": id, "title": "Secret talk", "messages": said}, "platform": "Secret-tool"});
            let sent = user.post("/api/chat-history/ingest/custom-online", body).await.ok();
            conversations.push(sent);
        }
        let text = |sent: &Value, field: &str| sent[field].as_str().expect("an id").to_owned();
        let [conversation, trashed_conversation] = [0, 1].map(|place| text(&conversations[place], "conversationId"));
        let import = text(&conversations[0], "importId");
        let request = user.request(reqwest::Method::DELETE, "/api/chat-history/chats");
        crate::harness::answer(request.json(&json!({"ids": [trashed_conversation]}))).await.ok();
        let memory = ids.remove(0);
        Self { memory, trashed, bucket, receipt, grant, conversation, trashed_conversation, import }
    }

    fn ids(&self) -> Ids<'_> {
        Ids {
            memory: &self.memory,
            trashed: &self.trashed,
            bucket: &self.bucket,
            receipt: &self.receipt,
            grant: &self.grant,
            conversation: &self.conversation,
            trashed_conversation: &self.trashed_conversation,
            import: &self.import,
        }
    }
}

/// Everything that an account can see of itself.
async fn everything(user: &User, owned: &Owned) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in [
        "/api/v2/memory?all=true&includeIds=true".to_owned(),
        "/api/v2/memory?query=secret&includeIds=true".to_owned(),
        "/api/trash".to_owned(),
        "/api/deletions".to_owned(),
        "/api/grants".to_owned(),
        "/api/chat-history/chats".to_owned(),
        "/api/chat-history/trash".to_owned(),
        "/api/chat-history/imports".to_owned(),
        format!("/api/chat-history/conversation?conversationId={}", owned.conversation),
        format!("/api/memories/{}", owned.memory),
        format!("/api/deletions/{}", owned.receipt),
    ] {
        seen.push(user.get(&path).await.ok());
    }
    seen
}

async fn another_accounts_ids_are_as_unknown_as_any(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, eve) = (server.user("ann").await, server.user("bob").await, server.user("eve").await);
    let owned = Owned::of(&server, &ann, "ann").await;
    let before = everything(&ann, &owned).await;
    let unknown = Ids {
        memory: &format!("mem_{}", "0".repeat(32)),
        trashed: &format!("mem_{}", "1".repeat(32)),
        bucket: "1234567890123456",
        receipt: &format!("del_{}", "0".repeat(32)),
        grant: &format!("grant_{}", "0".repeat(32)),
        conversation: &format!("conv_{}", "0".repeat(32)),
        trashed_conversation: &format!("conv_{}", "1".repeat(32)),
        import: &format!("imp_{}", "0".repeat(32)),
    };
    // Bob and Eve are alike in all but the ids that they try.
    for (tried, made_up) in operations(&owned.ids()).iter().zip(operations(&unknown)) {
        let (to_bob, to_eve) = (tried.send(&bob).await, made_up.send(&eve).await);
        let name = format!("{} {}", tried.method, tried.path);
        assert_eq!(to_bob.status, to_eve.status, "{name}: {to_bob:?}");
        if tried.route != "/metrics" {
            assert_eq!(told(&to_bob.text, &owned.ids()), told(&to_eve.text, &unknown), "{name}");
            assert!(!to_bob.text.contains(SECRET), "{name}: {to_bob:?}");
        }
        assert_eq!(everything(&ann, &owned).await, before, "{name}");
    }
}

/// An answer with the ids of the request, and those made by it, by what they are.
fn told(text: &str, ids: &Ids<'_>) -> Value {
    let named = text
        .replace(ids.memory, "(the memory)")
        .replace(ids.trashed, "(the trashed)")
        .replace(ids.bucket, "(the bucket)")
        .replace(ids.receipt, "(the receipt)")
        .replace(ids.grant, "(the grant)")
        .replace(ids.conversation, "(the conversation)")
        .replace(ids.trashed_conversation, "(the trashed conversation)")
        .replace(ids.import, "(the import)");
    let mut json = serde_json::from_str(&named).unwrap_or(Value::String(named));
    // A digest of the account and of what matches, so it differs even for nothing.
    if let Some(token) = json.get_mut("confirmationToken") {
        *token = json!("(a token)");
    }
    if let Some(time) = json.get_mut("processingTime") {
        *time = json!("(a time)");
    }
    crate::api::wire::shape(&json)
}

async fn lists_searches_and_exports_hold_only_the_callers_own(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let owned = Owned::of(&server, &ann, "ann").await;
    bob.remember("Bob's own secret").await;
    let (bucket, memory) = (&owned.bucket, &owned.memory);
    for path in [
        "/api/memory?all=true".to_owned(),
        "/api/memory?query=secret&count=100".to_owned(),
        "/api/v2/memory?query=secret%20memory%20edited&includeIds=true".to_owned(),
        "/api/v2/memory?latest=true".to_owned(),
        format!("/api/memory?bucketId={bucket}&all=true"),
        format!("/api/v2/memory?bucketId={bucket}&query=secret"),
        "/api/buckets".to_owned(),
        "/api/trash".to_owned(),
        "/api/deletions".to_owned(),
        "/api/grants".to_owned(),
        "/api/chat-history/chats".to_owned(),
        "/api/chat-history/count".to_owned(),
        "/api/chat-history/trash".to_owned(),
        "/api/chat-history/imports".to_owned(),
        "/api/export".to_owned(),
        "/api/export?format=csv".to_owned(),
        "/api/export?format=text".to_owned(),
        format!("/api/export?format=csv&bucketId={bucket}"),
        "/openapi.json".to_owned(),
        "/docs".to_owned(),
        "/metrics".to_owned(),
    ] {
        let answer = bob.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text.contains(SECRET) && !answer.text.contains(memory.as_str()), "{path}: {answer:?}");
    }
    assert_eq!(bob.get("/api/memory?query=secret").await.ok(), json!(["Bob's own secret"]));
    assert_eq!(bob.get("/api/trash").await.ok()["total"], json!(0));
    assert_eq!(bob.get("/api/deletions").await.ok()["total"], json!(0));
    assert_eq!(bob.get("/api/chat-history/count").await.ok()["count"], json!(0));
    let found = bob.post("/api/chat-history/search", json!({"query": "secret words"})).await.ok();
    assert_eq!(found["results"], json!([]));
}

async fn the_same_fact_in_two_accounts_is_no_duplicate(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (hers, his) = (ann.remember("Likes tea").await, bob.remember("Likes tea").await);
    assert_ne!(hers, his);
    let imported = bob.post("/api/import", ann.get("/api/export").await.ok()).await.ok();
    assert_eq!((&imported["created"], &imported["duplicates"]), (&json!(0), &json!(1)));
    bob.delete(&format!("/api/memories/{his}?purge=true")).await.ok();
    assert_eq!(ann.get("/api/memory?query=tea").await.ok(), json!(["Likes tea"]));
    assert_eq!(bob.get("/api/memory?query=tea").await.ok(), json!([]));
}

async fn another_accounts_confirmation_confirms_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    ann.remember("Likes tea").await;
    bob.remember("Likes tea").await;
    let filter = "/api/memories/delete-by-filter";
    for query in ["tea", "coffee"] {
        let preview = ann.post(filter, json!({"query": query, "dryRun": true})).await.ok();
        let body = json!({"query": query, "confirmationToken": preview["confirmationToken"]});
        bob.post(filter, body).await.error(409);
    }
    assert_eq!((ann.texts().await.len(), bob.texts().await.len()), (1, 1));
}

async fn a_deletion_of_everything_is_of_the_callers_own(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let owned = Owned::of(&server, &ann, "ann").await;
    let before = everything(&ann, &owned).await;
    bob.remember("Bob's own").await;
    let filter = "/api/memories/delete-by-filter";
    let preview = bob.post(filter, json!({"all": true, "dryRun": true})).await.ok();
    assert_eq!(preview["matched"], json!(1));
    let body = json!({"all": true, "confirmationToken": preview["confirmationToken"]});
    assert_eq!(bob.post(filter, body).await.ok(), json!({"deleted": 1, "failed": 0}));
    assert_eq!(bob.delete("/api/trash").await.ok(), json!({"purged": 1, "failed": 0}));
    assert_eq!(everything(&ann, &owned).await, before);
}

async fn a_mixed_list_of_ids_takes_only_the_callers_own(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let owned = Owned::of(&server, &ann, "ann").await;
    let before = everything(&ann, &owned).await;
    let his = bob.remember("Bob's own").await;
    let body = json!({"memoryIds": [owned.memory, his, owned.trashed]});
    let moved = json!({"memoryIds": [his, owned.memory], "bucketName": "General"});
    let refused = bob.post("/api/v2/memory/update", moved).await;
    refused.error(404);
    assert_eq!(refused.json()["rejectedIds"], json!([owned.memory]));
    for (path, answer) in [
        ("/api/memories/bulk-delete", json!({"deleted": 1, "failed": 2})),
        ("/api/memories/restore", json!({"restored": 1, "failed": 2})),
        ("/api/memories/bulk-delete", json!({"deleted": 1, "failed": 2})),
        ("/api/trash/purge", json!({"purged": 1, "failed": 2})),
    ] {
        assert_eq!(bob.post(path, body.clone()).await.ok(), answer, "{path}");
    }
    assert_eq!(everything(&ann, &owned).await, before);
}
