//! `chatctl plugin`. What needs no daemon is done by the `chatd` beside this program.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as Arguments, Subcommand};
use serde_json::Value;

use super::client::decode;
use super::complete;
use super::error::Error;
use super::fields::Fields;
use super::format::{ago, clean, count};
use super::output::Tint;
use super::table::Table;
use super::user::report;
use super::{Desk, beside};
use crate::admin::answer::{PluginLine, PluginSaid, Plugins, PluginsReloaded, Switched};
use crate::admin::protocol;
use crate::admin::request::{self, Nothing};

/// Plugins: what they do, and the tools to write them
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  chatctl plugin new hello --dir /etc/chatd/plugins
  chatctl plugin check hello.rhai && chatctl plugin test hello.rhai
  chatctl plugin replay hello.rhai --last 24h
  chatctl plugin enable hello")]
pub enum Command {
    /// Every plugin there is: state, hooks, calls, errors, times
    #[command(visible_alias = "ls")]
    List,
    /// One plugin, hook by hook
    Show(Name),
    /// Load a plugin, now and after a restart, whatever `plugins.enabled` lists
    Enable(Name),
    /// Leave a plugin out, now and after a restart
    Disable(Name),
    /// Load all plugins anew; where one is wrong, those that run stay
    Reload,
    /// Have a plugin's on_admin answer a command of its own
    Call(Call),
    /// Check scripts: what does not compile, and calls of functions that there are not
    Check {
        /// Scripts or directories; none are those of the configuration
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Run the tests NAME.test.rhai of scripts or directories: exit status 1 where one fails
    Test {
        /// Test files, scripts with a test beside them, or directories [default: .]
        files: Vec<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Run one hook of a script, and print its verdict
    Run(Run),
    Replay(Replay),
    /// Write a plugin to begin with, and its test
    New {
        /// The name of its script
        name: String,
        /// Where to
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Write a definition file for editors that know the language
    Definitions {
        /// Where to write them
        dir: PathBuf,
    },
}

#[derive(Debug, Arguments)]
pub struct Name {
    /// Which, by the name of its script
    #[arg(add = clap_complete::ArgValueCompleter::new(complete::plugins))]
    plugin: String,
}

#[derive(Debug, Arguments)]
pub struct Call {
    /// Which, by the name of its script
    #[arg(add = clap_complete::ArgValueCompleter::new(complete::plugins))]
    plugin: String,
    /// As its `on_command` knows it
    command: String,
    /// What comes behind the command
    args: Vec<String>,
}

/// Where the plugin's table stands.
#[derive(Debug, Arguments)]
pub struct Place {
    /// The configuration that has the plugin's table
    #[arg(long, value_name = "FILE")]
    config: Option<OsString>,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl plugin run links.rhai --input '\"see http://example.com\"'
  chatctl plugin run links.rhai --hook on_edit --input '{\"message\": {\"content\": \"x\"}, \"user\": {\"id\": \"ann\"}}'")]
pub struct Run {
    /// The script
    file: PathBuf,
    /// Which hook
    #[arg(long, value_name = "NAME", default_value = "on_message")]
    hook: String,
    /// Its arguments as JSON: an object of them by name, an array, or the first one; `-` reads standard input
    #[arg(long, value_name = "JSON", default_value = "null")]
    input: String,
    #[command(flatten)]
    place: Place,
}

/// Ask a script about messages that are stored, and count its verdicts
///
/// Changes and sends nothing: the database is only read, beside the daemon.
#[derive(Debug, Arguments)]
pub struct Replay {
    /// The script
    file: PathBuf,
    /// Messages of this time until now
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    last: String,
    /// At most so many of them, the oldest first
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    place: Place,
    /// The state directory with the database
    #[arg(long, value_name = "DIR")]
    state_dir: Option<OsString>,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::List => list(desk),
        Command::Show(name) => show(desk, name.plugin),
        Command::Enable(name) => switch(desk, name.plugin, true),
        Command::Disable(name) => switch(desk, name.plugin, false),
        Command::Reload => reload(desk),
        Command::Call(call) => self::call(desk, call),
        Command::Check { files, place } => tool(desk, "check", place, files.into_iter().map(Into::into)),
        Command::Test { files, place } => tool(desk, "test", place, files.into_iter().map(Into::into)),
        Command::Run(Run { file, hook, input, place }) => {
            let rest: [OsString; 5] = [file.into(), "--hook".into(), hook.into(), "--input".into(), input.into()];
            tool(desk, "run", place, rest)
        }
        Command::Replay(args) => replay(desk, args),
        Command::New { name, dir } => {
            let rest: [OsString; 3] = [name.into(), "--dir".into(), dir.into()];
            tool(desk, "new", Place { config: None }, rest)
        }
        Command::Definitions { dir } => tool(desk, "definitions", Place { config: None }, [dir.into()]),
    }
}

/// Has `chatd plugin` do it.
fn tool(desk: &Desk, name: &str, place: Place, rest: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let mut arguments: Vec<OsString> = vec!["plugin".into(), name.into()];
    if let Some(config) = place.config {
        arguments.extend(["--config".into(), config]);
    }
    if desk.output.json {
        arguments.push("--json".into());
    }
    // A script's name may begin with a dash.
    let (flags, files): (Vec<_>, Vec<_>) = split(rest);
    arguments.extend(flags);
    if !files.is_empty() {
        arguments.push("--".into());
        arguments.extend(files);
    }
    beside::run(arguments)
}

/// Flags with their values, and what stands by itself.
fn split(rest: impl IntoIterator<Item = OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let (mut flags, mut files, mut rest) = (Vec::new(), Vec::new(), rest.into_iter());
    while let Some(argument) = rest.next() {
        if argument.as_encoded_bytes().starts_with(b"--") {
            let mut joined = argument;
            joined.push("=");
            joined.push(rest.next().unwrap_or_default());
            flags.push(joined);
        } else {
            files.push(argument);
        }
    }
    (flags, files)
}

fn replay(desk: &Desk, args: Replay) -> Result<(), Error> {
    let Replay { file, last, limit, place, state_dir } = args;
    let mut rest: Vec<OsString> = vec![file.into(), "--last".into(), last.into()];
    if let Some(limit) = limit {
        rest.extend(["--limit".into(), limit.to_string().into()]);
    }
    if let Some(directory) = state_dir {
        rest.extend(["--state-dir".into(), directory]);
    }
    tool(desk, "replay", place, rest)
}

fn list(desk: &Desk) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::PluginList(Nothing {}))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Plugins { plugins } = decode(answer)?;
    if plugins.is_empty() {
        return Err(Error::Nothing("there are no plugins".into()));
    }
    let mut table = Table::new(&["PLUGIN", "STATE", "HOOKS", "CALLS", "ERRORS", "P50", "P99"], &[3, 4, 5, 6]);
    for plugin in plugins {
        let hooks = if plugin.hooks.is_empty() { "-".into() } else { plugin.hooks.join(", ") };
        let (p50, p99) = (micros(plugin.p50_us), micros(plugin.p99_us));
        table.row([clean(&plugin.name), state(&plugin), hooks, count(plugin.calls), count(plugin.errors), p50, p99]);
    }
    desk.output.table(&table);
    Ok(())
}

/// In words.
pub fn state(plugin: &PluginLine) -> String {
    match plugin.benched_ms {
        Some(left) => format!("benched for {} s", left.div_ceil(1_000)),
        None => plugin.state.clone(),
    }
}

pub fn micros(micros: Option<f64>) -> String {
    match micros {
        None => "-".into(),
        Some(micros) if micros < 1_000.0 => format!("{micros:.1} µs"),
        Some(micros) => format!("{:.1} ms", micros / 1_000.0),
    }
}

fn show(desk: &Desk, plugin: String) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::PluginShow(request::Plugin { plugin }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let plugin: PluginLine = decode(answer)?;
    desk.output.line(&desk.output.tint(Tint::Strong, &clean(&plugin.name)));
    let mut fields = Fields::new(&desk.output);
    fields.row("state", state(&plugin));
    fields.row("file", clean(&plugin.file));
    fields.row("hooks", if plugin.hooks.is_empty() { "-".into() } else { plugin.hooks.join(", ") });
    if plugin.state != "off" {
        fields.row("keys", count(plugin.keys));
        fields.row("timers", if plugin.timers.is_empty() { "-".into() } else { clean(&plugin.timers.join(", ")) });
    }
    if let Some(error) = &plugin.last_error {
        fields.row("last error", format!("{} ({})", clean(&error.message), ago(&error.at)));
    }
    if !plugin.stats.is_empty() {
        let mut table = Table::new(&["HOOK", "CALLS", "DENIED", "ERRORS", "P50", "P99", "MAX"], &[1, 2, 3, 4, 5, 6]);
        for hook in plugin.stats {
            let [p50, p99, max] = [hook.p50_us, hook.p99_us, hook.max_us].map(|time| micros(Some(time)));
            table.row([hook.hook, count(hook.calls), count(hook.denied), count(hook.errors), p50, p99, max]);
        }
        desk.output.line("");
        desk.output.table(&table);
    }
    Ok(())
}

fn switch(desk: &Desk, plugin: String, on: bool) -> Result<(), Error> {
    let named = request::Plugin { plugin };
    let command = if on { protocol::Command::PluginEnable(named) } else { protocol::Command::PluginDisable(named) };
    let answer = desk.connect()?.ask(&command)?;
    report(desk, answer, |Switched { plugin, enabled, changed }| match (enabled, changed) {
        (true, true) => format!("{plugin} runs"),
        (true, false) => format!("{plugin} ran already"),
        (false, true) => format!("{plugin} is off"),
        (false, false) => format!("{plugin} was off already"),
    })
}

fn reload(desk: &Desk) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::PluginReload(Nothing {}))?;
    report(desk, answer, |PluginsReloaded { plugins, took_ms }| match plugins.len() {
        0 => format!("no plugin is enabled ({took_ms} ms)"),
        _ => format!("loaded in {took_ms} ms: {}", plugins.join(", ")),
    })
}

fn call(desk: &Desk, call: Call) -> Result<(), Error> {
    let Call { plugin, command, args } = call;
    let answer = desk.connect()?.ask(&protocol::Command::PluginCall(request::PluginCall { plugin, command, args }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let PluginSaid { answer, .. } = decode(answer)?;
    match answer {
        Value::Null => desk.output.done("it has nothing to say"),
        Value::String(text) => desk.output.line(&clean(&text)),
        other => desk.output.document(&other),
    }
    Ok(())
}
