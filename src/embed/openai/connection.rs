//! Where requests go, and what the connection trusts.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Url};

use crate::error::{Error, Result};

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
    let mut builder = Client::builder()
        .user_agent(concat!("commonplace/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .tls_backend_preconfigured(tls()?);
    if is_this_machine(endpoint) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(Error::internal)
}

/// TLS that trusts the usual authorities, which are compiled in, and those that
/// this machine was told to trust.
fn tls() -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without certificates of its own, or with a broken one, has the compiled-in ones.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into());
    let config = config.with_safe_default_protocol_versions().map_err(Error::internal)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        let here = |url: &str| is_this_machine(&endpoint(url).expect("a URL"));
        assert!(here("http://localhost:1/v1") && here("http://127.1.2.3/v1") && here("http://[::1]:1/v1"));
        assert!(!here("http://localhost.example/v1") && !here("http://192.168.1.1/v1") && !here("https://[::2]/v1"));
    }
}
