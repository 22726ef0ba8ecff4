//! `chatctl lockdown`.

use std::time::Duration;

use clap::Args as Arguments;

use super::Desk;
use super::error::Error;
use super::format::{ago, parse_span};
use super::user::report;
use crate::admin::answer;
use crate::admin::protocol::Command;
use crate::admin::request;

/// Tighten the limits for a while, against a flood or a raid; they fall back by themselves
///
/// 1: half of the events a second, at most 5 connects a second and address. 2: a fifth of the events, 2 connects, 4
/// connections a user, one message a second. 3: as 2, and nobody new is let in. 0 ends it.
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl lockdown 2 --for 30m
  chatctl lockdown 0")]
pub struct Lockdown {
    /// 0 is none, 3 the tightest
    #[arg(value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
    /// When the limits fall back
    #[arg(long = "for", value_name = "SPAN", default_value = "15m", value_parser = parse_span)]
    duration: Duration,
}

pub fn lockdown(desk: &Desk, args: &Lockdown) -> Result<(), Error> {
    let request = request::Lockdown { level: args.level, seconds: args.duration.as_secs().max(1) };
    let answer = desk.connect()?.ask(&Command::Lockdown(request))?;
    report(desk, answer, |lockdown: answer::Lockdown| match &lockdown.until {
        Some(until) => format!("lockdown at level {}; it ends {}", lockdown.level, ago(until)),
        None => "the limits are those of the configuration".into(),
    })
}
