//! Presence of a user over all their devices.

use super::id::UserId;
use super::time::Time;

/// The longest status text, in bytes.
pub const MAX_STATUS_TEXT_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    Online,
    Away,
    Busy,
    /// As a choice: appear offline.
    Offline,
}

impl Status {
    pub const ALL: [Self; 4] = [Status::Online, Status::Away, Status::Busy, Status::Offline];

    pub const NAMES: &'static str = "\"online\", \"away\", \"busy\" or \"offline\"";

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Online => "online",
            Status::Away => "away",
            Status::Busy => "busy",
            Status::Offline => "offline",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "online" => Some(Status::Online),
            "away" => Some(Status::Away),
            "busy" => Some(Status::Busy),
            "offline" => Some(Status::Offline),
            _ => None,
        }
    }
}

/// What others see of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub user: UserId,
    pub status: Status,
    pub text: Option<String>,
    pub last_seen: Option<Time>,
    pub devices: usize,
}
/// A device that has named itself, here or away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    pub name: String,
    /// When it came last, to the hour.
    pub seen_at: Time,
}
