//! A small map whose entries last for a set time, and of which the one that was
//! not used for longest goes when there are too many.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Micros;

#[derive(Debug)]
pub(super) struct Recent<V> {
    entries: HashMap<String, Entry<V>>,
    most: usize,
    life: i64,
    uses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    since: Micros,
    /// The number of the use, of all uses of the map.
    used: u64,
}

impl<V: Clone> Recent<V> {
    /// A map of at most `most` entries that last for `life`.
    pub(super) fn new(most: usize, life: Duration) -> Self {
        let life = i64::try_from(life.as_micros()).unwrap_or(i64::MAX);
        Self { entries: HashMap::new(), most, life, uses: 0 }
    }

    /// The value put under this key, if its time is not over.
    pub(super) fn get(&mut self, key: &str, now: Micros) -> Option<V> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        // A clock that was set back makes an entry stale too, or it would last too long.
        if !(0..self.life).contains(&now.0.saturating_sub(entry.since.0)) {
            self.entries.remove(key);
            return None;
        }
        entry.used = self.uses;
        Some(entry.value.clone())
    }

    pub(super) fn put(&mut self, key: &str, value: V, now: Micros) {
        self.uses += 1;
        if self.entries.len() >= self.most && !self.entries.contains_key(key) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            oldest.map(|key| self.entries.remove(&key));
        }
        self.entries.insert(key.to_owned(), Entry { value, since: now, used: self.uses });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lasts_for_its_time() {
        let mut recent = Recent::new(2, Duration::from_micros(10));
        recent.put("a", 1, Micros(100));
        assert_eq!(recent.get("a", Micros(109)), Some(1));
        assert_eq!(recent.get("a", Micros(110)), None);
        recent.put("a", 2, Micros(100));
        assert_eq!(recent.get("a", Micros(99)), None, "the clock was set back");
    }

    #[test]
    fn the_entry_not_used_for_longest_goes_first() {
        let mut recent = Recent::new(2, Duration::from_secs(1));
        recent.put("a", 1, Micros(0));
        recent.put("b", 2, Micros(0));
        recent.put("b", 3, Micros(0));
        assert_eq!(recent.get("a", Micros(0)), Some(1), "putting a key anew makes no room");
        recent.put("c", 4, Micros(0));
        assert_eq!(recent.get("b", Micros(0)), None);
        assert_eq!((recent.get("a", Micros(0)), recent.get("c", Micros(0))), (Some(1), Some(4)));
    }
}
