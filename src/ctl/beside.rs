//! The `chatd` beside this program, for what works without a daemon that runs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::error::Error;

/// Runs `chatd` with these arguments; what it says reaches the terminal as it is.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<(), Error> {
    let mut command = Command::new(program());
    command.args(arguments.into_iter().map(Into::into)).stdin(Stdio::inherit());
    let ended = command.status().map_err(|error| Error::Failed {
        message: format!("cannot run {}: {error}", command.get_program().to_string_lossy()),
        hint: Some("this needs the `chatd` program, in the same directory as chatctl or in $PATH".into()),
    })?;
    match ended.code() {
        Some(0) => Ok(()),
        // A configuration that does not hold is a refusal like any other.
        Some(2) => Err(Error::Said(2)),
        _ => Err(Error::Said(1)),
    }
}

fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("chatd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| "chatd".into())
}
