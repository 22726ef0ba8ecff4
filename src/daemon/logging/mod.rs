//! `[log]`: what is logged, and in which form it goes to standard error.
//!
//! What users write must never reach a log line. The crates that carry it say it aloud at their finer levels, so they
//! are held at `warn` whatever level or filter is asked for.

mod json;
mod tap;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::console::journal::Journal;

/// Targets that log payloads, by the beginning of their names.
const PAYLOAD_TARGETS: [&str; 4] = ["socketioxide", "engineioxide", "tungstenite", "tokio_tungstenite"];

/// The keys of `[log]`; level and filter are taken on reload.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub level: String,
    pub format: Format,
    /// Directives such as `chatd::store=debug`, over the level.
    pub filter: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config { level: "info".into(), format: Format::Auto, filter: None }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Human on a terminal, journald where standard error leads to the journal, else JSON.
    Auto,
    Human,
    Json,
    Journald,
}

/// Why the log could not be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("has a directive that cannot be read: {0}")]
    Directive(#[from] tracing_subscriber::filter::ParseError),
    #[error("must not let `{0}` log below `warn`: it logs the contents of messages")]
    Payload(String),
    #[error("cannot reach the journal: {0}")]
    Journal(#[source] io::Error),
    #[error("the log is gone: {0}")]
    Gone(#[from] reload::Error),
    #[error("the log was opened before: {0}")]
    Opened(#[from] tracing_subscriber::util::TryInitError),
}

/// Changes the level and the filter of the open log.
pub struct Handle {
    filter: reload::Handle<EnvFilter, Base>,
    tap: reload::Handle<Targets, Base>,
    levels: Arc<tap::Levels>,
    /// What operators follow.
    pub journal: Arc<Journal>,
}

/// What the layers of the log lie upon.
type Base = Layered<Targets, Registry>;

impl Handle {
    pub fn apply(&self, config: &Config) -> Result<(), LogError> {
        self.filter.reload(filter(config)?)?;
        self.levels.set_own(tap::own_level(&config.level), &self.tap);
        Ok(())
    }
}

/// Opens the log of the process.
pub fn init(config: &Config) -> Result<Handle, LogError> {
    let (filter, handle) = reload::Layer::new(filter(config)?);
    let tap = tap::tap();
    tap.levels.set_own(tap::own_level(&config.level), &tap.filter);
    let base = tracing_subscriber::registry().with(payload_clamp());
    // Each with a filter of its own: operators may follow more than the log has.
    let layers = vec![output(config.format)?.with_filter(filter).boxed(), tap.layer];
    base.with(layers).try_init()?;
    // The crates that speak through `log` would ask the filter at every frame whether to trace it.
    log::set_max_level(log::LevelFilter::Debug);
    Ok(Handle { filter: handle, tap: tap.filter, levels: tap.levels, journal: tap.journal })
}

/// Whether a filter's directives can be read and ask for nothing that would log what users write.
pub fn check_filter(text: &str) -> Result<(), LogError> {
    EnvFilter::builder().parse(text)?;
    for directive in directives(text) {
        let target = directive.split(['[', '=']).next().unwrap_or_default();
        let after = directive.rsplit(']').next().unwrap_or_default();
        let level = after.split_once('=').map_or("trace", |(_, level)| level);
        let chatty = LevelFilter::from_str(level.trim()).is_ok_and(|level| level > LevelFilter::WARN);
        if chatty && PAYLOAD_TARGETS.iter().any(|prefix| target.starts_with(prefix)) {
            return Err(LogError::Payload(target.to_string()));
        }
    }
    Ok(())
}

/// The level for this program, at most `warn` for what it is built from, then what the filter says. A filter that
/// begins with a bare level sets it for everything.
fn filter(config: &Config) -> Result<EnvFilter, LogError> {
    let extra = config.filter.as_deref().unwrap_or_default();
    let level = LevelFilter::from_str(&config.level).unwrap_or(LevelFilter::INFO);
    let mut text = level.min(LevelFilter::WARN).to_string();
    if !directives(extra).any(|directive| LevelFilter::from_str(directive).is_ok()) {
        text += &format!(",chatd={level}");
    }
    for directive in directives(extra) {
        text += &format!(",{directive}");
    }
    Ok(EnvFilter::builder().parse(text)?)
}

/// A filter's directives: the text between commas, those inside of `[…]` and `{…}` left alone.
fn directives(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let pieces = text.split(move |c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    pieces.map(str::trim).filter(|piece| !piece.is_empty())
}

/// Holds the crates that carry payloads at `warn`, also within spans that the filter opens up.
fn payload_clamp() -> Targets {
    let held = PAYLOAD_TARGETS.map(|target| (target, LevelFilter::WARN));
    Targets::new().with_default(LevelFilter::TRACE).with_targets(held)
}

type Output<S> = Box<dyn Layer<S> + Send + Sync>;

fn output<S>(format: Format) -> Result<Output<S>, LogError>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let terminal = io::stderr().is_terminal();
    let output = match format {
        Format::Auto if terminal => human(true),
        Format::Auto if leads_to_journal() => journal().unwrap_or_else(|_| json::JsonLines(io::stderr).boxed()),
        Format::Auto | Format::Json => json::JsonLines(io::stderr).boxed(),
        Format::Human => human(terminal),
        Format::Journald => journal().map_err(LogError::Journal)?,
    };
    Ok(output)
}

fn human<S>(colours: bool) -> Output<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(io::stderr).boxed()
}

fn journal<S>() -> io::Result<Output<S>>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_journald::layer()?;
    Ok(layer.with_syslog_identifier("chatd".into()).with_field_prefix(Some("CHATD".into())).boxed())
}

/// Whether standard error is the stream to the journal that systemd names in `$JOURNAL_STREAM` as `device:inode`. The
/// variable alone says little: it is inherited by children whose standard error leads elsewhere.
fn leads_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    stderr.and_then(|file| file.metadata()).is_ok_and(|meta| stream == format!("{}:{}", meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter_of(level: &str, extra: Option<&str>) -> String {
        let config = Config { level: level.into(), filter: extra.map(Into::into), ..Config::default() };
        let mut directives: Vec<_> = filter(&config).unwrap().to_string().split(',').map(String::from).collect();
        directives.sort();
        directives.join(",")
    }

    #[test]
    fn dependencies_log_at_warn_at_most() {
        assert_eq!(filter_of("trace", None), "chatd=trace,warn");
        assert_eq!(filter_of("error", None), "chatd=error,error");
    }

    #[test]
    fn a_filter_goes_over_the_level() {
        assert_eq!(
            filter_of("info", Some("chatd::store=debug, hyper=info")),
            "chatd::store=debug,chatd=info,hyper=info,warn"
        );
        assert_eq!(filter_of("info", Some("debug")), "debug");
    }

    #[test]
    fn payloads_cannot_be_let_into_the_log() {
        for refused in ["socketioxide=debug", "warn,engineioxide::ws=trace", "tungstenite", "socketioxide[s{a=1}]=info"]
        {
            assert!(matches!(check_filter(refused), Err(LogError::Payload(_))), "{refused}");
        }
        for taken in
            ["trace", "chatd=trace", "socketioxide=warn", "engineioxide=off", "[connection{user.id=ada}]=debug"]
        {
            assert!(check_filter(taken).is_ok(), "{taken}");
        }
        assert!(matches!(check_filter("chatd=loud"), Err(LogError::Directive(_))));
        let clamp = payload_clamp();
        assert!(!clamp.would_enable("socketioxide::client", &tracing::Level::INFO));
        assert!(clamp.would_enable("socketioxide::client", &tracing::Level::WARN));
        assert!(clamp.would_enable("chatd::store", &tracing::Level::TRACE));
    }
}
