//! From `[auth]` to keys: reads every configured source and reports all that is wrong at once.

use std::fmt;
use std::path::{Path, PathBuf};

use jsonwebtoken::Algorithm;

use super::config::Config;
use super::generated;
use super::jwks::{self, Origin};
use super::keys::{Key, Kind};
use super::pem;
use super::remote;

/// Something wrong with a key of `[auth]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name within `[auth]`, such as `secret_file`.
    pub key: &'static str,
    pub message: String,
}

/// Everything that keeps `[auth]` from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    pub problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { key, message }) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}auth.{key}: {message}")?;
        }
        Ok(())
    }
}

/// What the configuration amounts to.
#[derive(Debug, Default)]
pub struct Sources {
    pub algorithms: Vec<Algorithm>,
    pub keys: Vec<Key>,
    pub url: Option<reqwest::Url>,
    /// The file of the generated secret, where that is used because no key is configured.
    pub generated: Option<PathBuf>,
}

/// Reads the sources. Without a state directory nothing is written: the generated secret is then left out.
pub fn read(config: &Config, state_dir: Option<&Path>) -> Result<Sources, LoadError> {
    let mut reader = Reader::default();
    reader.algorithms(&config.algorithms);
    reader.secrets(config);
    reader.public_keys(config);
    reader.url(config);
    if config.user_claim.is_empty() {
        reader.problem("user_claim", "must name a claim");
    }
    reader.algorithms_without_key(config);
    if reader.problems.is_empty() && has_no_key(config) {
        reader.generated(state_dir);
    }
    if reader.problems.is_empty() { Ok(reader.found) } else { Err(LoadError { problems: reader.problems }) }
}

/// Whether no key is configured at all.
pub fn has_no_key(config: &Config) -> bool {
    config.secret.is_none()
        && config.secret_file.is_none()
        && config.public_key_file.is_none()
        && config.jwks_file.is_none()
        && config.jwks_url.is_none()
}

#[derive(Default)]
struct Reader {
    found: Sources,
    problems: Vec<Problem>,
    /// Whether every listed algorithm is known; else it cannot be said which keys are of use.
    algorithms_known: bool,
}

impl Reader {
    fn problem(&mut self, key: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { key, message: message.into() });
    }

    fn lists(&self, kind: Kind) -> bool {
        self.found.algorithms.iter().any(|algorithm| kind.fits(*algorithm))
    }

    fn algorithms(&mut self, names: &[String]) {
        self.algorithms_known = true;
        if names.is_empty() {
            self.algorithms_known = false;
            self.problem("algorithms", "at least one is needed, such as \"HS256\"");
        }
        for name in names {
            match name.parse() {
                Ok(algorithm) if self.found.algorithms.contains(&algorithm) => {}
                Ok(algorithm) => self.found.algorithms.push(algorithm),
                Err(_) => {
                    self.algorithms_known = false;
                    let known = "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
                    self.problem("algorithms", format!("{name:?} is unknown; known are {known}"));
                }
            }
        }
    }

    fn secrets(&mut self, config: &Config) {
        if let Some(secret) = &config.secret {
            self.add("secret", "", Key::secret(secret.as_bytes()));
        }
        if let Some(path) = &config.secret_file
            && let Some(text) = self.file("secret_file", path)
        {
            self.add("secret_file", &format!("{}: ", path.display()), Key::secret(text.trim_ascii_end()));
        }
    }

    fn public_keys(&mut self, config: &Config) {
        if let Some(path) = &config.public_key_file
            && let Some(text) = self.file("public_key_file", path)
        {
            let file = format!("{}: ", path.display());
            match pem::public_keys(&text) {
                Ok(keys) => {
                    keys.into_iter().for_each(|key| self.add("public_key_file", &file, Ok::<_, pem::PemError>(key)))
                }
                Err(error) => self.problem("public_key_file", format!("{file}{error}")),
            }
        }
        if let Some(path) = &config.jwks_file
            && let Some(text) = self.file("jwks_file", path)
        {
            match jwks::parse(&text, Origin::File) {
                Ok(set) => self.add_set(path, set),
                Err(error) => self.problem("jwks_file", format!("{}: {error}", path.display())),
            }
        }
    }

    /// Takes one key, unless no listed algorithm could ever use it: its owner expects otherwise.
    fn add<E: fmt::Display>(&mut self, source: &'static str, prefix: &str, key: Result<Key, E>) {
        match key {
            Ok(key) if self.algorithms_known && !self.lists(key.kind()) => {
                self.problem(source, format!("{prefix}{}, which none of the listed algorithms can use", key.kind()));
            }
            Ok(key) => self.found.keys.push(key),
            Err(error) => self.problem(source, format!("{prefix}{error}")),
        }
    }

    /// Takes a key set. It is often published for several readers, so one key of use is enough.
    fn add_set(&mut self, path: &Path, set: jwks::KeySet) {
        for skipped in &set.skipped {
            tracing::warn!(jwks.file = %path.display(), jwks.key = %skipped.key, reason = %skipped.reason, "key skipped");
        }
        let usable = |key: &Key| self.found.algorithms.iter().any(|algorithm| key.fits(*algorithm));
        if self.algorithms_known && !set.keys.iter().any(usable) {
            self.problem("jwks_file", format!("{}: no key that the listed algorithms can use", path.display()));
        }
        self.found.keys.extend(set.keys);
    }

    fn url(&mut self, config: &Config) {
        let Some(text) = &config.jwks_url else { return };
        match remote::permitted(text) {
            Ok(url) => self.found.url = Some(url),
            Err(error) => self.problem("jwks_url", error.to_string()),
        }
        let public = self.found.algorithms.iter().any(|algorithm| !Kind::Secret.fits(*algorithm));
        if self.algorithms_known && !public {
            self.problem(
                "jwks_url",
                "none of the listed algorithms uses a public key; list what the issuer signs with, such as \"RS256\"",
            );
        }
    }

    fn generated(&mut self, state_dir: Option<&Path>) {
        let Some(state_dir) = state_dir else { return };
        match generated::load_or_create(state_dir) {
            Ok(key) => {
                self.found.keys.push(key);
                self.found.generated = Some(generated::path(state_dir));
            }
            Err(error) => self.problem("secret", format!("the generated secret cannot be used: {error}")),
        }
    }

    /// Reports each listed algorithm whose tokens could never verify. Where a source failed, its keys are unknown, and the
    /// failure is what should be read.
    fn algorithms_without_key(&mut self, config: &Config) {
        let failed = |key: &str| self.problems.iter().any(|problem| problem.key == key);
        let secret_failed = failed("secret") || failed("secret_file") || failed("jwks_file");
        let secret_to_come = has_no_key(config);
        let public_failed = failed("public_key_file") || failed("jwks_file");
        let mut missing = Vec::new();
        for algorithm in &self.found.algorithms {
            let shared = Kind::Secret.fits(*algorithm);
            let unknown =
                if shared { secret_failed || secret_to_come } else { public_failed || config.jwks_url.is_some() };
            if !unknown && !self.found.keys.iter().any(|key| key.fits(*algorithm)) {
                let remedy = if shared { "secret or secret_file" } else { "public_key_file, jwks_file or jwks_url" };
                missing.push(format!(
                    "{algorithm:?} is listed, but no key fits it: set {remedy}, or take it off the list"
                ));
            }
        }
        missing.into_iter().for_each(|message| self.problem("algorithms", message));
    }

    fn file(&mut self, key: &'static str, path: &Path) -> Option<Vec<u8>> {
        match std::fs::read(path) {
            Ok(content) => Some(content),
            Err(error) => {
                self.problem(key, format!("{}: {error}", path.display()));
                None
            }
        }
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
