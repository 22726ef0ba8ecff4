//! What becomes of connections for which there is no room, and how the log hears of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::peer::Address;
use super::sweep::Full;

/// Clients that are told at the same time. More are closed without a word, so that a flood costs a few system calls each.
const TOLD_AT_ONCE: usize = 32;

/// How long a client that is turned away may take to ask and to read the answer.
const TIMEOUT: Duration = Duration::from_secs(1);

const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 64\r\n\
    connection: close\r\n\r\n\
    {\"code\":\"TOO_MANY_CONNECTIONS\",\"message\":\"too many connections\"}";

/// How long the log is silent about what goes on.
const SILENCE: Duration = Duration::from_secs(60);

/// Turns clients away, for all listeners.
#[derive(Clone)]
pub struct Doorman(Arc<Inner>);

struct Inner {
    telling: Arc<Semaphore>,
    shortage: Mutex<Notice>,
    crowd: Mutex<Notice>,
    greed: Mutex<Notice>,
    /// The log was told that connections cannot be accepted, and not yet that they can.
    is_short: AtomicBool,
}

/// Keeps the log from saying the same thing thousands of times.
#[derive(Default)]
struct Notice(Option<Instant>);

impl Default for Doorman {
    fn default() -> Self {
        Doorman(Arc::new(Inner {
            telling: Arc::new(Semaphore::new(TOLD_AT_ONCE)),
            shortage: Mutex::default(),
            crowd: Mutex::default(),
            greed: Mutex::default(),
            is_short: AtomicBool::new(false),
        }))
    }
}

impl Doorman {
    /// A connection was accepted.
    pub fn accepted(&self) {
        if self.0.is_short.load(Ordering::Relaxed) && self.0.is_short.swap(false, Ordering::Relaxed) {
            tracing::info!("connections are accepted again");
        }
    }

    /// The system has no resources for one more connection; those that wait stay in its queue.
    pub fn cannot_accept(&self, error: &io::Error) {
        if self.0.shortage.lock().is_due(Instant::now()) {
            self.0.is_short.store(true, Ordering::Relaxed);
            tracing::warn!(%error, "connections cannot be accepted, waiting for resources");
        }
    }

    /// There is no place for a connection from `address`, beside `open` others.
    pub fn refused(&self, full: Full, address: Address, open: usize) {
        match full {
            Full::InAll if self.0.crowd.lock().is_due(Instant::now()) => {
                tracing::warn!(
                    connections.open = open,
                    "connections are refused: limits.connections and the limit of open files allow no more"
                );
            }
            Full::OfAddress if self.0.greed.lock().is_due(Instant::now()) => {
                tracing::warn!(
                    client.address = %address,
                    connections.open = open,
                    "connections are refused: one address has its share, the rest is for others"
                );
            }
            _ => {}
        }
    }

    /// Answers whatever the client asks with 503 and closes the connection. `None` where it is closed at once.
    pub fn turn_away<S>(&self, mut stream: S) -> Option<impl Future<Output = ()> + Send + use<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let permit = self.0.telling.clone().try_acquire_owned().ok()?;
        Some(async move {
            // However it ends, the connection is closed.
            let _ = tokio::time::timeout(TIMEOUT, tell(&mut stream)).await;
            drop(permit);
        })
    }
}

/// The request is read first: bytes left unread would reset the connection, and the client might lose the answer.
async fn tell<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut scratch = [0; 1024];
    if stream.read(&mut scratch).await? == 0 {
        return Ok(());
    }
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

impl Notice {
    /// Whether it is time to say it, again or for the first time.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.0.is_none_or(|last| now.duration_since(last) >= SILENCE);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(ANSWER).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
        assert_eq!(body["code"], crate::domain::error::Code::TooManyConnections.as_str());
    }

    #[test]
    fn the_log_hears_of_it_once_a_minute() {
        let (mut notice, start) = (Notice::default(), Instant::now());
        assert!(notice.is_due(start));
        assert!(!notice.is_due(start + SILENCE / 2));
        assert!(notice.is_due(start + SILENCE));
        assert!(!notice.is_due(start + SILENCE));
    }
}
