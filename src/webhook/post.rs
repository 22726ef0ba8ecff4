//! One attempt: a signed POST, and what its answer means.

use std::error::Error as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::endpoint::Endpoint;
use super::guard::Refused;
use crate::domain::id::EventId;
use crate::domain::time::Time;

/// An answer is read so far, so that its connection serves again; a longer one costs the connection.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// What of a refusal is kept for operators.
const MAX_EXCERPT_CHARS: usize = 200;
/// The longest pause that an endpoint may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(86_400);

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken(StatusCode),
    /// 410: it wants nothing any more.
    Gone,
    Failed(Failure),
}

/// What a failure speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The endpoint was not reached, or asks for a pause.
    Endpoint,
    /// It answers that it does not want this event.
    Event,
    /// It did not answer, or not well.
    Either,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: Option<StatusCode>,
    /// In words that may stand in a log.
    pub why: String,
    /// The beginning of the answer, which may hold anything.
    pub said: String,
    pub blame: Blame,
    /// It asked for a pause.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// As operators read it.
    pub fn text(&self) -> String {
        if self.said.is_empty() { self.why.clone() } else { format!("{}: {}", self.why, self.said) }
    }
}

pub struct Attempt {
    pub outcome: Outcome,
    pub took: Duration,
}

/// Sends `body` once.
pub async fn post(endpoint: &Endpoint, id: EventId, body: Bytes) -> Attempt {
    let began = Instant::now();
    let (id, timestamp) = (id.to_string(), Time::now().0.div_euclid(1_000));
    let request = endpoint
        .client
        .post(endpoint.url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-signature", endpoint.signer.sign(&id, timestamp, &body))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp);
    let outcome = match request.body(body).send().await {
        Ok(response) => understand(response).await,
        Err(error) => Outcome::Failed(Failure {
            status: None,
            blame: if error.is_connect() { Blame::Endpoint } else { Blame::Either },
            why: describe(error),
            said: String::new(),
            retry_after: None,
        }),
    };
    Attempt { outcome, took: began.elapsed() }
}

async fn understand(response: Response) -> Outcome {
    let status = response.status();
    let retry_after = retry_after(&response);
    let said = read(response).await;
    if status.is_success() {
        return Outcome::Taken(status);
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let hint = if status.is_redirection() { " (redirects are not followed)" } else { "" };
    let why = format!("{status}{hint}");
    let blame = match status {
        _ if retry_after.is_some() => Blame::Endpoint,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => Blame::Either,
        status if status.is_client_error() => Blame::Event,
        _ => Blame::Either,
    };
    Outcome::Failed(Failure { status: Some(status), why, said, blame, retry_after })
}

/// How long it wants to be left alone, where it is too busy.
fn retry_after(response: &Response) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            Duration::from_millis(u64::try_from(at - Time::now().0).unwrap_or(0))
        }
    };
    Some(pause.min(MAX_PAUSE))
}

/// The beginning of the answer as one line, with everything read that may be.
async fn read(mut response: Response) -> String {
    let mut bytes = Vec::new();
    // What breaks off has been answered all the same: the status counts.
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MAX_EXCERPT_CHARS).collect()
}

/// The causes without the URL, whose query may hold what is not for logs.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let error = error.without_url();
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(source) = cause {
        if source.is::<Refused>() {
            return source.to_string();
        }
        let gap = if text.is_empty() { "" } else { ": " };
        text = format!("{text}{gap}{source}");
        cause = source.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}
