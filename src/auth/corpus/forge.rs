//! Makes tokens of every shape, well-formed or not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::NOW;

pub const SECRET: &str = "corpus-secret-of-more-than-32-bytes";

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/keys/", $name))
    };
}

pub const RSA: &str = fixture!("rsa.pem");
pub const RSA_PUB: &str = fixture!("rsa.pub.pem");
pub const RSA_NEXT: &str = fixture!("rsa-next.pem");
pub const RSA_NEXT_PUB: &str = fixture!("rsa-next.pub.pem");
pub const P256: &str = fixture!("p256.pem");
pub const P256_PUB: &str = fixture!("p256.pub.pem");
pub const P256_NEXT: &str = fixture!("p256-next.pem");
pub const P256_NEXT_PUB: &str = fixture!("p256-next.pub.pem");
pub const P384: &str = fixture!("p384.pem");
pub const P384_PUB: &str = fixture!("p384.pub.pem");
pub const ED: &str = fixture!("ed25519.pem");
pub const ED_PUB: &str = fixture!("ed25519.pub.pem");

/// A key and the algorithm to sign with, whatever the header says.
pub struct Signer {
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

pub fn hmac(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Signer {
    Signer { algorithm, key: EncodingKey::from_secret(secret.as_ref()) }
}

pub fn hs256() -> Signer {
    hmac(Algorithm::HS256, SECRET)
}

pub fn rsa(algorithm: Algorithm, pem: &str) -> Signer {
    Signer { algorithm, key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap() }
}

pub fn rs256() -> Signer {
    rsa(Algorithm::RS256, RSA)
}

pub fn p256() -> Signer {
    Signer { algorithm: Algorithm::ES256, key: EncodingKey::from_ec_pem(P256.as_bytes()).unwrap() }
}

pub fn p256_next() -> Signer {
    Signer { algorithm: Algorithm::ES256, key: EncodingKey::from_ec_pem(P256_NEXT.as_bytes()).unwrap() }
}

pub fn p384() -> Signer {
    Signer { algorithm: Algorithm::ES384, key: EncodingKey::from_ec_pem(P384.as_bytes()).unwrap() }
}

pub fn ed25519() -> Signer {
    Signer { algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_pem(ED.as_bytes()).unwrap() }
}

pub fn b64(content: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(content)
}

/// Signs header and payload just as they are given.
pub fn raw(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, signer: &Signer) -> String {
    sealed(format!("{}.{}", b64(header), b64(payload)), signer)
}

/// Appends a signature over a message that need not be base64url.
pub fn sealed(message: String, signer: &Signer) -> String {
    let signature = crypto::sign(message.as_bytes(), &signer.key, signer.algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Appends the given bytes as the signature.
pub fn with_signature(header: Value, signature: &[u8]) -> String {
    format!("{}.{}.{}", b64(header.to_string()), b64(claims().to_string()), b64(signature))
}

pub fn claims() -> Value {
    json!({"sub": "ada", "exp": NOW + 3600})
}

/// A token to which nothing can be objected.
pub fn good(signer: Signer) -> String {
    raw(json!({"typ": "JWT", "alg": format!("{:?}", signer.algorithm)}).to_string(), claims().to_string(), &signer)
}

/// HS256 with a header of one's own.
pub fn with_header(header: Value) -> String {
    raw(header.to_string(), claims().to_string(), &hs256())
}

/// HS256 with one more member in the header.
pub fn with_member(name: &str, value: Value) -> String {
    let mut header = json!({"alg": "HS256"});
    header[name] = value;
    with_header(header)
}

/// HS256 with claims of one's own.
pub fn with_claims(claims: Value) -> String {
    raw(r#"{"alg":"HS256"}"#, claims.to_string(), &hs256())
}

/// HS256 with claims as text, for JSON that `serde_json` does not write.
pub fn with_claims_text(claims: &str) -> String {
    raw(r#"{"alg":"HS256"}"#, claims, &hs256())
}

/// Good claims under a key's name.
pub fn with_kid(signer: Signer, kid: Value) -> String {
    let header = json!({"alg": format!("{:?}", signer.algorithm), "kid": kid});
    raw(header.to_string(), claims().to_string(), &signer)
}

/// The modulus of a 2048-bit key with exponent 65537, from the fixed layout of its SubjectPublicKeyInfo.
pub fn rsa_jwk(pem: &str) -> Value {
    let der = pem::parse(pem).unwrap().into_contents();
    let modulus = &der[der.len() - 5 - 256..der.len() - 5];
    json!({"kty": "RSA", "n": b64(modulus), "e": "AQAB"})
}

/// The coordinates of a P-256 key: the last 64 bytes of its SubjectPublicKeyInfo.
pub fn p256_jwk(pem: &str) -> Value {
    let der = pem::parse(pem).unwrap().into_contents();
    let (x, y) = der[der.len() - 64..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)})
}
