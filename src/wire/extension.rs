//! The negotiation of permessage-deflate (RFC 7692, section 7.1), and what was agreed on.
//!
//! Both sides compress each message by itself: the server, so that a broadcast is compressed once for all; the client,
//! so that no connection holds a window of what it sent before.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};

use super::config::Compression;
use crate::roster::deflate::{NARROWEST_WINDOW, WIDEST_WINDOW};
use crate::roster::packet::{Packet, compressed_text_frame};

/// What one connection agreed on.
pub struct Agreement {
    /// The client's limit for the server's window, as it asked for it.
    window_bits: Option<u8>,
    /// Asked for at every message, because a reload changes them.
    settings: Arc<ArcSwap<Compression>>,
}

/// What [`negotiate`] can accept of one offer.
#[derive(Debug, PartialEq, Eq)]
struct Offer {
    server_max_window_bits: Option<u8>,
}

/// Accepts the first offer that holds, where the configuration lets it. One that does not hold is passed over.
pub fn negotiate(headers: &HeaderMap, settings: &Arc<ArcSwap<Compression>>) -> Option<Agreement> {
    if !headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) || !settings.load().is_on() {
        return None;
    }
    let values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().filter_map(|value| value.to_str().ok());
    let offer = values.flat_map(|value| split(value, ',')).find_map(read)?;
    Some(Agreement { window_bits: offer.server_max_window_bits, settings: settings.clone() })
}

impl Agreement {
    /// The header with which the 101 says so.
    pub fn answer(&self) -> HeaderValue {
        let limit = self.window_bits.map(|bits| format!("; server_max_window_bits={bits}")).unwrap_or_default();
        let answer = format!("permessage-deflate; server_no_context_takeover; client_no_context_takeover{limit}");
        HeaderValue::try_from(answer).expect("it has letters and digits only")
    }

    /// The compressed frame of a packet, where it is to be compressed.
    pub fn compress_packet(&self, packet: &Packet) -> Option<Bytes> {
        let level = self.level_for(packet.payload().len())?;
        packet.compressed_frame(self.window(), level).cloned()
    }

    /// The compressed frame of a text message, where it is to be compressed.
    pub fn compress_text(&self, payload: &[u8]) -> Option<Bytes> {
        compressed_text_frame(payload, self.window(), self.level_for(payload.len())?)
    }

    fn window(&self) -> u8 {
        self.window_bits.unwrap_or(WIDEST_WINDOW)
    }

    fn level_for(&self, len: usize) -> Option<u8> {
        let settings = self.settings.load();
        (settings.is_on() && len as u64 >= settings.threshold.0).then_some(settings.level)
    }
}

/// One extension with its parameters; `None` for another one, and where a parameter is unknown, comes twice or has a
/// value that it cannot have.
fn read(extension: &str) -> Option<Offer> {
    let mut parts = split(extension, ';').map(str::trim);
    if parts.next()? != "permessage-deflate" {
        return None;
    }
    let mut seen = Vec::new();
    let mut offer = Offer { server_max_window_bits: None };
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquote(value.trim_start())?)),
            None => (part, None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => {}
            // Every window of a client can be inflated, so that it need not be limited.
            ("client_max_window_bits", Some(value)) => drop(window_bits(value)?),
            ("server_max_window_bits", Some(value)) => offer.server_max_window_bits = Some(window_bits(value)?),
            _ => return None,
        }
    }
    Some(offer)
}

/// A number without leading zeroes.
fn window_bits(value: &str) -> Option<u8> {
    (NARROWEST_WINDOW..=WIDEST_WINDOW).find(|bits| bits.to_string() == value)
}

/// The text of a token or of a quoted string; what must be escaped within quotes is in no value that there is.
fn unquote(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

/// The parts between separators that do not stand within quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(offers: &[&str], settings: Compression) -> Option<String> {
        let mut headers = HeaderMap::new();
        for offer in offers {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(offer).expect("a header's value"));
        }
        let agreement = negotiate(&headers, &Arc::new(ArcSwap::from_pointee(settings)))?;
        Some(agreement.answer().to_str().expect("ASCII").to_owned())
    }

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn the_first_offer_that_holds_is_accepted() {
        let accepted = [
            ("permessage-deflate", ""),
            ("permessage-deflate; client_max_window_bits", ""),
            ("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", "12"),
            ("permessage-deflate;server_no_context_takeover;client_no_context_takeover", ""),
            ("permessage-deflate ; server_max_window_bits = \"10\"", "10"),
            ("permessage-deflate; server_max_window_bits=15", "15"),
            ("permessage-deflate; server_max_window_bits=8", "8"),
            ("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits", ""),
            ("foo; a=\"permessage-deflate, ;\", permessage-deflate; server_max_window_bits=9", "9"),
            ("permessage-deflate; server_max_window_bits=7, permessage-deflate", ""),
            ("permessage-deflate; mux, permessage-deflate; server_max_window_bits=11, permessage-deflate", "11"),
        ];
        for (offer, bits) in accepted {
            let limit = if bits.is_empty() { String::new() } else { format!("; server_max_window_bits={bits}") };
            assert_eq!(answer(&[offer], Compression::default()), Some(format!("{PLAIN}{limit}")), "{offer}");
        }
        assert_eq!(answer(&["foo", "permessage-deflate"], Compression::default()).as_deref(), Some(PLAIN));
    }

    #[test]
    fn offers_that_do_not_hold_are_declined() {
        for offer in [
            "",
            ",",
            "foo",
            "permessage-deflated",
            "PERMESSAGE-DEFLATE",
            "permessage-deflate;",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=\"\"",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=1e1",
            "permessage-deflate; server_max_window_bits=\"10",
            "permessage-deflate; client_max_window_bits=99999999999999999999",
            "permessage-deflate; client_max_window_bits=0",
        ] {
            assert_eq!(answer(&[offer], Compression::default()), None, "{offer}");
        }
    }

    #[test]
    fn nothing_is_agreed_on_where_it_is_off() {
        for settings in [
            Compression { enabled: false, ..Compression::default() },
            Compression { websocket: false, ..Compression::default() },
        ] {
            assert_eq!(answer(&["permessage-deflate"], settings), None);
        }
    }

    #[test]
    fn only_messages_of_the_threshold_are_compressed() {
        let settings = Arc::new(ArcSwap::from_pointee(Compression::default()));
        let agreement = Agreement { window_bits: None, settings: settings.clone() };
        let text = [b'x'; 1_024];
        assert!(agreement.compress_text(&text).is_some());
        assert_eq!(agreement.compress_text(&text[1..]), None);
        settings.store(Arc::new(Compression { enabled: false, ..Compression::default() }));
        assert_eq!(agreement.compress_text(&text), None, "a reload holds for those who are connected");
    }
}
