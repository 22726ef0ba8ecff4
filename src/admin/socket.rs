//! Where the admin socket lies, for the daemon that makes it and the client that looks for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The socket's name in the run-time directory.
pub const NAME: &str = "admin.sock";

/// The run-time directory of an installed daemon, which its unit names in `$RUNTIME_DIRECTORY`.
const INSTALLED: &str = "/run/chatd";

/// The run-time directory of a daemon that is started now: `$RUNTIME_DIRECTORY`, else `$XDG_RUNTIME_DIR/chatd`, else a
/// private directory in `/tmp`.
pub fn runtime_dir() -> PathBuf {
    let named = |name: &str| std::env::var_os(name);
    from_systemd(&named).or_else(|| of_session(&named)).unwrap_or_else(private)
}

/// Where a client looks for the socket, in this order, if nobody says otherwise.
pub fn candidates() -> Vec<PathBuf> {
    let named = |name: &str| std::env::var_os(name);
    let found = [from_systemd(&named), Some(INSTALLED.into()), of_session(&named), Some(private())];
    let mut paths: Vec<PathBuf> = found.into_iter().flatten().map(|directory| directory.join(NAME)).collect();
    paths.dedup();
    paths
}

/// Whether others could have put a socket of theirs there: only in `/tmp`, where anybody makes any name.
pub fn is_private(directory: &Path) -> bool {
    directory == private()
}

/// The user that this process acts as.
pub fn own_uid() -> u32 {
    // SAFETY: it takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

fn from_systemd(named: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // Several directories stand between colons; the first is ours.
    let directories = named("RUNTIME_DIRECTORY").filter(|value| !value.is_empty())?;
    std::env::split_paths(&directories).next()
}

fn of_session(named: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let base = named("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())?;
    Some(base.join("chatd"))
}

fn private() -> PathBuf {
    PathBuf::from(format!("/tmp/chatd-{}", own_uid()))
}
