//! Bringing files in, and taking everything out.

use std::time::Duration;

use askama::Template;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream;

use super::conversations::attachment;
use super::layout::thousands;
use super::moment::Moment;
use super::multipart::Multipart;
use super::show::{Pager, address, number, platform};
use super::{Layout, Notice, Shown, SignedForm, SignedIn, SignedUpload, is_fragment, page, redirect};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::history::intake::{Failure, Report};
use crate::history::jobs::{self, Job, Kind, State as Stage, upload};
use crate::memory::export;
use crate::memory::select::{Conditions, Selection};
use crate::memory::transfer::Format;

const PATH: &str = "/transfer";
/// How many imports a page has.
const SIZE: i64 = 20;
/// How much is still read of a form that was refused, in bytes.
const DRAINED: usize = 64 << 20;

/// An import as it is shown.
struct Import {
    id: String,
    name: String,
    state: &'static str,
    is_over: bool,
    /// What to do for the rest of one that did not come to its end.
    rest: Option<&'static str>,
    error: Option<String>,
    /// How much of the file is read, in bytes; 0 of 0 where it is still arriving.
    read: i64,
    total: i64,
    percent: i64,
    asked: Moment,
    /// What it was taken for.
    formats: String,
    facts: Vec<(&'static str, String)>,
    failures: Vec<Failure>,
    /// How many failures are not named.
    others: Option<String>,
    /// Where the conversations are that it brought, if it brought any.
    conversations: Option<String>,
}

impl From<Job> for Import {
    fn from(job: Job) -> Self {
        let report = job.report;
        let read = job.bytes_read.clamp(0, job.bytes_total);
        let name = match job.kind {
            Kind::Online => format!("{}, conversation by conversation", platform(&job.name)),
            _ if job.name.is_empty() => "A file whose name was removed".to_owned(),
            _ => job.name,
        };
        let state = match job.state {
            Stage::Queued if job.bytes_total == 0 => "Arriving",
            Stage::Queued => "Waiting for its turn",
            Stage::Running => "Reading",
            Stage::Completed => "Done",
            Stage::Failed => "Failed",
            Stage::Cancelled => "Stopped",
        };
        let formats: Vec<String> = report.formats.iter().map(|(format, files)| many(format, *files)).collect();
        let of_this = address(super::conversations::PATH, [("import", job.id.as_str())]);
        let others = (report.failed + report.too_long).saturating_sub(report.failures.len() as u64);
        Self {
            percent: if job.bytes_total == 0 { 0 } else { read.saturating_mul(100) / job.bytes_total },
            conversations: (report.new + report.updated > 0).then_some(of_this),
            facts: facts(&report, job.state.is_final()),
            formats: formats.join(", "),
            others: (others > 0).then(|| thousands(others)),
            failures: report.failures,
            id: job.id,
            name,
            state,
            is_over: job.state.is_final(),
            rest: match job.state {
                Stage::Failed => Some("Give the file again once the reason is gone: only what is missing is added."),
                Stage::Cancelled => Some("Give the file again for the rest: only what is missing is added."),
                Stage::Queued | Stage::Running | Stage::Completed => None,
            },
            error: job.error,
            read,
            total: job.bytes_total,
            asked: job.created_at.into(),
        }
    }
}

fn many(format: &str, files: u64) -> String {
    if files == 1 { format.to_owned() } else { format!("{format} ({} files)", thousands(files)) }
}

/// What a report counts: what always matters, and the rest where there is some.
fn facts(report: &Report, is_over: bool) -> Vec<(&'static str, String)> {
    let always = report.conversations() > 0 || report.memories + report.known_memories == 0;
    let counts = [
        ("New conversations", report.new, always),
        ("Updated", report.updated, false),
        ("Already here", report.unchanged, false),
        ("Too long, left out", report.too_long, false),
        ("Excluded, left out", report.excluded, false),
        ("New memories", report.memories, report.known_memories > 0),
        ("Memories already here", report.known_memories, false),
        ("Empty, skipped", report.skipped, false),
        ("Failed", report.failed, is_over),
    ];
    let shown = counts.into_iter().filter(|(_, count, always)| *always || *count > 0);
    shown.map(|(label, count, _)| (label, thousands(count))).collect()
}

#[derive(Template)]
#[template(path = "transfer/list.html")]
struct List {
    layout: Layout,
    imports: Vec<Import>,
    pager: Pager,
    is_first: bool,
    largest: String,
    problem: Option<String>,
}

/// A size for people, rounded down.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")];
    let found = units.into_iter().find(|(unit, _)| bytes >= *unit);
    found.map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{} {name}", thousands(bytes / unit)))
}

impl List {
    async fn new(app: &App, by: &SignedIn, problem: Option<String>) -> Result<Self> {
        let wanted = number(&by.query, "page")?.unwrap_or(1);
        let listed = |page: i64| jobs::list(app, &by.caller, (page - 1).saturating_mul(SIZE), SIZE);
        let (mut found, total) = listed(wanted).await?;
        let (shown, pager) =
            Pager::new(wanted, total, SIZE, |page| address(PATH, [("page", page.to_string().as_str())]));
        if shown != wanted {
            (found, _) = listed(shown).await?;
        }
        Ok(Self {
            layout: Layout::new(by, PATH),
            is_first: total == 0,
            imports: found.into_iter().map(Import::from).collect(),
            pager,
            largest: size(app.config.max_upload_bytes),
            problem,
        })
    }
}

pub(super) async fn show(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    Ok(page(StatusCode::OK, &List::new(&app, &signed_in, None).await?))
}

#[derive(Template)]
#[template(path = "transfer/one.html")]
struct One {
    layout: Layout,
    import: Import,
}

/// The same for a script, without what surrounds it.
#[derive(Template)]
#[template(path = "transfer/import.html")]
struct Fragment {
    layout: Layout,
    import: Import,
}

fn fragment(signed_in: &SignedIn, job: Job) -> Result<Response> {
    let fragment = Fragment { layout: Layout::new(signed_in, PATH), import: job.into() };
    Ok(Html(fragment.render().map_err(Error::internal)?).into_response())
}

/// An import: a page, or, for a script, what it puts on its own.
pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    let job = jobs::get(&app, &signed_in.caller, &id).await?;
    if is_fragment(&headers) {
        return Ok(fragment(&signed_in, job)?);
    }
    let one = One { layout: Layout::new(&signed_in, PATH), import: job.into() };
    Ok(page(StatusCode::OK, &one))
}

/// What became of the files of a form.
struct Received {
    jobs: Vec<Job>,
    /// Why the rest was not taken.
    problem: Option<Error>,
}

/// Takes the files of a form, one after another, as they arrive.
async fn receive(app: &App, caller: &Caller, mut parts: Multipart<BodyDataStream>) -> Received {
    let mut jobs = Vec::new();
    let problem = loop {
        match next(app, caller, &mut parts).await {
            Ok(Some(job)) => jobs.push(job),
            Ok(None) if jobs.is_empty() => break Some(Error::invalid("Choose a file first.")),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    if problem.is_some() {
        let wait = Duration::from_secs(app.config.request_timeout_seconds);
        // What is not read in this time is not read at all.
        let _drained = tokio::time::timeout(wait, parts.drain(DRAINED)).await;
    }
    Received { jobs, problem }
}

/// Takes the next file of a form; none at its end.
async fn next(app: &App, caller: &Caller, parts: &mut Multipart<BodyDataStream>) -> Result<Option<Job>> {
    let wait = Duration::from_secs(app.config.request_timeout_seconds);
    loop {
        let part = tokio::time::timeout(wait, parts.next()).await;
        let part = part.map_err(|_| Error::Timeout("The rest of the form did not arrive in time.".to_owned()))??;
        let Some(part) = part else { return Ok(None) };
        match part.file.as_deref() {
            // A field of files in which none was chosen, or a field that is none.
            Some("") | None => {
                let text = tokio::time::timeout(wait, parts.text()).await;
                drop(text.map_err(|_| Error::Timeout("The rest of the form did not arrive in time.".to_owned()))??);
            }
            Some(name) => {
                let pieces = stream::unfold(&mut *parts, async |parts| Some((parts.piece().await.transpose()?, parts)));
                return upload::receive(app, caller, name, Box::pin(pieces)).await.map(Some);
            }
        }
    }
}

/// Takes files. A script sends one at a time, and is given what the page shows of it.
pub(super) async fn submit(State(app): State<App>, headers: HeaderMap, form: SignedUpload) -> Result<Response, Shown> {
    let SignedUpload { parts, by } = form;
    let (own, caller) = (app.clone(), by.caller.clone());
    // In a task of its own, so that of a browser that goes away nothing is left behind.
    let received = tokio::spawn(async move { receive(&own, &caller, parts).await });
    let Received { mut jobs, problem } = received.await.map_err(Error::internal)?;
    if is_fragment(&headers) {
        return match (problem, jobs.pop()) {
            (None, Some(job)) => Ok(fragment(&by, job)?),
            (problem, _) => Err(problem.unwrap_or_else(|| Error::invalid("Choose a file first.")).into()),
        };
    }
    let Some(error) = problem else {
        return Ok(redirect(&Notice::address(PATH, "import-received", u64::try_from(jobs.len()).ok()))?);
    };
    let status = StatusCode::from_u16(error.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        return Err(error.into());
    }
    let problem = match jobs.len() {
        0 => error.to_string(),
        count => format!("{error} The {count} before it arrived."),
    };
    Ok(page(status, &List::new(&app, &by, Some(problem)).await?))
}

pub(super) async fn cancel(State(app): State<App>, headers: HeaderMap, form: SignedForm) -> Result<Response, Shown> {
    let job = jobs::cancel(&app, &form.by.caller, &form.field("id")?).await?;
    if is_fragment(&headers) {
        return Ok(fragment(&form.by, job)?);
    }
    // One that was over already was not stopped.
    let path = format!("{PATH}/{}", job.id);
    let to = if job.state == Stage::Cancelled { Notice::address(&path, "import-stopped", None) } else { path };
    Ok(redirect(&to)?)
}

/// Sends all memories as a file, piece by piece.
pub(super) async fn export(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let format = Format::named(signed_in.query.get("format")?.unwrap_or("json"))?;
    let (kind, extension) = format.file();
    let all = Selection::Where(Conditions::default());
    let pieces = export::begin(&app, &signed_in.caller, all, format).await?.pieces().await?;
    Ok(attachment(kind, &format!("commonplace.{extension}"), Body::from_stream(pieces)))
}
