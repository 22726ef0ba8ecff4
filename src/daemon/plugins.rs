//! The plugins: loaded with what they have kept, loaded anew, and their changes stored.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::config::{Loaded, Place, Problem, Problems, Source};
use crate::chat::{Chat, Here};
use crate::plugin::{Flaw, Host, Kept, Setup, tools};
use crate::roster::Roster;
use crate::store::Store;

/// How often what plugins have changed is stored.
pub const KEEP_INTERVAL: Duration = Duration::from_millis(250);
/// How often timers are looked at.
pub const TIMER_INTERVAL: Duration = Duration::from_millis(100);

/// Where plugins of a package lie, beside those next to the program.
const SHIPPED: &str = "/usr/share/chatd/plugins";

/// Where plugins are looked for, the operator's own directory first.
pub fn places(loaded: &Loaded) -> Vec<PathBuf> {
    let own = loaded.config.plugins.dir.clone().unwrap_or_else(|| loaded.sources.beside("plugins"));
    let beside =
        std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("../share/chatd/plugins")));
    let mut places = vec![own];
    for place in beside.into_iter().chain([PathBuf::from(SHIPPED)]) {
        if let Ok(place) = place.canonicalize()
            && !places.contains(&place)
        {
            places.push(place);
        }
    }
    places
}

/// What the host is made from.
///
/// # Errors
/// Where the store cannot be read.
pub async fn setup(loaded: &Loaded, store: &Store, roster: &Arc<Roster>) -> Result<Setup, crate::domain::error::Error> {
    let (entries, switched) = store.read(|query| Ok((query.plugin_entries()?, query.plugin_switches()?))).await?;
    let kept = entries.into_iter().map(|entry| Kept {
        plugin: entry.plugin,
        key: entry.key,
        json: entry.json,
        expires: entry.expires,
    });
    Ok(Setup {
        config: loaded.config.plugins.clone(),
        places: places(loaded),
        directory: Arc::new(Here(Arc::clone(roster))),
        kept: kept.collect(),
        switched,
    })
}

/// What keeps the plugins from being loaded; nothing is stored and nobody is told.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn check(loaded: &Loaded) -> Result<(), Problems> {
    tools::check::all(&loaded.config.plugins, &places(loaded)).map_err(|flaws| problems(loaded, flaws))
}

/// What is wrong with scripts, shown where it stands in them.
pub fn problems(loaded: &Loaded, flaws: Vec<Flaw>) -> Problems {
    let problem = |flaw: Flaw| {
        let file = if flaw.path.is_dir() { flaw.path.join("main.rhai") } else { flaw.path.clone() };
        let located = flaw.spot.and_then(|spot| {
            let text = std::fs::read_to_string(&file).ok()?;
            let before: usize = text.split_inclusive('\n').take(spot.line.checked_sub(1)?).map(str::len).sum();
            let column = text[before..].char_indices().nth(spot.column.checked_sub(1)?).map_or(0, |(at, _)| at);
            Some(Place::File(Source::new(file.clone(), text), before + column..before + column + 1))
        });
        match located {
            Some(place) => Problem::new(flaw.message, place).hint(flaw.hint),
            None if flaw.path.is_absolute() || flaw.path.exists() => {
                Problem::new(format!("{}: {}", flaw.path.display(), flaw.message), Place::BuiltIn).hint(flaw.hint)
            }
            None => loaded.sources.problem("plugins.enabled", &flaw.message).hint(flaw.hint),
        }
    };
    Problems::from(flaws.into_iter().map(problem).collect::<Vec<_>>())
}

/// Stores what plugins have changed of their keys and values.
pub async fn keep(host: &Host, chat: &Chat) {
    let changes = host.take_changes();
    if changes.is_empty() {
        return;
    }
    let kept = changes.clone();
    let outcome = chat.store().write(move |tx| {
        for (plugin, changes) in &kept {
            for change in changes {
                let value = change.value.as_ref().map(|(json, expires)| (json.as_str(), *expires));
                tx.keep_for_plugin(plugin, &change.key, value)?;
            }
        }
        Ok(())
    });
    if let Err(error) = outcome.await {
        tracing::debug!(%error, "what plugins keep could not be stored, it is tried again");
        host.give_back(&changes);
    }
}
