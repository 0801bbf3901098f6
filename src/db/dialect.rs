//! What differs between the SQL of the two engines, as named fragments.
//!
//! Statements are written once, with `PostgreSQL`'s `$n` placeholders.
//! `{in $n}` stands for "is one of the list given as parameter n", `{vector $n}`
//! for an embedding given as parameter n, `{table}` for the table given beside the
//! statement ([`Sql::of`]), `{unindexed c}` for a column c by which
//! `SQLite` is not to look for rows, having a better one, and
//! `{for update skip locked}` for taking rows that no one else is working on.

use std::borrow::Cow;

/// A statement, for the tables that it names, and perhaps for one that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sql {
    text: &'static str,
    table: &'static str,
}

impl Sql {
    /// A statement in which `{table}` stands for this table.
    #[must_use]
    pub fn of(table: &'static str, text: &'static str) -> Self {
        Self { text, table }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { text, table: "" }
    }
}

/// An engine's SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `SQLite`, whose numbered placeholders are `?n`.
    Sqlite,
    /// `PostgreSQL`.
    Postgres,
}

impl Dialect {
    /// The statement as this engine reads it.
    #[must_use]
    pub fn render(self, sql: Sql) -> Cow<'static, str> {
        match self {
            Self::Postgres if !sql.text.contains('{') => Cow::Borrowed(sql.text),
            Self::Postgres => {
                Cow::Owned(expand(sql, ["= any(", ")"], ["", "::text::halfvec"], "", " for update skip locked"))
            }
            Self::Sqlite => Cow::Owned(expand(sql, ["in rarray(", ")"], ["", ""], "+", "").replace('$', "?")),
        }
    }
}

/// `list` and `vector` go around the placeholder, `unindexed` before the column.
fn expand(sql: Sql, list: [&str; 2], vector: [&str; 2], unindexed: &str, skip_locked: &str) -> String {
    let mut out = String::with_capacity(sql.text.len() + 16);
    let mut rest = sql.text;
    while let Some((before, fragment)) = rest.split_once('{') {
        let (name, after) = fragment.split_once('}').unwrap_or((fragment, ""));
        out.push_str(before);
        match name.split_once(' ') {
            Some(("in", placeholder)) => out.extend([list[0], placeholder, list[1]]),
            Some(("unindexed", column)) => out.extend([unindexed, column]),
            Some(("vector", placeholder)) => out.extend([vector[0], placeholder, vector[1]]),
            None if name == "table" => {
                debug_assert!(!sql.table.is_empty(), "no table was given");
                out.push_str(sql.table);
            }
            _ => {
                debug_assert_eq!(name, "for update skip locked", "no such fragment");
                out.push_str(skip_locked);
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Sql};

    #[test]
    fn fragments_become_each_engines_own_words() {
        let sql = "delete from t where a = $1 and id {in $2}";
        assert_eq!(Dialect::Postgres.render(sql.into()), "delete from t where a = $1 and id = any($2)");
        assert_eq!(Dialect::Sqlite.render(sql.into()), "delete from t where a = ?1 and id in rarray(?2)");
        let nearest = "update t set v = {vector $1}";
        assert_eq!(Dialect::Postgres.render(nearest.into()), "update t set v = $1::text::halfvec");
        assert_eq!(Dialect::Sqlite.render(nearest.into()), "update t set v = ?1");
        let by_number = "select 1 from t where {unindexed t.a} = $1 and n {in $2}";
        assert_eq!(Dialect::Postgres.render(by_number.into()), "select 1 from t where t.a = $1 and n = any($2)");
        assert_eq!(Dialect::Sqlite.render(by_number.into()), "select 1 from t where +t.a = ?1 and n in rarray(?2)");
        let any = Sql::of("chunk", "select rowid from {table}_fts where {table}_fts match $1");
        assert_eq!(Dialect::Sqlite.render(any), "select rowid from chunk_fts where chunk_fts match ?1");
        let claim = "select id from t limit 1{for update skip locked}";
        assert_eq!(Dialect::Postgres.render(claim.into()), "select id from t limit 1 for update skip locked");
        assert_eq!(Dialect::Sqlite.render(claim.into()), "select id from t limit 1");
    }
}
