//! The configuration as a whole: built-in defaults, then files, variables and flags, each over what comes before.
//!
//! From the weakest source to the strongest: the built-in defaults, the alias variables `JWT_ACCESS_SECRET_KEY` and
//! `CLIENT_URL`, `config.toml`, the drop-ins `conf.d/*.toml` beside it in name order, `CHATD_<SECTION>__<KEY>`, and the
//! command line. Everything that is wrong is reported at once, where it was written.

mod check;
mod diagnose;
mod env;
mod file;
mod json_schema;
mod kind;
mod print;
mod redact;
mod reload;
mod rules;
mod schema;
mod setting;
mod source;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use figment::Figment;
use serde::Deserialize;

pub use diagnose::{Problem, Problems};
pub use json_schema::json_schema;
pub use print::Setting;
pub use reload::Change;
pub use source::{Place, Source};

use crate::daemon::logging;
use crate::wire::bind;
use crate::{api, auth, chat, console, metrics, plugin, session, store, webhook, wire};
use setting::{Layer, Setting as Written};

/// Where the configuration lies when nobody says otherwise.
const DEFAULT_FILE: &str = "/etc/chatd/config.toml";

/// What the daemon runs with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Sections")]
pub struct Config {
    pub server: wire::config::Server,
    pub cors: wire::config::Cors,
    pub ping: wire::config::Ping,
    pub transports: wire::config::Transports,
    pub compression: wire::config::Compression,
    pub auth: auth::config::Config,
    pub limits: session::config::Config,
    pub chat: chat::config::Config,
    pub store: store::config::Config,
    pub plugins: plugin::config::Config,
    pub admin: console::config::Config,
    pub metrics: metrics::config::Config,
    pub log: logging::Config,
    pub api: api::config::Config,
    pub webhooks: Vec<webhook::config::Config>,
}

/// The sections as the file has them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    server: wire::config::Server,
    cors: wire::config::Cors,
    ping: wire::config::Ping,
    transports: wire::config::Transports,
    compression: wire::config::Compression,
    auth: auth::config::Config,
    limits: session::config::Config,
    messages: chat::config::Messages,
    conversations: chat::config::Conversations,
    typing: chat::config::Typing,
    presence: chat::config::Presence,
    receipts: chat::config::Receipts,
    notifications: chat::config::Notifications,
    store: store::config::Config,
    plugins: plugin::config::Config,
    admin: console::config::Config,
    metrics: metrics::config::Config,
    log: logging::Config,
    api: api::config::Config,
    webhooks: Vec<webhook::config::Config>,
}

impl From<Sections> for Config {
    fn from(sections: Sections) -> Self {
        let Sections { server, cors, ping, transports, compression, auth, limits, store, plugins, admin, log, .. } =
            sections;
        let Sections { messages, conversations, typing, presence, receipts, notifications, metrics, .. } = sections;
        let Sections { api, webhooks, .. } = sections;
        let chat = chat::config::Config { messages, conversations, typing, presence, receipts, notifications };
        let config = Config { server, cors, ping, transports, compression, auth, limits, chat, ..Config::default() };
        Config { store, plugins, admin, metrics, log, api, webhooks, ..config }
    }
}

/// All that a configuration is made from. A reload uses the same inputs and reads the files again.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The file of `--config`, which must exist.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// What the command line sets: the flag, the key's path, and the value or values between commas.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// A configuration that holds, and where each of its settings was written.
#[derive(Clone)]
pub struct Loaded {
    pub config: Config,
    pub sources: Sources,
}

/// Where settings were written.
#[derive(Clone)]
pub struct Sources {
    settings: BTreeMap<&'static str, Written>,
    file: PathBuf,
    found: bool,
    drop_ins: usize,
    /// What the operator should hear once the log is open, beside the summary.
    pub notices: Vec<String>,
}

/// Reads everything and checks everything.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let (file, text) = main_file(inputs).map_err(|layer| Problems::from(layer.problems))?;
    let mut sources = Sources {
        settings: BTreeMap::new(),
        found: text.is_some(),
        drop_ins: 0,
        notices: env::overlooked(&inputs.variables),
        file,
    };
    let mut layers: Vec<Layer> = text.map(|text| file::layer(&sources.file, text)).into_iter().collect();
    match file::drop_ins(&sources.file) {
        Ok(paths) => {
            sources.drop_ins = paths.len();
            layers.extend(paths.iter().map(|path| read(path)));
        }
        Err(error) => layers.push(Layer::unreadable(&sources.file.with_file_name("conf.d"), &error, Place::BuiltIn)),
    }
    layers.push(env::layer(&inputs.variables));
    layers.push(flags(&inputs.flags));
    let taken: Vec<_> = layers.iter().flat_map(|layer| layer.settings.iter().map(|setting| setting.key.path)).collect();
    layers.insert(0, env::aliases(&inputs.variables, &taken));

    let mut problems = Vec::new();
    let mut misfits = Vec::new();
    for layer in layers {
        problems.extend(layer.problems);
        misfits.extend(layer.misfits);
        sources.settings.extend(layer.settings.into_iter().map(|setting| (setting.key.path, setting)));
    }
    assemble(sources, problems, &misfits)
}

/// The file that `--config`, else `$CHATD_CONFIG` names, else the installed one, which alone may be absent.
fn main_file(inputs: &Inputs) -> Result<(PathBuf, Option<String>), Layer> {
    let variable = inputs.variables.iter().find(|(name, value)| name == "CHATD_CONFIG" && !value.is_empty());
    let (path, place) = match (&inputs.file, variable) {
        (Some(path), _) => (path.clone(), Place::Flag("--config")),
        (None, Some((_, value))) => (PathBuf::from(value), Place::Variable("CHATD_CONFIG".into())),
        (None, None) => (PathBuf::from(DEFAULT_FILE), Place::BuiltIn),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, Some(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && matches!(place, Place::BuiltIn) => Ok((path, None)),
        Err(error) => Err(Layer::unreadable(&path, &error, place)),
    }
}

fn read(path: &Path) -> Layer {
    match std::fs::read_to_string(path) {
        Ok(text) => file::layer(path, text),
        Err(error) => Layer::unreadable(path, &error, Place::BuiltIn),
    }
}

fn flags(flags: &[(&'static str, &'static str, String)]) -> Layer {
    let mut layer = Layer::default();
    for (flag, path, value) in flags {
        if let Some(key) = schema::key(path) {
            layer.read(key, value, Place::Flag(flag));
        }
    }
    layer
}

/// Builds the configuration from its settings, last of all checking them against each other.
fn assemble(mut sources: Sources, mut problems: Vec<Problem>, misfits: &[&str]) -> Result<Loaded, Problems> {
    sources.settings.retain(|_, setting| !matches!(setting.place, Place::Follows(_)));
    sources.follow_origins();
    sources.follow_sockets(bind::are_handed_in());
    let empty = Figment::new();
    let merged = sources.settings.values().fold(empty, |all, setting| all.merge((setting.key.path, &setting.value)));
    let mut config: Config = match merged.extract() {
        Ok(config) => config,
        Err(errors) => {
            problems.extend(errors.into_iter().map(|error| {
                let path = error.path.join(".");
                sources.problem(&path, &error.kind.to_string())
            }));
            return Err(Problems::from(problems));
        }
    };
    problems.extend(check::contradictions(&config, misfits, |key| sources.locate(key)));
    if !problems.is_empty() {
        return Err(Problems::from(problems));
    }
    if !config.server.path.ends_with('/') {
        config.server.path.push('/');
    }
    Ok(Loaded { config, sources })
}

impl Sources {
    /// Where the value of a key was written.
    pub fn locate(&self, key: &str) -> Place {
        self.settings.get(key).map_or(Place::BuiltIn, |setting| setting.place.clone())
    }

    /// What another room found wrong with a key's value, shown where the value was written.
    pub fn problem(&self, key: &str, message: &str) -> Problem {
        Problem::new(format!("`{key}`: {message}"), self.locate(key))
    }

    /// Something that lies beside the configuration file.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.file.with_file_name(name)
    }

    /// What was read, in a few words: the file and how many drop-ins.
    pub fn summary(&self) -> String {
        let file = match self.found {
            true => self.file.display().to_string(),
            false => format!("built-in defaults, no file at {}", self.file.display()),
        };
        match self.drop_ins {
            0 => file,
            1 => format!("{file} (+ 1 drop-in)"),
            n => format!("{file} (+ {n} drop-ins)"),
        }
    }

    /// Where any origin is let in and nobody asked for credentials, they are off: browsers refuse the pair.
    fn follow_origins(&mut self) {
        let items = self.settings.get("cors.origins").and_then(|setting| setting.value.as_array());
        let any = items.is_some_and(|items| items.iter().any(|item| item.as_str() == Some("*")));
        if any && let Some(key) = schema::key("cors.credentials") {
            let place = Place::Follows("cors.origins = [\"*\"]");
            self.settings.entry(key.path).or_insert(Written { key, value: toml::Value::Boolean(false), place });
        }
    }

    /// Where the service manager has opened sockets and nobody says where to listen, it is there.
    fn follow_sockets(&mut self, handed_in: bool) {
        if handed_in && let Some(key) = schema::key("server.listen") {
            let place = Place::Follows("sockets that were handed in");
            let value = toml::Value::Array(vec!["systemd".into()]);
            self.settings.entry(key.path).or_insert(Written { key, value, place });
        }
    }
}

#[cfg(test)]
mod tests;
