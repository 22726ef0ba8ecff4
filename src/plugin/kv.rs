//! A plugin's own keys and values. They are held in memory, where scripts get at them without waiting, and kept in the
//! store by whoever takes the changes from here again and again.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use rhai::Dynamic;

use super::value;

/// The longest key, in bytes: two ids at their longest, and what it is about.
pub const MAX_KEY_BYTES: usize = 320;
/// The largest value, in bytes of JSON.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Keys of one plugin.
pub const MAX_KEYS: usize = 100_000;
/// Bytes of one plugin's keys and values.
pub const MAX_BYTES: usize = 32 << 20;

/// What an entry takes beside its key and value.
const OVERHEAD: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes")]
    Key,
    #[error("a value has at most {MAX_VALUE_BYTES} bytes of JSON, this one has {0}")]
    Value(usize),
    #[error(transparent)]
    NotJson(#[from] value::NotJson),
    #[error("the plugin keeps {MAX_KEYS} keys, or {MAX_BYTES} bytes, already")]
    Full,
    #[error("the value under this key is no integer")]
    NotANumber,
}

#[derive(Default)]
pub struct Space(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Entry, ahash::RandomState>,
    bytes: usize,
    /// Keys that have changed since [`Space::take_changes`].
    changed: HashSet<String, ahash::RandomState>,
}

#[derive(Clone)]
struct Entry {
    value: Dynamic,
    bytes: usize,
    /// In milliseconds since 1970.
    expires: Option<i64>,
}

/// A key to be kept, or forgotten where it has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    /// The value as JSON text, and when it expires.
    pub value: Option<(String, Option<i64>)>,
}

impl Space {
    /// Takes what was kept.
    pub fn restore(&self, key: String, json: &str, expires: Option<i64>) {
        let bytes = key.len() + json.len() + OVERHEAD;
        let mut inner = self.0.lock();
        inner.bytes += bytes;
        inner.entries.insert(key, Entry { value: value::from_stored(json), bytes, expires });
    }

    pub fn get(&self, key: &str, now: i64) -> Option<Dynamic> {
        self.0.lock().live(key, now).map(|entry| entry.value.clone())
    }

    /// # Errors
    /// Where a limit is reached, or the value is no JSON.
    pub fn set(&self, key: &str, value: Dynamic, expires: Option<i64>, now: i64) -> Result<(), Refused> {
        self.0.lock().put(key, value, expires, now)
    }

    /// Adds `by` to a number, which begins at 0 and keeps its end; `expires` is for a new one.
    ///
    /// # Errors
    /// Where there is something else under the key, or a limit is reached.
    pub fn incr(&self, key: &str, by: i64, expires: Option<i64>, now: i64) -> Result<i64, Refused> {
        let mut inner = self.0.lock();
        let (before, expires) = match inner.live(key, now) {
            Some(entry) => (entry.value.as_int().map_err(|_| Refused::NotANumber)?, entry.expires),
            None => (0, expires),
        };
        let after = before.saturating_add(by);
        inner.put(key, after.into(), expires, now)?;
        Ok(after)
    }

    /// Whether there was something.
    pub fn delete(&self, key: &str, now: i64) -> bool {
        let mut inner = self.0.lock();
        let was = inner.live(key, now).is_some();
        inner.remove(key);
        was
    }

    /// The keys that begin so, in order, as many as `limit`.
    pub fn keys(&self, prefix: &str, limit: usize, now: i64) -> Vec<String> {
        let inner = self.0.lock();
        let live = inner.entries.iter().filter(|(key, entry)| key.starts_with(prefix) && entry.is_live(now));
        let mut keys: Vec<String> = live.map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys.truncate(limit);
        keys
    }

    pub fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// What has changed since the last call, and forgets what has expired.
    pub fn take_changes(&self, now: i64) -> Vec<Change> {
        let mut inner = self.0.lock();
        let over: Vec<String> =
            inner.entries.iter().filter(|(_, entry)| !entry.is_live(now)).map(|(key, _)| key.clone()).collect();
        over.iter().for_each(|key| inner.remove(key));
        let changed = std::mem::take(&mut inner.changed);
        let change = |key: String| {
            let entry = inner.entries.get(&key);
            // It was JSON when it was set.
            let value = entry.and_then(|entry| Some((value::to_json(&entry.value).ok()?.to_string(), entry.expires)));
            Change { key, value }
        };
        changed.into_iter().map(change).collect()
    }

    /// Changes that could not be kept are taken again the next time.
    pub fn give_back(&self, changes: &[Change]) {
        self.0.lock().changed.extend(changes.iter().map(|change| change.key.clone()));
    }
}

impl Inner {
    fn live(&self, key: &str, now: i64) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.is_live(now))
    }

    fn put(&mut self, key: &str, value: Dynamic, expires: Option<i64>, now: i64) -> Result<(), Refused> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Refused::Key);
        }
        if expires.is_some_and(|at| at <= now) {
            self.remove(key);
            return Ok(());
        }
        let size = value::to_json(&value)?.to_string().len();
        if size > MAX_VALUE_BYTES {
            return Err(Refused::Value(size));
        }
        let bytes = key.len() + size + OVERHEAD;
        let before = self.entries.get(key).map_or(0, |entry| entry.bytes);
        if self.bytes - before + bytes > MAX_BYTES || (before == 0 && self.entries.len() >= MAX_KEYS) {
            return Err(Refused::Full);
        }
        self.bytes = self.bytes - before + bytes;
        // A value that the script goes on changing must not change here.
        let value = value.flatten();
        self.entries.insert(key.to_owned(), Entry { value, bytes, expires });
        self.changed.insert(key.to_owned());
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
            self.changed.insert(key.to_owned());
        }
    }
}

impl Entry {
    fn is_live(&self, now: i64) -> bool {
        self.expires.is_none_or(|at| at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_live_as_long_as_they_were_given() {
        let space = Space::default();
        space.set("a", 1_i64.into(), Some(100), 0).expect("room");
        assert!(space.get("a", 99).is_some() && space.get("a", 100).is_none());
        assert_eq!(space.incr("n", 2, Some(50), 0), Ok(2));
        // A later end does not prolong what is there.
        assert_eq!(space.incr("n", 2, Some(500), 10), Ok(4));
        assert_eq!(space.incr("n", 1, None, 60), Ok(1));
        assert_eq!(space.incr("s", 1, None, 0), Ok(1));
        space.set("s", "text".into(), None, 0).expect("room");
        assert_eq!(space.incr("s", 1, None, 0), Err(Refused::NotANumber));
    }

    #[test]
    fn every_limit_is_met() {
        let space = Space::default();
        assert_eq!(space.set("", 1_i64.into(), None, 0), Err(Refused::Key));
        assert_eq!(space.set(&"k".repeat(MAX_KEY_BYTES + 1), 1_i64.into(), None, 0), Err(Refused::Key));
        let large: Dynamic = "x".repeat(MAX_VALUE_BYTES).into();
        assert_eq!(space.set("k", large, None, 0), Err(Refused::Value(MAX_VALUE_BYTES + 2)));
        let fits: Dynamic = "x".repeat(MAX_VALUE_BYTES - 2).into();
        let kept = (0..).take_while(|n| space.set(&n.to_string(), fits.clone(), None, 0).is_ok()).count();
        assert_eq!(kept, MAX_BYTES / (MAX_VALUE_BYTES + OVERHEAD + 3));
        assert_eq!(space.set("more", fits, None, 0), Err(Refused::Full));
        assert!(space.delete("0", 0) && !space.delete("0", 0));
    }

    #[test]
    fn changes_are_told_once_and_again_where_they_come_back() {
        let space = Space::default();
        space.restore("old".into(), "{\"a\":1}", Some(5));
        space.set("new", "x".into(), None, 0).expect("room");
        let mut changes = space.take_changes(10);
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        let new = Change { key: "new".into(), value: Some(("\"x\"".into(), None)) };
        assert_eq!(changes, [new.clone(), Change { key: "old".into(), value: None }]);
        assert_eq!(space.take_changes(10), []);
        space.give_back(&changes[..1]);
        assert_eq!(space.take_changes(10), [new]);
    }
}
