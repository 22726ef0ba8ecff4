//! Who is at the other end: of a connection, and of a request that trusted proxies have passed on.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// Where a connection or a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Ip(IpAddr),
    /// A Unix socket: some process on this machine.
    Unix,
}

/// The scheme of the URL that the client has, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: Address,
    /// `None` where a proxy that nobody trusts may have taken TLS off.
    pub scheme: Option<Scheme>,
}

/// One entry of `server.trusted_proxies`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Proxy {
    Network(IpNet),
    /// Whoever comes by a Unix socket.
    Unix,
}

/// Why a text names no proxy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    #[error("must list IP addresses, networks such as \"10.0.0.0/8\", or \"unix\"")]
    Form,
    #[error("must list networks by their first address")]
    HostBits(IpNet),
}

impl Address {
    /// What counts as one address: a whole /64 of IPv6, as one host is given all of it, and IPv4 in either form.
    pub fn network(self) -> Address {
        match self {
            Address::Ip(ip) => match ip.to_canonical() {
                IpAddr::V6(address) => {
                    let prefix = address.to_bits() & 0xffff_ffff_ffff_ffff_0000_0000_0000_0000;
                    Address::Ip(IpAddr::V6(Ipv6Addr::from_bits(prefix)))
                }
                v4 => Address::Ip(v4),
            },
            Address::Unix => Address::Unix,
        }
    }

    /// Whether many clients may come from it that nobody can tell apart: from this machine, where a proxy may run that
    /// nobody has named, and from a trusted proxy that does not say whom it speaks for.
    pub fn stands_for_many(self, proxies: &[Proxy]) -> bool {
        match self {
            Address::Ip(ip) => ip.is_loopback() || self.is_in(proxies),
            Address::Unix => true,
        }
    }

    pub fn is_in(self, proxies: &[Proxy]) -> bool {
        proxies.iter().any(|proxy| match (proxy, self) {
            (Proxy::Network(network), Address::Ip(ip)) => network.contains(&ip.to_canonical()),
            (Proxy::Unix, Address::Unix) => true,
            _ => false,
        })
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Address::Ip(ip.to_canonical())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(ip) => ip.fmt(f),
            Address::Unix => f.write_str("unix"),
        }
    }
}

impl Peer {
    /// Whoever opened a connection without TLS.
    pub fn plain(address: Address) -> Self {
        Peer { address, scheme: None }
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        if text == "unix" {
            return Ok(Proxy::Unix);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Proxy::Network(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| ProxyError::Form)?;
        if network.trunc() == network {
            Ok(Proxy::Network(network))
        } else {
            Err(ProxyError::HostBits(network.trunc()))
        }
    }
}

impl TryFrom<String> for Proxy {
    type Error = ProxyError;

    fn try_from(text: String) -> Result<Self, ProxyError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().expect("a valid address").into()
    }

    #[test]
    fn a_proxy_is_an_address_a_network_or_a_unix_socket() {
        let proxies = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "unix"].map(|text| text.parse().expect(text));
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:1::1", "192.0.2.7"] {
            assert!(address(inside).is_in(&proxies), "{inside}");
        }
        for outside in ["11.0.0.1", "2001:db9::1", "192.0.2.8", "::1"] {
            assert!(!address(outside).is_in(&proxies), "{outside}");
        }
        assert!(Address::Unix.is_in(&proxies));
        assert!(!Address::Unix.is_in(&proxies[..3]));
    }

    #[test]
    fn this_machine_and_trusted_proxies_stand_for_many() {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        for many in ["127.0.0.1", "::1", "::ffff:127.0.0.2", "10.1.2.3"] {
            assert!(address(many).stands_for_many(&proxies), "{many}");
        }
        for one in ["192.0.2.1", "2001:db8::1"] {
            assert!(!address(one).stands_for_many(&proxies), "{one}");
        }
        assert!(Address::Unix.stands_for_many(&[]));
    }

    #[test]
    fn what_names_no_proxy_is_refused() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80", "unix:/run/x"] {
            assert_eq!(text.parse::<Proxy>(), Err(ProxyError::Form), "{text:?}");
        }
        let network = "10.0.0.0/8".parse().expect("a network");
        assert_eq!("10.1.2.3/8".parse::<Proxy>(), Err(ProxyError::HostBits(network)));
    }

    #[test]
    fn a_whole_ipv6_network_is_one_address() {
        assert_eq!(address("2001:db8::1").network(), address("2001:db8::ffff:2").network());
        assert_ne!(address("2001:db8::1").network(), address("2001:db8:0:1::1").network());
        assert_eq!(address("::ffff:10.0.0.1").network(), address("10.0.0.1"));
    }
}
