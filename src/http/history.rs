//! Chat history over HTTP: contract section 3.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ErrorResponse;
use super::extract::{Auth, Body, Params, time};
use super::memories::receipt_headers;
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::delete::{self, To};
use crate::history::find::{self, Question, Within};
use crate::history::import::{self, Role};
use crate::history::ops::{self, Incoming, Outcome};
use crate::history::read::{self, List};
use crate::history::{Conversation, Message};

/// How many tokens an answer may have without being asked for.
const TOKENS: usize = 600;
/// Most questions in one request.
const MOST_QUESTIONS: usize = 15;

fn sender(role: Role) -> &'static str {
    match role {
        Role::Human => "human",
        Role::Assistant => "assistant",
    }
}

/// A conversation to be taken in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestRequest {
    /// The conversation.
    conversation: IngestConversation,
    /// Where it is from.
    #[serde(default)]
    #[schema(pattern = r"^[a-zA-Z0-9\-_.]{1,100}$", nullable)]
    platform: Option<String>,
}

/// What was said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestConversation {
    /// Its id at the platform.
    id: String,
    /// Its title.
    #[serde(default)]
    title: Option<String>,
    /// When it began.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    created_at: Option<Micros>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    updated_at: Option<Micros>,
    /// The messages, in order. Those that are known already may be left out.
    messages: Vec<IngestMessage>,
}

/// A message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestMessage {
    /// Its id at the platform.
    id: String,
    /// Who says it.
    role: IngestRole,
    /// What is said.
    content: String,
    /// When.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    created_at: Option<Micros>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IngestRole {
    /// The person.
    #[serde(alias = "user")]
    Human,
    /// The assistant.
    Assistant,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestResponse {
    /// Whether it was taken.
    queued: bool,
    /// Its id here.
    conversation_id: String,
    /// Where it is from.
    platform: String,
    /// The conversation.
    conversation: IngestedBody,
}

/// The conversation as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestedBody {
    /// Its id here.
    id: String,
    /// Its id at the platform.
    platform_conversation_id: String,
    /// Its title.
    title: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// How many messages it has.
    message_count: i64,
    /// `completed`; `unchanged` where nothing was new; `rejected` where it is too long, `excluded`.
    status: &'static str,
}

/// Take a conversation in
///
/// One that is known by its platform and id gets what is new; messages that are
/// known and differ are replaced. It is found by the very next search.
#[utoipa::path(
    post, path = "/api/chat-history/ingest/custom-online", operation_id = "UploadChatHistory", tag = "history",
    request_body = IngestRequest,
    responses((status = 200, description = "Taken in", body = IngestResponse)),
)]
pub(super) async fn ingest(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<IngestRequest>,
) -> Result<Json<IngestResponse>> {
    let platform = body.platform.unwrap_or_else(|| "custom".to_owned());
    let IngestConversation { id, title, created_at, updated_at, messages } = body.conversation;
    let message = |message: IngestMessage| import::Message {
        id: message.id,
        role: match message.role {
            IngestRole::Human => Role::Human,
            IngestRole::Assistant => Role::Assistant,
        },
        text: message.content,
        created_at: message.created_at,
    };
    let messages = messages.into_iter().map(message).collect();
    let conversation = import::Conversation { id, title: title.unwrap_or_default(), created_at, updated_at, messages };
    let incoming = Incoming { platform, conversation, is_whole: false };
    let ingested = ops::ingest(&app, &caller, vec![incoming], true).await?.pop();
    let ingested = ingested.ok_or_else(|| Error::internal("nothing became of a conversation"))?;
    let status = match ingested.outcome {
        Outcome::New | Outcome::Updated => "completed",
        Outcome::Unchanged => "unchanged",
        Outcome::TooLong => "rejected",
        Outcome::Excluded => "excluded",
    };
    let Conversation { id, platform, platform_id, title, updated_at, message_count, .. } = ingested.conversation;
    Ok(Json(IngestResponse {
        queued: !matches!(ingested.outcome, Outcome::TooLong | Outcome::Excluded),
        conversation_id: id.clone(),
        platform,
        conversation: IngestedBody {
            id,
            platform_conversation_id: platform_id,
            title,
            updated_at: updated_at.rfc3339(),
            message_count,
            status,
        },
    }))
}

/// What to look for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchRequest {
    /// What to look for.
    query: String,
    /// At most how many passages; 20 without it.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100, nullable)]
    limit: Option<i64>,
    /// Only of this platform; `all` for any.
    #[serde(default)]
    provider: Option<String>,
    /// How many messages around each; 4 without it.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 20, nullable)]
    context_chunks: Option<usize>,
    /// Said at or after.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    after: Option<Micros>,
    /// Said before.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    before: Option<Micros>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResponse {
    /// The passages, best first.
    results: Vec<SearchResult>,
    /// How many there are in this answer.
    total_results: usize,
    /// What was asked for.
    query: String,
    /// The platform that was asked for.
    provider: String,
    /// Milliseconds.
    processing_time: u64,
}

/// A passage.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    /// The conversation's id.
    conversation_id: String,
    /// The conversation's title.
    title: String,
    /// What was said.
    text: String,
    /// How well it fits, 0 to 1.
    score: f32,
    /// When.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Who said it.
    sender: &'static str,
    /// The messages around it.
    context: Vec<ContextBody>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextBody {
    /// What was said.
    text: String,
    /// Who said it.
    sender: &'static str,
    /// When.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
}

impl From<Message> for ContextBody {
    fn from(message: Message) -> Self {
        Self { text: message.text, sender: sender(message.role), timestamp: message.created_at.map(Micros::rfc3339) }
    }
}

fn platform(given: Option<String>) -> Option<String> {
    given.filter(|given| !given.is_empty() && given != "all")
}

/// Find what was said
#[utoipa::path(
    post, path = "/api/chat-history/search", operation_id = "SearchChatHistory", tag = "history",
    request_body = SearchRequest,
    responses((status = 200, description = "What was found", body = SearchResponse)),
)]
pub(super) async fn search(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<SearchRequest>,
) -> Result<Json<SearchResponse>> {
    let begun = app.clock.now();
    let limit = body.limit.unwrap_or(20);
    let around = body.context_chunks.unwrap_or(4);
    if !(1..=100).contains(&limit) || around > 20 {
        return Err(Error::invalid("'limit' is 1 to 100, 'contextChunks' 0 to 20."));
    }
    let provider = body.provider.clone().unwrap_or_else(|| "all".to_owned());
    let within = Within { platform: platform(body.provider), after: body.after, before: body.before };
    let found = find::find(&app, &caller, &body.query, within, limit, around).await?;
    let result = |hit: find::Hit| {
        let first = hit.messages.first();
        let text: Vec<&str> = hit.messages.iter().map(|message| message.text.as_str()).collect();
        SearchResult {
            text: text.join("\n"),
            score: hit.score,
            timestamp: first.and_then(|m| m.created_at).unwrap_or(hit.conversation.created_at).rfc3339(),
            sender: first.map_or("human", |message| sender(message.role)),
            conversation_id: hit.conversation.id,
            title: hit.conversation.title,
            context: hit.around.into_iter().map(ContextBody::from).collect(),
        }
    };
    let results: Vec<SearchResult> = found.hits.into_iter().map(result).collect();
    Ok(Json(SearchResponse {
        total_results: results.len(),
        results,
        query: body.query,
        provider,
        processing_time: u64::try_from((app.clock.now().0 - begun.0) / 1000).unwrap_or(0),
    }))
}

/// What to recall: one `query`, or several `queries`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectRequest {
    /// What is asked.
    #[serde(default)]
    query: Option<String>,
    /// How many tokens the answer may have: 600 without it, 2,000 at most.
    #[serde(default)]
    max_tokens: Option<usize>,
    /// Several questions, each with an answer of its own.
    #[serde(default)]
    #[schema(max_items = 15)]
    queries: Option<Vec<InjectQuery>>,
    /// Said at or after.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    after: Option<Micros>,
    /// Said before.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    before: Option<Micros>,
}

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectQuery {
    /// What is asked.
    query: String,
    /// How many tokens the answer may have.
    #[serde(default)]
    max_tokens: Option<usize>,
}

/// What was said about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectResponse {
    /// The answer: quotations, each with the mark of its source.
    content: String,
    /// What they are from.
    sources: Vec<SourceBody>,
    /// How many tokens the answer has.
    token_count: usize,
    /// Seconds.
    processing_time: String,
    /// What wrote it: `extractive`, nobody.
    model: &'static str,
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
    responses((status = 200, description = "The answer", body = InjectResponse)),
)]
pub(super) async fn inject(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<InjectRequest>,
) -> Result<Json<InjectResponse>> {
    let begun = app.clock.now();
    let budget = |given: Option<usize>| given.unwrap_or(TOKENS);
    let several = body.queries.is_some();
    let questions: Vec<Question> = match (body.queries, body.query) {
        (Some(queries), _) => {
            queries.into_iter().map(|asked| Question { query: asked.query, budget: budget(asked.max_tokens) }).collect()
        }
        (None, Some(query)) => vec![Question { query, budget: budget(body.max_tokens) }],
        (None, None) => Vec::new(),
    };
    if !(1..=MOST_QUESTIONS).contains(&questions.len()) {
        return Err(Error::invalid(format!("Give a 'query', or 1 to {MOST_QUESTIONS} 'queries'.")));
    }
    let within = Within { platform: None, after: body.after, before: body.before };
    let answers = find::recall(&app, &caller, &questions, &within).await?;
    let results: Vec<InjectResult> = questions
        .into_iter()
        .zip(answers)
        .map(|(question, answer)| InjectResult {
            query: question.query,
            content: answer.content,
            token_count: answer.tokens,
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
    Ok(Json(InjectResponse {
        content: contents.join("\n\n"),
        sources: results.iter().flat_map(|result| result.sources.iter().cloned()).collect(),
        token_count: results.iter().map(|result| result.token_count).sum(),
        processing_time: format!("{}.{:03}s", millis / 1000, millis % 1000),
        model: "extractive",
        results: several.then_some(results),
    }))
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatBody {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// Where it is from.
    platform: String,
    /// How many messages it has.
    message_count: i64,
    /// How many tokens they have.
    token_count: i64,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Whether it is pinned.
    pinned: bool,
}

impl From<Conversation> for ChatBody {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            title: conversation.title,
            platform: conversation.platform,
            message_count: conversation.message_count,
            token_count: conversation.token_count,
            created_at: conversation.created_at.rfc3339(),
            updated_at: conversation.updated_at.rfc3339(),
            pinned: conversation.is_pinned,
        }
    }
}

/// A page of conversations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatsResponse {
    /// Latest changed first.
    items: Vec<ChatBody>,
    /// From 1.
    page: i64,
    /// How many to a page.
    page_size: i64,
    /// How many conversations there are.
    total: i64,
    /// How many pages.
    total_pages: i64,
}

/// List conversations
#[utoipa::path(
    get, path = "/api/chat-history/chats", operation_id = "ListConversations", tag = "history",
    params(
        ("page" = Option<i64>, Query, minimum = 1, description = "From 1"),
        ("pageSize" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 without it"),
        ("provider" = Option<String>, Query, description = "Only of this platform; all for any"),
        ("title" = Option<String>, Query, description = "With this in the title"),
        ("dateFrom" = Option<super::openapi::TimeParam>, Query, description = "Begun at or after"),
        ("dateTo" = Option<super::openapi::TimeParam>, Query, description = "Begun at or before"),
        ("pinnedOnly" = Option<bool>, Query, description = "Only pinned ones"),
    ),
    responses((status = 200, description = "The page", body = ChatsResponse)),
)]
pub(super) async fn chats(State(app): State<App>, Auth(caller): Auth, params: Params) -> Result<Json<ChatsResponse>> {
    let page = params.number("page", 1)?.unwrap_or(1);
    let page_size = params.number("pageSize", 1)?.unwrap_or(25).min(100);
    // A date stands for all of its day.
    let to = params.time("dateTo")?.map(|to| {
        let is_date = params.text("dateTo").is_some_and(|text| text.trim().len() == 10);
        if is_date { to.plus_days(1) } else { Micros(to.0.saturating_add(1)) }
    });
    let list = List {
        platform: platform(params.text("provider").map(str::to_owned)),
        title: params.text("title").map(str::to_owned),
        from: params.time("dateFrom")?,
        to,
        is_pinned: params.truth("pinnedOnly")?,
        skip: (page - 1).saturating_mul(page_size),
        limit: page_size,
    };
    let (items, total) = read::list(&app, &caller, list).await?;
    let items = items.into_iter().map(ChatBody::from).collect();
    Ok(Json(ChatsResponse { items, page, page_size, total, total_pages: (total + page_size - 1) / page_size }))
}

/// The conversations to delete.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DeleteChatsRequest {
    /// Their ids. One that is named twice counts once.
    #[schema(max_items = 10_000)]
    ids: Vec<String>,
}

/// Which were deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteChatsResponse {
    /// Their ids.
    deleted: Vec<String>,
    /// How many.
    count: usize,
    /// Every other distinct id.
    failed: usize,
}

/// Delete conversations, all in one transaction
#[utoipa::path(
    delete, path = "/api/chat-history/chats", operation_id = "DeleteConversations", tag = "history",
    params(
        ("purge" = Option<bool>, Query, description = "Beyond recovery, instead of to the trash"),
        ("exclude" = Option<bool>, Query, description = "Beyond recovery, and never taken in again"),
    ),
    request_body = DeleteChatsRequest,
    responses(
        (status = 200, description = "Counted and gone", body = DeleteChatsResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
    ),
)]
pub(super) async fn delete_chats(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    Body(body): Body<DeleteChatsRequest>,
) -> Result<(HeaderMap, Json<DeleteChatsResponse>)> {
    let to = match (params.truth("exclude")?, params.truth("purge")?) {
        (true, _) => To::Exclusion,
        (false, true) => To::Nothing,
        (false, false) => To::Trash,
    };
    let deleted = delete::delete(&app, &caller, body.ids, to).await?;
    let headers = receipt_headers(&deleted)?;
    let (count, failed) = (deleted.ids.len(), deleted.failed);
    Ok((headers, Json(DeleteChatsResponse { deleted: deleted.ids, count, failed })))
}

/// A conversation with what was said in it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationResponse {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// The messages, in order.
    messages: Vec<MessageBody>,
    /// How many.
    total: usize,
    /// Its id at its platform.
    platform_conversation_id: String,
    /// Its platform.
    source_id: String,
    /// How many tokens the messages have.
    token_count: i64,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageBody {
    /// Its place, from 0.
    message_index: usize,
    /// Who said it.
    sender: &'static str,
    /// What was said.
    text: String,
    /// When.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
}

/// Get a conversation with its messages
#[utoipa::path(
    get, path = "/api/chat-history/conversation", operation_id = "GetConversation", tag = "history",
    params(("conversationId" = String, Query, description = "The conversation's id")),
    responses(
        (status = 200, description = "The conversation", body = ConversationResponse),
        (status = 404, description = "No such conversation", body = ErrorResponse),
    ),
)]
pub(super) async fn conversation(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Json<ConversationResponse>> {
    let id =
        params.text("conversationId").ok_or_else(|| Error::invalid("The parameter 'conversationId' is missing."))?;
    let (conversation, messages) = read::get(&app, &caller, id).await?;
    let message = |(message_index, message): (usize, Message)| MessageBody {
        message_index,
        sender: sender(message.role),
        text: message.text,
        timestamp: message.created_at.map(Micros::rfc3339),
    };
    Ok(Json(ConversationResponse {
        id: conversation.id,
        title: conversation.title,
        total: messages.len(),
        messages: messages.into_iter().enumerate().map(message).collect(),
        platform_conversation_id: conversation.platform_id,
        source_id: conversation.platform,
        token_count: conversation.token_count,
    }))
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountResponse {
    /// Conversations.
    count: i64,
}

/// Count conversations
#[utoipa::path(
    get, path = "/api/chat-history/count", operation_id = "CountConversations", tag = "history",
    responses((status = 200, description = "How many", body = CountResponse)),
)]
pub(super) async fn count(State(app): State<App>, Auth(caller): Auth) -> Result<Json<CountResponse>> {
    Ok(Json(CountResponse { count: read::count(&app, &caller).await? }))
}
