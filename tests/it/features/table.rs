//! Memories as a table: page by page, from both ends, in every order.

use commonplace::auth::Caller;
use commonplace::clock::Micros;
use commonplace::error::Error;
use commonplace::memory::ops::{self, Find};
use commonplace::memory::select::Conditions;
use commonplace::memory::table::{self, Ask, From, Order, PAGE_MAX, Page};
use commonplace::search::Filter;
use commonplace::search::why::{Likeness, Why, marks};
use serde_json::json;

use super::person;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    pages_from_both_ends_have_each_row_once,
    conditions_narrow_the_rows_and_their_number,
    a_page_goes_on_where_it_was_when_rows_come_and_go,
    a_page_has_rows_of_its_own_account_only,
    a_page_out_of_range_is_refused,
    what_was_found_tells_why,
);

async fn page(server: &Server, caller: &Caller, ask: Ask) -> Page {
    table::page(&server.app, caller, ask).await.expect("a page")
}

fn texts(page: &Page) -> Vec<&str> {
    page.memories.iter().map(|memory| memory.text.as_str()).collect()
}

/// All pages of so many rows, from the first on or from the last back.
async fn walk(server: &Server, caller: &Caller, ask: &Ask, is_backward: bool) -> Vec<String> {
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut from = if is_backward { From::Last } else { From::First };
    loop {
        let page = page(server, caller, Ask { from, ..ask.clone() }).await;
        pages.push(page.memories.into_iter().map(|memory| memory.text).collect());
        from = match if is_backward { page.previous } else { page.next } {
            Some(cursor) if is_backward => From::Before(cursor.to_string().parse().expect("a cursor")),
            Some(cursor) => From::After(cursor.to_string().parse().expect("a cursor")),
            None => break,
        };
    }
    if is_backward {
        pages.reverse();
    }
    pages.concat()
}

async fn pages_from_both_ends_have_each_row_once(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    // Three share each time, so that only their numbers order them.
    let memory = |n: i64| json!({"text": format!("Fact {n:02}"), "createdAt": format!("2025-01-{:02}", n / 3 + 1)});
    ann.post("/api/import", json!((0..23).map(memory).collect::<Vec<_>>())).await.ok();
    server.app.clock.advance_days(1);
    let ids = ann.ids().await;
    for n in [5, 17] {
        let change = json!({"memoryId": ids[&format!("Fact {n:02}")], "text": format!("Fact {n:02} changed")});
        ann.post("/api/v2/memory/update", change).await.ok();
        server.app.clock.advance(1);
    }
    let bucket = ann.get("/api/buckets").await.ok()[0]["id"].as_str().map(str::to_owned).expect("an id");
    let bucket = commonplace::id::BucketId::parse(&bucket);
    let query = Some("facts".to_owned());
    for conditions in [
        Conditions::default(),
        Conditions { filter: Filter { bucket, ..Filter::default() }, query: None },
        Conditions { filter: Filter::default(), query },
    ] {
        let ask = |order, limit| Ask { conditions: conditions.clone(), order, limit, ..Ask::default() };
        let oldest = walk(&server, &caller, &ask(Order::Oldest, 500), false).await;
        assert_eq!(oldest.len(), 23);
        assert!(oldest.is_sorted(), "{oldest:?}");
        let mut newest = oldest.clone();
        newest.reverse();
        let updated = walk(&server, &caller, &ask(Order::Updated, 500), false).await;
        assert_eq!(updated[..2], ["Fact 17 changed", "Fact 05 changed"]);
        for limit in [1, 7, 22, 23] {
            for (order, expected) in [(Order::Oldest, &oldest), (Order::Newest, &newest), (Order::Updated, &updated)] {
                for is_backward in [false, true] {
                    let walked = walk(&server, &caller, &ask(order, limit), is_backward).await;
                    assert_eq!(&walked, expected, "{order:?} by {limit}, {is_backward}");
                }
            }
        }
    }
}

async fn conditions_narrow_the_rows_and_their_number(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let file = json!([
        {"text": "January tea", "createdAt": "2025-01-15", "source": "a", "bucket": "Work"},
        {"text": "February tea and cake", "createdAt": "2025-02-01", "source": "b", "bucket": "Work"},
        {"text": "March cake", "createdAt": "2025-03-31", "source": "a"},
    ]);
    ann.post("/api/import", file).await.ok();
    let work = ann.get("/api/buckets").await.ok()[1]["id"].as_str().map(str::to_owned).expect("an id");
    let work = commonplace::id::BucketId::parse(&work);
    let filter = Filter::default;
    let words = |query: &str| Some(query.to_owned());
    for (filter, query, expected) in [
        (filter(), None, &["March", "February", "January"][..]),
        (Filter { bucket: work, ..filter() }, None, &["February", "January"]),
        (Filter { source: words("a"), ..filter() }, None, &["March", "January"]),
        (Filter { content_type: words("image"), ..filter() }, None, &[]),
        (Filter { after: Micros::parse("2025-02-01"), ..filter() }, None, &["March", "February"]),
        (Filter { before: Micros::parse("2025-02-01"), bucket: work, ..filter() }, None, &["January"]),
        (filter(), words("teas"), &["February", "January"]),
        (Filter { bucket: work, ..filter() }, words("cakes"), &["February"]),
        (filter(), words("tea cake"), &["February"]),
        (filter(), words("absent"), &[]),
    ] {
        let conditions = Conditions { filter, query };
        let page = page(&server, &caller, Ask { conditions: conditions.clone(), limit: 10, ..Ask::default() }).await;
        let first: Vec<&str> = texts(&page).iter().filter_map(|text| text.split(' ').next()).collect();
        assert_eq!(first, expected, "{conditions:?}");
        assert_eq!(usize::try_from(page.total).expect("small"), expected.len(), "{conditions:?}");
        let counted = table::count(&server.app, &caller, conditions.clone()).await.expect("counted");
        assert_eq!(counted, page.total, "{conditions:?}");
        assert_eq!((page.previous, page.next), (None, None));
    }
}

async fn a_page_goes_on_where_it_was_when_rows_come_and_go(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    for n in 0..6 {
        ann.remember(&format!("Fact {n}")).await;
    }
    let ask = Ask { limit: 2, ..Ask::default() };
    let first = page(&server, &caller, ask.clone()).await;
    assert_eq!(texts(&first), ["Fact 5", "Fact 4"]);
    // The row that the cursor is of goes, and a newer one comes.
    ann.delete(&format!("/api/memories/{}", first.memories[1].id)).await.ok();
    ann.remember("Fact 6").await;
    let second = page(&server, &caller, Ask { from: From::After(first.next.expect("more")), ..ask.clone() }).await;
    assert_eq!((texts(&second), second.total), (vec!["Fact 3", "Fact 2"], 6));
    let back = page(&server, &caller, Ask { from: From::Before(second.previous.expect("more")), ..ask }).await;
    assert_eq!(texts(&back), ["Fact 6", "Fact 5"]);
}

async fn a_page_has_rows_of_its_own_account_only(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, anns) = person(&server, "ann").await;
    let (bob, bobs) = person(&server, "bob").await;
    ann.remember_all(&["Green tea", "Black tea"].map(str::to_owned)).await;
    bob.remember("White tea").await;
    let bucket = ann.get("/api/buckets").await.ok()[0]["id"].as_str().map(str::to_owned).expect("an id");
    let bucket = commonplace::id::BucketId::parse(&bucket);
    let cursor = page(&server, &anns, Ask { limit: 1, ..Ask::default() }).await.next.expect("more");
    for (conditions, from, expected) in [
        (Conditions::default(), From::First, &["White tea"][..]),
        (Conditions { query: Some("tea".to_owned()), ..Conditions::default() }, From::Last, &["White tea"]),
        (Conditions { filter: Filter { bucket, ..Filter::default() }, query: None }, From::First, &[]),
        (Conditions::default(), From::Before(cursor), &["White tea"]),
        (Conditions::default(), From::After(cursor), &[]),
    ] {
        let page = page(&server, &bobs, Ask { conditions, from, limit: 10, ..Ask::default() }).await;
        assert_eq!(texts(&page), expected, "{from:?}");
    }
}

async fn a_page_out_of_range_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, caller) = person(&server, "ann").await;
    let query = |query: &str| Conditions { query: Some(query.to_owned()), ..Conditions::default() };
    for ask in [
        Ask::default(),
        Ask { limit: PAGE_MAX + 1, ..Ask::default() },
        Ask { limit: 1, conditions: query("?!"), ..Ask::default() },
    ] {
        let refused = table::page(&server.app, &caller, ask).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
}

async fn what_was_found_tells_why(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, caller) = person(&server, "ann").await;
    let texts = ["Drinks black coffee every morning", "Runs along the river", "Has two running shoes"];
    ann.remember_all(&texts.map(str::to_owned)).await;
    let query = "cofee while run";
    let find = Find { query: Some(query.to_owned()), limit: 10, ..Find::default() };
    let found = ops::find(&server.app, &caller, find).await.expect("found");
    let why = Why::of(query, &found.corrected);
    let mut told = Vec::new();
    for hit in &found.hits {
        let text = &hit.memory.text;
        let matches = why.matches(text);
        let marked: Vec<&str> = marks(&matches).into_iter().map(|mark| &text[mark]).collect();
        let scored = hit.scored.expect("a score");
        assert!(scored.candidate.cosine.is_some(), "how near its meaning is");
        told.push((matches.first().expect("a match").likeness, marked));
    }
    told.sort();
    let expected =
        [(Likeness::Form, vec!["running"]), (Likeness::Form, vec!["Runs"]), (Likeness::Mistyped, vec!["coffee"])];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(told, expected);
}
