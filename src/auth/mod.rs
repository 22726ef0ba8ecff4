//! Turns a token into an identity, or says why not.
//!
//! | file | in one sentence |
//! |---|---|
//! | `config` | the keys of `[auth]` |
//! | `sources`, `pem`, `jwks`, `generated` | from the configuration to keys |
//! | `keys` | one key: what it fits, what it signed |
//! | `remote` | the key set behind a URL |
//! | `jwt`, `json`, `claims` | form and signature, strict JSON, and what the claims must say |
//! | `identity` | what comes out |
//! | `mint` | makes tokens, for operators and tests |
//!
//! Tokens, claims and secrets appear in no log line.

mod claims;
pub mod config;
mod generated;
mod identity;
mod json;
mod jwks;
mod jwt;
mod keys;
pub mod mint;
mod pem;
mod remote;
mod sources;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod scratch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonwebtoken::Algorithm;

pub use self::identity::{Flaw, Identity, Refusal};
pub use self::sources::{LoadError, Problem};

use self::claims::Rules;
use self::config::Config;
use self::jwt::{Unverified, Verdict};
use self::keys::{Key, Kind};
use self::remote::{Newer, Remote};
use self::sources::Sources;
use crate::domain::time::Time;

/// Verifies tokens by one configuration. A reload makes a new one.
pub struct Verifier {
    rules: Rules,
    algorithms: Vec<Algorithm>,
    keys: Vec<Key>,
    remote: Option<Arc<Remote>>,
    generated: Option<PathBuf>,
}

impl Verifier {
    /// Says what is wrong with `[auth]`; writes nothing and fetches nothing.
    pub fn check(config: &Config) -> Result<(), LoadError> {
        sources::read(config, None).map(drop)
    }

    /// Reads every key that is configured; where none is, makes a secret in `state_dir`, which must exist. On a reload,
    /// the key set that `previous` has fetched stays in use where the URL is the same.
    ///
    /// Within a Tokio runtime, a new `jwks_url` is fetched at once in the background, else with the first token.
    pub fn load(config: &Config, state_dir: &Path, previous: Option<&Verifier>) -> Result<Verifier, LoadError> {
        let mut sources = sources::read(config, Some(state_dir))?;
        let remote = match sources.url.take() {
            None => None,
            Some(url) => Some(match previous.and_then(|verifier| verifier.remote.clone()) {
                Some(remote) if *remote.url() == url => remote,
                _ => Arc::new(Remote::new(url).map_err(|error| LoadError {
                    problems: vec![Problem {
                        key: "jwks_url",
                        message: format!("no HTTPS client can be made: {error}"),
                    }],
                })?),
            }),
        };
        if let Some(remote) = &remote {
            remote.prefetch();
        }
        Ok(Verifier::assemble(config, sources, remote))
    }

    fn assemble(config: &Config, sources: Sources, remote: Option<Arc<Remote>>) -> Verifier {
        Verifier {
            rules: Rules::new(config),
            algorithms: sources.algorithms,
            keys: sources.keys,
            remote,
            generated: sources.generated,
        }
    }

    /// The file of the secret that chatd made for itself, where no key is configured.
    pub fn uses_generated_secret(&self) -> Option<&Path> {
        self.generated.as_deref()
    }

    /// Verifies one token. Waits only for a key set that has not arrived, or that lacks the key that the token names, for
    /// at most five seconds.
    pub async fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        self.verify_at(token, Time::now()).await
    }

    async fn verify_at(&self, token: &str, now: Time) -> Result<Identity, Refusal> {
        let token = Unverified::parse(token, &self.algorithms)?;
        match self.verdict(&token).await? {
            Verdict::Genuine => self.rules.identify(token.claims()?, now),
            Verdict::Forged => Err(Flaw::Signature.into()),
            Verdict::Unknown => Err(Flaw::UnknownKey.into()),
        }
    }

    async fn verdict(&self, token: &Unverified<'_>) -> Result<Verdict, Refusal> {
        let local = token.verdict(&self.keys);
        let remote = match &self.remote {
            // A URL never brings shared secrets, so tokens signed with one do not concern it.
            Some(remote) if local != Verdict::Genuine && !Kind::Secret.fits(token.algorithm()) => remote,
            _ => return Ok(local),
        };
        let keys = remote.keys().await.ok_or(Refusal::KeysUnavailable)?;
        let fetched = token.verdict(&keys);
        if fetched == Verdict::Genuine || token.names_one_of(&keys) || token.names_one_of(&self.keys) {
            return Ok(fetched);
        }
        match remote.newer_than(&keys).await {
            Newer::Set(newer) => Ok(token.verdict(&newer)),
            Newer::None => Ok(fetched),
            Newer::Unreachable => Err(Refusal::KeysUnavailable),
        }
    }
}
