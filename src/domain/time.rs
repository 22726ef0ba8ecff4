//! Points in time: milliseconds since 1970, written as ISO 8601 in UTC with milliseconds.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Reads an ISO 8601 instant such as `2026-11-23T10:00:00.000Z`; any offset is taken.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Time(at.as_millisecond()))
    }

    pub fn saturating_add(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Time(self.0.saturating_add(millis))
    }

    pub fn saturating_sub(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Time(self.0.saturating_sub(millis))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clamped = self.0.clamp(-62_135_596_800_000, 253_402_207_200_000);
        let at = jiff::Timestamp::from_millisecond(clamped).map_err(|_| fmt::Error)?;
        write!(f, "{at:.3}")
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_8601_with_milliseconds() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(1_795_392_000_123).to_string(), "2026-11-23T00:00:00.123Z");
        assert_eq!(Time::parse("2026-11-23T01:00:00.123+01:00"), Some(Time(1_795_392_000_123)));
        assert_eq!(Time::parse("yesterday"), None);
        let _ = Time(i64::MAX).to_string();
    }
}
