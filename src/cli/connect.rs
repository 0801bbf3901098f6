//! `commonplace connect`: how a client gets to its memory.
//!
//! A client either runs `commonplace mcp` itself, or speaks to a server over
//! HTTP. Most keep their MCP servers in a JSON file, which `--write` edits in
//! place: the entry is spliced into the text, so that all else in the file
//! stays byte for byte as it was. Clients that have a command of their own for
//! this, or no file at all, get the command or the steps printed.

mod json;

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::print;
use crate::address::MCP_PATH;
use crate::error::{Error, Result};

/// What every client calls this server.
const NAME: &str = "commonplace";

/// Which client to connect, and to what.
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The client
    #[arg(value_enum)]
    client: Client,
    /// URL of a server to connect to over HTTP; without it the client runs this program on the local data
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<String>,
    /// API token to send to that server; without it the client signs in
    #[arg(long, value_name = "TOKEN", requires = "url", value_parser = token)]
    token: Option<String>,
    /// Write into the client's configuration file instead of saying what to do
    #[arg(long)]
    write: bool,
}

/// The clients that this program knows how to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Client {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    Vscode,
    Codex,
    Chatgpt,
    ClaudeWeb,
    /// Any client that can only run a program, by way of mcp-remote
    McpRemote,
}

/// What the client is to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    /// The data of this machine, opened by this program with these arguments.
    Local { args: Vec<String> },
    /// A server, by its base URL, with an API token or by signing in.
    Remote { base: String, token: Option<String> },
}

/// Where the clients of this machine keep their settings.
#[derive(Debug)]
struct Places {
    program: String,
    home: PathBuf,
    config: PathBuf,
    claude_desktop: PathBuf,
}

/// One server in a client's JSON file, its fields in the order in which people
/// write them.
#[derive(Debug)]
struct Entry(Vec<(&'static str, Value)>);

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What there is to do for a client.
#[derive(Debug)]
enum Plan {
    /// An entry in the object `section` of `file`, and what to do then.
    File { file: PathBuf, section: &'static str, entry: Entry, then: &'static str },
    /// Something that only the user can do.
    Steps(String),
}

/// Prints what to do, or does it.
///
/// # Errors
/// [`Error::Invalid`] where the client can't be connected like this, or where
/// its file can't be read or written or is not plain JSON; the file is then
/// as it was.
pub(super) fn run(args: &Connect, data_dir: Option<&Path>, config: Option<&Path>) -> Result<ExitCode> {
    let server = match &args.url {
        Some(base) => Server::Remote { base: base.clone(), token: args.token.clone() },
        None => Server::Local { args: local_arguments(data_dir, config)? },
    };
    let mut out = match plan(args.client, &server, &Places::of_this_machine()?)? {
        Plan::File { file, section, entry, then } if args.write => {
            format!("{} {then}\n", write(&file, section, &entry)?)
        }
        Plan::File { file, section, entry, then } => format!(
            "Merge this into {}, or let the option --write do it:\n\n{}\n{then}\n",
            file.display(),
            json::merged("", section, NAME, &entry)?
        ),
        Plan::Steps(steps) if args.write => {
            format!("Nothing was written: this is for you to do.\n\n{steps}")
        }
        Plan::Steps(steps) => steps,
    };
    if let Some(note) = note(&server, std::env::vars_os().map(|(name, _)| name)) {
        out = format!("{out}\n{note}\n");
    }
    print(&out)
}

impl Places {
    fn of_this_machine() -> Result<Self> {
        let dirs = directories::BaseDirs::new().ok_or_else(|| Error::invalid("This user has no home folder."))?;
        let program = std::env::current_exe()
            .map_err(|error| Error::invalid(format!("The path of this program can't be found out: {error}.")))?;
        // From Microsoft's store format the app sees a roaming folder of its own.
        let package = dirs.data_local_dir().join("Packages").join("Claude_pzs8sxrjxfjjc");
        let claude_desktop = if cfg!(windows) && package.is_dir() {
            package.join("LocalCache").join("Roaming").join("Claude")
        } else {
            dirs.config_dir().join("Claude")
        };
        let (home, config) = (dirs.home_dir().to_owned(), dirs.config_dir().to_owned());
        Ok(Self { program: utf8(&program)?, home, config, claude_desktop })
    }
}

/// The arguments that make this program, wherever a client starts it, open
/// the data that it would open here.
fn local_arguments(data_dir: Option<&Path>, config: Option<&Path>) -> Result<Vec<String>> {
    let from_environment = std::env::var_os("COMMONPLACE_DATA_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let mut args = vec!["mcp".to_owned()];
    for (flag, path) in [("--data-dir", data_dir.or(from_environment.as_deref())), ("--config", config)] {
        if let Some(path) = path {
            let path = std::path::absolute(path)
                .map_err(|error| Error::invalid(format!("{flag} {} is no path: {error}.", path.display())))?;
            args.extend([flag.to_owned(), utf8(&path)?]);
        }
    }
    Ok(args)
}

fn utf8(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::invalid(format!("The path {} is not Unicode, which no client's settings can hold.", path.display()))
    })
}

fn plan(client: Client, server: &Server, places: &Places) -> Result<Plan> {
    let file = |file, section, entry, then| Ok(Plan::File { file, section, entry, then });
    let steps = match client {
        Client::ClaudeDesktop => {
            let (entry, then) = match server {
                Server::Remote { base, token: None } => (
                    through_mcp_remote(base, None),
                    "Then quit and start Claude Desktop, which opens the browser for you to sign in. The entry runs \
                     mcp-remote, which needs Node.js; a server with a public https URL can be added under Settings, \
                     Connectors instead, without it.",
                ),
                _ => (run_program(server, places), "Then quit and start Claude Desktop."),
            };
            return file(places.claude_desktop.join("claude_desktop_config.json"), "mcpServers", entry, then);
        }
        Client::Cursor => {
            let then = "Then switch commonplace on in Cursor's settings for MCP; it asks you to sign in if it has to.";
            return file(places.home.join(".cursor").join("mcp.json"), "mcpServers", native(server, places), then);
        }
        Client::Vscode => {
            let then = "Then run 'MCP: List Servers' from the Command Palette and start commonplace. \
                        (A profile other than the default one has an mcp.json of its own: 'MCP: Open User \
                        Configuration' opens it.)";
            let mut entry = native(server, places);
            let kind = if matches!(server, Server::Local { .. }) { "stdio" } else { "http" };
            entry.0.insert(0, ("type", kind.into()));
            return file(places.config.join("Code").join("User").join("mcp.json"), "servers", entry, then);
        }
        Client::ClaudeCode => claude_code(server, places),
        Client::Codex => codex(server, places),
        Client::McpRemote => {
            let Server::Remote { base, token } = server else {
                return Err(Error::invalid("mcp-remote connects to a server over HTTP; name it with --url URL."));
            };
            let entry = json::merged("", "mcpServers", NAME, &through_mcp_remote(base, token.as_deref()))?;
            format!(
                "mcp-remote is a bridge for clients that can only run a program; it needs Node.js. Put this where \
                 your client keeps its MCP servers:\n\n{entry}"
            )
        }
        Client::Chatgpt => format!(
            "In ChatGPT on the web:\n\
             1. Open Settings, Apps, Advanced settings, and switch Developer mode on.\n\
             2. Choose Create app. Name: {NAME}. Authentication: OAuth. MCP server URL: {}\n\
             3. Create it, sign in on the page of your server that opens, and allow the access.\n\
             4. In a chat choose +, More, Developer mode, and switch {NAME} on.\n",
            public(server, "ChatGPT")?
        ),
        Client::ClaudeWeb => format!(
            "On claude.ai (what you add there is in the apps, too):\n\
             1. Open Settings, Connectors (or Customize, Connectors), and choose Add custom connector.\n\
             2. Leave the advanced settings empty. Name: {NAME}. URL: {}\n\
             3. Choose Connect, sign in on the page of your server that opens, and allow the access.\n\
             4. In a chat, switch {NAME} on in the menu of tools.\n",
            public(server, "Claude on the web")?
        ),
    };
    Ok(Plan::Steps(steps))
}

fn endpoint(base: &str) -> String {
    format!("{base}{MCP_PATH}")
}

/// The endpoint of a server that a service on the internet is to reach.
fn public(server: &Server, client: &str) -> Result<String> {
    match server {
        Server::Remote { base, .. } if base.starts_with("https://") && !is_loopback(base) => Ok(endpoint(base)),
        _ => Err(Error::invalid(format!("{client} reaches a server over the internet: --url https://… is needed."))),
    }
}

fn native(server: &Server, places: &Places) -> Entry {
    let Server::Remote { base, token } = server else { return run_program(server, places) };
    let headers = token.iter().map(|token| ("headers", json!({ "Authorization": format!("Bearer {token}") })));
    Entry([("url", endpoint(base).into())].into_iter().chain(headers).collect())
}

/// Runs this program, which opens the local data or passes on to a server.
fn run_program(server: &Server, places: &Places) -> Entry {
    let command = ("command", places.program.clone().into());
    match server {
        Server::Local { args } => Entry(vec![command, ("args", json!(args))]),
        Server::Remote { base, token } => {
            let env = json!({ "COMMONPLACE_URL": base, "COMMONPLACE_TOKEN": token });
            Entry(vec![command, ("args", json!(["mcp"])), ("env", env)])
        }
    }
}

/// The token is in the environment, and no argument has a space: some clients
/// on Windows take arguments of npx apart at spaces (README of mcp-remote).
fn through_mcp_remote(base: &str, token: Option<&str>) -> Entry {
    let mut args = vec!["-y".to_owned(), "mcp-remote".to_owned(), endpoint(base)];
    if base.starts_with("http://") && !matches!(host(base), "localhost" | "127.0.0.1") {
        args.push("--allow-http".to_owned());
    }
    if token.is_some() {
        args.extend(["--header".to_owned(), "Authorization:${AUTH_HEADER}".to_owned()]);
    }
    let env = token.iter().map(|token| ("env", json!({ "AUTH_HEADER": format!("Bearer {token}") })));
    Entry([("command", "npx".into()), ("args", json!(args))].into_iter().chain(env).collect())
}

fn claude_code(server: &Server, places: &Places) -> String {
    let (command, then) = match server {
        Server::Local { args } => (
            command_line("claude mcp add --scope user --transport stdio commonplace --", &run_with(args, places)),
            "Look at it with 'claude mcp list'.",
        ),
        Server::Remote { base, token } => {
            // The option takes any number of values, so it has to be the last.
            let header = token.iter().flat_map(|token| ["--header".into(), format!("Authorization: Bearer {token}")]);
            let words: Vec<_> = [endpoint(base)].into_iter().chain(header).collect();
            let then = match token {
                Some(_) => "Look at it with 'claude mcp list'.",
                None => "Then type /mcp in Claude Code, choose commonplace and Authenticate.",
            };
            (command_line("claude mcp add --scope user --transport http commonplace", &words), then)
        }
    };
    format!(
        "Claude Code has a command for this:\n\n  {command}\n\n{then}\n\
         If it has a {NAME} already, take that out before: claude mcp remove --scope user {NAME}\n"
    )
}

fn codex(server: &Server, places: &Places) -> String {
    let look = "Look at it with 'codex mcp list'.";
    let (command, then) = match server {
        Server::Local { args } => (command_line("codex mcp add commonplace --", &run_with(args, places)), look.into()),
        Server::Remote { base, token } => {
            let command = command_line("codex mcp add commonplace --url", &[endpoint(base)]);
            let assign = if cfg!(windows) { "setx COMMONPLACE_TOKEN " } else { "export COMMONPLACE_TOKEN=" };
            match token {
                Some(token) => (
                    format!("{command} --bearer-token-env-var COMMONPLACE_TOKEN"),
                    format!(
                        "Codex reads the token from the environment whenever it starts, so set it for good, such as \
                         in your shell's profile:\n\n  {assign}{token}\n\n{look}"
                    ),
                ),
                None => {
                    (command, "It opens the browser for you to sign in; if not: codex mcp login commonplace".into())
                }
            }
        }
    };
    format!("Codex has a command for this:\n\n  {command}\n\n{then}\n")
}

fn run_with(args: &[String], places: &Places) -> Vec<String> {
    [&places.program].into_iter().chain(args).cloned().collect()
}

/// What someone should know beside the steps.
fn note<N: AsRef<OsStr>>(server: &Server, variables: impl Iterator<Item = N>) -> Option<String> {
    if let Server::Remote { base, .. } = server {
        let open = base.starts_with("http://") && !is_loopback(base);
        let note = "Note: this URL is not https, so anyone on the way can read the memories and the credential.";
        return open.then(|| note.to_owned());
    }
    let elsewhere = ["COMMONPLACE_DATA_DIR", "COMMONPLACE_CONFIG", "COMMONPLACE_URL", "COMMONPLACE_TOKEN"];
    let mut lost: Vec<String> = variables
        .filter_map(|name| name.as_ref().to_str().map(str::to_owned))
        .filter(|name| name.starts_with("COMMONPLACE_") && !elsewhere.contains(&name.as_str()))
        .collect();
    lost.sort();
    let note = "Note: the client won't have this shell's variables. Put into the configuration file what these say:";
    (!lost.is_empty()).then(|| format!("{note} {}.", lost.join(", ")))
}

/// The base URL in what was given, which may name the endpoint.
fn base_url(given: &str) -> Result<String, String> {
    let base = given.trim_end_matches('/');
    let base = base.strip_suffix(MCP_PATH).unwrap_or(base).trim_end_matches('/');
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    match rest {
        Some(rest) if !host(base).is_empty() && rest.chars().all(plain) => Ok(base.to_owned()),
        _ => Err("give the server's URL, such as https://memory.example.com".to_owned()),
    }
}

fn token(given: &str) -> Result<String, String> {
    if !given.is_empty() && given.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c)) {
        Ok(given.to_owned())
    } else {
        Err("that is no token; 'commonplace token create NAME' makes one".to_owned())
    }
}

/// The host of a URL, without its port.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_loopback(url: &str) -> bool {
    let host = host(url);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What begins a command as it is, and more words of it, for a shell of this system.
fn command_line(begin: &str, words: &[String]) -> String {
    words.iter().fold(begin.to_owned(), |line, word| format!("{line} {}", quoted(word, cfg!(windows))))
}

/// A word for a POSIX shell or, in double quotes, for those of Windows.
fn quoted(word: &str, windows: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@".contains(c) || (windows && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if windows {
        // Backslashes before the closing quote would take its meaning.
        let last = "\\".repeat(word.len() - word.trim_end_matches('\\').len());
        format!("\"{}{last}\"", word.replace('"', "\\\""))
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Puts the entry into the file and says what became of it.
fn write(file: &Path, section: &str, entry: &Entry) -> Result<String> {
    let fails = |error: std::io::Error| Error::invalid(format!("{} can't be written: {error}.", file.display()));
    // A link stays one; what it leads to is replaced.
    let target = if_there(fs::canonicalize(file)).map_err(fails)?.unwrap_or_else(|| file.to_owned());
    let old = if_there(fs::read_to_string(&target))
        .map_err(|error| Error::invalid(format!("{} can't be read: {error}.", file.display())))?;
    let new = json::merged(old.as_deref().unwrap_or_default(), section, NAME, entry).map_err(|error| {
        Error::invalid(format!(
            "{} was left as it is. {error} Add the entry by hand; without --write this command shows it.",
            file.display()
        ))
    })?;
    if old.as_deref() == Some(&new) {
        return Ok(format!("{} has this entry already.", file.display()));
    }
    replace(&target, &new).map_err(fails)?;
    Ok(format!("Wrote {}.", file.display()))
}

/// What is not there is none.
fn if_there<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Replaces the file whole or not at all, with the permissions it had. A new
/// one is its owner's alone, since it may hold a token.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&beside)?;
    let done = (|| {
        out.write_all(text.as_bytes())?;
        if let Some(old) = if_there(fs::metadata(file))? {
            out.set_permissions(old.permissions())?;
        }
        out.sync_all()?;
        fs::rename(&beside, file)
    })();
    if done.is_err() {
        // What went wrong first is what matters.
        let _ = fs::remove_file(&beside);
    }
    done
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(text: &str, section: &str, entry: &Entry) -> Result<String> {
        json::merged(text, section, NAME, entry)
    }

    fn places() -> Places {
        Places {
            program: "/opt/my tools/commonplace".into(),
            home: "/home/ann".into(),
            config: "/home/ann/.config".into(),
            claude_desktop: "/home/ann/.config/Claude".into(),
        }
    }

    fn local() -> Server {
        Server::Local { args: vec!["mcp".into(), "--data-dir".into(), "/srv/ann's".into()] }
    }

    fn remote(token: Option<&str>) -> Server {
        Server::Remote { base: "https://m.example".into(), token: token.map(str::to_owned) }
    }

    fn entry() -> Entry {
        native(&remote(Some("cmpl_x")), &places())
    }

    fn steps(client: Client, server: &Server) -> String {
        match plan(client, server, &places()) {
            Ok(Plan::Steps(steps)) => steps,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    #[cfg(unix)]
    fn each_client_gets_its_own_file_and_form() {
        let program = "/opt/my tools/commonplace";
        let run = json!({"command": program, "args": ["mcp", "--data-dir", "/srv/ann's"]});
        let mut typed = run.clone();
        typed["type"] = json!("stdio");
        let url = "https://m.example/api/mcp/mcp";
        let headers = json!({"Authorization": "Bearer cmpl_x"});
        let proxy = json!({"command": program, "args": ["mcp"],
            "env": {"COMMONPLACE_URL": "https://m.example", "COMMONPLACE_TOKEN": "cmpl_x"}});
        let bridge = json!({"command": "npx", "args": ["-y", "mcp-remote", url]});
        let desktop = "/home/ann/.config/Claude/claude_desktop_config.json";
        let (cursor, code) = ("/home/ann/.cursor/mcp.json", "/home/ann/.config/Code/User/mcp.json");
        let token = remote(Some("cmpl_x"));
        for (client, server, file, section, entry) in [
            (Client::ClaudeDesktop, local(), desktop, "mcpServers", run.clone()),
            (Client::ClaudeDesktop, token.clone(), desktop, "mcpServers", proxy),
            (Client::ClaudeDesktop, remote(None), desktop, "mcpServers", bridge),
            (Client::Cursor, local(), cursor, "mcpServers", run),
            (Client::Cursor, token.clone(), cursor, "mcpServers", json!({"url": url, "headers": headers})),
            (Client::Cursor, remote(None), cursor, "mcpServers", json!({"url": url})),
            (Client::Vscode, local(), code, "servers", typed),
            (Client::Vscode, token, code, "servers", json!({"type": "http", "url": url, "headers": headers})),
            (Client::Vscode, remote(None), code, "servers", json!({"type": "http", "url": url})),
        ] {
            let Ok(Plan::File { file: to, section: within, entry: with, .. }) = plan(client, &server, &places()) else {
                panic!("{client:?} has a file");
            };
            let said = (to.display().to_string(), within, json!(with));
            assert_eq!(said, (file.to_owned(), section, entry), "{client:?} {server:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn clients_with_a_command_of_their_own_get_it_with_every_word_quoted() {
        let code = steps(Client::ClaudeCode, &local());
        let tail = r"commonplace -- '/opt/my tools/commonplace' mcp --data-dir '/srv/ann'\''s'";
        assert!(code.contains(&format!("claude mcp add --scope user --transport stdio {tail}\n")), "{code}");
        let code = steps(Client::ClaudeCode, &remote(Some("cmpl_x")));
        let add = "claude mcp add --scope user --transport http commonplace https://m.example/api/mcp/mcp";
        assert!(code.contains(&format!("{add} --header 'Authorization: Bearer cmpl_x'\n")), "{code}");
        let code = steps(Client::ClaudeCode, &remote(None));
        assert!(code.contains(&format!("{add}\n")) && code.contains("/mcp in Claude Code"), "{code}");
        let codex = steps(Client::Codex, &local());
        assert!(codex.contains(&format!("codex mcp add {tail}\n")), "{codex}");
        let codex = steps(Client::Codex, &remote(Some("cmpl_x")));
        let add = "codex mcp add commonplace --url https://m.example/api/mcp/mcp";
        assert!(codex.contains(&format!("{add} --bearer-token-env-var COMMONPLACE_TOKEN\n")), "{codex}");
        assert!(codex.contains("export COMMONPLACE_TOKEN=cmpl_x\n"), "{codex}");
        let codex = steps(Client::Codex, &remote(None));
        assert!(codex.contains(&format!("{add}\n")) && codex.contains("codex mcp login commonplace"), "{codex}");
    }

    #[test]
    fn services_on_the_internet_take_a_public_https_url_only() {
        for client in [Client::Chatgpt, Client::ClaudeWeb] {
            assert!(steps(client, &remote(None)).contains("https://m.example/api/mcp/mcp\n"));
            let refused = ["http://m.example", "https://localhost:8787", "https://127.0.0.1", "https://[::1]:1"];
            let refused = refused.map(|base| Server::Remote { base: base.into(), token: None });
            for server in [local()].iter().chain(&refused) {
                assert!(matches!(plan(client, server, &places()), Err(Error::Invalid(_))), "{server:?}");
            }
        }
    }

    #[test]
    fn mcp_remote_has_the_token_in_its_environment_and_no_space_in_an_argument() {
        assert!(matches!(plan(Client::McpRemote, &local(), &places()), Err(Error::Invalid(_))));
        for (base, allow) in [("https://m.example", false), ("http://127.0.0.1:8787", false), ("http://nas", true)] {
            let entry = json!(through_mcp_remote(base, Some("cmpl_x")));
            let args: Vec<_> = entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
            assert_eq!(args.contains(&"--allow-http"), allow, "{base}");
            assert!(!args.iter().any(|arg| arg.contains(' ') || arg.contains("cmpl_x")), "{args:?}");
            assert_eq!(entry["env"]["AUTH_HEADER"], "Bearer cmpl_x");
        }
    }

    #[test]
    fn a_url_may_name_the_endpoint_and_must_be_one() {
        for given in ["https://m.example", "https://m.example/", "https://m.example/api/mcp/mcp/"] {
            assert_eq!(base_url(given).as_deref(), Ok("https://m.example"), "{given}");
        }
        assert_eq!(base_url("http://[::1]:8787").as_deref(), Ok("http://[::1]:8787"));
        for bad in ["", "m.example", "ftp://m", "https://", "https://:80", "https://a b", "https://u@h", "h?x"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
        assert!(token("cmpl_aB3-x").is_ok() && token("").is_err() && token("a b").is_err() && token("a\"").is_err());
    }

    #[test]
    fn what_a_client_would_not_know_is_said_by_name() {
        let variables = ["PATH", "COMMONPLACE_DATABASE_URL", "COMMONPLACE_DATA_DIR"];
        let said = note(&local(), variables.iter()).unwrap();
        assert!(said.ends_with("COMMONPLACE_DATABASE_URL."), "{said}");
        assert_eq!(note(&local(), ["PATH"].iter()), None);
        let server = |base: &str| Server::Remote { base: base.into(), token: None };
        assert!(note(&server("http://nas:8787"), variables.iter()).unwrap().contains("not https"));
        assert_eq!(note(&server("http://[::1]:8787"), variables.iter()), None);
        assert_eq!(note(&remote(None), variables.iter()), None);
    }

    #[test]
    fn the_entry_is_laid_out_as_the_file_is() {
        let file = "{\r\n\t\"z\": 1.50,\r\n\t\"mcpServers\": {\r\n\t\t\"b\": {\"a\":[ ]}\r\n\t}\r\n}";
        let wanted = "{\r\n\t\"z\": 1.50,\r\n\t\"mcpServers\": {\r\n\t\t\"b\": {\"a\":[ ]},\r\n\t\t\"commonplace\": \
            {\r\n\t\t\t\"url\": \"https://m.example/api/mcp/mcp\",\r\n\t\t\t\"headers\": {\r\n\t\t\t\t\
            \"Authorization\": \"Bearer cmpl_x\"\r\n\t\t\t}\r\n\t\t}\r\n\t}\r\n}";
        assert_eq!(merged(file, "mcpServers", &entry()).unwrap(), wanted);
    }

    #[test]
    fn what_is_not_plain_json_is_refused_with_the_place() {
        let refused = |text: &str| merged(text, "servers", &entry()).expect_err(text).to_string();
        let message = refused("{\n  // mine\n  \"servers\": {}\n}");
        assert!(message.contains("comments") && message.contains("line 2 column 3"), "{message}");
        assert!(refused("{\"servers\": {},}").contains("line 1 column 16"));
        assert!(refused("[]").contains("no JSON object"));
        assert!(refused("{\"servers\": null}").contains("\"servers\""));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        let text = r#"{"s": {"x": 1}, "s": {"commonplace": 1, "commonplace": {"old": 2}}}"#;
        let new: Value = serde_json::from_str(&merged(text, "s", &entry()).unwrap()).unwrap();
        assert_eq!(new, json!({"s": {"commonplace": entry()}}));
    }

    #[test]
    fn a_file_is_replaced_whole_keeps_its_mode_or_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/mcp.json");
        assert!(write(&file, "servers", &entry()).unwrap().starts_with("Wrote"));
        let first = fs::read_to_string(&file).unwrap();
        assert!(write(&file, "servers", &entry()).unwrap().contains("already"));
        assert_eq!(fs::read_to_string(&file).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt as _, symlink};
            let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&file), 0o600);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            let link = folder.path().join("link.json");
            symlink(&file, &link).unwrap();
            write(&link, "others", &entry()).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().contains("\"others\"")), (0o640, true));
        }
        fs::write(&file, "{ // mine\n}").unwrap();
        let message = write(&file, "servers", &entry()).unwrap_err().to_string();
        assert!(message.contains("mcp.json was left as it is") && message.contains("by hand"), "{message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{ // mine\n}");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "a temporary file was left");
    }

    fn any_object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        let object = |inner| {
            let key = prop_oneof![Just("servers".to_owned()), Just(NAME.to_owned()), "[a-c\"\\\\{},:]{0,3}"];
            proptest::collection::hash_map(key, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
        };
        let array = |inner| proptest::collection::vec(inner, 0..4).prop_map(Value::from);
        object(
            leaf.prop_recursive(3, 24, 4, move |inner| prop_oneof![2 => object(inner.clone()), 1 => array(inner)])
                .boxed(),
        )
    }

    proptest! {
        #[test]
        fn merging_sets_the_entry_and_nothing_else(file in any_object(), pretty: bool) {
            let text = if pretty { format!("{file:#}") } else { file.to_string() };
            if file.get("servers").is_some_and(|servers| !servers.is_object()) {
                prop_assert!(merged(&text, "servers", &entry()).is_err());
                return Ok(());
            }
            let new = merged(&text, "servers", &entry()).unwrap();
            let mut wanted = file.clone();
            wanted["servers"][NAME] = json!(entry());
            prop_assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), wanted);
            prop_assert_eq!(&merged(&new, "servers", &entry()).unwrap(), &new);
            if file["servers"].get(NAME).is_none() {
                let head = text.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
                let tail = text.bytes().rev().zip(new.bytes().rev()).take_while(|(old, new)| old == new).count();
                prop_assert!(head + tail >= text.len(), "{} became {}", text, new);
            }
        }

        #[test]
        #[cfg(unix)]
        fn a_shell_reads_a_quoted_word_as_it_was(word in "[^\0]{0,12}") {
            let script = command_line("printf %s", std::slice::from_ref(&word));
            let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
