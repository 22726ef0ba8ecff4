//! `[limits]`: what one socket, user and address may do; all taken on reload.

use serde::Deserialize;

use crate::domain::units::ByteSize;

/// The keys of `[limits]`. A count of `0` means: no limit; `events_per_second` and `burst` are never 0.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub events_per_second: u32,
    pub burst: u32,
    pub messages_per_second: u32,
    pub connections_per_user: u32,
    pub connections_per_ip: u32,
    pub connections: u32,
    pub connects_per_second_per_ip: u32,
    /// Sessions that have not presented a valid token yet, in all.
    pub unauthenticated: u32,
    pub max_payload: ByteSize,
    pub disconnect_after: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            events_per_second: 10,
            burst: 20,
            messages_per_second: 0,
            connections_per_user: 16,
            connections_per_ip: 0,
            connections: 100_000,
            connects_per_second_per_ip: 0,
            unauthenticated: 4_096,
            max_payload: ByteSize::mib(1),
            disconnect_after: 50,
        }
    }
}
