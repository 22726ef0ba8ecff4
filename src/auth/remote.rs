//! The key set at `jwks_url`: fetched when first needed, kept, and asked for again when a token names a key it lacks.
//!
//! A set that has arrived is used until a newer one does, however long the source is down. All who wait for a fetch wait
//! for the same one. It runs as a task of its own, so that a client who goes away does not end it for the others; the
//! task ends after [`TIMEOUT`] at the latest, and with the `Remote` that it belongs to.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::{Client, StatusCode, Url, header, redirect};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::jwks::{self, JwksError, KeySet, Origin, Skipped};
use super::keys::Key;

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How long a set is used without asking whether it is still the current one.
const FRESH_FOR: Duration = Duration::from_secs(600);
/// Names of keys cost an attacker nothing, so they cause one fetch in this time at most.
const BETWEEN_UNKNOWN_KEYS: Duration = Duration::from_secs(60);
/// While no set has arrived yet, or a refresh has failed.
const BETWEEN_RETRIES: Duration = Duration::from_secs(5);

type Keys = Arc<Vec<Key>>;
type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Why a text cannot be a `jwks_url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("not a URL")]
    NotAUrl,
    #[error("must be https; http is accepted for this machine only (localhost, 127.0.0.1, [::1])")]
    NotHttps,
    #[error("must not hold a user name or password")]
    Credentials,
}

/// Reads a URL that a key set may be fetched from. Over plain http anyone on the way could put in keys of their own.
pub fn permitted(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(UrlError::NotHttps),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the answer was {0}, 200 was expected (redirects are not followed)")]
    Status(StatusCode),
    #[error("the answer is longer than {MAX_BODY_BYTES} bytes")]
    TooLong,
    #[error("the answer is no key set: {0}")]
    NotAKeySet(#[from] JwksError),
}

/// What came of asking for a set newer than the one at hand.
pub enum Newer {
    Set(Keys),
    /// The source was asked within the last minute, and that is the set.
    None,
    /// The source did not answer when it was last asked, so nobody knows.
    Unreachable,
}

pub struct Remote {
    source: Arc<Source>,
}

struct Source {
    url: Url,
    client: Client,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Keys>,
    arrived: Option<Instant>,
    tried: Option<Instant>,
    tried_for_unknown_key: Option<Instant>,
    failing: bool,
    skipped: Vec<Skipped>,
    fetch: Option<Fetch>,
}

/// A fetch that was started. Its task owns the sender, so whoever waits on `done` wakes however the task ends.
struct Fetch {
    done: watch::Receiver<()>,
    task: AbortHandle,
}

impl Fetch {
    fn is_running(&self) -> bool {
        self.done.has_changed().is_ok()
    }
}

impl Remote {
    pub fn new(url: Url) -> Result<Self, reqwest::Error> {
        Remote::timed(url, TIMEOUT, Arc::new(Instant::now))
    }

    fn timed(url: Url, timeout: Duration, clock: Clock) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("chatd/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        if url.scheme() == "http" {
            // The system's certificates are not needed then, and need not be installed.
            client = client.tls_certs_only([]);
        }
        let source = Source { url, client: client.build()?, clock, state: Mutex::default() };
        Ok(Remote { source: Arc::new(source) })
    }

    pub fn url(&self) -> &Url {
        &self.source.url
    }

    /// Starts the first fetch ahead of the first token, where there is a runtime to run it on.
    pub fn prefetch(&self) {
        let mut state = self.source.state.lock();
        if state.keys.is_none() {
            self.start(&mut state);
        }
    }

    /// The set at hand. Where none has arrived, waits for the running fetch, if there is one; `None`: still none.
    pub async fn keys(&self) -> Option<Keys> {
        let first = {
            let mut state = self.source.state.lock();
            let now = (self.source.clock)();
            let may_retry = !within(state.tried, BETWEEN_RETRIES, now);
            if let Some(keys) = state.keys.clone() {
                if may_retry && !within(state.arrived, FRESH_FOR, now) {
                    self.start(&mut state);
                }
                return Some(keys);
            }
            if may_retry { self.start(&mut state) } else { state.running() }
        };
        finished(first).await;
        self.source.state.lock().keys.clone()
    }

    /// Looks for a set newer than `seen`, in which a token's key was not found.
    pub async fn newer_than(&self, seen: &Keys) -> Newer {
        let fetch = {
            let mut state = self.source.state.lock();
            if let Some(newer) = state.newer_than(seen) {
                return Newer::Set(newer);
            }
            let now = (self.source.clock)();
            match state.running() {
                None if !within(state.tried_for_unknown_key, BETWEEN_UNKNOWN_KEYS, now) => {
                    state.tried_for_unknown_key = Some(now);
                    self.start(&mut state)
                }
                running => running,
            }
        };
        finished(fetch).await;
        let state = self.source.state.lock();
        match state.newer_than(seen) {
            Some(newer) => Newer::Set(newer),
            None if state.failing => Newer::Unreachable,
            None => Newer::None,
        }
    }

    /// Starts a fetch, unless one is running, and returns what tells its end.
    fn start(&self, state: &mut State) -> Option<watch::Receiver<()>> {
        if let Some(running) = state.running() {
            return Some(running);
        }
        let runtime = Handle::try_current().ok()?;
        state.tried = Some((self.source.clock)());
        let (ended, done) = watch::channel(());
        let source = Arc::clone(&self.source);
        let task = runtime.spawn(async move {
            let outcome = source.fetch().await;
            source.settle(outcome);
            drop(ended);
        });
        state.fetch = Some(Fetch { done: done.clone(), task: task.abort_handle() });
        Some(done)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(fetch) = &self.source.state.lock().fetch {
            fetch.task.abort();
        }
    }
}

fn within(last: Option<Instant>, span: Duration, now: Instant) -> bool {
    last.is_some_and(|last| now.saturating_duration_since(last) < span)
}

async fn finished(fetch: Option<watch::Receiver<()>>) {
    if let Some(mut done) = fetch {
        // Nothing is ever sent: the error is the end of the fetch.
        let _ = done.changed().await;
    }
}

impl State {
    fn running(&self) -> Option<watch::Receiver<()>> {
        self.fetch.as_ref().filter(|fetch| fetch.is_running()).map(|fetch| fetch.done.clone())
    }

    fn newer_than(&self, seen: &Keys) -> Option<Keys> {
        self.keys.clone().filter(|keys| !Arc::ptr_eq(keys, seen))
    }
}

impl Source {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let accept = "application/jwk-set+json, application/json";
        let mut response = self.client.get(self.url.clone()).header(header::ACCEPT, accept).send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(jwks::parse(&body, Origin::Url)?)
    }

    fn settle(&self, outcome: Result<KeySet, FetchError>) {
        let host = self.url.host_str().unwrap_or_default();
        let mut state = self.state.lock();
        match outcome {
            Ok(set) => {
                if state.keys.is_none() || state.failing {
                    tracing::info!(jwks.host = host, jwks.keys = set.keys.len(), "key set fetched");
                }
                for skipped in set.skipped.iter().filter(|skipped| !state.skipped.contains(skipped)) {
                    tracing::warn!(jwks.host = host, jwks.key = ?skipped.key, reason = %skipped.reason, "key skipped");
                }
                state.skipped = set.skipped;
                state.keys = Some(Arc::new(set.keys));
                state.arrived = Some((self.clock)());
                state.failing = false;
            }
            Err(error) => {
                // Once per outage: with clients waiting at the door, each of them asks again.
                if !state.failing {
                    let kept = state.keys.is_some();
                    tracing::warn!(jwks.host = host, error = %describe(error), jwks.kept = kept, "key set not fetched");
                }
                state.failing = true;
            }
        }
    }
}

/// The whole chain of causes without the URL, whose query may hold what is not for logs.
fn describe(error: FetchError) -> String {
    let error = match error {
        FetchError::Http(error) => FetchError::Http(error.without_url()),
        other => other,
    };
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
