//! The page that connects clients: what each needs, API tokens, and the clients
//! that signed in.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::{Layout, Notice, Shown, SignedForm, SignedIn, Web, host, page, redirect};
use crate::app::App;
use crate::auth::oauth::tokens;
use crate::auth::{Scope, Scopes, own};
use crate::clock::Micros;
use crate::connect::{self, Client, Part, Plan, Server, Way, endpoint, in_file, is_public};
use crate::error::{Error, Result};

const PAGE: &str = "/connect";
/// Stands for the address of a server that has none on the internet.
const EXAMPLE: &str = "https://memory.example.com";

/// How long a token can last: what the form sends, what it says, and days.
const LASTS: &[(&str, &str, Option<i64>)] =
    &[("30", "30 days", Some(30)), ("90", "90 days", Some(90)), ("365", "a year", Some(365)), ("none", "no end", None)];

/// Clients in the order of the page.
const CLIENTS: &[Client] = &[
    Client::ClaudeWeb,
    Client::ClaudeDesktop,
    Client::ClaudeCode,
    Client::Chatgpt,
    Client::CustomGpt,
    Client::Cursor,
    Client::Vscode,
    Client::Codex,
    Client::Gemini,
    Client::Mcp,
    Client::McpRemote,
    Client::Typingmind,
    Client::Memoryplugin,
    Client::Http,
];

#[derive(Template)]
#[template(path = "connect.html")]
struct Connect {
    layout: Layout,
    base: String,
    endpoint: String,
    is_public: bool,
    cards: Vec<Card>,
    grants: Vec<Row>,
    tokens: Vec<Row>,
    /// Whether a token of theirs may see how the server is doing.
    may_administer: bool,
    form: Wanted,
    problem: Option<String>,
}

/// What a client needs.
struct Card {
    client: Client,
    name: String,
    /// Whether the server would have to be on the internet for it, and is not.
    is_out_of_reach: bool,
    ways: Vec<Told>,
    /// The command for the machine that has the data.
    local: Option<String>,
}

/// One way to connect a client.
struct Told {
    way: Way,
    parts: Vec<Part>,
}

/// A token or a grant.
struct Row {
    id: String,
    name: String,
    may: String,
    since: String,
    used: Option<String>,
    until: Option<String>,
    is_over: bool,
}

/// What the form for a token holds.
struct Wanted {
    name: String,
    scopes: Scopes,
    lasts: String,
}

impl Wanted {
    fn has(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self { name: String::new(), scopes: Scopes::of(&[Scope::Read, Scope::Write]), lasts: "90".to_owned() }
    }
}

impl Card {
    /// `user` is whose data a program on this machine must be told to open.
    fn new(client: Client, base: &str, user: Option<&str>) -> Result<Self> {
        let is_out_of_reach = client.is_service() && !is_public(base);
        let base = if is_out_of_reach { EXAMPLE } else { base };
        let told = |way: &Way| {
            let token = (*way == Way::Token).then(|| connect::TOKEN.to_owned());
            let server = Server::Remote { base: base.to_owned(), token };
            let parts = match connect::plan(client, &server, "commonplace")? {
                Plan::Parts(parts) => parts,
                Plan::File { file, section, entry, then } => vec![
                    Part::Say(format!("Merge this into {}:", file.place())),
                    Part::Code(in_file(section, &entry)?.trim_end().to_owned()),
                    Part::Say(then.to_owned()),
                ],
            };
            Ok(Told { way: *way, parts })
        };
        let write = if client.has_file() { " --write" } else { "" };
        let local = client.runs_programs().then(|| {
            let user = user.map(|name| ["--user".to_owned(), name.to_owned()]);
            connect::line(
                &format!("commonplace connect {}{write}", client.name()),
                user.as_ref().map_or(&[], |user| user),
            )
        });
        let ways = client.ways().iter().map(told).collect::<Result<_>>()?;
        Ok(Self { client, name: client.name(), is_out_of_reach, ways, local })
    }

    /// For the template: how to tell one way from the others.
    fn heading(&self, way: Way) -> Option<&'static str> {
        let is_only = self.ways.len() == 1 && self.local.is_none();
        (!is_only).then_some(match way {
            Way::SigningIn => "Signing in",
            Way::Token => "With a token",
        })
    }
}

fn may(scopes: &Scopes) -> String {
    let words = [(Scope::Read, "read"), (Scope::Write, "change"), (Scope::Admin, "administer")];
    let words: Vec<&str> = words.iter().filter(|(scope, _)| scopes.has(*scope)).map(|(_, word)| *word).collect();
    words.join(", ")
}

async fn connect_page(
    web: &Web,
    headers: &HeaderMap,
    by: &SignedIn,
    form: Wanted,
    problem: Option<String>,
) -> Result<Connect> {
    let now = web.app.clock.now();
    let base = web.addresses.base_for(host(headers));
    let user = (!by.session.is_owner).then_some(by.session.account.name.as_str());
    let grants = tokens::grants(&web.app, &by.caller).await?.into_iter().map(|grant| Row {
        id: grant.id,
        name: grant.client_name,
        may: may(&grant.scopes),
        since: grant.created_at.rfc3339(),
        used: grant.last_used_at.map(Micros::rfc3339),
        until: None,
        is_over: false,
    });
    let grants = grants.collect();
    let tokens = own::tokens(&web.app, &by.caller).await?.into_iter().map(|token| Row {
        id: token.id,
        name: token.name,
        may: may(&token.scopes),
        since: token.created_at.rfc3339(),
        used: token.last_used_at.map(Micros::rfc3339),
        until: token.expires_at.map(Micros::rfc3339),
        is_over: token.expires_at.is_some_and(|end| end <= now),
    });
    Ok(Connect {
        layout: Layout::new(by, PAGE),
        base: base.to_owned(),
        endpoint: endpoint(base),
        is_public: is_public(base),
        cards: CLIENTS.iter().map(|client| Card::new(*client, base, user)).collect::<Result<_>>()?,
        grants,
        tokens: tokens.collect(),
        may_administer: by.caller.scopes().has(Scope::Admin),
        form,
        problem,
    })
}

pub(super) async fn show(State(web): State<Web>, headers: HeaderMap, by: SignedIn) -> Result<Response, Shown> {
    Ok(page(StatusCode::OK, &connect_page(&web, &headers, &by, Wanted::default(), None).await?))
}

/// A token that was just made. Its text is on the answer to the form and nowhere
/// else: no address leads to it, and the form sent again makes none of this name.
#[derive(Template)]
#[template(path = "token.html")]
struct Made {
    layout: Layout,
    name: String,
    secret: String,
    may: String,
    until: Option<String>,
}

pub(super) async fn create_token(
    State(web): State<Web>,
    headers: HeaderMap,
    form: SignedForm,
) -> Result<Response, Shown> {
    let name = form.field("name")?;
    let scopes = form.fields.all("scope").collect::<Vec<_>>().join(",");
    let scopes = if scopes.is_empty() { Scopes::of(&[]) } else { scopes.parse()? };
    let lasts = form.field("lasts")?;
    let Some((_, _, days)) = LASTS.iter().find(|(value, ..)| *value == lasts) else {
        return Err(Error::invalid("Choose one of the times that a token can last.").into());
    };
    let expires_at = days.map(|days| web.app.clock.now().plus_days(days));
    let (status, problem) = match own::create_token(&web.app, &form.by.caller, &name, scopes.clone(), expires_at).await
    {
        Ok((secret, token)) => {
            let made = Made {
                layout: Layout::new(&form.by, PAGE),
                name: token.name,
                secret,
                may: may(&token.scopes),
                until: token.expires_at.map(Micros::rfc3339),
            };
            return Ok(page(StatusCode::OK, &made));
        }
        Err(Error::Invalid(problem)) => (StatusCode::BAD_REQUEST, problem),
        Err(Error::Conflict(problem)) => (StatusCode::CONFLICT, problem),
        Err(error) => return Err(error.into()),
    };
    let wanted = Wanted { name, scopes, lasts };
    Ok(page(status, &connect_page(&web, &headers, &form.by, wanted, Some(problem)).await?))
}

/// Asks whether to end a token or what a client may do.
#[derive(Template)]
#[template(path = "end.html")]
struct End {
    layout: Layout,
    action: &'static str,
    id: String,
    title: String,
    what: &'static str,
    button: &'static str,
    back: &'static str,
}

fn asked(by: &SignedIn) -> Result<String> {
    Ok(by.query.get("id")?.unwrap_or_default().to_owned())
}

pub(super) async fn ask_revoke(State(app): State<App>, by: SignedIn) -> Result<Response, Shown> {
    let id = asked(&by)?;
    let Some(token) = own::tokens(&app, &by.caller).await?.into_iter().find(|token| token.id == id) else {
        return Err(Error::not_found("There is no token with that id; it may have been revoked already.").into());
    };
    let end = End {
        layout: Layout::new(&by, PAGE),
        action: "/connect/tokens/revoke",
        id,
        title: format!("Revoke the token “{}”?", token.name),
        what: "Whatever uses it is refused from then on. What it stored stays. A revoked token can't be brought back; \
               you can make another one.",
        button: "Revoke the token",
        back: "/connect#tokens",
    };
    Ok(page(StatusCode::OK, &end))
}

pub(super) async fn revoke(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    own::revoke_token(&app, &form.by.caller, &form.field("id")?).await?;
    Ok(redirect(&Notice::address(PAGE, "token-revoked", None))?)
}

pub(super) async fn ask_end(State(app): State<App>, by: SignedIn) -> Result<Response, Shown> {
    let id = asked(&by)?;
    let Some(grant) = tokens::grants(&app, &by.caller).await?.into_iter().find(|grant| grant.id == id) else {
        return Err(
            Error::not_found("There is no connected client with that id; it may have been ended already.").into()
        );
    };
    let end = End {
        layout: Layout::new(&by, PAGE),
        action: "/connect/grants/end",
        id,
        title: format!("Disconnect “{}”?", grant.client_name),
        what: "It is refused from then on, until you allow it again. What it stored stays.",
        button: "Disconnect",
        back: "/connect#connected",
    };
    Ok(page(StatusCode::OK, &end))
}

pub(super) async fn end(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    tokens::end_grant(&app, &form.by.caller, &form.field("id")?).await?;
    Ok(redirect(&Notice::address(PAGE, "disconnected", None))?)
}
