//! Memories as a table, a page at a time: in order of a time, from either end and
//! from any row on. A page costs the same wherever it is, so 100,000 memories are
//! no slower to go through than a hundred.

use std::fmt;
use std::str::FromStr;

use futures_util::FutureExt;

use super::Memory;
use super::rows::{self, Side, Time};
use super::select::Conditions;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::error::{Error, Result};

/// Most rows in a page.
pub const PAGE_MAX: usize = 500;

/// An order of memories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Stored last first.
    #[default]
    Newest,
    /// Stored first first.
    Oldest,
    /// Changed last first.
    Updated,
}

/// A place between rows: the time and the number of one beside it. It stays where
/// it is when that row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    time: i64,
    doc: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.time, self.doc)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = |text: &str| text.parse().ok();
        let cursor = text.split_once('.').and_then(|(time, doc)| Some(Self { time: parse(time)?, doc: parse(doc)? }));
        cursor.ok_or_else(|| Error::invalid("The cursor is not one that a page gave; begin with the first page."))
    }
}

/// Where a page begins or ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum From {
    /// It is the first.
    #[default]
    First,
    /// It is the last.
    Last,
    /// It follows this place.
    After(Cursor),
    /// It ends at this place.
    Before(Cursor),
}

/// Which page to show.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Of which memories.
    pub conditions: Conditions,
    /// In which order.
    pub order: Order,
    /// From where on.
    pub from: From,
    /// At most how many rows, 1 to [`PAGE_MAX`].
    pub limit: usize,
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its rows, in order.
    pub memories: Vec<Memory>,
    /// How many rows all pages have together.
    pub total: i64,
    /// How many rows there are before its first.
    pub skipped: i64,
    /// The place before its first row, where pages before it may be.
    pub previous: Option<Cursor>,
    /// The place after its last row, where pages after it may be.
    pub next: Option<Cursor>,
}

/// A page of the memories that meet conditions, and how many there are of them.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`; [`Error::Invalid`] for a limit
/// out of range, and for a query without a word.
pub async fn page(app: &App, caller: &Caller, ask: Ask) -> Result<Page> {
    caller.require(Scope::Read)?;
    if !(1..=PAGE_MAX).contains(&ask.limit) {
        return Err(Error::invalid(format!("A page has 1 to {PAGE_MAX} rows.")));
    }
    let Ask { conditions, order, from, limit } = ask;
    let args = (caller.account, conditions.check()?, order, from, limit);
    app.db
        .read(args, |tx, (account, checked, order, from, limit)| {
            async move {
                let docs = checked.docs(tx, *account).await?;
                let of = (&checked.filter, docs.as_deref());
                let total = rows::count_where(tx, *account, of.0, of.1).await?;
                let by = if *order == Order::Updated { Time::Updated } else { Time::Created };
                let (is_backward, edge) = match from {
                    From::First => (false, None),
                    From::Last => (true, None),
                    From::After(cursor) => (false, Some(*cursor)),
                    From::Before(cursor) => (true, Some(*cursor)),
                };
                let side = if is_backward == (*order == Order::Oldest) { Side::Earlier } else { Side::Later };
                let end = if side == Side::Earlier { i64::MAX } else { i64::MIN };
                let begin = edge.map_or((end, end), |Cursor { time, doc }| (time, doc));
                // One more than wanted tells whether there are more.
                let most = i64::try_from(*limit).unwrap_or(i64::MAX - 1) + 1;
                let mut places = rows::places(tx, *account, of, by, (side, begin), most).await?;
                let is_more = places.len() > *limit;
                places.truncate(*limit);
                if is_backward {
                    places.reverse();
                }
                let docs: Vec<i64> = places.iter().map(|(_, doc)| *doc).collect();
                let ahead = if *order == Order::Oldest { Side::Earlier } else { Side::Later };
                let skipped = match (places.first(), from) {
                    (None, _) | (_, From::First) => 0,
                    (Some(first), _) => rows::count_beyond(tx, *account, of, by, (ahead, *first)).await?,
                };
                let mut found = rows::by_docs(tx, *account, &docs).await?;
                let cursor = |place: Option<&(i64, i64)>| place.map(|(time, doc)| Cursor { time: *time, doc: *doc });
                let (before, after) = if is_backward { (is_more, edge.is_some()) } else { (edge.is_some(), is_more) };
                Ok(Page {
                    memories: docs.iter().filter_map(|doc| found.remove(doc)).collect(),
                    total,
                    skipped,
                    previous: cursor(places.first().filter(|_| before)),
                    next: cursor(places.last().filter(|_| after)),
                })
            }
            .boxed()
        })
        .await
}

/// How many memories meet conditions.
///
/// # Errors
/// As [`page`].
pub async fn count(app: &App, caller: &Caller, conditions: Conditions) -> Result<i64> {
    caller.require(Scope::Read)?;
    let args = (caller.account, conditions.check()?);
    app.db
        .read(args, |tx, (account, checked)| {
            async move {
                let docs = checked.docs(tx, *account).await?;
                rows::count_where(tx, *account, &checked.filter, docs.as_deref()).await
            }
            .boxed()
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor { time: -5, doc: i64::MAX };
        assert_eq!(cursor.to_string().parse::<Cursor>().expect("a cursor"), cursor);
        for bad in ["", "1", "1.", ".1", "1.2.3", "a.1", "1.99999999999999999999"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad:?}");
        }
    }
}
