//! Keys of servers.

use std::fmt;

use reqwest::header::HeaderValue;

use crate::error::{Error, Result};

/// A secret that goes to the server as a bearer token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// A key; blanks around it are not part of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is empty or can't be sent in a header.
    pub fn new(key: &str) -> Result<Self> {
        let key = key.trim();
        let wrong = || Error::invalid("The key of a server must be visible ASCII characters without blanks.");
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| wrong())?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// The value of the header that carries it.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_as_a_bearer_token_and_shown_nowhere() {
        let key = ApiKey::new(" sk-secret\n").expect("a key");
        assert!(!format!("{key:?} {:?}", key.header()).contains("secret"));
        assert_eq!(key.header().to_str().ok(), Some("Bearer sk-secret"));
        for bad in ["", "  ", "a b", "ключ", "a\nb"] {
            assert!(ApiKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
