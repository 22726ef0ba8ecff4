//! The host: the set that is loaded now, what each plugin keeps over a reload, its timers, and the way in from above.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::chain;
use super::config::Config;
use super::kv::Change;
use super::panel::{Absent, Present, unasked};
use super::script::{Estate, Flaw, Script};
use super::set::{self, Prepared, Set};
use super::stage::{Clock, Services, Timer};
use super::stats::{Done, Standing};
use super::worker::{self, Busy, Lane, Workers};
use crate::domain::error::Error;
use crate::domain::hooks::{
    Arg, Call, Conference, Deciding, Directory, Effect, Hooks, Panel, Point, TurnedAway, Verdict,
};
use crate::domain::time::Time;

/// Sets of effects that may wait for whoever carries them out.
const MAX_OUTBOX: usize = 4_096;

/// What a host is made from.
pub struct Setup {
    pub config: Config,
    /// Where plugins lie: the operator's own directory first, then where those lie that ship with the daemon.
    pub places: Vec<PathBuf>,
    pub directory: Arc<dyn Directory>,
    /// What plugins have kept.
    pub kept: Vec<Kept>,
    /// Plugins that an operator has switched on or off.
    pub switched: BTreeMap<String, bool>,
}

/// An entry of a plugin's keys and values, as it is stored.
#[derive(Clone, Debug)]
pub struct Kept {
    pub plugin: String,
    pub key: String,
    pub json: String,
    pub expires: Option<i64>,
}

pub struct Host(Arc<Inner>);

pub(super) struct Inner {
    set: ArcSwap<Set>,
    workers: Workers,
    pub(super) services: Services,
    places: Vec<PathBuf>,
    estates: Mutex<BTreeMap<String, Arc<Estate>>>,
    state: Mutex<State>,
    /// Held by whoever makes a new set, until it is taken.
    loading: Mutex<()>,
    outbox: mpsc::Sender<Vec<Effect>>,
    hasher: ahash::RandomState,
    /// What nobody could take, since the last word about it.
    pub(super) dropped: AtomicU64,
}

struct State {
    config: Config,
    switched: BTreeMap<String, bool>,
    timers: Vec<Due>,
}

struct Due {
    plugin: Arc<str>,
    timer: Timer,
    at: Instant,
}

/// What there is to say of one plugin.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: String,
    pub path: PathBuf,
    pub enabled: bool,
    pub standing: Standing,
    pub hooks: Vec<Point>,
    pub done: Vec<Done>,
    pub last_fault: Option<(Time, String)>,
    pub keys: usize,
    pub timers: Vec<String>,
}

impl Host {
    /// Loads what `setup` names. The effects of past-tense hooks come out of the receiver.
    ///
    /// # Errors
    /// Where a plugin is wrong: everything that is wrong with any of them.
    pub fn start(setup: Setup) -> Result<(Self, mpsc::Receiver<Vec<Effect>>), Vec<Flaw>> {
        let Setup { config, places, directory, kept, switched } = setup;
        let mut estates: BTreeMap<String, Arc<Estate>> = BTreeMap::new();
        for Kept { plugin, key, json, expires } in kept {
            estates.entry(plugin).or_default().kv.restore(key, &json, expires);
        }
        let workers = Workers::start().map_err(|error| {
            vec![Flaw::whole(Path::new("plugins"), format!("threads for plugins cannot be started: {error}"))]
        })?;
        let (outbox, effects) = mpsc::channel(MAX_OUTBOX);
        let state = State { config: config.clone(), switched, timers: Vec::new() };
        let host = Host(Arc::new(Inner {
            set: ArcSwap::from_pointee(Set::default()),
            workers,
            services: Services { directory, clock: Clock::System, quiet: false },
            places,
            estates: Mutex::new(estates),
            state: Mutex::new(state),
            loading: Mutex::default(),
            outbox,
            hasher: ahash::RandomState::new(),
            dropped: AtomicU64::new(0),
        }));
        let prepared = host.prepare(&config)?;
        host.adopt(config, prepared);
        Ok((host, effects))
    }

    /// Keeps others from loading plugins meanwhile: from [`Host::prepare`] to [`Host::adopt`].
    pub fn loading(&self) -> MutexGuard<'_, ()> {
        self.0.loading.lock()
    }

    /// Compiles and sets up what `config` names, and changes nothing.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn prepare(&self, config: &Config) -> Result<Prepared, Vec<Flaw>> {
        let switched = self.0.state.lock().switched.clone();
        let wanted = self.0.wanted(config, &switched)?;
        let estates: BTreeMap<String, Arc<Estate>> = {
            let mut estates = self.0.estates.lock();
            for (name, _) in &wanted {
                estates.entry(name.clone()).or_default();
            }
            estates.clone()
        };
        let services = self.0.services.clone();
        worker::alone(|engine| set::prepare(engine, config, &wanted, &estates, &services))
    }

    /// Takes a set that was prepared: what runs goes on with the old one to its end.
    pub fn adopt(&self, config: Config, prepared: Prepared) {
        let Prepared { set, effects, timers } = prepared;
        for script in &set.scripts {
            script.estate.stats.pardon();
        }
        let names: Vec<&str> = set.scripts.iter().map(|script| &*script.name).collect();
        tracing::info!(plugins = names.join(", "), "{} plugins are loaded", names.len());
        {
            let mut state = self.0.state.lock();
            state.config = config;
            state.timers = timers.into_iter().map(|(script, timer)| Due::new(&script, timer)).collect();
        }
        let old = self.0.set.swap(Arc::new(set));
        self.0.post(effects);
        let inner = Arc::clone(&self.0);
        let farewell = move |engine: &rhai::Engine| inner.post(old.unload(engine, &inner.services));
        if self.0.workers.run(Lane::Slow, Box::new(farewell)).is_err() {
            tracing::warn!("on_unload was not called: too many calls wait");
        }
    }

    /// Loads everything anew with the same configuration.
    ///
    /// # Errors
    /// Everything that is wrong with any of them; the old set stays.
    pub fn reload(&self) -> Result<Vec<String>, Vec<Flaw>> {
        let _loading = self.loading();
        let config = self.0.state.lock().config.clone();
        let prepared = self.prepare(&config)?;
        self.adopt(config, prepared);
        Ok(self.0.set.load().scripts.iter().map(|script| script.name.to_string()).collect())
    }

    /// Switches one plugin on or off, whatever the configuration lists; true where that changed anything.
    ///
    /// # Errors
    /// Where there is no such plugin, or it is wrong; then it is as it was.
    pub fn switch(&self, name: &str, on: bool) -> Result<bool, Vec<Flaw>> {
        let _loading = self.loading();
        let was = self.0.set.load().named(name).is_some();
        let (before, config) = {
            let mut state = self.0.state.lock();
            (state.switched.insert(name.to_owned(), on), state.config.clone())
        };
        let outcome = self.prepare(&config).and_then(|prepared| match prepared.set.named(name).is_some() || !on {
            true => Ok(prepared),
            false => Err(vec![self.0.unknown(name)]),
        });
        match outcome {
            Ok(prepared) => {
                self.adopt(config, prepared);
                Ok(was != on)
            }
            Err(flaws) => {
                let mut state = self.0.state.lock();
                match before {
                    Some(before) => state.switched.insert(name.to_owned(), before),
                    None => state.switched.remove(name),
                };
                Err(flaws)
            }
        }
    }

    /// Every plugin there is, loaded or not, the loaded ones first and in their order.
    pub fn reports(&self) -> Vec<Report> {
        let set = self.0.set.load();
        let mut reports: Vec<Report> = set.scripts.iter().map(|script| self.0.report(script)).collect();
        for (name, path) in self.0.places.iter().flat_map(|place| set::scripts_in(place).unwrap_or_default()) {
            if reports.iter().all(|report| report.name != name) {
                reports.push(Report::idle(name, path));
            }
        }
        reports
    }

    /// Calls `on_admin` of one plugin.
    ///
    /// # Errors
    /// `NOT_FOUND` where no such plugin is loaded or it has no such hook; what it denied; `UNAVAILABLE`.
    pub async fn command(
        &self,
        plugin: &str,
        command: &str,
        args: Vec<String>,
        operator: &str,
    ) -> Result<Value, Error> {
        let script = self.0.set.load().named(plugin).cloned().ok_or_else(|| Error::not_found("plugin"))?;
        if !script.has(Point::Admin) {
            return Err(Error::not_found("command: the plugin has no on_admin"));
        }
        let args = vec![Arg::Value(command.into()), Arg::Value(args.into()), Arg::Value(operator.into())];
        let call = Call { only: Some(Arc::clone(&script.name)), ..Call::new(Point::Admin, args) };
        let ruling = self.decide(call).await;
        self.0.post(ruling.effects);
        match ruling.verdict {
            Verdict::Value(value) => Ok(value),
            Verdict::Deny(error) => Err(error),
            _ => {
                let why = script.estate.stats.last_fault().map_or_else(String::new, |(_, fault)| format!(": {fault}"));
                Err(Error::unavailable(format!("the plugin failed{why}")))
            }
        }
    }

    /// Calls the timers that are due. Called several times a second.
    pub fn tick(&self) {
        let now = Instant::now();
        let mut due = Vec::new();
        self.0.state.lock().timers.retain_mut(|timer| {
            if timer.at > now {
                return true;
            }
            due.push((Arc::clone(&timer.plugin), timer.timer.name.clone()));
            // What is late is not made up for.
            timer.at = now + timer.timer.span;
            timer.timer.repeats
        });
        for (plugin, name) in due {
            let call = Call { only: Some(plugin), ..Call::new(Point::Timer, vec![Arg::Value(name.into())]) };
            self.tell(call);
        }
        let dropped = self.0.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(plugins.dropped = dropped, "too much waits for plugins: some did not hear of what happened");
        }
    }

    /// What plugins have changed of their keys and values since the last call.
    pub fn take_changes(&self) -> Vec<(String, Vec<Change>)> {
        let now = Time::now().0;
        let estates = self.0.estates.lock();
        let changes = estates.iter().map(|(name, estate)| (name.clone(), estate.kv.take_changes(now)));
        changes.filter(|(_, changes)| !changes.is_empty()).collect()
    }

    /// Changes that could not be stored are told again.
    pub fn give_back(&self, changes: &[(String, Vec<Change>)]) {
        let estates = self.0.estates.lock();
        for (name, changes) in changes {
            if let Some(estate) = estates.get(name) {
                estate.kv.give_back(changes);
            }
        }
    }

    /// Ends the threads, once they have done what waits.
    pub fn stop(&self) {
        self.0.workers.stop();
    }
}

impl Hooks for Host {
    fn wants(&self, point: Point) -> bool {
        !self.0.set.load().with(point).is_empty()
    }

    fn decide(&self, call: Call) -> Deciding<'_> {
        let set = self.0.set.load_full();
        let (point, lane) = (call.point, lane_of(&set, &[call.point]));
        let (reply, answer) = oneshot::channel();
        let (inner, since) = (Arc::clone(&self.0), Instant::now());
        let on_error = set.on_error(point);
        let job = move |engine: &rhai::Engine| {
            let ruling = Present { engine, set: &set, inner: &inner, since }.ask(call);
            // Whoever asked may have gone; what the plugins want done is done all the same.
            if let Err(ruling) = reply.send(ruling) {
                inner.post(ruling.effects);
            }
        };
        match self.0.workers.run(lane, Box::new(job)) {
            Ok(()) => Box::pin(async move { answer.await.unwrap_or_else(|_| unasked(point, on_error)) }),
            Err(Busy) => Box::pin(std::future::ready(unasked(point, on_error))),
        }
    }

    fn confer(&self, points: &[Point], conference: Conference) -> Result<(), TurnedAway> {
        let set = self.0.set.load_full();
        let lane = lane_of(&set, points);
        let (inner, since, absent) = (Arc::clone(&self.0), Instant::now(), Absent(Arc::clone(&set)));
        // Shared, as the queue does not give back what it has no room for.
        let conference = Arc::new(Mutex::new(Some(conference)));
        let mine = Arc::clone(&conference);
        let job = move |engine: &rhai::Engine| {
            let conference = mine.lock().take();
            if let Some(conference) = conference {
                conference(&Present { engine, set: &set, inner: &inner, since });
            }
        };
        if self.0.workers.run(lane, Box::new(job)).is_ok() {
            return Ok(());
        }
        let conference = conference.lock().take();
        conference.map_or(Ok(()), |conference| Err(TurnedAway { conference, panel: Box::new(absent) }))
    }

    fn tell(&self, call: Call) {
        let set = self.0.set.load_full();
        let lane = match call.point {
            Point::Timer => Lane::Slow,
            _ => Lane::Hearing(self.0.hasher.hash_one(call.key())),
        };
        let inner = Arc::clone(&self.0);
        let job = move |engine: &rhai::Engine| {
            let done = chain::run(engine, &set, &inner.services, call);
            inner.start_timers(done.timers);
            inner.post(done.ruling.effects);
        };
        if self.0.workers.run(lane, Box::new(job)) == Err(Busy) {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lane_of(set: &Set, points: &[Point]) -> Lane {
    let mut scripts = points.iter().flat_map(|point| set.with(*point));
    let apart = points.contains(&Point::Admin);
    if apart || scripts.any(|script| script.estate.stats.is_slow()) { Lane::Slow } else { Lane::Quick }
}

impl Inner {
    /// The plugins that the configuration and the operators want, in order.
    fn wanted(&self, config: &Config, switched: &BTreeMap<String, bool>) -> Result<Vec<(String, PathBuf)>, Vec<Flaw>> {
        let mut wanted = set::find(config.enabled.as_deref(), &self.places)?;
        wanted.retain(|(name, _)| switched.get(name) != Some(&false));
        let missing = switched.iter().filter(|(name, on)| **on && wanted.iter().all(|(known, _)| known != *name));
        let missing: Vec<String> = missing.map(|(name, _)| name.clone()).collect();
        for name in missing {
            match set::find(Some(std::slice::from_ref(&name)), &self.places) {
                Ok(found) => wanted.extend(found),
                // What was switched on once may be gone today; that must not keep the daemon from starting.
                Err(flaws) => flaws.iter().for_each(|flaw| tracing::warn!("a plugin that was switched on: {flaw}")),
            }
        }
        Ok(wanted)
    }

    fn unknown(&self, name: &str) -> Flaw {
        match set::find(Some(&[name.to_owned()]), &self.places) {
            Err(mut flaws) if !flaws.is_empty() => flaws.remove(0),
            _ => Flaw::whole(Path::new("plugins"), format!("{name} is not loaded")),
        }
    }

    fn report(&self, script: &Script) -> Report {
        let stats = &script.estate.stats;
        let timers = self.state.lock();
        let timers = timers.timers.iter().filter(|due| due.plugin == script.name).map(|due| due.timer.name.clone());
        Report {
            name: script.name.to_string(),
            path: script.path.clone(),
            enabled: true,
            standing: stats.standing(),
            hooks: script.points().collect(),
            done: stats.done(),
            last_fault: stats.last_fault(),
            keys: script.estate.kv.len(),
            timers: timers.collect(),
        }
    }

    pub(super) fn start_timers(&self, timers: Vec<(Arc<Script>, Timer)>) {
        if timers.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for (script, timer) in timers {
            // One name is one timer: who starts it again moves it.
            state.timers.retain(|due| due.plugin != script.name || due.timer.name != timer.name);
            let count = state.timers.iter().filter(|due| due.plugin == script.name).count();
            match count < super::stage::MAX_TIMERS {
                true => state.timers.push(Due::new(&script, timer)),
                false => tracing::warn!(plugin = &*script.name, "a timer was not started: the plugin has too many"),
            }
        }
    }

    fn post(&self, effects: Vec<Effect>) {
        if !effects.is_empty() && self.outbox.try_send(effects).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Due {
    fn new(script: &Script, timer: Timer) -> Self {
        Due { plugin: Arc::clone(&script.name), at: Instant::now() + timer.span, timer }
    }
}

impl Report {
    fn idle(name: String, path: PathBuf) -> Self {
        Report {
            name,
            path,
            enabled: false,
            standing: Standing::Ready,
            hooks: Vec::new(),
            done: Vec::new(),
            last_fault: None,
            keys: 0,
            timers: Vec::new(),
        }
    }
}
