//! The outer form: parts, base64url, size.

use serde_json::json;

use super::forge::{b64, claims, good, hs256, raw, sealed, with_claims, with_header};
use super::{Case, Door, Flaw, Refusal, accepted, refused};
use crate::auth::jwt::MAX_TOKEN_BYTES;

pub fn cases() -> Vec<Case> {
    let token = || good(hs256());
    let header = || b64(r#"{"alg":"HS256"}"#);
    let payload = || b64(claims().to_string());
    let signature = || token().rsplit_once('.').unwrap().1.to_owned();
    let without_signature = || token().rsplit_once('.').unwrap().0.to_owned();
    let one = |name, token: String, flaw: Flaw| refused(name, Door::Every, token, flaw);
    vec![
        accepted("a good token", Door::Every, token()),
        refused("nothing at all", Door::Every, String::new(), Refusal::Missing),
        one("a space", " ".into(), Flaw::Malformed),
        one("one dot", ".".into(), Flaw::Malformed),
        one("two dots", "..".into(), Flaw::Malformed),
        one("a word", "letmein".into(), Flaw::Malformed),
        one("null as text", "null".into(), Flaw::Malformed),
        one("JSON serialization", json!({"payload": payload(), "signature": "x"}).to_string(), Flaw::Malformed),
        one("Bearer in front", format!("Bearer {}", token()), Flaw::Header),
        one("a quoted token", format!("\"{}\"", token()), Flaw::Header),
        one("space in front", format!(" {}", token()), Flaw::Header),
        one("space behind", format!("{} ", token()), Flaw::Signature),
        one("newline behind", format!("{}\n", token()), Flaw::Signature),
        one("tab within", token().replacen('.', ".\t", 1), Flaw::Signature),
        one("no signature, no dot", without_signature(), Flaw::Malformed),
        one("empty signature", format!("{}.", without_signature()), Flaw::Malformed),
        one("empty header", format!(".{}.{}", payload(), signature()), Flaw::Malformed),
        one("empty payload", sealed(format!("{}.", header()), &hs256()), Flaw::Malformed),
        one("four parts", format!("{}.x", token()), Flaw::Malformed),
        one("a dot too many in the middle", token().replacen('.', "..", 1), Flaw::Malformed),
        one("a dot behind", format!("{}.", token()), Flaw::Malformed),
        one("five parts", format!("{}.x.y", token()), Flaw::Encrypted),
        one("six parts", format!("{}.x.y.z", token()), Flaw::Malformed),
        one("truncated signature", token()[..token().len() - 4].into(), Flaw::Signature),
        one("padded signature", format!("{}=", token()), Flaw::Signature),
        one("padded header", sealed(format!("{}=.{}", header(), payload()), &hs256()), Flaw::Header),
        one("padded payload", sealed(format!("{}.{}==", header(), payload()), &hs256()), Flaw::Claims),
        one("standard base64 alphabet", sealed(format!("+/+/.{}", payload()), &hs256()), Flaw::Header),
        one("signature is no base64url", format!("{}.%%%%", without_signature()), Flaw::Signature),
        one("signature is not ASCII", format!("{}.ü", without_signature()), Flaw::Signature),
        one("header is no base64url", format!("%%%.{}.{}", payload(), signature()), Flaw::Header),
        one("payload is no base64url", sealed(format!("{}.%%%", header()), &hs256()), Flaw::Claims),
        one("NUL within", token().replacen('e', "\0", 1), Flaw::Header),
        one("header is not UTF-8", raw(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", "{}", &hs256()), Flaw::Header),
        one("payload is not UTF-8", raw(r#"{"alg":"HS256"}"#, b"{\"sub\":\"\xc3\x28\"}", &hs256()), Flaw::Claims),
        one(
            "longer than the limit",
            with_claims(json!({"sub": "ada", "x": "x".repeat(MAX_TOKEN_BYTES)})),
            Flaw::TooLong,
        ),
        one("a megabyte of dots", ".".repeat(1 << 20), Flaw::TooLong),
        one("dots up to the limit", ".".repeat(MAX_TOKEN_BYTES), Flaw::Malformed),
        accepted("long, within the limit", Door::Every, with_claims(json!({"sub": "ada", "x": "x".repeat(12_000)}))),
        accepted("a header with spaces and newlines", Door::Every, {
            raw("\n{ \"alg\" : \"HS256\" }\n", " {\"sub\":\"ada\"} ", &hs256())
        }),
        accepted("unknown members", Door::Every, with_header(json!({"alg": "HS256", "x": {"y": [1]}, "cty": "x"}))),
    ]
}
