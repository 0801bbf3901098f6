//! The first page: what is stored.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::thousands;
use super::{Layout, Shown, SignedIn, page};
use crate::app::App;
use crate::{bucket, history, memory};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    layout: Layout,
    is_empty: bool,
    tiles: Vec<Tile>,
}

/// A number, and the page that shows what was counted.
struct Tile {
    label: &'static str,
    path: &'static str,
    count: String,
}

pub(super) async fn show(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let caller = &signed_in.caller;
    let buckets = bucket::ops::list(&app, caller).await?;
    let conversations = history::read::count(&app, caller).await?;
    let (_, memories_in_trash) = memory::trash::list(&app, caller, 0, 1).await?;
    let (_, conversations_in_trash) = history::delete::trash(&app, caller, 0, 1).await?;
    let memories: i64 = buckets.iter().map(|bucket| bucket.memory_count).sum();
    let in_trash = memories_in_trash + conversations_in_trash;
    let tile = |label, path, count: i64| Tile { label, path, count: thousands(count) };
    let overview = Overview {
        layout: Layout::new(&signed_in, "/"),
        is_empty: memories + conversations + in_trash == 0,
        tiles: vec![
            tile("Memories", "/memories", memories),
            tile("Conversations", "/conversations", conversations),
            tile("Buckets", "/buckets", i64::try_from(buckets.len()).unwrap_or(i64::MAX)),
            tile("In the trash", "/trash", in_trash),
        ],
    };
    Ok(page(StatusCode::OK, &overview))
}
