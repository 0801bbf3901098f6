//! The description of the API in `OpenAPI` 3.1, made from the handlers and
//! finished with what only the running server knows: its URL and its limits.

use serde_json::{Value, json};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OneOfBuilder, RefOr, Schema};
use utoipa::{OpenApi, PartialSchema, ToSchema};

use crate::config::Config;
use crate::error::{Error, Result};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "commonplace",
        description = "One long-term memory that you own and every AI tool you use can share. \
                       Compatible with clients written for the MemoryPlugin API; not affiliated with it.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "memories", description = "Short facts: store, find, change, delete"),
        (name = "buckets", description = "The named places that memories are kept in"),
        (name = "trash", description = "Deleted memories, until they are purged"),
        (name = "receipts", description = "What was deleted, by whom and when"),
        (name = "history", description = "Conversations brought from other tools"),
        (name = "access", description = "What was allowed to OAuth clients"),
        (name = "transfer", description = "Export and import"),
        (name = "operations", description = "How the server is doing"),
    ),
    // Those that only parameters use, which are not collected from there.
    components(schemas(
        super::buckets::ContentsParam, super::search::ContentType, super::search::SearchMode, TimeParam, super::transfer::FormatParam,
        super::history::export::ChatFormParam,
    )),
)]
struct Base;

pub(super) fn base() -> utoipa::openapi::OpenApi {
    let mut base = Base::openapi();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token")).build();
    let components = base.components.get_or_insert_default();
    components.add_security_scheme("bearerAuth", SecurityScheme::Http(scheme));
    base
}

/// A bucket id in a body: a number, or one as text.
pub(super) fn bucket_id_schema() -> RefOr<Schema> {
    let number = Object::with_type(Type::Integer);
    let mut text = Object::with_type(Type::String);
    text.pattern = Some("^[0-9]*$".to_owned());
    let null = Object::with_type(SchemaType::Type(Type::Null));
    OneOfBuilder::new().item(number).item(text).item(null).description(Some("A bucket's id")).into()
}

/// A time in a body.
pub(super) fn time_schema() -> RefOr<Schema> {
    let text = |format| ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    let null = Object::with_type(SchemaType::Type(Type::Null));
    let forms = OneOfBuilder::new().item(text(KnownFormat::DateTime)).item(text(KnownFormat::Date)).item(null);
    forms.description(Some("A time as 2026-07-26T10:00:00Z, or a date for its first moment in UTC")).into()
}

/// A time in a query string, where an empty one counts as not given.
pub struct TimeParam;

impl PartialSchema for TimeParam {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let format = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
        let forms = OneOfBuilder::new()
            .item(format(KnownFormat::DateTime))
            .item(format(KnownFormat::Date))
            .item(text().max_length(Some(0)));
        forms.description(Some("A time as 2026-07-26T10:00:00Z, or a date for its first moment in UTC")).into()
    }
}

impl ToSchema for TimeParam {}

/// The errors that any authenticated operation can answer with.
const ERRORS: &[(&str, &str)] = &[
    ("400", "The request is malformed or breaks a rule"),
    ("401", "No valid token"),
    ("403", "The token's scopes don't cover this"),
    ("500", "A fault of the server; its log has the details"),
    ("503", "The storage can't serve now, or too much is waiting; try again"),
];
/// Those of operations with a body.
const BODY_ERRORS: &[(&str, &str)] = &[
    ("408", "The body took too long"),
    ("413", "The body is too large"),
    ("415", "The body is of a type that is not read here"),
];

/// Adds what every operation shares, the server's URL and its limits.
pub(super) fn finish(description: utoipa::openapi::OpenApi, config: &Config, base_url: &str) -> Result<Value> {
    let mut json = serde_json::to_value(description).map_err(Error::internal)?;
    json["servers"] = json!([{"url": base_url}]);
    // GPT Actions leave out operations that the global requirement excludes, so it stands on each.
    json["security"] = json!([]);
    let error = json!({"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}});
    let operations = json["paths"].as_object_mut().into_iter().flatten();
    for (path, methods) in operations {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let open = operation.get("security").is_some();
            if open {
                operation["security"] = json!([]);
                continue;
            }
            operation["security"] = json!([{"bearerAuth": []}]);
            let body_errors = if operation.get("requestBody").is_some() { BODY_ERRORS } else { &[] };
            link_receipt(operation);
            for (status, text) in ERRORS.iter().chain(body_errors) {
                if operation["responses"].get(status).is_none() {
                    operation["responses"][status] = json!({"description": text, "content": error});
                }
            }
            // Tells assistants which calls to ask their person about.
            let looks = ["/search", "/inject", "/get-or-generate"].iter().any(|end| path.ends_with(end));
            let reads = method == "get" || looks;
            let stores = method == "post" && matches!(path.as_str(), "/api/memory" | "/api/v2/memory");
            operation["x-openai-isConsequential"] = json!(!reads && !stores);
        }
    }
    let limits: &[(&str, &str, usize)] = &[
        ("/components/schemas/BulkDeleteRequest/properties/memoryIds", "maxItems", config.max_bulk_ids),
        ("/components/schemas/TrashIdsRequest/properties/memoryIds", "maxItems", config.max_bulk_ids),
        ("/components/schemas/DeleteChatsRequest/properties/ids", "maxItems", config.max_bulk_ids),
        ("/components/schemas/PinRequest/properties/ids", "maxItems", config.max_bulk_ids),
        ("/components/schemas/TrashedChatsRequest/properties/ids", "maxItems", config.max_bulk_ids),
        ("/components/schemas/CreateMemoryRequest/properties/text", "maxLength", config.max_text_chars),
        ("/components/schemas/UpdateMemoryRequest/properties/text", "maxLength", config.max_text_chars),
    ];
    for (schema, limit, value) in limits {
        let place = json.pointer_mut(schema).ok_or_else(|| Error::internal(format!("no schema at {schema}")))?;
        place[limit] = json!(value);
    }
    Ok(json)
}

/// Says where the id in the header of a deletion's answer leads.
fn link_receipt(operation: &mut Value) {
    if operation.pointer("/responses/200/headers/Deletion-Receipt").is_some() {
        operation["responses"]["200"]["links"] = json!({"Receipt": {
            "operationId": "GetDeletion",
            "parameters": {"deletionId": "$response.header.Deletion-Receipt"},
        }});
    }
}

/// The description as checked in: with the default settings.
///
/// # Errors
/// [`Error::Internal`] where it can't be written.
pub fn document(config: &Config) -> Result<String> {
    let (_, description) = super::described().split_for_parts();
    let json = finish(description, config, &config.base_url(config.listen))?;
    Ok(serde_json::to_string_pretty(&json).map_err(Error::internal)? + "\n")
}
