//! The PROXY protocol, versions 1 and 2 (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>): a proxy that
//! passes bytes on without looking into them says in front of them whom they come from.
//!
//! Only connections from trusted proxies are looked at. A proxy may send the header or not; what does not begin like
//! one is a client's first bytes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::peer::{Peer, Scheme};

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1.
const MAX_LINE: usize = 107;

/// The longest header of version 2 that is taken; the addresses need 52 bytes, the rest are further facts.
const MAX_HEADER: usize = 4 * 1024;

/// Further facts in version 2: how the client reached the proxy by TLS.
const TLV_SSL: u8 = 0x20;

#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    #[error("the PROXY header is malformed")]
    Malformed,
    #[error("the connection ended within the PROXY header")]
    Cut,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// More bytes are needed to tell.
    Partial,
    /// A client's own bytes.
    Nothing,
    /// A header of this length. `None` says that the proxy speaks for itself, as in a health check.
    Header(usize, Option<Client>),
}

#[derive(Debug, PartialEq, Eq)]
struct Client {
    ip: IpAddr,
    scheme: Option<Scheme>,
}

/// Reads the header that a trusted `peer` may have sent in front of its bytes. Gives whom they come from, and the bytes
/// behind the header that were read with it.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S, peer: Peer) -> Result<(Peer, BytesMut), HeaderError> {
    let mut bytes = BytesMut::with_capacity(256);
    loop {
        match find(&bytes)? {
            Found::Nothing => return Ok((peer, bytes)),
            Found::Header(len, client) => {
                bytes.advance(len);
                let client = client.map_or(peer, |client| Peer { address: client.ip.into(), scheme: client.scheme });
                return Ok((client, bytes));
            }
            Found::Partial if stream.read_buf(&mut bytes).await? > 0 => {}
            // A connection that was opened and closed is no broken header.
            Found::Partial if bytes.is_empty() => return Ok((peer, bytes)),
            Found::Partial => return Err(HeaderError::Cut),
        }
    }
}

fn find(bytes: &[u8]) -> Result<Found, HeaderError> {
    let begins = |sign: &[u8]| bytes.iter().zip(sign).all(|(a, b)| a == b);
    match (begins(V1), begins(V2)) {
        (true, _) if bytes.len() >= V1.len() => version_1(bytes),
        (_, true) if bytes.len() >= V2.len() => version_2(bytes),
        (false, false) => Ok(Found::Nothing),
        _ => Ok(Found::Partial),
    }
}

fn version_1(bytes: &[u8]) -> Result<Found, HeaderError> {
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_LINE { Ok(Found::Partial) } else { Err(HeaderError::Malformed) };
    };
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| HeaderError::Malformed)?;
    let parts: Vec<&str> = line.split(' ').collect();
    let ip = match parts[..] {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family, from, to, from_port, to_port] if is_port(from_port) && is_port(to_port) => {
            let (from, to) = (from.parse().ok(), to.parse().ok());
            match (family, from, to) {
                ("TCP4", Some(from @ IpAddr::V4(_)), Some(IpAddr::V4(_)))
                | ("TCP6", Some(from @ IpAddr::V6(_)), Some(IpAddr::V6(_))) => Some(from),
                _ => return Err(HeaderError::Malformed),
            }
        }
        _ => return Err(HeaderError::Malformed),
    };
    Ok(Found::Header(end + 2, ip.map(|ip| Client { ip, scheme: None })))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn version_2(bytes: &[u8]) -> Result<Found, HeaderError> {
    let Some(&[command, family, high, low]) = bytes[V2.len()..].first_chunk() else { return Ok(Found::Partial) };
    let start = V2.len() + 4;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if start + len > MAX_HEADER {
        return Err(HeaderError::Malformed);
    }
    let Some(body) = bytes.get(start..start + len) else { return Ok(Found::Partial) };
    let (ip, facts) = match (command, family) {
        // The proxy's own connection; the rest is to be passed over, whatever it says.
        (0x20, _) => return Ok(Found::Header(start + len, None)),
        // Addresses that are none of IP: the protocol says to take the connection's own.
        (0x21, 0x00 | 0x31) => return Ok(Found::Header(start + len, None)),
        (0x21, 0x11) => {
            let (addresses, facts) = body.split_first_chunk::<12>().ok_or(HeaderError::Malformed)?;
            let [a, b, c, d, ..] = *addresses;
            (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), facts)
        }
        (0x21, 0x21) => {
            let (addresses, facts) = body.split_first_chunk::<36>().ok_or(HeaderError::Malformed)?;
            let from = addresses.first_chunk::<16>().expect("the addresses have 36 bytes");
            (IpAddr::V6(Ipv6Addr::from(*from)), facts)
        }
        _ => return Err(HeaderError::Malformed),
    };
    Ok(Found::Header(start + len, Some(Client { ip, scheme: scheme(facts)? })))
}

/// The scheme, where the proxy says that it took TLS off.
fn scheme(mut facts: &[u8]) -> Result<Option<Scheme>, HeaderError> {
    const CLIENT_SSL: u8 = 1;
    while !facts.is_empty() {
        let (&[kind, high, low], rest) = facts.split_first_chunk().ok_or(HeaderError::Malformed)?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(len).ok_or(HeaderError::Malformed)?;
        if kind == TLV_SSL {
            let flags = value.first().ok_or(HeaderError::Malformed)?;
            return Ok((flags & CLIENT_SSL != 0).then_some(Scheme::Https));
        }
        facts = rest;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let len = (body.len() as u16).to_be_bytes();
        [V2, &[command, family], &len, body].concat()
    }

    fn found(bytes: &[u8]) -> Result<Found, ()> {
        find(bytes).map_err(drop)
    }

    fn client(ip: &str, scheme: Option<Scheme>) -> Option<Client> {
        Some(Client { ip: ip.parse().expect("an address"), scheme })
    }

    #[test]
    fn both_versions_name_the_client_in_reads_of_any_size() {
        let four = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb];
        let six = [&Ipv6Addr::LOCALHOST.octets()[..], &Ipv6Addr::UNSPECIFIED.octets(), &[0, 1, 0, 2]].concat();
        let ssl = [&four[..], &[0x04, 0, 1, 7], &[TLV_SSL, 0, 5, 1, 0, 0, 0, 0]].concat();
        for (bytes, expected) in [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n".to_vec(), client("192.0.2.1", None)),
            (b"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n".to_vec(), client("2001:db8::1", None)),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (v2(0x21, 0x11, &four), client("192.0.2.1", None)),
            (v2(0x21, 0x21, &six), client("::1", None)),
            (v2(0x21, 0x11, &ssl), client("192.0.2.1", Some(Scheme::Https))),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x20, 0x11, &four), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(found(&bytes[..end]), Ok(Found::Partial), "{end} of {bytes:?}");
            }
            let whole = [&bytes[..], b"GET /"].concat();
            assert_eq!(found(&whole), Ok(Found::Header(bytes.len(), expected)), "{bytes:?}");
        }
    }

    #[test]
    fn a_clients_own_bytes_are_left_alone() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"POST", b"PRO/", b"\x16\x03\x01", b"\r\nGET"] {
            assert_eq!(found(bytes), Ok(Found::Nothing), "{bytes:?}");
        }
    }

    #[test]
    fn a_broken_header_is_refused() {
        let long = format!("PROXY TCP4 {}", "1".repeat(120));
        for bytes in [
            b"PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 70000\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 10.0.0.1 +1 1\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 1 1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1  10.0.0.1 1 1\r\n".to_vec(),
            b"PROXY SCTP 192.0.2.1 10.0.0.1 1 1\r\n".to_vec(),
            long.into_bytes(),
            v2(0x11, 0x11, &[0; 12]),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x21, 0x12, &[0; 12]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 12]),
            v2(0x21, 0x11, &[0; 14]),
            v2(0x21, 0x11, &[&[0; 12][..], &[4, 0, 9, 1]].concat()),
            v2(0x21, 0x11, &[0; 5_000]),
        ] {
            assert_eq!(found(&bytes), Err(()), "{bytes:?}");
        }
    }
}
