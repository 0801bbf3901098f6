//! A person with a browser, and a client that asks them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use commonplace::auth::{ops as auth, session};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Server, answer};

pub const PASSWORD: &str = "correct horse battery staple";
pub const REDIRECT: &str = "http://127.0.0.1:3999/callback";
/// The verifier of every request of these tests, and its challenge.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A browser: cookies, and no redirect followed unseen.
pub struct Browser {
    pub url: String,
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// A page's form: its hidden fields.
pub type Fields = Vec<(String, String)>;

impl Browser {
    pub fn new(server: &Server) -> Self {
        drop(crate::harness::client());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { url: server.url.clone(), http, cookies: BTreeMap::new() }
    }

    /// A browser in which the person of this name has signed in.
    pub async fn signed_in(server: &Server, name: &str) -> Self {
        let account = auth::account(&server.app, Some(name)).await.expect("an account");
        session::set_password(&server.app, account.id, PASSWORD.to_owned()).await.expect("a password");
        let mut browser = Self::new(server);
        let signed_in = browser.sign_in(name, PASSWORD, "").await;
        assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{signed_in:?}");
        browser
    }

    pub async fn sign_in(&mut self, name: &str, password: &str, next: &str) -> Answer {
        let page = self.get(&format!("/sign-in?next={next}")).await;
        let mut fields = hidden(&page.text);
        fields.extend([("name".to_owned(), name.to_owned()), ("password".to_owned(), password.to_owned())]);
        self.submit("/sign-in", &fields).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.http.request(Method::GET, format!("{}{path}", self.url))).await
    }

    /// Sends a form as a page of the server itself would.
    pub async fn submit(&mut self, path: &str, fields: &[(String, String)]) -> Answer {
        let origin = self.url.clone();
        self.submit_from(&origin, path, fields).await
    }

    pub async fn submit_from(&mut self, origin: &str, path: &str, fields: &[(String, String)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.request(Method::POST, format!("{}{path}", self.url)).body(body);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.header(header::ORIGIN, origin)).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = answer(request.header(header::COOKIE, cookies.join("; "))).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Asks with these parameters and allows or denies; where the browser is sent.
    pub async fn decide(&mut self, query: &str, extra: &[(&str, &str)]) -> Sent {
        let page = self.get(&format!("/oauth/authorize?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let mut fields = hidden(&page.text);
        fields.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        sent(&self.submit("/oauth/authorize", &fields).await)
    }

    /// Asks and allows everything that was asked for; the code.
    pub async fn allow(&mut self, query: &str) -> String {
        let sent = self.decide(query, &[("decision", "allow"), ("may_write", "yes")]).await;
        sent.params["code"].clone()
    }
}

/// Where a browser was sent.
#[derive(Debug)]
pub struct Sent {
    pub to: String,
    pub params: BTreeMap<String, String>,
}

pub fn sent(answer: &Answer) -> Sent {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    let location = answer.header("location").expect("a place to go to");
    let (to, query) = location.split_once('?').unwrap_or((location, ""));
    Sent { to: to.to_owned(), params: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect() }
}

/// The hidden fields of a page, as its author wrote them.
pub fn hidden(page: &str) -> Fields {
    let unescape = |text: &str| {
        ["&#34;", "&#38;", "&#60;", "&#62;", "&#39;"]
            .iter()
            .zip(["\"", "&", "<", ">", "'"])
            .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
    };
    let input = |part: &str| {
        let (name, rest) = part.split_once('"').expect("a name");
        let value = rest.split_once("value=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a value").0;
        (name.to_owned(), unescape(value))
    };
    page.split("<input type=\"hidden\" name=\"").skip(1).map(input).collect()
}

/// A client that registered itself, and talks to the server directly.
pub struct Client {
    pub id: String,
    pub url: String,
    http: reqwest::Client,
}

impl Client {
    pub async fn register(server: &Server) -> Self {
        let registered = register(server, json!({"redirect_uris": [REDIRECT], "client_name": "Test <client>"})).await;
        assert_eq!(registered.status, StatusCode::CREATED, "{registered:?}");
        let id = registered.json()["client_id"].as_str().expect("an id").to_owned();
        Self { id, url: server.url.clone(), http: crate::harness::client() }
    }

    /// The query of a request, with changes: a parameter without a value is left out.
    pub fn query(&self, changes: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let mut params = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("state", "a state & more"),
            ("scope", "read write"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        params.extend(changes.iter().copied());
        params.retain(|_, value| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(format!("{}{path}", self.url)).body(body);
        answer(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    /// Exchanges a code, with changes.
    pub async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut fields = BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        fields.extend(changes.iter().copied());
        self.post("/oauth/token", &fields.into_iter().collect::<Vec<_>>()).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", self.id.as_str())];
        self.post("/oauth/token", &fields).await
    }
}

pub async fn register(server: &Server, body: Value) -> Answer {
    answer(crate::harness::client().post(format!("{}/oauth/register", server.url)).json(&body)).await
}

/// The word of an error in OAuth's form, with this status.
pub fn refusal(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    let body = answer.json();
    assert!(body["error_description"].as_str().is_some_and(|why| !why.is_empty()), "{body}");
    body["error"].as_str().expect("a word").to_owned()
}

/// A field of an answer with tokens.
pub fn token(answer: &Answer, name: &str) -> String {
    answer.ok()[name].as_str().expect("a token").to_owned()
}

/// Calls a tool over HTTP with this bearer token.
pub async fn call(server: &Server, token: &str, tool: &str, arguments: Value) -> Answer {
    let message =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
    let request =
        crate::harness::client().post(format!("{}/api/mcp/mcp", server.url)).bearer_auth(token).json(&message);
    answer(request.header(header::ACCEPT, "application/json, text/event-stream")).await
}
