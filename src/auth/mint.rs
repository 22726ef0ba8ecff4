//! Makes tokens with the shared secret, for operators, newcomers and tests. It is no login service: with public keys
//! alone chatd can verify and never sign.

use std::path::Path;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

use super::config::Config;
use super::sources::{self, LoadError, Sources};
use crate::domain::id::UserId;
use crate::domain::time::Time;
use crate::domain::units::Span;

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Claims {
    pub user: UserId,
    pub name: Option<String>,
    pub roles: Vec<String>,
    pub ttl: Span,
    /// Further claims, of any name that is not made from the fields above.
    pub extra: Map<String, Value>,
}

#[derive(Debug, thiserror::Error)]
pub enum MintError {
    #[error(transparent)]
    Config(#[from] LoadError),
    #[error(
        "chatd holds no signing key: [auth] configures public keys only, so tokens must come from the login service that has the private key"
    )]
    CannotSign,
    #[error("claim {0} is set by chatd and cannot be given")]
    Reserved(String),
    #[error("[auth] required_claims asks for {0}, which the token would lack: give it with --claim {0}=VALUE")]
    LacksRequired(String),
    #[error("expected a claim as NAME=VALUE")]
    NotAClaim,
    #[error("the token must live for at least a second and end before the year 10000")]
    Ttl,
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// Reads `name=value`. A value that reads as JSON is taken as that, anything else as text; quote digits to keep them text:
/// `zip='"8000"'`.
pub fn claim(text: &str) -> Result<(String, Value), MintError> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(MintError::NotAClaim)?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// Signs a token that a verifier of the same configuration accepts.
pub fn mint(config: &Config, state_dir: &Path, claims: Claims) -> Result<String, MintError> {
    let sources = sources::read(config, Some(state_dir))?;
    let (algorithm, key, kid) = signing_key(&sources).ok_or(MintError::CannotSign)?;
    let claims = fill(config, claims, Time::now())?;
    let header = Header { kid, ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, &claims, &key).map_err(MintError::Sign)
}

/// Says why no token could be minted; writes nothing.
pub fn check(config: &Config) -> Result<(), MintError> {
    let sources = sources::read(config, None)?;
    // Where nothing is configured, a secret is made at the start.
    if !sources::has_no_key(config) && signing_key(&sources).is_none() {
        return Err(MintError::CannotSign);
    }
    let claims = Claims {
        user: UserId::stored("anybody"),
        name: Some("Anybody".into()),
        roles: Vec::new(),
        ttl: Span::secs(1),
        extra: Map::new(),
    };
    fill(config, claims, Time::now()).map(drop)
}

/// The first listed algorithm for which there is a shared secret.
fn signing_key(sources: &Sources) -> Option<(Algorithm, EncodingKey, Option<String>)> {
    sources.algorithms.iter().find_map(|algorithm| {
        let key = sources.keys.iter().find(|key| key.fits(*algorithm) && key.signing().is_some())?;
        Some((*algorithm, key.signing()?, key.kid().map(str::to_owned)))
    })
}

fn fill(config: &Config, claims: Claims, now: Time) -> Result<Map<String, Value>, MintError> {
    let lifetime = i64::try_from(claims.ttl.0.as_secs()).map_err(|_| MintError::Ttl)?;
    let issued = now.0 / 1000;
    let expires =
        issued.checked_add(lifetime).filter(|at| lifetime > 0 && *at <= 253_402_300_799).ok_or(MintError::Ttl)?;

    let mut filled = Map::new();
    filled.insert(config.user_claim.clone(), claims.user.as_str().into());
    filled.insert("iat".into(), issued.into());
    filled.insert("exp".into(), expires.into());
    // With an id of its own, this token can be revoked and the user's others stay.
    filled.insert("jti".into(), uuid::Uuid::new_v4().to_string().into());
    let optional = [
        ("iss", config.issuer.clone().map(Value::from)),
        ("aud", config.audience.clone().map(Value::from)),
        (config.name_claim.as_str(), claims.name.map(Value::from)),
        (config.roles_claim.as_str(), Some(claims.roles).filter(|roles| !roles.is_empty()).map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            filled.insert(name.to_owned(), value);
        }
    }
    for (name, value) in claims.extra {
        if filled.contains_key(&name) {
            return Err(MintError::Reserved(name));
        }
        filled.insert(name, value);
    }
    match config.required_claims.iter().find(|name| filled.get(*name).is_none_or(Value::is_null)) {
        Some(lacking) => Err(MintError::LacksRequired(lacking.clone())),
        None => Ok(filled),
    }
}

#[cfg(test)]
#[path = "mint_tests.rs"]
mod tests;
