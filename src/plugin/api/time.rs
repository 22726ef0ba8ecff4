//! The clock and the calendar, and timers.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use rhai::{Dynamic, Engine, ImmutableString, Map, Module};

use super::{Failed, span};
use crate::domain::time::Time;
use crate::plugin::stage::{self, Timer};

/// The shortest interval of a timer that repeats.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest name of a timer, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// What the name `timer` means in a script: `timer.every(…)` is what many write.
#[derive(Clone, Copy)]
pub struct Timers;

pub fn register(engine: &mut Engine) {
    engine.register_fn("now", || stage::with(|stage| Ok(stage.now())));

    // No limit interrupts the one that the language has.
    engine.register_fn("sleep", |_: i64| no_sleep()).register_fn("sleep", |_: f64| no_sleep());

    let mut time = Module::new();
    time.set_native_fn("iso", |millis: i64| Ok(ImmutableString::from(Time(millis).to_string())));
    time.set_native_fn("parse", |text: ImmutableString| match Time::parse(&text) {
        Some(time) => Ok(time.0),
        None => Err(format!("\"{text}\" is no time: expected one such as 2026-01-31T10:00:00Z").into()),
    });
    time.set_native_fn("span", |given: Dynamic| Ok(i64::try_from(span(&given)?.as_millis()).unwrap_or(i64::MAX)));
    time.set_native_fn("local", |millis: i64, zone: ImmutableString| local(millis, &zone));
    engine.register_static_module("time", time.into());

    let mut timer = Module::new();
    timer.set_native_fn("every", |given: Dynamic, name: ImmutableString| start(&given, &name, true));
    timer.set_native_fn("after", |given: Dynamic, name: ImmutableString| start(&given, &name, false));
    engine.register_static_module("timer", timer.into());
    engine
        .register_type_with_name::<Timers>("Timers")
        .register_fn("every", |_: Timers, given: Dynamic, name: ImmutableString| start(&given, &name, true))
        .register_fn("after", |_: Timers, given: Dynamic, name: ImmutableString| start(&given, &name, false));
}

fn no_sleep() -> Result<(), Failed> {
    Err("sleep: events wait for a hook; timer::after is for later".into())
}

fn start(given: &Dynamic, name: &str, repeats: bool) -> Result<(), Failed> {
    let span = span(given)?;
    if repeats && span < SHORTEST {
        return Err("a timer repeats once a second at most".into());
    }
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(format!("a timer's name has 1 to {MAX_NAME_BYTES} bytes").into());
    }
    stage::with(|stage| stage.start_timer(Timer { name: name.to_owned(), span, repeats }))
}

/// What clock and calendar show at a place.
fn local(millis: i64, zone: &str) -> Result<Map, Failed> {
    let instant = Timestamp::from_millisecond(millis).map_err(|error| Failed::from(error.to_string()))?;
    let at = instant.to_zoned(zone_named(zone)?);
    let shown: [(&str, i64); 7] = [
        ("year", at.year().into()),
        ("month", at.month().into()),
        ("day", at.day().into()),
        ("hour", at.hour().into()),
        ("minute", at.minute().into()),
        ("second", at.second().into()),
        ("weekday", at.weekday().to_monday_one_offset().into()),
    ];
    Ok(shown.into_iter().map(|(name, number)| (name.into(), number.into())).collect())
}

/// `UTC`, an offset such as `+02:00`, or a name of the system's time zones such as `Europe/Berlin`.
fn zone_named(name: &str) -> Result<TimeZone, Failed> {
    if name == "UTC" || name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    if !name.starts_with(['+', '-']) {
        return TimeZone::get(name).map_err(|_| format!("there is no time zone \"{name}\" on this machine").into());
    }
    let wrong = || Failed::from(format!("\"{name}\" is no offset: expected one such as +02:00"));
    let (sign, rest) = name.split_at(1);
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, most: i32| text.parse().ok().filter(|number| (0..=most).contains(number));
    let (hours, minutes) = (number(hours, 23).ok_or_else(wrong)?, number(minutes, 59).ok_or_else(wrong)?);
    let seconds = (hours * 60 + minutes) * 60 * if sign == "-" { -1 } else { 1 };
    Offset::from_seconds(seconds).map(TimeZone::fixed).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_offsets_or_names() {
        let hour = |zone: &str| local(1_795_392_000_000, zone).map(|map| map["hour"].as_int().expect("an integer"));
        assert_eq!(hour("UTC").expect("a zone"), 0);
        assert_eq!(hour("+02:30").expect("a zone"), 2);
        assert_eq!(hour("-01:00").expect("a zone"), 23);
        assert_eq!(hour("Europe/Berlin").expect("a zone"), 1);
        for wrong in ["+2", "+25:00", "Nowhere/City", "+-1:00"] {
            assert!(hour(wrong).is_err(), "{wrong}");
        }
    }
}
