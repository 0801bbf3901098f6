//! A conversation as it was held.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{PATH, who};
use crate::app::App;
use crate::history::export::{self as file, Form};
use crate::history::model::Writer;
use crate::history::{Message, read, summary};
use crate::web::layout::thousands;
use crate::web::moment::Moment;
use crate::web::show::{Count, Pager, address, number, platform, title};
use crate::web::snippet::{Piece, pieces};
use crate::web::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};

/// How many messages a page has.
const SIZE: usize = 200;

/// A passage in a conversation: where it begins and ends, each as a message and a
/// byte in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passage {
    first: usize,
    start: usize,
    last: usize,
    stop: usize,
}

impl Passage {
    /// Reads what an address has, `FIRST.START-LAST.STOP`; none for anything else.
    fn read(text: &str) -> Option<Self> {
        let place = |text: &str| {
            let (message, byte) = text.split_once('.')?;
            Some((message.parse().ok()?, byte.parse().ok()?))
        };
        let (from, to) = text.split_once('-')?;
        let ((first, start), (last, stop)) = (place(from)?, place(to)?);
        (first <= last).then_some(Self { first, start, last, stop })
    }

    /// The pieces of the message at a place, those of the passage marked.
    fn pieces(self, place: usize, text: &str) -> Vec<Piece> {
        if place < self.first || place > self.last {
            return pieces(text, &[]);
        }
        let start = if place == self.first { self.start } else { 0 };
        let stop = if place == self.last { self.stop } else { text.len() };
        let part = text.get(start..stop.min(text.len())).unwrap_or(text);
        // Without the blanks around it, which look odd when they are marked.
        let start = if part.len() == text.len() { 0 } else { start };
        let blank = part.len() - part.trim_start().len();
        pieces(text, std::slice::from_ref(&(start + blank..start + blank + part.trim().len())))
    }
}

/// A message on the page.
struct Line {
    /// From 1.
    number: usize,
    who: &'static str,
    is_human: bool,
    at: Option<Moment>,
    pieces: Vec<Piece>,
    /// Whether the passage begins in it.
    is_target: bool,
}

#[derive(Template)]
#[template(path = "conversations/transcript.html")]
struct Transcript {
    layout: Layout,
    id: String,
    title: String,
    platform: String,
    began: Moment,
    changed: Moment,
    is_pinned: bool,
    messages: Count,
    lines: Vec<Line>,
    /// The number of the first message on the page.
    start: usize,
    /// The numbers of the first and the last, for people.
    shown: (String, String),
    pager: Pager,
    summary: Option<Summary>,
    /// Whether what the address points at is not in the conversation.
    is_lost: bool,
    here: String,
}

struct Summary {
    text: String,
    by: Option<String>,
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    let (conversation, messages) = read::get(&app, &signed_in.caller, &id).await?;
    let kept = summary::kept(&app, &signed_in.caller, &id).await?;
    let query = &signed_in.query;
    let passage = query.get("passage")?.and_then(Passage::read);
    let message = query.get("message")?;
    let named = |id: &str| {
        let place = messages.iter().position(|message| message.id == id)?;
        Some(Passage { first: place, start: 0, last: place, stop: messages[place].text.len() })
    };
    let passage = passage.or_else(|| message.and_then(named)).filter(|passage| passage.first < messages.len());
    let is_lost = passage.is_none() && (query.get("passage")?.is_some() || message.is_some());
    let of_passage = passage.and_then(|passage| i64::try_from(passage.first / SIZE + 1).ok());
    let wanted = number(query, "page")?.or(of_passage).unwrap_or(1);
    let here = format!("{PATH}/{}", conversation.id);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (current, pager) = Pager::new(wanted, count(messages.len()), count(SIZE), |page| {
        address(&here, [("page", page.to_string().as_str())])
    });
    let skip = usize::try_from(current - 1).unwrap_or(0) * SIZE;
    let line = |(place, message): (usize, &Message)| Line {
        number: place + 1,
        who: who(message.role),
        is_human: who(message.role) == "You",
        at: message.created_at.map(Moment::from),
        pieces: passage.map_or_else(|| pieces(&message.text, &[]), |passage| passage.pieces(place, &message.text)),
        is_target: passage.is_some_and(|passage| passage.first == place),
    };
    let lines: Vec<Line> = messages.iter().enumerate().skip(skip).take(SIZE).map(line).collect();
    let transcript = Transcript {
        layout: Layout::new(&signed_in, PATH),
        title: title(&conversation.title),
        platform: platform(&conversation.platform).to_owned(),
        began: conversation.created_at.into(),
        changed: conversation.updated_at.into(),
        is_pinned: conversation.is_pinned,
        messages: Count::new(messages.len()),
        start: skip + 1,
        shown: (thousands(count(skip + 1)), thousands(count(skip + lines.len()))),
        lines,
        summary: kept.map(Summary::from),
        is_lost,
        here: if current == 1 { here.clone() } else { address(&here, [("page", current.to_string().as_str())]) },
        pager,
        id: conversation.id,
    };
    Ok(page(StatusCode::OK, &transcript))
}

impl From<summary::Summary> for Summary {
    fn from(summary: summary::Summary) -> Self {
        let by = match summary.writer {
            Writer::Model(model) => Some(model),
            Writer::Nobody | Writer::Instead(..) => None,
        };
        Self { text: summary.text, by }
    }
}

/// Makes a summary, if there is none.
pub(in crate::web) async fn summarize(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let id = form.field("id")?;
    let summary = summary::get_or_generate(&app, &form.by.caller, &id).await?;
    let path = format!("{PATH}/{}", summary.conversation);
    // What stands in for a model's is not kept, so it would not be seen.
    let code = if matches!(summary.writer, Writer::Instead(..)) { "no-summary" } else { "summary" };
    Ok(redirect(&Notice::address(&path, code, None))?)
}

/// Sends a conversation as a file.
pub(in crate::web) async fn export(
    State(app): State<App>,
    Path(id): Path<String>,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    let form = Form::named(signed_in.query.get("format")?.unwrap_or("json"))?;
    let (conversation, messages) = read::get(&app, &signed_in.caller, &id).await?;
    let (kind, extension) = form.file();
    let body = file::write(form, &conversation, &messages)?;
    Ok(attachment(kind, &format!("{}.{extension}", conversation.id), body))
}

/// An answer that is saved as a file. Its name must be one of letters, digits and `_-.`
pub(in crate::web) fn attachment(kind: &'static str, name: &str, body: impl Into<axum::body::Body>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let policy = (HeaderName::from_static("content-security-policy"), "default-src 'none'; sandbox".to_owned());
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition), policy];
    (headers, body.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::Passage;

    fn marked(passage: &str, place: usize, text: &str) -> String {
        let passage = Passage::read(passage).expect("a passage");
        passage.pieces(place, text).into_iter().filter(|piece| piece.is_marked).map(|piece| piece.text).collect()
    }

    #[test]
    fn a_passage_is_marked_where_it_is_and_nowhere_else() {
        assert_eq!(marked("1.4-2.3", 1, "one two three"), "two three");
        assert_eq!(marked("1.4-2.3", 2, "one two three"), "one");
        assert_eq!(marked("1.0-3.3", 2, "all of it"), "all of it");
        assert_eq!(marked("1.4-2.3", 3, "one two three"), "");
        assert_eq!(marked("0.3-0.8", 0, "one two three"), "two");
    }

    #[test]
    fn a_passage_of_another_time_marks_what_there_is() {
        assert_eq!(marked("0.2-0.99", 0, "abc"), "c");
        assert_eq!(marked("0.9-0.99", 0, "abc"), "abc");
        // In the middle of a character: all of the message rather than nothing.
        assert_eq!(marked("0.1-0.2", 0, "ü!"), "ü!");
    }

    #[test]
    fn anything_else_is_no_passage() {
        for bad in
            ["", "1", "1-2", "1.1-", "2.0-1.0", "-1.0-2.0", "1.0-2.0-3.0", "x.0-1.0", "1.99999999999999999999-2.0"]
        {
            assert_eq!(Passage::read(bad), None, "{bad}");
        }
    }
}
