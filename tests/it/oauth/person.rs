//! A client that asks a person, and what the person answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, Sent, hidden, sent};
use crate::harness::{Answer, Server, answer};

pub const REDIRECT: &str = "http://127.0.0.1:3999/callback";
/// The verifier of every request of these tests, and its challenge.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

impl Browser {
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
