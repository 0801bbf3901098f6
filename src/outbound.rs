//! Requests that this program makes: what all of them trust and never do.

use std::net::IpAddr;

use reqwest::{ClientBuilder, Url};
use rustls::{ClientConfig, RootCertStore};

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

#[cfg(test)]
mod tests {
    use super::is_this_machine;

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        let here = |url: &str| is_this_machine(&url.parse().expect("a URL"));
        assert!(here("http://localhost:1/v1") && here("http://127.1.2.3/v1") && here("http://[::1]:1/v1"));
        assert!(!here("http://localhost.example/v1") && !here("http://192.168.1.1/v1") && !here("https://[::2]/v1"));
    }
}
