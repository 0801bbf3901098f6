//! `commonplace mcp`.

use std::process::ExitCode;

use rmcp::ServiceExt;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::stdio_pipes;

use super::serve::{Chores, first_account, start_log, told_to_stop};
use crate::app::App;
use crate::auth::{Caller, ops as auth};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::mcp::{Tools, proxy};
use crate::search;

pub(super) async fn run(config: Config, user: Option<String>) -> Result<ExitCode> {
    start_log(&config)?;
    if let Some(remote) = proxy::Remote::from_environment()? {
        let (input, output) = stdio_pipes();
        return proxy::run(&remote, config.max_body_bytes, input, output).await.map(|()| ExitCode::SUCCESS);
    }
    let app = App::open(config, Clock::default()).await?;
    first_account(&app).await?;
    let account = auth::account(&app, user.as_deref()).await?.id;
    search::load_beside(&app, search::Corpus::Memories, account);
    let chores = Chores::begin(&app);
    let served = serve(&app, Tools::for_one(app.clone(), Caller::operator(account))).await;
    chores.end().await;
    app.db.close().await;
    served.map(|()| ExitCode::SUCCESS)
}

/// Answers until the client closes the input or the process is told to end.
async fn serve(app: &App, tools: Tools) -> Result<()> {
    let stop = told_to_stop()?;
    let (input, output) = stdio_pipes();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(app.config.max_body_bytes);
    let serving = async {
        match tools.serve(transport).await {
            Ok(service) => service.waiting().await.map(drop).map_err(Error::internal),
            // A client that goes away before it said anything did nothing wrong.
            Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(Error::invalid(format!("The client does not speak MCP: {error}."))),
        }
    };
    tokio::select! {
        served = serving => served,
        () = stop => Ok(()),
    }
}
