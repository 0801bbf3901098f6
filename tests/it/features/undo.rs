//! A deletion is undone as one: all that it moved to the trash comes back.

use commonplace::error::Error;
use commonplace::history::delete::{self as chats, How, To};
use commonplace::history::import::{Conversation, Message, Role};
use commonplace::history::ops::{self, Incoming};
use commonplace::history::read::{self, Which};
use commonplace::memory::delete;
use commonplace::memory::select::{Conditions, Selection};
use commonplace::memory::trash::{self, Part, Undone};
use commonplace::{bucket, receipt};
use serde_json::json;

use super::person;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    a_deletion_is_undone_whole_and_alone,
    what_was_purged_or_came_back_before_is_told,
    nobody_undoes_a_deletion_of_another,
    of_two_undoings_each_memory_comes_back_once,
    a_deletion_of_conversations_is_undone_but_for_what_came_again,
);

fn all() -> Selection {
    Selection::Where(Conditions::default())
}

async fn delete_all(server: &Server, caller: &commonplace::auth::Caller) -> String {
    let review = delete::review(&server.app, caller, all()).await.expect("a review");
    let deleted = delete::reviewed(&server.app, caller, all(), review.confirmation, false).await.expect("deleted");
    deleted.receipt.expect("a receipt")
}

async fn a_deletion_is_undone_whole_and_alone(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let file = json!([{"text": "Green tea", "bucket": "Work"}, {"text": "Black tea"}]);
    ann.post("/api/import", file).await.ok();
    let before = ann.get("/api/export").await.ok()["memories"].clone();
    let first = delete_all(&server, &caller).await;
    ann.remember("Coffee").await;
    delete_all(&server, &caller).await;
    let undone = trash::restore_deletion(&server.app, &caller, &first).await.expect("undone");
    assert_eq!(undone, Undone { restored: 2, restored_before: 0, purged: 0, left: 0 });
    assert_eq!(ann.get("/api/export").await.ok()["memories"], before);
    assert_eq!(ann.get("/api/memory?query=teas").await.ok().as_array().map(Vec::len), Some(2));
    assert_eq!(ann.get("/api/trash").await.ok()["total"], json!(1));
    assert_eq!(bucket::ops::miscounted(&server.app).await.expect("counted"), 0);
    let (receipt, _) = receipt::ops::get(&server.app, &caller, &first).await.expect("a receipt");
    assert_eq!((receipt.restored, receipt.in_trash()), (2, 0));
    let again = trash::restore_deletion(&server.app, &caller, &first).await.expect("undone");
    assert_eq!(again, Undone { restored: 0, restored_before: 2, purged: 0, left: 0 });
}

async fn what_was_purged_or_came_back_before_is_told(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let ids = ann.remember_all(&["a1", "b2", "c3", "d4"].map(str::to_owned)).await;
    let receipt = delete_all(&server, &caller).await;
    trash::restore(&server.app, &caller, vec![ids[0].clone()]).await.expect("restored");
    trash::purge(&server.app, &caller, Part::Ids(vec![ids[1].clone()]), None).await.expect("purged");
    let undone = trash::restore_deletion(&server.app, &caller, &receipt).await.expect("undone");
    assert_eq!(undone, Undone { restored: 2, restored_before: 1, purged: 1, left: 0 });
    assert_eq!(ann.texts().await.len(), 3);
}

async fn nobody_undoes_a_deletion_of_another(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, anns) = person(&server, "ann").await;
    let (_, bobs) = person(&server, "bob").await;
    ann.remember("Green tea").await;
    let receipt = delete_all(&server, &anns).await;
    for id in [receipt.as_str(), "del_00000000000000000000000000000000", "x\0y"] {
        let refused = trash::restore_deletion(&server.app, &bobs, id).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        let refused = chats::restore_deletion(&server.app, &bobs, id).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    }
    assert_eq!(ann.texts().await, [""; 0]);
}

async fn of_two_undoings_each_memory_comes_back_once(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    ann.remember_all(&(0..50).map(|n| format!("Fact {n}")).collect::<Vec<_>>()).await;
    let receipt = delete_all(&server, &caller).await;
    let undo = || trash::restore_deletion(&server.app, &caller, &receipt);
    let (one, two) = tokio::join!(undo(), undo());
    let (one, two) = (one.expect("undone"), two.expect("undone"));
    assert_eq!(one.restored + two.restored, 50);
    assert_eq!(one.restored_before + two.restored_before, 50);
    assert_eq!(ann.texts().await.len(), 50);
}

async fn a_deletion_of_conversations_is_undone_but_for_what_came_again(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, caller) = person(&server, "ann").await;
    let incoming = |id: &str| Incoming {
        platform: "chatgpt".to_owned(),
        conversation: Conversation {
            id: id.to_owned(),
            title: format!("Talk {id}"),
            created_at: None,
            updated_at: None,
            messages: vec![Message {
                id: format!("{id}-1"),
                role: Role::Human,
                text: format!("What of {id}?"),
                created_at: None,
            }],
        },
        is_whole: true,
        import: None,
        is_automatic: false,
    };
    let batch = ["rye", "oat", "spelt"].map(incoming).into();
    ops::ingest(&server.app, &caller, batch, true).await.expect("taken in");
    let (all, _) = read::list(&server.app, &caller, Which::default(), 0, 10).await.expect("a list");
    let ids = all.into_iter().map(|one| one.id).collect();
    let how = How { to: To::Trash, pinned_too: false };
    let deleted = chats::delete(&server.app, &caller, ids, how).await.expect("deleted").deleted;
    let receipt = deleted.receipt.expect("a receipt");
    ops::ingest(&server.app, &caller, vec![incoming("oat")], true).await.expect("taken in");
    let undone = chats::restore_deletion(&server.app, &caller, &receipt).await.expect("undone");
    assert_eq!(undone, Undone { restored: 2, restored_before: 0, purged: 0, left: 1 });
    assert_eq!(read::count(&server.app, &caller).await.expect("counted"), 3);
    let (receipt, _) = receipt::ops::get(&server.app, &caller, &receipt).await.expect("a receipt");
    assert!(receipt.is_of_conversations());
    assert_eq!((receipt.restored, receipt.in_trash()), (2, 1));
}
