//! The Engine.IO open packet, `0{"sid":…,"maxPayload":…}`, as it passes.
//!
//! The library is told a payload limit that it never reaches, because with a real one it loses a packet when a polling
//! session that it has more to send than the limit upgrades. So the limit that clients are told is put in here.
//!
//! In Engine.IO 4 it also sends its first PING right behind the open packet, where the protocol has it wait for an interval. That one is
//! answered before the client could: by `http` for a session that opens over polling, by `io` for one over WebSocket.

use socketioxide::socket::Sid;

/// The limit that the library is told.
pub const UNLIMITED: u64 = 1 << 40;

pub const PING: &[u8] = b"2";
pub const PONG: &[u8] = b"3";

const MAX_PAYLOAD: &[u8] = b"\"maxPayload\":";
const SID: &[u8] = b"\"sid\":\"";

/// The same open packet with `limit` as its `maxPayload`; `None` for any other packet.
pub fn announce(packet: &[u8], limit: u64) -> Option<String> {
    let at = find(packet, MAX_PAYLOAD)?;
    let digits = packet[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, behind) = (str::from_utf8(&packet[..at]).ok()?, str::from_utf8(&packet[at + digits..]).ok()?);
    Some(format!("{before}{limit}{behind}"))
}

/// The same open packet without an offer to upgrade, which the library makes also where WebSocket is not allowed.
pub fn without_upgrades(packet: &str) -> String {
    packet.replacen(r#""upgrades":["websocket"]"#, r#""upgrades":[]"#, 1)
}

/// The session that an open packet names.
pub fn sid(packet: &[u8]) -> Option<Sid> {
    let at = find(packet, SID)?;
    std::str::from_utf8(packet.get(at..at + 16)?).ok()?.parse().ok()
}

/// The offset behind `what` in an open packet.
fn find(packet: &[u8], what: &[u8]) -> Option<usize> {
    if !packet.starts_with(b"0{") {
        return None;
    }
    packet.windows(what.len()).position(|window| window == what).map(|at| at + what.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_packet_is_changed() {
        let open = br#"0{"sid":"AA9AAA0AAzAAAAHs","upgrades":[],"pingInterval":25000,"maxPayload":1099511627776}"#;
        let announced = announce(open, 1_048_576).expect("it is an open packet");
        assert!(announced.ends_with(r#""maxPayload":1048576}"#));
        assert_eq!(sid(open).map(|sid| sid.to_string()).as_deref(), Some("AA9AAA0AAzAAAAHs"));
        assert_eq!(announce(br#"42["x","\"maxPayload\":1"]"#, 5), None);

        let offering = r#"0{"sid":"AA9AAA0AAzAAAAHs","upgrades":["websocket"],"pingInterval":25000}"#;
        let plain = r#"0{"sid":"AA9AAA0AAzAAAAHs","upgrades":[],"pingInterval":25000}"#;
        assert_eq!(without_upgrades(offering), plain);
        assert_eq!(without_upgrades(plain), plain);
    }
}
