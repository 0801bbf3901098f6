//! Export and import over HTTP.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ErrorResponse;
use super::extract::{Auth, Params, media_type, read_body};
use crate::app::App;
use crate::error::{Error, Result};
use crate::memory::export;
use crate::memory::select::{Conditions, Selection};
use crate::memory::transfer::{self, Format};
use crate::search;

/// Form of a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "names the values in the description of the API; read as text")]
pub enum FormatParam {
    /// JSON.
    Json,
    /// CSV.
    Csv,
    /// Text.
    Text,
}

/// A file of memories in JSON.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportFile {
    /// Of this form: 1.
    version: i64,
    /// When it was written.
    #[schema(format = DateTime)]
    exported_at: String,
    /// The buckets that the memories are in.
    buckets: Vec<ExportedBucket>,
    /// Oldest first.
    memories: Vec<ExportedMemory>,
}

/// A bucket in a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedBucket {
    /// Its id, a whole number as text.
    id: String,
    /// Its name.
    name: String,
    /// What belongs there.
    description: Option<String>,
}

/// A memory in a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedMemory {
    /// Its id.
    id: String,
    /// What is remembered.
    text: String,
    /// The name of its bucket.
    bucket: String,
    /// The bucket it is in.
    bucket_id: i64,
    /// The tool that stored it.
    source: Option<String>,
    /// 1, and one more for each change.
    version: i64,
    /// When it was stored.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Export memories
///
/// As a file: JSON with `buckets` and `memories`, CSV with a header, or text
/// with a dash before each memory. What is in the trash is left out.
#[utoipa::path(
    get, path = "/api/export", operation_id = "ExportMemories", tag = "transfer",
    params(
        ("format" = Option<FormatParam>, Query, description = "json without it"),
        ("bucketId" = Option<String>, Query, pattern = "^[0-9]*$", description = "Only this bucket"),
    ),
    responses((status = 200, description = "The file", content(
        (ExportFile = "application/json"), (String = "text/csv"), (String = "text/plain"),
    ))),
)]
pub(super) async fn export(State(app): State<App>, Auth(caller): Auth, params: Params) -> Result<Response> {
    let format = params.text("format").map_or(Ok(Format::Json), Format::named)?;
    let bucket = params.bucket("bucketId")?;
    let (kind, name) = format.file();
    let filter = search::Filter { bucket, ..search::Filter::default() };
    let selection = Selection::Where(Conditions { filter, query: None });
    let pieces = export::begin(&app, &caller, selection, format).await?.pieces().await?;
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"commonplace.{name}\"");
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).map_err(Error::internal)?);
    Ok(response)
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportResponse {
    /// Memories stored.
    created: usize,
    /// Memories that their bucket had already.
    duplicates: usize,
    /// How many were refused.
    failed: usize,
    /// Why: the first 100 of those refused.
    failures: Vec<ImportFailure>,
}

/// A memory that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportFailure {
    /// Its place in the file, from 1.
    position: usize,
    /// What is wrong with it.
    error: String,
}

/// What is read from JSON: a list of memories, or an object with one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what is read value by value, to say which of them is wrong")]
pub enum ImportFile {
    /// The list alone.
    List(Vec<ImportItem>),
    /// As an export has it; what else is in it is ignored.
    File {
        /// The list.
        memories: Vec<ImportItem>,
    },
}

/// A memory to be stored: its text alone, or with what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "as for the file")]
pub enum ImportItem {
    /// The text.
    Text(String),
    /// The whole memory.
    #[serde(rename_all = "camelCase")]
    Object {
        /// What is to be remembered.
        text: String,
        /// The name of its bucket, made if there is none; General without it.
        #[schema(nullable)]
        bucket: Option<String>,
        /// The tool that it comes from.
        #[schema(nullable)]
        source: Option<String>,
        /// When it was first stored, a time or a date.
        #[schema(nullable)]
        created_at: Option<String>,
    },
}

/// Import memories
///
/// Takes what the export gives, and lists of texts from elsewhere. Memories that
/// are there already are left as they are, so a repeated import changes nothing.
#[utoipa::path(
    post, path = "/api/import", operation_id = "ImportMemories", tag = "transfer",
    params(
        ("format" = Option<FormatParam>, Query, description = "Without it the Content-Type decides"),
        ("bucketId" = Option<String>, Query, pattern = "^[0-9]*$",
            description = "Put everything there, whatever the file says"),
    ),
    request_body(content(
        (ImportFile = "application/json"), (String = "text/csv"), (String = "text/plain"),
    )),
    responses(
        (status = 200, description = "Read and stored", body = ImportResponse),
        (status = 404, description = "No such bucket", body = ErrorResponse),
    ),
)]
pub(super) async fn import(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    request: Request,
) -> Result<Json<ImportResponse>> {
    let format = match params.text("format") {
        Some(name) => Format::named(name)?,
        None => match media_type(request.headers()).as_deref() {
            Some("application/json") => Format::Json,
            Some("text/csv") => Format::Csv,
            Some("text/plain") => Format::Text,
            _ => {
                return Err(Error::UnsupportedMediaType(
                    "Say what the file is: format=json, csv or text, or a Content-Type of application/json, \
                     text/csv or text/plain."
                        .to_owned(),
                ));
            }
        },
    };
    let bucket = params.bucket("bucketId")?;
    let limit = app.config.max_import_bytes;
    let body = read_body(request, &app, limit).await?;
    let items =
        tokio::task::spawn_blocking(move || transfer::parse(format, &body)).await.map_err(Error::internal)??;
    let imported = transfer::import(&app, &caller, items, bucket).await?;
    let failures = imported.failed.iter().take(100);
    Ok(Json(ImportResponse {
        created: imported.created,
        duplicates: imported.duplicates,
        failed: imported.failed.len(),
        failures: failures
            .map(|(position, error)| ImportFailure { position: *position, error: error.clone() })
            .collect(),
    }))
}
