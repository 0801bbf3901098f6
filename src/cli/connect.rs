//! `commonplace connect`: how a client gets to its memory.
//!
//! A client either runs `commonplace mcp` itself, or speaks to a server over
//! HTTP. Most keep their MCP servers in a JSON file, which `--write` edits in
//! place: the entry is spliced into the text, so that all else in the file
//! stays byte for byte as it was. Clients that have a command of their own for
//! this, or no file at all, get the command or the steps printed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::print;
use crate::error::{Error, Result};

/// What every client calls this server.
const NAME: &str = "commonplace";
/// Where a server answers MCP.
const ENDPOINT: &str = "/api/mcp/mcp";

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
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    #[value(name = "vscode")]
    VsCode,
    /// Codex
    Codex,
    #[value(name = "chatgpt", help = "ChatGPT on the web")]
    ChatGpt,
    /// Claude on the web
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

/// One server in a client's JSON file. The fields are in the order in which
/// people write them.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry {
    Program {
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
        command: String,
        args: Vec<String>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<&'static str, String>,
    },
    Http {
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
        url: String,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<&'static str, String>,
    },
}

/// What there is to do for a client.
#[derive(Debug)]
enum Plan {
    /// An entry in the object `section` of `file`, and what to do then.
    File { file: PathBuf, section: &'static str, entry: Entry, then: String },
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
            merged("", section, &entry)?
        ),
        Plan::Steps(steps) if args.write => {
            format!("Nothing was written, since this client keeps no file for others to edit.\n\n{steps}")
        }
        Plan::Steps(steps) => steps,
    };
    for note in notes(&server, std::env::vars_os().map(|(name, _)| name)) {
        out.push('\n');
        out.push_str(&note);
        out.push('\n');
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
        Ok(Self {
            program: utf8(&program)?,
            home: dirs.home_dir().to_owned(),
            config: dirs.config_dir().to_owned(),
            claude_desktop,
        })
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
    let file = |file: PathBuf, section, entry, then: &str| Ok(Plan::File { file, section, entry, then: then.into() });
    match client {
        Client::ClaudeDesktop => {
            let entry = match server {
                Server::Remote { base, token: None } => through_mcp_remote(base, None),
                _ => run_program(server, places, None),
            };
            let then = match server {
                Server::Remote { token: None, .. } => {
                    "Then quit and start Claude Desktop, which opens the browser for you to sign in. The entry runs \
                     mcp-remote, which needs Node.js; a server with a public https URL can be added under Settings, \
                     Connectors instead, without it."
                }
                _ => "Then quit and start Claude Desktop.",
            };
            file(places.claude_desktop.join("claude_desktop_config.json"), "mcpServers", entry, then)
        }
        Client::Cursor => {
            let then = "Then switch commonplace on in Cursor's settings for MCP; it asks you to sign in if it has to.";
            file(places.home.join(".cursor").join("mcp.json"), "mcpServers", native(server, places, [None; 2]), then)
        }
        Client::VsCode => {
            let then = "Then run 'MCP: List Servers' from the Command Palette and start commonplace. \
                        (A profile other than the default one has an mcp.json of its own: 'MCP: Open User \
                        Configuration' opens it.)";
            let entry = native(server, places, [Some("stdio"), Some("http")]);
            file(places.config.join("Code").join("User").join("mcp.json"), "servers", entry, then)
        }
        Client::ClaudeCode => Ok(Plan::Steps(claude_code(server, places))),
        Client::Codex => Ok(Plan::Steps(codex(server, places))),
        Client::McpRemote => {
            let Server::Remote { base, token } = server else {
                return Err(Error::invalid("mcp-remote connects to a server over HTTP; name it with --url URL."));
            };
            let entry = merged("", "mcpServers", &through_mcp_remote(base, token.as_deref()))?;
            Ok(Plan::Steps(format!(
                "mcp-remote is a bridge for clients that can only run a program; it needs Node.js. Put this where \
                 your client keeps its MCP servers:\n\n{entry}"
            )))
        }
        Client::ChatGpt => public(server, "ChatGPT").map(|url| {
            Plan::Steps(format!(
                "In ChatGPT on the web:\n\
                 1. Open Settings, Apps, Advanced settings, and switch Developer mode on.\n\
                 2. Choose Create app. Name: {NAME}. MCP server URL: {url}\n   Authentication: OAuth.\n\
                 3. Create it, sign in on the page of your server that opens, and allow the access.\n\
                 4. In a chat choose +, More, Developer mode, and switch {NAME} on.\n"
            ))
        }),
        Client::ClaudeWeb => public(server, "Claude on the web").map(|url| {
            Plan::Steps(format!(
                "On claude.ai (what you add there is in the apps, too):\n\
                 1. Open Settings, Connectors (or Customize, Connectors), and choose Add custom connector.\n\
                 2. Name: {NAME}. URL: {url}\n   Leave the advanced settings empty.\n\
                 3. Choose Connect, sign in on the page of your server that opens, and allow the access.\n\
                 4. In a chat, switch {NAME} on in the menu of tools.\n"
            ))
        }),
    }
}

/// The endpoint of a server that a service on the internet is to reach.
fn public(server: &Server, client: &str) -> Result<String> {
    match server {
        Server::Remote { base, .. } if base.starts_with("https://") && !is_loopback(base) => {
            Ok(format!("{base}{ENDPOINT}"))
        }
        _ => Err(Error::invalid(format!(
            "{client} reaches your server over the internet; name its public URL with --url https://…"
        ))),
    }
}

fn native(server: &Server, places: &Places, [program, http]: [Option<&'static str>; 2]) -> Entry {
    match server {
        Server::Local { .. } => run_program(server, places, program),
        Server::Remote { base, token } => Entry::Http {
            kind: http,
            url: format!("{base}{ENDPOINT}"),
            headers: token.iter().map(|token| ("Authorization", format!("Bearer {token}"))).collect(),
        },
    }
}

/// Runs this program, which opens the local data or passes on to a server.
fn run_program(server: &Server, places: &Places, kind: Option<&'static str>) -> Entry {
    let (args, env) = match server {
        Server::Local { args } => (args.clone(), BTreeMap::new()),
        Server::Remote { base, token } => {
            let token = token.iter().map(|token| ("COMMONPLACE_TOKEN", token.clone()));
            (vec!["mcp".to_owned()], [("COMMONPLACE_URL", base.clone())].into_iter().chain(token).collect())
        }
    };
    Entry::Program { kind, command: places.program.clone(), args, env }
}

/// The token is in the environment, and no argument has a space: some clients
/// on Windows take arguments of npx apart at spaces (README of mcp-remote).
fn through_mcp_remote(base: &str, token: Option<&str>) -> Entry {
    let mut args = vec!["-y".to_owned(), "mcp-remote".to_owned(), format!("{base}{ENDPOINT}")];
    if base.starts_with("http://") && !matches!(host(base), "localhost" | "127.0.0.1") {
        args.push("--allow-http".to_owned());
    }
    if token.is_some() {
        args.extend(["--header".to_owned(), "Authorization:${AUTH_HEADER}".to_owned()]);
    }
    let env = token.iter().map(|token| ("AUTH_HEADER", format!("Bearer {token}"))).collect();
    Entry::Program { kind: None, command: "npx".to_owned(), args, env }
}

fn claude_code(server: &Server, places: &Places) -> String {
    let mut command = vec!["claude", "mcp", "add", "--scope", "user", "--transport"];
    let (url, header);
    let then = match server {
        Server::Local { args } => {
            command.extend(["stdio", NAME, "--", &places.program]);
            command.extend(args.iter().map(String::as_str));
            "Look at it with 'claude mcp list'."
        }
        Server::Remote { base, token } => {
            url = format!("{base}{ENDPOINT}");
            command.extend(["http", NAME, &url]);
            // The option takes any number of values, so it has to be the last.
            match token {
                Some(token) => {
                    header = format!("Authorization: Bearer {token}");
                    command.extend(["--header", &header]);
                    "Look at it with 'claude mcp list'."
                }
                None => "Then type /mcp in Claude Code, choose commonplace and Authenticate.",
            }
        }
    };
    format!(
        "Claude Code has a command for this:\n\n  {}\n\n{then}\n\
         If it has a {NAME} already, take that out before: claude mcp remove --scope user {NAME}\n",
        command_line(&command, cfg!(windows))
    )
}

fn codex(server: &Server, places: &Places) -> String {
    let mut command = vec!["codex", "mcp", "add", NAME];
    let (url, set);
    let then = match server {
        Server::Local { args } => {
            command.extend(["--", &places.program]);
            command.extend(args.iter().map(String::as_str));
            "Look at it with 'codex mcp list'."
        }
        Server::Remote { base, token } => {
            url = format!("{base}{ENDPOINT}");
            command.extend(["--url", &url]);
            match token {
                Some(token) => {
                    command.extend(["--bearer-token-env-var", "COMMONPLACE_TOKEN"]);
                    set = format!(
                        "Codex reads the token from the environment whenever it starts, so set it in your shell's \
                         profile:\n\n  {}",
                        variable("COMMONPLACE_TOKEN", token, cfg!(windows))
                    );
                    &set
                }
                None => "It opens the browser for you to sign in; if it does not, run: codex mcp login commonplace",
            }
        }
    };
    format!("Codex has a command for this:\n\n  {}\n\n{then}\n", command_line(&command, cfg!(windows)))
}

fn variable(name: &str, value: &str, windows: bool) -> String {
    let value = quoted(value, windows);
    if windows { format!("setx {name} {value}") } else { format!("export {name}={value}") }
}

/// What someone should know beside the steps.
fn notes<N: AsRef<OsStr>>(server: &Server, variables: impl Iterator<Item = N>) -> Vec<String> {
    match server {
        Server::Local { .. } => {
            let elsewhere = ["COMMONPLACE_DATA_DIR", "COMMONPLACE_CONFIG", "COMMONPLACE_URL", "COMMONPLACE_TOKEN"];
            let mut lost: Vec<String> = variables
                .filter_map(|name| name.as_ref().to_str().map(str::to_owned))
                .filter(|name| name.starts_with("COMMONPLACE_") && !elsewhere.contains(&name.as_str()))
                .collect();
            lost.sort();
            (!lost.is_empty())
                .then(|| {
                    format!(
                        "Note: a client does not start the program with the variables of this shell. Put into the \
                         configuration file what these say: {}.",
                        lost.join(", ")
                    )
                })
                .into_iter()
                .collect()
        }
        Server::Remote { base, .. } if base.starts_with("http://") && !is_loopback(base) => vec![
            "Note: this URL is not https, so anyone on the way can read the memories and the credential.".to_owned(),
        ],
        Server::Remote { .. } => Vec::new(),
    }
}

/// The base URL in what was given, which may name the endpoint.
fn base_url(given: &str) -> Result<String, String> {
    let base = given.trim_end_matches('/');
    let base = base.strip_suffix(ENDPOINT).unwrap_or(base).trim_end_matches('/');
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

fn command_line(words: &[&str], windows: bool) -> String {
    words.iter().map(|word| quoted(word, windows)).collect::<Vec<_>>().join(" ")
}

/// A word for a POSIX shell or, in double quotes, for those of Windows.
fn quoted(word: &str, windows: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@".contains(c) || (windows && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if windows {
        format!("\"{}\"", word.replace('"', "\\\""))
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Puts the entry into the file and says what became of it.
fn write(file: &Path, section: &str, entry: &Entry) -> Result<String> {
    let fails = |error: std::io::Error| Error::invalid(format!("{} can't be written: {error}.", file.display()));
    // A link stays one; what it leads to is replaced.
    let target = match fs::canonicalize(file) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(fails(error)),
    };
    let old = match fs::read_to_string(&target) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::invalid(format!("{} can't be read: {error}.", file.display()))),
    };
    let new = merged(old.as_deref().unwrap_or_default(), section, entry).map_err(|error| {
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
        match fs::metadata(file) {
            Ok(old) => out.set_permissions(old.permissions())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
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

/// `text`, a JSON object or nothing at all, with the entry under
/// `section.commonplace`, and otherwise unchanged.
fn merged(text: &str, section: &str, entry: &Entry) -> Result<String> {
    if text.trim().is_empty() {
        return merged("{}", section, entry).map(|text| text + "\n");
    }
    let no_json = |error| {
        Error::invalid(format!("It is not plain JSON, which may have neither comments nor trailing commas: {error}."))
    };
    serde_json::from_str::<IgnoredAny>(text).map_err(no_json)?;
    let no_object = |what: &str| Error::invalid(format!("{what} is no JSON object."));
    let top = Object::at(text, 0).ok_or_else(|| no_object("What it holds"))?;
    let style = Style::of(text, &top);
    let Some(servers) = top.get(section) else {
        return Ok(top.with(text, section, &style.rendered(&BTreeMap::from([(NAME, entry)]), 1)?, &style, 1));
    };
    let servers = Object::at(text, servers.start).ok_or_else(|| no_object(&format!("Its \"{section}\"")))?;
    let rendered = style.rendered(entry, 2)?;
    let Some(old) = servers.get(NAME) else {
        return Ok(servers.with(text, NAME, &rendered, &style, 2));
    };
    let same = serde_json::from_str::<Value>(&text[old.clone()]).ok() == serde_json::to_value(entry).ok();
    let rendered = if same { &text[old.clone()] } else { rendered.as_str() };
    Ok(format!("{}{rendered}{}", &text[..old.start], &text[old.end..]))
}

/// Where the members of an object are in a text.
struct Object {
    inside: Range<usize>,
    members: Vec<(String, Range<usize>)>,
    first_key: usize,
}

impl Object {
    /// The object that is the next value from `at` on, in valid JSON; nothing
    /// if that is another kind of value.
    fn at(text: &str, at: usize) -> Option<Self> {
        let start = after(text, at, '{')?;
        let first_key = skip_blanks(text, start);
        let (mut at, mut members) = (first_key, Vec::new());
        loop {
            if let Some(end) = after(text, at, '}') {
                return Some(Self { inside: start..end - 1, members, first_key });
            }
            at = skip_blanks(text, after(text, at, ',').unwrap_or(at));
            let (key, end) = value_at::<String>(text, at)?;
            at = skip_blanks(text, after(text, end, ':')?);
            let (IgnoredAny, end) = value_at(text, at)?;
            members.push((key, at..end));
            at = end;
        }
    }

    /// Where the value of `key` is; that of the last, as readers of JSON take it.
    fn get(&self, key: &str) -> Option<Range<usize>> {
        self.members.iter().rfind(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    /// The text with one more member at the end of this object.
    fn with(&self, text: &str, key: &str, value: &str, style: &Style<'_>, depth: usize) -> String {
        let line = format!("{}\"{key}\": {value}", style.line(depth));
        match self.members.last() {
            Some((_, last)) => format!("{},{line}{}", &text[..last.end], &text[last.end..]),
            None => {
                let Range { start, end } = self.inside;
                format!("{}{line}{}{}", &text[..start], style.line(depth - 1), &text[end..])
            }
        }
    }
}

/// How a file is laid out.
struct Style<'a> {
    newline: &'static str,
    indent: &'a str,
}

impl<'a> Style<'a> {
    fn of(text: &'a str, top: &Object) -> Self {
        let before = &text[..top.first_key];
        let indent = before.rfind('\n').map_or("", |newline| &before[newline + 1..]);
        let indented = !top.members.is_empty() && !indent.is_empty();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self { newline, indent: if indented { indent } else { "  " } }
    }

    fn line(&self, depth: usize) -> String {
        format!("{}{}", self.newline, self.indent.repeat(depth))
    }

    /// A value over several lines, as it stands `depth` objects deep.
    fn rendered(&self, value: &impl Serialize, depth: usize) -> Result<String> {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.indent.as_bytes());
        value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).map_err(Error::internal)?;
        let text = String::from_utf8(bytes).map_err(Error::internal)?;
        // A line ends between values only: within a string it is escaped.
        Ok(text.replace('\n', &self.line(depth)))
    }
}

fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t', '\r', '\n']).len()
}

/// Where the text goes on after `wanted`, if that is next.
fn after(text: &str, at: usize, wanted: char) -> Option<usize> {
    let at = skip_blanks(text, at);
    text[at..].starts_with(wanted).then(|| at + wanted.len_utf8())
}

/// The value that begins at `at`, and where it ends.
fn value_at<T: DeserializeOwned>(text: &str, at: usize) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, at + values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

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
        native(&remote(Some("cmpl_x")), &places(), [None; 2])
    }

    fn in_file(client: Client, server: &Server) -> (String, String) {
        let Ok(Plan::File { file, section, entry, .. }) = plan(client, server, &places()) else {
            panic!("{client:?} has a file");
        };
        let text = merged("", section, &entry).unwrap();
        (file.display().to_string(), serde_json::from_str::<Value>(&text).unwrap().to_string())
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
        let (desktop, cursor, code) = (
            "/home/ann/.config/Claude/claude_desktop_config.json",
            "/home/ann/.cursor/mcp.json",
            "/home/ann/.config/Code/User/mcp.json",
        );
        let token = remote(Some("cmpl_x"));
        for (client, server, file, section, entry) in [
            (Client::ClaudeDesktop, local(), desktop, "mcpServers", run.clone()),
            (Client::ClaudeDesktop, token.clone(), desktop, "mcpServers", proxy),
            (Client::ClaudeDesktop, remote(None), desktop, "mcpServers", bridge),
            (Client::Cursor, local(), cursor, "mcpServers", run),
            (Client::Cursor, token.clone(), cursor, "mcpServers", json!({"url": url, "headers": headers})),
            (Client::Cursor, remote(None), cursor, "mcpServers", json!({"url": url})),
            (Client::VsCode, local(), code, "servers", typed),
            (Client::VsCode, token, code, "servers", json!({"type": "http", "url": url, "headers": headers})),
            (Client::VsCode, remote(None), code, "servers", json!({"type": "http", "url": url})),
        ] {
            let wanted = json!({section: {"commonplace": entry}}).to_string();
            assert_eq!(in_file(client, &server), (file.to_owned(), wanted), "{client:?} {server:?}");
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
        for client in [Client::ChatGpt, Client::ClaudeWeb] {
            assert!(steps(client, &remote(None)).contains("https://m.example/api/mcp/mcp\n"));
            for base in ["http://m.example", "https://localhost:8787", "https://127.0.0.1", "https://[::1]:1"] {
                let server = Server::Remote { base: base.into(), token: None };
                assert!(matches!(plan(client, &server, &places()), Err(Error::Invalid(_))), "{base}");
            }
            assert!(matches!(plan(client, &local(), &places()), Err(Error::Invalid(_))));
        }
    }

    #[test]
    fn mcp_remote_has_the_token_in_its_environment_and_no_space_in_an_argument() {
        assert!(matches!(plan(Client::McpRemote, &local(), &places()), Err(Error::Invalid(_))));
        for (base, allow) in [("https://m.example", false), ("http://127.0.0.1:8787", false), ("http://nas", true)] {
            let Entry::Program { args, env, .. } = through_mcp_remote(base, Some("cmpl_x")) else { panic!() };
            assert_eq!(args.contains(&"--allow-http".to_owned()), allow, "{base}");
            assert!(!args.iter().any(|arg| arg.contains(' ') || arg.contains("cmpl_x")), "{args:?}");
            assert_eq!(env["AUTH_HEADER"], "Bearer cmpl_x");
        }
    }

    #[test]
    fn a_url_may_name_the_endpoint_and_must_be_one() {
        for given in ["https://m.example", "https://m.example/", "https://m.example/api/mcp/mcp/"] {
            assert_eq!(base_url(given).as_deref(), Ok("https://m.example"), "{given}");
        }
        assert_eq!(base_url("http://[::1]:8787").as_deref(), Ok("http://[::1]:8787"));
        for bad in ["", "m.example", "ftp://m", "https://", "https://:80", "https://a b", "https://u@h", "https://h?x"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
        assert!(token("cmpl_aB3-x").is_ok() && token("").is_err() && token("a b").is_err() && token("a\"").is_err());
    }

    #[test]
    fn what_a_client_would_not_know_is_said_by_name() {
        let variables = ["PATH", "COMMONPLACE_DATABASE_URL", "COMMONPLACE_DATA_DIR"];
        let said = notes(&local(), variables.iter()).join("");
        assert!(said.ends_with("COMMONPLACE_DATABASE_URL."), "{said}");
        assert!(notes(&local(), ["PATH"].iter()).is_empty() && notes(&remote(None), variables.iter()).is_empty());
        let server = |base: &str| Server::Remote { base: base.into(), token: None };
        assert_eq!(notes(&server("http://nas:8787"), variables.iter()).len(), 1);
        assert!(notes(&server("http://[::1]:8787"), variables.iter()).is_empty());
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
    fn a_file_is_replaced_whole_keeps_its_mode_and_is_not_touched_twice() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join("mcp.json");
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
            assert!(write(&link, "others", &entry()).unwrap().starts_with("Wrote"));
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(mode(&file), 0o640);
            assert!(fs::read_to_string(&file).unwrap().contains("\"others\""));
        }
        let names = fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "a temporary file was left");
    }

    #[test]
    fn a_file_that_is_refused_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mcp.json");
        fs::write(&file, "{ // mine\n}").unwrap();
        let message = write(&file, "servers", &entry()).unwrap_err().to_string();
        assert!(message.contains("mcp.json was left as it is") && message.contains("by hand"), "{message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{ // mine\n}");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-c\"\\\\{},:]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn any_file() -> impl Strategy<Value = (Value, String)> {
        let object = || any_json().prop_map(|value| if value.is_object() { value } else { json!({ "k": value }) });
        let servers = proptest::option::of((object(), proptest::option::of(any_json())));
        (object(), servers, any::<bool>()).prop_map(|(mut file, servers, pretty)| {
            if let Some((mut servers, ours)) = servers {
                if let Some(ours) = ours {
                    servers[NAME] = ours;
                }
                file["servers"] = servers;
            }
            let text = if pretty { serde_json::to_string_pretty(&file).unwrap() } else { file.to_string() };
            (file, text)
        })
    }

    proptest! {
        #[test]
        fn merging_sets_the_entry_and_nothing_else((file, text) in any_file()) {
            let new = merged(&text, "servers", &entry()).unwrap();
            let mut wanted = file.clone();
            wanted["servers"][NAME] = serde_json::to_value(entry()).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), wanted);
            prop_assert_eq!(&merged(&new, "servers", &entry()).unwrap(), &new);
            if file["servers"].get(NAME).is_none() {
                let same = |a: &mut dyn Iterator<Item = u8>, b: &mut dyn Iterator<Item = u8>| {
                    a.zip(b).take_while(|(a, b)| a == b).count()
                };
                let head = same(&mut text.bytes(), &mut new.bytes());
                let tail = same(&mut text.bytes().rev(), &mut new.bytes().rev());
                prop_assert!(head + tail >= text.len(), "{} became {}", text, new);
            }
        }

        #[test]
        fn any_text_is_merged_or_refused(text in "[\\{\\}\\[\\]\",:ab1 \n]{0,12}") {
            if let Ok(new) = merged(&text, "servers", &entry()) {
                prop_assert!(serde_json::from_str::<Value>(&new).is_ok());
            }
        }
    }

    #[cfg(unix)]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_a_quoted_word_as_it_was(word in "[^\0]{0,12}") {
            let script = format!("printf %s {}", command_line(&[&word], false));
            let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
