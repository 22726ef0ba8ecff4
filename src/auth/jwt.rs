//! The compact form of a signed token (RFC 7515, RFC 7519), checked as RFC 8725 advises.
//!
//! Nothing of the payload is looked at before the signature is good, and the header chooses only among what the
//! configuration allows: keys that it brings along or points to (`jwk`, `jku`, `x5u`, `x5c`) are never used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::identity::{Flaw, Refusal};
use super::json;
use super::keys::Key;

/// Longer tokens are refused before any of their bytes is decoded.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token that is well-formed and of an accepted algorithm; its signature is not checked yet.
pub struct Unverified<'a> {
    /// Header and payload as they were signed.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// What a set of keys says about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One of the keys made the signature.
    Genuine,
    /// A key was there to try, and the signature is not its own.
    Forged,
    /// No key is there to try.
    Unknown,
}

impl<'a> Unverified<'a> {
    pub fn parse(token: &'a str, accepted: &[Algorithm]) -> Result<Self, Refusal> {
        if token.is_empty() {
            return Err(Refusal::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Flaw::TooLong.into());
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Flaw::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Flaw::Malformed)?;
        // Four dots make the five parts of an encrypted token.
        if payload.matches('.').count() == 2 {
            return Err(Flaw::Encrypted.into());
        }
        if payload.contains('.') || header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Flaw::Malformed.into());
        }
        let header = json_part(header).ok_or(Flaw::Header)?;
        let algorithm = check_header(&header, accepted)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Flaw::KeyName.into()),
        };
        Ok(Unverified { message, payload, signature, algorithm, kid })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a key of exactly the name that the token gives is among `keys`.
    pub fn names_one_of(&self, keys: &[Key]) -> bool {
        self.kid.is_some() && keys.iter().any(|key| key.kid() == self.kid.as_deref())
    }

    /// Tries the keys that fit; each was bound to its algorithms when it was loaded.
    pub fn verdict(&self, keys: &[Key]) -> Verdict {
        let mut verdict = Verdict::Unknown;
        for key in keys.iter().filter(|key| key.fits(self.algorithm) && key.answers_to(self.kid.as_deref())) {
            if key.made(self.signature, self.message.as_bytes(), self.algorithm) {
                return Verdict::Genuine;
            }
            verdict = Verdict::Forged;
        }
        verdict
    }

    /// The claims, to be read once the signature is known to be good.
    pub fn claims(&self) -> Result<Map<String, Value>, Flaw> {
        json_part(self.payload).ok_or(Flaw::Claims)
    }
}

fn json_part(part: &str) -> Option<Map<String, Value>> {
    let text = URL_SAFE_NO_PAD.decode(part).ok()?;
    json::object(&text).ok()
}

fn check_header(header: &Map<String, Value>, accepted: &[Algorithm]) -> Result<Algorithm, Flaw> {
    if header.contains_key("enc") || header.contains_key("zip") {
        return Err(Flaw::Encrypted);
    }
    // No extension is understood here, so none may be critical (RFC 7515, section 4.1.11).
    if header.contains_key("crit") {
        return Err(Flaw::Critical);
    }
    if header.get("b64").is_some_and(|encoded| *encoded != Value::Bool(true)) {
        return Err(Flaw::Unencoded);
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(kind)) if is_token_type(kind) => {}
        Some(_) => return Err(Flaw::Type),
    }
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
    algorithm.filter(|algorithm| accepted.contains(algorithm)).ok_or(Flaw::Algorithm)
}

/// A media type may be written with or without `application/` (RFC 7515, section 4.1.9), in any case.
fn is_token_type(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
}
