//! Tools that need nothing from the client: every kind of content, messages on
//! the way to the answer, unusual input schemas, and changes of the lists.
#![expect(deprecated, reason = "the suite also tests revisions in which logging had no replacement")]
#![expect(clippy::needless_pass_by_value, reason = "the router of tools passes everything by value")]

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolResult, ContentBlock, ErrorData, JsonObject, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, ResourceContents, object,
};
use rmcp::service::{RequestContext, ServiceError};
use rmcp::{RoleServer, tool, tool_router};
use serde_json::json;

use crate::fixtures::Fixtures;
use crate::resources::{PICTURE, SOUND};

/// The time between two messages of a tool that sends several.
const PAUSE: Duration = Duration::from_millis(50);

/// The error of a message that did not reach the client.
pub fn unsent(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(format!("the client was not reached: {error}"), None)
}

#[tool_router(router = plain_tools, vis = "pub")]
impl Fixtures {
    #[tool(name = "test_simple_text", description = "Answers with a text")]
    fn simple_text() -> String {
        "This is a simple text response for testing.".to_owned()
    }

    #[tool(name = "test_image_content", description = "Answers with a picture")]
    fn image() -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::image(PICTURE, "image/png")])
    }

    #[tool(name = "test_audio_content", description = "Answers with a sound")]
    fn audio() -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::audio(SOUND, "audio/wav")])
    }

    #[tool(name = "test_embedded_resource", description = "Answers with a resource")]
    fn embedded_resource() -> CallToolResult {
        let resource = ResourceContents::text("This is an embedded resource content.", "test://embedded-resource")
            .with_mime_type("text/plain");
        CallToolResult::success(vec![ContentBlock::resource(resource)])
    }

    #[tool(name = "test_multiple_content_types", description = "Answers with a text, a picture and a resource")]
    fn multiple_content_types() -> CallToolResult {
        let data = json!({ "test": "data", "value": 123 });
        let resource = ResourceContents::text(data.to_string(), "test://mixed-content-resource")
            .with_mime_type("application/json");
        CallToolResult::success(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(PICTURE, "image/png"),
            ContentBlock::resource(resource),
        ])
    }

    #[tool(name = "test_error_handling", description = "Fails")]
    fn error_handling() -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("This tool intentionally returns an error for testing")])
    }

    #[tool(name = "test_tool_with_logging", description = "Logs three messages, then answers")]
    async fn with_logging(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        self.log(&context, "Tool execution started").await?;
        tokio::time::sleep(PAUSE).await;
        self.log(&context, "Tool processing data").await?;
        tokio::time::sleep(PAUSE).await;
        self.log(&context, "Tool execution completed").await?;
        Ok("Three messages were logged, as far as the client wants them.".to_owned())
    }

    #[tool(name = "test_logging_tool", description = "Logs one message, then answers")]
    async fn with_one_message(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        self.log(&context, "Tool was called").await?;
        Ok("A message was logged, if the client wants it.".to_owned())
    }

    #[tool(name = "test_tool_with_progress", description = "Tells how far it is three times, then answers")]
    async fn with_progress(context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        for (done, pause) in [(0.0, Duration::ZERO), (50.0, PAUSE), (100.0, PAUSE)] {
            tokio::time::sleep(pause).await;
            if let Some(token) = context.meta.get_progress_token() {
                let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
                context.peer.notify_progress(progress).await.map_err(|error| unsent(&error))?;
            }
        }
        Ok("All steps are done.".to_owned())
    }

    // The suite would have the tool close the stream of its answer. Here a
    // stream belongs to the endpoint and ends with its answer, which the suite
    // notes and accepts; it tests how the stream begins.
    #[tool(name = "test_reconnection", description = "Answers after a while")]
    async fn reconnection() -> String {
        tokio::time::sleep(PAUSE).await;
        "The answer came on the stream of its request.".to_owned()
    }

    #[tool(
        name = "json_schema_2020_12_tool",
        description = "Has an input schema with keywords of JSON Schema 2020-12",
        input_schema = contact_schema()
    )]
    fn json_schema(arguments: JsonObject) -> String {
        format!("{} properties were given.", arguments.len())
    }

    #[tool(
        name = "test_custom_header",
        description = "Takes an argument that is also a header of the request",
        input_schema = region_schema()
    )]
    fn custom_header(arguments: JsonObject) -> String {
        format!("The region is {}.", arguments.get("region").and_then(|region| region.as_str()).unwrap_or("unknown"))
    }

    #[tool(name = "test_trigger_tool_change", description = "Announces a change of the list of tools")]
    fn trigger_tool_change(&self) -> String {
        self.tools_changed.tell();
        "The change was announced.".to_owned()
    }

    #[tool(name = "test_trigger_prompt_change", description = "Announces a change of the list of prompts")]
    fn trigger_prompt_change(&self) -> String {
        self.prompts_changed.tell();
        "The change was announced.".to_owned()
    }
}

impl Fixtures {
    /// Sends the client a message, if it wants those of level "info".
    async fn log(&self, context: &RequestContext<RoleServer>, message: &str) -> Result<(), ErrorData> {
        if !self.logs(LoggingLevel::Info, context) {
            return Ok(());
        }
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
        context.peer.notify_logging_message(message).await.map_err(|error| unsent(&error))
    }
}

/// A person's name and address, and a telephone number or an email address,
/// whichever the person is to be reached by.
fn contact_schema() -> Arc<JsonObject> {
    Arc::new(object(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    })))
}

/// A region, which the header `Mcp-Param-Region` repeats.
fn region_schema() -> Arc<JsonObject> {
    Arc::new(object(json!({
        "type": "object",
        "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
        "required": ["region"]
    })))
}
