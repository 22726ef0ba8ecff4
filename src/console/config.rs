//! `[admin]`: the socket for operators, and who may use it. Taken at start only.

use std::path::PathBuf;

use serde::Deserialize;

use crate::wire::config::Mode;

/// The keys of `[admin]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Absent: `admin.sock` in the run-time directory.
    pub socket: Option<PathBuf>,
    pub mode: Mode,
    /// The group that the socket belongs to, whose members may use it.
    pub group: Option<String>,
    /// Users beside root and the daemon's own.
    pub allow_uids: Vec<u32>,
    pub allow_groups: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config { socket: None, mode: Mode(0o660), group: None, allow_uids: Vec::new(), allow_groups: Vec::new() }
    }
}
