//! Buckets: the list, and one of them to be changed, merged or deleted.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::show::{Count, address};
use super::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};
use crate::app::App;
use crate::auth::Caller;
use crate::bucket::ops::{self, Contents, DESCRIPTION_MAX};
use crate::bucket::{Bucket, BucketName};
use crate::error::{Error, Result};
use crate::id::BucketId;
use crate::memory::delete::{self, Review};
use crate::memory::select::{Conditions, Selection};
use crate::{receipt, search};

const PATH: &str = "/buckets";

struct Row {
    id: String,
    name: String,
    description: String,
    is_general: bool,
    count: Count,
}

impl From<Bucket> for Row {
    fn from(bucket: Bucket) -> Self {
        Self {
            id: bucket.id.to_string(),
            name: bucket.name,
            description: bucket.description.unwrap_or_default(),
            is_general: bucket.is_general,
            count: Count::new(bucket.memory_count),
        }
    }
}

#[derive(Template)]
#[template(path = "buckets/list.html")]
struct List {
    layout: Layout,
    rows: Vec<Row>,
    total: Count,
    /// What was typed into the form, where it was refused.
    name: String,
    description: String,
    longest: usize,
    problem: Option<String>,
    /// The receipt of a bucket's memories that were just deleted.
    receipt: Option<String>,
}

impl List {
    async fn new(app: &App, by: &SignedIn) -> Result<Self> {
        let buckets = ops::list(app, &by.caller).await?;
        Ok(Self {
            layout: Layout::new(by, PATH),
            total: Count::new(buckets.iter().map(|bucket| bucket.memory_count).sum::<i64>()),
            rows: buckets.into_iter().map(Row::from).collect(),
            name: String::new(),
            description: String::new(),
            longest: DESCRIPTION_MAX,
            problem: None,
            receipt: None,
        })
    }
}

pub(super) async fn list(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let receipt = match signed_in.query.get("receipt")? {
        // An address is anyone's: only a receipt that there is is shown.
        Some(id) => Some(receipt::ops::get(&app, &signed_in.caller, id).await?.0.id),
        None => None,
    };
    Ok(page(StatusCode::OK, &List { receipt, ..List::new(&app, &signed_in).await? }))
}

/// What a form has refused, with its status. What is not the form's fault is passed on.
fn refused(error: Error) -> Result<(StatusCode, String)> {
    match error {
        Error::Invalid(problem) => Ok((StatusCode::BAD_REQUEST, problem)),
        Error::Conflict(problem) => Ok((StatusCode::CONFLICT, problem)),
        error => Err(error),
    }
}

/// A description as it was typed; none where it is blank.
fn description(form: &SignedForm) -> Result<Option<String>> {
    let text = form.field("description")?.replace("\r\n", "\n");
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

pub(super) async fn create(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let (name, description) = (form.field("name")?, description(&form)?);
    let created = match BucketName::new(&name) {
        Ok(name) => ops::create(&app, &form.by.caller, name, description.clone()).await,
        Err(error) => Err(error),
    };
    match created {
        Ok(_) => Ok(redirect(&Notice::address(PATH, "bucket-created", None))?),
        Err(error) => {
            let (status, problem) = refused(error)?;
            let list = List::new(&app, &form.by).await?;
            let description = description.unwrap_or_default();
            Ok(page(status, &List { name, description, problem: Some(problem), ..list }))
        }
    }
}

#[derive(Template)]
#[template(path = "buckets/one.html")]
struct One {
    layout: Layout,
    bucket: Row,
    /// What is in the form.
    name: String,
    description: String,
    longest: usize,
    others: Vec<Row>,
    confirmation: String,
    trash_days: i64,
    overwrites: bool,
    problem: Option<String>,
}

fn no_bucket() -> Error {
    Error::not_found("There is no such bucket. It may have been merged or deleted.")
}

fn id(text: &str) -> Result<BucketId> {
    BucketId::parse(text).ok_or_else(no_bucket)
}

/// What deleting a bucket's memories would be about.
async fn look(app: &App, caller: &Caller, id: BucketId) -> Result<Review> {
    let filter = search::Filter { bucket: Some(id), ..search::Filter::default() };
    delete::review(app, caller, Selection::Where(Conditions { filter, query: None })).await
}

impl One {
    async fn new(app: &App, by: &SignedIn, id: BucketId, problem: Option<String>) -> Result<Self> {
        // Before the list, so that its numbers are not older than what is confirmed.
        let review = look(app, &by.caller, id).await?;
        let (own, others): (Vec<_>, Vec<_>) =
            ops::list(app, &by.caller).await?.into_iter().partition(|bucket| bucket.id == id);
        let bucket = own.into_iter().next().ok_or_else(no_bucket)?;
        let bucket = Row { count: Count::new(review.total), ..Row::from(bucket) };
        Ok(Self {
            layout: Layout::new(by, PATH),
            name: bucket.name.clone(),
            description: bucket.description.clone(),
            longest: DESCRIPTION_MAX,
            bucket,
            others: others.into_iter().map(Row::from).collect(),
            confirmation: review.confirmation,
            trash_days: app.config.trash_days,
            overwrites: receipt::overwrites_bytes(app),
            problem,
        })
    }
}

pub(super) async fn show(
    State(app): State<App>,
    Path(path): Path<String>,
    signed_in: SignedIn,
) -> Result<Response, Shown> {
    Ok(page(StatusCode::OK, &One::new(&app, &signed_in, id(&path)?, None).await?))
}

pub(super) async fn update(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let id = id(&form.field("bucket")?)?;
    let (name, description) = (form.field("name")?, description(&form)?);
    // General has no field for its name.
    let wanted = if name.is_empty() && !form.fields.has("name") { Ok(None) } else { BucketName::new(&name).map(Some) };
    let updated = match wanted {
        Ok(wanted) => ops::update(&app, &form.by.caller, id, wanted, Some(description.clone())).await,
        Err(error) => Err(error),
    };
    match updated {
        Ok(_) => Ok(redirect(&Notice::address(&format!("{PATH}/{id}"), "bucket-updated", None))?),
        Err(error) => {
            let (status, problem) = refused(error)?;
            let one = One::new(&app, &form.by, id, Some(problem)).await?;
            Ok(page(status, &One { name, description: description.unwrap_or_default(), ..one }))
        }
    }
}

pub(super) async fn merge(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let from = id(&form.field("bucket")?)?;
    let into = form.field("into")?;
    if into.is_empty() {
        let problem = "Choose the bucket to merge into.".to_owned();
        return Ok(page(StatusCode::BAD_REQUEST, &One::new(&app, &form.by, from, Some(problem)).await?));
    }
    match ops::merge(&app, &form.by.caller, from, id(&into)?).await {
        Ok(moved) => Ok(redirect(&Notice::address(PATH, "bucket-merged", u64::try_from(moved).ok()))?),
        Err(error) => {
            let (status, problem) = refused(error)?;
            Ok(page(status, &One::new(&app, &form.by, from, Some(problem)).await?))
        }
    }
}

pub(super) async fn remove(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let caller = &form.by.caller;
    let bucket = id(&form.field("bucket")?)?;
    let deleted = match form.field("memories")?.as_str() {
        // There are none, as far as was shown.
        "" => ops::delete(&app, caller, bucket, Contents::None).await,
        "move" => match form.field("into")?.as_str() {
            "" => Err(Error::invalid("Choose the bucket to move the memories to.")),
            into => ops::delete(&app, caller, bucket, Contents::MoveTo(Some(id(into)?))).await,
        },
        what @ ("trash" | "purge") => {
            let confirmed = form.field("confirmation")?;
            ops::delete_reviewed(&app, caller, bucket, confirmed, what == "purge").await
        }
        _ => Err(Error::invalid("Say what becomes of the memories: move, trash or purge.")),
    };
    match deleted {
        Ok(Some(deleted)) => {
            let receipt = deleted.receipt.unwrap_or_default();
            let back = address(PATH, [("receipt", receipt.as_str())]);
            let code = if deleted.purged { "bucket-purged" } else { "bucket-trashed" };
            Ok(redirect(&Notice::address(&back, code, u64::try_from(deleted.ids.len()).ok()))?)
        }
        Ok(None) => Ok(redirect(&Notice::address(PATH, "bucket-deleted", None))?),
        Err(Error::Conflict(_)) => {
            let problem = "Meanwhile other memories are in the bucket, so nothing was deleted. Below is what is in it \
                           now. (General can't be deleted at all.)";
            let one = One::new(&app, &form.by, bucket, Some(problem.to_owned())).await?;
            Ok(page(StatusCode::CONFLICT, &one))
        }
        Err(error) => {
            let (status, problem) = refused(error)?;
            Ok(page(status, &One::new(&app, &form.by, bucket, Some(problem)).await?))
        }
    }
}
