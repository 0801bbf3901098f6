//! Where requests go.

use std::time::Duration;

use reqwest::{Client, Url};

use crate::error::{Error, Result};
use crate::outbound;

/// The URL to post to.
pub(super) fn endpoint(base_url: &str) -> Result<Url> {
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(&format!("{}/embeddings", base_url.trim().trim_end_matches('/'))).ok();
    url.filter(plain).ok_or_else(|| {
        Error::invalid(
            "The base URL of the embedding server must be like http://127.0.0.1:11434/v1, \
             without name, password, '?' or '#'; a key has its own setting.",
        )
    })
}

pub(super) fn client(endpoint: &Url, connect_timeout: Duration) -> Result<Client> {
    let mut builder = outbound::client()?.connect_timeout(connect_timeout);
    if outbound::is_this_machine(endpoint) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_are_taken() {
        let url = endpoint(" http://127.0.0.1:9/v1/ ").expect("a URL");
        assert_eq!(url.as_str(), "http://127.0.0.1:9/v1/embeddings");
        for bad in ["", "localhost:11434/v1", "ftp://a/v1", "http://me:pw@a/v1", "http://me@a/v1", "http://a/v1?x=1"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
        assert!(endpoint("http://a/v1#x").is_err());
    }
}
