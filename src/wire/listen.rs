//! Connections as they come in: accepted, identified, secured, and handed to hyper.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::BytesMut;
use http::StatusCode;
use http::header::UPGRADE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bind::Listener;
use super::http::Site;
use super::io::Io;
use super::link::{Phase, Room};
use super::overload::Doorman;
use super::peer::{Address, Peer, Scheme};
use super::proxy;
use super::socket::{Ahead, Socket, Stream};
use super::sweep::{Full, Place, Streams};
use super::tls::Tls;

const MAX_HEAD_BYTES: usize = 16 * 1024;

/// hyper's read buffer, which grows to this while a body arrives faster than it is taken.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// How long to wait before the next try, where the system has no resources for one more connection.
const BACKOFF: Duration = Duration::from_millis(100);

/// What is done with every connection.
#[derive(Clone)]
pub struct Reception {
    pub site: Arc<Site>,
    /// Asked for each connection, because a reload changes it.
    pub tls: Arc<ArcSwap<Tls>>,
    pub streams: Arc<Streams>,
    /// Streams that may be open at most, beside what the limits say.
    pub max_streams: usize,
    pub doorman: Doorman,
    pub room: Room,
    pub header_timeout: Duration,
    pub write_timeout: Duration,
    pub tasks: TaskTracker,
    /// No new connections from then on by sockets that another process listens on as well; it is `stop`'s child.
    pub draining: CancellationToken,
    /// No new connections from then on.
    pub stop: CancellationToken,
}

impl Reception {
    /// Accepts connections until told to stop. No error of one connection, and no lack of resources, ends it.
    pub async fn accept(self, listener: Listener) {
        let stop = if listener.is_handed_in() { self.draining.clone() } else { self.stop.clone() };
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((socket, peer)) => {
                    self.doorman.accepted();
                    match self.enter(peer.address) {
                        Ok(place) => drop(self.tasks.spawn(self.clone().serve(socket, peer, place))),
                        Err(full) => self.turn_away(full, socket, peer.address),
                    }
                }
                Err(error) if is_about_the_peer(&error) => {}
                Err(error) => {
                    self.doorman.cannot_accept(&error);
                    stop.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
                }
            }
        }
    }

    /// A place for one more connection from `address`.
    fn enter(&self, address: Address) -> Result<Place, Full> {
        let max = self.site.guard.max_streams().min(self.max_streams);
        self.streams.enter(address, max, address.stands_for_many(&self.site.proxies.load()))
    }

    /// Closes a connection for which there is no place; where it is plain, with an answer.
    fn turn_away<S>(&self, full: Full, stream: S, address: Address)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.doorman.refused(full, address, self.streams.open());
        if self.tls.load().is_none()
            && let Some(refusal) = self.doorman.turn_away(stream)
        {
            let stop = self.stop.clone();
            self.tasks.spawn(async move { stop.run_until_cancelled(refusal).await });
        }
    }

    /// Finds out whom a connection comes from, where a trusted proxy has opened it. `None` where it is not to be served.
    async fn identify(&self, mut socket: Socket, peer: Peer) -> Option<(Ahead<Socket>, Peer)> {
        if !peer.address.is_in(&self.site.proxies.load()) {
            return Some((Ahead::new(socket, BytesMut::new()), peer));
        }
        let header = tokio::time::timeout(self.header_timeout, proxy::read(&mut socket, peer));
        match self.stop.run_until_cancelled(header).await? {
            Ok(Ok((peer, ahead))) => Some((Ahead::new(socket, ahead), peer)),
            Ok(Err(error)) => {
                tracing::debug!(proxy.address = %peer.address, %error, "a connection is closed");
                None
            }
            // It said nothing at all, as with connections that a proxy opens in advance.
            Err(_) => None,
        }
    }

    /// Shakes hands, where connections are within TLS. `None` where that fails.
    async fn secure(&self, socket: Ahead<Socket>, peer: Peer) -> Option<(Stream, Peer)> {
        let Some(config) = Tls::clone(&self.tls.load()) else { return Some((Stream::Plain(socket), peer)) };
        let handshake = tokio::time::timeout(self.header_timeout, TlsAcceptor::from(config).accept(socket));
        match self.stop.run_until_cancelled(handshake).await? {
            Ok(Ok(stream)) => Some((Stream::Tls(Box::new(stream)), Peer { scheme: Some(Scheme::Https), ..peer })),
            Ok(Err(error)) => {
                tracing::debug!(client.address = %peer.address, %error, "no TLS handshake");
                None
            }
            Err(_) => None,
        }
    }

    /// `None` where the connection ended before it could be served.
    async fn admit(&self, socket: Socket, peer: Peer, place: &mut Place) -> Option<(Stream, Peer)> {
        let is_unix = matches!(socket, Socket::Unix(_));
        if let Socket::Tcp(tcp) = &socket
            && let Err(error) = prepare(tcp.stream(), self.write_timeout)
        {
            tracing::debug!(error = %error, "a connection's socket options could not be set");
        }
        let (socket, client) = self.identify(socket, peer).await?;
        if client.address != peer.address {
            match self.enter(client.address) {
                Ok(own) => *place = own,
                Err(full) => {
                    self.turn_away(full, socket, client.address);
                    return None;
                }
            }
        }
        // What stays within the machine needs no TLS.
        if is_unix { Some((Stream::Plain(socket), client)) } else { self.secure(socket, client).await }
    }

    async fn serve(self, socket: Socket, peer: Peer, mut place: Place) {
        let Some((stream, peer)) = self.admit(socket, peer, &mut place).await else { return };
        let place = Arc::new(place);
        let link = self.streams.link(peer, self.room);
        if let Some(shortcut) = stream.shortcut() {
            link.offer(shortcut);
        }
        let io = Io::new(stream, link.clone(), self.site.limits.clone()).holding(place.clone());
        let site = self.site.clone();
        let service = service_fn(move |request| {
            // Set before hyper reads on: what follows a request for an upgrade may be frames.
            let asks = asks_for_websocket(&request);
            if asks {
                link.enter(Phase::Asked);
            }
            let (site, link, place) = (site.clone(), link.clone(), place.clone());
            async move {
                let answer = site.answer(&link, request).await;
                if asks {
                    let granted = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
                    if granted {
                        place.carries_session();
                    }
                    link.enter(if granted { Phase::Granted } else { Phase::Http });
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "a connection ended with an error");
        }
    }
}

/// Clients of HTTP/2 offer `h2c` with any request, which is passed over.
fn asks_for_websocket<B>(request: &http::Request<B>) -> bool {
    let mut offers = request.headers().get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    request.method() == http::Method::GET && offers.any(|offer| offer.to_ascii_lowercase().contains("websocket"))
}

/// Frames are small and must not wait for each other; a peer that vanished is noticed as soon as one that stalls.
fn prepare(stream: &tokio::net::TcpStream, write_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(write_timeout))?;
    Ok(())
}

/// The peer gave up while it waited in the queue; the listener is fine.
fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
