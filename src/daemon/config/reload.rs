//! What a reload takes of a new configuration, and what has to wait for a restart.

use std::fmt;

use super::print::shown;
use super::schema::{self, Key};
use super::{Loaded, Problems, Sources, assemble};

/// One key whose value is another than the running one. The values are as they may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: &'static str,
    pub old: String,
    pub new: String,
    /// Whether a reload takes it; else it needs a restart and keeps its running value.
    pub reloadable: bool,
}

/// What to run with after a reload, and all that the files would change.
pub struct Reload {
    pub loaded: Loaded,
    pub changes: Vec<Change>,
}

/// The keys whose values differ, in the table's order.
pub fn changes(old: &Sources, new: &Sources) -> Vec<Change> {
    let changed = schema::KEYS.iter().filter(|key| old.canonical(key) != new.canonical(key));
    changed
        .map(|key| Change { key: key.path, old: old.shown(key), new: new.shown(key), reloadable: key.reload })
        .collect()
}

impl Loaded {
    /// The running configuration with what a reload takes of `fresh`. Refused where the two together contradict each
    /// other, as when a new limit does not fit a buffer that only a restart would enlarge.
    pub fn reload(&self, fresh: &Loaded) -> Result<Reload, Problems> {
        let changes = changes(&self.sources, &fresh.sources);
        let mut sources = fresh.sources.clone();
        sources.settings.retain(|_, setting| setting.key.reload);
        let kept = self.sources.settings.iter().filter(|(_, setting)| !setting.key.reload);
        sources.settings.extend(kept.map(|(path, setting)| (*path, setting.clone())));
        let loaded = assemble(sources, Vec::new(), &[])?;
        Ok(Reload { loaded, changes })
    }
}

impl Sources {
    fn canonical(&self, key: &Key) -> Option<String> {
        self.effective(key).map(|value| key.kind.canonical(&value))
    }

    fn shown(&self, key: &Key) -> String {
        self.effective(key).map_or_else(|| "not set".into(), |value| shown(key, &value))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { key, old, new, reloadable } = self;
        match reloadable {
            true => write!(f, "{key}: {old} -> {new}"),
            false => write!(f, "{key}: {old} -> {new} needs a restart; {old} stays"),
        }
    }
}
