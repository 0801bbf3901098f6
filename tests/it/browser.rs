//! A person with a browser.

use std::collections::BTreeMap;

use commonplace::auth::{ops as auth, session};
use reqwest::{Method, StatusCode, header};

use crate::harness::{Answer, Server, answer};

pub const PASSWORD: &str = "correct horse battery staple";

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
        Self::at(&server.url)
    }

    /// A browser for the server at this address.
    pub fn at(url: &str) -> Self {
        drop(crate::harness::client());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { url: url.to_owned(), http, cookies: BTreeMap::new() }
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

    /// A person who has signed in, with an account made for them.
    pub async fn of_new_user(server: &Server, name: &str) -> Self {
        server.user(name).await;
        Self::signed_in(server, name).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.http.request(Method::GET, format!("{}{path}", self.url))).await
    }

    /// Fetches a part of a page, as a script does.
    pub async fn fragment(&mut self, path: &str) -> Answer {
        let request = self.http.request(Method::GET, format!("{}{path}", self.url));
        self.send(request.header("x-fragment", "1")).await
    }

    /// Asks for a page that must be there.
    pub async fn page(&mut self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.text
    }

    /// Fills in the form of a page that posts to `action`, and sends it: its hidden fields, and these.
    pub async fn fill(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page(page).await;
        let mut all = form(&page, action);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.submit(action, &all).await
    }

    /// Goes where an answer sends the browser, which must be on this server.
    pub async fn follow(&mut self, answer: &Answer) -> String {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let to = answer.header("location").expect("a place to go to").to_owned();
        assert!(to.starts_with('/') && !to.starts_with("//"), "{to}");
        self.page(&to).await
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

    /// Sends files as a page's form does, or as its script does.
    pub async fn upload(&mut self, path: &str, csrf: &str, files: &[(&str, &[u8])], is_script: bool) -> Answer {
        let boundary = "----WebKitFormBoundary0123456789abcdef";
        let mut body =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n").into_bytes();
        for (name, bytes) in files {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let request = self.http.request(Method::POST, format!("{}{path}", self.url)).body(body);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let request = request.header(header::CONTENT_TYPE, kind).header(header::ORIGIN, self.url.clone());
        self.send(if is_script { request.header("x-fragment", "1") } else { request }).await
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

/// The hidden fields of the form of a page that posts to `action`.
#[track_caller]
pub fn form(page: &str, action: &str) -> Fields {
    let start = format!("action=\"{action}\"");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no form posts to {action}: {page}"));
    hidden(rest.split("</form>").next().unwrap_or_default())
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
