//! Who sent a request that trusted proxies have passed on, by `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! Each proxy appends the address that it was called from. So the list is read from its end, for as long as whoever
//! appended an entry is trusted; what stands before the first stranger may be that stranger's invention.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

use super::peer::{Peer, Proxy, Scheme};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// One entry of a list: whom a proxy was called from, and how.
struct Hop {
    /// `None` where the proxy does not say, or nobody can tell what it says.
    from: Option<IpAddr>,
    scheme: Option<Scheme>,
}

/// The client whose request came over a connection from `peer`.
///
/// A proxy writes one of the two headers and may pass on the other one as it came, from anybody. So where both stand in
/// a request and disagree, neither is believed.
pub fn client(peer: Peer, headers: &HeaderMap, proxies: &[Proxy]) -> Peer {
    if !peer.address.is_in(proxies) {
        return peer;
    }
    let standard = lines(headers, &FORWARDED).map(|text| walk(peer, forwarded(&text).unwrap_or_default(), proxies));
    let common = lines(headers, &X_FORWARDED_FOR).map(|text| walk(peer, x_forwarded_for(&text), proxies));
    let said = lines(headers, &X_FORWARDED_PROTO).and_then(|text| scheme(text.split(',').next()?.trim()));
    let client = match (standard, common) {
        (Some(one), Some(other)) if one.address != other.address => return peer,
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => peer,
    };
    Peer { scheme: client.scheme.or(said), ..client }
}

/// The first that is not trusted, from the end on; where all are, the one farthest away.
fn walk(peer: Peer, hops: Vec<Hop>, proxies: &[Proxy]) -> Peer {
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        let Some(ip) = hop.from else { break };
        client = Peer { address: ip.into(), scheme: hop.scheme.or(client.scheme) };
        if !client.address.is_in(proxies) {
            break;
        }
    }
    client
}

/// All lines of a header as the one list that they mean.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |all, line| Cow::Owned(format!("{all},{line}"))))
}

fn x_forwarded_for(text: &str) -> Vec<Hop> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| Hop { from: node(entry), scheme: None }).collect()
}

/// The elements of a `Forwarded` header; `None` where it is malformed, as then nobody can tell which are whose.
fn forwarded(text: &str) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut hop = Hop { from: None, scheme: None };
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix([',', ';']) {
            if rest.starts_with(',') {
                hops.push(std::mem::replace(&mut hop, Hop { from: None, scheme: None }));
            }
            rest = after.trim_start();
            continue;
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        match name.to_ascii_lowercase().as_str() {
            "for" => hop.from = node(&value),
            "proto" => hop.scheme = scheme(&value),
            other if other.bytes().all(is_token) => {}
            _ => return None,
        }
        rest = after.trim_start();
        if !(rest.is_empty() || rest.starts_with([',', ';'])) {
            return None;
        }
    }
    hops.push(hop);
    Some(hops)
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
        return (end > 0).then(|| (Cow::Borrowed(&text[..end]), &text[end..]));
    };
    let mut plain = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((Cow::Owned(plain), &quoted[at + 1..])),
            '\\' => plain.push(letters.next()?.1),
            other => plain.push(other),
        }
    }
    None
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// An address, with or without brackets and a port; some proxies write a port where the standard has none.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(Scheme::Https),
        "http" | "ws" => Some(Scheme::Http),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(from: &str, headers: &[(&'static str, &str)]) -> (String, Option<Scheme>) {
        let proxies: Vec<Proxy> = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a proxy")).into();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        let peer = Peer::plain(from.parse::<IpAddr>().expect("an address").into());
        let client = client(peer, &map, &proxies);
        (client.address.to_string(), client.scheme)
    }

    fn address(headers: &[(&'static str, &str)]) -> String {
        seen("10.0.0.1", headers).0
    }

    #[test]
    fn a_stranger_is_not_believed() {
        for header in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1;proto=https")] {
            assert_eq!(seen("198.51.100.9", &[header, ("x-forwarded-proto", "https")]), ("198.51.100.9".into(), None));
        }
    }

    #[test]
    fn the_right_most_stranger_is_the_client() {
        for (list, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.5, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 10.2.2.2,fd00::7", "192.0.2.1"),
            ("10.9.9.9, 10.2.2.2", "10.9.9.9"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, nonsense, 10.2.2.2", "10.2.2.2"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
            (" , ", "10.0.0.1"),
        ] {
            assert_eq!(address(&[("x-forwarded-for", list)]), client, "{list:?}");
        }
        let lines = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(address(&lines), "192.0.2.1");
    }

    #[test]
    fn the_standard_header_is_read_with_quotes_and_brackets() {
        for (list, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8::1]\"; proto=http; by=10.0.0.1", "2001:db8::1"),
            ("for=203.0.113.5;host=\"a,b;c=\\\"d\", for=192.0.2.1;proto=https, for=10.7.7.7", "192.0.2.1"),
            ("for=192.0.2.1, for=unknown", "10.0.0.1"),
            ("for=192.0.2.1, for=_hidden, for=10.7.7.7", "10.7.7.7"),
            ("for=192.0.2.1, for=\"10.7.7.7", "10.0.0.1"),
            ("for=192.0.2.1 for=192.0.2.2", "10.0.0.1"),
            ("192.0.2.1", "10.0.0.1"),
            ("for=", "10.0.0.1"),
        ] {
            assert_eq!(address(&[("forwarded", list)]), client, "{list:?}");
        }
    }

    #[test]
    fn headers_that_disagree_are_not_believed() {
        let both = |one, other| address(&[("forwarded", one), ("x-forwarded-for", other)]);
        assert_eq!(both("for=192.0.2.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(both("for=203.0.113.5", "192.0.2.1"), "10.0.0.1");
        assert_eq!(both("nonsense", "192.0.2.1"), "10.0.0.1");
    }

    #[test]
    fn the_scheme_is_the_one_that_the_client_used() {
        let scheme = |headers: &[(&'static str, &str)]| seen("10.0.0.1", headers).1;
        assert_eq!(scheme(&[]), None);
        assert_eq!(scheme(&[("x-forwarded-proto", "https")]), Some(Scheme::Https));
        assert_eq!(scheme(&[("x-forwarded-proto", "https, http")]), Some(Scheme::Https));
        assert_eq!(scheme(&[("forwarded", "for=192.0.2.1;proto=https, for=10.1.1.1;proto=http")]), Some(Scheme::Https));
        assert_eq!(scheme(&[("forwarded", "for=192.0.2.1"), ("x-forwarded-proto", "http")]), Some(Scheme::Http));
    }
}
