//! `plugin.*`

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::near;
use crate::admin::answer::{HookLine, PluginError, PluginLine, PluginSaid, Plugins, PluginsReloaded, Switched};
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::console::{Console, refused};
use crate::domain::hooks::Point;
use crate::plugin::{Done, Flaw, Report, Standing};

pub fn list(console: &Console) -> Plugins {
    Plugins { plugins: console.host.reports().into_iter().map(line).collect() }
}

/// How many plugins are asked, and the names of those that are benched.
pub fn standing(console: &Console) -> (usize, Vec<String>) {
    let loaded = console.host.reports().into_iter().filter(|report| report.enabled);
    let (benched, running): (Vec<_>, Vec<_>) =
        loaded.partition(|report| matches!(report.standing, Standing::Benched(_)));
    (running.len(), benched.into_iter().map(|report| report.name).collect())
}

/// How often each plugin has denied something, or failed.
pub fn denials(console: &Console) -> HashMap<String, u64> {
    let of = |report: &Report| report.done.iter().map(|done| done.denied + done.errors).sum();
    console.host.reports().into_iter().map(|report| (report.name.clone(), of(&report))).collect()
}

pub fn show(console: &Console, request: &request::Plugin) -> Result<PluginLine, Failure> {
    let found = console.host.reports().into_iter().find(|report| report.name == request.plugin);
    found.map(line).ok_or_else(|| missing(console, &request.plugin))
}

fn missing(console: &Console, name: &str) -> Failure {
    let known = console.host.reports().into_iter().map(|report| report.name).collect();
    Failure::not_found(format!("no plugin \"{name}\"")).suggest(near::nearest(name, known))
}

/// Switches a plugin on or off, now and after a restart.
pub async fn switch(console: &Console, request: request::Plugin, on: bool) -> Result<Switched, Failure> {
    let name = request.plugin;
    if console.host.reports().iter().all(|report| report.name != name) {
        return Err(missing(console, &name));
    }
    // Scripts are compiled on a thread of their own, and waited for here.
    let changed = tokio::task::block_in_place(|| console.host.switch(&name, on)).map_err(|flaws| wrong(&flaws))?;
    let kept = name.clone();
    console.chat.store().write(move |tx| Ok(tx.switch_plugin(&kept, on)?)).await.map_err(refused)?;
    Ok(Switched { plugin: name, enabled: on, changed })
}

pub fn reload(console: &Console) -> Result<PluginsReloaded, Failure> {
    let began = Instant::now();
    let plugins = tokio::task::block_in_place(|| console.host.reload()).map_err(|flaws| wrong(&flaws))?;
    Ok(PluginsReloaded { plugins, took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
}

fn wrong(flaws: &[Flaw]) -> Failure {
    let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    Failure::refused("INVALID", lines.join("\n")).hint("the plugins that run stay as they are")
}

pub async fn call(console: &Console, request: request::PluginCall, operator: &str) -> Result<PluginSaid, Failure> {
    let request::PluginCall { plugin, command, args } = request;
    if console.host.reports().iter().all(|report| report.name != plugin) {
        return Err(missing(console, &plugin));
    }
    let answer = console.host.command(&plugin, &command, args, operator).await.map_err(refused)?;
    Ok(PluginSaid { plugin, answer })
}

fn line(report: Report) -> PluginLine {
    let (state, benched_ms) = match (report.enabled, report.standing) {
        (false, _) => ("off", None),
        (true, Standing::Ready) => ("running", None),
        (true, Standing::Benched(left)) => ("benched", Some(left.as_millis() as u64)),
    };
    let slowest = |of: fn(&Done) -> Duration| report.done.iter().map(of).max().map(micros);
    PluginLine {
        state: state.into(),
        benched_ms,
        hooks: report.hooks.iter().map(|point: &Point| point.hook().to_owned()).collect(),
        calls: report.done.iter().map(|done| done.calls).sum(),
        errors: report.done.iter().map(|done| done.errors).sum(),
        p50_us: slowest(|done| done.median),
        p99_us: slowest(|done| done.p99),
        last_error: report.last_fault.map(|(at, message)| PluginError { at: at.to_string(), message }),
        stats: report.done.iter().map(hook).collect(),
        keys: report.keys,
        timers: report.timers,
        file: report.path.display().to_string(),
        name: report.name,
    }
}

fn hook(done: &Done) -> HookLine {
    HookLine {
        hook: done.point.hook().into(),
        calls: done.calls,
        errors: done.errors,
        denied: done.denied,
        total_ms: done.total.as_secs_f64() * 1e3,
        p50_us: micros(done.median),
        p99_us: micros(done.p99),
        max_us: micros(done.longest),
    }
}

fn micros(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e3
}
