//! `status` and `stats`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::plugin;
use crate::admin::answer::{Connections, Latency, Part, Rates, State, Stats, Status, Store, Totals};
use crate::admin::protocol::{Failure, PROTOCOL};
use crate::chat::tally::Snapshot;
use crate::console::{Console, Errand, refused};

pub async fn status(console: &Console) -> Result<Status, Failure> {
    let (config, _) = console.ask(Errand::Config).await?;
    let lockdown = console.ask(Errand::Locked).await?;
    let stats = stats(console).await?;
    let parts = vec![store_part(&stats.store), room_part(console), plugin_part(console)];
    let state = match () {
        () if console.shared.draining.load(Ordering::Relaxed) => State::Draining,
        () if parts.iter().all(|part| part.ok) => State::Ready,
        () => State::Degraded,
    };
    let (started, started_at) = console.started;
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        protocol: PROTOCOL,
        node: console.node.clone(),
        pid: std::process::id(),
        state,
        started_at: started_at.to_string(),
        uptime_seconds: started.elapsed().as_secs(),
        config,
        listen: console.listen.clone(),
        parts,
        lockdown,
        stats,
    })
}

fn store_part(store: &Store) -> Part {
    let detail = if store.writable { "takes writes" } else { "takes no writes: see the log for the reason" };
    Part { name: "store".into(), ok: store.writable, detail: detail.into() }
}

/// Whether devices keep up with what is sent to them.
fn room_part(console: &Console) -> Part {
    let behind = console.chat.roster().behind().len();
    let detail = match behind {
        0 => "every device keeps up".into(),
        count => format!("{count} devices are behind with reading"),
    };
    Part { name: "delivery".into(), ok: true, detail }
}

/// Whether every plugin that is loaded is asked.
fn plugin_part(console: &Console) -> Part {
    let (running, benched) = plugin::standing(console);
    let detail = match (running, benched.as_slice()) {
        (0, []) => "none is loaded".into(),
        (1, []) => "1 runs".into(),
        (running, []) => format!("{running} run"),
        (_, benched) => format!("benched, as they failed too often: {}", benched.join(", ")),
    };
    Part { name: "plugins".into(), ok: benched.is_empty(), detail }
}

pub async fn stats(console: &Console) -> Result<Stats, Failure> {
    let (chat, live) = (&console.chat, &console.shared.live);
    let total = live.len();
    let websocket = live.iter().filter(|entry| entry.transport().link().is_some()).count();
    let store = chat.store();
    let census = store.read(|query| Ok(query.census()?)).await.map_err(refused)?;
    let totals = chat.tally().now();
    let recent = chat.tally().recent();
    let seconds = recent.span.as_secs_f64();
    let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    Ok(Stats {
        connections: Connections { total, websocket, polling: total.saturating_sub(websocket) },
        users: chat.roster().user_count(),
        rooms: chat.roster().room_count(),
        rates: Rates {
            window_seconds: seconds,
            events: rate(recent.done.events),
            refused: rate(recent.done.refused),
            messages: rate(recent.done.messages),
            deliveries: rate(recent.done.deliveries),
        },
        latency: latency(&recent.done),
        totals: Totals {
            events: totals.events,
            refused: totals.refused,
            messages: totals.messages,
            deliveries: totals.deliveries,
        },
        memory_bytes: resident_bytes().unwrap_or_default(),
        store: Store {
            path: store.path().display().to_string(),
            bytes: store.bytes(),
            schema: census.schema,
            epoch: store.epoch().to_owned(),
            writable: store.health().is_writable(),
            users: census.users,
            conversations: census.conversations,
        },
    })
}

fn latency(done: &Snapshot) -> Option<Latency> {
    let millis = |share| done.percentile(share).map(|took: Duration| took.as_secs_f64() * 1_000.0);
    Some(Latency { p50_ms: millis(0.5)?, p90_ms: millis(0.9)?, p99_ms: millis(0.99)? })
}

/// Memory that this process has in use, as the kernel counts it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
