//! JSON Web Key Sets (RFC 7517): the keys of a set that tokens may be verified with.
//!
//! A set serves more readers than this one, so a key of no use here is skipped, and the caller logs why. Only a set that
//! cannot be read as a whole is an error.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json;
use super::keys::{BadKey, Key};

/// Every key without a `kid` is tried for a token, so their number bounds what one token can cost.
pub const MAX_KEYS: usize = 100;

/// Where a set comes from: a shared secret that a URL hands to anyone who asks is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    File,
    Url,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    #[error("not a JSON object, or one with repeated members")]
    NotJson,
    #[error("has no list \"keys\"")]
    NoKeys,
    #[error("has more than {MAX_KEYS} keys")]
    TooMany,
}

/// Why a key of a set is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("not an object")]
    NotAnObject,
    #[error("its use is not sig")]
    Use,
    #[error("its key_ops do not include verify")]
    Operations,
    #[error("unsupported kty or crv")]
    Kind,
    #[error("unsupported alg")]
    Algorithm,
    #[error("its alg does not fit its kind")]
    AlgorithmMismatch,
    #[error("a shared secret is accepted from a file only")]
    SecretFromUrl,
    #[error("{0} is missing or not base64url")]
    Member(&'static str),
    #[error("kid is not a string")]
    KeyName,
    #[error(transparent)]
    BadKey(#[from] BadKey),
}

/// A key that was left out, by its `kid` or else its place in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub key: String,
    pub reason: Unusable,
}

#[derive(Debug, Default)]
pub struct KeySet {
    pub keys: Vec<Key>,
    pub skipped: Vec<Skipped>,
}

pub fn parse(text: &[u8], origin: Origin) -> Result<KeySet, JwksError> {
    let set = json::object(text).map_err(|_| JwksError::NotJson)?;
    let Some(Value::Array(members)) = set.get("keys") else { return Err(JwksError::NoKeys) };
    if members.len() > MAX_KEYS {
        return Err(JwksError::TooMany);
    }
    let mut keys = KeySet::default();
    for (index, member) in members.iter().enumerate() {
        match key(member, origin) {
            Ok(key) => keys.keys.push(key),
            Err(reason) => {
                let name = member.get("kid").and_then(Value::as_str).map_or_else(|| format!("#{index}"), str::to_owned);
                keys.skipped.push(Skipped { key: name, reason });
            }
        }
    }
    Ok(keys)
}

fn key(member: &Value, origin: Origin) -> Result<Key, Unusable> {
    let jwk = member.as_object().ok_or(Unusable::NotAnObject)?;
    if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::Use);
    }
    let verifies = |operations: &Value| operations.as_array().is_some_and(|list| list.iter().any(|op| op == "verify"));
    if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err(Unusable::Operations);
    }
    let text = |member| jwk.get(member).and_then(Value::as_str);
    let key = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => Key::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?)?,
        (Some("EC"), Some("P-256")) => Key::p256(&point(jwk, 32)?)?,
        (Some("EC"), Some("P-384")) => Key::p384(&point(jwk, 48)?)?,
        (Some("OKP"), Some("Ed25519")) => Key::ed25519(&bytes(jwk, "x")?)?,
        (Some("oct"), _) if origin == Origin::Url => return Err(Unusable::SecretFromUrl),
        (Some("oct"), _) => Key::secret(&bytes(jwk, "k")?)?,
        _ => return Err(Unusable::Kind),
    };
    let only = match jwk.get("alg") {
        None => None,
        // RFC 9864 gives EdDSA with this curve a name of its own; tokens still say EdDSA.
        Some(Value::String(name)) if name == "Ed25519" => Some(Algorithm::EdDSA),
        Some(Value::String(name)) => Some(name.parse().map_err(|_| Unusable::Algorithm)?),
        Some(_) => return Err(Unusable::Algorithm),
    };
    if only.is_some_and(|only| !key.kind().fits(only)) {
        return Err(Unusable::AlgorithmMismatch);
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(Unusable::KeyName),
    };
    Ok(key.named(kid).only_for(only))
}

fn bytes(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, Unusable> {
    let text = jwk.get(member).and_then(Value::as_str).ok_or(Unusable::Member(member))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Member(member))
}

/// The uncompressed point of two coordinates of exactly `size` bytes each (RFC 7518, section 6.2.1.2).
fn point(jwk: &Map<String, Value>, size: usize) -> Result<Vec<u8>, Unusable> {
    let mut point = vec![4];
    for member in ["x", "y"] {
        let coordinate = bytes(jwk, member)?;
        if coordinate.len() != size {
            return Err(BadKey::EcPoint.into());
        }
        point.extend(coordinate);
    }
    Ok(point)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::keys::Kind;

    // RFC 7517, appendix A.1, and RFC 8037, appendix A.2.
    fn ec() -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn ed() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn with(mut jwk: Value, member: &str, value: Value) -> Value {
        jwk[member] = value;
        jwk
    }

    fn read(jwk: Value, origin: Origin) -> Result<Key, Unusable> {
        key(&jwk, origin)
    }

    #[test]
    fn keys_keep_their_name_and_their_algorithm() {
        let key = read(with(ec(), "alg", json!("ES256")), Origin::Url).unwrap();
        assert_eq!((key.kind(), key.kid()), (Kind::P256, Some("1")));
        assert_eq!(read(with(ed(), "alg", json!("Ed25519")), Origin::Url).unwrap().kind(), Kind::Ed25519);
        let secret = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([9; 32]), "alg": "HS512"});
        let key = read(secret.clone(), Origin::File).unwrap();
        assert!(key.fits(Algorithm::HS512) && !key.fits(Algorithm::HS256));
        assert_eq!(read(secret, Origin::Url).err(), Some(Unusable::SecretFromUrl));
    }

    #[test]
    fn a_key_of_no_use_says_why() {
        let weak = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"});
        let short = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([9; 31])});
        for (jwk, reason) in [
            (json!("key"), Unusable::NotAnObject),
            (json!({"kty": "new"}), Unusable::Kind),
            (json!({}), Unusable::Kind),
            (with(ec(), "use", json!("enc")), Unusable::Use),
            (with(ec(), "use", json!(null)), Unusable::Use),
            (with(ec(), "key_ops", json!(["sign"])), Unusable::Operations),
            (with(ec(), "alg", json!("ES512")), Unusable::Algorithm),
            (with(ec(), "alg", json!("none")), Unusable::Algorithm),
            (with(ec(), "alg", json!(1)), Unusable::Algorithm),
            (with(ec(), "alg", json!("HS256")), Unusable::AlgorithmMismatch),
            (with(ec(), "alg", json!("ES384")), Unusable::AlgorithmMismatch),
            (with(ec(), "crv", json!("P-521")), Unusable::Kind),
            (with(ec(), "crv", json!("P-384")), Unusable::BadKey(BadKey::EcPoint)),
            (with(ec(), "x", ec()["y"].clone()), Unusable::BadKey(BadKey::EcPoint)),
            (with(ec(), "x", json!(1)), Unusable::Member("x")),
            (with(ec(), "y", json!("a+/=")), Unusable::Member("y")),
            (with(ec(), "kid", json!(7)), Unusable::KeyName),
            (weak, Unusable::BadKey(BadKey::RsaSize(1024))),
            (short, Unusable::BadKey(BadKey::ShortSecret(31))),
        ] {
            assert_eq!(read(jwk.clone(), Origin::File).err(), Some(reason), "{jwk}");
        }
    }

    #[test]
    fn a_set_keeps_what_is_usable() {
        let set = json!({"keys": [ec(), {"kty": "new", "kid": "later"}, 5, ed()], "more": 1}).to_string();
        let set = parse(set.as_bytes(), Origin::Url).unwrap();
        assert_eq!(set.keys.len(), 2);
        let skipped: Vec<_> = set.skipped.iter().map(|skipped| skipped.key.as_str()).collect();
        assert_eq!(skipped, ["later", "#2"]);

        for (text, error) in [
            ("nothing", JwksError::NotJson),
            ("[]", JwksError::NotJson),
            (r#"{"keys":[],"keys":[]}"#, JwksError::NotJson),
            ("{}", JwksError::NoKeys),
            (r#"{"keys":{}}"#, JwksError::NoKeys),
        ] {
            assert_eq!(parse(text.as_bytes(), Origin::File).err(), Some(error), "{text}");
        }
        let many = json!({"keys": vec![json!({}); MAX_KEYS + 1]}).to_string();
        assert_eq!(parse(many.as_bytes(), Origin::Url).err(), Some(JwksError::TooMany));
    }
}
