//! Which memories an operation is about: those that are named, or all that meet
//! some conditions. Looking at a selection, deleting it, moving it and taking it
//! away find the same memories, so that what was shown is what is done.

use super::delete::check_count;
use super::rows::Located;
use super::{Asked, check_source, rows};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::search::{self, Terms};

/// Longest name of a content type, in characters.
const CONTENT_TYPE_MAX: usize = 50;

/// Which memories.
#[derive(Debug, Clone)]
pub enum Selection {
    /// Those with these ids, each counted once however often it is named.
    Ids(Vec<String>),
    /// The same, as long as there is the memory `kept`, which is none of them: of
    /// duplicates, those that may go because one stays.
    Beside {
        /// The one that stays.
        kept: String,
        /// The others.
        ids: Vec<String>,
    },
    /// All that meet these conditions.
    Where(Conditions),
}

/// Conditions on a memory, all of which must hold. Without any, every memory is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What it is, and where and when it was stored.
    pub filter: search::Filter,
    /// It has every word of this, by stem. Nothing is matched by meaning.
    pub query: Option<String>,
}

impl Conditions {
    /// Refuses what no memory can be asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a query without a word or with too many, and for a
    /// source or content type that none can have.
    pub(super) fn check(self) -> Result<Checked> {
        check_source(self.filter.source.clone())?;
        let is_bad = |kind: &String| kind.chars().count() > CONTENT_TYPE_MAX || kind.chars().any(char::is_control);
        if self.filter.content_type.as_ref().is_some_and(is_bad) {
            return Err(Error::invalid("A content type is a word such as text or image."));
        }
        let terms = match self.query.as_deref().map(Terms::of) {
            None => None,
            Some(None) => return Err(Error::invalid("The field 'query' has no word in it.")),
            // What is left out of a search only finds less well; here it would select more.
            Some(Some(terms)) if terms.is_cut() => {
                let most = search::MOST_WORDS;
                return Err(Error::invalid(format!("The field 'query' has more than {most} different words.")));
            }
            Some(terms) => terms,
        };
        Ok(Checked { filter: self.filter, terms })
    }
}

/// Conditions that can be asked for.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub filter: search::Filter,
    pub terms: Option<Terms>,
}

impl Checked {
    /// The documents that have the words, where some are asked for.
    pub(super) async fn docs(&self, tx: &mut Tx, account: AccountId) -> Result<Option<Vec<i64>>> {
        match &self.terms {
            Some(terms) => search::matching_all(tx, account, terms).await.map(Some),
            None => Ok(None),
        }
    }

    async fn found(&self, tx: &mut Tx, account: AccountId) -> Result<Vec<Located>> {
        let docs = self.docs(tx, account).await?;
        rows::located_where(tx, account, &self.filter, docs.as_deref()).await
    }
}

/// A selection that can be asked for.
#[derive(Debug, Clone)]
pub(super) enum Chosen {
    Ids(Asked),
    Beside(String, Asked),
    Where(Checked),
}

impl Selection {
    /// # Errors
    /// [`Error::Invalid`] for more ids than the limit; as [`Conditions::check`].
    pub(super) fn check(self, app: &App) -> Result<Chosen> {
        match self {
            Self::Ids(ids) => {
                check_count(app, ids.len())?;
                Ok(Chosen::Ids(Asked::new(ids)))
            }
            Self::Beside { kept, mut ids } => {
                check_count(app, ids.len())?;
                ids.retain(|id| *id != kept);
                Ok(Chosen::Beside(kept, Asked::new(ids)))
            }
            Self::Where(conditions) => conditions.check().map(Chosen::Where),
        }
    }
}

impl Chosen {
    /// The memories there are of it, in order of their ids.
    ///
    /// # Errors
    /// [`Error::Conflict`] where one that is to stay is gone.
    pub(super) async fn found(&self, tx: &mut Tx, account: AccountId) -> Result<Vec<Located>> {
        match self {
            Self::Ids(asked) => rows::locate(tx, account, &asked.ids).await,
            Self::Beside(kept, asked) => {
                if rows::locate(tx, account, std::slice::from_ref(kept)).await?.is_empty() {
                    return Err(Error::Conflict(
                        "The memory that was to stay is gone, so nothing was deleted. Look at the duplicates again."
                            .to_owned(),
                    ));
                }
                rows::locate(tx, account, &asked.ids).await
            }
            Self::Where(conditions) => conditions.found(tx, account).await,
        }
    }

    /// How many distinct memories it means, of which so many were found.
    pub(super) fn meant(&self, found: usize) -> usize {
        match self {
            Self::Ids(asked) | Self::Beside(_, asked) => asked.count,
            Self::Where(_) => found,
        }
    }
}
