//! Quantities as people read and write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `90s`, `15m`, `2h`, `7d`, `1h30m`; a bare number counts seconds.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a span of time such as 90s, 15m, 2h or 7d, not `{text}`");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(expected());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| expected())?;
        let tail = &rest[digits..];
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let millis: u64 = match &tail[..end] {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(expected()),
        };
        total += Duration::from_millis(number.checked_mul(millis).ok_or_else(expected)?);
        rest = tail[end..].trim_start();
    }
    Ok(total)
}

/// `250 ms`, `41 s`, `4 min`, `3 h 12 min`, `3 d 4 h`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match () {
        () if seconds == 0 => format!("{} ms", span.as_millis()),
        () if seconds < 60 => format!("{seconds} s"),
        () if seconds < 3_600 => format!("{minutes} min"),
        () if days == 0 && minutes == 0 => format!("{hours} h"),
        () if days == 0 => format!("{hours} h {minutes} min"),
        () if hours == 0 => format!("{days} d"),
        () => format!("{days} d {hours} h"),
    }
}

/// `1,204`
pub fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `0`, `3.4`, `312`, `2.1k`, `1.3M`
pub fn rate(rate: f64) -> String {
    match rate {
        rate if rate >= 999_500.0 => format!("{:.1}M", rate / 1_000_000.0),
        rate if rate >= 9_995.0 => format!("{:.0}k", rate / 1_000.0),
        rate if rate >= 999.5 => format!("{:.1}k", rate / 1_000.0),
        rate if (0.05..9.95).contains(&rate) => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

/// `0.66 ms`, `6 ms`, `1.2 s`
pub fn millis(millis: f64) -> String {
    match millis {
        millis if millis >= 1_000.0 => format!("{:.1} s", millis / 1_000.0),
        millis if millis >= 10.0 => format!("{millis:.0} ms"),
        millis if millis >= 1.0 => format!("{millis:.1} ms"),
        millis => format!("{millis:.2} ms"),
    }
}

/// `612 B`, `41 KiB`, `1.2 GiB`
pub fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    let scaled = bytes as f64 / f64::from(1_u32 << (10 * power.min(3))) / if power == 4 { 1024.0 } else { 1.0 };
    let unit = units[power as usize];
    if power == 0 || scaled >= 10.0 { format!("{scaled:.0} {unit}") } else { format!("{scaled:.1} {unit}") }
}

/// `1 device`, `2,000 devices`
pub fn counted(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// An instant of ISO 8601 as the daemon writes it, relative to now: `4 min ago`, `in 2 h`.
pub fn ago(iso: &str) -> String {
    let Some(at) = unix_millis(iso) else { return clean(iso) };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let apart = Duration::from_millis(now.abs_diff(at));
    match () {
        () if apart < Duration::from_secs(1) => "now".into(),
        () if at <= now => format!("{} ago", span(apart)),
        () => format!("in {}", span(apart)),
    }
}

/// Milliseconds since 1970 of `2026-11-23T10:00:00.000Z`.
fn unix_millis(iso: &str) -> Option<i64> {
    let number = |from: usize, to: usize| iso.get(from..to)?.parse::<i64>().ok();
    let is_utc = iso.len() == 24 && iso.ends_with('Z');
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, milli) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    is_utc.then_some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + milli)
}

/// Text that somebody wrote, without what would steer the terminal.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            // These would turn the order of what stands beside them around.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in
            [("90s", 90_000), ("15m", 900_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("3", 3_000)]
        {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "1.5h", "2 years"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quantities_are_short() {
        let spans =
            [(0, "0 ms"), (41, "41 s"), (250, "4 min"), (7_200, "2 h"), (11_520, "3 h 12 min"), (273_600, "3 d 4 h")];
        for (seconds, shown) in spans {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
        assert_eq!([count(0_u64), count(999_u64), count(1_204_567_u64)], ["0", "999", "1,204,567"]);
        assert_eq!(
            [rate(0.0), rate(3.44), rate(312.4), rate(2_149.0), rate(41_000.0)],
            ["0", "3.4", "312", "2.1k", "41k"]
        );
        assert_eq!(
            [bytes(0), bytes(612), bytes(41 << 10), bytes(1_288_490_189)],
            ["0 B", "612 B", "41 KiB", "1.2 GiB"]
        );
        assert_eq!(
            [millis(0.661), millis(6.04), millis(41.2), millis(1_240.0)],
            ["0.66 ms", "6.0 ms", "41 ms", "1.2 s"]
        );
    }

    #[test]
    fn instants_are_read_as_the_daemon_writes_them() {
        assert_eq!(unix_millis("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(unix_millis("2026-11-23T00:00:00.123Z"), Some(1_795_392_000_123));
        assert_eq!(unix_millis("2024-02-29T12:00:00.000Z"), Some(1_709_208_000_000));
        assert_eq!(unix_millis("yesterday"), None);
        assert_eq!(ago("2000-01-01"), "2000-01-01");
    }

    #[test]
    fn nobody_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\n\u{202e}c"), "a\u{fffd}[2Jb \u{fffd}c");
    }
}
