//! The first page: numbers that are those of the storage.

use commonplace::auth::Caller;
use commonplace::auth::ops as auth;
use commonplace::overview::snapshot;
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Engine, Server, User, on_both_engines};
use crate::history::http::{conversation, send};

on_both_engines!(
    the_overview_counts_what_there_is,
    a_snapshot_has_all_of_one_moment,
    plots_have_a_bar_for_each_day_and_week,
    a_bar_has_the_number_of_its_day,
    searches_are_in_the_plots_of_their_account_alone,
    how_the_server_is_doing_is_for_its_owner,
    what_the_trash_lets_go_of_next_is_said,
    sources_are_named_and_counted_and_never_markup,
    an_overview_of_another_time_is_refused,
);

fn plot<'p>(page: &'p str, id: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("aria-labelledby=\"{id}-title\"")).unwrap_or_else(|| panic!("no {id}"));
    rest.split("</section>").next().unwrap_or_default()
}

/// The bars of a plot: how many, and the titles of those that are not nothing.
fn bars(plot: &str) -> (usize, Vec<String>) {
    let titles = plot.split("<g><title>").skip(1);
    let high = titles.clone().filter(|bar| bar.split("</g>").next().is_some_and(|bar| bar.contains("class=\"whole\"")));
    (titles.count(), high.map(|bar| bar.split("</title>").next().unwrap_or_default().to_owned()).collect())
}

async fn caller(server: &Server, name: &str) -> Caller {
    Caller::operator(auth::account(&server.app, Some(name)).await.expect("the account").id)
}

async fn forget(user: &User, ids: &[String]) {
    user.post("/api/memories/bulk-delete", json!({"memoryIds": ids})).await.ok();
}

async fn the_overview_counts_what_there_is(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    bob.remember("Bob's own").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let empty = browser.page("/").await;
    assert!(empty.contains("Nothing is remembered yet") && empty.contains("href=\"/connect\""), "{empty}");
    let texts: Vec<String> = (0..1_234).map(|number| format!("Fact number {number}")).collect();
    let ids = ann.remember_all(&texts).await;
    forget(&ann, &ids[..34]).await;
    ann.bucket("Work").await;
    for id in ["a", "b"] {
        send(&ann, "chatgpt", conversation(id, id, &["Where?", "There.", "Thanks."])).await;
    }
    let page = browser.page("/").await;
    let counts =
        [("1,200", "Memories"), ("2", "Conversations"), ("6", "Messages"), ("2", "Buckets"), ("34", "In the trash")];
    for (count, label) in counts {
        let tile = page.split("<li class=\"card tile\">").skip(1).find(|tile| tile.contains(label)).expect(label);
        assert!(tile.contains(&format!(">{count}<")), "{label}: {tile}");
    }
    assert!(page.contains("1,200 of 1,200 memories"), "{page}");
}

async fn a_snapshot_has_all_of_one_moment(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = ann.remember_all(&["One".to_owned(), "Two".to_owned(), "Three".to_owned()]).await;
    forget(&ann, &ids[..1]).await;
    send(&ann, "claude", conversation("c", "C", &["Where?"])).await;
    ann.get("/api/memory?query=two").await.ok();
    let caller = caller(&server, "ann").await;
    let seen = snapshot(&server.app, &caller, 30, 1).await.expect("a snapshot");
    assert_eq!((seen.stored.memories, seen.stored.trashed_memories), (2, 1));
    assert!(seen.stored.storage_bytes.is_some_and(|bytes| bytes > 0));
    let counts: Vec<i64> = seen.growth.memories.iter().map(|began| began.count).collect();
    assert_eq!((seen.growth.memories_before, counts), (0, vec![2]));
    assert_eq!((seen.growth.conversations_before, seen.growth.conversations.len()), (1, 0));
    assert_eq!(seen.usage.iter().map(|day| day.count).collect::<Vec<_>>(), [1]);
    assert_eq!((seen.embedded, seen.passages, seen.imports), (2, 1, 0));
    assert_eq!(seen.due.map(|due| due.count), Some(1));
}

async fn plots_have_a_bar_for_each_day_and_week(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    ann.remember("One").await;
    ann.get("/api/memory?query=one").await.ok();
    let mut browser = Browser::signed_in(&server, "ann").await;
    for (path, number) in [("/", 30), ("/?period=90", 90), ("/?period=year", 52)] {
        let page = browser.page(path).await;
        for id in ["memories", "searches", "search-time"] {
            let (count, high) = bars(plot(&page, id));
            assert_eq!((count, high.len()), (number, 1), "{path} {id}: {page}");
        }
        for id in ["conversations", "recall-time"] {
            assert!(plot(&page, id).contains("Nothing in this time."), "{path} {id}");
        }
    }
}

async fn a_bar_has_the_number_of_its_day(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let day = |days: i64| server.app.clock.now().plus_days(-days).rfc3339()[..10].to_owned();
    ann.remember_all(&["One".to_owned(), "Two".to_owned()]).await;
    server.app.clock.advance_days(3);
    ann.remember("Three").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/").await;
    let memories = plot(&page, "memories");
    let bars = bars(memories).1;
    assert_eq!(bars, [format!("{}, memories: 2", day(3)), format!("{}, memories: 1", day(0))]);
    assert!(memories.contains("3 of 3 in this time"), "{memories}");
    // The table says the same in words.
    assert_eq!(memories.matches("<tr><td>").count(), 2, "{memories}");
    assert!(memories.contains(&format!("<tr><td>{}</td><td class=\"num\">2</td></tr>", day(3))), "{memories}");
    server.app.clock.advance_days(28);
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/").await;
    assert!(plot(&page, "memories").contains("1 of 3 in this time"), "{page}");
}

async fn searches_are_in_the_plots_of_their_account_alone(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    for user in [&ann, &bob] {
        user.remember("Rye bread").await;
        send(user, "chatgpt", conversation("c", "C", &["What of rye?"])).await;
    }
    for _ in 0..3 {
        ann.get("/api/memory?query=rye").await.ok();
    }
    ann.post("/api/chat-history/inject", json!({"query": "rye"})).await.ok();
    let mut browser = Browser::signed_in(&server, "ann").await;
    // What is looked for on the pages is not.
    for path in ["/memories?q=rye", "/recall?q=rye"] {
        assert!(browser.page(path).await.contains("<mark>"), "{path}");
    }
    let page = browser.page("/").await;
    let searches = plot(&page, "searches");
    assert!(searches.contains("3 of memories, 1 of conversations"), "{searches}");
    assert!(bars(searches).1[0].ends_with(", searches: 4, of conversations: 1"), "{searches}");
    assert_eq!(bars(plot(&page, "recall-time")).1.len(), 1);
    let page = Browser::signed_in(&server, "bob").await.page("/").await;
    assert!(plot(&page, "searches").contains("Nothing in this time."), "{page}");
}

async fn how_the_server_is_doing_is_for_its_owner(engine: Engine) {
    let server = Server::start(engine).await;
    // The first account is the owner's; the file of the database has the rows of both.
    for name in ["ann", "bob"] {
        server.user(name).await.remember("One").await;
    }
    let owner = Browser::signed_in(&server, "ann").await.page("/").await;
    let other = Browser::signed_in(&server, "bob").await.page("/").await;
    assert!(owner.contains("for all accounts together"), "{owner}");
    assert!(!other.contains("for all accounts together"), "{other}");
}

async fn what_the_trash_lets_go_of_next_is_said(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let ids = ann.remember_all(&["One".to_owned(), "Two".to_owned(), "Three".to_owned()]).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(!browser.page("/").await.contains("The trash lets go"));
    forget(&ann, &ids[..2]).await;
    let first = server.app.clock.now().plus_days(30).rfc3339()[..10].to_owned();
    server.app.clock.advance_days(2);
    forget(&ann, &ids[2..]).await;
    let page = browser.page("/").await;
    assert!(page.contains("The trash lets go of 2 next") && page.contains(&format!(">{first}</time>")), "{page}");
}

async fn sources_are_named_and_counted_and_never_markup(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let markup = "<script>alert(1)</script>\"'&<img/src=x>";
    for (text, source) in [("One", json!(markup)), ("Two", json!(markup)), ("Three", json!(null))] {
        ann.post("/api/memory", json!({"text": text, "source": source})).await.ok();
    }
    let page = Browser::signed_in(&server, "ann").await.page("/").await;
    let (_, sources) = page.split_once("id=\"sources\"").expect("sources");
    let sources = sources.split("</section>").next().expect("an end");
    let rows: Vec<_> = sources.split("<li>").skip(1).collect();
    assert!(rows[0].contains("&#60;script&#62;alert(1)") && rows[0].contains(">2<"), "{sources}");
    assert!(rows[1].contains("not said") && rows[1].contains(">1<") && rows.len() == 2, "{sources}");
    assert!(!page.contains("<script>") && !page.contains("<img/src"), "{page}");
}

async fn an_overview_of_another_time_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let mut browser = Browser::of_new_user(&server, "ann").await;
    for query in ["period=31", "period=%3Cb%3E", "period=30&period=90"] {
        let refused = browser.get(&format!("/?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(!refused.text.contains("<b>"));
    }
}
