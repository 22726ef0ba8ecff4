//! The upgrade of a polling session to a WebSocket.
//!
//! The library ends the session with an upgrade that fails, and holds its packets back while one is tried. So the probe is
//! answered here, beside a session that goes on polling, and the library hears of the WebSocket when the client says that
//! it will use it: there is no way back from then on for anybody.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::frame::{self, Header, PING, PONG, TEXT};
use super::http::{Adopt, Answer};
use super::link::Link;
use super::sessions::Session;
use crate::roster::packet::text_frame;

const PROBE: &[u8] = b"2probe";
const PROBE_ANSWER: &[u8] = b"3probe";
const SWITCH: &[u8] = b"5";

/// Nothing that a client says before the switch is longer; it is the most that a control frame holds.
const MAX_MESSAGE: u64 = 125;

/// A WebSocket that a polling session is to go on with.
pub(super) struct Attempt {
    pub session: Weak<Session>,
    pub link: Arc<Link>,
    pub adopt: Adopt,
    pub timeout: Duration,
    /// What the library is to make of the WebSocket.
    pub request: Request<()>,
}

/// A probed WebSocket for the library, which sees the whole upgrade in it: what the client said before is said again, and
/// the answer that the client has got already is swallowed.
pub struct Probed {
    inner: TokioIo<Upgraded>,
    said: BytesMut,
    swallow: usize,
}

/// The answer that grants a WebSocket (RFC 6455, section 4.2.2).
pub(super) fn switching(key: &HeaderValue) -> Answer {
    let proof = [key.as_bytes(), b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    let proof = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &proof));
    let mut answer = Response::default();
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(proof).expect("base64 is visible ASCII"));
    answer
}

impl Attempt {
    /// Waits for the WebSocket, and hands it over once the client switches to it.
    pub(super) async fn run(self, upgrade: OnUpgrade) {
        let stream = upgrade.await;
        let Some(session) = self.session.upgrade() else { return self.link.cut() };
        let Ok(stream) = stream else { return session.stay(&self.link) };
        let mut stream = TokioIo::new(stream);
        // Held no longer: the attempt must not keep a session alive.
        let over = session.dead().clone();
        drop(session);
        let probe = tokio::time::timeout(self.timeout, self.probe(&mut stream));
        let behind = over.run_until_cancelled(probe).await.and_then(Result::ok).flatten();
        match (self.session.upgrade(), behind) {
            (Some(session), Some(behind)) if session.switch_to(&self.link) => {
                (self.adopt)(Probed::new(stream, &behind), self.request);
            }
            (session, _) => {
                if let Some(session) = session {
                    session.stay(&self.link);
                }
                self.dismiss(stream).await;
            }
        }
    }

    /// Talks with the client until it switches; gives what it sent behind that, or nothing where it does not switch.
    async fn probe(&self, stream: &mut TokioIo<Upgraded>) -> Option<BytesMut> {
        let mut came = BytesMut::new();
        let mut is_probed = false;
        loop {
            while let Some(header) = Header::parse(&came) {
                if header.payload > MAX_MESSAGE || !header.fin {
                    return None;
                }
                let len = header.len + header.payload as usize;
                if came.len() < len {
                    break;
                }
                let message = came.split_to(len);
                let payload = &message[header.len..];
                match header.opcode {
                    TEXT if payload == PROBE => {
                        stream.write_all(&text_frame(PROBE_ANSWER)).await.ok()?;
                        stream.flush().await.ok()?;
                        is_probed = true;
                        self.session.upgrade()?.probed(&self.link);
                    }
                    TEXT if payload == SWITCH && is_probed => return Some(came),
                    PING => {
                        stream.write_all(&frame::pong(payload)).await.ok()?;
                        stream.flush().await.ok()?;
                    }
                    PONG => {}
                    _ => return None,
                }
            }
            if stream.read_buf(&mut came).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Ends the WebSocket in the way of its protocol; a client that does not see to its own end of it is cut in time.
    async fn dismiss(&self, mut stream: TokioIo<Upgraded>) {
        self.link.end(None);
        let mut rest = [0; 512];
        while stream.read(&mut rest).await.is_ok_and(|len| len > 0) {}
    }
}

impl Probed {
    fn new(inner: TokioIo<Upgraded>, behind: &[u8]) -> Self {
        let said = [&frame::masked_text(PROBE)[..], &frame::masked_text(SWITCH), behind].concat();
        Probed { inner, said: BytesMut::from(&said[..]), swallow: text_frame(PROBE_ANSWER).len() }
    }
}

impl AsyncRead for Probed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.said.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let len = self.said.len().min(buf.remaining());
        buf.put_slice(&self.said[..len]);
        self.said.advance(len);
        if self.said.is_empty() {
            self.said = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Probed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.swallow == 0 {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        }
        let len = self.swallow.min(buf.len());
        self.swallow -= len;
        Poll::Ready(Ok(len))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.swallow == 0 {
            return Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        self.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
