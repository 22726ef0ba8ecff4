//! `chatctl config` and `chatctl reload`.

use std::path::PathBuf;

use clap::{Args as Arguments, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;

use super::client::decode;
use super::error::Error;
use super::format::{clean, counted, millis};
use super::output::Tint;
use super::table::Table;
use super::{Desk, beside, complete};
use crate::admin::answer::{Change, Configuration, Diff, Reloaded, Setting};
use crate::admin::protocol::{self, Failure};
use crate::admin::request::Nothing;

/// Read the configuration again and apply what can be applied; where it is wrong, nothing changes
#[derive(Debug, Arguments)]
pub struct ReloadArgs {
    /// Only say what a reload would do
    #[arg(long)]
    dry_run: bool,
}

/// The configuration: what is in force, what the files say, whether they hold
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The effective configuration, secrets masked, with where each value came from
    Show {
        /// Only keys that begin with this, such as `limits`
        prefix: Option<String>,
        /// Only what differs from the defaults
        #[arg(long)]
        changed: bool,
    },
    /// Check files without a daemon: exit status 1 where they do not hold
    Check {
        /// [default: the file that chatd would read]
        file: Option<PathBuf>,
    },
    /// What a reload would change, and what would need a restart
    Diff,
    /// The value of one key, as TOML
    Get {
        /// Such as limits.burst
        #[arg(add = ArgValueCompleter::new(complete::keys))]
        key: String,
    },
    /// Every key with what it takes, its default, and whether a reload takes it
    Keys,
    /// A JSON Schema by which editors complete and check the file; needs no daemon
    Schema,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::Show { prefix, changed } => show(desk, prefix.as_deref(), changed),
        Command::Check { file } => {
            let file = file.iter().flat_map(|file| ["--config".into(), file.clone().into_os_string()]);
            beside::run(std::iter::once("--check".into()).chain(file))
        }
        Command::Diff => diff(desk),
        Command::Get { key } => get(desk, &key),
        Command::Keys => list_keys(desk),
        Command::Schema => beside::run(["--print-schema"]),
    }
}

fn fetch(desk: &Desk) -> Result<Configuration, Error> {
    desk.connect()?.call(&protocol::Command::ConfigShow(Nothing {}))
}

fn show(desk: &Desk, prefix: Option<&str>, changed: bool) -> Result<(), Error> {
    let Configuration { source, mut settings } = fetch(desk)?;
    settings.retain(|setting| prefix.is_none_or(|prefix| is_below(&setting.key, prefix)));
    settings.retain(|setting| !changed || !setting.origin.starts_with("default"));
    if let (true, Some(prefix)) = (settings.is_empty(), prefix) {
        return Err(Error::Nothing(format!("no key begins with `{prefix}`")));
    }
    if desk.output.json {
        desk.output.document(&json!({ "source": source, "settings": settings }));
        return Ok(());
    }
    let out = &desk.output;
    out.note(&source);
    let mut table = Table::new(&["KEY", "VALUE", "FROM"], &[]);
    for Setting { key, value, origin, .. } in settings {
        table.row([key, value.map_or_else(|| "not set".into(), |value| clean(&value)), origin]);
    }
    out.table(&table);
    Ok(())
}

/// Whether `key` is `prefix` or lies in the section of that name.
fn is_below(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || prefix.ends_with('.'))
}

fn get(desk: &Desk, key: &str) -> Result<(), Error> {
    let settings = fetch(desk)?.settings;
    let Some(setting) = settings.iter().find(|setting| setting.key == key) else {
        let failure = Failure::not_found(format!("there is no key `{key}`"));
        return Err(Error::Refused(failure.hint("chatctl config keys lists them")));
    };
    match (&setting.value, desk.output.json) {
        (_, true) => desk.output.document(&json!(setting)),
        (Some(value), false) => desk.output.line(value),
        (None, false) => return Err(Error::Nothing(format!("`{key}` is not set, and has no default"))),
    }
    Ok(())
}

fn list_keys(desk: &Desk) -> Result<(), Error> {
    let settings = fetch(desk)?.settings;
    if desk.output.json {
        let keys: Vec<_> = settings
            .iter()
            .map(|s| json!({ "key": s.key, "kind": s.kind, "default": s.default, "reloadable": s.reloadable }))
            .collect();
        desk.output.document(&json!(keys));
        return Ok(());
    }
    let mut table = Table::new(&["KEY", "TAKES", "DEFAULT", "ON RELOAD"], &[]);
    for Setting { key, kind, default, reloadable, .. } in settings {
        let taken = if reloadable { "taken" } else { "needs a restart" };
        table.row([key, kind, default.unwrap_or_else(|| "none".into()), taken.into()]);
    }
    desk.output.table(&table);
    Ok(())
}

fn diff(desk: &Desk) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::ConfigDiff(Nothing {}))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Diff { reload, restart } = decode(answer)?;
    if reload.is_empty() && restart.is_empty() {
        desk.output.done("the files say what is in force");
        return Ok(());
    }
    for change in &reload {
        desk.output.line(&format!("{} {}", desk.output.tint(Tint::Good, "~"), shown(change)));
    }
    for change in &restart {
        desk.output.warning(&format!("{} (needs a restart)", shown(change)));
    }
    if !reload.is_empty() {
        desk.output.next("chatctl reload");
    }
    Ok(())
}

pub fn reload(desk: &Desk, args: &ReloadArgs) -> Result<(), Error> {
    if args.dry_run {
        return diff(desk);
    }
    let answer = desk.connect()?.ask(&protocol::Command::Reload(Nothing {})).inspect_err(|error| {
        if matches!(error, Error::Refused(failure) if failure.data.kind == "INVALID") && !desk.output.json {
            desk.output.note("not applied: what was in force stays in force");
        }
    })?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Reloaded { took_ms, applied, needs_restart } = decode(answer)?;
    let what = match applied.len() {
        0 => "nothing changed".to_owned(),
        1 => shown(&applied[0]),
        count => format!("{} changed", counted(count, "key")),
    };
    desk.output.done(&format!("applied in {}: {what}", millis(took_ms as f64)));
    if applied.len() > 1 {
        for change in &applied {
            desk.output.line(&format!("  {}", shown(change)));
        }
    }
    for change in &needs_restart {
        desk.output.warning(&format!("needs a restart: {}", shown(change)));
    }
    Ok(())
}

fn shown(change: &Change) -> String {
    format!("{} {} → {}", change.key, clean(&change.old), clean(&change.new))
}
