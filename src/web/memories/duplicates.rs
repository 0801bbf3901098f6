//! Memories that say the same, for somebody to keep one and delete the others.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::PATH;
use crate::app::App;
use crate::memory::duplicates::{Group, find};
use crate::memory::{self};
use crate::web::layout::thousands;
use crate::web::moment::Moment;
use crate::web::review::{MEMORIES, Outcome, count};
use crate::web::{Layout, Shown, SignedIn, page};

/// How many groups a page has.
const GROUPS: usize = 20;

#[derive(Template)]
#[template(path = "duplicates.html")]
struct Page {
    layout: Layout,
    outcome: Option<Outcome>,
    groups: Vec<Alike>,
    /// Whether there are more groups.
    is_more: bool,
    /// How many groups there are.
    total: String,
    compared: String,
    remarks: Vec<String>,
}

/// Memories that say the same.
struct Alike {
    /// Why they are one group.
    title: String,
    memories: Vec<One>,
}

struct One {
    id: String,
    text: String,
    bucket: String,
    source: Option<String>,
    created: Moment,
}

impl From<memory::Memory> for One {
    fn from(memory: memory::Memory) -> Self {
        Self {
            id: memory.id,
            text: memory.text,
            bucket: memory.bucket_name,
            source: memory.source,
            created: memory.created_at.into(),
        }
    }
}

impl From<Group> for Alike {
    fn from(group: Group) -> Self {
        let number = group.memories.len();
        let title = if group.is_exact {
            format!("{} that say the same word for word", count(number as u64, MEMORIES))
        } else {
            // Rounded down: only what is equal is 100 % alike.
            let percent = (group.similarity * 100.0).floor().clamp(0.0, 99.0);
            format!("{} that are {percent:.0} % alike", count(number as u64, MEMORIES))
        };
        Self { title, memories: group.memories.into_iter().map(One::from).collect() }
    }
}

pub(in crate::web) async fn show(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let found = find(&app, &signed_in.caller).await?;
    let mut remarks = Vec::new();
    if found.unembedded > 0 {
        let are = if found.unembedded == 1 { "is" } else { "are" };
        let number = count(found.unembedded as u64, MEMORIES);
        remarks.push(format!("{number} {are} not read for the meaning yet, and compared by the words alone."));
    }
    if found.is_capped {
        remarks.push("There may be more than could be compared at once; look again when these are decided.".to_owned());
    }
    let shown = Page {
        layout: Layout::new(&signed_in, PATH),
        outcome: Outcome::in_query(&app, &signed_in, format!("{PATH}/duplicates")).await?,
        is_more: found.total > GROUPS.min(found.groups.len()),
        total: thousands(found.total as u64),
        compared: count(found.compared as u64, MEMORIES),
        groups: found.groups.into_iter().take(GROUPS).map(Alike::from).collect(),
        remarks,
    };
    Ok(page(StatusCode::OK, &shown))
}
