//! The handler that has what the suite asks for.
//!
//! It answers the requests of the protocol and leaves their content to the
//! modules that are named for it.
#![expect(deprecated, reason = "the suite also tests revisions in which logging had no replacement")]

use std::hash::RandomState;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, GetPromptRequestParams, GetPromptResponse,
    Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, LoggingLevel,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler, tool_handler};
use tokio::sync::watch;

use crate::{prompts, resources};

/// The first revision without sessions, and without a level of logging that lasts longer than a request.
const STATELESS: ProtocolVersion = ProtocolVersion::V_2026_07_28;

/// The handler of one session, or of one request where there are no sessions.
pub struct Fixtures {
    tools: Arc<ToolRouter<Self>>,
    /// The least severe level that the client wants logged.
    level: Mutex<LoggingLevel>,
    /// Told when the list of tools changes. Held by the handler from its start,
    /// so that no change after the start is missed.
    pub tools_changed: Change,
    /// Told when the list of prompts changes.
    pub prompts_changed: Change,
    /// The key of the seals that [`crate::rounds`] puts on states.
    pub seal: RandomState,
}

/// A change that every handler hears of.
pub struct Change {
    teller: watch::Sender<()>,
    listener: watch::Receiver<()>,
}

impl Change {
    fn new() -> Self {
        let (teller, listener) = watch::channel(());
        Self { teller, listener }
    }

    /// The same change, as heard from now on.
    fn anew(&self) -> Self {
        Self { teller: self.teller.clone(), listener: self.teller.subscribe() }
    }

    /// Tells every handler of it.
    pub fn tell(&self) {
        self.teller.send_replace(());
    }
}

impl Fixtures {
    /// The handler from which those for clients are made.
    pub fn new() -> Self {
        Self {
            tools: Arc::new(Self::plain_tools() + Self::asking_tools() + Self::round_tools()),
            level: Mutex::new(LoggingLevel::Debug),
            tools_changed: Change::new(),
            prompts_changed: Change::new(),
            seal: RandomState::new(),
        }
    }

    /// A handler that shares with this one what clients share.
    pub fn for_client(&self) -> Self {
        Self {
            tools: self.tools.clone(),
            level: Mutex::new(LoggingLevel::Debug),
            tools_changed: self.tools_changed.anew(),
            prompts_changed: self.prompts_changed.anew(),
            seal: self.seal.clone(),
        }
    }

    /// Whether the client that sent a request wants to have a message of this level.
    ///
    /// Without sessions the request itself has to say so. With them, a client
    /// that never named a level gets every message.
    pub fn logs(&self, level: LoggingLevel, context: &RequestContext<RoleServer>) -> bool {
        let least = if is_stateless(context) {
            context.meta.log_level()
        } else {
            Some(*self.level.lock().unwrap_or_else(PoisonError::into_inner))
        };
        least.is_some_and(|least| level as u8 >= least as u8)
    }
}

/// Whether a request belongs to a revision without sessions.
fn is_stateless(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= STATELESS)
}

#[tool_handler(router = self.tools)]
impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("commonplace-conformance", env!("CARGO_PKG_VERSION")))
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::all()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request)
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::all()))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&request.uri).map(ReadResourceResponse::Complete)
    }

    // The resources never change, so a subscription only has to name one that is there.
    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        resources::read(&request.uri).map(drop)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        resources::read(&request.uri).map(drop)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let is_known = request.r#ref.as_prompt_name().is_some_and(|name| prompts::all().iter().any(|p| p.name == name))
            || request.r#ref.as_resource_uri().is_some_and(|uri| uri == resources::TEMPLATE);
        if !is_known {
            return Err(ErrorData::invalid_params("there is nothing of this name to complete", None));
        }
        let typed = request.argument.value;
        let words = ["paris", "park", "party"].into_iter().filter(|word| word.starts_with(&typed));
        let values = CompletionInfo::with_all_values(words.map(String::from).collect())
            .map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(values))
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if is_stateless(&context) {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let sink = subscription.sink();
        let wants_tools = sink.accepted().tools_list_changed == Some(true);
        let wants_prompts = sink.accepted().prompts_list_changed == Some(true);
        let mut tools = self.tools_changed.listener.clone();
        let mut prompts = self.prompts_changed.listener.clone();
        loop {
            let sent = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                Ok(()) = tools.changed(), if wants_tools => sink.notify_tool_list_changed().await,
                Ok(()) = prompts.changed(), if wants_prompts => sink.notify_prompt_list_changed().await,
            };
            sent.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        }
    }
}
