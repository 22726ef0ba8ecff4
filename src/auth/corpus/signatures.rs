//! Signatures: every algorithm with its own key, and every way to take one for another.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::forge::{
    self, P256, P256_NEXT_PUB, P256_PUB, RSA, RSA_NEXT, RSA_PUB, SECRET, b64, claims, ed25519, good, hmac, hs256, p256,
    p256_next, p384, raw, rs256, rsa, with_signature,
};
use super::{Case, Door, Flaw, accepted, refused};

pub fn cases() -> Vec<Case> {
    [genuine(), confused(), elliptic(), others()].into_iter().flatten().collect()
}

fn genuine() -> Vec<Case> {
    use Algorithm::*;
    vec![
        accepted("HS256", Door::Every, good(hs256())),
        accepted("HS384", Door::Every, good(hmac(HS384, SECRET))),
        accepted("HS512", Door::Every, good(hmac(HS512, SECRET))),
        accepted("RS256", Door::Every, good(rs256())),
        accepted("RS384", Door::Every, good(rsa(RS384, RSA))),
        accepted("RS512", Door::Every, good(rsa(RS512, RSA))),
        accepted("PS256", Door::Every, good(rsa(PS256, RSA))),
        accepted("PS384", Door::Every, good(rsa(PS384, RSA))),
        accepted("PS512", Door::Every, good(rsa(PS512, RSA))),
        accepted("ES256", Door::Every, good(p256())),
        accepted("ES384", Door::Every, good(p384())),
        accepted("EdDSA", Door::Every, good(ed25519())),
    ]
}

/// The header names one algorithm, the signature was made with another, or with a public key as the secret.
fn confused() -> Vec<Case> {
    use Algorithm::*;
    let as_alg = |alg: &str, signer| raw(json!({"alg": alg}).to_string(), claims().to_string(), &signer);
    let wrong = |name, door, token: String| refused(name, door, token, Flaw::Signature);
    let der = pem::parse(RSA_PUB).unwrap().into_contents();
    let jwk = forge::rsa_jwk(RSA_PUB);
    let modulus = jwk["n"].as_str().unwrap();
    vec![
        wrong("HS256 with the public PEM as secret", Door::Mixed, good(hmac(HS256, RSA_PUB))),
        wrong("HS256 with the trimmed PEM as secret", Door::Mixed, good(hmac(HS256, RSA_PUB.trim_end()))),
        wrong("HS256 with the public DER as secret", Door::Mixed, good(hmac(HS256, &der))),
        wrong("HS256 with the modulus as secret", Door::Mixed, good(hmac(HS256, modulus))),
        wrong("HS256 with the JWK as secret", Door::Mixed, good(hmac(HS256, jwk.to_string()))),
        refused(
            "HS256 with the public PEM where RS256 is listed",
            Door::Rs256,
            good(hmac(HS256, RSA_PUB)),
            Flaw::Algorithm,
        ),
        refused(
            "HS256 with the public point where ES256 is listed",
            Door::Ec,
            good(hmac(HS256, P256_PUB)),
            Flaw::Algorithm,
        ),
        wrong("HS512 signed as HS256", Door::Every, as_alg("HS512", hs256())),
        wrong("HS256 signed as HS512", Door::Every, as_alg("HS256", hmac(HS512, SECRET))),
        wrong("RS256 signed as HS256", Door::Mixed, as_alg("RS256", hs256())),
        wrong("RS256 signed as RS512", Door::Every, as_alg("RS256", rsa(RS512, RSA))),
        wrong("RS256 signed as PS256", Door::Every, as_alg("RS256", rsa(PS256, RSA))),
        wrong("PS256 signed as RS256", Door::Every, as_alg("PS256", rs256())),
        refused("RS256 where PS256 is listed", Door::Ps256, good(rs256()), Flaw::Algorithm),
        accepted("PS256 where PS256 is listed", Door::Ps256, good(rsa(PS256, RSA))),
        wrong("PS256 signed as RS256 where PS256 is listed", Door::Ps256, as_alg("PS256", rs256())),
        wrong("ES256 signed as ES384", Door::Ec, as_alg("ES256", p384())),
        wrong("ES384 signed as ES256", Door::Ec, as_alg("ES384", p256())),
        wrong("EdDSA signed as ES256", Door::Every, as_alg("EdDSA", p256())),
        wrong("ES256 signed as EdDSA", Door::Every, as_alg("ES256", ed25519())),
    ]
}

fn elliptic() -> Vec<Case> {
    let es256 = || json!({"alg": "ES256"});
    let wrong = |name, signature: &[u8]| refused(name, Door::Ec, with_signature(es256(), signature), Flaw::Signature);
    // The order of P-256, which is zero to its group.
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let one = {
        let mut one = [0; 32];
        one[31] = 1;
        one
    };
    let mut own_curve_key = es256();
    own_curve_key["jwk"] = forge::p256_jwk(P256_NEXT_PUB);
    vec![
        refused("ES256 signature in DER", Door::Ec, der_signed(), Flaw::Signature),
        wrong("ES256 r and s zero", &[0; 64]),
        wrong("ES256 r zero", &[[0; 32], one].concat()),
        wrong("ES256 s zero", &[one, [0; 32]].concat()),
        wrong("ES256 r and s one", &[one, one].concat()),
        wrong("ES256 r and s the order", &[order, order].concat()),
        wrong("ES256 signature a byte short", &[1; 63]),
        wrong("ES256 signature a byte long", &[1; 65]),
        wrong("ES256 signature of one byte", &[0]),
        refused("ES256 with another key of the curve", Door::Ec, good(p256_next()), Flaw::Signature),
        refused(
            "ES256 with an embedded key of the curve",
            Door::Ec,
            raw(own_curve_key.to_string(), claims().to_string(), &p256_next()),
            Flaw::Signature,
        ),
    ]
}

/// A good ECDSA signature in the encoding that certificates use, where JWS wants r and s at fixed length.
fn der_signed() -> String {
    let message = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(claims().to_string()));
    let pkcs8 = pem::parse(P256).unwrap().into_contents();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).unwrap();
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", b64(signature))
}

fn others() -> Vec<Case> {
    let wrong = |name, token: String| refused(name, Door::Every, token, Flaw::Signature);
    let swapped = {
        let token = good(hs256());
        let (_, signature) = token.rsplit_once('.').unwrap();
        format!("{}.{}.{signature}", b64(r#"{"typ":"JWT","alg":"HS256"}"#), b64(r#"{"sub":"root"}"#))
    };
    vec![
        wrong("HS256 with another secret", good(hmac(Algorithm::HS256, "another-secret-of-more-than-32-bytes"))),
        wrong("HS256 with an empty secret", good(hmac(Algorithm::HS256, ""))),
        wrong("HS256 with a prefix of the secret", good(hmac(Algorithm::HS256, &SECRET[..32]))),
        wrong("HS256 with the secret and a newline", good(hmac(Algorithm::HS256, format!("{SECRET}\n")))),
        wrong("RS256 with another key", good(rsa(Algorithm::RS256, RSA_NEXT))),
        wrong("claims replaced under a good signature", swapped),
        wrong("HS256 signature of zeros", with_signature(json!({"alg": "HS256"}), &[0; 32])),
        wrong("HS256 signature of 16 bytes", with_signature(json!({"alg": "HS256"}), &[0; 16])),
        wrong("RS256 signature of zeros", with_signature(json!({"alg": "RS256"}), &[0; 256])),
        wrong("RS256 signature of one", with_signature(json!({"alg": "RS256"}), &[[0; 255].as_slice(), &[1]].concat())),
        wrong("RS256 signature of 512 bytes", with_signature(json!({"alg": "RS256"}), &[1; 512])),
        wrong("EdDSA signature of zeros", with_signature(json!({"alg": "EdDSA"}), &[0; 64])),
        wrong(
            "EdDSA with the identity as R",
            with_signature(json!({"alg": "EdDSA"}), &{
                let mut signature = [0; 64];
                signature[0] = 1;
                signature
            }),
        ),
    ]
}
