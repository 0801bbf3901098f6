//! Buckets over HTTP: contract rows 7 and 8, and our additions.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::error::ErrorResponse;
use super::extract::{Auth, Body, Params, PathId, bucket_id};
use super::memories::receipt_headers;
use crate::app::App;
use crate::bucket::ops::{self, Contents};
use crate::bucket::{Bucket, BucketName};
use crate::error::{Error, Result};

/// A bucket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketBody {
    /// Its id, a whole number as text.
    id: String,
    /// Its name.
    name: String,
    /// How many memories it holds.
    memory_count: i64,
    /// What belongs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl From<Bucket> for BucketBody {
    fn from(bucket: Bucket) -> Self {
        Self {
            id: bucket.id.to_string(),
            name: bucket.name,
            memory_count: bucket.memory_count,
            description: bucket.description,
        }
    }
}

/// List the buckets
#[utoipa::path(
    get, path = "/api/buckets", operation_id = "ListBuckets", tag = "buckets",
    params(
        ("v" = Option<String>, Query, description = "Ignored"),
        ("source" = Option<String>, Query, description = "The tool that asks; it does not narrow the answer"),
    ),
    responses((status = 200, description = "All buckets, General first", body = [BucketBody])),
)]
pub(super) async fn list(State(app): State<App>, Auth(caller): Auth) -> Result<Json<Vec<BucketBody>>> {
    let buckets = ops::list(&app, &caller).await?;
    Ok(Json(buckets.into_iter().map(BucketBody::from).collect()))
}

/// A bucket to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateBucketRequest {
    /// Its name, not digits only, unique without regard to case.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s0-9\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
        examples("Recipes")
    )]
    name: String,
    /// What belongs there.
    #[serde(default)]
    #[schema(max_length = 2_000, pattern = r"^[^\u0000]*$", nullable)]
    description: Option<String>,
}

/// The bucket that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreateBucketResponse {
    /// Always the same.
    message: CreatedMessage,
    /// Its id.
    id: String,
    /// Its name.
    name: String,
}

/// Always the same.
#[derive(Debug, Serialize, ToSchema)]
pub enum CreatedMessage {
    /// Created.
    #[serde(rename = "Bucket created successfully")]
    Created,
}

/// Make a bucket
#[utoipa::path(
    post, path = "/api/buckets", operation_id = "CreateBucket", tag = "buckets",
    request_body = CreateBucketRequest,
    responses(
        (status = 200, description = "Made", body = CreateBucketResponse),
        (status = 409, description = "The name is taken", body = ErrorResponse),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<CreateBucketRequest>,
) -> Result<Json<CreateBucketResponse>> {
    let name = BucketName::new(&body.name)?;
    let shown = name.as_str().to_owned();
    let id = ops::create(&app, &caller, name, body.description).await?;
    Ok(Json(CreateBucketResponse { message: CreatedMessage::Created, id: id.to_string(), name: shown }))
}

/// Changes of a bucket; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateBucketRequest {
    /// The new name.
    #[serde(default)]
    #[schema(
        nullable,
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s0-9\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
    /// The new description; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 2_000, pattern = r"^[^\u0000]*$", nullable)]
    description: Option<Option<String>>,
}

/// Tells `null` from a field that is not there.
fn given<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(from).map(Some)
}

/// Rename or describe a bucket
#[utoipa::path(
    patch, path = "/api/buckets/{bucketId}", operation_id = "UpdateBucket", tag = "buckets",
    params(("bucketId" = String, Path, pattern = "^[0-9]+$", description = "The bucket's id")),
    request_body = UpdateBucketRequest,
    responses(
        (status = 200, description = "Changed", body = BucketBody),
        (status = 404, description = "No such bucket", body = ErrorResponse),
        (status = 409, description = "The name is taken, or the bucket is General", body = ErrorResponse),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
    Body(body): Body<UpdateBucketRequest>,
) -> Result<Json<BucketBody>> {
    let id = bucket_id(&id)?;
    let name = body.name.as_deref().map(BucketName::new).transpose()?;
    Ok(Json(ops::update(&app, &caller, id, name, body.description).await?.into()))
}

/// What deleting a bucket did.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteBucketResponse {
    /// Always the same.
    message: BucketDeletedMessage,
    /// How many memories were deleted with it.
    deleted: usize,
}

/// Always the same.
#[derive(Debug, Serialize, ToSchema)]
pub enum BucketDeletedMessage {
    /// Deleted.
    #[serde(rename = "Bucket deleted")]
    Deleted,
}

/// Delete a bucket
///
/// One that holds memories is only deleted when told what to do with them.
#[utoipa::path(
    delete, path = "/api/buckets/{bucketId}", operation_id = "DeleteBucket", tag = "buckets",
    params(
        ("bucketId" = String, Path, pattern = "^[0-9]+$", description = "The bucket's id"),
        ("memories" = Option<ContentsParam>, Query, description = "What becomes of its memories"),
        ("moveTo" = Option<String>, Query, pattern = "^[0-9]*$",
            description = "With memories=move: the bucket to move them to; General without it"),
        ("purge" = Option<bool>, Query, description = "With memories=delete: beyond recovery, instead of to the trash"),
    ),
    responses(
        (status = 200, description = "Deleted", body = DeleteBucketResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt, if memories were deleted"))),
        (status = 404, description = "No such bucket", body = ErrorResponse),
        (status = 409, description = "The bucket is General, or not empty", body = ErrorResponse),
    ),
)]
pub(super) async fn delete(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
    params: Params,
) -> Result<(HeaderMap, Json<DeleteBucketResponse>)> {
    params.no_dry_run()?;
    let purge = params.truth("purge")?;
    let move_to = params.bucket("moveTo")?;
    let contents = match params.text("memories") {
        None => Contents::None,
        Some("move") => Contents::MoveTo(move_to),
        Some("delete") => Contents::Delete { purge },
        Some(_) => return Err(Error::invalid("The parameter 'memories' is move or delete.")),
    };
    let deleted = ops::delete(&app, &caller, bucket_id(&id)?, contents).await?;
    let headers = deleted.as_ref().map(receipt_headers).transpose()?.unwrap_or_default();
    let count = deleted.map_or(0, |deleted| deleted.ids.len());
    Ok((headers, Json(DeleteBucketResponse { message: BucketDeletedMessage::Deleted, deleted: count })))
}

/// What becomes of a deleted bucket's memories.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "names the values in the description of the API; read as text")]
pub enum ContentsParam {
    /// They go to another bucket.
    Move,
    /// They are deleted.
    Delete,
}
