//! Where a client may be redirected to with a code: the rules for what it may
//! register, and when what it asks for is what it registered. Both look at the
//! text itself, because a parser's repairs are not those of every browser.

use reqwest::Url;

const MAX_BYTES: usize = 2000;

/// Schemes that no client of its own answers: they run or show what the address
/// holds, or hand it to a program that does not expect a code.
const FOREIGN_SCHEMES: &str = "\
    about blob chrome chrome-extension cid content data file filesystem ftp ftps gopher intent jar javascript \
    ldap ldaps livescript magnet mailto mid mocha moz-extension nfs res resource sftp smb ssh tel telnet urn \
    vbscript view-source ws wss";

/// Checks that a client may register this redirect URI: https, or http on this
/// machine's loopback, or a native app's own scheme (RFC 8252 section 7).
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_redirect_uri(uri: &str) -> Result<(), &'static str> {
    if uri.len() > MAX_BYTES {
        return Err("It must be at most 2000 bytes.");
    }
    if uri.contains('#') {
        return Err("It must not have a '#'.");
    }
    // RFC 3986 section 2. Anything else, a backslash above all, is read in more than one way.
    if !uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)) {
        return Err("It must be made of the characters of a URI, with all others percent-encoded.");
    }
    let Some((scheme, rest)) = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Err("It must start with a scheme in small letters, like https:.");
    };
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("It must not hold a name or password.");
    }
    match scheme {
        "https" if authority.is_some_and(|host| !host.is_empty()) && Url::parse(uri).is_ok() => Ok(()),
        "https" => Err("It must name a host, like https://example.com/callback."),
        "http" if loopback(uri).is_some() => Ok(()),
        "http" => Err("With http it must lead to localhost, 127.0.0.1 or [::1]; use https for other hosts."),
        _ if FOREIGN_SCHEMES.split(' ').any(|foreign| foreign == scheme) || scheme.starts_with("ms-") => {
            Err("Its scheme can't be used.")
        }
        _ if rest.starts_with('/') => Ok(()),
        _ => Err("After the scheme there must be a '/', like com.example.app:/callback."),
    }
}

/// Whether a client that registered one redirect URI may be redirected to the
/// other: they are the same text, or differ only in the port of a loopback
/// address, which a native app is given anew each time (RFC 8252 section 7.3).
#[must_use]
pub fn redirect_matches(registered: &str, given: &str) -> bool {
    registered == given || loopback(registered).is_some_and(|registered| loopback(given) == Some(registered))
}

/// RFC 3986 section 3.1, in small letters.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

/// The host of an http URI on the loopback interface and what follows the port.
/// The name localhost is not in RFC 8252's exception, but is what many clients use.
fn loopback(uri: &str) -> Option<(&'static str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (host, rest) =
        ["localhost", "127.0.0.1", "[::1]"].into_iter().find_map(|host| Some((host, rest.strip_prefix(host)?)))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (port, rest) = rest.split_at(end);
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (port.is_empty() || port.strip_prefix(':').is_some_and(digits)).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn web_loopback_and_app_addresses_are_taken() {
        for good in [
            "https://example.com",
            "https://example.com/callback?a=b",
            "https://example.com:8443/callback",
            "https://192.168.1.2/callback",
            "https://claude.ai/api/mcp/auth_callback",
            "http://localhost",
            "http://localhost:6274/oauth/callback",
            "http://127.0.0.1:33418",
            "http://127.0.0.1:33418/",
            "http://[::1]:1/x",
            "http://localhost?x=@",
            "cursor://anysphere.cursor-retrieval/oauth/user-abc/callback",
            "vscode://vscode.github-authentication/did-authenticate",
            "com.example.app:/oauth2redirect",
            "com.example.app:///oauth2redirect",
        ] {
            assert_eq!(check_redirect_uri(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn addresses_that_others_could_read_a_code_from_are_refused() {
        for bad in [
            "",
            "/callback",
            "example.com/callback",
            "https:",
            "https:example.com",
            "https:/example.com",
            "https:///example.com",
            "https://",
            "https://?x",
            "https://example.com:x/",
            "https://example.com/#",
            "https://example.com/#part",
            "https://me@example.com/",
            "https://me:pw@example.com/",
            "https://@example.com/",
            "https://example.com\\@evil.example/",
            "https://example.com/a b",
            "https://example.com/\r\nx: y",
            "https://example.com/\t",
            "https://exämple.com/",
            "HTTPS://example.com/",
            "http://example.com/callback",
            "http://127.0.0.2/callback",
            "http://127.1/callback",
            "http://2130706433/callback",
            "http://localhost.example.com/callback",
            "http://localhost@example.com/callback",
            "http://localhost:80@example.com/callback",
            "http://localhost:/callback",
            "http://localhost:65536/callback",
            "http://localhost:+80/callback",
            "http://[::2]/callback",
            "http:localhost/callback",
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://example.com/x",
            "vbscript:x",
            "about:blank",
            "ws://example.com/",
            "wss://example.com/",
            "ftp://example.com/",
            "ms-msdt:/id",
            "mailto:me@example.com",
            "urn:ietf:wg:oauth:2.0:oob",
            "app:callback",
            "app://me@host/callback",
            "1app://callback",
            "*",
        ] {
            assert!(check_redirect_uri(bad).is_err(), "{bad}");
        }
        let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        assert_eq!(check_redirect_uri(&long(MAX_BYTES)), Ok(()));
        assert!(check_redirect_uri(&long(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        let app = "http://127.0.0.1:33418/callback?x=1";
        assert!(redirect_matches(app, app));
        assert!(redirect_matches(app, "http://127.0.0.1:1/callback?x=1"));
        assert!(redirect_matches(app, "http://127.0.0.1/callback?x=1"));
        assert!(redirect_matches("http://localhost/callback", "http://localhost:9/callback"));
        assert!(redirect_matches("http://[::1]/callback", "http://[::1]:9/callback"));
        for other in [
            "http://127.0.0.1:33418/callback?x=2",
            "http://127.0.0.1:33418/callback",
            "http://127.0.0.1:33418/callback?x=1#",
            "http://127.0.0.1:99999/callback?x=1",
            "http://localhost:33418/callback?x=1",
            "https://127.0.0.1:33418/callback?x=1",
            "http://127.0.0.1:33418@evil.example/callback?x=1",
            "http://127.0.0.1.evil.example:33418/callback?x=1",
        ] {
            assert!(!redirect_matches(app, other), "{other}");
        }
        assert!(!redirect_matches("https://example.com/callback", "https://example.com:443/callback"));
        assert!(!redirect_matches("https://example.com/", "https://example.com"));
        assert!(!redirect_matches("app://callback:1/", "app://callback:2/"));
    }

    proptest! {
        /// What passes the check is read by a parser as it was meant.
        #[test]
        fn a_parser_reads_a_checked_address_alike(
            scheme in "(https?|app|javascript|data)",
            slashes in "(//?)?",
            rest in r"(localhost|127\.0\.0\.1|\[::1\]|example\.com|[@:/?#\\]|[0-9]|[a-z]|%[0-9]){0,6}",
        ) {
            let uri = format!("{scheme}:{slashes}{rest}");
            if check_redirect_uri(&uri).is_ok() {
                let url = Url::parse(&uri);
                // Authorities of foreign schemes are theirs to read, so a port that is none may fail.
                if scheme != "app" {
                    let url = url.expect("a URL");
                    prop_assert_eq!(url.scheme(), scheme);
                    prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
                    if url.scheme() == "http" {
                        prop_assert!(matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")));
                    }
                }
                prop_assert!(!matches!(url_scheme(&uri), "javascript" | "data"));
            }
        }

        /// A code only ever goes to the host that was registered.
        #[test]
        fn matching_addresses_have_the_same_host(
            registered in r"http://(localhost|127\.0\.0\.1|\[::1\]|a\.example)(:[0-9]{1,5})?/?",
            given in r"http://(localhost|127\.0\.0\.1|\[::1\]|a\.example)([:@.][0-9]{1,5})?(@a\.example)?/?",
        ) {
            if check_redirect_uri(&registered).is_ok() && redirect_matches(&registered, &given) {
                let host = |uri: &str| Url::parse(uri).expect("a URL").host_str().map(str::to_owned);
                prop_assert_eq!(host(&registered), host(&given));
            }
        }
    }

    fn url_scheme(uri: &str) -> &str {
        uri.split(':').next().unwrap_or_default()
    }
}
