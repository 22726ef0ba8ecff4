//! SIGHUP: takes what a reload may change, keeps every connection, and changes nothing where the new files are wrong.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::config::{self, Change, Inputs, Loaded, Problems};
use super::lockdown::Lockdown;
use super::{logging, plugins, webhooks};
use crate::api::keys::Keyring;
use crate::auth::mint::{self, MintError};
use crate::auth::{self, Verifier};
use crate::plugin::{Host, Prepared};
use crate::webhook::Webhooks;
use crate::wire::tls::{self, Tls};
use crate::{chat, session, wire};

/// The parts of the configuration that rooms look at while they run.
pub struct Live {
    pub auth: Arc<ArcSwap<auth::config::Config>>,
    pub verifier: Arc<ArcSwap<Verifier>>,
    pub chat: Arc<ArcSwap<chat::config::Config>>,
    pub limits: Arc<ArcSwap<session::config::Config>>,
    pub cors: Arc<ArcSwap<wire::config::Cors>>,
    pub compression: Arc<ArcSwap<wire::config::Compression>>,
    pub tls: Arc<ArcSwap<Tls>>,
    pub proxies: Arc<ArcSwap<Vec<wire::peer::Proxy>>>,
    pub api_keys: Arc<ArcSwap<Keyring>>,
}

impl Live {
    pub fn new(config: &config::Config, verifier: Verifier, tls: Tls, api_keys: Keyring) -> Self {
        Live {
            auth: Arc::new(ArcSwap::from_pointee(config.auth.clone())),
            verifier: Arc::new(ArcSwap::from_pointee(verifier)),
            chat: Arc::new(ArcSwap::from_pointee(config.chat.clone())),
            limits: Arc::new(ArcSwap::from_pointee(config.limits.clone())),
            cors: Arc::new(ArcSwap::from_pointee(config.cors.clone())),
            compression: Arc::new(ArcSwap::from_pointee(config.compression.clone())),
            tls: Arc::new(ArcSwap::from_pointee(tls)),
            proxies: Arc::new(ArcSwap::from_pointee(config.server.trusted_proxies.clone())),
            api_keys: Arc::new(ArcSwap::from_pointee(api_keys)),
        }
    }
}

/// What a reload starts from.
pub struct Running {
    pub inputs: Inputs,
    pub loaded: Loaded,
    pub state_dir: PathBuf,
    pub live: Live,
    pub log: logging::Handle,
    /// The limit of open files.
    pub descriptors: usize,
    pub lockdown: Option<Lockdown>,
    /// Once it runs.
    pub host: Option<Arc<Host>>,
    /// The same.
    pub webhooks: Option<Arc<Webhooks>>,
}

impl Running {
    /// Reads the files again and applies what may change; says in the log what was done.
    ///
    /// # Errors
    /// Where the files are wrong; then nothing was changed.
    pub fn reload(&mut self) -> Result<Vec<Change>, Problems> {
        let outcome = self.apply();
        match &outcome {
            Ok(changes) => {
                for change in changes {
                    tracing::info!(config.key = change.key, "{change}");
                }
                let waiting = changes.iter().filter(|change| !change.reloadable).count();
                tracing::info!(
                    config.applied = changes.len() - waiting,
                    config.needs_restart = waiting,
                    "configuration reloaded"
                );
            }
            Err(problems) => tracing::warn!(reason = %problems, "configuration not reloaded"),
        }
        outcome
    }

    fn apply(&mut self) -> Result<Vec<Change>, Problems> {
        let fresh = config::load(&self.inputs)?;
        let reload = self.loaded.reload(&fresh)?;
        let config = &reload.loaded.config;
        let previous = self.live.verifier.load_full();
        // Files of keys and certificates may have new contents under their old names, so they are read in any case.
        let verifier = load_verifier(&reload.loaded, &self.state_dir, Some(&previous))?;
        let tls = load_tls(&reload.loaded)?;
        let api_keys = load_api_keys(&reload.loaded)?;
        // Scripts too may be other ones under their old names.
        let host = self.host.clone();
        let _loading = host.as_ref().map(|host| host.loading());
        let plugins = match &host {
            Some(host) => Some((host, prepare(host, &reload.loaded)?)),
            None => None,
        };
        let endpoints = webhooks::prepare(&reload.loaded)?;
        if let Err(error) = self.log.apply(&config.log) {
            tracing::warn!(%error, "the log goes on as it was");
        }
        if let Some((host, prepared)) = plugins {
            host.adopt(config.plugins.clone(), prepared);
        }
        if let Some(webhooks) = &self.webhooks {
            webhooks::adopt(webhooks, endpoints);
        }
        self.live.verifier.store(Arc::new(verifier));
        self.live.auth.store(Arc::new(config.auth.clone()));
        self.live.chat.store(Arc::new(config.chat.clone()));
        self.live.cors.store(Arc::new(config.cors.clone()));
        self.live.compression.store(Arc::new(config.compression.clone()));
        self.live.tls.store(Arc::new(tls));
        self.live.api_keys.store(Arc::new(api_keys));
        self.live.proxies.store(Arc::new(config.server.trusted_proxies.clone()));
        self.loaded = reload.loaded;
        self.apply_limits();
        Ok(reload.changes)
    }
}

/// Compiles the plugins and sets them up, on a thread of their own.
fn prepare(host: &Host, loaded: &Loaded) -> Result<Prepared, Problems> {
    let prepared = tokio::task::block_in_place(|| host.prepare(&loaded.config.plugins));
    prepared.map_err(|flaws| plugins::problems(loaded, flaws))
}

/// The keys of `[auth]`; what is wrong with them is shown where the configuration names them.
///
/// # Errors
/// Where a key cannot be read or cannot be used.
pub fn load_verifier(
    loaded: &Loaded,
    state_dir: &std::path::Path,
    previous: Option<&Verifier>,
) -> Result<Verifier, Problems> {
    let verifier = Verifier::load(&loaded.config.auth, state_dir, previous).map_err(|error| located(loaded, &error))?;
    check_demo(loaded)?;
    Ok(verifier)
}

/// What keeps the keys of `[auth]` from being used; writes nothing.
///
/// # Errors
/// Where a key cannot be read or cannot be used.
pub fn check_keys(loaded: &Loaded) -> Result<(), Problems> {
    Verifier::check(&loaded.config.auth).map_err(|error| located(loaded, &error))?;
    check_demo(loaded)
}

/// The demo hands out tokens, so it needs a key that signs.
fn check_demo(loaded: &Loaded) -> Result<(), Problems> {
    if !loaded.config.server.demo {
        return Ok(());
    }
    let problem = |error: MintError| loaded.sources.problem("server.demo", &format!("hands out tokens, but {error}"));
    mint::check(&loaded.config.auth).map_err(|error| Problems::from(vec![problem(error)]))
}

/// Certificate and key of `[server.tls]`; what is wrong with them is shown where the configuration names them.
///
/// # Errors
/// Where they cannot be read, cannot be used, or do not belong together.
pub fn load_tls(loaded: &Loaded) -> Result<Tls, Problems> {
    tls::load(&loaded.config.server.tls).map_err(|error| {
        Problems::from(vec![loaded.sources.problem(&format!("server.tls.{}", error.key), &error.message)])
    })
}

/// The keys of `[api]`; what is wrong with them is shown where the configuration names them.
///
/// # Errors
/// Where their file cannot be read, or one of them cannot be used.
pub fn load_api_keys(loaded: &Loaded) -> Result<Keyring, Problems> {
    Keyring::load(&loaded.config.api)
        .map_err(|error| Problems::from(vec![loaded.sources.problem(&format!("api.{}", error.key), &error.message)]))
}

/// What is wrong with keys, shown where the configuration names them.
fn located(loaded: &Loaded, error: &auth::LoadError) -> Problems {
    let problems = error.problems.iter();
    let located = problems.map(|problem| loaded.sources.problem(&format!("auth.{}", problem.key), &problem.message));
    Problems::from(located.collect::<Vec<_>>())
}
