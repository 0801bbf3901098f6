//! What differs between the SQL of the two engines, as named fragments.
//!
//! Statements are written once, with `PostgreSQL`'s `$n` placeholders.
//! `{in $n}` stands for "is one of the list given as parameter n", `{vector $n}`
//! for an embedding given as parameter n, `{unindexed c}` for a column c by which
//! `SQLite` is not to look for rows, having a better one, and
//! `{for update skip locked}` for taking rows that no one else is working on.

use std::borrow::Cow;

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
    pub fn render(self, sql: &'static str) -> Cow<'static, str> {
        match self {
            Self::Postgres if !sql.contains('{') => Cow::Borrowed(sql),
            Self::Postgres => {
                Cow::Owned(expand(sql, ["= any(", ")"], ["", "::text::halfvec"], "", " for update skip locked"))
            }
            Self::Sqlite => Cow::Owned(expand(sql, ["in rarray(", ")"], ["", ""], "+", "").replace('$', "?")),
        }
    }
}

/// `list` and `vector` go around the placeholder, `unindexed` before the column.
fn expand(sql: &str, list: [&str; 2], vector: [&str; 2], unindexed: &str, skip_locked: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some((before, fragment)) = rest.split_once('{') {
        let (name, after) = fragment.split_once('}').unwrap_or((fragment, ""));
        out.push_str(before);
        match name.split_once(' ') {
            Some(("in", placeholder)) => out.extend([list[0], placeholder, list[1]]),
            Some(("unindexed", column)) => out.extend([unindexed, column]),
            Some(("vector", placeholder)) => out.extend([vector[0], placeholder, vector[1]]),
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
    use super::Dialect;

    #[test]
    fn fragments_become_each_engines_own_words() {
        let sql = "delete from t where a = $1 and id {in $2}";
        assert_eq!(Dialect::Postgres.render(sql), "delete from t where a = $1 and id = any($2)");
        assert_eq!(Dialect::Sqlite.render(sql), "delete from t where a = ?1 and id in rarray(?2)");
        let nearest = "update t set v = {vector $1}";
        assert_eq!(Dialect::Postgres.render(nearest), "update t set v = $1::text::halfvec");
        assert_eq!(Dialect::Sqlite.render(nearest), "update t set v = ?1");
        let by_number = "select 1 from t where {unindexed t.a} = $1 and n {in $2}";
        assert_eq!(Dialect::Postgres.render(by_number), "select 1 from t where t.a = $1 and n = any($2)");
        assert_eq!(Dialect::Sqlite.render(by_number), "select 1 from t where +t.a = ?1 and n in rarray(?2)");
        let claim = "select id from t limit 1{for update skip locked}";
        assert_eq!(Dialect::Postgres.render(claim), "select id from t limit 1 for update skip locked");
        assert_eq!(Dialect::Sqlite.render(claim), "select id from t limit 1");
    }
}
