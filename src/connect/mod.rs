//! How a client gets to its memory: what goes into its settings, or what a person
//! does in it. The command line and the pages show the same.
//!
//! A client either runs `commonplace mcp` itself, or speaks to a server over HTTP,
//! where it signs in or sends an API token.

mod command;
mod json;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

use crate::address::MCP_PATH;
use crate::error::{Error, Result};

pub use command::line;

/// What every client calls this server.
pub const NAME: &str = "commonplace";
/// Stands for an API token where none is given.
pub const TOKEN: &str = "YOUR_TOKEN";

/// The clients that this program knows how to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Claude on the web and its apps, by a connector
    ClaudeWeb,
    /// Claude Desktop, by its settings file
    ClaudeDesktop,
    /// Claude Code
    ClaudeCode,
    /// ChatGPT, by an app
    Chatgpt,
    /// A custom GPT of ChatGPT, by an action
    CustomGpt,
    /// Cursor
    Cursor,
    /// VS Code
    Vscode,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Any other client that speaks MCP
    Mcp,
    /// Any client that can only run a program, by way of mcp-remote
    McpRemote,
    /// The plugin of TypingMind
    Typingmind,
    #[expect(clippy::doc_markdown, reason = "the command line shows it")]
    /// Any other client made for MemoryPlugin
    Memoryplugin,
    /// Scripts and programs: curl, n8n
    Http,
}

/// What a client is to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// The data of this machine, opened by this program with these arguments.
    Local {
        /// The first one is the command.
        args: Vec<String>,
    },
    /// A server.
    Remote {
        /// Its URL, without a slash at the end.
        base: String,
        /// An API token; without it the client signs in.
        token: Option<String>,
    },
}

/// A way to reach a server over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The client opens a page of the server, where its person allows it.
    SigningIn,
    /// The client sends an API token.
    Token,
}

/// The settings file of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// That of Claude Desktop.
    ClaudeDesktop,
    /// That of Cursor for all projects.
    Cursor,
    /// That of VS Code for the default profile.
    Vscode,
}

/// One server in a client's JSON file, its fields in the order in which people
/// write them.
#[derive(Debug)]
pub struct Entry(Vec<(&'static str, Value)>);

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What there is to do for a client.
#[derive(Debug)]
pub enum Plan {
    /// An entry in an object of a file.
    File {
        /// The file.
        file: File,
        /// The name of the object.
        section: &'static str,
        /// The entry, which is called [`NAME`].
        entry: Entry,
        /// What to do afterwards.
        then: &'static str,
    },
    /// Something that only the person can do.
    Parts(Vec<Part>),
}

/// A part of what a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A sentence or more.
    Say(String),
    /// Something to copy as it is: a command, a part of a file.
    Code(String),
    /// What to do, in this order.
    Steps(Vec<Step>),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub text: String,
    /// What to type or paste there.
    pub value: Option<String>,
}

impl Client {
    /// Its name, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ClaudeWeb => "Claude on the web and in its apps",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Chatgpt => "ChatGPT",
            Self::CustomGpt => "ChatGPT, a custom GPT",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Mcp => "Any other MCP client",
            Self::McpRemote => "A client that can only run programs",
            Self::Typingmind => "TypingMind",
            Self::Memoryplugin => "Any client made for MemoryPlugin",
            Self::Http => "Scripts, curl and n8n",
        }
    }

    /// Its name in commands and addresses.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// How it can reach a server over HTTP, the simplest first.
    #[must_use]
    pub fn ways(self) -> &'static [Way] {
        match self {
            Self::ClaudeWeb | Self::Chatgpt => &[Way::SigningIn],
            Self::CustomGpt | Self::Typingmind | Self::Memoryplugin | Self::Http => &[Way::Token],
            Self::ClaudeDesktop => &[Way::Token, Way::SigningIn],
            Self::ClaudeCode
            | Self::Cursor
            | Self::Vscode
            | Self::Codex
            | Self::Gemini
            | Self::Mcp
            | Self::McpRemote => &[Way::SigningIn, Way::Token],
        }
    }

    /// Whether it can run this program itself, on the machine that has the data.
    #[must_use]
    pub fn runs_programs(self) -> bool {
        !matches!(self.ways(), [_]) && self != Self::McpRemote
    }

    /// Whether `commonplace connect --write` can do all of it.
    #[must_use]
    pub fn has_file(self) -> bool {
        matches!(self, Self::ClaudeDesktop | Self::Cursor | Self::Vscode)
    }

    /// Whether it calls from the internet, and so needs a server that is there.
    #[must_use]
    pub fn is_service(self) -> bool {
        matches!(self, Self::ClaudeWeb | Self::Chatgpt | Self::CustomGpt)
    }
}

impl File {
    /// How a person finds it.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => {
                "the file claude_desktop_config.json (Settings, Developer, Edit Config opens its folder)"
            }
            Self::Cursor => "the file .cursor/mcp.json in your home folder",
            Self::Vscode => "the file that 'MCP: Open User Configuration' in the Command Palette opens",
        }
    }
}

impl Step {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None }
    }

    fn with(text: impl Into<String>, value: impl Into<String>) -> Self {
        Self { text: text.into(), value: Some(value.into()) }
    }
}

/// What to do so that a client reaches a server. `program` is this program, as the
/// client is to call it.
///
/// # Errors
/// [`Error::Invalid`] where the client can't reach such a server.
pub fn plan(client: Client, server: &Server, program: &str) -> Result<Plan> {
    let file = |file, section, entry, then| Ok(Plan::File { file, section, entry, then });
    let parts = match client {
        Client::ClaudeDesktop => {
            let (entry, then) = match server {
                Server::Remote { base, token: None } => (
                    through_mcp_remote(base, None),
                    "Then quit and start Claude Desktop, which opens the browser for you to sign in. The entry runs \
                     mcp-remote, which needs Node.js; a server with a public https URL can be added under Settings, \
                     Connectors instead, without it.",
                ),
                Server::Remote { .. } => (
                    run_program(server, program),
                    "Then quit and start Claude Desktop. The entry runs this program, which has to be on that machine \
                     and passes everything on to the server.",
                ),
                Server::Local { .. } => (run_program(server, program), "Then quit and start Claude Desktop."),
            };
            return file(File::ClaudeDesktop, "mcpServers", entry, then);
        }
        Client::Cursor => {
            let then = "Then switch commonplace on in Cursor's settings for MCP; it asks you to sign in if it has to.";
            return file(File::Cursor, "mcpServers", native(server, program), then);
        }
        Client::Vscode => {
            let then = "Then run 'MCP: List Servers' from the Command Palette and start commonplace. \
                        (A profile other than the default one has an mcp.json of its own: 'MCP: Open User \
                        Configuration' opens it.)";
            let mut entry = native(server, program);
            let kind = if matches!(server, Server::Local { .. }) { "stdio" } else { "http" };
            entry.0.insert(0, ("type", kind.into()));
            return file(File::Vscode, "servers", entry, then);
        }
        Client::ClaudeCode => command::claude_code(server, program),
        Client::Codex => command::codex(server, program),
        Client::Gemini => command::gemini(server, program),
        Client::Mcp => any_mcp(server, program),
        Client::McpRemote => {
            let (base, token) = remote(server, "mcp-remote")?;
            let entry = in_file("mcpServers", &through_mcp_remote(base, token))?;
            let bridge = "mcp-remote is a bridge for clients that can only run a program; it needs Node.js. Put this \
                          where your client keeps its MCP servers:";
            vec![Part::Say(bridge.to_owned()), Part::Code(entry)]
        }
        Client::Chatgpt => {
            let endpoint = endpoint(public(server, "ChatGPT")?);
            vec![Part::Steps(vec![
                Step::new(
                    "In ChatGPT on the web open Settings, Apps, Advanced settings, and switch Developer mode on.",
                ),
                Step::with(
                    format!("Choose Create app. Name: {NAME}. Authentication: OAuth. MCP server URL:"),
                    endpoint,
                ),
                Step::new("Create it, sign in on the page of your server that opens, and allow the access."),
                Step::new(format!("In a chat choose +, More, Developer mode, and switch {NAME} on.")),
            ])]
        }
        Client::ClaudeWeb => {
            let endpoint = endpoint(public(server, "Claude on the web")?);
            vec![Part::Steps(vec![
                Step::new(
                    "On claude.ai open Settings, Connectors (or Customize, Connectors), and choose Add custom \
                     connector. What you add there is in the apps, too.",
                ),
                Step::with(format!("Leave the advanced settings empty. Name: {NAME}. URL:"), endpoint),
                Step::new("Choose Connect, sign in on the page of your server that opens, and allow the access."),
                Step::new(format!("In a chat, switch {NAME} on in the menu of tools.")),
            ])]
        }
        Client::CustomGpt => {
            let base = public(server, "A custom GPT")?;
            vec![Part::Steps(vec![
                Step::with(
                    "In the editor of your GPT add an action and import its description from this URL:",
                    format!("{base}/openapi.json"),
                ),
                Step::with("Authentication: API key, type Bearer. The key:", token_of(server)),
                Step::new("Tell the GPT in its instructions when to look something up and when to remember it."),
            ])]
        }
        Client::Typingmind => typingmind(server)?,
        Client::Memoryplugin => {
            let (base, _) = remote(server, "A client of MemoryPlugin")?;
            vec![Part::Steps(vec![
                Step::with("Set its base URL, often the variable MEMORY_PLUGIN_BASE_URL, to:", base),
                Step::with("Give it a token of this server as you would give it the vendor's:", token_of(server)),
            ])]
        }
        Client::Http => scripts(server)?,
    };
    Ok(Plan::Parts(parts))
}

/// The plugin of `TypingMind`.
fn typingmind(server: &Server) -> Result<Vec<Part>> {
    let (base, _) = remote(server, "TypingMind")?;
    Ok(vec![Part::Steps(vec![
        Step::with(
            "Open the plugin in TypingMind's plugin editor. In each of its functions replace the constant \
             with the base URL by this one:",
            base,
        ),
        Step::with("Save, and put a token where the plugin's settings ask for the API token:", token_of(server)),
        Step::new("Ask the assistant to remember something."),
    ])])
}

/// What a script sends.
fn scripts(server: &Server) -> Result<Vec<Part>> {
    let (base, _) = remote(server, "A script")?;
    let bearer = command::bearer(token_of(server));
    let words = |path: &str| vec!["-H".to_owned(), bearer.clone(), format!("{base}{path}")];
    let mut store = words("/api/memory");
    store.extend(["-H", "Content-Type: application/json", "-d"].map(str::to_owned));
    store.push(json!({"text": "Ann takes her coffee black"}).to_string());
    Ok(vec![
        Part::Say("Store a memory, and find it:".to_owned()),
        Part::Code(command::line("curl", &store)),
        Part::Code(command::line("curl", &words("/api/memory?query=hot+drink"))),
        Part::Say(format!("{base}/docs describes each operation, and {base}/openapi.json does for programs.")),
    ])
}

/// A client's JSON file, with nothing but the entry in it.
///
/// # Errors
/// As [`merged`].
pub fn in_file(section: &str, entry: &Entry) -> Result<String> {
    merged("", section, entry)
}

/// `text`, a JSON object or nothing at all, with the entry in its object `section`,
/// and otherwise unchanged.
///
/// # Errors
/// [`Error::Invalid`] for a text that is not plain JSON of this form.
pub fn merged(text: &str, section: &str, entry: &Entry) -> Result<String> {
    json::merged(text, section, NAME, entry)
}

/// Whether a service on the internet can call this URL, as far as that can be told
/// from it.
#[must_use]
pub fn is_public(base: &str) -> bool {
    let host = host(base);
    let private = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback() || v4.is_unspecified(),
        std::net::IpAddr::V6(v6) => {
            v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback() || v6.is_unspecified()
        }
    };
    let is_reachable = match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(address) => !private(address),
        Err(_) => {
            let top = host.rsplit('.').next().unwrap_or_default();
            host.contains('.') && !["local", "localhost", "internal", "lan", "arpa"].contains(&top)
        }
    };
    base.starts_with("https://") && is_reachable
}

/// Whether a URL leads back to the machine that asks for it.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let host = host(url);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The host of a URL, without its port.
#[must_use]
pub fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The URL of MCP at a server.
#[must_use]
pub fn endpoint(base: &str) -> String {
    format!("{base}{MCP_PATH}")
}

/// The server that a client without programs is to reach.
fn remote<'s>(server: &'s Server, client: &str) -> Result<(&'s str, Option<&'s str>)> {
    match server {
        Server::Remote { base, token } => Ok((base, token.as_deref())),
        Server::Local { .. } => {
            Err(Error::invalid(format!("{client} connects to a server over HTTP; name it with --url URL.")))
        }
    }
}

/// The server that a service on the internet is to reach.
fn public<'s>(server: &'s Server, client: &str) -> Result<&'s str> {
    match server {
        Server::Remote { base, .. } if is_public(base) => Ok(base),
        _ => Err(Error::invalid(format!("{client} reaches a server over the internet: --url https://… is needed."))),
    }
}

fn token_of(server: &Server) -> &str {
    match server {
        Server::Remote { token: Some(token), .. } => token,
        _ => TOKEN,
    }
}

fn native(server: &Server, program: &str) -> Entry {
    let Server::Remote { base, token } = server else { return run_program(server, program) };
    let headers = token.iter().map(|token| ("headers", json!({ "Authorization": format!("Bearer {token}") })));
    Entry([("url", endpoint(base).into())].into_iter().chain(headers).collect())
}

/// Runs this program, which opens the local data or passes on to a server.
fn run_program(server: &Server, program: &str) -> Entry {
    let command = ("command", program.into());
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

fn any_mcp(server: &Server, program: &str) -> Vec<Part> {
    let say = |text: &str| Part::Say(text.to_owned());
    match server {
        Server::Local { args } => vec![
            say("The client is to run this program, which speaks MCP on standard input and output:"),
            Part::Code(command::line("", &command::run_with(args, program)).trim_start().to_owned()),
        ],
        Server::Remote { base, token } => {
            let mut parts = vec![say("Transport: streamable HTTP. URL:"), Part::Code(endpoint(base))];
            match token {
                Some(token) => parts.extend([say("It has to send this header:"), Part::Code(command::bearer(token))]),
                None => parts.push(say("The client opens the browser for you to sign in (OAuth 2.1).")),
            }
            parts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "/opt/my tools/commonplace";

    fn steps(client: Client, server: &Server) -> String {
        let Ok(Plan::Parts(parts)) = plan(client, server, PROGRAM) else { panic!("{client:?} has no file") };
        let step = |step: &Step| format!("{} {}", step.text, step.value.as_deref().unwrap_or_default());
        let lines = parts.iter().flat_map(|part| match part {
            Part::Say(text) | Part::Code(text) => vec![text.clone()],
            Part::Steps(steps) => steps.iter().map(step).collect(),
        });
        lines.map(|line| line + "\n").collect()
    }

    fn local() -> Server {
        Server::Local { args: vec!["mcp".into(), "--data-dir".into(), "/srv/ann's".into()] }
    }

    fn remote(token: Option<&str>) -> Server {
        Server::Remote { base: "https://m.example".into(), token: token.map(str::to_owned) }
    }

    #[test]
    #[cfg(unix)]
    fn each_client_gets_its_own_file_and_form() {
        let program = PROGRAM;
        let run = json!({"command": program, "args": ["mcp", "--data-dir", "/srv/ann's"]});
        let mut typed = run.clone();
        typed["type"] = json!("stdio");
        let url = "https://m.example/api/mcp/mcp";
        let headers = json!({"Authorization": "Bearer cmpl_x"});
        let proxy = json!({"command": program, "args": ["mcp"],
            "env": {"COMMONPLACE_URL": "https://m.example", "COMMONPLACE_TOKEN": "cmpl_x"}});
        let bridge = json!({"command": "npx", "args": ["-y", "mcp-remote", url]});
        let (desktop, cursor, code) = (File::ClaudeDesktop, File::Cursor, File::Vscode);
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
            let Ok(Plan::File { file: to, section: within, entry: with, .. }) = plan(client, &server, PROGRAM) else {
                panic!("{client:?} has a file");
            };
            assert_eq!((to, within, json!(with)), (file, section, entry), "{client:?} {server:?}");
            assert!(client.has_file());
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
        let gemini = steps(Client::Gemini, &local());
        let tail = r"'/opt/my tools/commonplace' mcp -- --data-dir '/srv/ann'\''s'";
        assert!(gemini.contains(&format!("gemini mcp add --scope user commonplace {tail}\n")), "{gemini}");
        let gemini = steps(Client::Gemini, &remote(Some("cmpl_x")));
        let tail = "--header 'Authorization: Bearer cmpl_x' commonplace https://m.example/api/mcp/mcp";
        assert!(gemini.contains(&format!("gemini mcp add --scope user --transport http {tail}\n")), "{gemini}");
    }

    #[test]
    fn services_on_the_internet_take_a_public_https_url_only() {
        for client in [Client::Chatgpt, Client::ClaudeWeb, Client::CustomGpt] {
            assert!(client.is_service());
            let path = if client == Client::CustomGpt { "/openapi.json" } else { "/api/mcp/mcp" };
            assert!(steps(client, &remote(None)).contains(&format!("https://m.example{path}\n")));
            let refused = ["http://m.example", "https://localhost:8787", "https://127.0.0.1", "https://[::1]:1"];
            let inside = ["https://nas", "https://nas.local", "https://192.168.1.5:8787", "https://[fd00::1]"];
            let refused = [refused, inside].concat();
            let refused: Vec<_> =
                refused.iter().map(|base| Server::Remote { base: (*base).into(), token: None }).collect();
            for server in [local()].iter().chain(&refused) {
                assert!(matches!(plan(client, server, PROGRAM), Err(Error::Invalid(_))), "{server:?}");
            }
        }
    }

    #[test]
    fn a_client_has_a_plan_for_each_of_its_ways() {
        for client in Client::value_variants() {
            for way in client.ways() {
                let server = remote((*way == Way::Token).then_some("cmpl_x"));
                let text = format!("{:?}", plan(*client, &server, PROGRAM).unwrap());
                assert!(text.contains("m.example"), "{client:?}: {text}");
                assert!(*way != Way::Token || text.contains("cmpl_x"), "{client:?}: {text}");
            }
            assert_eq!(plan(*client, &local(), PROGRAM).is_ok(), client.runs_programs(), "{client:?}");
        }
    }

    #[test]
    fn mcp_remote_has_the_token_in_its_environment_and_no_space_in_an_argument() {
        assert!(matches!(plan(Client::McpRemote, &local(), PROGRAM), Err(Error::Invalid(_))));
        for (base, allow) in [("https://m.example", false), ("http://127.0.0.1:8787", false), ("http://nas", true)] {
            let entry = json!(through_mcp_remote(base, Some("cmpl_x")));
            let args: Vec<_> = entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
            assert_eq!(args.contains(&"--allow-http"), allow, "{base}");
            assert!(!args.iter().any(|arg| arg.contains(' ') || arg.contains("cmpl_x")), "{args:?}");
            assert_eq!(entry["env"]["AUTH_HEADER"], "Bearer cmpl_x");
        }
    }
}
