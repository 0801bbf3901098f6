//! `commonplace serve`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::print;
use crate::address::Addresses;
use crate::app::App;
use crate::auth::{Account, Scopes, oauth, ops as auth, session};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::{history, http, mcp, memory, overview, search, web};

/// Name of the account made at the first start.
const OWNER: &str = "owner";
/// How often the trash is looked at.
const HOUSEKEEPING: Duration = Duration::from_mins(1);

pub(super) async fn run(config: Config) -> Result<ExitCode> {
    start_log(&config)?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Error::Conflict(format!("Can't listen on {}: {error}. Choose another with --listen ADDR:PORT.", config.listen))
    })?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let app = App::open(config, Clock::default()).await?;
    let addresses = Addresses::new(&app.config, address);
    let url = addresses.base().to_owned();
    let place = app.config.place();
    let token = first_token(&app).await?;
    let mut said = format!("commonplace is ready at {url}\nData: {place}\n");
    if let Some(link) = first_link(&app, &url).await? {
        let hours = session::link::HOURS;
        let _ = write!(
            said,
            "\nOpen this link to set your password and see your memory. It works once, within {hours} hours:\n\n  \
             {link}\n\n"
        );
    }
    if let Some(token) = token {
        let _ = write!(
            said,
            "This is the API token of your account. It is shown this once; keep it safe:\n\n  {token}\n\n\
             Try it:\n\n  curl -X POST {url}/api/memory \\\n    -H 'Authorization: Bearer {token}' \\\n    \
             -H 'Content-Type: application/json' \\\n    -d '{{\"text\": \"I take my coffee black\"}}'\n\n"
        );
    }
    let _ = writeln!(said, "Documentation: {url}/docs");
    print(&said)?;
    let router = router(app.clone(), addresses)?;
    let chores = Chores::begin(&app);
    http::serve(listener, router, &app.config, told_to_stop()?).await;
    tracing::info!("stopping");
    chores.end().await;
    app.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Everything that is served over HTTP.
///
/// # Errors
/// As [`http::router`].
pub fn router(app: App, addresses: Addresses) -> Result<Router> {
    let addresses = Arc::new(addresses);
    let pages = web::router(app.clone(), Arc::clone(&addresses));
    let tools = mcp::router(app.clone(), Arc::clone(&addresses));
    http::router(app, addresses, pages.merge(tools), web::no_page)
}

/// What a process does beside answering.
pub(super) struct Chores {
    app: App,
    tasks: [tokio::task::JoinHandle<()>; 3],
}

impl Chores {
    pub(super) fn begin(app: &App) -> Self {
        let housekeeping = tokio::spawn(keep_house(app.clone()));
        let embedding = tokio::spawn(search::backlog::keep_embedding(app.clone()));
        let importing = tokio::spawn(history::jobs::run::keep_importing(app.clone()));
        Self { app: app.clone(), tasks: [housekeeping, embedding, importing] }
    }

    pub(super) async fn end(self) {
        for task in self.tasks {
            task.abort();
            // It is cancelled; the storage closes only when it is.
            let _cancelled = task.await;
        }
        store_usage(&self.app).await;
    }
}

pub(super) fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::builder()
        // Every call of a tool would be a line; what the setting says of it comes later and counts.
        .parse(format!("rmcp=warn,{}", config.log))
        .map_err(|error| Error::invalid(format!("The setting log can't be read: {error}.")))?;
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    if config.log_json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}

/// Makes the owner's account and token where there is no account yet.
async fn first_token(app: &App) -> Result<Option<String>> {
    let Some(account) = first_account(app).await? else { return Ok(None) };
    let (token, _) = auth::create_token(app, account.id, "first start", Scopes::all(), None).await?;
    Ok(Some(token))
}

/// Makes a link for the owner where nobody can sign in yet.
async fn first_link(app: &App, url: &str) -> Result<Option<String>> {
    if !session::link::is_needed(app).await? {
        return Ok(None);
    }
    let owner = auth::account(app, None).await?;
    welcome_link(app, owner.id, url).await.map(Some)
}

/// Makes a link to the page on which an account's password is set.
pub(super) async fn welcome_link(app: &App, account: AccountId, url: &str) -> Result<String> {
    let secret = session::link::create(app, account).await?;
    Ok(format!("{url}/welcome?link={secret}"))
}

/// Makes the owner's account where there is no account yet.
pub(super) async fn first_account(app: &App) -> Result<Option<Account>> {
    if !auth::accounts(app).await?.is_empty() {
        return Ok(None);
    }
    match auth::create_account(app, OWNER).await {
        Ok(account) => Ok(Some(account)),
        // Another process is starting on the same data and was faster.
        Err(Error::Conflict(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn store_usage(app: &App) {
    if let Err(error) = overview::usage::store(app).await {
        tracing::error!(error = ?error, "what was counted could not be stored; trying again in a minute");
    }
}

async fn keep_house(app: App) {
    loop {
        if let Err(error) = history::delete::purge_due(&app).await {
            tracing::error!(error = ?error, "purging conversations failed; trying again in a minute");
        }
        match memory::trash::purge_due(&app).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "purged memories whose time in the trash was over"),
            Err(error) => tracing::error!(error = ?error, "purging the trash failed; trying again in a minute"),
        }
        if let Err(error) = history::jobs::run::tidy(&app).await {
            tracing::error!(error = ?error, "looking after imports failed; trying again in a minute");
        }
        store_usage(&app).await;
        if let Err(error) = search::backlog::tidy(&app).await {
            tracing::error!(error = ?error, "tidying up after changes failed; trying again in a minute");
        }
        for tidied in [oauth::tokens::tidy(&app).await, session::tidy(&app).await, history::export::tidy(&app).await] {
            if let Err(error) = tidied {
                tracing::error!(error = ?error, "removing what has expired failed; trying again in a minute");
            }
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

/// Ready when the process is asked to end.
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(error = ?error, "can't wait for Ctrl-C");
            std::future::pending::<()>().await;
        }
    })
}
