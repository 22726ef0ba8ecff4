//! The quantities of the configuration: sizes as `"1MiB"` and spans of time as `"25s"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A number of bytes, written as `65536`, `"64KiB"`, `"1MiB"`, `"2GB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A span of time, written as `"250ms"`, `"25s"`, `"15m"`, `"1h"`, `"7d"`, `"1h 30m"`; a bare number counts seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Why a quantity could not be read; its text says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("expected a size such as \"64KiB\" or \"1MiB\"")]
    Size,
    #[error("expected a span of time such as \"250ms\", \"25s\", \"15m\", \"1h\" or \"7d\"")]
    Span,
}

impl ByteSize {
    pub const fn kib(n: u64) -> Self {
        ByteSize(n * 1024)
    }

    pub const fn mib(n: u64) -> Self {
        ByteSize(n * 1024 * 1024)
    }

    /// The size as a length in memory; saturates where `usize` is narrower.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Span {
    pub const fn millis(n: u64) -> Self {
        Span(Duration::from_millis(n))
    }

    pub const fn secs(n: u64) -> Self {
        Span(Duration::from_secs(n))
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text.trim()).ok_or(UnitError::Size)?;
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "kb" => 1_000,
            "m" | "mib" => 1 << 20,
            "mb" => 1_000_000,
            "g" | "gib" => 1 << 30,
            "gb" => 1_000_000_000,
            "t" | "tib" => 1 << 40,
            "tb" => 1_000_000_000_000,
            _ => return Err(UnitError::Size),
        };
        number.checked_mul(factor).map(ByteSize).ok_or(UnitError::Size)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(UnitError::Span);
        }
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let (number, tail) = split_number(rest).ok_or(UnitError::Span)?;
            let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, after) = tail.split_at(end);
            let millis = match unit {
                "ms" => Some(number),
                "" | "s" => number.checked_mul(1_000),
                "m" => number.checked_mul(60_000),
                "h" => number.checked_mul(3_600_000),
                "d" => number.checked_mul(86_400_000),
                "w" => number.checked_mul(604_800_000),
                _ => None,
            };
            let part = Duration::from_millis(millis.ok_or(UnitError::Span)?);
            total = total.checked_add(part).ok_or(UnitError::Span)?;
            rest = after.trim_start();
        }
        Ok(Span(total))
    }
}

/// Splits leading decimal digits from what follows them, white space between the two left out.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    Some((number, text[end..].trim_start()))
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if millis >= factor && millis.is_multiple_of(factor) {
                return write!(f, "{}{unit}", millis / factor);
            }
        }
        write!(f, "{millis}ms")
    }
}

/// Reads either a string, by `FromStr`, or a bare non-negative number.
macro_rules! deserialize_unit {
    ($type:ty, $expected:literal, $from_number:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Unit;

                impl Visitor<'_> for Unit {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
                    }

                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        Ok($from_number(number))
                    }

                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$type, E> {
                        u64::try_from(number)
                            .map($from_number)
                            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
                    }
                }

                deserializer.deserialize_any(Unit)
            }
        }
    };
}

deserialize_unit!(ByteSize, "a size such as \"64KiB\" or \"1MiB\"", ByteSize);
deserialize_unit!(Span, "a span of time such as \"250ms\", \"25s\", \"15m\", \"1h\" or \"7d\"", Span::secs);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("1KiB", 1024), ("64 kib", 65_536), ("1MB", 1_000_000), ("2GiB", 2 << 30)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "1XB", "99999999999TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(UnitError::Size), "{text}");
        }
    }

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("25s", 25_000),
            ("15m", 900_000),
            ("1h 30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
            ("3", 3_000),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "1y", "5s x"] {
            assert_eq!(text.parse::<Span>(), Err(UnitError::Span), "{text}");
        }
    }

    #[test]
    fn quantities_print_in_the_largest_whole_unit() {
        assert_eq!(ByteSize::mib(1).to_string(), "1MiB");
        assert_eq!(ByteSize(1500).to_string(), "1500B");
        assert_eq!(Span::secs(90).to_string(), "90s");
        assert_eq!(Span::secs(3600).to_string(), "1h");
    }
}
