//! `chatctl status` and `chatctl stats`.

use std::time::Duration;

use clap::Args as Arguments;

use super::Desk;
use super::client::decode;
use super::error::Error;
use super::format::{bytes, count, millis, rate, span};
use super::output::Tint;
use crate::admin::answer::{State, Stats, Status};
use crate::admin::protocol::Command;
use crate::admin::request::Nothing;

/// Connections, rates, latencies, memory and the store
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl stats
  chatctl stats --watch
  chatctl stats --json | jq .rates.messages")]
pub struct StatsArgs {
    /// Again and again, until interrupted
    #[arg(long, short)]
    watch: bool,

    /// Between two looks, with --watch
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = super::format::parse_span)]
    interval: Duration,
}

pub fn status(desk: &Desk) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&Command::Status(Nothing {}))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let status: Status = decode(answer)?;
    let out = &desk.output;
    let (tint, word) = match status.state {
        State::Ready => (Tint::Good, "ready"),
        State::Degraded => (Tint::Bad, "degraded"),
        State::Draining => (Tint::Warning, "draining"),
    };
    out.line(&format!(
        "{} {}  {}   up {}   pid {}   node {}",
        out.tint(tint, "●"),
        out.tint(Tint::Strong, &format!("chatd {}", status.version)),
        out.tint(tint, word),
        span(Duration::from_secs(status.uptime_seconds)),
        status.pid,
        status.node,
    ));
    let stats = &status.stats;
    let connections = &stats.connections;
    out.line(&format!(
        "  Connections {} (ws {} · polling {})   Users {}   Rooms {}",
        count(connections.total as u64),
        count(connections.websocket as u64),
        count(connections.polling as u64),
        count(stats.users as u64),
        count(stats.rooms as u64),
    ));
    out.line(&format!("  Messages    {}", load(stats)));
    out.line(&format!("  Store       {}", store(stats)));
    out.line(&format!("  Config      {}", status.config));
    out.line(&format!("  Listening   {}", status.listen.join(", ")));
    if status.lockdown.level > 0 {
        let until = status.lockdown.until.as_deref().map(super::format::ago).unwrap_or_default();
        out.warning(&format!("lockdown at level {}; it ends {until}", status.lockdown.level));
        out.next("chatctl lockdown 0");
    }
    for part in status.parts.iter().filter(|part| !part.ok) {
        out.warning(&format!("{}: {}", part.name, part.detail));
        out.next("chatctl log --level warn");
    }
    Ok(())
}

/// Rates, latency and the share of refusals on one line.
fn load(stats: &Stats) -> String {
    let rates = &stats.rates;
    let mut text = format!("{}/s in · {}/s out", rate(rates.messages), rate(rates.deliveries));
    if let Some(latency) = &stats.latency {
        text += &format!("   p99 to ack {}", millis(latency.p99_ms));
    }
    if rates.events > 0.0 {
        text += &format!("   refused {:.2}%", 100.0 * rates.refused / rates.events);
    }
    text
}

fn store(stats: &Stats) -> String {
    let store = &stats.store;
    format!("sqlite {} {} (schema {})", store.path, bytes(store.bytes), store.schema)
}

pub fn stats(desk: &Desk, args: &StatsArgs) -> Result<(), Error> {
    let mut client = desk.connect()?;
    loop {
        let answer = client.ask(&Command::Stats(Nothing {}))?;
        match (desk.output.json, args.watch) {
            (true, true) => desk.output.item(&answer),
            (true, false) => desk.output.document(&answer),
            (false, watch) => {
                let stats: Stats = decode(answer)?;
                // On a terminal each look takes the place of the one before.
                if watch && desk.output.width.is_some() {
                    desk.output.line("\u{1b}[H\u{1b}[2J\u{1b}[3J");
                }
                show(desk, &stats);
            }
        }
        if !args.watch {
            return Ok(());
        }
        std::thread::sleep(args.interval);
    }
}

fn show(desk: &Desk, stats: &Stats) {
    let out = &desk.output;
    let row =
        |name: &str, value: String| out.line(&format!("{} {value}", out.tint(Tint::Faint, &format!("{name:<22}"))));
    let connections = &stats.connections;
    let by = format!("ws {} · polling {}", count(connections.websocket as u64), count(connections.polling as u64));
    row("connections", format!("{} ({by})", count(connections.total as u64)));
    row("users", count(stats.users as u64));
    row("rooms", count(stats.rooms as u64));
    let rates = &stats.rates;
    row("events", format!("{}/s ({} in all)", rate(rates.events), count(stats.totals.events)));
    row("refused", format!("{}/s ({} in all)", rate(rates.refused), count(stats.totals.refused)));
    row("messages", format!("{}/s ({} in all)", rate(rates.messages), count(stats.totals.messages)));
    row("deliveries", format!("{}/s ({} in all)", rate(rates.deliveries), count(stats.totals.deliveries)));
    let latency = stats.latency.map_or_else(
        || "nothing was asked lately".to_owned(),
        |l| format!("p50 {} · p90 {} · p99 {}", millis(l.p50_ms), millis(l.p90_ms), millis(l.p99_ms)),
    );
    row("latency to the answer", latency);
    row("memory", bytes(stats.memory_bytes));
    row("store", store(stats));
    row("stored users", count(stats.store.users));
    row("stored conversations", count(stats.store.conversations));
}
