//! Tools that need something from the client and get it in rounds: they answer
//! with what they need, and the client calls again with that.
//!
//! Nothing is kept between the rounds. What a tool has to know again goes to the
//! client as a state and comes back with the next call. A state bears a seal, so
//! that a client cannot make up one of its own.
#![expect(deprecated, reason = "sampling and roots are deprecated, but the suite tests them")]
#![expect(clippy::needless_pass_by_value, reason = "the router of tools passes everything by value")]

use std::hash::BuildHasher;

use rmcp::handler::server::tool::{InputResponses, RequestState};
use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, CreateMessageRequest, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, InputRequest,
    InputRequests, InputRequiredResult, InputResponses as Answers, ListRootsRequest, ListRootsResult, SamplingMessage,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use serde_json::{Value, json};

use crate::fixtures::Fixtures;

#[tool_router(router = round_tools, vis = "pub")]
impl Fixtures {
    #[tool(name = "test_input_required_result_elicitation", description = "Asks the user for a name")]
    fn elicited(InputResponses(answers): InputResponses) -> Result<CallToolResponse, ErrorData> {
        match answered(&answers.unwrap_or_default(), "user_name", "name") {
            Some(name) => Ok(text(format!("Hello, {}!", plain(&name)))),
            None => Ok(asking([("user_name", question("What is your name?", "name", "string")?)], None)),
        }
    }

    #[tool(name = "test_streaming_elicitation", description = "Asks the user for a name, instead of on a stream")]
    fn elicited_on_stream(answers: InputResponses) -> Result<CallToolResponse, ErrorData> {
        Self::elicited(answers)
    }

    #[tool(name = "test_input_required_result_sampling", description = "Asks the client's language model")]
    fn sampled(InputResponses(answers): InputResponses) -> CallToolResponse {
        match said(&answers.unwrap_or_default(), "capital_question") {
            Some(answer) => text(answer),
            None => asking([("capital_question", prompt("What is the capital of France?", 100))], None),
        }
    }

    #[tool(name = "test_input_required_result_list_roots", description = "Asks the client for its folders")]
    fn roots_listed(InputResponses(answers): InputResponses) -> CallToolResponse {
        match roots(&answers.unwrap_or_default(), "client_roots") {
            Some(roots) => text(format!("The roots are: {roots}")),
            None => asking([("client_roots", InputRequest::ListRoots(ListRootsRequest::default()))], None),
        }
    }

    #[tool(
        name = "test_input_required_result_request_state",
        description = "Asks for a yes, and expects its state back"
    )]
    fn confirmed(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answers) = answers {
            self.opened(state.as_deref(), "confirming")?;
            if answered(&answers, "confirm", "ok").is_some() {
                return Ok(text("state-ok"));
            }
        }
        Ok(asking([("confirm", question("Please confirm", "ok", "boolean")?)], Some(self.sealed("confirming", ""))))
    }

    #[tool(name = "test_input_required_result_tampered_state", description = "Asks for a yes, and guards its state")]
    fn guarded(&self, answers: InputResponses, state: RequestState) -> Result<CallToolResponse, ErrorData> {
        self.confirmed(answers, state)
    }

    #[tool(name = "test_input_required_result_multiple_inputs", description = "Asks for three things at once")]
    fn asked_at_once(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answers) = answers {
            self.opened(state.as_deref(), "three things")?;
            let name = answered(&answers, "user_name", "name");
            if let (Some(name), Some(greeting), Some(roots)) =
                (name, said(&answers, "greeting"), roots(&answers, "client_roots"))
            {
                return Ok(text(format!("{greeting}, {}! The roots are: {roots}", plain(&name))));
            }
        }
        let questions = [
            ("user_name", question("What is your name?", "name", "string")?),
            ("greeting", prompt("Generate a greeting", 50)),
            ("client_roots", InputRequest::ListRoots(ListRootsRequest::default())),
        ];
        Ok(asking(questions, Some(self.sealed("three things", ""))))
    }

    #[tool(name = "test_input_required_result_multi_round", description = "Asks for a name, then for a color")]
    fn asked_in_turn(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
    ) -> Result<CallToolResponse, ErrorData> {
        let answers = answers.unwrap_or_default();
        let ask_name = || {
            let question = question("Step 1: What is your name?", "name", "string")?;
            Ok(asking([("step1", question)], Some(self.sealed("name", ""))))
        };
        let ask_color = |name: &str| {
            let question = question("Step 2: What is your favorite color?", "color", "string")?;
            Ok(asking([("step2", question)], Some(self.sealed("color", name))))
        };
        let Some(state) = state else { return ask_name() };
        if let Ok(name) = self.opened(Some(&state), "color") {
            return match answered(&answers, "step2", "color") {
                Some(color) => Ok(text(format!("{name} likes {}.", plain(&color)))),
                None => ask_color(name),
            };
        }
        self.opened(Some(&state), "name")?;
        answered(&answers, "step1", "name").map_or_else(ask_name, |name| ask_color(&plain(&name)))
    }

    #[tool(name = "test_input_required_result_capabilities", description = "Asks for whatever the client can give")]
    fn asked_by_capability(
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let client = context.client_capabilities().unwrap_or_default();
        let mut questions = Vec::new();
        if client.elicitation.is_some() {
            questions.push(("user_name", question("What is your name?", "name", "string")?));
        }
        if client.sampling.is_some() {
            questions.push(("greeting", prompt("Generate a greeting", 50)));
        }
        if client.roots.is_some() {
            questions.push(("client_roots", InputRequest::ListRoots(ListRootsRequest::default())));
        }
        let answers = answers.unwrap_or_default();
        if questions.iter().all(|(key, _)| answers.contains_key(*key)) {
            return Ok(text(format!("The client answered {} questions.", questions.len())));
        }
        Ok(asking(questions, None))
    }
}

impl Fixtures {
    /// A state: a step, what to remember until it, and the seal of both.
    fn sealed(&self, step: &str, memory: &str) -> String {
        format!("{step}:{memory}:{:016x}", self.seal.hash_one((step, memory)))
    }

    /// What was to be remembered until a step; an error unless the state has
    /// the seal that it was given.
    fn opened<'a>(&self, state: Option<&'a str>, step: &str) -> Result<&'a str, ErrorData> {
        let memory = state.and_then(|state| {
            let (memory, _) = state.strip_prefix(step)?.strip_prefix(':')?.rsplit_once(':')?;
            (self.sealed(step, memory) == state).then_some(memory)
        });
        memory.ok_or_else(|| ErrorData::invalid_params("this is not a state that the server gave", None))
    }
}

/// An answer of one text, which ends the rounds.
fn text(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

/// An answer that asks for more.
fn asking(
    questions: impl IntoIterator<Item = (&'static str, InputRequest)>,
    state: Option<String>,
) -> CallToolResponse {
    let questions: InputRequests = questions.into_iter().map(|(key, question)| (key.to_owned(), question)).collect();
    InputRequiredResult::new(Some(questions), state).into()
}

/// A form for the user, of a schema that has to be one of those that forms may have.
pub fn form(message: &str, schema: Value) -> Result<ElicitRequestParams, ErrorData> {
    let requested_schema = serde_json::from_value(schema)
        .map_err(|error| ErrorData::internal_error(format!("the schema is not one of a form: {error}"), None))?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message: message.to_owned(), requested_schema })
}

/// A question for the user with one field for the answer.
pub fn question(message: &str, field: &str, kind: &str) -> Result<InputRequest, ErrorData> {
    let schema = json!({ "type": "object", "properties": { field: { "type": kind } }, "required": [field] });
    Ok(InputRequest::Elicitation(ElicitRequest::new(form(message, schema)?)))
}

/// A prompt for the client's language model.
fn prompt(text: &str, max_tokens: u32) -> InputRequest {
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(text)], max_tokens);
    InputRequest::CreateMessage(CreateMessageRequest::new(request))
}

/// What the user entered in a field, if the form was sent off with it.
pub fn answered(answers: &Answers, key: &str, field: &str) -> Option<Value> {
    let answer: ElicitResult = serde_json::from_value(answers.get(key)?.clone()).ok()?;
    (answer.action == ElicitationAction::Accept).then(|| answer.content?.get(field).cloned())?
}

/// What the language model said, if it was asked.
fn said(answers: &Answers, key: &str) -> Option<String> {
    let answer = serde_json::from_value(answers.get(key)?.clone()).ok()?;
    Some(text_of(&answer))
}

/// The text in what a language model said.
pub fn text_of(answer: &CreateMessageResult) -> String {
    answer.message.content.iter().filter_map(|block| Some(block.as_text()?.text.as_str())).collect()
}

/// The folders that the client named, as one text.
fn roots(answers: &Answers, key: &str) -> Option<String> {
    let answer: ListRootsResult = serde_json::from_value(answers.get(key)?.clone()).ok()?;
    Some(answer.roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", "))
}

/// A value as a person writes it: a text without its quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
