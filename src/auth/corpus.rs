//! A corpus of good and hostile tokens, with RFC 8725 as the checklist: what each must come to, at which door.
//!
//! Tokens are made at run time with the keys of `tests/fixtures/keys`. A new attack becomes a line in one of the tables.

mod claims;
pub mod forge;
mod form;
mod headers;
mod signatures;

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::config::Config;
use super::identity::{Flaw, Refusal};
use super::scratch::Scratch;
use super::{Identity, Verifier};
use crate::domain::time::Time;

/// The moment at which all tokens of the corpus are verified, in seconds.
const NOW: i64 = 1_800_000_000;
const LEEWAY: i64 = 30;

/// A configuration that a token is shown to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Door {
    /// Every algorithm and a key for each, none with a `kid`.
    Every,
    /// HS256, and every check of the claims that can be configured.
    Strict,
    /// HS256 and RS256 with a key each: the door for confusing the two.
    Mixed,
    /// RS256 alone.
    Rs256,
    /// PS256 alone.
    Ps256,
    /// ES256 and ES384 with a key each.
    Ec,
    /// A key set with names: two RSA keys, one of them for RS256 only, and keys that must not be used.
    Named,
    /// The user is named by the claim `uid`.
    Uid,
}

struct Case {
    name: &'static str,
    door: Door,
    token: String,
    expected: Result<&'static str, Refusal>,
}

fn accepted(name: &'static str, door: Door, token: String) -> Case {
    Case { name, door, token, expected: Ok("ada") }
}

fn refused(name: &'static str, door: Door, token: String, refusal: impl Into<Refusal>) -> Case {
    Case { name, door, token, expected: Err(refusal.into()) }
}

fn config(door: Door, scratch: &Scratch) -> Config {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let secret = Some(forge::SECRET.to_owned());
    let pem = |name: &str, content: &str| Some(scratch.file(name, content));
    match door {
        Door::Every => Config {
            algorithms: names(&[
                "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
                "EdDSA",
            ]),
            secret,
            public_key_file: pem(
                "every.pem",
                &[forge::RSA_PUB, forge::P256_PUB, forge::P384_PUB, forge::ED_PUB].concat(),
            ),
            ..Config::default()
        },
        Door::Strict => Config {
            secret,
            issuer: Some("https://login.example".into()),
            audience: Some("chat".into()),
            required_claims: names(&["exp", "tenant"]),
            ..Config::default()
        },
        Door::Mixed => Config {
            algorithms: names(&["HS256", "RS256"]),
            secret,
            public_key_file: pem("mixed.pem", forge::RSA_PUB),
            ..Config::default()
        },
        Door::Rs256 | Door::Ps256 => Config {
            algorithms: names(&[if door == Door::Rs256 { "RS256" } else { "PS256" }]),
            public_key_file: pem("rsa.pem", forge::RSA_PUB),
            ..Config::default()
        },
        Door::Ec => Config {
            algorithms: names(&["ES256", "ES384"]),
            public_key_file: pem("ec.pem", &[forge::P256_PUB, forge::P384_PUB].concat()),
            ..Config::default()
        },
        Door::Named => Config {
            algorithms: names(&["RS256", "PS256", "ES256", "HS256"]),
            jwks_file: Some(scratch.file("named.json", &key_set().to_string())),
            ..Config::default()
        },
        Door::Uid => Config { secret, user_claim: "uid".into(), ..Config::default() },
    }
}

fn key_set() -> Value {
    let mut old = forge::rsa_jwk(forge::RSA_PUB);
    old["kid"] = json!("old");
    let mut new = forge::rsa_jwk(forge::RSA_NEXT_PUB);
    (new["kid"], new["alg"], new["use"]) = (json!("new"), json!("RS256"), json!("sig"));
    let mut sealed = forge::p256_jwk(forge::P256_PUB);
    (sealed["kid"], sealed["use"]) = (json!("sealed"), json!("enc"));
    let mut weak = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xc1; 128]), "e": "AQAB"});
    weak["kid"] = json!("weak");
    let ec = forge::p256_jwk(forge::P256_NEXT_PUB);
    let shared = json!({"kty": "oct", "kid": "shared", "k": URL_SAFE_NO_PAD.encode(forge::SECRET)});
    json!({"keys": [old, new, sealed, weak, ec, shared, {"kty": "unheard-of"}]})
}

fn cases() -> Vec<Case> {
    [form::cases(), headers::cases(), signatures::cases(), claims::cases()].into_iter().flatten().collect()
}

async fn verify(door: Door, token: &str) -> Result<Identity, Refusal> {
    let scratch = Scratch::new();
    let verifier =
        Verifier::load(&config(door, &scratch), scratch.path(), None).expect("the doors are configured well");
    verifier.verify_at(token, Time(NOW * 1000)).await
}

#[tokio::test]
async fn every_token_of_the_corpus_comes_to_what_it_must() {
    let cases = cases();
    let mut names = HashSet::new();
    let mut wrong = Vec::new();
    for Case { name, door, token, expected } in &cases {
        assert!(names.insert(*name), "two cases are called {name:?}");
        let found = verify(*door, token).await.map(|identity| identity.user.to_string());
        if found != expected.clone().map(str::to_owned) {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 100, "only {} cases", cases.len());
}

/// Not one changed character passes, wherever it stands: also not in the bits that base64 leaves over.
#[tokio::test]
async fn a_token_that_is_changed_anywhere_is_refused() {
    let scratch = Scratch::new();
    let verifier = Verifier::load(&config(Door::Every, &scratch), scratch.path(), None).unwrap();
    for token in [forge::good(forge::hs256()), forge::good(forge::p256())] {
        assert!(verifier.verify_at(&token, Time(NOW * 1000)).await.is_ok());
        for at in 0..token.len() {
            for other in ['A', 'B', 'Q', '-', '.', '=', ' ', '\0'] {
                let mut changed = token.clone();
                changed.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
                if changed != token {
                    let found = verifier.verify_at(&changed, Time(NOW * 1000)).await;
                    assert!(found.is_err(), "{other:?} at {at}");
                }
            }
            assert!(verifier.verify_at(&token[..at], Time(NOW * 1000)).await.is_err(), "cut at {at}");
        }
    }
}

#[tokio::test]
async fn what_an_identity_holds() {
    let claims = json!({"sub": "ada", "name": "Ada\u{1b}[31m", "roles": "staff,admin", "exp": NOW + 60, "iat": NOW as f64 - 5.5, "jti": "t1"});
    let identity = verify(Door::Every, &forge::with_claims(claims)).await.unwrap();
    assert_eq!(identity.name.as_deref(), Some("Ada[31m"));
    assert_eq!(identity.roles, ["staff", "admin"]);
    assert_eq!(identity.expires_at, Some(Time((NOW + 60) * 1000)));
    assert_eq!(identity.accepted_until, Some(Time((NOW + 60 + LEEWAY) * 1000)));
    assert_eq!(identity.issued_at, Some(Time((NOW - 5) * 1000 - 500)));
    assert_eq!(identity.token_id.as_deref(), Some("t1"));
    assert_eq!(identity.claims.len(), 6);
    assert!(!format!("{identity:?}").contains("staff"), "claims stay out of logs");
}
