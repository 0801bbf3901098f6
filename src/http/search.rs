//! Finding memories over HTTP, contract rows 2 and 3, and how searching is doing.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::buckets::BucketBody;
use super::extract::{Auth, Params};
use crate::app::App;
use crate::config::MemoryItems;
use crate::error::{Error, Result};
use crate::memory::check_source;
use crate::memory::ops::{self, Find, Found, Hit};
use crate::search::fuse::Scored;
use crate::search::{self, Correction, Lack, Mode};

/// A memory in a list: its text alone, or with what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MemoryItem {
    /// The text.
    Text(String),
    /// The whole memory.
    Object(Box<MemoryObject>),
}

/// A memory with its id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryObject {
    /// Its id.
    id: String,
    /// What is remembered.
    text: String,
    /// `text` or `image`.
    #[serde(rename = "content_type")]
    content_type: String,
    /// The bucket it is in.
    bucket_id: i64,
    /// The same and more, in an older form.
    metadata: MemoryMetadata,
    /// How well it fits the query, from 0 to 1; only with a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// How the score came about; only with `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Box<Explanation>>,
}

/// How a score came about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// BM25 of the query's words in this memory; 0 where it has none of them.
    bm25: f64,
    /// The same over the best of the answer.
    lexical: f64,
    /// The cosine of the embeddings of this memory and the query, where there are both.
    cosine: Option<f64>,
    /// The same over the best of the answer.
    dense: f64,
    /// Words of the query that no memory has, with those that were looked for instead.
    corrected: Vec<CorrectionBody>,
}

/// A word of the query that no memory has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CorrectionBody {
    /// As it was asked for.
    from: String,
    /// The stem that was looked for instead.
    to: String,
}

/// What belongs to a memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryMetadata {
    /// What is remembered.
    text: String,
    /// When it was stored.
    #[schema(format = DateTime)]
    created_at: String,
    /// The bucket it is in.
    bucket_id: i64,
    /// That bucket's name.
    bucket_name: String,
}

impl MemoryItem {
    fn new(hit: Hit, as_object: bool, explained: Option<&[CorrectionBody]>) -> Self {
        let Hit { memory, scored } = hit;
        if !as_object && memory.content_type == "text" {
            return Self::Text(memory.text);
        }
        Self::Object(Box::new(MemoryObject {
            metadata: MemoryMetadata {
                text: memory.text.clone(),
                created_at: memory.created_at.rfc3339(),
                bucket_id: memory.bucket_id.0,
                bucket_name: memory.bucket_name,
            },
            id: memory.id,
            text: memory.text,
            content_type: memory.content_type,
            bucket_id: memory.bucket_id.0,
            score: scored.map(|scored| f64::from(scored.score)),
            explain: scored.zip(explained).map(|(scored, corrected)| Box::new(Explanation::new(&scored, corrected))),
        }))
    }
}

impl Explanation {
    fn new(scored: &Scored, corrected: &[CorrectionBody]) -> Self {
        Self {
            bm25: f64::from(scored.candidate.bm25),
            lexical: f64::from(scored.lexical),
            cosine: scored.candidate.cosine.map(f64::from),
            dense: f64::from(scored.dense),
            corrected: corrected.to_vec(),
        }
    }
}

/// Reads what to find. `query` outranks `all`, which outranks `latest`; the
/// parameter `source` says who asks and does not narrow the answer.
fn find_request(params: &Params, count_of_query: i64, with_buckets: bool) -> Result<Find> {
    let count = params.number("count", 1)?;
    let all = params.truth("all")?;
    params.truth("latest")?;
    let query = params.text("query").map(str::to_owned);
    let content_type = params.text("contentType").map(str::to_owned);
    if content_type.as_deref().is_some_and(|kind| kind != "text" && kind != "image") {
        return Err(Error::invalid("The parameter 'contentType' is text or image."));
    }
    let limit = match (&query, all) {
        (Some(_), _) => count.unwrap_or(count_of_query),
        (None, true) => i64::MAX,
        (None, false) => count.unwrap_or(10),
    };
    let mode = match params.text("mode") {
        None => Mode::default(),
        Some(mode) if mode.eq_ignore_ascii_case("hybrid") => Mode::Hybrid,
        Some(mode) if mode.eq_ignore_ascii_case("lexical") => Mode::Lexical,
        Some(mode) if mode.eq_ignore_ascii_case("dense") => Mode::Dense,
        Some(_) => return Err(Error::invalid("The parameter 'mode' is hybrid, lexical or dense.")),
    };
    let filter = search::Filter {
        bucket: params.bucket("bucketId")?,
        content_type,
        source: check_source(params.text("storedBy").map(str::to_owned))?,
        after: params.time("after")?,
        before: params.time("before")?,
    };
    Ok(Find { query, mode, filter, skip: params.number("skip", 0)?.unwrap_or(0), limit, with_buckets })
}

fn items(app: &App, params: &Params, found: &mut Found) -> Result<Vec<MemoryItem>> {
    let corrected = std::mem::take(&mut found.corrected).into_iter();
    let corrected: Vec<CorrectionBody> = corrected.map(|Correction { from, to }| CorrectionBody { from, to }).collect();
    let explained = params.truth("explain")?.then_some(corrected.as_slice());
    let ids = params.truth("includeIds")?;
    let as_objects = ids || explained.is_some() || app.config.memory_items == MemoryItems::Objects;
    let hits = std::mem::take(&mut found.hits).into_iter();
    Ok(hits.map(|hit| MemoryItem::new(hit, as_objects, explained)).collect())
}

/// The header that says what an answer lacks, where it lacks something.
pub(super) fn lack_header(lacks: &[Lack]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if !lacks.is_empty() {
        let lacks: Vec<&str> = lacks.iter().map(|lack| lack.name()).collect();
        let value = HeaderValue::from_str(&lacks.join(", ")).map_err(Error::internal)?;
        headers.insert(HeaderName::from_static("search-lacks"), value);
    }
    Ok(headers)
}

/// Find memories, as a plain list
#[utoipa::path(
    get, path = "/api/memory", operation_id = "QueryMemories", tag = "memories",
    params(
        ("query" = Option<String>, Query, description = "Words to look for; the answer has the best first"),
        ("all" = Option<bool>, Query, description = "Everything, newest first"),
        ("latest" = Option<bool>, Query, description = "The newest; also what happens without query and all"),
        ("count" = Option<i64>, Query, minimum = 1, description = "At most how many; 5 with query, else 10"),
        ("skip" = Option<i64>, Query, minimum = 0, description = "How many of the first to leave out"),
        ("bucketId" = Option<String>, Query, pattern = "^[0-9]*$", description = "Only from this bucket"),
        ("storedBy" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]{0,200}$", description = "Only what this tool stored"),
        ("after" = Option<super::openapi::TimeParam>, Query, description = "Only what was stored at or after this time or date"),
        ("before" = Option<super::openapi::TimeParam>, Query, description = "Only what was stored before this time or date"),
        ("mode" = Option<SearchMode>, Query, description = "By what a query finds; hybrid without it"),
        ("explain" = Option<bool>, Query, description = "Objects that say how each score came about"),
        ("includeIds" = Option<bool>, Query, description = "Objects with ids instead of texts"),
        ("source" = Option<String>, Query, description = "The tool that asks; it does not narrow the answer"),
        ("v" = Option<String>, Query, description = "Ignored"),
    ),
    responses((status = 200, description = "The memories", body = [MemoryItem],
        headers(("Search-Lacks" = String, description = "What the answer to a query lacks, if anything")))),
)]
pub(super) async fn list(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<MemoryItem>>)> {
    let mut found = ops::find(&app, &caller, find_request(&params, 5, false)?).await?;
    Ok((lack_header(&found.lacks)?, Json(items(&app, &params, &mut found)?)))
}

/// Memories and the buckets.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemoriesAndBuckets {
    /// The memories found.
    memories: Vec<MemoryItem>,
    /// All buckets.
    buckets: Vec<BucketBody>,
}

/// Find memories, with the list of buckets
#[utoipa::path(
    get, path = "/api/v2/memory", operation_id = "GetMemoriesAndBuckets", tag = "memories",
    params(
        ("query" = Option<String>, Query, description = "Words to look for; the answer has the best first"),
        ("all" = Option<bool>, Query, description = "Everything, newest first"),
        ("latest" = Option<bool>, Query, description = "The newest; also what happens without query and all"),
        ("count" = Option<i64>, Query, minimum = 1, description = "At most how many; 10 without it"),
        ("skip" = Option<i64>, Query, minimum = 0, description = "How many of the first to leave out"),
        ("bucketId" = Option<String>, Query, pattern = "^[0-9]*$", description = "Only from this bucket"),
        ("includeIds" = Option<bool>, Query, description = "Objects with ids instead of texts"),
        ("contentType" = Option<ContentType>, Query, description = "Only texts or only images"),
        ("storedBy" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]{0,200}$", description = "Only what this tool stored"),
        ("after" = Option<super::openapi::TimeParam>, Query, description = "Only what was stored at or after this time or date"),
        ("before" = Option<super::openapi::TimeParam>, Query, description = "Only what was stored before this time or date"),
        ("mode" = Option<SearchMode>, Query, description = "By what a query finds; hybrid without it"),
        ("explain" = Option<bool>, Query, description = "Objects that say how each score came about"),
        ("source" = Option<String>, Query, description = "The tool that asks; it does not narrow the answer"),
        ("v" = Option<String>, Query, description = "Ignored"),
        ("client" = Option<String>, Query, description = "Ignored"),
    ),
    responses((status = 200, description = "The memories and all buckets", body = MemoriesAndBuckets,
        headers(("Search-Lacks" = String, description = "What the answer to a query lacks, if anything")))),
)]
pub(super) async fn list_v2(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<(HeaderMap, Json<MemoriesAndBuckets>)> {
    let mut found = ops::find(&app, &caller, find_request(&params, 10, true)?).await?;
    let memories = items(&app, &params, &mut found)?;
    let headers = lack_header(&found.lacks)?;
    Ok((
        headers,
        Json(MemoriesAndBuckets { memories, buckets: found.buckets.into_iter().map(BucketBody::from).collect() }),
    ))
}

/// By what a query finds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "names the values in the description of the API; read as text")]
pub enum SearchMode {
    /// By words and meaning.
    Hybrid,
    /// By words alone.
    Lexical,
    /// By meaning alone.
    Dense,
}

/// Kind of memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "names the values in the description of the API; stored as text")]
pub enum ContentType {
    /// A text.
    Text,
    /// An image with its description.
    Image,
}

/// How the account's memories are embedded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchState {
    /// The model whose embeddings are searched.
    embedder: String,
    /// Memories there are.
    memories: i64,
    /// Memories that are embedded; searches find the others by their words only.
    embedded: i64,
    /// Why the embedding server could not be asked when that was last tried, if it could not.
    failure: Option<String>,
}

/// How far memories are embedded, and how the embedder is doing
#[utoipa::path(
    get, path = "/api/search/state", operation_id = "SearchState", tag = "memories",
    responses((status = 200, description = "The state", body = SearchState)),
)]
pub(super) async fn state(State(app): State<App>, Auth(caller): Auth) -> Result<Json<SearchState>> {
    let search::State { space, memories, embedded, failure } = search::state(&app, &caller).await?;
    Ok(Json(SearchState { embedder: space, memories, embedded, failure }))
}
