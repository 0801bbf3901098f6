//! Where clients reach this server: the URLs that it calls itself by, and with
//! them the hosts and origins that it answers to.
//!
//! OAuth compares URLs as text, so what a client is told must begin as what it
//! asked for. With the setting `public_url` there is one such beginning. Without
//! it the server is reached on this machine by several names, and each client
//! is told the one that it used.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::config::Config;

/// The path of MCP.
pub const MCP_PATH: &str = "/api/mcp/mcp";

/// Names of this machine as it calls itself.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The server's addresses.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Without a slash at the end; the first is what the server calls itself.
    bases: Vec<String>,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Addresses {
    /// Those of a server that listens on `listening`.
    #[must_use]
    pub fn new(config: &Config, listening: SocketAddr) -> Self {
        let port = listening.port();
        let mut bases = vec![config.base_url(listening)];
        let here = listening.ip().is_loopback() || listening.ip().is_unspecified();
        if config.public_url.is_none() && here {
            bases.extend(LOOPBACK.iter().map(|name| format!("http://{name}:{port}")));
        }
        let mut hosts: Vec<String> = bases.iter().map(|base| authority(base).to_owned()).collect();
        // A proxy in front may pass on the name by which it reaches the server.
        hosts.extend(LOOPBACK.iter().map(|name| format!("{name}:{port}")));
        hosts.push(listening.to_string());
        // A port that goes without saying is not said.
        let unsaid: Vec<String> = hosts.iter().filter_map(|host| host.strip_suffix(":80")).map(str::to_owned).collect();
        hosts.extend(unsaid);
        let mut origins: Vec<String> = bases.iter().map(|base| origin(base)).collect();
        origins.extend(config.allowed_origins.iter().map(|given| origin(given)));
        for list in [&mut bases, &mut hosts, &mut origins] {
            let mut seen = HashSet::new();
            list.retain(|entry| seen.insert(entry.clone()));
        }
        Self { bases, hosts, origins }
    }

    /// The URL that the server calls itself by, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.bases[0]
    }

    /// The URL by which a client that sent this `Host` header reaches the server.
    #[must_use]
    pub fn base_for(&self, host: Option<&str>) -> &str {
        let asked = host.and_then(|host| self.bases.iter().find(|base| authority(base).eq_ignore_ascii_case(host)));
        asked.map_or_else(|| self.base(), String::as_str)
    }

    /// The values of the header `Host` that are answered.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The values of the header `Origin` that are answered, each with its port.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Whether a page with this `Origin` is the server's own.
    #[must_use]
    pub fn is_own(&self, page: &str) -> bool {
        page.contains("://") && self.bases.iter().any(|base| origin(base) == origin(page))
    }

    /// Whether a page with this `Origin` may use MCP.
    #[must_use]
    pub fn takes(&self, page: &str) -> bool {
        page.contains("://") && self.origins.contains(&origin(page))
    }

    /// Whether a token for this resource (RFC 8707) is for this server: for its
    /// MCP endpoint, or for the server as a whole.
    #[must_use]
    pub fn is_ours(&self, resource: &str) -> bool {
        let resource = resource.trim_end_matches('/');
        self.bases.iter().any(|base| {
            let rest = resource.strip_prefix(base.as_str());
            rest.is_some_and(|path| path.is_empty() || path == MCP_PATH)
        })
    }
}

/// The host and port of a URL as they stand in it.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// The origin of a URL, with its port written out.
fn origin(url: &str) -> String {
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    let authority = authority(url);
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = if scheme == "https" { 443 } else { 80 };
    if has_port { format!("{scheme}://{authority}") } else { format!("{scheme}://{authority}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::Addresses;
    use crate::config::Config;

    fn addresses(listening: &str, settings: &[(&str, &str)]) -> Addresses {
        let flags: Vec<_> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "").expect("written");
        let config = Config::load(Some(&file), &flags).expect("valid settings");
        Addresses::new(&config, listening.parse().expect("an address"))
    }

    #[test]
    fn a_local_server_goes_by_the_name_that_the_client_used() {
        let local = addresses("127.0.0.1:8787", &[]);
        assert_eq!(local.base(), "http://127.0.0.1:8787");
        assert_eq!(local.base_for(Some("LOCALHOST:8787")), "http://localhost:8787");
        assert_eq!(local.base_for(Some("evil.example")), "http://127.0.0.1:8787");
        assert!(local.is_ours("http://localhost:8787/api/mcp/mcp"));
        assert!(local.is_ours("http://[::1]:8787/"));
        assert!(local.origins().contains(&"http://localhost:8787".to_owned()));
    }

    #[test]
    fn a_public_server_has_one_name_and_a_proxy_may_use_another() {
        let public = addresses("0.0.0.0:80", &[("public_url", "https://memory.example/")]);
        assert_eq!(public.base_for(Some("localhost:80")), "https://memory.example");
        assert!(public.hosts().contains(&"memory.example".to_owned()));
        assert!(public.hosts().contains(&"127.0.0.1:80".to_owned()));
        assert_eq!(public.origins(), ["https://memory.example:443"]);
        for other in ["https://memory.example.evil", "http://memory.example", "https://memory.example/api", "", "/"] {
            assert!(!public.is_ours(other), "{other}");
        }
        assert!(public.is_ours("https://memory.example"));
    }

    #[test]
    fn other_origins_are_a_setting() {
        let local = addresses("127.0.0.1:8787", &[("allowed_origins", "http://localhost:6274, https://chat.example")]);
        assert!(local.origins().contains(&"http://localhost:6274".to_owned()));
        assert!(local.origins().contains(&"https://chat.example:443".to_owned()));
    }
}
