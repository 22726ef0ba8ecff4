//! Conversations with a whole server over TCP.

mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use client::{Client, Incoming, frame};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, MessageHandler};
use socketioxide::socket::Socket;
use socketioxide_core::Value;

use super::config::{Cors, Ping, Server as ServerConfig, Transports};
use super::health::Health;
use super::outlet::SessionOutlet;
use super::server::{Server, Setup, engine};
use super::sessions::Session;
use crate::domain::units::{ByteSize, Span};
use crate::roster::outlet::{Outlet, Refused};
use crate::roster::packet::Packet;
use crate::session::config::Config as Limits;

/// Echoes every event by the outlet, and keeps the outlets for tests to send by.
#[derive(Clone, Default)]
struct Echo {
    outlets: Arc<Mutex<Vec<Arc<dyn Outlet>>>>,
}

struct EchoEvents(Arc<dyn Outlet>);

impl ConnectHandler<LocalAdapter, ()> for Echo {
    fn call(&self, socket: Arc<Socket>, _auth: Option<Value>) {
        let session = Session::of(&socket).expect("the session came through this server");
        assert_eq!(session.peer().address.to_string(), "127.0.0.1");
        session.authenticated();
        let outlet = SessionOutlet::to(&socket).expect("the session came through this server");
        self.outlets.lock().push(outlet.clone());
        socket.on_fallback(EchoEvents(outlet));
    }
}

impl MessageHandler<LocalAdapter, ()> for EchoEvents {
    fn call(&self, _socket: Arc<Socket>, event: Value, ack: Option<i64>) {
        let Value::Str(text, _) = event else { return };
        let echo: Box<RawValue> = serde_json::from_str(text.as_str()).expect("the parser checked it");
        let body = serde_json::json!({ "event": echo });
        let packet = match ack {
            Some(id) => Packet::ack(id, &body),
            None => Packet::event("echo", &body),
        };
        match self.0.send(&packet) {
            Ok(()) | Err(Refused::Closed) => {}
            Err(Refused::Full) => self.0.cut(),
        }
    }
}

struct Harness {
    server: Server,
    address: SocketAddr,
    echo: Echo,
    limits: Arc<ArcSwap<Limits>>,
}

#[derive(Default)]
struct Options {
    cors: Cors,
    limits: Limits,
    transports: Transports,
}

impl Harness {
    async fn start(options: Options) -> Self {
        let limits = Arc::new(ArcSwap::from_pointee(options.limits));
        let config = ServerConfig { listen: vec!["127.0.0.1:0".into()], ..ServerConfig::default() };
        let (engine, io) = engine(&config.path, &Ping::default(), &options.transports);
        let echo = Echo::default();
        io.ns("/", echo.clone());
        let mut server = Server::bind(Setup {
            engine,
            server: config,
            transports: options.transports,
            cors: Arc::new(ArcSwap::from_pointee(options.cors)),
            compression: Arc::default(),
            proxies: Arc::default(),
            tls: Arc::default(),
            limits: limits.clone(),
            health: Arc::new(|| Health { initialized: true, connected: 5, rooms: 12 }),
            shows_headers: Arc::new(|| false),
            annexes: Vec::new(),
            max_streams: usize::MAX,
        })
        .expect("a free port");
        server.start();
        let address = server.addresses()[0].parse().expect("an address with its port");
        Harness { server, address, echo, limits }
    }

    /// The outlet of the session that joined last.
    fn outlet(&self) -> Arc<dyn Outlet> {
        self.echo.outlets.lock().last().cloned().expect("somebody joined")
    }

    async fn close(self) {
        tokio::time::timeout(Duration::from_secs(10), self.server.close(Duration::ZERO)).await.expect("all ends");
    }
}

/// Opens a polling session and joins the main namespace.
async fn poll_and_join(client: &mut Client) -> String {
    let open = client.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(open.status, 200, "{}", open.body);
    let sid = open.body.split('"').nth(3).expect("a session id").to_owned();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(client.request("POST", &target, "", "40").await.body, "ok");
    let mut joined = String::new();
    while !joined.contains("40{") {
        joined = client.get(&target).await.body;
    }
    target
}

#[tokio::test]
async fn a_websocket_gets_its_echoes_in_order() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::websocket(harness.address).await;
    let open = client.text().await;
    assert!(open.contains("\"maxPayload\":1048576"), "{open}");
    client.send("40").await;
    while !client.text().await.starts_with("40{") {}
    for n in 0..500 {
        client.send(&format!("42{n}[\"n\",{n}]")).await;
    }
    for n in 0..500 {
        let text = client.text().await.replace(' ', "");
        assert_eq!(text, format!("43{n}[{{\"event\":[\"n\",{n}]}}]"));
    }
    assert_eq!(harness.server.sessions(), 1);
    harness.close().await;
}

#[tokio::test]
async fn a_polling_session_gets_its_echo() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::connect(harness.address).await;
    let target = poll_and_join(&mut client).await;
    client.request("POST", &target, "", "42[\"hello\",1]").await;
    let echo = client.get(&target).await.body;
    assert!(echo.contains("42[\"echo\",{\"event\":[\"hello\",1]}]"), "{echo}");
    harness.close().await;
}

#[tokio::test]
async fn an_upgraded_session_keeps_the_order() {
    let harness = Harness::start(Options::default()).await;
    let mut polling = Client::connect(harness.address).await;
    let target = poll_and_join(&mut polling).await;
    let outlet = harness.outlet();
    let packet = |n: u32| Packet::event("n", &serde_json::json!({ "n": n }));
    let mut seen = Vec::new();
    let mut note = |text: &str| {
        for part in text.split('\u{1e}').filter(|part| part.starts_with("42")) {
            let digits: String = part.chars().skip(2).filter(char::is_ascii_digit).collect();
            seen.push(digits.parse::<u32>().expect("a number"));
        }
    };
    for n in 0..10 {
        outlet.send(&packet(n)).expect("there is room");
    }
    note(&polling.get(&target).await.body);
    let mut upgraded = Client::connect(harness.address).await;
    let answer = upgraded.upgrade(&target.replace("polling", "websocket"), "").await;
    assert_eq!(answer.status, 101);
    for n in 10..20 {
        outlet.send(&packet(n)).expect("there is room");
    }
    upgraded.send("2probe").await;
    note(&polling.get(&target).await.body);
    assert_eq!(upgraded.text().await, "3probe");
    upgraded.send("5").await;
    for n in 20..200 {
        outlet.send(&packet(n)).expect("there is room");
        if n % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    upgraded.send("42[\"last\",999]").await;
    loop {
        let text = upgraded.text().await;
        if text.contains("echo") {
            break;
        }
        note(&text);
    }
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
    harness.close().await;
}

#[tokio::test]
async fn a_foreign_origin_is_refused_on_every_transport() {
    let harness = Harness::start(Options {
        cors: Cors { origins: vec!["https://app.example".into()], ..Cors::default() },
        ..Options::default()
    })
    .await;
    let foreign = "Origin: https://evil.example\r\n";
    for method in ["GET", "POST", "OPTIONS"] {
        let mut client = Client::connect(harness.address).await;
        let answer = client.request(method, "/socket.io/?EIO=4&transport=polling", foreign, "").await;
        assert_eq!(answer.status, 403, "{method}");
    }
    let websocket = "/socket.io/?EIO=4&transport=websocket";
    let mut client = Client::connect(harness.address).await;
    assert_eq!(client.upgrade(websocket, foreign).await.status, 403);
    assert_eq!(client.upgrade(websocket, "Origin: https://app.example\r\n").await.status, 101);
    let mut client = Client::connect(harness.address).await;
    let preflight = client.request("OPTIONS", "/socket.io/", "Origin: https://app.example\r\n", "").await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.head.contains("access-control-allow-origin: https://app.example"), "{}", preflight.head);
    assert!(preflight.head.contains("access-control-allow-methods: get, post"), "{}", preflight.head);
    assert!(preflight.head.contains("vary: origin"), "{}", preflight.head);
    harness.close().await;
}

#[tokio::test]
async fn the_health_route_and_the_rest() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::connect(harness.address).await;
    let health = client.get("/api/socket/health").await;
    assert_eq!(health.body, r#"{"status":"ok","socket":{"initialized":true,"connected":5,"rooms":12}}"#);
    let missing = client.get("/nothing").await;
    assert_eq!((missing.status, missing.body.as_str()), (404, r#"{"code":"NOT_FOUND","message":"no such path"}"#));
    harness.server.drain().await;
    assert_eq!(client.get("/api/socket/health").await.status, 503);
    assert_eq!(client.get("/socket.io/?EIO=4&transport=polling").await.status, 503);
    harness.close().await;
}

#[tokio::test]
async fn an_oversized_frame_ends_its_connection_alone() {
    let harness = Harness::start(Options::default()).await;
    harness.limits.store(Arc::new(Limits { max_payload: ByteSize(1_000), ..Limits::default() }));
    let mut good = Client::joined(harness.address).await;
    let mut bad = Client::joined(harness.address).await;
    bad.write(&frame(0x81, 1_001, b"42")).await;
    loop {
        match bad.next().await {
            Incoming::Text(_) => {}
            last => break assert_eq!(last, Incoming::Close(Some(1009))),
        }
    }
    assert_eq!(bad.next().await, Incoming::End);
    good.send("42[\"still\"]").await;
    assert!(good.text().await.contains("still"));
    let mut client = Client::connect(harness.address).await;
    let target = poll_and_join(&mut client).await;
    let long = format!("42[\"x\",\"{}\"]", "x".repeat(1_000));
    assert_eq!(client.request("POST", &target, "", &long).await.status, 413);
    harness.close().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_while_others_go_on() {
    let harness = Harness::start(Options {
        transports: Transports { write_timeout: Span(Duration::from_millis(400)), ..Transports::default() },
        ..Options::default()
    })
    .await;
    let mut reads = Client::joined(harness.address).await;
    let stalls = Client::joined(harness.address).await;
    let outlet = harness.outlet();
    let big = Packet::event("big", &serde_json::json!({ "text": "x".repeat(100_000) }));
    let refused = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match outlet.send(&big) {
                Ok(()) => tokio::task::yield_now().await,
                Err(Refused::Full) => {
                    assert!(!outlet.has_room());
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(Refused::Closed) => break,
            }
        }
    });
    refused.await.expect("the write deadline cuts it");
    while harness.server.streams() > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reads.send("42[\"alive\"]").await;
    assert!(reads.text().await.contains("alive"));
    drop(stalls);
    harness.close().await;
}

#[tokio::test]
async fn a_disconnect_comes_behind_what_was_sent_before() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::joined(harness.address).await;
    let outlet = harness.outlet();
    for n in 0..3 {
        outlet.send(&Packet::event("n", &serde_json::json!({ "n": n }))).expect("there is room");
    }
    outlet.disconnect();
    let mut heard = Vec::new();
    loop {
        match client.next().await {
            Incoming::Text(text) if text == "2" => {}
            Incoming::Text(text) => heard.push(text.replace(' ', "")),
            last => break assert_eq!(last, Incoming::Close(None)),
        }
    }
    assert_eq!(heard, ["42[\"n\",{\"n\":0}]", "42[\"n\",{\"n\":1}]", "42[\"n\",{\"n\":2}]", "41"]);
    assert_eq!(outlet.send(&Packet::event("n", &serde_json::json!({}))), Err(Refused::Closed));

    let mut silent = Client::joined(harness.address).await;
    harness.outlet().disconnect();
    assert_eq!(silent.text().await, "41");
    assert_eq!(silent.next().await, Incoming::Close(None));
    harness.close().await;
}

#[tokio::test]
async fn a_polling_session_ends_when_it_is_told_to() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::connect(harness.address).await;
    let target = poll_and_join(&mut client).await;
    harness.outlet().disconnect();
    let mut heard = String::new();
    while !heard.contains("41") {
        heard = client.get(&target).await.body;
    }
    let gone = client.get(&target).await;
    assert_eq!((gone.status, gone.body.as_str()), (400, r#"{"code":1,"message":"Session ID unknown"}"#));

    let target = poll_and_join(&mut client).await;
    let outlet = harness.outlet();
    let mut waiting = Client::connect(harness.address).await;
    while waiting.request("POST", &target, "", "3").await.status != 200 {}
    let pending = tokio::spawn(async move {
        let mut answer = client.get(&target).await;
        while answer.status == 200 {
            answer = client.get(&target).await;
        }
        answer.status
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    outlet.cut();
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), pending).await.expect("at once").expect("no panic"), 400);
    assert_eq!(harness.server.sessions(), 0);
    harness.close().await;
}

#[tokio::test]
async fn too_many_sessions_are_refused_and_freed() {
    let harness =
        Harness::start(Options { limits: Limits { connections: 1, ..Limits::default() }, ..Options::default() }).await;
    let first = Client::joined(harness.address).await;
    let mut second = Client::connect(harness.address).await;
    let answer = second.upgrade("/socket.io/?EIO=4&transport=websocket", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, r#"{"code":"TOO_MANY_CONNECTIONS","message":"too many connections"}"#);
    assert!(answer.head.to_lowercase().contains("connection: close"), "{}", answer.head);
    drop(first);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let mut third = Client::connect(harness.address).await;
        if third.upgrade("/socket.io/?EIO=4&transport=websocket", "").await.status == 101 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the place was not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    harness.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_broadcast_reaches_everyone_in_order() {
    const PACKETS: usize = 3_000;
    let harness = Harness::start(Options::default()).await;
    let mut listeners = Vec::new();
    for n in 0..8 {
        let mut client = Client::joined(harness.address).await;
        listeners.push(tokio::spawn(async move {
            for expected in 0..PACKETS {
                if n % 2 == 0 && expected % 500 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let text = client.text().await.replace(' ', "");
                assert!(text.starts_with(&format!("42[\"n\",{{\"n\":{expected},")), "client {n}: {text}");
            }
        }));
    }
    // The client has its answer before the handler has run.
    while harness.echo.outlets.lock().len() < listeners.len() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let outlets = harness.echo.outlets.lock().clone();
    for n in 0..PACKETS {
        let packet = Packet::event("n", &serde_json::json!({ "n": n, "text": "x".repeat(n % 300) }));
        for outlet in &outlets {
            while !outlet.has_room() {
                tokio::task::yield_now().await;
            }
            outlet.send(&packet).expect("there is room");
        }
    }
    for listener in listeners {
        tokio::time::timeout(Duration::from_secs(30), listener).await.expect("all arrive").expect("in order");
    }
    harness.close().await;
}

#[tokio::test]
async fn frames_that_come_with_the_request_count() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::connect(harness.address).await;
    let mut bytes = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    bytes.extend(frame(0x81, 2, b"40"));
    client.write(&bytes).await;
    assert_eq!(client.answer().await.status, 101);
    assert!(client.text().await.starts_with("0{"));
    assert!(client.text().await.starts_with("40{"));
    harness.close().await;
}

#[tokio::test]
async fn what_is_no_websocket_handshake_is_refused() {
    let harness = Harness::start(Options::default()).await;
    let mut client = Client::connect(harness.address).await;
    let target = "/socket.io/?EIO=4&transport=websocket";
    assert_eq!(client.get(target).await.status, 400);
    assert_eq!(client.request("GET", target, "Sec-WebSocket-Key: x\r\n", "").await.status, 400);
    let unknown = client.get("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA").await;
    assert_eq!((unknown.status, unknown.body.as_str()), (400, r#"{"code":1,"message":"Session ID unknown"}"#));
    assert_eq!(client.get("/socket.io/?EIO=4&transport=smoke").await.status, 400);
    assert_eq!(harness.server.sessions(), 0);
    harness.close().await;
}
