//! `[plugins]`

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::hooks::Point;
use crate::domain::units::{ByteSize, Span};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where scripts lie; absent: `plugins` beside the configuration file.
    pub dir: Option<PathBuf>,
    /// Which, in which order; absent: all that lie in `dir`, by name.
    pub enabled: Option<Vec<String>>,
    /// How long one hook of one plugin may take.
    pub timeout: Span,
    pub max_operations: u32,
    pub max_memory: ByteSize,
    /// What becomes of an event whose hook failed, by the hook's name.
    pub on_error: BTreeMap<String, OnError>,
    /// The table of each plugin, by its name.
    pub config: BTreeMap<String, Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    Allow,
    Deny,
    Hold,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            dir: None,
            enabled: None,
            timeout: Span::millis(20),
            max_operations: 1_000_000,
            max_memory: ByteSize::mib(16),
            on_error: BTreeMap::new(),
            config: BTreeMap::new(),
        }
    }
}

impl Config {
    /// What becomes of an event whose hook failed: whoever comes in is kept out, all else goes its way.
    pub fn on_error(&self, point: Point) -> OnError {
        self.on_error.get(point.hook()).copied().unwrap_or(match point {
            Point::Connect | Point::Join => OnError::Deny,
            _ => OnError::Allow,
        })
    }
}
