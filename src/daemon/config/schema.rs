//! Every key of the configuration, in one table: its kind, its bounds, its default, and whether a reload takes it.
//!
//! The rooms' `Config` structs are what the daemon runs with; a test below holds this table and them to each other.

use std::time::Duration;

use super::kind::Kind;
use super::rules;
use crate::domain::hooks::SHAPES;
use crate::domain::units::{ByteSize, Span};

/// One key.
pub struct Key {
    /// `section.name`; a section may lie in another one, and a key outside of all of them.
    pub path: &'static str,
    pub kind: Kind,
    /// The default as TOML text; absent where the key has none.
    pub default: Option<&'static str>,
    /// Whether a reload takes it; other keys need a restart.
    pub reload: bool,
}

const ANY: u32 = u32::MAX;
const INSTANT: Span = Span(Duration::from_millis(100));
const NONE: Span = Span::secs(0);
const SECOND: Span = Span::secs(1);
const TEN_MINUTES: Span = Span::secs(600);
const HOUR: Span = Span::secs(3_600);
const DAY: Span = Span::secs(86_400);
const YEARS: Span = Span::secs(100 * 365 * 86_400);

/// Sections and keys that later versions have: naming them says more than "unknown key".
pub const LATER: [&str; 2] = ["cluster", "files"];

/// All keys, section by section, in the order in which they are documented and printed.
pub static KEYS: &[Key] = &[
    fixed("server.listen", "['127.0.0.1:3000']", Kind::List(1, rules::listen)),
    fixed("server.unix_mode", "'0666'", Kind::Text(rules::mode)),
    fixed("server.path", "'/socket.io/'", Kind::Text(rules::url_path)),
    live("server.trusted_proxies", "[]", Kind::List(0, rules::proxy)),
    live("server.drain_timeout", "'20s'", Kind::Time(NONE, TEN_MINUTES)),
    fixed("server.state_dir", "", Kind::Path(rules::not_empty)),
    fixed("server.demo", "false", Kind::Switch),
    fixed("server.workers", "", Kind::Count(1, 1_024)),
    live("server.tls.cert", "", Kind::Path(rules::not_empty)),
    live("server.tls.key", "", Kind::Path(rules::not_empty)),
    live("cors.origins", "[]", Kind::List(0, rules::origin)),
    live("cors.credentials", "true", Kind::Switch),
    live("cors.methods", "['GET', 'POST']", Kind::List(1, rules::http_method)),
    live("cors.headers", "['authorization', 'content-type']", Kind::List(0, rules::header_name)),
    live("cors.max_age", "'10m'", Kind::Time(NONE, DAY)),
    fixed("ping.interval", "'25s'", Kind::Time(INSTANT, HOUR)),
    fixed("ping.timeout", "'60s'", Kind::Time(INSTANT, HOUR)),
    fixed("transports.allow", "['websocket', 'polling']", Kind::Choices(&["websocket", "polling"])),
    fixed("transports.header_timeout", "'10s'", Kind::Time(INSTANT, HOUR)),
    fixed("transports.body_timeout", "'30s'", Kind::Time(INSTANT, HOUR)),
    fixed("transports.upgrade_timeout", "'10s'", Kind::Time(INSTANT, HOUR)),
    fixed("transports.allow_eio3", "false", Kind::Switch),
    fixed("transports.connect_timeout", "'45s'", Kind::Time(INSTANT, HOUR)),
    fixed("transports.write_timeout", "'20s'", Kind::Time(INSTANT, HOUR)),
    fixed("transports.send_buffer", "4096", Kind::Count(16, 1_048_576)),
    fixed("transports.send_buffer_bytes", "'4MiB'", Kind::Size(ByteSize::kib(1), ByteSize::mib(1_024))),
    live("compression.enabled", "true", Kind::Switch),
    live("compression.threshold", "'1KiB'", Kind::Size(ByteSize(0), ByteSize::mib(64))),
    live("compression.level", "3", Kind::Count(1, 9)),
    live("compression.websocket", "true", Kind::Switch),
    live("compression.http", "true", Kind::Switch),
    live("auth.algorithms", "['HS256']", Kind::List(1, rules::algorithm)),
    live("auth.secret", "", Kind::Secret(rules::secret)),
    live("auth.secret_file", "", Kind::Path(rules::not_empty)),
    live("auth.public_key_file", "", Kind::Path(rules::not_empty)),
    live("auth.jwks_file", "", Kind::Path(rules::not_empty)),
    live("auth.jwks_url", "", Kind::Text(rules::jwks_url)),
    live("auth.issuer", "", Kind::Text(rules::not_empty)),
    live("auth.audience", "", Kind::Text(rules::not_empty)),
    live("auth.leeway", "'30s'", Kind::Time(NONE, TEN_MINUTES)),
    live("auth.required_claims", "[]", Kind::List(0, rules::not_empty)),
    live("auth.user_claim", "'sub'", Kind::Text(rules::not_empty)),
    live("auth.name_claim", "'name'", Kind::Text(rules::not_empty)),
    live("auth.roles_claim", "'roles'", Kind::Text(rules::not_empty)),
    live("auth.allow_query_token", "false", Kind::Switch),
    live("auth.disconnect_on_expiry", "true", Kind::Switch),
    live("limits.events_per_second", "10", Kind::Count(1, ANY)),
    live("limits.burst", "20", Kind::Count(1, ANY)),
    live("limits.messages_per_second", "0", Kind::Count(0, ANY)),
    live("limits.connections_per_user", "16", Kind::Count(0, ANY)),
    live("limits.connections_per_ip", "0", Kind::Count(0, ANY)),
    live("limits.connections", "100000", Kind::Count(0, ANY)),
    live("limits.connects_per_second_per_ip", "0", Kind::Count(0, ANY)),
    live("limits.unauthenticated", "4096", Kind::Count(0, ANY)),
    live("limits.max_payload", "'1MiB'", Kind::Size(ByteSize::kib(1), ByteSize::mib(64))),
    live("limits.disconnect_after", "50", Kind::Count(0, ANY)),
    live("messages.max_content", "'64KiB'", Kind::Size(ByteSize(1), ByteSize::mib(64))),
    live("messages.edit_window", "'15m'", Kind::Time(NONE, YEARS)),
    live("messages.retention", "'forever'", Kind::TimeOr(SECOND, "forever")),
    live("messages.history_limit", "200", Kind::Count(1, 1_000)),
    live("conversations.access", "'members'", Kind::Choice(&["members", "open"])),
    live("conversations.auto_join", "true", Kind::Switch),
    live("conversations.create", "'users'", Kind::Choice(&["users", "api"])),
    live("conversations.max_members", "10000", Kind::Count(2, ANY)),
    live("typing.timeout", "'6s'", Kind::Time(INSTANT, Span::secs(300))),
    live("presence.grace", "'5s'", Kind::Time(NONE, TEN_MINUTES)),
    live("receipts.delivered", "'server'", Kind::Choice(&["server", "client"])),
    live("notifications.messages", "'direct'", Kind::Choice(&["none", "direct", "all"])),
    fixed("store.url", "'sqlite:chatd.db'", Kind::Text(rules::store_url)),
    fixed("store.durability", "'full'", Kind::Choice(&["full", "normal"])),
    fixed("store.readers", "2", Kind::Count(1, 64)),
    fixed("plugins.dir", "", Kind::Path(rules::not_empty)),
    live("plugins.enabled", "", Kind::List(0, rules::plugin)),
    live("plugins.timeout", "'20ms'", Kind::Time(Span::millis(1), TEN_MINUTES)),
    live("plugins.max_operations", "1000000", Kind::Count(1_000, ANY)),
    live("plugins.max_memory", "'16MiB'", Kind::Size(ByteSize::kib(64), ByteSize::mib(64))),
    live("plugins.on_error", "{}", Kind::Words(hooks_that_decide, &["allow", "deny", "hold"])),
    live("plugins.config", "{}", Kind::Tables),
    fixed("admin.socket", "", Kind::Path(rules::not_empty)),
    fixed("admin.mode", "'0660'", Kind::Text(rules::mode)),
    fixed("admin.group", "", Kind::Text(rules::not_empty)),
    fixed("admin.allow_uids", "[]", Kind::Counts(0, ANY)),
    fixed("admin.allow_groups", "[]", Kind::List(0, rules::not_empty)),
    fixed("metrics.enabled", "false", Kind::Switch),
    fixed("metrics.listen", "", Kind::Text(rules::listen)),
    fixed("api.enabled", "false", Kind::Switch),
    fixed("api.listen", "", Kind::Text(rules::listen)),
    live("api.keys", "[]", Kind::Entries(API_KEY)),
    live("api.keys_file", "", Kind::Path(rules::not_empty)),
    live("log.level", "'info'", Kind::Choice(&["off", "error", "warn", "info", "debug", "trace"])),
    fixed("log.format", "'auto'", Kind::Choice(&["auto", "human", "json", "journald"])),
    live("log.filter", "", Kind::Text(rules::log_filter)),
    live("webhooks", "[]", Kind::Entries(WEBHOOK)),
];

/// The keys of one table of `[[webhooks]]`.
pub static WEBHOOK: &[Key] = &[
    live("webhooks.url", "", Kind::Text(rules::not_empty)),
    live("webhooks.name", "", Kind::Text(rules::webhook_name)),
    live("webhooks.events", "['*']", Kind::List(1, rules::webhook_event)),
    live("webhooks.secret", "", Kind::Secrets(rules::webhook_secret)),
    live("webhooks.secret_file", "", Kind::Path(rules::not_empty)),
    live("webhooks.timeout", "'15s'", Kind::Time(INSTANT, Span::secs(120))),
    live("webhooks.concurrency", "16", Kind::Count(1, 256)),
    live("webhooks.retry_delay", "'5s'", Kind::Time(Span::millis(10), HOUR)),
    live("webhooks.retry_for", "'1d'", Kind::Time(NONE, Span::secs(7 * 86_400))),
    live("webhooks.allow_private", "false", Kind::Switch),
];

/// The keys of one table of `[[api.keys]]`.
pub static API_KEY: &[Key] = &[
    live("api.keys.name", "", Kind::Text(rules::not_empty)),
    live("api.keys.key", "", Kind::Secrets(rules::not_empty)),
    live("api.keys.scopes", "['read', 'write']", Kind::Choices(&["read", "write", "admin"])),
    live("api.keys.networks", "[]", Kind::List(0, rules::proxy)),
];

fn hooks_that_decide() -> Vec<&'static str> {
    SHAPES.iter().filter(|shape| shape.point.decides()).map(|shape| shape.hook).collect()
}

/// A key that a reload takes; an empty default stands for none.
const fn live(path: &'static str, default: &'static str, kind: Kind) -> Key {
    Key { path, kind, default: if default.is_empty() { None } else { Some(default) }, reload: true }
}

/// A key that needs a restart.
const fn fixed(path: &'static str, default: &'static str, kind: Kind) -> Key {
    Key { reload: false, ..live(path, default, kind) }
}

impl Key {
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }
}

pub fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The sections, each once, in the table's order.
pub fn sections() -> impl Iterator<Item = &'static str> {
    let sections = KEYS.chunk_by(|a, b| a.section() == b.section()).map(|keys| keys[0].section());
    sections.filter(|section| !section.is_empty())
}

/// The names of a section's keys.
pub fn names_in(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |key| key.section() == section).map(Key::name)
}
