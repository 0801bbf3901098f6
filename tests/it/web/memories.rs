//! The list of memories: what it shows, and what is done from it.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Fields, form, sent};
use crate::harness::{Engine, Server, User, on_both_engines};

on_both_engines!(
    the_list_counts_exactly_and_goes_through_all,
    filters_and_words_show_what_the_storage_has,
    a_search_says_why_something_was_found,
    a_script_gets_the_list_alone,
    a_review_says_how_many_from_where_and_deletes_those,
    a_review_of_what_changed_since_deletes_nothing,
    all_that_match_are_deleted_and_brought_back_as_one,
    what_is_purged_is_on_no_page,
    a_chosen_memory_is_moved_and_exported,
    a_memory_is_added_once,
    nothing_of_another_account_is_shown_or_touched,
    texts_full_of_markup_are_text,
    a_form_without_a_choice_does_nothing,
    memories_that_say_the_same_are_offered_and_one_is_kept,
);

const MARKUP: &str = "<script>alert('x')</script><img src=x onerror=y>\"'&";
const ESCAPED: &str = "&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#60;img src=x onerror=y&#62;&#34;&#39;&#38;";

async fn stored(ann: &User, count: usize) {
    let item = |number: usize| {
        let bucket = if number.is_multiple_of(4) { "Work" } else { "General" };
        let source = if number.is_multiple_of(2) { "even tool" } else { "odd tool" };
        let day = format!("2026-01-{:02}", 1 + number % 20);
        json!({"text": format!("Fact number {number}"), "bucket": bucket, "source": source, "createdAt": day})
    };
    let file: Vec<_> = (0..count).map(item).collect();
    ann.post("/api/import", json!(file)).await.ok();
}

/// The id of the bucket of this name.
async fn bucket_named(ann: &User, name: &str) -> String {
    let buckets = ann.get("/api/buckets").await.ok();
    let buckets = buckets["buckets"].as_array().or(buckets.as_array()).expect("a list").clone();
    let bucket = buckets.iter().find(|bucket| bucket["name"] == name).expect("a bucket");
    bucket["id"].as_str().map_or_else(|| bucket["id"].to_string(), str::to_owned)
}

/// The ids of the rows of a page.
fn ids(page: &str) -> Vec<String> {
    let rows = page.split("name=\"id\" value=\"").skip(1);
    rows.map(|rest| rest.split('"').next().expect("an id").to_owned()).collect()
}

/// What a page says of how many there are.
fn count(page: &str) -> &str {
    let (_, rest) = page.split_once("id=\"count\" role=\"status\">").expect("a count");
    rest.split('<').next().expect("a text")
}

fn link<'p>(page: &'p str, rel: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("rel=\"{rel}\" href=\""))?;
    rest.split('"').next()
}

fn unescaped(address: &str) -> String {
    address.replace("&#38;", "&")
}

/// The hidden fields of the form for what is chosen, and these.
fn chosen(page: &str, more: &[(&str, &str)]) -> Fields {
    let mut fields = form(page, "/memories/delete");
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    fields
}

/// Reviews a deletion and confirms it; the page that follows.
async fn deleted(browser: &mut Browser, fields: &Fields, what: &str) -> String {
    let review = browser.submit("/memories/delete", fields).await;
    assert_eq!(review.status, StatusCode::OK, "{review:?}");
    let mut sure = form(&review.text, "/memories/delete");
    sure.push(("what".to_owned(), what.to_owned()));
    let done = browser.submit("/memories/delete", &sure).await;
    browser.follow(&done).await
}

async fn the_list_counts_exactly_and_goes_through_all(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/memories").await.contains("No memories yet"));
    stored(&ann, 1_030).await;
    for order in ["", "oldest", "updated"] {
        let mut page = browser.page(&format!("/memories?order={order}")).await;
        let (mut seen, mut pages) = (Vec::new(), Vec::new());
        loop {
            let first = seen.len() + 1;
            seen.extend(ids(&page));
            assert_eq!(count(&page).replace(',', ""), format!("{first}–{} of 1030 memories", seen.len()));
            pages.push(ids(&page));
            let Some(next) = link(&page, "next").map(unescaped) else { break };
            page = browser.page(&next).await;
        }
        assert_eq!(pages.len(), 21);
        let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), 1_030);
        for expected in pages.iter().rev().skip(1) {
            let previous = unescaped(link(&page, "prev").expect("a page before"));
            page = browser.page(&previous).await;
            assert_eq!(ids(&page), *expected);
        }
        assert!(count(&page).starts_with("1–50 of "), "{}", count(&page));
    }
}

async fn filters_and_words_show_what_the_storage_has(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 200).await;
    let work = bucket_named(&ann, "Work").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    for (query, expected) in [
        (format!("bucket={work}"), "50 memories"),
        ("source=odd+tool".to_owned(), "1–50 of 100 memories"),
        (format!("source=odd+tool&bucket={work}"), "No memories"),
        ("type=text&order=oldest".to_owned(), "1–50 of 200 memories"),
        ("type=image".to_owned(), "No memories"),
        ("from=2026-01-03&to=2026-01-03".to_owned(), "10 memories"),
        ("from=2026-01-20".to_owned(), "10 memories"),
        ("to=2026-01-01".to_owned(), "10 memories"),
        ("q=fact+137&order=newest".to_owned(), "1 memory"),
        ("q=fact&source=even+tool&order=newest".to_owned(), "1–50 of 100 memories"),
        ("bucket=1".to_owned(), "No memories"),
    ] {
        let page = browser.page(&format!("/memories?{query}")).await;
        assert_eq!(count(&page), expected, "{query}");
        assert!(page.contains("Remove the filter"), "{query}");
    }
    for bad in ["bucket=x", "from=soon", "order=best", "after=x", "q=a&q=b"] {
        assert_eq!(browser.get(&format!("/memories?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // What someone is typing may have no word yet.
    for query in ["q=%3F", "q=%3F&order=newest"] {
        assert_eq!(count(&browser.page(&format!("/memories?{query}")).await), "No memories", "{query}");
    }
}

async fn a_search_says_why_something_was_found(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    for text in ["Ann drinks black coffee", "Bob runs every morning", "Ann loves espresso and cappuccino"] {
        ann.remember(text).await;
    }
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories?q=coffee").await;
    assert!(page.contains("Ann drinks black <mark>coffee</mark>"), "{page}");
    assert!(page.contains("by meaning"), "{page}");
    assert!(page.contains("1 memory with every word"), "{page}");
    let page = browser.page("/memories?q=running").await;
    assert!(page.contains("Bob <mark>runs</mark> every morning") && page.contains("“runs” for “running”"), "{page}");
    let page = browser.page("/memories?q=cofee").await;
    assert!(page.contains("No memory has the word “cofee”"), "{page}");
    assert!(page.contains("“coffee” is spelled like “cofee”"), "{page}");
}

async fn a_script_gets_the_list_alone(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 60).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let part = browser.fragment("/memories?q=fact&order=newest").await;
    assert_eq!(part.status, StatusCode::OK);
    assert!(!part.text.contains("<html") && !part.text.contains("<nav aria-label=\"Main\""), "{}", part.text);
    assert_eq!(count(&part.text), "1–50 of 60 memories");
    let whole = browser.page("/memories?q=fact&order=newest").await;
    assert_eq!(ids(&part.text), ids(&whole));
    assert_eq!(form(&part.text, "/memories/delete"), form(&whole, "/memories/delete"));
}

async fn a_review_says_how_many_from_where_and_deletes_those(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 60).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories?order=oldest").await;
    let some: Vec<String> = ids(&page).into_iter().take(7).collect();
    let mut fields = form(&page, "/memories/delete");
    fields.extend(some.iter().map(|id| ("id".to_owned(), id.clone())));
    fields.push(("id".to_owned(), some[0].clone()));
    fields.push(("id".to_owned(), "mem_none".to_owned()));
    let review = browser.submit("/memories/delete", &fields).await;
    assert_eq!(review.status, StatusCode::OK);
    assert!(review.text.contains("<h1>Delete 7 memories?</h1>"), "{}", review.text);
    assert!(review.text.contains("1 memory that you selected is gone already."), "{}", review.text);
    let share = |bucket: &str| {
        let (before, _) =
            review.text.split_once(&format!("</strong> from <span class=\"wrap\">{bucket}</span>")).expect("a share");
        before.rsplit('>').next().expect("a number").parse::<usize>().expect("a number")
    };
    let texts = ann.ids().await;
    let in_work = |(text, id): (&String, &String)| {
        let number: usize = text.rsplit(' ').next().expect("a number").parse().expect("a number");
        some.contains(id) && number.is_multiple_of(4)
    };
    let work = texts.iter().filter(|pair| in_work(*pair)).count();
    assert_eq!((share("Work"), share("General")), (work, 7 - work));
    assert_eq!(ann.ids().await.len(), 60, "a review deletes nothing");

    let after = deleted(&mut browser, &fields, "trash").await;
    assert!(after.contains("7 memories are in the trash."), "{after}");
    assert!(after.contains("1 of those selected was gone before."), "{after}");
    assert_eq!(count(&after), "1–50 of 53 memories");
    let left = ann.ids().await;
    assert_eq!(left.len(), 53);
    assert!(some.iter().all(|id| !left.values().any(|other| other == id)));
    let receipt = sent_to_receipt(&after);
    assert!(browser.page(&receipt).await.contains("Deleted selected memories: 7 memories"));
}

fn sent_to_receipt(page: &str) -> String {
    let (_, rest) = page.split_once("href=\"/receipts/").expect("a receipt");
    format!("/receipts/{}", rest.split('"').next().expect("an id"))
}

async fn a_review_of_what_changed_since_deletes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 60).await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories?source=even+tool").await;
    let review = browser.submit("/memories/delete", &chosen(&page, &[("all", "1")])).await;
    assert!(review.text.contains("Delete 30 memories?"), "{}", review.text);
    let file = json!([{"text": "One more", "source": "even tool"}]);
    ann.post("/api/import", file).await.ok();
    let mut sure = form(&review.text, "/memories/delete");
    sure.push(("what".to_owned(), "purge".to_owned()));
    let again = browser.submit("/memories/delete", &sure).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("nothing was deleted") && again.text.contains("Delete 31 memories?"), "{}", again.text);
    assert_eq!(ann.ids().await.len(), 61);
    let done = browser.submit("/memories/delete", &form(&again.text, "/memories/delete")).await;
    assert!(browser.follow(&done).await.contains("31 memories are in the trash."));
    assert_eq!(ann.ids().await.len(), 30);
}

async fn all_that_match_are_deleted_and_brought_back_as_one(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 1_000).await;
    let before = ann.ids().await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories?source=odd+tool").await;
    assert!(page.contains("Select all 500 that match"), "{page}");
    let after = deleted(&mut browser, &chosen(&page, &[("all", "1"), ("id", &ids(&page)[0])]), "trash").await;
    assert!(after.contains("500 memories are in the trash."), "{after}");
    assert_eq!(count(&after), "No memories");
    assert!(browser.page("/trash").await.contains("1–50 of 500"));
    let undo = format!("{}/restore", sent_to_receipt(&after));
    let undone = browser.submit(&undo, &form(&after, &undo)).await;
    let back = browser.follow(&undone).await;
    assert!(back.contains("500 memories are back."), "{back}");
    assert_eq!(count(&back), "1–50 of 500 memories", "one is where one was");
    assert_eq!(ann.ids().await, before);
    let again = browser.submit(&undo, &form(&after, &undo)).await;
    assert!(browser.follow(&again).await.contains("0 memories are back."));
}

async fn what_is_purged_is_on_no_page(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 5).await;
    let id = ann.remember("Zanzibar is where the honeymoon was").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories?q=zanzibar").await;
    assert!(page.contains("honeymoon"));
    let after = deleted(&mut browser, &chosen(&page, &[("id", &id)]), "purge").await;
    assert!(after.contains("1 memory is gone for good."), "{after}");
    assert!(!after.contains(">Undo<"), "{after}");
    for path in [
        "/memories",
        "/memories?q=zanzibar",
        "/memories?q=zanzibar&order=newest",
        "/trash",
        "/receipts",
        &sent_to_receipt(&after),
    ] {
        let page = browser.page(path).await;
        assert!(!page.contains("honeymoon") && !page.contains(&id), "{path}: {page}");
    }
    assert_eq!(browser.get(&format!("/memories/{id}")).await.status, StatusCode::NOT_FOUND);
    let receipt = format!("{}?id={id}", sent_to_receipt(&after));
    assert!(browser.page(&receipt).await.contains("Yes: this receipt is about"));
    assert!(browser.page(&receipt.replace(&id, "mem_other")).await.contains("No: this receipt is not about"));
}

async fn a_chosen_memory_is_moved_and_exported(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 120).await;
    let travel = ann.bucket("Travel").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories?source=odd+tool&order=newest").await;
    let moved = browser.submit("/memories/move", &chosen(&page, &[("all", "1"), ("to_bucket", &travel)])).await;
    // First is said what goes.
    assert_eq!(count(&browser.page(&format!("/memories?bucket={travel}")).await), "No memories");
    assert!(moved.text.contains("Move 60 memories to “Travel”?"), "{}", moved.text);
    assert!(!moved.text.contains("Purge now") && !moved.text.contains("undone"), "{}", moved.text);
    let sure = form(&moved.text, "/memories/move");
    ann.post("/api/memory", json!({"text": "One more", "source": "odd tool"})).await.ok();
    let again = browser.submit("/memories/move", &sure).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("nothing was moved"), "{}", again.text);
    let sure = form(&again.text, "/memories/move");
    let moved = browser.submit("/memories/move", &sure).await;
    assert!(browser.follow(&moved).await.contains("61 memories were moved."));
    assert_eq!(count(&browser.page(&format!("/memories?bucket={travel}")).await), "1–50 of 61 memories");
    let one = ids(&page)[0].clone();
    for (format, kind, start) in [
        ("json", "application/json", "{\"version\":1"),
        ("csv", "text/csv; charset=utf-8", "id,text,bucket"),
        ("text", "text/plain; charset=utf-8", "- "),
    ] {
        let file = browser.submit("/memories/export", &chosen(&page, &[("id", &one), ("format", format)])).await;
        assert_eq!(file.header("content-type"), Some(kind));
        assert!(file.header("content-disposition").expect("a name").starts_with("attachment;"));
        assert!(file.text.starts_with(start) && file.text.matches("Fact number").count() == 1, "{}", file.text);
    }
    let all = browser.submit("/memories/export", &chosen(&page, &[("all", "1"), ("format", "csv")])).await;
    assert_eq!(all.text.lines().count(), 62);
    for wrong in ["", "x", "1"] {
        let refused = browser.submit("/memories/move", &chosen(&page, &[("id", &one), ("to_bucket", wrong)])).await;
        assert!(refused.status.is_client_error(), "{wrong}: {refused:?}");
    }
}

async fn a_memory_is_added_once(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let work = ann.bucket("Work").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let fields = [("text", "Two lines\r\nof text "), ("into", work.as_str())];
    let added = browser.fill("/memories", "/memories", &fields).await;
    assert!(browser.follow(&added).await.contains("The memory is stored."));
    assert_eq!(ann.texts().await, ["Two lines\nof text"]);
    assert_eq!(count(&browser.page(&format!("/memories?bucket={work}")).await), "1 memory");
    let known = browser.fill("/memories", "/memories", &fields).await;
    assert!(browser.follow(&known).await.contains("had that memory already"));
    assert_eq!(ann.texts().await.len(), 1);
    for wrong in [[("text", " "), ("into", work.as_str())], [("text", "x\0y"), ("into", work.as_str())]] {
        let refused = browser.fill("/memories", "/memories", &wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.text.contains("role=\"alert\" id=\"add-problem\">The text"), "{}", refused.text);
    }
}

async fn nothing_of_another_account_is_shown_or_touched(engine: Engine) {
    let server = Server::start(engine).await;
    let bob = server.user("bob").await;
    let id = bob.remember("Bob's secret").await;
    let gone = bob.remember("Bob's second secret").await;
    let hidden = bob.bucket("Bob's place").await;
    bob.delete(&format!("/api/memories/{gone}")).await.ok();
    let receipt = bob.get("/api/deletions").await.ok()["deletions"][0]["id"].as_str().expect("an id").to_owned();
    let ann = server.user("ann").await;
    ann.remember("Ann's own").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let strangers = [
        format!("/memories/{id}"),
        format!("/memories/{gone}"),
        format!("/receipts/{receipt}"),
        "/memories/mem_none".to_owned(),
        "/receipts/none".to_owned(),
    ];
    for path in &strangers {
        let missing = browser.get(path).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!missing.text.contains("secret"), "{path}");
    }
    for path in [
        "/memories",
        "/memories?q=secret",
        "/trash",
        "/receipts",
        "/memories/duplicates",
        &format!("/memories?bucket={hidden}"),
        &format!("/memories?deleted={receipt}"),
    ] {
        let page = browser.page(path).await;
        assert!(!page.contains(&id) && !page.contains(&gone) && !page.contains("Bob"), "{path}: {page}");
        assert!(path.contains(&receipt) || !page.contains(&receipt), "{path}");
    }
    let page = browser.page("/memories").await;
    let review = browser.submit("/memories/delete", &chosen(&page, &[("id", &id)])).await;
    assert!(review.text.contains("Nothing to delete"), "{}", review.text);
    let csrf = form(&page, "/memories/delete").into_iter().find(|(name, _)| name == "csrf").expect("a token");
    let with = |more: &[(&str, &str)]| {
        let mut fields = vec![csrf.clone()];
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fields
    };
    for (path, fields, status) in [
        (format!("/receipts/{receipt}/restore"), with(&[]), StatusCode::NOT_FOUND),
        (format!("/memories/{id}"), with(&[("text", "taken over"), ("version", "1")]), StatusCode::NOT_FOUND),
        (format!("/memories/{id}/restore"), with(&[("version", "1")]), StatusCode::NOT_FOUND),
        ("/memories/move".to_owned(), with(&[("id", &id), ("to_bucket", &hidden)]), StatusCode::NOT_FOUND),
        ("/trash/restore".to_owned(), with(&[("id", &gone)]), StatusCode::SEE_OTHER),
        ("/trash/purge".to_owned(), with(&[("id", &gone), ("confirmation", "1")]), StatusCode::CONFLICT),
    ] {
        assert_eq!(browser.submit(&path, &fields).await.status, status, "{path}");
    }
    assert_eq!(bob.texts().await, ["Bob's secret"]);
    assert_eq!(bob.get("/api/trash").await.ok()["total"], 1);
}

async fn texts_full_of_markup_are_text(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let file = json!([
        {"text": format!("{MARKUP} one"), "bucket": MARKUP, "source": MARKUP},
        {"text": format!("{MARKUP} one "), "bucket": "General", "source": MARKUP},
        {"text": format!("{MARKUP} gone"), "bucket": MARKUP, "source": MARKUP},
    ]);
    ann.post("/api/import", file).await.ok();
    let all = ann.ids().await;
    let id = &all[&format!("{MARKUP} one")];
    ann.delete(&format!("/api/memories/{}", all[&format!("{MARKUP} gone")])).await.ok();
    ann.post("/api/v2/memory/update", json!({"memoryId": id, "text": format!("{MARKUP} changed")})).await.ok();
    let mut browser = Browser::signed_in(&server, "ann").await;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("q", MARKUP).append_pair("source", MARKUP).finish();
    let page = browser.page("/memories").await;
    let review = browser.submit("/memories/delete", &chosen(&page, &[("id", id)])).await;
    let mut pages = vec![("review".to_owned(), review.text)];
    for path in [
        "/memories",
        &format!("/memories?{query}"),
        &format!("/memories?{query}&order=newest"),
        &format!("/memories/{id}"),
        "/trash",
        "/memories/duplicates",
    ] {
        pages.push((path.to_owned(), browser.page(path).await));
        if path.starts_with("/memories?") {
            pages.push((format!("{path} as a part"), browser.fragment(path).await.text));
        }
    }
    for (path, page) in pages {
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}: {page}");
        assert!(page.contains(ESCAPED) || page.contains("No duplicates") || path.contains("?q="), "{path}: {page}");
    }
}

async fn a_form_without_a_choice_does_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    stored(&ann, 3).await;
    let travel = ann.bucket("Travel").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let page = browser.page("/memories").await;
    for path in ["/memories/delete", "/memories/move", "/memories/export"] {
        let fields = chosen(&page, &[("to_bucket", &travel), ("format", "csv")]);
        let refused = browser.submit(path, &fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(refused.text.contains("No memory is selected."), "{path}: {}", refused.text);
    }
    assert_eq!(ann.ids().await.len(), 3);
}

async fn memories_that_say_the_same_are_offered_and_one_is_kept(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    assert!(browser.page("/memories/duplicates").await.contains("No duplicates"));
    let file = json!([{"text": "Mia eats no nuts", "bucket": "A"}, {"text": "Mia eats no nuts", "bucket": "B"}, {"text": "Something else"}]);
    ann.post("/api/import", file).await.ok();
    let page = browser.page("/memories/duplicates").await;
    assert!(page.contains("2 memories that say the same word for word"), "{page}");
    let kept = page.split("name=\"keep\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a button");
    let fields = chosen(&page, &[("keep", kept)]);
    // Reviewed, and then the one that was to stay goes: the other does not.
    let review = browser.submit("/memories/delete", &fields).await;
    assert!(review.text.contains("Delete 1 memory?"), "{}", review.text);
    ann.delete(&format!("/api/memories/{kept}")).await.ok();
    let refused = browser.submit("/memories/delete", &form(&review.text, "/memories/delete")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("to stay is gone"), "{}", refused.text);
    assert_eq!(ann.texts().await.len(), 2);
    ann.post("/api/memories/restore", json!({"memoryIds": [kept]})).await.ok();
    let after = deleted(&mut browser, &fields, "trash").await;
    assert!(after.contains("1 memory is in the trash.") && after.contains("No duplicates"), "{after}");
    browser.page(&format!("/memories/{kept}")).await;
    assert_eq!(ann.texts().await.len(), 2);
    let undo = format!("{}/restore", sent_to_receipt(&after));
    let undone = browser.submit(&undo, &form(&after, &undo)).await;
    assert_eq!(sent(&undone).to, "/memories/duplicates");
}
