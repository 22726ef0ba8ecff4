//! The plugins that are loaded, in their order. A set never changes: a reload makes a new one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{Dynamic, Engine};
use serde_json::Map;

use super::config::{Config, OnError};
use super::guard::Limits;
use super::run;
use super::script::{Estate, Flaw, ON_LOAD, ON_UNLOAD, Script};
use super::stage::{Services, Timer};
use crate::domain::hooks::{Effect, Origin, Point, SHAPES};

/// What a script's set-up may take of each limit, as a multiple: it is run once.
const SET_UP: u32 = 50;

#[derive(Default)]
pub struct Set {
    pub scripts: Vec<Arc<Script>>,
    by_point: Vec<Vec<Arc<Script>>>,
    pub limits: Limits,
    on_error: Vec<OnError>,
}

/// A set that is ready to be taken, and what its plugins asked for when they were set up.
#[derive(Default)]
pub struct Prepared {
    pub set: Set,
    pub effects: Vec<Effect>,
    pub timers: Vec<(Arc<Script>, Timer)>,
}

impl Default for Limits {
    fn default() -> Self {
        limits(&Config::default())
    }
}

pub fn limits(config: &Config) -> Limits {
    Limits { timeout: config.timeout.0, operations: config.max_operations.into(), memory: config.max_memory.as_usize() }
}

/// What a script's set-up may take.
pub fn set_up_limits(config: &Config) -> Limits {
    let each = limits(config);
    Limits {
        timeout: each.timeout * SET_UP,
        operations: each.operations.saturating_mul(SET_UP.into()),
        memory: each.memory,
    }
}

impl Set {
    fn new(scripts: Vec<Arc<Script>>, config: &Config) -> Self {
        let with = |point: Point| scripts.iter().filter(|script| script.has(point)).cloned().collect();
        let by_point = SHAPES.iter().map(|shape| with(shape.point)).collect();
        let on_error = SHAPES.iter().map(|shape| config.on_error(shape.point)).collect();
        Set { scripts, by_point, limits: limits(config), on_error }
    }

    /// The plugins that have the hook, in order.
    pub fn with(&self, point: Point) -> &[Arc<Script>] {
        self.by_point.get(point as usize).map_or(&[], Vec::as_slice)
    }

    pub fn on_error(&self, point: Point) -> OnError {
        self.on_error.get(point as usize).copied().unwrap_or(OnError::Allow)
    }

    pub fn named(&self, name: &str) -> Option<&Arc<Script>> {
        self.scripts.iter().find(|script| &*script.name == name)
    }

    /// Tells the plugins that they are not needed any more, where another set has taken their place.
    pub fn unload(&self, engine: &Engine, services: &Services) -> Vec<Effect> {
        let mut effects = Vec::new();
        for script in self.scripts.iter().filter(|script| script.function(ON_UNLOAD).is_some()) {
            let (outcome, stage) =
                run::function(engine, script, services, self.limits, ON_UNLOAD, Vec::new(), &Origin::default());
            effects.extend(stage.effects);
            if let Err(fault) = outcome {
                tracing::warn!(plugin = &*script.name, "{}:{fault} (in on_unload)", script.path.display());
            }
        }
        effects
    }
}

/// Compiles every plugin and sets it up. Where one fails, nothing is taken, and everything that is wrong is told.
pub fn prepare(
    engine: &Engine,
    config: &Config,
    wanted: &[(String, PathBuf)],
    estates: &BTreeMap<String, Arc<Estate>>,
    services: &Services,
) -> Result<Prepared, Vec<Flaw>> {
    let (mut scripts, mut flaws) = (Vec::new(), Vec::new());
    let limits = set_up_limits(config);
    let nothing = Map::new();
    for (name, path) in wanted {
        let table = config.config.get(name).unwrap_or(&nothing);
        let estate = estates.get(name).cloned().unwrap_or_default();
        match Script::load(engine, name, path, table, estate, services, limits) {
            Ok(script) => scripts.push(Arc::new(script)),
            Err(flaw) => flaws.push(flaw),
        }
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let mut prepared = Prepared::default();
    for script in &scripts {
        match set_up(engine, script, services, limits) {
            Ok((effects, timers)) => {
                prepared.effects.extend(effects);
                prepared.timers.extend(timers.into_iter().map(|timer| (Arc::clone(script), timer)));
            }
            Err(flaw) => flaws.push(flaw),
        }
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    prepared.set = Set::new(scripts, config);
    Ok(prepared)
}

/// Runs `on_load`.
pub fn set_up(
    engine: &Engine,
    script: &Arc<Script>,
    services: &Services,
    limits: Limits,
) -> Result<(Vec<Effect>, Vec<Timer>), Flaw> {
    let Some(arity) = script.function(ON_LOAD) else { return Ok(Default::default()) };
    // A copy: the script may change what it is handed, and its `config` is what the file says.
    let table: Dynamic = script.config.clone();
    let args = vec![table; arity];
    let (outcome, stage) = run::function(engine, script, services, limits, ON_LOAD, args, &Origin::default());
    // What it returns means nothing.
    let _ = outcome.map_err(|fault| Flaw::fault(&script.path, &fault))?;
    Ok((stage.effects, stage.timers))
}

/// What is to be loaded: the names that `enabled` lists, wherever they are found first, else all scripts of the first
/// place by name.
///
/// # Errors
/// Where a name leads to no script, or the directory cannot be read.
pub fn find(enabled: Option<&[String]>, places: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, Vec<Flaw>> {
    let Some(enabled) = enabled else {
        return places.first().map_or(Ok(Vec::new()), |own| scripts_in(own).map_err(|flaw| vec![flaw]));
    };
    let mut flaws = Vec::new();
    let mut found = Vec::new();
    for name in enabled {
        match places.iter().find_map(|place| script_named(place, name)) {
            Some(path) => found.push((name.clone(), path)),
            None => {
                let known = places.iter().flat_map(|place| scripts_in(place).unwrap_or_default());
                let known: Vec<String> = known.map(|(name, _)| name).collect();
                let near = super::tools::check::nearest(name, known.iter().map(String::as_str));
                let hint = near.map(|near| format!("did you mean {near}?"));
                let message = format!("there is no plugin {name} in {}", list(places));
                flaws.push(Flaw { hint, ..Flaw::whole(Path::new("plugins.enabled"), message) });
            }
        }
    }
    if flaws.is_empty() { Ok(found) } else { Err(flaws) }
}

fn list(places: &[PathBuf]) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(" or ")
}

fn script_named(place: &Path, name: &str) -> Option<PathBuf> {
    let file = place.join(format!("{name}.rhai"));
    let folder = place.join(name);
    if file.is_file() { Some(file) } else { folder.join("main.rhai").is_file().then_some(folder) }
}

/// The scripts of a directory by name; one that is not there has none.
pub fn scripts_in(directory: &Path) -> Result<Vec<(String, PathBuf)>, Flaw> {
    let unreadable = |error: std::io::Error| Flaw::whole(directory, format!("cannot be read: {error}"));
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // Hidden files are what editors leave behind; tests are not for the daemon.
        if file.starts_with('.') || file.ends_with(".test.rhai") {
            continue;
        }
        match file.strip_suffix(".rhai") {
            Some(name) if path.is_file() => found.push((name.to_owned(), path)),
            None if path.join("main.rhai").is_file() => found.push((file.to_owned(), path)),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}
