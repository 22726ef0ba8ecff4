//! The secret that chatd makes for itself where no key is configured, so that a first start needs no set-up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::keys::{BadKey, Key};

const FILE_NAME: &str = "jwt.secret";

/// Why the generated secret cannot be used. Nothing is repaired: whoever changed the file should know of it.
#[derive(Debug, thiserror::Error)]
pub enum GeneratedError {
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("{path} is not a regular file", path = .0.display())]
    NotAFile(PathBuf),
    #[error("{path} may be read or written by others (mode {mode:04o}); run: chmod 600 {path}", path = .0.display(), mode = .1)]
    Exposed(PathBuf, u32),
    #[error("{path}: {bad}; remove it and a new one is made", path = .0.display(), bad = .1)]
    Unusable(PathBuf, #[source] BadKey),
}

/// Where the secret lies in a state directory.
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE_NAME)
}

/// Reads the secret of `state_dir`, and makes it first where there is none.
pub fn load_or_create(state_dir: &Path) -> Result<Key, GeneratedError> {
    let path = path(state_dir);
    let failed = |error| GeneratedError::Io(path.clone(), error);
    match fs::symlink_metadata(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(state_dir, &path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    }
    let about = fs::symlink_metadata(&path).map_err(failed)?;
    if !about.is_file() {
        return Err(GeneratedError::NotAFile(path));
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(GeneratedError::Exposed(path, mode));
    }
    let text = fs::read(&path).map_err(failed)?;
    Key::secret(text.trim_ascii_end()).map_err(|bad| GeneratedError::Unusable(path, bad))
}

/// Writes the secret beside its place and links it there. So no reader ever sees half of it, and of two processes that
/// start at once the second finds the first one's secret instead of replacing it.
fn create(state_dir: &Path, path: &Path) -> io::Result<()> {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| io::Error::other("the system gave no random numbers"))?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();

    let draft = state_dir.join(format!("{FILE_NAME}.{}", uuid::Uuid::new_v4()));
    let written = write_new(&draft, &hex).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // The draft goes in every case; what matters is whether the secret is in place.
    let removed = fs::remove_file(&draft);
    written?;
    removed?;
    File::open(state_dir)?.sync_all()
}

fn write_new(path: &Path, hex: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{hex}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scratch::Scratch;

    #[test]
    fn the_secret_is_made_once_for_the_owner_alone() {
        let dir = Scratch::new();
        load_or_create(dir.path()).unwrap();
        let file = path(dir.path());
        let first = fs::read_to_string(&file).unwrap();
        assert_eq!(first.trim_end().len(), 64);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);

        load_or_create(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), first);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the draft is gone");
    }

    #[test]
    fn starts_at_the_same_time_agree_on_one_secret() {
        let dir = Scratch::new();
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create(dir.path()).unwrap())).collect();
            let signatures: Vec<_> = starts
                .into_iter()
                .map(|start| {
                    let key = start.join().unwrap().signing().unwrap();
                    jsonwebtoken::crypto::sign(b"message", &key, jsonwebtoken::Algorithm::HS256).unwrap()
                })
                .collect();
            assert!(signatures.iter().all(|signature| *signature == signatures[0]));
        });
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_cut_is_refused() {
        let dir = Scratch::new();
        load_or_create(dir.path()).unwrap();
        let file = path(dir.path());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create(dir.path()).unwrap_err();
        assert!(matches!(error, GeneratedError::Exposed(_, 0o640)), "{error}");
        assert!(error.to_string().contains("mode 0640"), "{error}");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "short\n").unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(GeneratedError::Unusable(_, BadKey::ShortSecret(5)))));

        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(GeneratedError::NotAFile(_))));
        assert!(matches!(load_or_create(&dir.path().join("absent")), Err(GeneratedError::Io(..))));
    }
}
