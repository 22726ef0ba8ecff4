//! `plugin check`: what is wrong with a script, as far as can be seen without running its hooks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::hooks::Directory;
use crate::domain::id::UserId;
use crate::plugin::config::Config;
use crate::plugin::script::Flaw;
use crate::plugin::stage::{Clock, Services};
use crate::plugin::{set, worker};

/// Nobody is here.
pub struct Nobody;

impl Directory for Nobody {
    fn presence(&self, _: &UserId) -> Option<(&'static str, Option<String>, usize)> {
        None
    }
}

/// What tools lend to scripts: nobody is here, and nothing goes into a log.
pub fn services(clock: Clock) -> Services {
    Services { directory: Arc::new(Nobody), clock, quiet: true }
}

/// Loads what `config` names, sets it up, and forgets it.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn all(config: &Config, places: &[PathBuf]) -> Result<(), Vec<Flaw>> {
    let wanted = set::find(config.enabled.as_deref(), places)?;
    let services = services(Clock::System);
    worker::alone(|engine| set::prepare(engine, config, &wanted, &BTreeMap::new(), &services).map(drop))
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}
