//! The one error type of the program, and the one table that says what each
//! kind means to a client: a stable code, an HTTP status, an exit code.
//!
//! Messages of the client's kinds (everything but [`Error::Internal`] and
//! [`Error::Unavailable`]) are sent as they are, so they must say what was
//! wrong and what to do about it, and must not quote memory text or secrets.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong, by what the caller can do about it.
#[derive(Debug)]
pub enum Error {
    /// The request can't be understood or breaks a rule; the text says which.
    Invalid(String),
    /// No valid credential. Deliberately without a reason.
    Unauthorized,
    /// The credential is valid but its scopes don't cover the operation.
    Forbidden(String),
    /// What the request names does not exist for this account.
    NotFound(String),
    /// Some of the ids of an all-or-nothing request can't be resolved.
    RejectedIds(Vec<String>),
    /// The request contradicts what is stored.
    Conflict(String),
    /// The body or a list in it is over a limit.
    TooLarge(String),
    /// The body is not of a type that the operation reads.
    UnsupportedMediaType(String),
    /// The client took too long to send its request.
    Timeout(String),
    /// The same was tried too often of late.
    TooMany(String),
    /// A refusal that OAuth 2 has its own word for (RFC 6749 section 5.2, RFC 7591
    /// section 3.2.2, RFC 8707 section 2), and the sentence.
    OAuth(&'static str, String),
    /// More work is waiting than the server takes on.
    Busy,
    /// The storage can't serve now (full disk, lost database); trying again may work.
    Unavailable(Source),
    /// A fault of ours. The source is logged, never sent.
    Internal(Source),
}

/// One row of the table of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Stable name on the wire, in field `code`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Exit code of the command line.
    pub exit: u8,
}

impl Error {
    /// The error's row in the table of kinds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let (code, status, exit) = match self {
            Self::Invalid(_) => ("invalid_request", 400, 2),
            Self::Unauthorized => ("unauthorized", 401, 3),
            Self::Forbidden(_) => ("forbidden", 403, 3),
            Self::NotFound(_) => ("not_found", 404, 4),
            Self::RejectedIds(_) => ("rejected_ids", 404, 4),
            Self::Timeout(_) => ("timeout", 408, 5),
            Self::Conflict(_) => ("conflict", 409, 4),
            Self::TooLarge(_) => ("too_large", 413, 2),
            Self::UnsupportedMediaType(_) => ("unsupported_media_type", 415, 2),
            Self::TooMany(_) => ("too_many_requests", 429, 5),
            Self::OAuth(code @ "invalid_client", _) => (*code, 401, 3),
            Self::OAuth(code, _) => (*code, 400, 3),
            Self::Internal(_) => ("internal", 500, 1),
            Self::Busy => ("busy", 503, 5),
            Self::Unavailable(_) => ("unavailable", 503, 5),
        };
        Kind { code, status, exit }
    }

    /// A request that breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Something that does not exist for this account.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }

    /// A fault of ours, with what led to it.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }

    /// Storage that can't serve now.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }
}

impl fmt::Display for Error {
    /// The sentence for the client: no internals, no secrets, no memory text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(message)
            | Self::Forbidden(message)
            | Self::NotFound(message)
            | Self::Conflict(message)
            | Self::TooLarge(message)
            | Self::UnsupportedMediaType(message)
            | Self::Timeout(message)
            | Self::TooMany(message)
            | Self::OAuth(_, message) => f.write_str(message),
            Self::Unauthorized => f.write_str(
                "A valid API token is required: send the header 'Authorization: Bearer <token>'. \
                 Tokens are made with 'commonplace token create NAME'.",
            ),
            Self::RejectedIds(ids) => write!(
                f,
                "{} of the memory ids can't be resolved, so nothing was changed; \
                 remove the ids listed in rejectedIds and send the request again.",
                ids.len()
            ),
            Self::Busy => f.write_str("The server has more work waiting than it takes on; try again in a moment."),
            Self::Unavailable(_) => {
                f.write_str("The storage can't serve this right now; nothing was done by halves. Try again shortly.")
            }
            Self::Internal(_) => f.write_str("Something went wrong inside the server; its log has the details."),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(source) | Self::Internal(source) => Some(source.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_kind_keeps_its_code_status_and_exit() {
        let text = String::new;
        let table: Vec<String> = [
            Error::Invalid(text()),
            Error::Unauthorized,
            Error::Forbidden(text()),
            Error::NotFound(text()),
            Error::RejectedIds(vec![]),
            Error::Timeout(text()),
            Error::Conflict(text()),
            Error::TooLarge(text()),
            Error::UnsupportedMediaType(text()),
            Error::TooMany(text()),
            Error::OAuth("invalid_client", text()),
            Error::OAuth("invalid_grant", text()),
            Error::internal("x"),
            Error::Busy,
            Error::unavailable("x"),
        ]
        .iter()
        .map(|error| {
            let kind = error.kind();
            format!("{} {} {}", kind.code, kind.status, kind.exit)
        })
        .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        invalid_request 400 2
        unauthorized 401 3
        forbidden 403 3
        not_found 404 4
        rejected_ids 404 4
        timeout 408 5
        conflict 409 4
        too_large 413 2
        unsupported_media_type 415 2
        too_many_requests 429 5
        invalid_client 401 3
        invalid_grant 400 3
        internal 500 1
        busy 503 5
        unavailable 503 5
        ");
    }
}
