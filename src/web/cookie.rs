//! The two cookies: of a session, and of a form shown before there is one.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::auth::session;
use crate::error::{Error, Result};

/// How cookies are written on this server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cookie {
    /// Over TLS a cookie gets a prefix by which browsers refuse it from anyone
    /// but this host (RFC 6265bis section 4.1.3.2).
    secure: bool,
}

impl Cookie {
    pub(super) fn of(base: &str) -> Self {
        Self { secure: base.starts_with("https://") }
    }

    fn name(self, plain: &str) -> String {
        format!("{}commonplace_{plain}", if self.secure { "__Host-" } else { "" })
    }

    fn read(self, headers: &HeaderMap, plain: &str) -> Option<String> {
        let name = self.name(plain);
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        // The form of a secret; nothing else is looked for.
        let is_secret = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_secret.then(|| value.to_owned())
    }

    /// The secret of the session.
    pub(super) fn session(self, headers: &HeaderMap) -> Option<String> {
        self.read(headers, "session")
    }

    /// The secret of forms before there is a session.
    pub(super) fn form(self, headers: &HeaderMap) -> Option<String> {
        self.read(headers, "form")
    }

    fn write(self, plain: &str, value: &str, seconds: i64) -> Result<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.name(plain);
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        HeaderValue::from_str(&cookie).map_err(Error::internal)
    }

    /// Sets the session's secret.
    pub(super) fn set_session(self, secret: &str) -> Result<HeaderValue> {
        self.write("session", secret, session::DAYS * 86_400)
    }

    /// Takes the session's secret away.
    pub(super) fn clear_session(self) -> Result<HeaderValue> {
        self.write("session", "", 0)
    }

    /// Sets the secret of forms.
    pub(super) fn set_form(self, secret: &str) -> Result<HeaderValue> {
        self.write("form", secret, 3600)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};

    use super::Cookie;

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let written = |base| Cookie::of(base).set_session("s").expect("a header");
        let plain = "commonplace_session=s; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000";
        assert_eq!(written("http://127.0.0.1:8787"), plain);
        assert_eq!(written("https://memory.example"), format!("__Host-{plain}; Secure").as_str());
    }

    #[test]
    fn only_a_secret_of_the_right_form_is_read() {
        let secret = "0123456789abcdef".repeat(4);
        for (value, wanted) in [
            (format!("a=b; commonplace_session={secret}"), Some(secret.clone())),
            (format!("commonplace_session={secret}0"), None),
            (format!("other_commonplace_session={secret}"), None),
            ("commonplace_session=".to_owned(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, value.parse().expect("a header"));
            assert_eq!(Cookie::of("http://x").session(&headers), wanted, "{value}");
        }
    }
}
