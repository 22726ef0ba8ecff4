//! Where the daemon keeps what outlives it: the database and its generated secret.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::config::Config;

#[derive(Debug, thiserror::Error)]
#[error("there is no place for the state: set `server.state_dir`, $STATE_DIRECTORY or $HOME")]
pub struct NoStateDir;

/// `server.state_dir`, else `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/chatd`, else `~/.local/state/chatd`.
pub fn state_dir(config: &Config) -> Result<PathBuf, NoStateDir> {
    resolve(config.server.state_dir.as_deref(), |name| std::env::var_os(name))
}

/// Makes the directory where it does not exist yet, open to the daemon's user alone.
pub fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn resolve(configured: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoStateDir> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = configured {
        return Ok(directory.to_path_buf());
    }
    // systemd names several directories between colons where the unit asks for several; the first is ours.
    if let Some(directories) = variable("STATE_DIRECTORY").filter(|value| !value.is_empty()) {
        return std::env::split_paths(&directories).next().ok_or(NoStateDir);
    }
    // The XDG specification wants a relative path ignored.
    let base = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| set("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("chatd")).ok_or(NoStateDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(configured: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        resolve(configured.map(Path::new), variable).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn the_configured_directory_comes_first_then_systemd_then_xdg_then_home() {
        let all = [("STATE_DIRECTORY", "/var/lib/chatd:/x"), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/ada")];
        assert_eq!(resolved(Some("/srv"), &all).as_deref(), Some("/srv"));
        assert_eq!(resolved(None, &all).as_deref(), Some("/var/lib/chatd"));
        assert_eq!(resolved(None, &all[1..]).as_deref(), Some("/xdg/chatd"));
        assert_eq!(resolved(None, &all[2..]).as_deref(), Some("/home/ada/.local/state/chatd"));
        assert_eq!(
            resolved(None, &[("XDG_STATE_HOME", "rel"), ("HOME", "/h")]).as_deref(),
            Some("/h/.local/state/chatd")
        );
        assert_eq!(resolved(None, &[("HOME", "")]), None);
    }

    #[test]
    fn a_new_state_directory_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let base = std::env::temp_dir().join(format!("chatd-state-{}", std::process::id()));
        create(&base.join("deep")).unwrap();
        let mode = std::fs::metadata(base.join("deep")).unwrap().permissions().mode();
        std::fs::remove_dir_all(&base).unwrap();
        assert_eq!(mode & 0o777, 0o700);
    }
}
