//! `[metrics]`: whether `GET /metrics` is answered, and where. Taken at start only.

use serde::Deserialize;

/// The keys of `[metrics]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub enabled: bool,
    /// Absent: on the main listener, beside Socket.IO.
    pub listen: Option<String>,
}
