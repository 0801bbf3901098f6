//! Prompts: of text, with arguments, with a resource, with a picture, and one
//! that asks the client for something first.

use rmcp::model::{
    ContentBlock, ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult, Prompt,
    PromptArgument, PromptMessage, ResourceContents, Role,
};

use crate::resources::PICTURE;
use crate::rounds;

const SIMPLE: &str = "test_simple_prompt";
const WITH_ARGUMENTS: &str = "test_prompt_with_arguments";
const WITH_RESOURCE: &str = "test_prompt_with_embedded_resource";
const WITH_IMAGE: &str = "test_prompt_with_image";
const WITH_INPUT: &str = "test_input_required_result_prompt";

/// The prompts that can be listed.
pub fn all() -> Vec<Prompt> {
    let argument =
        |name: &str, description: &str| PromptArgument::new(name).with_description(description).with_required(true);
    vec![
        Prompt::new(SIMPLE, Some("One message"), None),
        Prompt::new(
            WITH_ARGUMENTS,
            Some("One message, made of two arguments"),
            Some(vec![argument("arg1", "The first"), argument("arg2", "The second")]),
        ),
        Prompt::new(
            WITH_RESOURCE,
            Some("A resource and what to do with it"),
            Some(vec![argument("resourceUri", "The URI of the resource")]),
        ),
        Prompt::new(WITH_IMAGE, Some("A picture and what to do with it"), None),
        Prompt::new(WITH_INPUT, Some("One message, made of what the user says"), None),
    ]
}

/// The messages of a prompt, or what has to be asked before.
pub fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let user = |content| PromptMessage::new(Role::User, content);
    let messages = match request.name.as_str() {
        SIMPLE => vec![user(ContentBlock::text("This is a simple prompt for testing."))],
        WITH_ARGUMENTS => {
            let (first, second) = (argument(request, "arg1")?, argument(request, "arg2")?);
            vec![user(ContentBlock::text(format!("Prompt with arguments: arg1='{first}', arg2='{second}'")))]
        }
        WITH_RESOURCE => {
            let resource =
                ResourceContents::text("Embedded resource content for testing.", argument(request, "resourceUri")?)
                    .with_mime_type("text/plain");
            vec![
                user(ContentBlock::resource(resource)),
                user(ContentBlock::text("Please process the embedded resource above.")),
            ]
        }
        WITH_IMAGE => vec![
            user(ContentBlock::image(PICTURE, "image/png")),
            user(ContentBlock::text("Please analyze the image above.")),
        ],
        WITH_INPUT => {
            let answers = request.input_responses.clone().unwrap_or_default();
            let Some(context) = rounds::answered(&answers, "user_context", "context") else {
                let question = rounds::question("What context should the prompt use?", "context", "string")?;
                let questions = [("user_context".to_owned(), question)].into();
                return Ok(InputRequiredResult::from_input_requests(questions).into());
            };
            vec![user(ContentBlock::text(format!("Keep this in mind: {}", rounds::plain(&context))))]
        }
        _ => return Err(ErrorData::invalid_params("there is no such prompt", None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

/// An argument of a prompt; an error if it was not given as text.
fn argument<'a>(request: &'a GetPromptRequestParams, name: &str) -> Result<&'a str, ErrorData> {
    let given = request.arguments.as_ref().and_then(|arguments| arguments.get(name)?.as_str());
    given.ok_or_else(|| ErrorData::invalid_params(format!("the argument {name} is missing"), None))
}
