//! `[[webhooks]]`: who is told over HTTP of what happens.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::units::Span;

/// One table; all of its keys are taken on reload.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub url: String,
    /// What it goes by; absent: the host of its URL.
    pub name: Option<String>,
    /// Names of events, and patterns such as `message.*`.
    pub events: Vec<String>,
    /// What signs: one, or several while one takes the place of another.
    pub secret: Secrets,
    pub secret_file: Option<PathBuf>,
    /// How long an answer may take.
    pub timeout: Span,
    /// Requests that may be under way at once.
    pub concurrency: u32,
    /// How long after the first failure an event is tried again; the pauses grow from there.
    pub retry_delay: Span,
    /// For how long an event is tried again, while others are taken.
    pub retry_for: Span,
    /// Whether it may be at an address of this machine or of a private network.
    pub allow_private: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            url: String::new(),
            name: None,
            events: vec!["*".into()],
            secret: Secrets::default(),
            secret_file: None,
            timeout: Span::secs(15),
            concurrency: 16,
            retry_delay: Span::secs(5),
            retry_for: Span::secs(86_400),
            allow_private: false,
        }
    }
}

/// The secrets are left out, so that a configuration that is printed while debugging gives nothing away.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { url, name, events, secret: _, secret_file, timeout, concurrency, retry_delay, .. } = self;
        f.debug_struct("Webhook")
            .field("url", url)
            .field("name", name)
            .field("events", events)
            .field("secret_file", secret_file)
            .field("timeout", timeout)
            .field("concurrency", concurrency)
            .field("retry_delay", retry_delay)
            .field("retry_for", &self.retry_for)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

/// Written as one text or as a list of them.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(from = "OneOrMore")]
pub struct Secrets(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Secrets {
    fn from(secrets: OneOrMore) -> Self {
        Secrets(match secrets {
            OneOrMore::One(secret) => vec![secret],
            OneOrMore::More(secrets) => secrets,
        })
    }
}
