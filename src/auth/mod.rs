//! Who is asking, and what they may do: accounts, API tokens, sessions of
//! signed-in people, what they allowed to OAuth clients, scopes.
//!
//! A [`Caller`] is made only here. Every operation on owned rows takes one, and
//! every query takes its account, so that an unscoped query does not compile.

pub mod oauth;
pub mod ops;
pub mod own;
mod rows;
pub mod session;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock};

use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::AccountId;

pub use rows::advance;

/// A kind of operation that a token can be limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// See memories, buckets, trash and receipts.
    Read,
    /// Create, change, delete, restore and purge them.
    Write,
    /// See how the server is doing, for whomever it works; see and end the account's
    /// tokens and what OAuth clients may do.
    Admin,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The scope of this name.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// The scope's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes, written as names with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.to_vec())
    }

    /// These scopes.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Self {
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The others.
    #[must_use]
    pub fn without(&self, scope: Scope) -> Self {
        Self(self.0.iter().copied().filter(|other| *other != scope).collect())
    }

    /// These, and one more.
    #[must_use]
    pub fn with(&self, scope: Scope) -> Self {
        let mut scopes = self.0.clone();
        scopes.push(scope);
        Self::of(&scopes)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|scope| scope.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Scopes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let find = |name: &str| {
            Scope::named(name).ok_or_else(|| {
                Error::invalid(format!("'{name}' is not a scope; give read, write and admin, with commas between."))
            })
        };
        let scopes = text.split(',').map(|name| find(name.trim())).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(&scopes))
    }
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account whose data this is about.
    pub account: AccountId,
    /// The token's name, for receipts; of an OAuth client, the client's; of a
    /// person signed in, where they are.
    pub token_name: String,
    scopes: Scopes,
    by: By,
}

/// How a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// By a token, or by sitting at the server.
    Token,
    /// By what a person allowed to an OAuth client.
    Client,
    /// By signing in with a password.
    Person,
}

impl Caller {
    /// The person at the server's own command line, acting for an account.
    #[must_use]
    pub fn operator(account: AccountId) -> Self {
        Self { account, token_name: "command line".to_owned(), scopes: Scopes::all(), by: By::Token }
    }

    /// What it may do.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether this is an OAuth client, which can ask its person for more scopes.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.by == By::Client
    }

    /// Whether this is a person who is signed in.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.by == By::Person
    }

    /// Refuses who may not see and end what gives access to the account: a person who
    /// is signed in may, whatever else they may do on this server.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the scope `admin`.
    fn require_own(&self) -> Result<()> {
        if self.is_person() { Ok(()) } else { self.require(Scope::Admin) }
    }

    /// Refuses where the caller's scopes don't cover `scope`.
    ///
    /// # Errors
    /// [`Error::Forbidden`], naming the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.has(scope) {
            return Ok(());
        }
        Err(Error::Forbidden(format!(
            "This needs a token with the scope '{}'; this one has '{}'.",
            scope.name(),
            self.scopes
        )))
    }
}

/// What a process keeps in memory about callers. Another process need not know it.
#[derive(Debug, Default)]
pub struct Recent {
    /// When a use of a token was last recorded, by its look-up part or its grant.
    uses: Mutex<HashMap<String, Micros>>,
    sign_in: session::Attempts,
    /// Made when first needed, since reading a machine's certificates takes a while.
    documents: OnceLock<oauth::Documents>,
}

impl Recent {
    fn documents(&self) -> Result<&oauth::Documents> {
        if let Some(documents) = self.documents.get() {
            return Ok(documents);
        }
        let made = oauth::documents()?;
        Ok(self.documents.get_or_init(|| made))
    }
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its unique name.
    pub name: String,
    /// When it was made.
    pub created_at: Micros,
}

/// A token, without its secret.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The part of the token that recognizes it; not secret.
    pub lookup: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Micros,
    /// From when on it is refused.
    pub expires_at: Option<Micros>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Micros>,
}

#[cfg(test)]
mod tests {
    use super::Scopes;

    #[test]
    fn scopes_are_read_in_any_order_and_written_in_one() {
        let scopes: Scopes = "write, read,write".parse().expect("valid");
        assert_eq!(scopes.to_string(), "read,write");
        assert!("root".parse::<Scopes>().is_err());
        assert!("".parse::<Scopes>().is_err());
    }
}
