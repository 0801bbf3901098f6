//! Contract rows 1 to 5.

use serde_json::json;

use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(a_memory_is_stored_found_and_deleted);

async fn a_memory_is_stored_found_and_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let id = ann.remember("Ann has a blue bicycle").await;
    assert_eq!(ann.get("/api/memory?query=bicycles").await.ok(), json!(["Ann has a blue bicycle"]));
    let gone = ann.delete(&format!("/api/memories/{id}")).await;
    assert_eq!(gone.ok(), json!({"message": "Memory deleted"}));
    assert_eq!(ann.get("/api/memory?query=bicycles").await.ok(), json!([]));
    assert_eq!(ann.delete(&format!("/api/memories/{id}")).await.error(404), "There is no memory with that id.");
}
