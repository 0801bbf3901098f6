//! The command line.

mod connect;
mod doctor;
mod import;
mod mcp;
mod search;
mod serve;
mod watch;

pub use serve::router;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::address::Addresses;
use crate::app::App;
use crate::auth::oauth::tokens;
use crate::auth::{Account, Caller, Scope, Scopes, ops as auth, session};
use crate::clock::{Clock, Micros};
use crate::config::{Config, KEYS};
use crate::error::{Error, Result};

/// One long-term memory that you own and every AI tool you use can share.
#[derive(Debug, Parser)]
#[command(name = "commonplace", version, about, arg_required_else_help = false)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Settings that every command takes; 'commonplace config' lists all settings.
#[derive(Debug, Args)]
struct Settings {
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", env = "COMMONPLACE_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the database file
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (what happens without a command)
    Serve {
        /// Address and port to serve on
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Find memories
    Search(search::Query),
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Speak MCP on standard input and output, for AI tools that start their servers themselves
    ///
    /// With `COMMONPLACE_URL` and `COMMONPLACE_TOKEN` it passes everything on to that server, else it opens the data
    /// itself, beside a running server or without one.
    Mcp {
        /// Whose memories; the owner's without it
        #[arg(long)]
        user: Option<String>,
    },
    /// Import conversations and memories from other tools
    Import(import::Import),
    /// Follow the sessions of coding agents on this machine
    Watch(watch::Watch),
    /// Connect an AI tool to the memory
    Connect(connect::Connect),
    /// What OAuth clients were allowed
    #[command(subcommand)]
    Grant(GrantCommand),
    /// Accounts, each with memories of its own
    #[command(subcommand)]
    User(UserCommand),
    /// Check the data, its indexes, the disk and the settings; exit code 1 on a finding
    Doctor,
    /// List every setting with its value and where it comes from
    Config,
    /// Print the OpenAPI description of the API
    Openapi,
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it, alone, on standard output; it can't be shown again
    Create {
        /// What you call it, such as the tool that will use it
        name: String,
        /// Whose memories it opens; the owner's without it
        #[arg(long)]
        user: Option<String>,
        /// What it may do: read, write, admin, with commas between; everything without it,
        /// and for others than the owner 'read,write', since 'admin' sees the whole server
        #[arg(long)]
        scope: Option<String>,
        /// When it ends: a date, a time, or a span such as 90d or 12h
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List tokens, without their secrets
    List {
        /// Whose
        #[arg(long)]
        user: Option<String>,
    },
    /// End tokens, at once
    Revoke {
        /// A token's id or name
        token: String,
        /// Whose
        #[arg(long)]
        user: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum GrantCommand {
    /// List the clients that were allowed to use the memory
    List {
        /// Whose
        #[arg(long)]
        user: Option<String>,
    },
    /// End what a client was allowed, at once
    Revoke {
        /// The grant's id
        grant: String,
        /// Whose
        #[arg(long)]
        user: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; then give it a token with 'token create --user'
    Add {
        /// Its name
        name: String,
    },
    /// List the accounts
    List,
    /// Set the password for signing in, asked for on the terminal or read from standard input
    Password {
        /// Whose; the owner's without it
        name: Option<String>,
    },
    /// Make a link with which its owner sets a password, such as one that is forgotten; it works once, for a day
    Link {
        /// Whose; the owner's without it
        name: Option<String>,
    },
    /// Remove an account and everything in it, beyond recovery
    Remove {
        /// Its name
        name: String,
        /// Don't ask; needed, since there is no way back
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            let mut message = format!("commonplace: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                let _ = write!(message, "\n  because: {cause}");
                source = cause.source();
            }
            eprintln!("{message}");
            ExitCode::from(error.kind().exit)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let mut flags = Vec::new();
    if let Some(dir) = &cli.settings.data_dir {
        flags.push(("data_dir", dir.display().to_string()));
    }
    if let Some(Command::Serve { listen: Some(listen) }) = &cli.command {
        flags.push(("listen", listen.to_string()));
    }
    let load = || Config::load(cli.settings.config.as_deref(), &flags);
    match cli.command.unwrap_or(Command::Serve { listen: None }) {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "commonplace", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Config => print(&config_table(&load()?)),
        Command::Openapi => print(&crate::http::openapi::document(&load()?)?),
        Command::Serve { .. } => block_on(serve::run(load()?)),
        Command::Import(import) => block_on(import::run(load()?, import)),
        Command::Watch(watch) => block_on(watch::run(load()?, watch)),
        Command::Search(query) => block_on(search::run(load()?, query)),
        Command::Doctor => block_on(doctor::run(load()?)),
        Command::Mcp { user } => block_on(mcp::run(load()?, user)),
        Command::Connect(args) => connect::run(&args, cli.settings.data_dir.as_deref(), cli.settings.config.as_deref()),
        Command::Grant(command) => block_on(grant(load()?, command)),
        Command::Token(command) => block_on(token(load()?, command)),
        Command::User(command) => block_on(user(load()?, command)),
    }
}

fn block_on(task: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::internal)?;
    runtime.block_on(task)
}

/// Writes to standard output; a reader that has gone away is no error.
fn print(text: &str) -> Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::internal(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn config_table(config: &Config) -> String {
    let mut out = String::new();
    for (key, value, origin) in config.values() {
        let _ = writeln!(out, "{} = {}  ({origin})\n    {} [{}]", key.name, quoted(&value), key.help, key.variable());
    }
    let _ = writeln!(
        out,
        "\n{} settings; flags are stronger than the environment, which is stronger than the file.",
        KEYS.len()
    );
    out
}

fn quoted(value: &str) -> String {
    if value.parse::<u64>().is_ok() { value.to_owned() } else { format!("\"{value}\"") }
}

async fn token(config: Config, command: TokenCommand) -> Result<ExitCode> {
    let app = App::open(config.without_embedder(), Clock::default()).await?;
    let out = match command {
        TokenCommand::Create { name, user, scope, expires } => {
            let account = auth::account(&app, user.as_deref()).await?;
            let is_owner = auth::account(&app, None).await?.id == account.id;
            let scopes = match scope {
                Some(scope) => scope.parse()?,
                None if is_owner => Scopes::all(),
                None => Scopes::all().without(Scope::Admin),
            };
            let expires = expires.map(|when| expiry(&when, app.clock.now())).transpose()?;
            let (secret, _) = auth::create_token(&app, account.id, &name, scopes, expires).await?;
            format!("{secret}\n")
        }
        TokenCommand::List { user } => {
            let account = auth::account(&app, user.as_deref()).await?;
            let mut out = String::new();
            for token in auth::tokens(&app, account.id).await? {
                let time = |time: Option<Micros>| time.map_or_else(|| "never".to_owned(), Micros::rfc3339);
                let _ = writeln!(
                    out,
                    "{}  {}  cmpl_{}…  {}  made {}  expires {}  last used {}",
                    token.id,
                    token.name,
                    token.lookup,
                    token.scopes,
                    token.created_at.rfc3339(),
                    time(token.expires_at),
                    time(token.last_used_at),
                );
            }
            out
        }
        TokenCommand::Revoke { token, user } => {
            let account = auth::account(&app, user.as_deref()).await?;
            let revoked = auth::revoke_tokens(&app, account.id, &token).await?;
            format!("Revoked {revoked}.\n")
        }
    };
    app.db.close().await;
    print(&out)
}

async fn grant(config: Config, command: GrantCommand) -> Result<ExitCode> {
    let app = App::open(config.without_embedder(), Clock::default()).await?;
    let out = match command {
        GrantCommand::List { user } => {
            let caller = Caller::operator(auth::account(&app, user.as_deref()).await?.id);
            let mut out = String::new();
            for grant in tokens::grants(&app, &caller).await? {
                let used = grant.last_used_at.map_or_else(|| "never".to_owned(), Micros::rfc3339);
                let name = search::shown(&grant.client_name);
                let made = grant.created_at.rfc3339();
                let _ = writeln!(out, "{}  {name}  {}  made {made}  last used {used}", grant.id, grant.scopes);
            }
            out
        }
        GrantCommand::Revoke { grant, user } => {
            let caller = Caller::operator(auth::account(&app, user.as_deref()).await?.id);
            tokens::end_grant(&app, &caller, &grant).await?;
            "Revoked.\n".to_owned()
        }
    };
    app.db.close().await;
    print(&out)
}

/// A password: typed twice without showing on a terminal, else the first line
/// of standard input.
fn read_password() -> Result<String> {
    let unread = |error| Error::invalid(format!("The password could not be read: {error}."));
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(unread)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("New password: ").map_err(unread)?;
    if rpassword::prompt_password("The same again: ").map_err(unread)? != password {
        return Err(Error::invalid("The two passwords differ; nothing was changed."));
    }
    Ok(password)
}

fn expiry(when: &str, now: Micros) -> Result<Micros> {
    let span = |unit: char, micros: i64| when.strip_suffix(unit)?.parse::<i64>().ok()?.checked_mul(micros);
    let at = [('d', Micros::DAY), ('h', Micros::DAY / 24), ('m', Micros::DAY / 1440)]
        .into_iter()
        .find_map(|(unit, micros)| span(unit, micros))
        .and_then(|span| now.0.checked_add(span).map(Micros))
        .or_else(|| Micros::parse(when));
    match at {
        Some(at) if at > now => Ok(at),
        _ => Err(Error::invalid("--expires takes a date or time to come, or a span such as 90d, 12h or 30m.")),
    }
}

async fn user(config: Config, command: UserCommand) -> Result<ExitCode> {
    let app = App::open(config.without_embedder(), Clock::default()).await?;
    let out = match command {
        UserCommand::Add { name } => {
            let Account { name, .. } = auth::create_account(&app, &name).await?;
            format!("Made user '{name}'. Give it a token: commonplace token create NAME --user {name}\n")
        }
        UserCommand::List => {
            let mut out = String::new();
            for account in auth::accounts(&app).await? {
                let _ = writeln!(out, "{}  since {}", account.name, account.created_at.rfc3339());
            }
            out
        }
        UserCommand::Password { name } => {
            let account = auth::account(&app, name.as_deref()).await?;
            session::set_password(&app, account.id, read_password()?).await?;
            format!("The password of '{}' is set; whoever was signed in is signed out.\n", account.name)
        }
        UserCommand::Link { name } => {
            let account = auth::account(&app, name.as_deref()).await?;
            let addresses = Addresses::new(&app.config, app.config.listen);
            let link = serve::welcome_link(&app, account.id, addresses.base()).await?;
            format!(
                "Open this link to set the password of '{}'. It works once, within {} hours:\n\n  {link}\n",
                account.name,
                session::link::HOURS
            )
        }
        UserCommand::Remove { name, yes } => {
            let account = auth::account(&app, Some(&name)).await?;
            if !yes {
                return Err(Error::Conflict(format!(
                    "This erases every memory of '{name}' beyond recovery. Repeat with --yes to do it."
                )));
            }
            auth::remove_account(&app, account.id).await?;
            format!("Removed user '{name}'.\n")
        }
    };
    app.db.close().await;
    print(&out)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, expiry};
    use crate::clock::Micros;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn expiry_is_a_time_to_come() {
        let now = Micros(Micros::DAY);
        assert_eq!(expiry("2d", now).ok(), Some(Micros(3 * Micros::DAY)));
        assert_eq!(expiry("1970-01-04", now).ok(), Some(Micros(3 * Micros::DAY)));
        for bad in ["0d", "-1d", "1970-01-01", "soon", "99999999999999999d"] {
            assert!(expiry(bad, now).is_err(), "{bad}");
        }
    }
}
