//! Puts the HTTP server and the Engine.IO library together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use socketioxide::socket::Sid;
use socketioxide::{ParserConfig, SocketIo, TransportType};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::annex::Annex;
use super::bind::{self, BindError, Listener};
use super::config::{self, Compression, Cors, Transport};
use super::guard::Guard;
use super::handshake;
use super::health::Checkup;
use super::http::{self, Engine, Site, Switch};
use super::link::Room;
use super::listen::Reception;
use super::overload::Doorman;
use super::peer::Proxy;
use super::sessions::Sessions;
use super::sweep::{self, Streams};
use super::tls::Tls;
use crate::session::config::Config as Limits;

/// Frames that the library may read at most; the configured limit, which a reload can change, is kept below it.
const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// What the library reads at once. Every connection has a buffer of this size, and most of what clients send is shorter.
const READ_BYTES: usize = 1_024;

/// Binary attachments of one packet, as many as the Node server takes, and their bytes. No event of ours takes any: they
/// are gathered only to be refused by name, and anybody may send them before presenting a token.
const MAX_ATTACHMENTS: usize = 10;
const MAX_ATTACHMENT_BYTES: usize = 4 * 1024;

/// Places in the library's channel beside those for our packets: pings, and the packets that connect and disconnect.
const LIBRARY_PACKETS: usize = 64;

/// How long connections that were cut may take to end.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How long connections that were accepted just before a drain may take to send their first request.
const HANDOVER_GRACE: Duration = Duration::from_millis(500);

/// What a server is made of. What a reload may change comes in an `ArcSwap`.
pub struct Setup {
    pub engine: Engine,
    pub server: config::Server,
    pub transports: config::Transports,
    pub cors: Arc<ArcSwap<Cors>>,
    pub compression: Arc<ArcSwap<Compression>>,
    pub proxies: Arc<ArcSwap<Vec<Proxy>>>,
    pub tls: Arc<ArcSwap<Tls>>,
    pub limits: Arc<ArcSwap<Limits>>,
    pub health: Checkup,
    /// Whether anybody wants to see the headers with which a client comes.
    pub shows_headers: Switch,
    pub annexes: Vec<Arc<dyn Annex>>,
    /// Streams that may be open at most, whatever the limits say.
    pub max_streams: usize,
}

pub struct Server {
    addresses: Vec<String>,
    /// Some of the listening sockets go on in another process.
    hands_over: bool,
    listeners: Vec<Listener>,
    reception: Reception,
    sessions: Arc<Sessions>,
    closing: Option<mpsc::UnboundedReceiver<Sid>>,
    /// Ends the tasks that outlive accepting.
    end: CancellationToken,
}

/// The counts of a server, which outlive it.
pub struct Counts {
    pub streams: Arc<Streams>,
    pub guard: Arc<Guard>,
}

impl Server {
    /// Listens, and builds all that answers; connections are taken from [`Server::start`] on.
    ///
    /// # Errors
    /// Where one of the addresses cannot be listened on; none is then.
    pub fn bind(setup: Setup) -> Result<Self, BindError> {
        let listeners = bind::bind(&setup.server.listen, setup.server.unix_mode.0)?;
        let addresses = listeners.iter().map(ToString::to_string).collect();
        let hands_over = listeners.iter().any(Listener::is_handed_in);
        let room = Room {
            packets: setup.transports.send_buffer as usize,
            bytes: setup.transports.send_buffer_bytes.as_usize(),
        };
        let (sessions, closing) = Sessions::new(room, setup.transports.connect_timeout.0);
        let tasks = TaskTracker::new();
        let site = Site {
            engine: setup.engine,
            path: setup.server.path.trim_end_matches('/').to_owned(),
            sessions: sessions.clone(),
            guard: Guard::new(setup.limits.clone(), setup.proxies.clone()),
            limits: setup.limits,
            cors: setup.cors,
            compression: setup.compression,
            proxies: setup.proxies,
            health: setup.health,
            shows_headers: setup.shows_headers,
            annexes: setup.annexes,
            body_timeout: setup.transports.body_timeout.0,
            upgrades: setup.transports.allow.contains(&Transport::Websocket),
            upgrade_timeout: setup.transports.upgrade_timeout.0,
            allow_eio3: setup.transports.allow_eio3,
            tasks: tasks.clone(),
            draining: AtomicBool::new(false),
        };
        let stop = CancellationToken::new();
        let reception = Reception {
            site: Arc::new(site),
            tls: setup.tls,
            streams: Arc::new(Streams::default()),
            max_streams: setup.max_streams,
            doorman: Doorman::default(),
            room,
            header_timeout: setup.transports.header_timeout.0,
            write_timeout: setup.transports.write_timeout.0,
            tasks,
            draining: stop.child_token(),
            stop,
        };
        let end = CancellationToken::new();
        Ok(Server { addresses, hands_over, listeners, reception, sessions, closing: Some(closing), end })
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Open streams, whatever they carry.
    pub fn streams(&self) -> usize {
        self.reception.streams.open()
    }

    /// Where its connections are counted.
    pub fn counts(&self) -> Counts {
        Counts { streams: Arc::clone(&self.reception.streams), guard: Arc::clone(&self.reception.site.guard) }
    }

    #[cfg(test)]
    pub fn sessions(&self) -> usize {
        self.reception.site.guard.sessions()
    }

    /// Begins to accept connections.
    pub fn start(&mut self) {
        let tasks = &self.reception.tasks;
        for listener in self.listeners.drain(..) {
            tasks.spawn(self.reception.clone().accept(listener));
        }
        let streams = self.reception.streams.clone();
        tasks.spawn(sweep::run(streams, self.sessions.clone(), self.reception.write_timeout, self.end.clone()));
        if let Some(mut closing) = self.closing.take() {
            let (site, end) = (self.reception.site.clone(), self.end.clone());
            tasks.spawn(async move {
                while let Some(Some(sid)) = end.run_until_cancelled(closing.recv()).await {
                    site.close(sid).await;
                }
            });
        }
    }

    /// Takes no new sessions from now on; those that exist go on. Where the listening socket is another process's, who
    /// comes waits there for the next daemon; elsewhere they are refused, so that polling clients can still connect
    /// for what is on its way to them.
    pub async fn drain(&self) {
        if self.hands_over {
            self.reception.draining.cancel();
            tokio::time::sleep(HANDOVER_GRACE).await;
        }
        self.refuse_sessions();
    }

    fn refuse_sessions(&self) {
        self.reception.site.draining.store(true, Ordering::Relaxed);
    }

    /// Ends everything: waits for the connections up to `deadline`, cuts those that are left, and joins the tasks.
    pub async fn close(self, deadline: Duration) {
        self.refuse_sessions();
        self.reception.stop.cancel();
        let last = tokio::time::Instant::now() + deadline;
        while self.streams() > 0 && tokio::time::Instant::now() < last {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.end.cancel();
        self.reception.tasks.close();
        let last = tokio::time::Instant::now() + LAST_WAIT;
        // Again and again, as a connection may have been accepted just before.
        while self.streams() > 0 || !self.reception.tasks.is_empty() {
            if tokio::time::Instant::now() > last {
                tracing::warn!(streams = self.streams(), "connections did not end when they were cut");
                return;
            }
            self.reception.streams.cut_all();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The library, with its own limits out of the way of ours, and where its namespaces are registered.
pub fn engine(path: &str, ping: &config::Ping, transports: &config::Transports) -> (Engine, SocketIo) {
    let builder = SocketIo::builder()
        .req_path(path.trim_end_matches('/').to_owned())
        .ping_interval(ping.interval.0)
        .ping_timeout(ping.timeout.0)
        .upgrade_timeout(transports.upgrade_timeout.0)
        .connect_timeout(transports.connect_timeout.0)
        .max_buffer_size(transports.send_buffer as usize + LIBRARY_PACKETS)
        .max_payload(handshake::UNLIMITED)
        .ws_read_buffer_size(READ_BYTES)
        .ws_max_message_size(MAX_FRAME_BYTES)
        .ws_max_frame_size(MAX_FRAME_BYTES)
        .with_parser(
            ParserConfig::common()
                .max_incoming_binaries(MAX_ATTACHMENTS)
                .max_incoming_binary_buf_size(MAX_ATTACHMENT_BYTES),
        );
    let has = |transport| transports.allow.contains(&transport);
    let builder = match (has(Transport::Websocket), has(Transport::Polling)) {
        (true, false) => builder.transports([TransportType::Websocket]),
        (false, true) => builder.transports([TransportType::Polling]),
        _ => builder.transports([TransportType::Websocket, TransportType::Polling]),
    };
    let (service, io) = builder.build_svc();
    (http::engine(service), io)
}
