//! Resources: a text, a picture, one to subscribe to, and a template.

use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

/// A PNG of a single red pixel, in base64.
pub const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";
/// A WAV of eight silent samples of eight bits, in base64.
pub const SOUND: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

/// The URI of the resources that are made of an id.
pub const TEMPLATE: &str = "test://template/{id}/data";

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";

/// The resources that can be listed.
pub fn all() -> Vec<Resource> {
    vec![
        Resource::new(TEXT, "static-text").with_description("A text that stays the same").with_mime_type("text/plain"),
        Resource::new(BINARY, "static-binary").with_description("A red pixel").with_mime_type("image/png"),
        Resource::new(WATCHED, "watched-resource")
            .with_description("A text to subscribe to")
            .with_mime_type("text/plain"),
    ]
}

/// The templates.
pub fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(TEMPLATE, "data-of-an-id")
            .with_description("What there is about an id")
            .with_mime_type("application/json"),
    ]
}

/// The resource of a URI; an error if there is none.
pub fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        TEXT => {
            ResourceContents::text("This is the content of the static text resource.", uri).with_mime_type("text/plain")
        }
        BINARY => ResourceContents::blob(PICTURE, uri).with_mime_type("image/png"),
        WATCHED => ResourceContents::text("Nothing has changed yet.", uri).with_mime_type("text/plain"),
        _ => {
            let id = templated(uri).ok_or_else(|| {
                ErrorData::resource_not_found("there is no such resource", Some(json!({ "uri": uri })))
            })?;
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            ResourceContents::text(data.to_string(), uri).with_mime_type("application/json")
        }
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

/// The id in a URI that has the form of the template.
fn templated(uri: &str) -> Option<&str> {
    let (before, after) = TEMPLATE.split_once("{id}")?;
    let id = uri.strip_prefix(before)?.strip_suffix(after)?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}
