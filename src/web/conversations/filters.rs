//! The conditions in the address of a list of conversations.

use super::PATH;
use crate::auth::oauth::Params;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::find::Within;
use crate::history::read::Which;
use crate::web::show::address;

/// The conditions, as they were given.
#[derive(Debug, Default)]
pub(super) struct Filters {
    /// What was said; then passages are looked for, and neither titles nor pins matter.
    pub query: String,
    pub platform: String,
    pub title: String,
    /// A date, or a time.
    pub from: String,
    /// The same; all of the day.
    pub to: String,
    pub is_pinned: bool,
    pub import: String,
    since: Option<Micros>,
    until: Option<Micros>,
}

/// A time that was given as a date or whole.
///
/// # Errors
/// [`Error::Invalid`] where it is neither.
pub(in crate::web) fn time(written: &str) -> Result<Option<Micros>> {
    if written.is_empty() {
        return Ok(None);
    }
    let wrong = || Error::invalid("A date is written as 2026-07-26.");
    Micros::parse(written.trim()).map(Some).ok_or_else(wrong)
}

/// The first moment after a last one; a date stands for all of its day.
///
/// # Errors
/// As [`time`].
pub(in crate::web) fn end(written: &str) -> Result<Option<Micros>> {
    let is_date = written.trim().len() == "2026-07-26".len();
    let after = |last: Micros| if is_date { last.plus_days(1) } else { Micros(last.0.saturating_add(1)) };
    Ok(time(written)?.map(after))
}

impl Filters {
    /// Those of an address, or of a form that sends them on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a date that is none, as [`Params::get`].
    pub(super) fn of(params: &Params) -> Result<Self> {
        let text = |name| Ok::<_, Error>(params.get(name)?.unwrap_or_default().trim().to_owned());
        let (from, to) = (text("from")?, text("to")?);
        Ok(Self {
            query: text("q")?,
            platform: text("platform")?,
            title: text("title")?,
            is_pinned: !text("pinned")?.is_empty(),
            import: text("import")?,
            since: time(&from)?,
            until: end(&to)?,
            from,
            to,
        })
    }

    /// Whether there is any but the question.
    pub(super) fn is_any(&self) -> bool {
        let Self { platform, title, from, to, import, .. } = self;
        self.is_pinned || [platform, title, from, to, import].into_iter().any(|one| !one.is_empty())
    }

    /// For an address, in which they mean the same. Empty ones among them.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        vec![
            ("q", &self.query),
            ("platform", &self.platform),
            ("title", &self.title),
            ("from", &self.from),
            ("to", &self.to),
            ("pinned", if self.is_pinned { "yes" } else { "" }),
            ("import", &self.import),
        ]
    }

    /// Where there is none of them but the question.
    pub(super) fn cleared(&self) -> String {
        address(PATH, [("q", self.query.as_str())])
    }

    /// Conversations that meet them.
    pub(super) fn which(&self) -> Which {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Which {
            platform: given(&self.platform),
            title: given(&self.title),
            from: self.since,
            to: self.until,
            is_pinned: self.is_pinned,
            import: given(&self.import),
        }
    }

    /// Passages that meet them.
    pub(super) fn within(&self) -> Within {
        let platform = (!self.platform.is_empty()).then(|| self.platform.clone());
        Within { platform, after: self.since, before: self.until }
    }
}
