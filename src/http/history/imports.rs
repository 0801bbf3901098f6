//! Importing exports of other tools, by upload.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::intake::Report;
use crate::history::jobs::{self, Job, upload};
use crate::http::error::ErrorResponse;
use crate::http::extract::{Auth, Params, PathId, media_type};

/// How often to look whether an import is further.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked at for one client at most: for an hour.
const LOOKS: usize = 7200;

/// An import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportBody {
    /// Its id.
    import_id: String,
    /// What is taken in: `upload`, `file` on the server, or `online`, conversations one by one.
    kind: &'static str,
    /// The name of the file, or the platform.
    name: String,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    status: &'static str,
    /// Why it failed.
    error: Option<String>,
    /// Size of the file, in bytes.
    bytes_total: i64,
    /// How much of it was read.
    bytes_read: i64,
    /// How often it was begun.
    attempts: i64,
    /// What became of the conversations.
    conversations: ImportedConversations,
    /// What became of the memories.
    memories: ImportedMemories,
    /// What was left out on purpose, such as conversations without a message.
    skipped: u64,
    /// What should have been read or stored and could not be.
    failed: u64,
    /// The first 100 of these, and of the conversations that are too long.
    failures: Vec<ImportFailureBody>,
    /// What the files in it were taken for.
    formats: Vec<ImportedFormat>,
    /// When it was asked for.
    #[schema(format = DateTime)]
    created_at: String,
    /// When something of it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When it was over.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// Conversations of an import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedConversations {
    /// They were not known.
    new: u64,
    /// Something was new of them.
    updated: u64,
    /// They were known.
    unchanged: u64,
    /// They have more than 100,000 tokens, and were not taken.
    too_long: u64,
    /// They are excluded, and were not taken.
    excluded: u64,
}

/// Memories of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedMemories {
    /// They were not known.
    new: u64,
    /// They were known.
    unchanged: u64,
}

/// What could not be read or stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportFailureBody {
    /// Where it is, by its position in the file.
    place: String,
    /// What is wrong with it.
    why: String,
}

/// Files of one format.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedFormat {
    /// What they were taken for.
    format: String,
    /// How many there were.
    files: u64,
}

impl From<Job> for ImportBody {
    fn from(job: Job) -> Self {
        let Report { formats, new, updated, unchanged, too_long, excluded, memories, known_memories, .. } = job.report;
        let Report { skipped, failed, failures, .. } = job.report;
        Self {
            import_id: job.id,
            kind: job.kind.name(),
            name: job.name,
            status: job.state.name(),
            error: job.error,
            bytes_total: job.bytes_total,
            bytes_read: job.bytes_read.min(job.bytes_total),
            attempts: job.attempts,
            conversations: ImportedConversations { new, updated, unchanged, too_long, excluded },
            memories: ImportedMemories { new: memories, unchanged: known_memories },
            skipped,
            failed,
            failures: failures.into_iter().map(|one| ImportFailureBody { place: one.place, why: one.why }).collect(),
            formats: formats.into_iter().map(|(format, files)| ImportedFormat { format, files }).collect(),
            created_at: job.created_at.rfc3339(),
            updated_at: job.updated_at.rfc3339(),
            finished_at: job.finished_at.map(Micros::rfc3339),
        }
    }
}

/// Upload an export of another tool
///
/// The body is the file itself: a zip, JSON or another form in which ChatGPT,
/// Claude, Grok, DeepSeek, TypingMind, Gemini, Open WebUI, LibreChat, Claude Code
/// or Codex keep conversations; which, is told by what is in it. It is read after
/// the answer; see `GET /api/chat-history/imports/{importId}`.
#[utoipa::path(
    post, path = "/api/chat-history/import", operation_id = "ImportChatHistory", tag = "history",
    params(("name" = Option<String>, Query, description = "Name of the file, to be shown")),
    request_body(content((String = "application/zip"), (serde_json::Value = "application/json"), (String = "application/octet-stream"))),
    responses(
        (status = 202, description = "Received; it is read in its turn", body = ImportBody),
        (status = 429, description = "Four uploads are not read yet", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn upload(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    request: Request,
) -> Result<(StatusCode, Json<ImportBody>)> {
    let kind = media_type(request.headers());
    if kind.as_deref().is_some_and(|kind| kind.starts_with("multipart/")) {
        return Err(Error::UnsupportedMediaType(
            "Send the file itself as the body, not a form: with curl, --data-binary @FILE.".to_owned(),
        ));
    }
    let body = request.into_body().into_data_stream();
    let name = params.text("name").unwrap_or("upload").to_owned();
    // In a task of its own, so that of a client that goes away nothing is left behind.
    let received = tokio::spawn(async move { upload::receive(&app, &caller, &name, body).await });
    let job = received.await.map_err(Error::internal)??;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// A part of the imports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportsResponse {
    /// Newest first.
    imports: Vec<ImportBody>,
    /// How many there are.
    total: i64,
}

/// List imports
#[utoipa::path(
    get, path = "/api/chat-history/imports", operation_id = "ListImports", tag = "history",
    params(
        ("count" = Option<i64>, Query, minimum = 1, description = "At most how many; 100 without it"),
        ("skip" = Option<i64>, Query, minimum = 0, description = "How many of the first to leave out"),
    ),
    responses((status = 200, description = "The imports", body = ImportsResponse)),
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Json<ImportsResponse>> {
    let (skip, count) = params.slice()?;
    let (imports, total) = jobs::list(&app, &caller, skip, count.min(1000)).await?;
    Ok(Json(ImportsResponse { imports: imports.into_iter().map(ImportBody::from).collect(), total }))
}

/// See how far an import is
#[utoipa::path(
    get, path = "/api/chat-history/imports/{importId}", operation_id = "GetImport", tag = "history",
    params(("importId" = String, Path, pattern = "^imp_[0-9a-f]{32}$", description = "The import's id")),
    responses(
        (status = 200, description = "The import", body = ImportBody),
        (status = 404, description = "No such import", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn get(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
) -> Result<Json<ImportBody>> {
    Ok(Json(jobs::get(&app, &caller, &id).await?.into()))
}

/// Stop an import
///
/// What it has taken in stays, each conversation whole; `importId` of
/// `POST /api/chat-history/delete-by-filter` deletes that, too. One that is over
/// stays as it is.
#[utoipa::path(
    post, path = "/api/chat-history/imports/{importId}/cancel", operation_id = "CancelImport", tag = "history",
    params(("importId" = String, Path, pattern = "^imp_[0-9a-f]{32}$", description = "The import's id")),
    responses(
        (status = 200, description = "The import", body = ImportBody),
        (status = 404, description = "No such import", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
) -> Result<Json<ImportBody>> {
    Ok(Json(jobs::cancel(&app, &caller, &id).await?.into()))
}

/// Follow an import
///
/// Server-sent events named `progress`, each with the import as
/// `GET /api/chat-history/imports/{importId}` gives it, whenever it is further;
/// the last when it is over.
#[utoipa::path(
    get, path = "/api/chat-history/imports/{importId}/events", operation_id = "FollowImport", tag = "history",
    params(("importId" = String, Path, pattern = "^imp_[0-9a-f]{32}$", description = "The import's id")),
    responses(
        (status = 200, description = "The events", body = serde_json::Value, content_type = "text/event-stream"),
        (status = 404, description = "No such import", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn follow(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let first = jobs::get(&app, &caller, &id).await?;
    let following = Following { app, caller, id, told: None, next: Some(first), looks: 0 };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Following {
    app: App,
    caller: Caller,
    id: String,
    told: Option<(Micros, bool)>,
    next: Option<Job>,
    looks: usize,
}

impl Following {
    /// The next event; none once it is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.told.is_some_and(|(_, is_final)| is_final) || self.looks >= LOOKS {
                return None;
            }
            let job = match self.next.take() {
                Some(job) => Ok(job),
                None => {
                    tokio::time::sleep(LOOK).await;
                    self.looks += 1;
                    jobs::get(&self.app, &self.caller, &self.id).await
                }
            };
            let state = match &job {
                Ok(job) => (job.updated_at, job.state.is_final()),
                Err(_) => (Micros(i64::MAX), true),
            };
            if self.told == Some(state) {
                continue;
            }
            self.told = Some(state);
            let event = match job {
                Ok(job) => Event::default().event("progress").json_data(ImportBody::from(job)),
                Err(error) => {
                    Event::default().event("error").json_data(serde_json::json!({"error": error.to_string()}))
                }
            };
            // What can't be written ends the events, and the client looks by itself.
            return event.ok();
        }
    }
}
