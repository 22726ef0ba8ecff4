//! `chatctl log` and `chatctl events`.

use clap::Args as Arguments;
use serde_json::Value;

use super::Desk;
use super::client::{Client, decode};
use super::error::Error;
use super::format::clean;
use super::output::{Output, Tint};
use crate::admin::answer::LogLines;
use crate::admin::protocol::{Command, Flow};
use crate::admin::request;

/// The log: its last lines, and those that come
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl log --lines 100
  chatctl log --follow --level debug     also below the level that the daemon logs at")]
pub struct Log {
    /// Go on with the lines that come
    #[arg(long, short)]
    follow: bool,
    /// Only lines of at least this level
    #[arg(long, value_parser = ["error", "warn", "info", "debug", "trace"])]
    level: Option<String>,
    /// How many of the last lines, of up to 1,000 that are kept
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    lines: u32,
}

/// What happens in the chat, as it happens; without what was said
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl events
  chatctl events message:new --conversation lobby
  chatctl events --user alice --json")]
pub struct Events {
    /// Only events whose names begin so, such as `message:new` or `typing`
    kinds: Vec<String>,
    /// Only what this user does, or what is for them
    #[arg(long)]
    user: Option<String>,
    /// Only what happens in this one
    #[arg(long, value_name = "ID", alias = "in")]
    conversation: Option<String>,
    /// Also show what was said
    #[arg(long)]
    content: bool,
    /// Go on until interrupted; this is the only way, and may be left out
    #[arg(long, short)]
    follow: bool,
}

pub fn log(desk: &Desk, args: Log) -> Result<(), Error> {
    let request = request::Log { follow: args.follow, level: args.level, lines: args.lines };
    let mut client = desk.connect()?;
    let LogLines { lines } = client.call(&Command::Log(request))?;
    for line in &lines {
        show(&desk.output, line, log_line);
    }
    if args.follow { stream(desk, &mut client, log_line) } else { Ok(()) }
}

pub fn events(desk: &Desk, args: Events) -> Result<(), Error> {
    let Events { kinds, user, conversation, content, follow: _ } = args;
    let mut client = desk.connect()?;
    let _begun: Value = client.call(&Command::Events(request::Events { kinds, user, conversation, content }))?;
    stream(desk, &mut client, event_line)
}

fn stream(desk: &Desk, client: &mut Client, line: fn(&Output, &Value) -> String) -> Result<(), Error> {
    loop {
        match client.next_flow()? {
            Flow::Item(item) => show(&desk.output, &item, line),
            Flow::Missed(count) => desk.output.note(&format!("{count} were left out: this reader is too slow")),
            Flow::End => return Ok(()),
            Flow::Failed(failure) => return Err(Error::Refused(failure)),
        }
    }
}

fn show(output: &Output, item: &Value, line: fn(&Output, &Value) -> String) {
    if output.json {
        output.item(item);
    } else {
        output.line(&line(output, item));
    }
}

/// `2026-…  INFO  message  field=value …`
fn log_line(output: &Output, line: &Value) -> String {
    let Ok(mut fields) = decode::<serde_json::Map<String, Value>>(line.clone()) else { return line.to_string() };
    let mut take = |name: &str| fields.remove(name).map(|value| text(&value)).unwrap_or_default();
    let (at, level, target, message) = (take("timestamp"), take("level"), take("target"), take("message"));
    let tint = match level.as_str() {
        "ERROR" => Tint::Bad,
        "WARN" => Tint::Warning,
        "INFO" => Tint::Good,
        _ => Tint::Faint,
    };
    let mut shown = format!("{} {} ", output.tint(Tint::Faint, &at), output.tint(tint, &format!("{level:>5}")));
    shown += &format!("{} {message}", output.tint(Tint::Faint, &format!("{target}:")));
    for (name, value) in &fields {
        shown += &output.tint(Tint::Faint, &format!(" {}={}", clean(name), text(value)));
    }
    shown
}

/// `2026-…  message:new  user=alice conversation=lobby …`
fn event_line(output: &Output, event: &Value) -> String {
    let Ok(mut fields) = decode::<serde_json::Map<String, Value>>(event.clone()) else { return event.to_string() };
    let mut take = |name: &str| fields.remove(name).map(|value| text(&value)).unwrap_or_default();
    let (at, name) = (take("at"), take("event"));
    let fields = fields.iter().map(|(name, value)| format!("{}={}", output.tint(Tint::Faint, name), text(value)));
    let name = output.tint(Tint::Strong, &format!("{name:<20}"));
    format!("{} {name} {}", output.tint(Tint::Faint, &at), fields.collect::<Vec<_>>().join(" "))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| clean(&value.to_string()), clean)
}
