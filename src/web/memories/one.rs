//! One memory: what it is, changing it, and what it was before.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::PATH;
use super::act::{bucket_named, typed};
pub(in crate::web) use super::diff::Change;
use super::diff::{Part, diff};
use crate::app::App;
use crate::bucket::{self, Bucket};
use crate::error::{Error, Result};
use crate::id::BucketId;
use crate::memory::ops::Changed;
use crate::memory::{self, Memory, Version};
use crate::web::moment::Moment;
use crate::web::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};

/// How many versions a page has.
const MOST_VERSIONS: usize = 30;

#[derive(Template)]
#[template(path = "memory.html")]
struct Page {
    layout: Layout,
    id: String,
    /// In the form: the memory's, or what was written and not taken.
    text: String,
    bucket: BucketId,
    version: i64,
    source: Option<String>,
    kind: String,
    created: Moment,
    updated: Moment,
    buckets: Vec<Bucket>,
    history: Vec<Step>,
    /// The address of what was before.
    older: Option<String>,
    problem: Option<String>,
}

/// A version, and how it differs from the one before.
struct Step {
    version: i64,
    is_current: bool,
    at: Moment,
    /// None of the first.
    parts: Option<Vec<Part>>,
    text: String,
    /// The names of the buckets, where it was moved.
    moved: Option<(String, String)>,
}

impl Step {
    /// For the template.
    fn is_edited(&self) -> bool {
        self.parts.iter().flatten().any(|part| part.change != Change::Kept)
    }
}

/// What was written into the form and not taken.
struct Refused {
    text: String,
    bucket: Option<BucketId>,
    problem: String,
}

pub(in crate::web) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    whole(&app, &signed_in, &id, StatusCode::OK, None).await
}

async fn whole(
    app: &App,
    of: &SignedIn,
    id: &str,
    status: StatusCode,
    refused: Option<Refused>,
) -> Result<Response, Shown> {
    let (memory, versions) = memory::ops::get(app, &of.caller, id).await?;
    let buckets = bucket::ops::list(app, &of.caller).await?;
    let until = of.query.get("until")?.and_then(|version| version.parse().ok()).unwrap_or(i64::MAX);
    let mut history = history(&memory, versions, &buckets, until);
    let older = history.get(MOST_VERSIONS).map(|step| format!("{PATH}/{id}?until={}", step.version));
    history.truncate(MOST_VERSIONS);
    let (text, bucket, problem) = match refused {
        Some(refused) => (refused.text, refused.bucket.unwrap_or(memory.bucket_id), Some(refused.problem)),
        None => (memory.text, memory.bucket_id, None),
    };
    let one = Page {
        layout: Layout::new(of, PATH),
        id: memory.id,
        text,
        bucket,
        version: memory.version,
        source: memory.source,
        kind: memory.content_type,
        created: memory.created_at.into(),
        updated: memory.updated_at.into(),
        buckets,
        history,
        older,
        problem,
    };
    Ok(page(status, &one))
}

/// The latest versions up to this one, the newest first, and one more if there are more
/// than are shown.
fn history(memory: &Memory, mut versions: Vec<Version>, buckets: &[Bucket], until: i64) -> Vec<Step> {
    versions.push(Version {
        version: memory.version,
        text: memory.text.clone(),
        bucket_id: memory.bucket_id,
        created_at: memory.updated_at,
    });
    let name = |id: BucketId| {
        let bucket = buckets.iter().find(|bucket| bucket.id == id);
        bucket.map_or_else(|| "a bucket that is gone".to_owned(), |bucket| bucket.name.clone())
    };
    let step = |(place, one): (usize, &Version)| {
        let before = place.checked_sub(1).and_then(|place| versions.get(place));
        Step {
            version: one.version,
            is_current: one.version == memory.version,
            at: one.created_at.into(),
            parts: before.map(|before| diff(&before.text, &one.text)),
            text: one.text.clone(),
            moved: before
                .filter(|before| before.bucket_id != one.bucket_id)
                .map(|before| (name(before.bucket_id), name(one.bucket_id))),
        }
    };
    let wanted = versions.iter().enumerate().rev().filter(|(_, one)| one.version <= until);
    wanted.take(MOST_VERSIONS + 1).map(step).collect()
}

/// Changes its text, its bucket or both.
pub(in crate::web) async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    form: SignedForm,
) -> Result<Response, Shown> {
    let (memory, _) = memory::ops::get(&app, &form.by.caller, &id).await?;
    let bucket = bucket_named(&form.field("into")?)?;
    // A text that was stored with spaces around it, or other line breaks, is not changed by looking at it.
    let written = typed(&form.field("text")?);
    let text = if written == typed(&memory.text) { memory.text } else { written };
    let version = form.field("version")?.parse().map_err(|_| Error::invalid("A version is a whole number."))?;
    let wanted = memory::ops::Change {
        memory_id: Some(id.clone()),
        text: Some(text.clone()),
        bucket_id: bucket,
        version: Some(version),
        ..memory::ops::Change::default()
    };
    match memory::ops::change(&app, &form.by.caller, wanted).await {
        Ok(Changed::One { version: now, .. }) => {
            let done = if now == version { "unchanged" } else { "saved" };
            Ok(redirect(&Notice::address(&format!("{PATH}/{id}"), done, None))?)
        }
        Ok(Changed::Many { .. }) => Err(Error::internal("a change of one memory changed several").into()),
        Err(Error::RejectedIds(_)) => Err(memory::ops::no_memory().into()),
        Err(Error::Conflict(_)) => {
            let problem = "This memory was changed since you opened it, so nothing was saved. \
                           The history below says how; save again to keep your text.";
            let refused = Refused { text, bucket, problem: problem.to_owned() };
            whole(&app, &form.by, &id, StatusCode::CONFLICT, Some(refused)).await
        }
        Err(Error::Invalid(problem)) => {
            let problem = problem.replace("The field 'text'", "The text");
            let refused = Refused { text, bucket, problem };
            whole(&app, &form.by, &id, StatusCode::BAD_REQUEST, Some(refused)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives it the text of an older version.
pub(in crate::web) async fn restore(
    State(app): State<App>,
    Path(id): Path<String>,
    form: SignedForm,
) -> Result<Response, Shown> {
    let version = form.field("version")?.parse();
    let version = version.map_err(|_| Error::invalid("A version is a whole number."))?;
    memory::ops::restore_version(&app, &form.by.caller, &id, version).await?;
    Ok(redirect(&Notice::address(&format!("{PATH}/{id}"), "version", None))?)
}
