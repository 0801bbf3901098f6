//! Recall: a question, and the answer from what was said.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::Offset;

use super::conversations::{Found, PATH as CONVERSATIONS, end, fits, place, time};
use super::layout::thousands;
use super::moment::Moment;
use super::show::{address, lack, number};
use super::{Layout, Shown, SignedIn, page};
use crate::app::App;
use crate::clock::Micros;
use crate::error::Result;
use crate::history::cite;
use crate::history::compose::{MOST_TOKENS, Recall, Source};
use crate::history::find::{self, Hit, Manner, Question, Within};
use crate::history::model::Writer;
use crate::history::read;
use crate::history::when::When;
use crate::search::why::Why;

/// How many passages are shown below an answer.
const PASSAGES: usize = 10;
/// How long an answer may be, in tokens: the value, and a word for it.
const LENGTHS: [(usize, &str); 3] = [(200, "Short"), (600, "Medium"), (MOST_TOKENS, "Long")];
/// That without being asked for.
const LENGTH: usize = 600;

/// A stretch of an answer: text, or numbers of sources.
#[derive(Debug, PartialEq, Eq)]
struct Stretch {
    text: String,
    marks: Vec<usize>,
}

/// What is quoted from one place.
#[derive(Debug, PartialEq, Eq)]
struct Quotation {
    mark: usize,
    /// The title, and when it was.
    heading: String,
    turns: Vec<(&'static str, String)>,
}

/// An answer as it is shown.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// Made of quotations.
    Quotations(Vec<Quotation>),
    /// Written by a model, paragraph by paragraph.
    Written(Vec<Vec<Stretch>>),
}

/// What an answer made of quotations has, as `history::compose` writes it: blank lines
/// part passages, and only lines of its own begin at the margin.
fn quotations(content: &str) -> Vec<Quotation> {
    let mut all: Vec<Quotation> = Vec::new();
    let mut is_between = true;
    for line in content.lines() {
        if line.is_empty() {
            is_between = true;
            continue;
        }
        let mark = cite::marks(line).into_iter().next().filter(|mark| is_between && mark.start == 0);
        if let Some(mark) = mark {
            let number = mark.numbers.first().copied().unwrap_or_default();
            all.push(Quotation { mark: number, heading: line[mark.end..].trim().to_owned(), turns: Vec::new() });
        } else if let Some(quotation) = all.last_mut() {
            let said = [("human: ", "You"), ("assistant: ", "Assistant")];
            let said = said.iter().find_map(|(mark, who)| Some((*who, line.strip_prefix(mark)?)));
            match (said, quotation.turns.last_mut()) {
                (Some((who, text)), _) => quotation.turns.push((who, text.to_owned())),
                (None, Some((_, text))) => {
                    text.push('\n');
                    text.push_str(line.strip_prefix("  ").unwrap_or(line));
                }
                (None, None) => {}
            }
        }
        is_between = false;
    }
    all
}

/// The paragraphs of a written answer, the marks of sources apart. Numbers that are no
/// source stay text.
fn paragraphs(content: &str, sources: &BTreeSet<usize>) -> Vec<Vec<Stretch>> {
    let stretches = |paragraph: &str| {
        let (mut all, mut end) = (Vec::new(), 0);
        for mark in cite::marks(paragraph) {
            if !mark.numbers.iter().all(|number| sources.contains(number)) {
                continue;
            }
            all.push(Stretch { text: paragraph[end..mark.start].to_owned(), marks: Vec::new() });
            all.push(Stretch { text: String::new(), marks: mark.numbers });
            end = mark.end;
        }
        all.push(Stretch { text: paragraph[end..].to_owned(), marks: Vec::new() });
        all
    };
    content.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).map(stretches).collect()
}

/// What an answer is from.
struct Cited {
    mark: usize,
    title: String,
    date: String,
    address: String,
    fits: &'static str,
}

impl Cited {
    /// With where it is in the transcript: the passage, where it is one of the `hits`.
    fn new(source: &Source, hits: &[Hit]) -> Self {
        let is_of = |hit: &&Hit| {
            hit.conversation.id == source.conversation && hit.messages.iter().any(|one| one.id == source.message)
        };
        let message = || {
            let path = format!("{CONVERSATIONS}/{}", source.conversation);
            format!("{}#passage", address(&path, [("message", source.message.as_str())]))
        };
        Self {
            mark: source.mark,
            address: hits.iter().find(is_of).map_or_else(message, place),
            title: super::show::title(&source.title),
            date: source.date.map(|date| date.to_string()).unwrap_or_default(),
            fits: fits(source.relevance),
        }
    }
}

struct Answer {
    content: Content,
    is_empty: bool,
    by: String,
    tokens: String,
    sources: Vec<Cited>,
}

impl Answer {
    fn new(recall: &Recall, hits: &[Hit]) -> Self {
        let marks = recall.sources.iter().map(|source| source.mark).collect();
        let (content, by) = match &recall.writer {
            Writer::Model(model) => (
                Content::Written(paragraphs(&recall.content, &marks)),
                format!("Written by the language model {model} from the passages it cites."),
            ),
            Writer::Nobody => (
                Content::Quotations(quotations(&recall.content)),
                "Made of quotations, word for word. No language model was asked.".to_owned(),
            ),
            Writer::Instead(model, fault) => (
                Content::Quotations(quotations(&recall.content)),
                format!("Made of quotations, word for word: the language model {model} {}.", fault.told()),
            ),
        };
        Self {
            is_empty: recall.content.is_empty(),
            content,
            by,
            tokens: thousands(recall.tokens as u64),
            sources: recall.sources.iter().map(|source| Cited::new(source, hits)).collect(),
        }
    }
}

/// A time that the question names, and how it was understood.
struct Noticed {
    words: String,
    from: Option<Moment>,
    /// The last day of it.
    to: Option<Moment>,
}

impl Noticed {
    fn of(query: &str, now: Micros) -> Option<Self> {
        let when = When::of(query, now, Offset::UTC)?;
        let words: Vec<&str> = when.taken.iter().filter_map(|range| query.get(range.clone())).map(str::trim).collect();
        let last = |before: Micros| Moment::from(Micros(before.0.saturating_sub(1)));
        Some(Self { words: words.join(" … "), from: when.after.map(Moment::from), to: when.before.map(last) })
    }
}

#[derive(Template)]
#[template(path = "recall.html")]
struct Page {
    layout: Layout,
    query: String,
    from: String,
    to: String,
    length: usize,
    /// Whether there is anything to ask about.
    is_empty: bool,
    problem: Option<String>,
    noticed: Option<Noticed>,
    answer: Option<Answer>,
    found: Vec<Found>,
    lacks: Option<&'static str>,
}

impl Page {
    fn lengths(&self) -> Vec<(usize, &'static str, bool)> {
        LENGTHS.into_iter().map(|(tokens, label)| (tokens, label, tokens == self.length)).collect()
    }
}

pub(super) async fn show(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let caller = &signed_in.caller;
    let given = |name| Ok::<_, Shown>(signed_in.query.get(name)?.unwrap_or_default().trim().to_owned());
    let (query, from, to) = (given("q")?, given("from")?, given("to")?);
    let length = number(&signed_in.query, "tokens")?.and_then(|length| usize::try_from(length).ok()).unwrap_or(LENGTH);
    let mut shown = Page {
        layout: Layout::new(&signed_in, "/recall"),
        is_empty: query.is_empty() && read::count(&app, caller).await? == 0,
        query,
        from,
        to,
        length: length.min(MOST_TOKENS),
        problem: None,
        noticed: None,
        answer: None,
        found: Vec::new(),
        lacks: None,
    };
    if shown.query.is_empty() {
        return Ok(page(StatusCode::OK, &shown));
    }
    let (after, before) = match (time(&shown.from), end(&shown.to)) {
        (Ok(after), Ok(before)) => (after, before),
        (Err(error), _) | (_, Err(error)) => {
            shown.problem = Some(error.to_string());
            return Ok(page(StatusCode::BAD_REQUEST, &shown));
        }
    };
    let within = Within { platform: None, after, before };
    let questions = Question::all(Some(shown.query.clone()), None, Some(shown.length))?;
    let mut answers = find::recall_found(&app, caller, &questions, &within, &Manner::default()).await?;
    if after.is_none() && before.is_none() {
        shown.noticed = Noticed::of(&shown.query, app.clock.now());
    }
    let why = Why::of(&shown.query, &[]);
    if let Some((answer, found)) = answers.pop() {
        shown.answer = Some(Answer::new(&answer, &found.hits));
        shown.lacks = found.lacks.first().copied().map(lack);
        shown.found = found.hits.into_iter().take(PASSAGES).map(|hit| Found::new(hit, &why)).collect();
    }
    Ok(page(StatusCode::OK, &shown))
}

#[cfg(test)]
mod tests {
    use super::{paragraphs, quotations};

    #[test]
    fn only_lines_of_the_composer_begin_a_quotation() {
        let content = "[1] Trip, 2026-03-04\nhuman: Where?\nassistant: In [2] Alfama.\n  [3] is a line of it\n\n[2] (untitled)\nassistant: Yes";
        let found = quotations(content);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].mark, found[0].heading.as_str()), (1, "Trip, 2026-03-04"));
        assert_eq!(
            found[0].turns,
            [("You", "Where?".to_owned()), ("Assistant", "In [2] Alfama.\n[3] is a line of it".to_owned())]
        );
        assert_eq!((found[1].mark, found[1].turns.len()), (2, 1));
    }

    #[test]
    fn marks_of_sources_are_told_from_other_brackets() {
        let sources = [1, 2].into_iter().collect();
        let written = paragraphs("It is booked [1, 2]. See [9].\n\nMore [2]", &sources);
        assert_eq!(written.len(), 2);
        assert_eq!(written[0][1].marks, [1, 2]);
        assert_eq!(written[0][2].text, ". See [9].");
        assert_eq!(written[1][1].marks, [2]);
    }
}
