//! Recalling what was said, with its sources.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::platform;
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::find::{self, Manner, Question, Within};
use crate::http::extract::{Auth, Body, time, whole};
use crate::http::search::lack_header;
use crate::search::Lack;

/// How much of what was said before the question is used, in characters.
const CONTEXT: usize = 2_000;

/// What to recall: one `query`, or several `queries`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectRequest {
    /// What is asked.
    #[serde(default)]
    query: Option<String>,
    /// How many tokens the answer may have: 600 without it. More than 2,000 are taken as 2,000.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, nullable)]
    max_tokens: Option<i64>,
    /// Several questions, each with an answer of its own.
    #[serde(default)]
    #[schema(max_items = 15)]
    queries: Option<Vec<InjectQuery>>,
    /// A hint: what was said there counts a little more. Nothing is left out.
    #[serde(default)]
    platform: Option<String>,
    /// What the question is asked in. It is used with `quality`, where the server has a language
    /// model, to find what is meant by words such as "it"; else it is ignored.
    #[serde(default)]
    conversation_context: Option<String>,
    /// The turns before the question, oldest first; used as `conversationContext` is.
    #[serde(default)]
    conversation_history: Option<Vec<InjectTurn>>,
    /// Takes more time: a language model, where the server has one, words the question in other
    /// ways that are looked for, too, and orders what is found.
    #[serde(default)]
    quality: Option<bool>,
    /// Said at or after.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    after: Option<Micros>,
    /// Said before.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    before: Option<Micros>,
}

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectQuery {
    /// What is asked.
    query: String,
    /// How many tokens the answer may have.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, nullable)]
    max_tokens: Option<i64>,
}

/// A turn of the conversation that the question is asked in.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InjectTurn {
    /// Such as `user`.
    role: String,
    /// What was said.
    content: String,
}

/// What was said about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectResponse {
    /// The answer, with the marks of its sources: quotations, or what a language model wrote from them.
    content: String,
    /// What it is from.
    sources: Vec<SourceBody>,
    /// How many tokens the answer has.
    token_count: usize,
    /// Seconds.
    processing_time: String,
    /// The model that wrote it. `extractive`: it is made of quotations; with the reason in brackets
    /// where a model was asked. Of several answers all that there are, with commas between.
    model: String,
    /// With several questions: the answer to each.
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<InjectResult>>,
}

/// The answer to one of several questions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectResult {
    /// What was asked.
    query: String,
    /// The answer.
    content: String,
    /// What it is from.
    sources: Vec<SourceBody>,
    /// How many tokens it has.
    token_count: usize,
    /// The model that wrote it, or `extractive`.
    model: String,
}

/// What a quotation is from.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceBody {
    /// The number that marks it.
    mark: usize,
    /// The conversation's id.
    conversation_id: String,
    /// The conversation's title.
    conversation_title: String,
    /// The message's id.
    message_id: String,
    /// When it was said.
    date: Option<String>,
    /// How well it fits, 0 to 1.
    relevance_score: f32,
}

/// Recall what was said, with its sources
#[utoipa::path(
    post, path = "/api/chat-history/inject", operation_id = "ChatHistoryInject", tag = "history",
    request_body = InjectRequest,
    responses((status = 200, description = "The answer", body = InjectResponse,
        headers(("Search-Lacks" = String, description = "What the answers lack, if anything")))),
)]
pub(in crate::http) async fn inject(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<InjectRequest>,
) -> Result<(HeaderMap, Json<InjectResponse>)> {
    let begun = app.clock.now();
    let several = body.queries.as_ref().is_some_and(|queries| !queries.is_empty());
    let asked = |asked: InjectQuery| Ok((asked.query, budget(asked.max_tokens)?));
    let queries = body.queries.map(|queries| queries.into_iter().map(asked).collect::<Result<_>>()).transpose()?;
    let questions = Question::all(body.query, queries, budget(body.max_tokens)?)?;
    let within = Within { platform: None, after: body.after, before: body.before };
    let manner = Manner {
        platform: platform(body.platform),
        is_thorough: body.quality == Some(true),
        context: context(body.conversation_context, body.conversation_history),
    };
    let answers = find::recall_in(&app, &caller, &questions, &within, &manner).await?;
    let mut lacks: Vec<Lack> = Vec::new();
    for lack in answers.iter().flat_map(|answer| &answer.lacks) {
        if !lacks.contains(lack) {
            lacks.push(*lack);
        }
    }
    let results: Vec<InjectResult> = questions
        .into_iter()
        .zip(answers)
        .map(|(question, answer)| InjectResult {
            query: question.query,
            content: answer.content,
            token_count: answer.tokens,
            model: answer.writer.to_string(),
            sources: answer
                .sources
                .into_iter()
                .map(|source| SourceBody {
                    mark: source.mark,
                    conversation_id: source.conversation,
                    conversation_title: source.title,
                    message_id: source.message,
                    date: source.date.map(|date| date.to_string()),
                    relevance_score: source.relevance,
                })
                .collect(),
        })
        .collect();
    let contents: Vec<&str> = results.iter().map(|result| result.content.as_str()).collect();
    let millis = (app.clock.now().0 - begun.0) / 1000;
    let answer = InjectResponse {
        content: contents.join("\n\n"),
        sources: results.iter().flat_map(|result| result.sources.iter().cloned()).collect(),
        token_count: results.iter().map(|result| result.token_count).sum(),
        processing_time: format!("{}.{:03}s", millis / 1000, millis % 1000),
        model: together(&results),
        results: several.then_some(results),
    };
    Ok((lack_header(&lacks)?, Json(answer)))
}

fn budget(given: Option<i64>) -> Result<Option<usize>> {
    let budget = given.map(usize::try_from).transpose();
    budget.map_err(|_| Error::invalid("'maxTokens' is 0 or more."))
}

/// What was said before the question: the end of it.
fn context(given: Option<String>, turns: Option<Vec<InjectTurn>>) -> String {
    let turns = turns.unwrap_or_default().into_iter();
    let turns = turns.map(|InjectTurn { role, content }| format!("{role}: {content}"));
    let all: Vec<String> = given.into_iter().chain(turns).collect();
    let all = all.join("\n");
    let start = all.char_indices().rev().nth(CONTEXT - 1).map_or(0, |(start, _)| start);
    all[start..].to_owned()
}

/// Who wrote several answers.
fn together(results: &[InjectResult]) -> String {
    let mut models: Vec<&str> = results.iter().map(|result| result.model.as_str()).collect();
    models.sort_unstable();
    models.dedup();
    models.join(", ")
}
