//! Conversations: the list, found passages, pins. Reading one, and deleting, are
//! pages of their own.

mod deleting;
mod filters;
mod transcript;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

pub(super) use deleting::{confirm, deleted, restore, review};
use filters::Filters;
pub(super) use filters::{end, time};
pub(super) use transcript::{attachment, export, show, summarize};

use super::layout::thousands;
use super::moment::Moment;
use super::show::{Count, Pager, address, lack, number, platform, title};
use super::sign_in::inside;
use super::snippet::{Piece, snippet};
use super::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};
use crate::app::App;
use crate::error::{Error, Result};
use crate::history::find::{self, Hit};
use crate::history::import::Role;
use crate::history::read::{self, Volume};
use crate::history::{Conversation, Message};
use crate::search::why::{self, Why};

/// Where conversations are.
pub(super) const PATH: &str = "/conversations";
/// How many conversations a page has.
const SIZE: i64 = 50;
/// How many passages are shown.
const PASSAGES: i64 = 30;
/// How many conversations are selected at once, at most.
const MOST_SELECTED: usize = 100;

/// A conversation in a list.
struct Row {
    id: String,
    title: String,
    platform: String,
    messages: String,
    changed: Moment,
    is_pinned: bool,
}

impl From<Conversation> for Row {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            title: title(&conversation.title),
            platform: platform(&conversation.platform).to_owned(),
            messages: thousands(conversation.message_count),
            changed: conversation.updated_at.into(),
            is_pinned: conversation.is_pinned,
        }
    }
}

/// A platform to choose: its name, and what it calls itself.
struct Choice {
    name: String,
    label: String,
}

fn choices(volumes: Vec<Volume>) -> Vec<Choice> {
    let choice = |volume: Volume| Choice { label: platform(&volume.platform).to_owned(), name: volume.platform };
    volumes.into_iter().map(choice).collect()
}

#[derive(Template)]
#[template(path = "conversations/list.html")]
struct List {
    layout: Layout,
    filters: Filters,
    platforms: Vec<Choice>,
    rows: Vec<Row>,
    total: Count,
    /// Whether there is none at all, whatever the filters.
    is_empty: bool,
    pager: Pager,
    /// This page.
    here: String,
    /// Where all that match are deleted.
    delete_all: String,
}

/// The list, or, with a question, the passages that answer it.
pub(super) async fn list(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let caller = &signed_in.caller;
    let filters = Filters::of(&signed_in.query)?;
    let volumes = read::overview(&app, caller).await?;
    if !filters.query.is_empty() {
        return search(&app, &signed_in, filters, volumes).await;
    }
    let wanted = number(&signed_in.query, "page")?.unwrap_or(1);
    let listed = |page: i64| read::list(&app, caller, filters.which(), (page - 1).saturating_mul(SIZE), SIZE);
    let (mut found, total) = listed(wanted).await?;
    let to_page = |page: i64| {
        let page = if page == 1 { String::new() } else { page.to_string() };
        address(PATH, filters.pairs().into_iter().chain([("page", page.as_str())]))
    };
    let (number, pager) = Pager::new(wanted, total, SIZE, to_page);
    if number != wanted {
        (found, _) = listed(number).await?;
    }
    let delete_all = address(&format!("{PATH}/delete"), [("all", "yes")].into_iter().chain(filters.pairs()));
    let list = List {
        layout: Layout::new(&signed_in, PATH),
        is_empty: volumes.is_empty(),
        platforms: choices(volumes),
        rows: found.into_iter().map(Row::from).collect(),
        total: Count::new(total),
        here: to_page(number),
        pager,
        delete_all,
        filters,
    };
    Ok(page(StatusCode::OK, &list))
}

/// A passage that was found.
pub(super) struct Found {
    pub title: String,
    pub platform: String,
    pub at: Moment,
    /// In its conversation.
    pub address: String,
    pub turns: Vec<Turn>,
    /// How well it fits, in a word.
    pub fits: &'static str,
}

/// What somebody said in a passage.
pub(super) struct Turn {
    pub who: &'static str,
    pub pieces: Vec<Piece>,
}

impl Found {
    pub(super) fn new(hit: Hit, why: &Why) -> Self {
        let in_transcript = place(&hit);
        let Hit { conversation, score, messages, .. } = hit;
        let at = messages.first().and_then(|message| message.created_at).unwrap_or(conversation.created_at);
        let turn = |message: Message| {
            let marks = why::marks(&why.matches(&message.text));
            Turn { who: who(message.role), pieces: snippet(&message.text, &marks) }
        };
        Self {
            title: title(&conversation.title),
            platform: platform(&conversation.platform).to_owned(),
            at: at.into(),
            address: in_transcript,
            turns: messages.into_iter().map(turn).collect(),
            fits: fits(score),
        }
    }
}

/// Where a passage is in its conversation.
pub(super) fn place(hit: &Hit) -> String {
    let place = format!("{}.{}-{}.{}", hit.first, hit.start, hit.last, hit.stop);
    let path = format!("{PATH}/{}", hit.conversation.id);
    format!("{}#passage", address(&path, [("passage", place.as_str())]))
}

/// Who said something, for the one who asks.
pub(super) fn who(role: Role) -> &'static str {
    match role {
        Role::Human => "You",
        Role::Assistant => "Assistant",
    }
}

/// How well something fits, in a word.
pub(super) fn fits(score: f32) -> &'static str {
    match score {
        score if score >= 0.66 => "strong",
        score if score >= 0.33 => "fair",
        _ => "weak",
    }
}

#[derive(Template)]
#[template(path = "conversations/search.html")]
struct Search {
    layout: Layout,
    filters: Filters,
    platforms: Vec<Choice>,
    found: Vec<Found>,
    has_more: bool,
    lacks: Option<&'static str>,
}

async fn search(app: &App, signed_in: &SignedIn, filters: Filters, volumes: Vec<Volume>) -> Result<Response, Shown> {
    let found = find::find(app, &signed_in.caller, &filters.query, filters.within(), PASSAGES, 0).await?;
    let why = Why::of(&filters.query, &[]);
    let hits = found.hits;
    let search = Search {
        layout: Layout::new(signed_in, PATH),
        platforms: choices(volumes),
        has_more: i64::try_from(hits.len()).is_ok_and(|count| count >= PASSAGES),
        found: hits.into_iter().map(|hit| Found::new(hit, &why)).collect(),
        lacks: found.lacks.first().copied().map(lack),
        filters,
    };
    Ok(page(StatusCode::OK, &search))
}

/// Where a form goes back to: one of these pages.
fn back(form: &SignedForm) -> Result<String> {
    let back = form.field("back")?;
    let is_here = back.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    Ok(if is_here { inside(&back).to_owned() } else { PATH.to_owned() })
}

/// What a page does with the conversations that are selected on it.
pub(super) async fn choose(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let back = back(&form)?;
    let selected = || form.fields.all("id").map(str::to_owned).collect::<Vec<_>>();
    // A button of a row, or one for what is selected.
    let (ids, action) = match (form.field("pin")?, form.field("unpin")?) {
        (id, none) if none.is_empty() && !id.is_empty() => (vec![id], "pin".to_owned()),
        (none, id) if none.is_empty() && !id.is_empty() => (vec![id], "unpin".to_owned()),
        _ => (selected(), form.field("action")?),
    };
    if ids.is_empty() {
        return Ok(redirect(&Notice::address(&back, "none-selected", None))?);
    }
    let pinned = match action.as_str() {
        "pin" => true,
        "unpin" => false,
        "delete" if ids.len() > MOST_SELECTED => {
            return Err(Error::invalid(format!(
                "At most {MOST_SELECTED} conversations are selected one by one. For more, filter the list and delete \
                 all that match."
            ))
            .into());
        }
        "delete" => {
            let ids = ids.iter().map(|id| ("id", id.as_str()));
            return Ok(redirect(&address(&format!("{PATH}/delete"), ids))?);
        }
        _ => return Err(Error::invalid("Say what is to be done: pin, unpin or delete.").into()),
    };
    let (count, _) = read::pin(&app, &form.by.caller, ids, pinned).await?;
    let code = if pinned { "pinned" } else { "unpinned" };
    Ok(redirect(&Notice::address(&back, code, u64::try_from(count).ok()))?)
}
