//! The daemon's life: every room built in order, work until a signal, everything ended in order.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Moment};

use dashmap::DashMap;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::{Inputs, Loaded};
use super::reload::{self, Live, Running};
use super::sides::Sides;
use super::signals::{self, Wish};
use super::{descriptors, exit, logging, memory, plugins, service, state_dir, webhooks};
use crate::api::Api;
use crate::chat::{self, Chat};
use crate::console::journal::Journal;
use crate::console::listen::{Listener, Serving};
use crate::console::{Console, Errand};
use crate::demo::Demo;
use crate::domain::hooks::{Effect, Hooks, Point};
use crate::domain::time::Time;
use crate::metrics::Metrics;
use crate::plugin::Host;
use crate::roster::Roster;
use crate::roster::packet::Packet;
use crate::session::quota::Quotas;
use crate::webhook::Webhooks;
use crate::wire::annex::Annex;
use crate::wire::connect::Door;
use crate::wire::dispatch::{Dispatcher, Shared};
use crate::wire::event::server;
use crate::wire::health::Health;
use crate::wire::server::{Server, Setup};
use crate::{bus, wire};

/// How long a drain waits for clients to read what is on its way to them; the rest of the time is for the store.
const FLUSH_GRACE: Duration = Duration::from_secs(3);

/// How long connections that have nothing more to say may take to end by themselves.
const CLOSE_GRACE: Duration = Duration::from_millis(200);

/// What operators ask of the daemon itself that may wait.
const MAX_ERRANDS: usize = 16;

/// Runs until a signal ends it.
pub fn run(inputs: Inputs, loaded: Loaded, state_dir: PathBuf, log: logging::Handle) -> ExitCode {
    if let Err(error) = state_dir::create(&state_dir) {
        tracing::error!(%error, path = %state_dir.display(), "the state directory cannot be made");
        return exit::UNAVAILABLE.into();
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_name("chatd").on_thread_park(memory::give_back);
    if let Some(workers) = loaded.config.server.workers {
        runtime.worker_threads(workers as usize);
    }
    let runtime = match runtime.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            return exit::UNAVAILABLE.into();
        }
    };
    let context = runtime.enter();
    let verifier = match reload::load_verifier(&loaded, &state_dir, None) {
        Ok(verifier) => verifier,
        Err(problems) => {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
    };
    drop(context);
    let tls = match reload::load_tls(&loaded) {
        Ok(tls) => tls,
        Err(problems) => {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
    };
    let api_keys = match reload::load_api_keys(&loaded) {
        Ok(api_keys) => api_keys,
        Err(problems) => {
            eprintln!("{problems}");
            return exit::CONFIG.into();
        }
    };
    let live = Live::new(&loaded.config, verifier, tls, api_keys);
    let descriptors = descriptors::raise();
    descriptors::warn(descriptors, loaded.config.limits.connections);
    let running =
        Running { inputs, loaded, state_dir, live, log, descriptors, lockdown: None, host: None, webhooks: None };
    let code = runtime.block_on(serve(running));
    // What is left are connections that were cut; nothing of theirs is waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

/// The rooms at work.
struct House {
    chat: Arc<Chat>,
    shared: Arc<Shared>,
    server: Server,
    host: Arc<Host>,
    webhooks: Arc<Webhooks>,
    /// Ends the tasks that go on for ever.
    end: CancellationToken,
}

async fn serve(mut running: Running) -> ExitCode {
    let mut wishes = match signals::listen() {
        Ok(wishes) => wishes,
        Err(error) => {
            tracing::error!(%error, "signals cannot be handled");
            return exit::UNAVAILABLE.into();
        }
    };
    let house = match build(&running).await {
        Ok(house) => house,
        Err(code) => return code.into(),
    };
    running.host = Some(Arc::clone(&house.host));
    running.webhooks = Some(Arc::clone(&house.webhooks));
    let admin = match Listener::bind(&running.loaded.config.admin) {
        Ok(admin) => admin,
        Err(error) => {
            tracing::error!("{error}");
            house.server.close(CLOSE_GRACE).await;
            return exit::UNAVAILABLE.into();
        }
    };
    for notice in &running.loaded.sources.notices {
        tracing::info!("{notice}");
    }
    if let Some(path) = running.live.verifier.load().uses_generated_secret() {
        tracing::info!(
            auth.secret_file = %path.display(),
            "no token key is configured, using a generated one; for a token to try it out: chatctl token mint --user USER"
        );
    }
    for address in house.server.addresses() {
        tracing::info!(%address, "listening");
    }
    if running.loaded.config.server.demo {
        announce_demo(house.server.addresses(), running.live.tls.load().is_some());
    }
    if let Some(listener) = &admin {
        tracing::info!(path = %listener.path().display(), "admin socket");
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), store = %house.chat.store().path().display(), "ready");
    service::ready();
    // A sign of life before that would be one of a daemon that is still starting.
    service::watch(&house.chat, &house.end);
    let (desk, mut errands) = mpsc::channel(MAX_ERRANDS);
    let journal = Arc::clone(&running.log.journal);
    let desk = admin.map(|listener| open_desk(listener, &house, desk, journal));
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        let wish = tokio::select! {
            _ = seconds.tick() => {
                running.end_lockdown();
                continue;
            }
            Some(wish) = wishes.recv() => wish,
            Some(errand) = errands.recv() => match errand {
                Errand::Shutdown(reply) => {
                    // Whoever asked may have gone; the wish stands.
                    let _ = reply.send(());
                    Wish::Stop
                }
                Errand::Drain(reply) => {
                    let _ = reply.send(send_away(&house).await);
                    continue;
                }
                errand => {
                    running.errand(errand);
                    continue;
                }
            },
        };
        match wish {
            Wish::Reload => {
                service::reloading();
                // What came of it stands in the log.
                service::reloaded(running.reload().is_ok());
            }
            Wish::Stop => break,
        }
    }
    let drain_timeout = running.loaded.config.server.drain_timeout.0;
    service::stopping(drain_timeout);
    // Whoever waits for an errand learns that nobody does it any more.
    drop(errands);
    drain(house, desk, drain_timeout).await;
    ExitCode::SUCCESS
}

/// Lets operators in.
fn open_desk(listener: Listener, house: &House, errands: mpsc::Sender<Errand>, journal: Arc<Journal>) -> Serving {
    let console = Console {
        chat: Arc::clone(&house.chat),
        shared: Arc::clone(&house.shared),
        host: Arc::clone(&house.host),
        webhooks: Arc::clone(&house.webhooks),
        errands,
        journal,
        node: host_name(),
        listen: house.server.addresses().to_vec(),
        started: (Moment::now(), Time::now()),
    };
    listener.serve(Arc::new(console))
}

/// The machine's name. Its file in `/proc` is hidden from the unit.
fn host_name() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is writable for its length, of which the last byte stays zero.
    let outcome = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or_default();
    if outcome == 0 { String::from_utf8_lossy(&name[..end]).into_owned() } else { "unknown".into() }
}

/// Where to open the demo page, and that it is open to everybody who reaches it.
fn announce_demo(addresses: &[String], is_secure: bool) {
    let scheme = if is_secure { "https" } else { "http" };
    let addresses = addresses.iter().filter_map(|address| address.parse().ok()).collect::<Vec<SocketAddr>>();
    for address in &addresses {
        let host = match address.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        tracing::info!("the demo page: {scheme}://{host}:{}/", address.port());
    }
    if addresses.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!(
            "the demo is open to the network: whoever reaches this address becomes ANY USER they name, with no password"
        );
    }
}

async fn build(running: &Running) -> Result<House, u8> {
    let config = &running.loaded.config;
    let live = &running.live;
    let lanes = std::thread::available_parallelism().map_or(2, usize::from);
    let (bus, lanes) = bus::local(lanes);
    let publisher = bus.clone();
    let publish = Box::new(move |events| publisher.publish_blocking(events));
    let roster = Arc::<Roster>::default();
    let (store, webhooks) = webhooks::open_store(running, &roster, publish).await?;
    let setup = plugins::setup(&running.loaded, &store, &roster).await.map_err(|error| {
        tracing::error!(%error, "what plugins have kept cannot be read");
        exit::UNAVAILABLE
    })?;
    let (host, effects) = tokio::task::block_in_place(|| Host::start(setup)).map_err(|flaws| {
        eprintln!("{}", plugins::problems(&running.loaded, flaws));
        exit::CONFIG
    })?;
    let host = Arc::new(host);
    let (aftermath, waiting) = chat::aftermath();
    let hooks = Arc::clone(&host) as Arc<dyn Hooks>;
    let chat = Arc::new(Chat::new(store, bus, roster, Arc::clone(&live.chat), hooks, aftermath));
    chat.load_sanctions().await.map_err(|error| {
        tracing::error!(%error, "what was decided about users cannot be read");
        exit::UNAVAILABLE
    })?;
    tokio::spawn({
        let chat = Arc::clone(&chat);
        async move { chat.see_to(waiting).await }
    });
    tokio::spawn(pass_on(effects, Arc::clone(&chat)));
    for lane in lanes {
        tokio::spawn(wire::deliver::run(Arc::clone(&chat), lane));
    }
    let shared = Arc::new(Shared {
        chat: Arc::clone(&chat),
        verifier: Arc::clone(&live.verifier),
        live: DashMap::default(),
        tasks: TaskTracker::new(),
        draining: AtomicBool::new(false),
    });
    let door =
        Door::new(Arc::clone(&shared), Arc::clone(&live.auth), Arc::clone(&live.limits), Arc::<Quotas>::default());
    let doctor = Arc::clone(&chat);
    let checkup = move || Health {
        initialized: doctor.store().health().is_writable(),
        connected: doctor.roster().connection_count(),
        rooms: doctor.roster().room_count(),
    };
    let visitors = Arc::clone(&chat);
    let demo = || Demo::new(&config.server.path, Arc::clone(&live.auth), running.state_dir.clone());
    let mut annexes = Vec::from_iter(config.server.demo.then(|| Arc::new(demo()) as Arc<dyn Annex>));
    let api = Arc::new(Api::new(Arc::clone(&shared), Arc::clone(&live.api_keys)));
    let metrics =
        Arc::new(Metrics::new(Arc::clone(&shared), Arc::clone(&host), Arc::clone(&api), Arc::clone(&webhooks)));
    let mut sides = Sides::open(config, Arc::clone(&metrics), api).map_err(|error| {
        tracing::error!("{error}");
        exit::UNAVAILABLE
    })?;
    annexes.append(&mut sides.beside);
    let (engine, io) = wire::server::engine(&config.server.path, &config.ping, &config.transports);
    io.ns("/", door);
    let setup = Setup {
        engine,
        server: config.server.clone(),
        transports: config.transports.clone(),
        cors: Arc::clone(&live.cors),
        compression: Arc::clone(&live.compression),
        proxies: Arc::clone(&live.proxies),
        tls: Arc::clone(&live.tls),
        limits: Arc::clone(&live.limits),
        health: Arc::new(checkup),
        shows_headers: Arc::new(move || visitors.wants(Point::Connect)),
        annexes,
        max_streams: descriptors::for_connections(running.descriptors),
    };
    let mut server = Server::bind(setup).map_err(|error| {
        tracing::error!("{error}");
        exit::UNAVAILABLE
    })?;
    server.start();
    metrics.watch(server.counts());
    let end = CancellationToken::new();
    sides.serve(&live.compression, &end);
    let house = House { chat, shared, server, host, webhooks, end };
    house.start_clocks(live);
    Ok(house)
}

impl House {
    /// Starts what happens at intervals.
    fn start_clocks(&self, live: &Live) {
        // Each on a clock of its own: a store that hangs must not keep devices from catching up.
        self.at_every_tick(|chat| async move { chat.expire_typing().await });
        self.at_every_tick(|chat| async move { chat.announce_departures().await });
        self.at_every_tick(|chat| async move { chat.flush_receipts().await });
        self.at_every_tick(|chat| async move { wire::deliver::catch_up(&chat) });
        let (shared, auth) = (Arc::clone(&self.shared), Arc::clone(&live.auth));
        every(Duration::from_secs(1), &self.end, move || {
            shared.end_unwelcome(auth.load().disconnect_on_expiry);
            shared.sweep();
            std::future::ready(())
        });
        let chat = Arc::clone(&self.chat);
        every(Duration::from_secs(1), &self.end, move || {
            chat.tally().tick();
            std::future::ready(())
        });
        let chat = Arc::clone(&self.chat);
        every(Duration::from_secs(1), &self.end, move || {
            let chat = Arc::clone(&chat);
            async move {
                if let Err(error) = chat.lift_bans().await {
                    tracing::debug!(%error, "bans that ended are looked for again");
                }
            }
        });
        let host = Arc::clone(&self.host);
        every(plugins::TIMER_INTERVAL, &self.end, move || {
            host.tick();
            std::future::ready(())
        });
        let (host, chat) = (Arc::clone(&self.host), Arc::clone(&self.chat));
        every(plugins::KEEP_INTERVAL, &self.end, move || {
            let (host, chat) = (Arc::clone(&host), Arc::clone(&chat));
            async move { plugins::keep(&host, &chat).await }
        });
        webhooks::start_clock(&self.webhooks, &self.end);
        let chat = Arc::clone(&self.chat);
        every(chat::RETENTION_INTERVAL, &self.end, move || {
            let chat = Arc::clone(&chat);
            async move {
                match chat.prune().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(store.pruned = count, "old messages are gone"),
                    Err(error) => tracing::warn!(%error, "old messages could not be deleted"),
                }
            }
        });
    }

    fn at_every_tick<F, Fut>(&self, work: F)
    where
        F: Fn(Arc<Chat>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let chat = Arc::clone(&self.chat);
        every(chat::TICK, &self.end, move || work(Arc::clone(&chat)));
    }
}

/// What plugins want done where nobody waited for them.
async fn pass_on(mut effects: mpsc::Receiver<Vec<Effect>>, chat: Arc<Chat>) {
    while let Some(effects) = effects.recv().await {
        chat.post(effects);
    }
}

/// Calls `work` at every `interval` until `end`.
pub fn every<F, Fut>(interval: Duration, end: &CancellationToken, mut work: F)
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let end = end.clone();
    tokio::spawn(async move {
        let mut clock = tokio::time::interval(interval);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                _ = clock.tick() => work().await,
            }
        }
    });
}

/// Tells everybody, finishes what was begun, and closes the store; all within `timeout`, whatever the clients do.
async fn drain(house: House, desk: Option<Serving>, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    let live = say_goodbye(&house).await;
    house.shared.tasks.close();
    // New events are refused by now; whoever keeps on sending must not use up the time of the rest.
    let finished_by = Instant::now() + timeout / 2;
    if tokio::time::timeout_at(finished_by, house.shared.tasks.wait()).await.is_err() {
        tracing::warn!("not everything that was begun could be finished in time");
    }
    house.end.cancel();
    let settled = async {
        house.chat.settle_receipts().await;
        house.chat.settle_presence().await;
        house.chat.settle_aftermath().await;
        plugins::keep(&house.host, &house.chat).await;
        house.webhooks.stop().await;
    };
    if tokio::time::timeout_at(deadline, settled).await.is_err() {
        tracing::warn!("receipts and presence could not be stored in time");
    }
    flushed(&live, deadline.min(Instant::now() + FLUSH_GRACE)).await;
    if let Some(desk) = desk {
        desk.close().await;
    }
    house.server.close(CLOSE_GRACE).await;
    let (host, store) = (Arc::clone(&house.host), house.chat.store().clone());
    let closed = tokio::task::spawn_blocking(move || {
        host.stop();
        store.close();
    });
    if tokio::time::timeout_at(deadline + Duration::from_secs(1), closed).await.is_err() {
        tracing::error!("the store did not close in time");
    }
    tracing::info!("stopped");
}

/// Lets nobody in any more, and tells everybody who is here; those.
async fn say_goodbye(house: &House) -> Vec<Arc<Dispatcher>> {
    house.server.drain().await;
    house.shared.draining.store(true, Ordering::Relaxed);
    let live = house.shared.all();
    tracing::info!(connections = live.len(), "draining");
    for session in live.iter().map(|dispatcher| dispatcher.session()) {
        let body = serde_json::json!({ "reconnectAfterMs": reconnect_after(live.len()) });
        session.connection.answer(&Packet::event(server::SHUTDOWN, &body));
    }
    live
}

/// Waits until everybody has what is on its way to them, or until `deadline`.
async fn flushed(live: &[Arc<Dispatcher>], deadline: Instant) {
    while live.iter().any(|dispatcher| !dispatcher.session().connection.is_flushed()) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Has everybody come back elsewhere, and goes on; how many they are.
async fn send_away(house: &House) -> usize {
    let live = say_goodbye(house).await;
    flushed(&live, Instant::now() + FLUSH_GRACE).await;
    live.iter().for_each(|dispatcher| dispatcher.session().connection.cut());
    live.len()
}

/// When a client should come back: at random, over a span that grows with the number of clients.
fn reconnect_after(connections: usize) -> u64 {
    let spread = (connections as u64 * 2).clamp(1_000, 30_000);
    250 + uuid::Uuid::new_v4().as_u64_pair().1 % spread
}
