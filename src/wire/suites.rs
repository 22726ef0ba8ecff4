//! The daemon's connections with something else than a chat behind them: the official protocol suites expect echoes, and
//! shorter times than anybody would configure.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use socketioxide::SocketIo;

use super::config::{self, Cors, Ping, Transports};
use super::health::Health;
use super::http::Engine;
pub use super::http::engine;
use super::server::{self, Server, Setup};
use crate::domain::units::{ByteSize, Span};
use crate::session::config::Config as Limits;

/// What the suites expect in a handshake.
pub const PING_INTERVAL: Duration = Duration::from_millis(300);
pub const PING_TIMEOUT: Duration = Duration::from_millis(200);
const MAX_PAYLOAD: u64 = 1_000_000;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The Socket.IO library as the daemon sets it up.
pub fn socket_io(path: &str) -> (Engine, SocketIo) {
    let ping = Ping { interval: Span(PING_INTERVAL), timeout: Span(PING_TIMEOUT) };
    let transports = Transports { connect_timeout: Span(CONNECT_TIMEOUT), ..Transports::default() };
    server::engine(path, &ping, &transports)
}

/// Serves `engine` at `path`, and hands the address to `ready`.
pub async fn serve(path: &str, engine: Engine, ready: impl FnOnce(&str)) {
    let setup = Setup {
        engine,
        server: config::Server { listen: vec!["127.0.0.1:0".into()], path: path.into(), ..config::Server::default() },
        transports: Transports::default(),
        cors: Arc::<ArcSwap<Cors>>::default(),
        compression: Arc::default(),
        proxies: Arc::default(),
        tls: Arc::default(),
        limits: Arc::new(ArcSwap::from_pointee(Limits { max_payload: ByteSize(MAX_PAYLOAD), ..Limits::default() })),
        health: Arc::new(|| Health { initialized: true, connected: 0, rooms: 0 }),
        shows_headers: Arc::new(|| false),
        annexes: Vec::new(),
        max_streams: usize::MAX,
    };
    let mut server = Server::bind(setup).expect("there is a free port");
    server.start();
    ready(&server.addresses()[0]);
    std::future::pending().await
}
