//! `[server]`, `[cors]`, `[ping]`, `[transports]` and `[compression]`: how connections come in.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use super::peer::Proxy;
use crate::domain::units::{ByteSize, Span};

/// `[server]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// `HOST:PORT` each, where port 0 picks a free one; `unix:/PATH`; `systemd` or `systemd:NAME`.
    pub listen: Vec<String>,
    /// The mode of Unix sockets that are made here.
    pub unix_mode: Mode,
    pub path: String,
    /// Whose word counts about where a connection or a request comes from; taken on reload.
    pub trusted_proxies: Vec<Proxy>,
    /// How long a drain may take; taken on reload.
    pub drain_timeout: Span,
    /// Absent: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/chatd`, else `~/.local/state/chatd`.
    pub state_dir: Option<PathBuf>,
    /// The demo page, and tokens for everybody.
    pub demo: bool,
    /// Absent: one per core.
    pub workers: Option<u32>,
    pub tls: Tls,
}

/// The permissions of a file, written as "0660".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(pub u32);

/// Why a text is no mode.
#[derive(Debug, thiserror::Error)]
#[error("must be a mode in octal such as \"0660\"")]
pub struct ModeError;

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
        mode.map(Mode).ok_or(ModeError)
    }
}

impl TryFrom<String> for Mode {
    type Error = ModeError;

    fn try_from(text: String) -> Result<Self, ModeError> {
        text.parse()
    }
}

/// `[server.tls]`: taken on reload, with the files' contents. Both or none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: vec!["127.0.0.1:3000".into()],
            unix_mode: Mode(0o666),
            path: "/socket.io/".into(),
            trusted_proxies: Vec::new(),
            drain_timeout: Span::secs(20),
            state_dir: None,
            demo: false,
            workers: None,
            tls: Tls::default(),
        }
    }
}

/// `[cors]`: taken on reload. WebSocket handshakes are held to the same origins.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Exact origins, or `"*"`; empty: the same origin only.
    pub origins: Vec<String>,
    pub credentials: bool,
    pub methods: Vec<String>,
    pub headers: Vec<String>,
    pub max_age: Span,
}

impl Default for Cors {
    fn default() -> Self {
        Cors {
            origins: Vec::new(),
            credentials: true,
            methods: vec!["GET".into(), "POST".into()],
            headers: vec!["authorization".into(), "content-type".into()],
            max_age: Span::secs(600),
        }
    }
}

/// `[ping]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ping {
    pub interval: Span,
    pub timeout: Span,
}

impl Default for Ping {
    fn default() -> Self {
        Ping { interval: Span::secs(25), timeout: Span::secs(60) }
    }
}

/// `[transports]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transports {
    pub allow: Vec<Transport>,
    /// How long a PROXY header, a TLS handshake and the head of a request may each take, and how long a connection that is
    /// kept alive may idle.
    pub header_timeout: Span,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Span,
    pub upgrade_timeout: Span,
    /// Clients of Socket.IO 2 and below are let in.
    pub allow_eio3: bool,
    /// How long a session may take to present its token.
    pub connect_timeout: Span,
    /// How long a connection may leave written bytes unread before it counts as a slow consumer.
    pub write_timeout: Span,
    /// Packets that wait for one connection at most.
    pub send_buffer: u32,
    /// Bytes that wait for one connection at most.
    pub send_buffer_bytes: ByteSize,
}

impl Default for Transports {
    fn default() -> Self {
        Transports {
            allow: vec![Transport::Websocket, Transport::Polling],
            header_timeout: Span::secs(10),
            body_timeout: Span::secs(30),
            upgrade_timeout: Span::secs(10),
            allow_eio3: false,
            connect_timeout: Span::secs(45),
            write_timeout: Span::secs(20),
            send_buffer: 4_096,
            send_buffer_bytes: ByteSize::mib(4),
        }
    }
}

/// A way in which Engine.IO packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Websocket,
    Polling,
}

/// `[compression]`: taken on reload.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compression {
    pub enabled: bool,
    /// Shorter messages are sent as they are.
    pub threshold: ByteSize,
    /// 1 (fast) to 9 (small).
    pub level: u8,
    /// permessage-deflate.
    pub websocket: bool,
    /// zstd, br, gzip and deflate, of polling answers and all others.
    pub http: bool,
}

impl Compression {
    /// Whether messages on WebSockets are compressed.
    pub fn is_on(&self) -> bool {
        self.enabled && self.websocket
    }
}

impl Default for Compression {
    fn default() -> Self {
        Compression { enabled: true, threshold: ByteSize::kib(1), level: 3, websocket: true, http: true }
    }
}
