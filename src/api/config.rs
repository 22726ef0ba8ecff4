//! `[api]`: whether the application's back end is answered, where, and by which keys.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::wire::peer::Proxy;

/// The keys of `[api]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub enabled: bool,
    /// Absent: on the main listener, beside Socket.IO.
    pub listen: Option<String>,
    pub keys: Vec<Key>,
    /// A TOML file with tables as `keys` has them.
    pub keys_file: Option<PathBuf>,
}

/// One key: who has it, and what for.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    pub name: String,
    /// The key itself, or `sha256:` and its SHA-256 in hexadecimal; while it is changed, both the old one and the new one.
    #[serde(deserialize_with = "one_or_more")]
    pub key: Vec<String>,
    pub scopes: Vec<Scope>,
    /// Where it may come from; empty: from anywhere.
    pub networks: Vec<Proxy>,
}

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To look.
    Read,
    /// To do what users and moderators do.
    Write,
    /// To do what operators do: ban, revoke, export, erase, broadcast.
    Admin,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Keys {
        One(String),
        More(Vec<String>),
    }
    Ok(match Keys::deserialize(deserializer)? {
        Keys::One(key) => vec![key],
        Keys::More(keys) => keys,
    })
}

impl Default for Key {
    fn default() -> Self {
        let scopes = vec![Scope::Read, Scope::Write];
        Key { name: String::new(), key: Vec::new(), scopes, networks: Vec::new() }
    }
}

/// A key is shown to nobody.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}
