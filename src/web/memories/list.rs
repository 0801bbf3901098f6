//! The list of memories: all, those that meet conditions, or the best hits of a search.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::PATH;
use super::view::View;
use crate::app::App;
use crate::bucket;
use crate::bucket::Bucket;
use crate::error::{Error, Result};
use crate::memory::ops::{Find, Found, Hit};
use crate::memory::table::{self, Ask, Cursor, From, Order};
use crate::memory::{self, Memory};
use crate::search::Mode;
use crate::search::why::{Likeness, Match, Why, marks};
use crate::web::layout::thousands;
use crate::web::moment::Moment;
use crate::web::review::{MEMORIES, Outcome, count};
use crate::web::show::{Pager, lack};
use crate::web::snippet::{Piece, snippet};
use crate::web::{Layout, Shown, SignedIn, is_fragment, page};

/// How many memories a page has.
const ROWS: usize = 50;
/// The last hit of a search that a page shows.
const MOST_HITS: i64 = 1_000;

#[derive(Template)]
#[template(path = "memories.html")]
struct Page {
    layout: Layout,
    view: View,
    list: List,
    /// What was written into the form for a new memory, and why it was not taken.
    draft: Draft,
    /// Whether the filters are to be seen.
    is_filtered: bool,
}

/// A memory that could not be added.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub text: String,
    /// The id of the bucket.
    pub bucket: String,
    pub problem: Option<String>,
}

#[derive(Template)]
#[template(path = "memories_list.html")]
struct Fragment {
    list: List,
}

/// The part of the page that a search replaces.
struct List {
    csrf: String,
    outcome: Option<Outcome>,
    chips: Vec<Chip>,
    /// How many there are, and which are shown.
    count: String,
    notes: Vec<String>,
    problem: Option<String>,
    rows: Vec<Row>,
    /// How many match in all, where all can be chosen.
    all: Option<String>,
    /// The address of all that have every word of the search, and how many.
    exact: Option<(String, String)>,
    pager: Pager,
    /// The view, for the forms.
    query: String,
    buckets: Vec<Bucket>,
    /// Whether there is no memory at all.
    is_empty: bool,
}

/// A condition, and the address without it.
struct Chip {
    label: &'static str,
    value: String,
    without: String,
}

/// A memory in the list.
struct Row {
    id: String,
    pieces: Vec<Piece>,
    bucket: String,
    source: Option<String>,
    created: Moment,
    is_edited: bool,
    why: Vec<String>,
}

impl Row {
    fn new(memory: Memory, marks: &[std::ops::Range<usize>], why: Vec<String>) -> Self {
        Self {
            id: memory.id,
            pieces: snippet(&memory.text, marks),
            bucket: memory.bucket_name,
            source: memory.source,
            created: memory.created_at.into(),
            is_edited: memory.version > 1,
            why,
        }
    }
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    if is_fragment(&headers) {
        let list = List::of(&app, &signed_in, &View::read(&signed_in.query)?).await?;
        return Ok(page(StatusCode::OK, &Fragment { list }));
    }
    whole(&app, &signed_in, StatusCode::OK, Draft::default()).await
}

/// The page with a form for a new memory.
pub(super) async fn whole(app: &App, of: &SignedIn, status: StatusCode, draft: Draft) -> Result<Response, Shown> {
    let view = View::read(&of.query)?;
    let list = List::of(app, of, &view).await?;
    let is_filtered = view.conditions_shown().iter().any(|(name, ..)| *name != "words") || view.order.is_some();
    let layout = Layout::new(of, PATH);
    Ok(page(status, &Page { layout, view, list, draft, is_filtered }))
}

impl List {
    async fn of(app: &App, of: &SignedIn, view: &View) -> Result<Self> {
        let buckets = bucket::ops::list(app, &of.caller).await?;
        let mut list = Self {
            csrf: of.session.csrf().to_owned(),
            outcome: Outcome::in_query(app, of, view.address(&[])).await?,
            chips: chips(view, &buckets),
            count: String::new(),
            notes: Vec::new(),
            problem: None,
            rows: Vec::new(),
            all: None,
            exact: None,
            pager: Pager::default(),
            query: view.query(),
            is_empty: buckets.iter().all(|bucket| bucket.memory_count == 0),
            buckets,
        };
        let filled =
            if view.is_best_first() { list.search(app, of, view).await } else { list.table(app, of, view).await };
        match filled {
            // What someone is typing may be no query yet.
            Err(Error::Invalid(problem)) if view.words.is_some() => {
                "No memories".clone_into(&mut list.count);
                list.problem = Some(problem);
            }
            filled => filled?,
        }
        list.pager.text.clone_from(&list.count);
        Ok(list)
    }

    async fn table(&mut self, app: &App, of: &SignedIn, view: &View) -> Result<()> {
        let cursor = |name| of.query.get(name)?.map(str::parse::<Cursor>).transpose();
        let from = match (cursor("after")?, cursor("before")?, of.query.get("at")?) {
            (Some(after), ..) => From::After(after),
            (None, Some(before), _) => From::Before(before),
            (None, None, Some("end")) => From::Last,
            (None, None, _) => From::First,
        };
        let ask = Ask { conditions: view.conditions(), order: view.order.unwrap_or_default(), from, limit: ROWS };
        let found = table::page(app, &of.caller, ask).await?;
        let why = view.words.as_ref().map(|words| Why::of(words, &[]));
        let len = i64::try_from(found.memories.len()).unwrap_or(i64::MAX);
        let first = found.skipped + 1;
        let address = |name: &str, cursor: Cursor| view.address(&[(name, cursor.to_string())]);
        self.pager.previous = found.previous.map(|cursor| address("before", cursor));
        self.pager.next = found.next.map(|cursor| address("after", cursor));
        self.count = match (len, found.total) {
            (_, 0) => "No memories".to_owned(),
            (0, total) => format!("0 of {}", count(total, MEMORIES)),
            (len, total) if len == total => count(total, MEMORIES),
            (len, total) => {
                format!("{}–{} of {}", thousands(first), thousands(first + len - 1), count(total, MEMORIES))
            }
        };
        self.all = (found.total > len).then(|| thousands(found.total));
        self.rows = found
            .memories
            .into_iter()
            .map(|memory| {
                let matches = why.as_ref().map(|why| why.matches(&memory.text)).unwrap_or_default();
                Row::new(memory, &marks(&matches), Vec::new())
            })
            .collect();
        Ok(())
    }

    async fn search(&mut self, app: &App, of: &SignedIn, view: &View) -> Result<()> {
        let words = view.words.clone().unwrap_or_default();
        let skip = of.query.get("skip")?.map_or(Some(0), |skip| skip.parse().ok());
        let skip: i64 = skip
            .filter(|skip| (0..MOST_HITS).contains(skip))
            .ok_or_else(|| Error::invalid("There are no such hits."))?;
        let rows = i64::try_from(ROWS).unwrap_or(i64::MAX);
        // One more than is shown tells whether there are more.
        let find = Find {
            query: Some(words.clone()),
            mode: Mode::Hybrid,
            filter: view.filter(),
            skip,
            limit: rows + 1,
            with_buckets: false,
        };
        let Found { mut hits, corrected, lacks, .. } = memory::ops::find(app, &of.caller, find).await?;
        let is_more = hits.len() > ROWS && skip + rows < MOST_HITS;
        hits.truncate(ROWS);
        let why = Why::of(&words, &corrected);
        for one in &corrected {
            let note =
                format!("No memory has the word “{}”. Words that are spelled like it were looked for.", one.from);
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self.notes.extend(lacks.into_iter().map(|one| lack(one).to_owned()));
        let shown = i64::try_from(hits.len()).unwrap_or(i64::MAX);
        self.count = match (shown, skip, is_more) {
            (0, 0, _) => "No memories".to_owned(),
            (0, _, _) => "No more memories".to_owned(),
            (_, 0, false) => format!("{}, best first", count(shown, MEMORIES)),
            (_, 0, true) => format!("The best {}", count(shown, MEMORIES)),
            _ => format!("Hits {}–{}, best first", thousands(skip + 1), thousands(skip + shown)),
        };
        let address = |skip: i64| view.address(&if skip > 0 { vec![("skip", skip.to_string())] } else { Vec::new() });
        self.pager.previous = (skip > 0).then(|| address((skip - rows).max(0)));
        self.pager.next = is_more.then(|| address(skip + rows));
        self.rows = hits.into_iter().map(|hit| found(hit, &why)).collect();
        // The best hits are no set that can be deleted as a whole; those with all of the words are.
        match table::count(app, &of.caller, view.conditions()).await {
            Ok(total) if total > 0 => {
                let all = View { order: Some(Order::Newest), ..view.clone() };
                self.exact = Some((all.address(&[]), count(total, MEMORIES)));
            }
            // Too many words to be looked for all together.
            Ok(_) | Err(Error::Invalid(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn chips(view: &View, buckets: &[Bucket]) -> Vec<Chip> {
    let chip = |(label, value, without): (&'static str, String, View)| {
        let named = buckets.iter().find(|bucket| label == "bucket" && Some(bucket.id) == view.bucket);
        let value = named.map_or(value, |bucket| bucket.name.clone());
        Chip { label, value, without: without.address(&[]) }
    };
    view.conditions_shown().into_iter().map(chip).collect()
}

/// A hit, with why it is one.
fn found(hit: Hit, why: &Why) -> Row {
    let matches = why.matches(&hit.memory.text);
    let mut reasons: Vec<String> = matches.iter().filter_map(|one| reason(one, &hit.memory.text)).collect();
    let cosine = hit.scored.and_then(|scored| scored.candidate.cosine);
    if matches.is_empty() {
        let alike = cosine.map(|cosine| format!(", {:.0} % alike", (cosine * 100.0).clamp(0.0, 100.0)));
        reasons.push(format!("by meaning{}", alike.unwrap_or_default()));
    }
    Row::new(hit.memory, &marks(&matches), reasons)
}

/// Why a word that is marked is one; none where it is the word that was asked for.
fn reason(one: &Match, text: &str) -> Option<String> {
    let found = one.places.first().and_then(|place| text.get(place.clone()))?;
    match one.likeness {
        Likeness::Word => None,
        Likeness::Form => Some(format!("“{found}” for “{}”", one.word)),
        Likeness::Mistyped => Some(format!("“{found}” is spelled like “{}”", one.word)),
    }
}
