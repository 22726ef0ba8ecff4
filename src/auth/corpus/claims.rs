//! The claims of well-signed tokens: times, issuer, audience, the user.

use serde_json::{Value, json};

use super::forge::{with_claims, with_claims_text};
use super::{Case, Door, Flaw, LEEWAY, NOW, Refusal, accepted, refused};

pub fn cases() -> Vec<Case> {
    [times(), issuer_and_audience(), required(), users(), others()].into_iter().flatten().collect()
}

fn with(name: &str, value: Value) -> String {
    let mut claims = json!({"sub": "ada"});
    claims[name] = value;
    with_claims(claims)
}

fn times() -> Vec<Case> {
    let good = |name, claim: &str, value: Value| accepted(name, Door::Every, with(claim, value));
    let bad =
        |name, claim: &'static str, value: Value| refused(name, Door::Every, with(claim, value), Flaw::NotADate(claim));
    let expired = |name, value: Value| refused(name, Door::Every, with("exp", value), Refusal::Expired);
    let early = |name, value: Value| refused(name, Door::Every, with("nbf", value), Flaw::NotYetValid);
    let text = |name, text: &str, refusal: Refusal| refused(name, Door::Every, with_claims_text(text), refusal);
    vec![
        good("exp in an hour", "exp", json!(NOW + 3600)),
        good("exp with a fraction", "exp", json!(NOW as f64 + 0.5)),
        good("exp just passed", "exp", json!(NOW - 1)),
        good("exp at the end of the leeway", "exp", json!(NOW - LEEWAY + 1)),
        accepted("no exp where none is required", Door::Every, with_claims(json!({"sub": "ada"}))),
        expired("exp a leeway ago", json!(NOW - LEEWAY)),
        expired("exp a year ago", json!(NOW - 31_536_000)),
        expired("exp zero", json!(0)),
        expired("exp negative", json!(-1)),
        expired("exp far in the past", json!(-200_000_000_000_i64)),
        expired("exp a small fraction", json!(1e-300)),
        bad("exp as text", "exp", json!((NOW + 3600).to_string())),
        bad("exp as a date", "exp", json!("2099-01-01T00:00:00Z")),
        bad("exp null", "exp", json!(null)),
        bad("exp true", "exp", json!(true)),
        bad("exp list", "exp", json!([NOW + 3600])),
        bad("exp object", "exp", json!({"$gt": 0})),
        bad("exp in milliseconds", "exp", json!((NOW + 3600) * 1000)),
        bad("exp beyond 64 bits", "exp", json!(1e300)),
        bad("exp the largest u64", "exp", json!(u64::MAX)),
        bad("exp the smallest i64", "exp", json!(i64::MIN)),
        text("exp NaN", r#"{"sub":"ada","exp":NaN}"#, Flaw::Claims.into()),
        text("exp Infinity", r#"{"sub":"ada","exp":Infinity}"#, Flaw::Claims.into()),
        text("exp beyond a double", r#"{"sub":"ada","exp":1e999}"#, Flaw::Claims.into()),
        text("exp with a leading zero", r#"{"sub":"ada","exp":09999999999}"#, Flaw::Claims.into()),
        text("exp in hexadecimal", r#"{"sub":"ada","exp":0xffffffff}"#, Flaw::Claims.into()),
        text("exp twice", r#"{"sub":"ada","exp":1,"exp":4000000000}"#, Flaw::Claims.into()),
        good("nbf now", "nbf", json!(NOW)),
        good("nbf within the leeway", "nbf", json!(NOW + LEEWAY)),
        early("nbf behind the leeway", json!(NOW + LEEWAY + 1)),
        early("nbf next year", json!(NOW + 31_536_000)),
        bad("nbf as text", "nbf", json!("0")),
        bad("nbf null", "nbf", json!(null)),
        good("iat an hour ago", "iat", json!(NOW - 3600)),
        good("iat negative", "iat", json!(-1)),
        good("iat in the future", "iat", json!(NOW + 3600)),
        bad("iat as text", "iat", json!("now")),
        bad("iat object", "iat", json!({})),
    ]
}

/// Claims that satisfy the strict door, with one of them changed.
fn strict(name: &str, value: Value) -> String {
    let mut claims =
        json!({"sub": "ada", "iss": "https://login.example", "aud": "chat", "exp": NOW + 60, "tenant": "acme"});
    claims[name] = value;
    with_claims(claims)
}

fn issuer_and_audience() -> Vec<Case> {
    let iss = |name, value: Value| refused(name, Door::Strict, strict("iss", value), Flaw::Issuer);
    let aud = |name, value: Value| refused(name, Door::Strict, strict("aud", value), Flaw::Audience);
    vec![
        accepted("issuer and audience as configured", Door::Strict, strict("x", json!(1))),
        iss("iss with a trailing slash", json!("https://login.example/")),
        iss("iss in another case", json!("https://Login.example")),
        iss("iss a prefix", json!("https://login.exampl")),
        iss("iss longer", json!("https://login.example.attacker.example")),
        iss("iss over http", json!("http://login.example")),
        iss("iss empty", json!("")),
        iss("iss list", json!(["https://login.example"])),
        iss("iss object", json!({"https://login.example": 1})),
        iss("iss number", json!(1)),
        refused("iss null", Door::Strict, strict("iss", json!(null)), Flaw::MissingClaim("iss".into())),
        accepted("aud list", Door::Strict, strict("aud", json!(["other", "chat"]))),
        aud("aud of another", json!("other")),
        aud("aud in another case", json!("Chat")),
        aud("aud a prefix", json!("cha")),
        aud("aud longer", json!("chat ")),
        aud("aud several in one text", json!("chat other")),
        aud("aud empty", json!("")),
        aud("aud empty list", json!([])),
        aud("aud list of others", json!(["a", "b"])),
        aud("aud list of mixed types", json!(["chat", 1])),
        aud("aud list within a list", json!([["chat"]])),
        aud("aud object", json!({"chat": true})),
        aud("aud true", json!(true)),
        refused("aud null", Door::Strict, strict("aud", json!(null)), Flaw::MissingClaim("aud".into())),
        accepted("aud where none is configured", Door::Every, with("aud", json!("someone else"))),
        accepted("iss of an odd type where none is configured", Door::Every, with("iss", json!(7))),
    ]
}

fn required() -> Vec<Case> {
    let missing = |claim: &str| Flaw::MissingClaim(claim.to_owned());
    let bare = json!({"sub": "ada", "iss": "https://login.example", "aud": "chat", "tenant": "acme"});
    let nameless = json!({"sub": "ada", "iss": "https://login.example", "aud": "chat", "exp": NOW + 60});
    vec![
        refused("exp missing where required", Door::Strict, with_claims(bare), missing("exp")),
        refused("a required claim missing", Door::Strict, with_claims(nameless), missing("tenant")),
        refused("a required claim null", Door::Strict, strict("tenant", json!(null)), missing("tenant")),
        accepted("a required claim false", Door::Strict, strict("tenant", json!(false))),
        refused("only a user", Door::Strict, with_claims(json!({"sub": "ada"})), missing("exp")),
    ]
}

fn users() -> Vec<Case> {
    let sub = |name, value: Value| refused(name, Door::Every, with("sub", value), Flaw::User("sub".into()));
    let user = |name, claims: Value| accepted(name, Door::Every, with_claims(claims));
    let named = |name, door, claims: Value, user| Case { name, door, token: with_claims(claims), expected: Ok(user) };
    let missing = |name, door, claims: Value, claim: &str| {
        refused(name, door, with_claims(claims), Flaw::MissingClaim(claim.to_owned()))
    };
    vec![
        sub("sub empty", json!("")),
        sub("sub with NUL", json!("ada\u{0}")),
        sub("sub with a newline", json!("ada\nroot")),
        sub("sub with an escape", json!("\u{1b}[2Jada")),
        sub("sub of 129 bytes", json!("a".repeat(129))),
        sub("sub of 128 characters over 128 bytes", json!("ü".repeat(128))),
        sub("sub number", json!(7)),
        sub("sub true", json!(true)),
        sub("sub list", json!(["ada"])),
        sub("sub object", json!({"id": "ada"})),
        missing("sub null, nothing else", Door::Every, json!({"sub": null}), "sub"),
        missing("no claims", Door::Every, json!({}), "sub"),
        refused(
            "an unfit sub is not passed over",
            Door::Every,
            with_claims(json!({"sub": 7, "userId": "ada"})),
            Flaw::User("sub".into()),
        ),
        user("userId where sub is missing", json!({"userId": "ada"})),
        user("id where both are missing", json!({"id": "ada"})),
        user("userId before id", json!({"userId": "ada", "id": "bob"})),
        user("sub before userId", json!({"sub": "ada", "userId": "bob"})),
        user("sub null, then userId", json!({"sub": null, "userId": "ada"})),
        named("userId number", Door::Every, json!({"userId": 42}), "42"),
        named("id largest number", Door::Every, json!({"id": u64::MAX}), "18446744073709551615"),
        named("id negative number", Door::Every, json!({"id": -3}), "-3"),
        named("sub is any text", Door::Every, json!({"sub": "größe 👩‍👩‍👧"}), "größe 👩‍👩‍👧"),
        refused("userId fraction", Door::Every, with_claims(json!({"userId": 4.5})), Flaw::User("userId".into())),
        refused(
            "id beyond 64 bits",
            Door::Every,
            with_claims_text(r#"{"id":18446744073709551616}"#),
            Flaw::User("id".into()),
        ),
        named("configured claim", Door::Uid, json!({"uid": "ada", "sub": "bob"}), "ada"),
        named("configured claim as a number", Door::Uid, json!({"uid": 7}), "7"),
        missing("sub does not stand in for a configured claim", Door::Uid, json!({"sub": "ada"}), "uid"),
    ]
}

fn others() -> Vec<Case> {
    let bad = |name, text: &str| refused(name, Door::Every, with_claims_text(text), Flaw::Claims);
    vec![
        bad("sub twice", r#"{"sub":"ada","sub":"root"}"#),
        bad("sub twice, once escaped", r#"{"sub":"ada","s\u0075b":"root"}"#),
        bad("a member twice within a claim", r#"{"sub":"ada","x":{"y":1,"y":2}}"#),
        bad("claims list", r#"[{"sub":"ada"}]"#),
        bad("claims text", r#""ada""#),
        bad("claims null", "null"),
        bad("claims cut", r#"{"sub":"ada""#),
        bad("claims and more", r#"{"sub":"ada"} {"sub":"root"}"#),
        bad("claims with a trailing comma", r#"{"sub":"ada",}"#),
        bad("claims with half a surrogate", r#"{"sub":"\ud83d"}"#),
        bad("claims nested deeply", &format!(r#"{{"sub":"ada","x":{}{}}}"#, "[".repeat(4000), "]".repeat(4000))),
        bad("claims are a token", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"),
        accepted("roles of an odd type", Door::Every, with("roles", json!({"admin": true}))),
        accepted("name of an odd type", Door::Every, with("name", json!(["Ada"]))),
        accepted("prototype members", Door::Every, with("__proto__", json!({"sub": "root"}))),
        accepted("a serde_json private member", Door::Every, with("$serde_json::private::RawValue", json!("{"))),
        refused("jti number", Door::Every, with("jti", json!(5)), Flaw::TokenId),
        refused("jti too long", Door::Every, with("jti", json!("j".repeat(257))), Flaw::TokenId),
        accepted("jti null", Door::Every, with("jti", json!(null))),
    ]
}
