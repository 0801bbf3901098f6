//! Requests that this program makes: what all of them trust and never do.

mod health;
mod key;

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, Url};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

pub use health::{Health, State};
pub use key::ApiKey;

use crate::clock::Micros;
use crate::error::{Error, Result};

/// A client that says who it is and follows no redirect.
///
/// # Errors
/// As [`tls`].
pub fn client() -> Result<ClientBuilder> {
    Ok(client_with(tls(roots())?))
}

/// The same with other TLS.
pub fn client_with(tls: ClientConfig) -> ClientBuilder {
    let name = concat!("commonplace/", env!("CARGO_PKG_VERSION"));
    let builder = reqwest::Client::builder().user_agent(name).redirect(reqwest::redirect::Policy::none());
    builder.tls_backend_preconfigured(tls)
}

/// The usual authorities, which are compiled in, and those that this machine was
/// told to trust.
#[must_use]
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without certificates of its own, or with a broken one, has the compiled-in ones.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// TLS that trusts these authorities.
///
/// # Errors
/// [`Error::Internal`] where the library refuses its own defaults.
pub fn tls(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into());
    let config = config.with_safe_default_protocol_versions().map_err(Error::internal)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Whether a URL leads to this machine, where no proxy is needed.
#[must_use]
pub fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What to post to at an API that begins at `base_url`. `None` where that is no
/// plain http or https URL.
#[must_use]
pub fn endpoint(base_url: &str, name: &str) -> Option<Url> {
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(&format!("{}/{name}", base_url.trim().trim_end_matches('/'))).ok();
    url.filter(plain)
}

/// A client for one server, which reaches one on this machine directly.
///
/// # Errors
/// As [`client`].
pub fn client_for(endpoint: &Url, connect_timeout: Duration) -> Result<Client> {
    let mut builder = client()?.connect_timeout(connect_timeout);
    if is_this_machine(endpoint) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(Error::internal)
}

/// The body of an answer; `None` where it has more than `limit` bytes, of which no
/// more are read then.
///
/// # Errors
/// Where it breaks off.
pub async fn body(response: &mut Response, limit: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

/// Where a redirect leads, without what may be secret in it.
#[must_use]
pub fn redirect_target(from: &Url, headers: &HeaderMap) -> Option<String> {
    let target = headers.get(LOCATION)?.to_str().ok()?;
    let target = from.join(target).ok()?;
    Some(format!("{}{}", target.origin().ascii_serialization(), target.path()))
}

/// The innermost cause of an error, which is the one that says something, such as
/// "connection refused".
#[must_use]
pub fn innermost(error: &reqwest::Error) -> &dyn std::error::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

/// What `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3).
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Micros) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_microsecond();
    Some(Duration::from_micros(u64::try_from(time.saturating_sub(now.0)).unwrap_or(0)))
}

/// The short code of an error answer, such as `invalid_api_key`. The message
/// beside it is left alone: it may quote what was sent.
#[must_use]
pub fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        code: Option<serde_json::Value>,
        #[serde(rename = "type")]
        kind: Option<serde_json::Value>,
    }
    let detail = serde_json::from_slice::<Refusal>(body).ok()?.error;
    [detail.code, detail.kind]
        .into_iter()
        .flatten()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .find(|code| (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        let here = |url: &str| is_this_machine(&url.parse().expect("a URL"));
        assert!(here("http://localhost:1/v1") && here("http://127.1.2.3/v1") && here("http://[::1]:1/v1"));
        assert!(!here("http://localhost.example/v1") && !here("http://192.168.1.1/v1") && !here("https://[::2]/v1"));
    }

    #[test]
    fn only_plain_urls_are_taken() {
        let url = endpoint(" http://127.0.0.1:9/v1/ ", "embeddings").expect("a URL");
        assert_eq!(url.as_str(), "http://127.0.0.1:9/v1/embeddings");
        let bad = ["", "localhost:11434/v1", "ftp://a/v1", "http://me:pw@a/v1", "http://me@a/v1", "http://a/v1?x=1"];
        for bad in bad.into_iter().chain(["http://a/v1#x"]) {
            assert!(endpoint(bad, "embeddings").is_none(), "{bad}");
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let now = Micros::parse("1994-11-06T08:49:00Z").expect("a time");
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(37)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-5"), None);
    }

    #[test]
    fn only_the_code_of_an_error_is_taken() {
        let error = json!({"error": {"message": "Incorrect key sk-secret", "type": "invalid_request_error", "code": "invalid_api_key"}});
        assert_eq!(error_code(error.to_string().as_bytes()).as_deref(), Some("invalid_api_key"));
        let talkative = json!({"error": {"message": "no", "code": "Key sk-secret is wrong", "type": 7}});
        assert_eq!(error_code(talkative.to_string().as_bytes()), None);
        assert_eq!(error_code(b"<html>"), None);
    }
}
