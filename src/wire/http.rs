//! Every HTTP request that arrives, and what answers it; the routes are in the room's own documentation.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use serde::Serialize;
use socketioxide::socket::Sid;
use tokio_util::task::TaskTracker;

use super::annex::{Annex, Uncollected, collected, visit};
use super::config::{Compression, Cors};
use super::cors::{self, Verdict};
use super::detach::{Headers, detach};
use super::encoding;
use super::extension;
use super::forwarded;
use super::guard::{Breach, Guard};
use super::handshake;
use super::health::{self, Checkup, Probe, Report};
use super::link::Link;
use super::peer::{Peer, Proxy};
use super::poll::Stage;
use super::sessions::{Session, Sessions};
use super::upgrade::{self, Attempt, Probed};
use super::version::Version;
use crate::domain::error::Code;
use crate::domain::units::ByteSize;
use crate::session::config::Config as Limits;

/// The packet that says nothing.
const NOOP: &str = "6";

pub type Answer = Response<Full<Bytes>>;

/// Takes over the WebSocket that a session goes on with.
pub(super) type Adopt = Arc<dyn Fn(Probed, Request<()>) + Send + Sync>;

/// The Engine.IO library, as a site asks it.
pub struct Engine {
    answer: Box<dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, Answer> + Send + Sync>,
    adopt: Adopt,
}

/// Something that may be on or off at any time.
pub type Switch = Arc<dyn Fn() -> bool + Send + Sync>;

/// What all connections share to answer requests.
pub struct Site {
    pub engine: Engine,
    /// The Engine.IO path without its trailing slash.
    pub path: String,
    pub sessions: Arc<Sessions>,
    pub guard: Arc<Guard>,
    pub limits: Arc<ArcSwap<Limits>>,
    pub cors: Arc<ArcSwap<Cors>>,
    pub compression: Arc<ArcSwap<Compression>>,
    pub proxies: Arc<ArcSwap<Vec<Proxy>>>,
    pub health: Checkup,
    pub shows_headers: Switch,
    pub annexes: Vec<Arc<dyn Annex>>,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// Polling sessions are offered to upgrade.
    pub upgrades: bool,
    pub upgrade_timeout: Duration,
    pub allow_eio3: bool,
    /// Upgrades that are under way.
    pub tasks: TaskTracker,
    /// New sessions are refused; those that exist go on.
    pub draining: AtomicBool,
}

/// The body of an error: a stable code and a sentence.
#[derive(Serialize)]
struct Refusal<'a, C> {
    code: C,
    message: &'a str,
}

impl Site {
    pub async fn answer(&self, link: &Arc<Link>, request: Request<Incoming>) -> Answer {
        let Some(terms) = encoding::negotiate(&request, &self.compression.load()) else {
            let message = "zstd, br, gzip, deflate or identity, where compression is on";
            return refuse(StatusCode::NOT_ACCEPTABLE, Code::Invalid, message);
        };
        let answer = terms.apply(self.dispatch(link, request).await).await;
        link.polling.is_at(Stage::Leaves);
        answer
    }

    async fn dispatch(&self, link: &Arc<Link>, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) == self.path {
            return self.engine_io(link, request).await;
        }
        match (path, request.method()) {
            ("/api/socket/health", &Method::GET | &Method::HEAD) => self.report(),
            // Whoever answers lives.
            ("/livez", &Method::GET | &Method::HEAD) => json(StatusCode::OK, &Probe { status: "ok", failing: None }),
            ("/readyz", &Method::GET | &Method::HEAD) => self.readiness(),
            (path, _) if health::PATHS.contains(&path) => {
                let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, Code::Invalid, "this path answers GET");
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                answer
            }
            _ => self.elsewhere(link.peer(), request).await,
        }
    }

    async fn elsewhere(&self, peer: Peer, request: Request<Incoming>) -> Answer {
        let from = forwarded::client(peer, request.headers(), &self.proxies.load()).address;
        visit(&self.annexes, from, request, self.body_timeout).await
    }

    fn report(&self) -> Answer {
        let socket = (self.health)();
        if socket.initialized && !self.draining.load(Ordering::Relaxed) {
            json(StatusCode::OK, &Report { status: "ok", socket })
        } else {
            json(StatusCode::SERVICE_UNAVAILABLE, &Report { status: "unavailable", socket })
        }
    }

    fn readiness(&self) -> Answer {
        let failing = match () {
            () if self.draining.load(Ordering::Relaxed) => Some("draining"),
            () if !(self.health)().initialized => Some("store"),
            () => None,
        };
        match failing {
            None => json(StatusCode::OK, &Probe { status: "ok", failing }),
            Some(_) => json(StatusCode::SERVICE_UNAVAILABLE, &Probe { status: "unavailable", failing }),
        }
    }

    async fn engine_io(&self, link: &Arc<Link>, request: Request<Incoming>) -> Answer {
        let peer = forwarded::client(link.peer(), request.headers(), &self.proxies.load());
        let config = self.cors.load_full();
        let verdict = cors::judge(&config, peer.scheme, request.headers());
        if verdict == Verdict::Refused {
            return refuse(StatusCode::FORBIDDEN, Code::Forbidden, "this origin is not allowed");
        }
        let agreement = extension::negotiate(request.headers(), &self.compression);
        let mut answer = if request.method() == Method::OPTIONS {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            cors::announce_preflight(&config, answer.headers_mut());
            answer
        } else {
            self.route(link, peer, request).await.unwrap_or_else(|refusal| refusal)
        };
        cors::announce(&config, &verdict, answer.headers_mut());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(agreement) = agreement
        {
            answer.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, agreement.answer());
            link.agree(agreement);
        }
        answer
    }

    /// Tells apart what opens a session, what upgrades one, and what a polling session asks.
    async fn route(&self, link: &Arc<Link>, peer: Peer, request: Request<Incoming>) -> Result<Answer, Answer> {
        let query = request.uri().query().unwrap_or_default();
        let version = Version::of(query).filter(|version| *version == Version::V4 || self.allow_eio3);
        let version = version.ok_or_else(unsupported_version)?;
        // Read as the library reads it: a request must not name one session to it and another one here.
        let sid = query.split('&').find_map(|pair| pair.strip_prefix("sid=")).map(str::parse::<Sid>);
        let transport = query.split('&').find(|pair| pair.starts_with("transport="));
        let websocket = transport.and_then(|pair| pair.split('=').nth(1)) == Some("websocket");
        if websocket {
            check_upgrade(&request).map_or(Ok(()), Err)?;
        }
        let session = match sid {
            None => return self.open(link, peer, version, request, websocket).await,
            Some(Err(_)) => return Err(unknown_session()),
            Some(Ok(sid)) => self.sessions.find(sid).ok_or_else(unknown_session)?,
        };
        if session.dead().is_cancelled() {
            return Err(unknown_session());
        }
        if session.version() != version {
            return Err(bad_request());
        }
        if websocket {
            return Ok(self.upgrade(link, &session, request));
        }
        let polls = request.method() == Method::GET;
        let request = collect(request, self.limits.load().max_payload, self.body_timeout).await?.map(Full::new);
        if polls {
            return self.poll(link, session, request).await;
        }
        session.dead().run_until_cancelled((self.engine.answer)(request)).await.ok_or_else(unknown_session)
    }

    /// Waits for packets.
    async fn poll(
        &self,
        link: &Arc<Link>,
        session: Arc<Session>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Answer> {
        link.polling.begin(session.clone());
        let answer = tokio::select! {
            biased;
            answer = (self.engine.answer)(request) => answer,
            () = session.dead().cancelled() => unknown_session(),
            // The library's future has taken no packet while it waits.
            () = session.poll_released() => noop(session.version()),
        };
        let (parts, body) = answer.into_parts();
        let payload = whole(body).await;
        if parts.status != StatusCode::OK || session.version().packets(&payload) == [NOOP.as_bytes()] {
            link.polling.is_at(Stage::Done);
            return Ok(Response::from_parts(parts, Full::new(payload)));
        }
        // The session ended while its client waited.
        if payload.is_empty() {
            link.polling.is_at(Stage::Done);
            return Err(unknown_session());
        }
        link.polling.is_at(Stage::Holds);
        session.fetched(&payload);
        Ok(Response::from_parts(parts, Full::new(payload)))
    }

    /// Begins to bring a polling session to a WebSocket.
    fn upgrade(&self, link: &Arc<Link>, session: &Arc<Session>, request: Request<Incoming>) -> Answer {
        let key = request.headers().get(SEC_WEBSOCKET_KEY).filter(|_| self.upgrades);
        let Some(key) = key.filter(|_| session.try_over(link)) else { return bad_request() };
        let answer = upgrade::switching(key);
        let mut request = detach(request).map(|_| ());
        if let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() {
            let attempt = Attempt {
                session: Arc::downgrade(session),
                link: link.clone(),
                adopt: self.engine.adopt.clone(),
                timeout: self.upgrade_timeout,
                request,
            };
            self.tasks.spawn(attempt.run(upgrade));
        }
        answer
    }

    /// Opens a session, where the limits allow one more.
    async fn open(
        &self,
        link: &Arc<Link>,
        peer: Peer,
        version: Version,
        request: Request<Incoming>,
        websocket: bool,
    ) -> Result<Answer, Answer> {
        if request.method() != Method::GET {
            return Ok((self.engine.answer)(request.map(|_| Full::default())).await);
        }
        if self.draining.load(Ordering::Relaxed) {
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, "the server is shutting down"));
        }
        let ticket = self.guard.admit(peer.address).map_err(too_many)?;
        let session = self.sessions.open(peer, version, ticket, websocket.then(|| link.clone()));
        link.client_pings.store(version == Version::V3, Ordering::Relaxed);
        let headers = (self.shows_headers)().then(|| Headers::of(request.headers()));
        let mut request = detach(request);
        request.extensions_mut().insert::<Arc<Session>>(session.clone());
        if let Some(headers) = headers {
            request.extensions_mut().insert(headers);
        }
        let answer = (self.engine.answer)(request).await;
        if websocket || answer.status() != StatusCode::OK {
            return Ok(answer);
        }
        let (mut parts, body) = answer.into_parts();
        let body = whole(body).await;
        let packet = version.packets(&body).first().copied().unwrap_or_default();
        if let Some(sid) = handshake::sid(packet) {
            self.sessions.name(&session, sid);
            if version == Version::V4 {
                // Its client does not know of the session yet, so a first poll gets the first PING and nothing else.
                self.act(Method::GET, sid, b"").await;
                self.act(Method::POST, sid, handshake::PONG).await;
            }
        }
        let Some(open) = handshake::announce(packet, self.limits.load().max_payload.0) else {
            return Ok(Response::from_parts(parts, Full::new(body)));
        };
        let open = if self.upgrades { open } else { handshake::without_upgrades(&open) };
        let body = version.body(&open);
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Ok(Response::from_parts(parts, Full::from(body)))
    }

    /// Closes a polling session in the library, by the packet with which its client would.
    pub async fn close(&self, sid: Sid) {
        self.act(Method::POST, sid, b"1").await;
    }

    /// Asks the library what the client of a polling session would.
    async fn act(&self, method: Method, sid: Sid, packet: &'static [u8]) {
        let uri = format!("{}/?EIO=4&transport=polling&sid={sid}", self.path);
        let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, "text/plain;charset=UTF-8");
        if let Ok(request) = request.body(Full::new(Bytes::from_static(packet))) {
            (self.engine.answer)(request).await;
        }
    }
}

/// The engine that `service` is.
pub fn engine<S, B>(service: S) -> Engine
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    S: Service<(Probed, Request<()>), Response = ()> + Send + Sync + 'static,
    <S as Service<Request<Full<Bytes>>>>::Future: Send + 'static,
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send,
{
    let service = Arc::new(service);
    let adopting = service.clone();
    let answer = move |request: Request<Full<Bytes>>| -> BoxFuture<'static, Answer> {
        let response = service.call(request);
        Box::pin(async move {
            let Ok(response) = response.await;
            let (parts, body) = response.into_parts();
            Response::from_parts(parts, Full::new(whole(body).await))
        })
    };
    let adopt = move |stream: Probed, request: Request<()>| {
        // It is ready at once: the library has its own task for the WebSocket.
        if !matches!(adopting.call((stream, request)).now_or_never(), Some(Ok(()))) {
            tracing::warn!("the library does not take a WebSocket that a session has switched to");
        }
    };
    Engine { answer: Box::new(answer), adopt: Arc::new(adopt) }
}

/// Waits for the whole body, of at most `limit`.
async fn collect(request: Request<Incoming>, limit: ByteSize, timeout: Duration) -> Result<Request<Bytes>, Answer> {
    collected(request, limit, timeout).await.map_err(|Uncollected { status, code, message, closes }| match closes {
        true => closing(refuse(status, code, message)),
        false => bad_request(),
    })
}

/// The whole of a body that is ready in memory.
pub(super) async fn whole<B>(body: B) -> Bytes
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible>,
{
    let Ok(body) = body.collect().await;
    body.to_bytes()
}

/// Holds a WebSocket handshake to RFC 6455, section 4.2.1, of which the library checks the key alone. Gives the answer
/// where something is missing.
fn check_upgrade<B>(request: &Request<B>) -> Option<Answer> {
    let headers = request.headers();
    let names = |name, token: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    let asked = request.method() == Method::GET
        && request.version() == http::Version::HTTP_11
        && names(UPGRADE, "websocket")
        && names(CONNECTION, "upgrade")
        && headers.contains_key(SEC_WEBSOCKET_KEY);
    if !asked {
        return Some(bad_request());
    }
    if !names(SEC_WEBSOCKET_VERSION, "13") {
        let mut answer = refuse(StatusCode::UPGRADE_REQUIRED, Code::Invalid, "WebSocket version 13 is spoken here");
        answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Some(answer);
    }
    None
}

/// Whoever is refused does not keep a connection either: while there are too many, each costs memory.
fn too_many(breach: Breach) -> Answer {
    closing(match breach {
        Breach::Connections => {
            refuse(StatusCode::SERVICE_UNAVAILABLE, Code::TooManyConnections, "too many connections")
        }
        Breach::Rate { retry_after } => {
            let mut answer =
                refuse(StatusCode::TOO_MANY_REQUESTS, Code::TooManyConnections, "too many connects, slow down");
            let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            answer
        }
    })
}

/// Ends the connection behind an answer.
pub(super) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Answers a poll with nothing, so that its client is free to switch to its WebSocket.
fn noop(version: Version) -> Answer {
    let mut answer = Response::new(Full::from(version.body(NOOP)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    answer
}

/// The codes of the Engine.IO protocol are numbers.
fn unknown_session() -> Answer {
    json(StatusCode::BAD_REQUEST, &Refusal { code: 1, message: "Session ID unknown" })
}

fn unsupported_version() -> Answer {
    json(StatusCode::BAD_REQUEST, &Refusal { code: 5, message: "Unsupported protocol version" })
}

fn bad_request() -> Answer {
    json(StatusCode::BAD_REQUEST, &Refusal { code: 3, message: "Bad request" })
}

/// The answer that something is not granted.
pub fn refuse(status: StatusCode, code: Code, message: &str) -> Answer {
    json(status, &Refusal { code: code.as_str(), message })
}

/// An answer with a body in JSON.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    let body = serde_json::to_vec(body).expect("the bodies here have string keys and no failing serialiser");
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers: &mut HeaderMap = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
