//! Tools that ask the client for something while they run: for text of a
//! language model (sampling), or for what the user enters (elicitation).
//!
//! This is how it is done in the revisions with sessions. Later ones do it as in
//! [`crate::rounds`].
#![expect(deprecated, reason = "sampling is deprecated, but the suite tests it")]
#![expect(clippy::needless_pass_by_value, reason = "the router of tools passes everything by value")]

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    ClientCapabilities, ClientResult, CreateMessageRequestParams, ElicitRequest, ElicitResult, ElicitationCapability,
    ErrorData, SamplingMessage, ServerRequest,
};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixtures::Fixtures;
use crate::rounds;
use crate::tools::unsent;

/// What to send to the language model.
#[derive(Deserialize, JsonSchema)]
struct Sampling {
    /// The prompt.
    prompt: String,
}

/// What to ask the user.
#[derive(Deserialize, JsonSchema)]
struct Elicitation {
    /// The message that the user sees.
    message: String,
}

#[tool_router(router = asking_tools, vis = "pub")]
impl Fixtures {
    #[tool(name = "test_sampling", description = "Answers with what the client's language model says")]
    async fn sampling(
        Parameters(Sampling { prompt }): Parameters<Sampling>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        requires_sampling(&context)?;
        let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
        let answer = context.peer.create_message(request).await.map_err(|error| unsent(&error))?;
        Ok(format!("LLM response: {}", rounds::text_of(&answer)))
    }

    #[tool(name = "test_missing_capability", description = "Needs a client with a language model")]
    fn missing_capability(context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        requires_sampling(&context)?;
        Ok("The client has a language model.".to_owned())
    }

    #[tool(name = "test_elicitation", description = "Answers with what the user enters")]
    async fn elicitation(
        Parameters(Elicitation { message }): Parameters<Elicitation>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let schema = json!({
            "type": "object",
            "properties": {
                "username": { "type": "string", "description": "User's response" },
                "email": { "type": "string", "description": "User's email address" }
            },
            "required": ["username", "email"]
        });
        let answer = ask(&context, &message, schema).await?;
        Ok(format!("User response: {}", described(&answer)))
    }

    #[tool(name = "test_elicitation_sep1034_defaults", description = "Asks the user, with a default for every field")]
    async fn elicitation_defaults(context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "default": "John Doe" },
                "age": { "type": "integer", "default": 30 },
                "score": { "type": "number", "default": 95.5 },
                "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
                "verified": { "type": "boolean", "default": true }
            }
        });
        let answer = ask(&context, "Please check what is filled in", schema).await?;
        Ok(format!("Elicitation completed: {}", described(&answer)))
    }

    #[tool(name = "test_elicitation_sep1330_enums", description = "Asks the user to choose, in every way there is")]
    async fn elicitation_choices(context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        let titled = |titles: [(&str, &str); 3]| titles.map(|(value, title)| json!({ "const": value, "title": title }));
        let schema = json!({
            "type": "object",
            "properties": {
                "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
                "titledSingle": {
                    "type": "string",
                    "oneOf": titled([
                        ("value1", "First Option"),
                        ("value2", "Second Option"),
                        ("value3", "Third Option")
                    ])
                },
                "legacyEnum": {
                    "type": "string",
                    "enum": ["opt1", "opt2", "opt3"],
                    "enumNames": ["Option One", "Option Two", "Option Three"]
                },
                "untitledMulti": {
                    "type": "array",
                    "items": { "type": "string", "enum": ["option1", "option2", "option3"] }
                },
                "titledMulti": {
                    "type": "array",
                    "items": {
                        "anyOf": titled([
                            ("value1", "First Choice"),
                            ("value2", "Second Choice"),
                            ("value3", "Third Choice")
                        ])
                    }
                }
            }
        });
        let answer = ask(&context, "Please choose", schema).await?;
        Ok(format!("Elicitation completed: {}", described(&answer)))
    }
}

/// An error that names sampling, unless the client can do it.
fn requires_sampling(context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    let declared = context.client_capabilities().unwrap_or_default();
    match declared.sampling {
        Some(_) => Ok(()),
        None => {
            Err(ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_sampling().build()))
        }
    }
}

/// Asks the user to fill in a form; an error unless the client can show one.
async fn ask(context: &RequestContext<RoleServer>, message: &str, schema: Value) -> Result<ElicitResult, ErrorData> {
    let declared = context.client_capabilities().unwrap_or_default();
    if declared.elicitation.is_none() {
        let required = ClientCapabilities::builder().enable_elicitation_with(ElicitationCapability::new()).build();
        return Err(ErrorData::missing_required_client_capability(required));
    }
    let request = ElicitRequest::new(rounds::form(message, schema)?);
    match context.peer.send_request(ServerRequest::ElicitRequest(request)).await {
        Ok(ClientResult::ElicitResult(answer)) => Ok(answer),
        Ok(_) => Err(ErrorData::internal_error("the client answered something else", None)),
        Err(error) => Err(unsent(&error)),
    }
}

/// What the user did with a form, in words of the suite.
fn described(answer: &ElicitResult) -> String {
    let content = answer.content.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
    format!("action={}, content={content}", json!(answer.action).as_str().unwrap_or_default())
}
