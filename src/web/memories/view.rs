//! Which memories a page shows, as its address says it, and a form sends it back.

use crate::auth::oauth::Params;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::BucketId;
use crate::memory::select::Conditions;
use crate::memory::table::Order;
use crate::search::Filter;

/// The parameters of an address that say which memories and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View {
    /// What is searched for.
    pub words: Option<String>,
    pub bucket: Option<BucketId>,
    pub source: Option<String>,
    /// Content type.
    pub kind: Option<String>,
    /// The first day, in UTC: 2026-07-26.
    pub from: Option<String>,
    /// The last day, in UTC.
    pub to: Option<String>,
    /// Without it a search has the best first, and a table the newest.
    pub order: Option<Order>,
}

fn day(text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    if text.len() != 10 || Micros::parse(text).is_none() {
        return Err(Error::invalid("A day is written as year, month and day: 2026-07-26."));
    }
    Ok(Some(text.to_owned()))
}

fn order_name(order: Order) -> &'static str {
    match order {
        Order::Newest => "newest",
        Order::Oldest => "oldest",
        Order::Updated => "updated",
    }
}

impl View {
    /// # Errors
    /// [`Error::Invalid`] for what is no day, bucket or order.
    pub(super) fn read(params: &Params) -> Result<Self> {
        let text = |name| Ok::<_, Error>(params.get(name)?.map(str::trim).filter(|text| !text.is_empty()));
        let owned = |name| Ok::<_, Error>(text(name)?.map(str::to_owned));
        let bucket =
            text("bucket")?.map(|id| BucketId::read(id).ok_or_else(|| Error::invalid("There is no such bucket.")));
        let order = match text("order")? {
            None => None,
            Some("newest") => Some(Order::Newest),
            Some("oldest") => Some(Order::Oldest),
            Some("updated") => Some(Order::Updated),
            Some(_) => return Err(Error::invalid("The order is one of newest, oldest and updated.")),
        };
        Ok(Self {
            words: owned("q")?,
            bucket: bucket.transpose()?,
            source: owned("source")?,
            kind: owned("type")?,
            from: day(text("from")?)?,
            to: day(text("to")?)?,
            order,
        })
    }

    /// Reads what [`View::query`] wrote.
    ///
    /// # Errors
    /// As [`View::read`].
    pub(super) fn of_query(query: &str) -> Result<Self> {
        Self::read(&Params::new(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("q", self.words.clone()),
            ("bucket", self.bucket.map(|bucket| bucket.to_string())),
            ("source", self.source.clone()),
            ("type", self.kind.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("order", self.order.map(|order| order_name(order).to_owned())),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The parameters as an address has them.
    pub(super) fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }

    /// The address of this view, and of a place in it.
    pub(super) fn address(&self, more: &[(&str, String)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(self.pairs()).extend_pairs(more).finish();
        if query.is_empty() { "/memories".to_owned() } else { format!("/memories?{query}") }
    }

    /// What the view looks for and at, but for its order: each condition with its
    /// name, its value as people read it, and the view without it.
    pub(super) fn conditions_shown(&self) -> Vec<(&'static str, String, Self)> {
        let all = [
            ("words", self.words.clone(), Self { words: None, ..self.clone() }),
            ("bucket", self.bucket.map(|bucket| bucket.to_string()), Self { bucket: None, ..self.clone() }),
            ("source", self.source.clone(), Self { source: None, ..self.clone() }),
            ("type", self.kind.clone(), Self { kind: None, ..self.clone() }),
            ("from", self.from.clone(), Self { from: None, ..self.clone() }),
            ("to", self.to.clone(), Self { to: None, ..self.clone() }),
        ];
        all.into_iter().filter_map(|(name, value, without)| Some((name, value?, without))).collect()
    }

    /// The value of the order's field.
    pub(super) fn order_name(&self) -> &'static str {
        self.order.map_or("", order_name)
    }

    /// Whether the best hits are shown, which are no set, rather than all that match.
    pub(super) fn is_best_first(&self) -> bool {
        self.words.is_some() && self.order.is_none()
    }

    pub(super) fn filter(&self) -> Filter {
        let day = |text: &Option<String>| text.as_deref().and_then(Micros::parse);
        Filter {
            bucket: self.bucket,
            content_type: self.kind.clone(),
            source: self.source.clone(),
            after: day(&self.from),
            before: day(&self.to).map(|to| to.plus_days(1)),
        }
    }

    /// All memories that match.
    pub(super) fn conditions(&self) -> Conditions {
        Conditions { filter: self.filter(), query: self.words.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::View;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let query = "q=a%26b+%22c%22&bucket=7&source=%3Cb%3E&type=text&from=2026-01-02&to=2026-01-02&order=oldest";
        let view = View::of_query(query).expect("a view");
        assert_eq!(view.query(), query);
        assert_eq!(view.conditions_shown().len(), 6);
        let filter = view.filter();
        let days = filter.before.expect("an end").0 - filter.after.expect("a beginning").0;
        assert_eq!(days, crate::clock::Micros::DAY);
        assert_eq!(View::of_query("q=+&bucket=&done=x").expect("a view"), View::default());
        assert_eq!(View::default().address(&[]), "/memories");
        for bad in ["bucket=x", "from=yesterday", "to=2026-02-30", "order=random", "from=2026-01-02T00:00:00Z"] {
            assert!(View::of_query(bad).is_err(), "{bad}");
        }
    }
}
