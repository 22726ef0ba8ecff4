//! `[store]`: where messages are kept. Taken at start only.

use serde::Deserialize;

/// The keys of `[store]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH`; a relative path lies in the state directory.
    pub url: String,
    pub durability: Durability,
    /// Threads that read, each with a connection of its own.
    pub readers: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { url: "sqlite:chatd.db".into(), durability: Durability::Full, readers: 2 }
    }
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The message was synced to the disk before the acknowledgement.
    Full,
    /// The message survives the process, but the last ones may be lost with the machine's power.
    Normal,
}
