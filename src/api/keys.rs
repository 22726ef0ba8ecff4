//! The keys of the application's back end. Only their hashes are kept, and a key that comes is compared to all of them in
//! constant time.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::config::{Config, Key as Entry, Scope};
use crate::domain::error::{Code, Error};
use crate::wire::peer::{Address, Proxy};

/// A key that is shorter can be guessed.
const MIN_KEY_BYTES: usize = 32;
/// What stands before a hash.
const HASHED: &str = "sha256:";
const HASH_BYTES: usize = 32;
/// A file of keys that is larger is none.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Who asks.
#[derive(Debug)]
pub struct Key {
    pub name: String,
    hashes: Vec<[u8; HASH_BYTES]>,
    scopes: Vec<Scope>,
    networks: Vec<Proxy>,
}

#[derive(Debug, Default)]
pub struct Keyring(Vec<Arc<Key>>);

/// What is wrong with the keys, under the name of the key of the configuration that brings it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    pub key: &'static str,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<Entry>,
}

impl Keyring {
    /// # Errors
    /// Where the file cannot be read, or a key cannot be used.
    pub fn load(config: &Config) -> Result<Self, LoadError> {
        let mut keyring = Keyring::default();
        keyring.take(&config.keys, "keys")?;
        if let Some(path) = &config.keys_file {
            let entries = read(path).map_err(|message| LoadError { key: "keys_file", message })?;
            keyring.take(&entries, "keys_file")?;
        }
        if config.enabled && keyring.0.is_empty() {
            let message = "needs at least one key in `api.keys` or `api.keys_file`".to_owned();
            return Err(LoadError { key: "enabled", message });
        }
        Ok(keyring)
    }

    fn take(&mut self, entries: &[Entry], key: &'static str) -> Result<(), LoadError> {
        for entry in entries {
            let fail = |message: String| LoadError { key, message: format!("key \"{}\": {message}", entry.name) };
            if entry.name.is_empty() || entry.name.len() > 64 || entry.name.chars().any(char::is_control) {
                return Err(fail("its name must have 1 to 64 bytes without control characters".into()));
            }
            if self.0.iter().any(|known| known.name == entry.name) {
                return Err(fail("there is another one of this name".into()));
            }
            if entry.scopes.is_empty() {
                return Err(fail("needs a scope: \"read\", \"write\" or \"admin\"".into()));
            }
            if entry.key.is_empty() {
                return Err(fail("there is no `key`".into()));
            }
            let hashes = entry.key.iter().map(|key| hash_of(key)).collect::<Result<_, _>>().map_err(fail)?;
            let (scopes, networks) = (entry.scopes.clone(), entry.networks.clone());
            self.0.push(Arc::new(Key { name: entry.name.clone(), hashes, scopes, networks }));
        }
        Ok(())
    }

    /// Whose key `presented` is.
    pub fn find(&self, presented: &str) -> Option<Arc<Key>> {
        let hash = sha256(presented.as_bytes());
        let mut found = None;
        // All are compared, whichever it is.
        for key in &self.0 {
            for own in &key.hashes {
                if verify_slices_are_equal(own, &hash).is_ok() {
                    found = Some(Arc::clone(key));
                }
            }
        }
        found
    }
}

impl Key {
    /// # Errors
    /// `FORBIDDEN` where the key is not for this, or not from there.
    pub fn check(&self, scope: Scope, from: Address) -> Result<(), Error> {
        if !self.networks.is_empty() && !from.is_in(&self.networks) {
            return Err(Error::forbidden("this key is not taken from this address"));
        }
        // Who may do more may do less.
        if self.scopes.iter().any(|own| *own >= scope) {
            return Ok(());
        }
        Err(Error::forbidden(format!("this key has no scope \"{}\"", scope.as_str())))
    }
}

/// The error of a request without a key that counts.
pub fn unknown() -> Error {
    Error::new(Code::TokenInvalid, "no such API key")
}

pub fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let fail = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("{} is larger than a file of keys", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    // The parser's own message would quote the line, and a key with it.
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
        let hint = "expected tables [[keys]] with `name`, `key`, and if need be `scopes` and `networks`";
        format!("{}, line {line}: {hint}", path.display())
    })?;
    Ok(file.keys)
}

fn hash_of(key: &str) -> Result<[u8; HASH_BYTES], String> {
    let Some(digits) = key.strip_prefix(HASHED) else {
        return match key.len() >= MIN_KEY_BYTES {
            true => Ok(sha256(key.as_bytes())),
            false => Err(format!("it must have at least {MIN_KEY_BYTES} bytes (`openssl rand -hex 32` makes one)")),
        };
    };
    let nibble = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect();
    let hash = bytes.and_then(|bytes| <[u8; HASH_BYTES]>::try_from(bytes).ok());
    hash.ok_or_else(|| format!("behind `{HASHED}` stand 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(entries: &[(&str, &str, Vec<Scope>)]) -> Config {
        let entry = |(name, key, scopes): &(&str, &str, Vec<Scope>)| Entry {
            name: (*name).into(),
            key: vec![(*key).into()],
            scopes: scopes.clone(),
            networks: vec!["10.0.0.0/8".parse().unwrap()],
        };
        Config { enabled: true, keys: entries.iter().map(entry).collect(), ..Config::default() }
    }

    const PLAIN: &str = "0123456789abcdef0123456789abcdef";
    /// The SHA-256 of `PLAIN`, by sha256sum.
    const HASH: &str = "sha256:3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";

    #[test]
    fn a_key_is_found_by_itself_and_by_its_hash() {
        for key in [PLAIN, HASH, &HASH.to_uppercase().replacen("SHA256", "sha256", 1)] {
            let keyring = Keyring::load(&config(&[("one", key, vec![Scope::Read])])).unwrap();
            assert_eq!(keyring.find(PLAIN).unwrap().name, "one");
            assert!(keyring.find(HASH).is_none(), "the hash is no key");
            assert!(keyring.find("").is_none());
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let cases = [
            ("short", vec![Scope::Read]),
            ("sha256:12", vec![Scope::Read]),
            ("sha256:zz", vec![Scope::Read]),
            (PLAIN, vec![]),
        ];
        for (key, scopes) in cases {
            assert_eq!(Keyring::load(&config(&[("one", key, scopes)])).unwrap_err().key, "keys", "{key}");
        }
        let twice = config(&[("one", PLAIN, vec![Scope::Read]), ("one", PLAIN, vec![Scope::Read])]);
        assert!(Keyring::load(&twice).is_err());
        assert_eq!(Keyring::load(&config(&[])).unwrap_err().key, "enabled");
        assert!(Keyring::load(&Config::default()).is_ok(), "what is off needs no key");
    }

    #[test]
    fn a_key_is_held_to_scope_and_network() {
        let keyring = Keyring::load(&config(&[("one", PLAIN, vec![Scope::Write])])).unwrap();
        let key = keyring.find(PLAIN).unwrap();
        let from = |ip: &str| Address::Ip(ip.parse().unwrap());
        assert!(key.check(Scope::Read, from("10.1.2.3")).is_ok());
        assert!(key.check(Scope::Write, from("::ffff:10.1.2.3")).is_ok());
        assert_eq!(key.check(Scope::Admin, from("10.1.2.3")).unwrap_err().code, Code::Forbidden);
        assert_eq!(key.check(Scope::Read, from("11.1.2.3")).unwrap_err().code, Code::Forbidden);
        assert_eq!(key.check(Scope::Read, Address::Unix).unwrap_err().code, Code::Forbidden);
    }
}
