//! What one text of the configuration has to look like: addresses, origins, names, URLs.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::diagnose::did_you_mean;
use crate::webhook;
use crate::wire::config::Mode;
use crate::wire::peer::{Proxy, ProxyError};

/// Why a value does not fit, as it follows the key's name, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub message: String,
    pub hint: Option<String>,
}

/// A rule about one text.
pub type Rule = fn(&str) -> Result<(), Complaint>;

/// Signature algorithms of tokens. `none` is not among them.
const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Complaint {
    pub fn new(message: impl Into<String>) -> Self {
        Complaint { message: message.into(), hint: None }
    }

    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }
}

fn complain<T>(message: impl Into<String>) -> Result<T, Complaint> {
    Err(Complaint::new(message))
}

/// The hint that shows how the value should have been written.
fn write(mended: &str) -> Option<String> {
    Some(format!("write \"{mended}\""))
}

pub fn not_empty(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() { complain("must not be empty") } else { Ok(()) }
}

/// `HOST:PORT`, an IPv6 host in brackets; a Unix socket; sockets of systemd's. Host names are resolved when the daemon
/// binds.
pub fn listen(text: &str) -> Result<(), Complaint> {
    const EXPECTED: &str = "must list addresses as \"HOST:PORT\", \"unix:/PATH\" or \"systemd\"";
    if let Some(path) = text.strip_prefix("unix:") {
        let is_file = path.starts_with('/') && !path.ends_with('/');
        return if is_file { Ok(()) } else { complain("must list Unix sockets as \"unix:/PATH\", from the root on") };
    }
    if text == "systemd" || text.strip_prefix("systemd:").is_some_and(|name| !name.is_empty()) {
        return Ok(());
    }
    if text.parse::<u16>().is_ok() {
        return Err(Complaint::new(EXPECTED).hint(write(&format!("127.0.0.1:{text}"))));
    }
    let is_v6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    if is_v6(text) && !text.rsplit_once(':').is_some_and(|(host, _)| is_v6(host)) {
        return Err(Complaint::new(EXPECTED).hint(write(&format!("[{text}]:3000"))));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(Complaint::new(EXPECTED).hint(write(&format!("{text}:3000")).filter(|_| is_host(text))));
    };
    if port.parse::<u16>().is_err() {
        return Err(Complaint::new(EXPECTED).hint(format!("a port is a number from 0 to 65535, not `{port}`")));
    }
    if host.is_empty() || host == "*" {
        let all = format!("for all addresses write \"0.0.0.0:{port}\" or \"[::]:{port}\"");
        return Err(Complaint::new(EXPECTED).hint(all));
    }
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) if is_v6(inner) => Ok(()),
        None if is_host(host) => Ok(()),
        None if is_v6(host) => {
            Err(Complaint::new("must list IPv6 hosts in brackets").hint(write(&format!("[{host}]:{port}"))))
        }
        _ => Err(Complaint::new(EXPECTED).hint(format!("`{host}` is not a host"))),
    }
}

/// An IPv4 address or something that could be the name of a host.
fn is_host(text: &str) -> bool {
    let digits_and_dots = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if digits_and_dots {
        return text.parse::<Ipv4Addr>().is_ok();
    }
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// The name of a plugin: of its file without the end, or of its folder.
pub fn plugin(text: &str) -> Result<(), Complaint> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(is_name) {
        return complain("must list names of plugins: letters, digits, `-`, `_` and `.`");
    }
    match text.strip_suffix(".rhai") {
        Some(name) => Err(Complaint::new("must list names of plugins without `.rhai`").hint(write(name))),
        None => Ok(()),
    }
}

/// Permissions of a file.
pub fn mode(text: &str) -> Result<(), Complaint> {
    text.parse::<Mode>().map(drop).map_err(|error| Complaint::new(error.to_string()))
}

/// A proxy that is trusted.
pub fn proxy(text: &str) -> Result<(), Complaint> {
    match text.parse::<Proxy>() {
        Ok(_) => Ok(()),
        Err(error @ ProxyError::HostBits(network)) => {
            Err(Complaint::new(error.to_string()).hint(write(&network.to_string())))
        }
        Err(error @ ProxyError::Form) => complain(error.to_string()),
    }
}

/// The path under which Socket.IO answers.
pub fn url_path(text: &str) -> Result<(), Complaint> {
    if !text.starts_with('/') {
        return Err(Complaint::new("must begin with `/`").hint(write(&format!("/{text}"))));
    }
    if text.contains("//") {
        return complain("must not have an empty part between two `/`");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    if !text.bytes().all(plain) {
        return complain("may hold letters, digits and `/-_.~` only");
    }
    Ok(())
}

/// An origin exactly as browsers send it, or `*`.
pub fn origin(text: &str) -> Result<(), Complaint> {
    const EXPECTED: &str = "must list exact origins: \"scheme://host\" or \"scheme://host:port\"";
    if text == "*" {
        return Ok(());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let guess = write(&format!("https://{text}")).filter(|_| is_host(text.split(':').next().unwrap_or_default()));
        return Err(Complaint::new(EXPECTED).hint(guess));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) || scheme.is_empty() {
        return complain(EXPECTED);
    }
    if authority.contains('@') {
        return Err(Complaint::new(EXPECTED).hint("an origin has no user or password".to_string()));
    }
    if authority.contains('*') {
        return Err(Complaint::new(EXPECTED).hint("patterns are not taken: list each origin, or \"*\"".to_string()));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !(is_host(host) || bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())) {
        return Err(Complaint::new(EXPECTED).hint(format!("`{host}` is not a host")));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return complain(EXPECTED);
    }
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let mended = match port {
        Some(port) if !matches!((scheme.as_str(), port), ("http", "80") | ("https", "443")) => {
            format!("{scheme}://{host}:{port}")
        }
        _ => format!("{scheme}://{host}"),
    };
    if mended != text {
        let message =
            "must list origins as browsers send them: no path, no trailing slash, no default port, lower case";
        return Err(Complaint::new(message).hint(write(&mended)));
    }
    Ok(())
}

pub fn http_method(text: &str) -> Result<(), Complaint> {
    let upper = text.to_ascii_uppercase();
    match http::Method::from_str(text) {
        Ok(_) if upper == text => Ok(()),
        Ok(_) => Err(Complaint::new("must list HTTP methods in upper case").hint(write(&upper))),
        Err(_) => complain("must list HTTP methods such as \"GET\""),
    }
}

pub fn header_name(text: &str) -> Result<(), Complaint> {
    match http::HeaderName::from_str(text) {
        Ok(_) => Ok(()),
        Err(_) => complain("must list names of HTTP headers such as \"authorization\""),
    }
}

pub fn algorithm(text: &str) -> Result<(), Complaint> {
    if ALGORITHMS.contains(&text) {
        return Ok(());
    }
    if text.eq_ignore_ascii_case("none") {
        return complain("must not allow `none`: tokens without a signature are never accepted");
    }
    let hint = did_you_mean(text, ALGORITHMS).unwrap_or_else(|| format!("known are {}", ALGORITHMS.join(", ")));
    Err(Complaint::new("must list known signature algorithms").hint(hint))
}

/// A shared secret; RFC 7518 wants at least as many bits as the hash has.
pub fn secret(text: &str) -> Result<(), Complaint> {
    if text.len() >= 32 {
        return Ok(());
    }
    let hint = format!("it has {}; `openssl rand -base64 32` makes a good one", text.len());
    Err(Complaint::new("must have at least 32 bytes").hint(hint))
}

/// Keys fetched without TLS could be anyone's, except from this machine.
pub fn jwks_url(text: &str) -> Result<(), Complaint> {
    let Ok(url) = http::Uri::from_str(text) else {
        return complain("must be a URL such as \"https://id.example/.well-known/jwks.json\"");
    };
    let host = url.host().unwrap_or_default();
    let loopback = host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if loopback => Ok(()),
        Some("http") => complain("must begin with `https://`: keys fetched in the clear could be anyone's"),
        _ => complain("must be a URL such as \"https://id.example/.well-known/jwks.json\""),
    }
}

pub fn store_url(text: &str) -> Result<(), Complaint> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(()),
        Some(("sqlite", _)) => Err(Complaint::new("must name a file").hint(write("sqlite:chatd.db"))),
        Some((scheme @ ("postgres" | "postgresql" | "mysql" | "mariadb"), _)) => {
            Err(Complaint::new(format!("must begin with `sqlite:`: `{scheme}` is not supported by this version")))
        }
        _ => Err(Complaint::new("must begin with `sqlite:`").hint(write("sqlite:chatd.db"))),
    }
}

/// What a webhook is told of: an event, or all of a topic as `message.*`, or all.
pub fn webhook_event(text: &str) -> Result<(), Complaint> {
    if webhook::is_pattern(text) {
        return Ok(());
    }
    let complaint = Complaint::new("must list events such as \"message.created\", \"message.*\" or \"*\"");
    Err(complaint.hint(did_you_mean(text, webhook::event_names())))
}

/// What a webhook goes by, in commands and metrics.
pub fn webhook_name(text: &str) -> Result<(), Complaint> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=64).contains(&text.len()) && text.chars().all(is_plain) {
        return Ok(());
    }
    complain("must be 1 to 64 letters, digits, `.`, `-` or `_`")
}

pub fn webhook_secret(text: &str) -> Result<(), Complaint> {
    let hint = "echo \"whsec_$(openssl rand -base64 32)\" makes a good one".to_owned();
    webhook::check_secret(text).map_err(|error| Complaint::new(error.to_string()).hint(hint))
}

/// Directives for the log; `logging` knows which are refused.
pub fn log_filter(text: &str) -> Result<(), Complaint> {
    crate::daemon::logging::check_filter(text).map_err(|error| Complaint::new(error.to_string()))
}
