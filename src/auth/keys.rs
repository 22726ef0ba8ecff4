//! One verification key: what it is, whom it answers for, and whether a signature is its own.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};

/// Shorter HMAC secrets can be guessed offline from one token (RFC 8725, section 3.5), so they are refused.
pub const MIN_SECRET_BYTES: usize = 32;
/// RFC 7518, section 3.3, asks for 2048 bits; over 8192 one verification costs too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The kinds of key. A key is made of one kind and never turns into another, so a public key cannot serve as a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    pub fn fits(self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        match self {
            Kind::Secret => matches!(algorithm, HS256 | HS384 | HS512),
            Kind::Rsa => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Kind::P256 => algorithm == ES256,
            Kind::P384 => algorithm == ES384,
            Kind::Ed25519 => algorithm == EdDSA,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Secret => "a shared secret (for HS256, HS384 or HS512)",
            Kind::Rsa => "an RSA key (for RS256 to RS512 or PS256 to PS512)",
            Kind::P256 => "a P-256 key (for ES256)",
            Kind::P384 => "a P-384 key (for ES384)",
            Kind::Ed25519 => "an Ed25519 key (for EdDSA)",
        })
    }
}

/// Why something is no key that tokens may be verified with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("the secret has {0} bytes, at least {MIN_SECRET_BYTES} are needed (openssl rand -hex 32 makes one)")]
    ShortSecret(usize),
    #[error("the RSA key has {0} bits, {min} to {max} are accepted", min = RSA_BITS.start(), max = RSA_BITS.end())]
    RsaSize(usize),
    #[error("the RSA key has an unusable exponent")]
    RsaExponent,
    #[error("not a point of its elliptic curve")]
    EcPoint,
    #[error("an Ed25519 key has 32 bytes")]
    Ed25519,
}

/// A key with its name and its bounds. `DecodingKey` masks itself in `Debug` and wipes its memory when dropped.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<String>,
    /// The one algorithm that this key may be used with, where its source says so.
    only: Option<Algorithm>,
    kind: Kind,
    material: DecodingKey,
}

impl Key {
    pub fn secret(secret: &[u8]) -> Result<Self, BadKey> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(BadKey::ShortSecret(secret.len()));
        }
        Ok(Key::new(Kind::Secret, DecodingKey::from_secret(secret)))
    }

    /// Takes the modulus and the exponent as big-endian numbers; leading zeros are left out.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        let (modulus, exponent) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(BadKey::RsaSize(bits));
        }
        // 1 would make every message its own signature, and an even one is no RSA exponent.
        if exponent == [1] || exponent.len() > 8 || exponent.last().is_none_or(|last| last % 2 == 0) {
            return Err(BadKey::RsaExponent);
        }
        Ok(Key::new(Kind::Rsa, DecodingKey::from_rsa_raw_components(modulus, exponent)))
    }

    /// Takes an uncompressed point: `04`, then both coordinates.
    pub fn p256(point: &[u8]) -> Result<Self, BadKey> {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| BadKey::EcPoint)?;
        Ok(Key::new(Kind::P256, DecodingKey::from_ec_der(point)))
    }

    /// Takes an uncompressed point: `04`, then both coordinates.
    pub fn p384(point: &[u8]) -> Result<Self, BadKey> {
        ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).map_err(|_| BadKey::EcPoint)?;
        Ok(Key::new(Kind::P384, DecodingKey::from_ec_der(point)))
    }

    pub fn ed25519(key: &[u8]) -> Result<Self, BadKey> {
        if key.len() != 32 {
            return Err(BadKey::Ed25519);
        }
        Ok(Key::new(Kind::Ed25519, DecodingKey::from_ed_der(key)))
    }

    fn new(kind: Kind, material: DecodingKey) -> Self {
        Key { kid: None, only: None, kind, material }
    }

    pub fn named(self, kid: Option<String>) -> Self {
        Key { kid, ..self }
    }

    pub fn only_for(self, only: Option<Algorithm>) -> Self {
        Key { only, ..self }
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind.fits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether this key may be tried for a token that names the key `kid`. A key without a name may be any.
    pub fn answers_to(&self, kid: Option<&str>) -> bool {
        self.kid.is_none() || kid.is_none() || self.kid.as_deref() == kid
    }

    /// Whether this key made `signature` (base64url) over `message` with `algorithm`. What cannot be read is no signature.
    pub fn made(&self, signature: &str, message: &[u8], algorithm: Algorithm) -> bool {
        self.fits(algorithm) && crypto::verify(signature, message, &self.material, algorithm).unwrap_or(false)
    }

    /// The same key for signing, which only a shared secret can do.
    pub fn signing(&self) -> Option<EncodingKey> {
        match self.kind {
            Kind::Secret => self.material.try_get_as_bytes().ok().map(EncodingKey::from_secret),
            Kind::Rsa | Kind::P256 | Kind::P384 | Kind::Ed25519 => None,
        }
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_broken_keys_are_refused() {
        assert_eq!(Key::secret(&[7; 31]).err(), Some(BadKey::ShortSecret(31)));
        assert_eq!(Key::secret(b"").err(), Some(BadKey::ShortSecret(0)));
        let mut weak = vec![0; 256];
        weak.extend([0xff; 128]);
        assert_eq!(Key::rsa(&weak, &[1, 0, 1]).err(), Some(BadKey::RsaSize(1024)));
        assert_eq!(Key::rsa(&[], &[1, 0, 1]).err(), Some(BadKey::RsaSize(0)));
        for exponent in [&[][..], &[0], &[1], &[0, 1], &[4], &[1; 9]] {
            assert_eq!(Key::rsa(&[0xff; 256], exponent).err(), Some(BadKey::RsaExponent), "{exponent:?}");
        }
        assert_eq!(Key::p256(&[4; 65]).err(), Some(BadKey::EcPoint));
        assert_eq!(Key::p384(&[4; 65]).err(), Some(BadKey::EcPoint));
        assert_eq!(Key::ed25519(&[1; 31]).err(), Some(BadKey::Ed25519));
    }

    #[test]
    fn no_kind_of_key_fits_the_algorithms_of_another() {
        use Algorithm::*;
        let all = [HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
        for algorithm in all {
            let fitting = [Kind::Secret, Kind::Rsa, Kind::P256, Kind::P384, Kind::Ed25519]
                .into_iter()
                .filter(|kind| kind.fits(algorithm))
                .count();
            assert_eq!(fitting, 1, "{algorithm:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = Key::secret(b"0123456789abcdef0123456789abcdef").unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains("0123") && !shown.contains("48, 49"), "{shown}");
    }
}
