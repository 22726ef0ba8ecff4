//! The header: the algorithm above all, keys that a token brings along, names of keys, extensions.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::forge::{
    RSA, RSA_NEXT, RSA_PUB, SECRET, b64, claims, hmac, hs256, p256, p256_next, raw, rsa, rsa_jwk, with_header,
    with_kid, with_member,
};
use super::{Case, Door, Flaw, accepted, refused};

pub fn cases() -> Vec<Case> {
    [algorithms(), brought_keys(), key_names(), extensions(), json_of_the_header()].into_iter().flatten().collect()
}

/// `alg: none` in its spellings, once with a good HMAC signature that must not save it and once as RFC 7515 writes it.
fn algorithms() -> Vec<Case> {
    let one = |name, token: String| refused(name, Door::Every, token, Flaw::Algorithm);
    let alg = |alg: Value| with_header(json!({"alg": alg}));
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(claims().to_string()));
    vec![
        one("alg none", alg(json!("none"))),
        one("alg None", alg(json!("None"))),
        one("alg NONE", alg(json!("NONE"))),
        one("alg nOnE", alg(json!("nOnE"))),
        one("alg none with a space", alg(json!("none "))),
        refused("alg none, unsigned", Door::Every, unsigned, Flaw::Malformed),
        one("alg empty", alg(json!(""))),
        one("alg missing", with_header(json!({"typ": "JWT"}))),
        one("alg null", alg(json!(null))),
        one("alg number", alg(json!(256))),
        one("alg list", alg(json!(["HS256"]))),
        one("alg object", alg(json!({"HS256": true}))),
        one("alg in lower case", alg(json!("hs256"))),
        one("alg with a space", alg(json!(" HS256"))),
        one("alg with NUL", alg(json!("HS256\u{0}"))),
        one("alg unknown", alg(json!("HS1"))),
        one("alg ES512", alg(json!("ES512"))),
        one("alg ES256K", alg(json!("ES256K"))),
        one("alg of encryption", alg(json!("RSA-OAEP"))),
        refused("alg not listed, though a key fits", Door::Strict, good_as(Algorithm::HS512), Flaw::Algorithm),
        refused("alg of a family not listed", Door::Rs256, with_header(json!({"alg": "HS256"})), Flaw::Algorithm),
    ]
}

fn good_as(algorithm: Algorithm) -> String {
    super::forge::good(hmac(algorithm, SECRET))
}

/// Keys in or behind the header are ignored: the attacker's own key does not verify, the configured one still does.
fn brought_keys() -> Vec<Case> {
    let attacker = |member: &str, value: Value| {
        let mut header = json!({"alg": "RS256"});
        header[member] = value;
        raw(header.to_string(), claims().to_string(), &rsa(Algorithm::RS256, RSA_NEXT))
    };
    let own_key = rsa_jwk(super::forge::RSA_NEXT_PUB);
    let symmetric = json!({"kty": "oct", "k": b64("attacker")});
    let signed_with_brought_secret = raw(
        json!({"alg": "HS256", "jwk": symmetric}).to_string(),
        claims().to_string(),
        &hmac(Algorithm::HS256, "attacker"),
    );
    let one = |name, token: String| refused(name, Door::Every, token, Flaw::Signature);
    vec![
        one("embedded jwk", attacker("jwk", own_key)),
        one("embedded symmetric jwk", signed_with_brought_secret),
        one("jku of the attacker", attacker("jku", json!("https://attacker.example/jwks.json"))),
        one("jku to the metadata service", attacker("jku", json!("http://169.254.169.254/"))),
        one("x5u of the attacker", attacker("x5u", json!("https://attacker.example/cert.pem"))),
        one("x5c of the attacker", attacker("x5c", json!(["MIIB"]))),
        accepted("jku beside a good signature", Door::Every, with_member("jku", json!("https://elsewhere.example/"))),
        accepted("jwk of an odd type beside a good signature", Door::Every, with_member("jwk", json!(7))),
    ]
}

fn key_names() -> Vec<Case> {
    let named = |name, token, flaw: Flaw| refused(name, Door::Named, token, flaw);
    let unknown = |name, kid: &str| {
        refused(name, Door::Named, with_kid(rsa(Algorithm::RS256, RSA), json!(kid)), Flaw::UnknownKey)
    };
    let old = || rsa(Algorithm::RS256, RSA);
    let new = || rsa(Algorithm::RS256, RSA_NEXT);
    vec![
        accepted("kid of the old key", Door::Named, with_kid(old(), json!("old"))),
        accepted("kid of the new key", Door::Named, with_kid(new(), json!("new"))),
        accepted("no kid, old key", Door::Named, super::forge::good(old())),
        accepted("no kid, new key", Door::Named, super::forge::good(new())),
        accepted("a key without a name serves any kid", Door::Named, with_kid(p256_next(), json!("whatever"))),
        accepted("kid where no key has a name", Door::Every, with_member("kid", json!("2024-01"))),
        accepted("kid of a shared secret in a set", Door::Named, with_kid(hs256(), json!("shared"))),
        named("kid of another key", with_kid(old(), json!("new")), Flaw::Signature),
        named("kid of a key of another kind", with_kid(hs256(), json!("old")), Flaw::UnknownKey),
        named("a key used beyond its alg", with_kid(rsa(Algorithm::PS256, RSA_NEXT), json!("new")), Flaw::UnknownKey),
        named("a key whose use is enc", with_kid(p256(), json!("sealed")), Flaw::Signature),
        named("a key under 2048 bits", with_kid(old(), json!("weak")), Flaw::UnknownKey),
        unknown("kid unknown", "third"),
        unknown("kid empty", ""),
        unknown("kid in another case", "OLD"),
        unknown("kid with a space", "old "),
        unknown("kid with NUL", "old\u{0}"),
        unknown("kid as a path", "../../../../dev/null"),
        unknown("kid as an absolute path", "/etc/hostname"),
        unknown("kid as SQL", "' UNION SELECT 'secret' -- "),
        unknown("kid as a command", "old|id"),
        unknown("kid as a URL", "https://attacker.example/key"),
        unknown("kid of 8 KiB", &"k".repeat(8192)),
        named("kid null", with_kid(old(), json!(null)), Flaw::KeyName),
        named("kid number", with_kid(old(), json!(0)), Flaw::KeyName),
        named("kid list", with_kid(old(), json!(["old"])), Flaw::KeyName),
        named("kid object", with_kid(old(), json!({"$ne": ""})), Flaw::KeyName),
        named(
            "HS256 with the name of an RSA key, its PEM as the secret",
            with_kid(hmac(Algorithm::HS256, RSA_PUB), json!("old")),
            Flaw::UnknownKey,
        ),
    ]
}

fn extensions() -> Vec<Case> {
    let one =
        |name, member: &str, value: Value, flaw: Flaw| refused(name, Door::Every, with_member(member, value), flaw);
    let good = |name, kind: &str| accepted(name, Door::Every, with_member("typ", json!(kind)));
    vec![
        one("crit unknown", "crit", json!(["x"]), Flaw::Critical),
        one("crit empty", "crit", json!([]), Flaw::Critical),
        one("crit null", "crit", json!(null), Flaw::Critical),
        one("crit of a known member", "crit", json!(["exp"]), Flaw::Critical),
        one("b64 false", "b64", json!(false), Flaw::Unencoded),
        one("b64 as text", "b64", json!("false"), Flaw::Unencoded),
        one("zip", "zip", json!("DEF"), Flaw::Encrypted),
        one("enc", "enc", json!("A256GCM"), Flaw::Encrypted),
        good("typ JWT", "JWT"),
        good("typ in lower case", "jwt"),
        good("typ of an access token", "at+JWT"),
        good("typ as a full media type", "application/at+jwt"),
        one("typ of an id document", "typ", json!("secevent+jwt"), Flaw::Type),
        one("typ of a proof", "typ", json!("dpop+jwt"), Flaw::Type),
        one("typ empty", "typ", json!(""), Flaw::Type),
        one("typ null", "typ", json!(null), Flaw::Type),
        one("typ list", "typ", json!(["JWT"]), Flaw::Type),
    ]
}

fn json_of_the_header() -> Vec<Case> {
    let one =
        |name, header: &str| refused(name, Door::Every, raw(header, claims().to_string(), &hs256()), Flaw::Header);
    vec![
        one("alg twice", r#"{"alg":"HS256","alg":"HS256"}"#),
        one("alg twice, once none", r#"{"alg":"none","alg":"HS256"}"#),
        one("alg twice, once escaped", r#"{"alg":"HS256","\u0061lg":"none"}"#),
        one("kid twice", r#"{"alg":"HS256","kid":"a","kid":"b"}"#),
        one("header list", r#"["HS256"]"#),
        one("header text", r#""HS256""#),
        one("header cut", r#"{"alg":"HS256""#),
        one("header and more", r#"{"alg":"HS256"}{}"#),
        one("header with a comment", r#"{"alg":"HS256"/**/}"#),
        one("header with single quotes", "{'alg':'HS256'}"),
        one("header with a byte order mark", "\u{feff}{\"alg\":\"HS256\"}"),
        one("header nested deeply", &format!(r#"{{"alg":"HS256","x":{}1{}}}"#, "[".repeat(3000), "]".repeat(3000))),
    ]
}
