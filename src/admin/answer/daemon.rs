//! The daemon itself: its state, its figures, its configuration.

use serde::{Deserialize, Serialize};

/// `status`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub version: String,
    pub protocol: u32,
    pub node: String,
    pub pid: u32,
    pub state: State,
    pub started_at: String,
    pub uptime_seconds: u64,
    /// The file and how many drop-ins were read.
    pub config: String,
    pub listen: Vec<String>,
    pub parts: Vec<Part>,
    pub lockdown: Lockdown,
    pub stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ready,
    /// It serves, but a part does not work as it should.
    Degraded,
    Draining,
}

/// The health of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

/// `stats`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    pub connections: Connections,
    /// Users with a connection.
    pub users: usize,
    /// Conversations that somebody here is in.
    pub rooms: usize,
    pub rates: Rates,
    /// From the receipt of an event to its answer, over the window of `rates`; null where there was none.
    pub latency: Option<Latency>,
    pub totals: Totals,
    pub memory_bytes: u64,
    pub store: Store,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    pub total: usize,
    pub websocket: usize,
    pub polling: usize,
}

/// Per second, over the last few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    pub window_seconds: f64,
    pub events: f64,
    pub refused: f64,
    pub messages: f64,
    pub deliveries: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
}

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub events: u64,
    pub refused: u64,
    pub messages: u64,
    pub deliveries: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    pub path: String,
    /// The database and its log.
    pub bytes: u64,
    pub schema: u32,
    pub epoch: String,
    pub writable: bool,
    pub users: u64,
    pub conversations: u64,
}

/// `reload`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloaded {
    pub took_ms: u64,
    pub applied: Vec<Change>,
    pub needs_restart: Vec<Change>,
}

/// `config.diff`: what a reload would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    pub reload: Vec<Change>,
    pub restart: Vec<Change>,
}

/// One key whose value changed, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub key: String,
    pub old: String,
    pub new: String,
}

/// `config.show`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// The file and how many drop-ins were read.
    pub source: String,
    pub settings: Vec<Setting>,
}

/// One key in force. The value is TOML, masked where it is secret, and null where it is not set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    pub key: String,
    pub value: Option<String>,
    pub default: Option<String>,
    /// Where it was written.
    pub origin: String,
    /// Whether a reload takes it.
    pub reloadable: bool,
    /// What sort of value it takes, in words.
    pub kind: String,
}

/// `backup`: pieces in base64 follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupBegun {
    pub bytes: u64,
    pub epoch: String,
}

/// `store.check`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub sound: bool,
    pub problems: Vec<String>,
}

/// `store.prune`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    pub messages: usize,
}

/// `drain`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draining {
    /// Those that were told to come back elsewhere.
    pub connections: usize,
}

/// `log`: the last lines; with `follow`, those that come are streamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLines {
    pub lines: Vec<serde_json::Value>,
}

/// `doctor`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub part: String,
    pub verdict: Verdict,
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    Doubtful,
    Bad,
}

/// `lockdown`; also in `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lockdown {
    /// 0: none.
    pub level: u8,
    pub until: Option<String>,
}
