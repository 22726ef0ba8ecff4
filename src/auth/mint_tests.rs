use std::time::Duration;

use serde_json::json;

use super::*;
use crate::auth::Verifier;
use crate::auth::scratch::Scratch;

const SECRET: &str = "a-secret-of-exactly-32-bytes-xyz";

fn claims() -> Claims {
    Claims {
        user: UserId::new("ada").unwrap(),
        name: Some("Ada".into()),
        roles: vec!["admin".into()],
        ttl: Span::secs(60),
        extra: Map::new(),
    }
}

#[tokio::test]
async fn what_is_minted_is_accepted() {
    let dir = Scratch::new();
    let set = json!({"keys": [{"kty": "oct", "kid": "k1", "alg": "HS512", "k": "A".repeat(43)}]}).to_string();
    let full = Config {
        algorithms: vec!["HS384".into(), "HS256".into()],
        secret: Some(SECRET.into()),
        issuer: Some("https://login.example".into()),
        audience: Some("chat".into()),
        required_claims: vec!["exp".into(), "jti".into(), "tenant".into()],
        user_claim: "uid".into(),
        roles_claim: "groups".into(),
        ..Config::default()
    };
    let named =
        Config { algorithms: vec!["HS512".into()], jwks_file: Some(dir.file("set.json", &set)), ..Config::default() };
    for (config, algorithm) in [(Config::default(), "HS256"), (full, "HS384"), (named, "HS512")] {
        let extra = Map::from_iter([claim("tenant=acme").unwrap()]);
        let token = mint(&config, dir.path(), Claims { extra, ..claims() }).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(format!("{:?}", header.alg), algorithm);

        let identity = Verifier::load(&config, dir.path(), None).unwrap().verify(&token).await.unwrap();
        assert_eq!(identity.user.as_str(), "ada");
        assert_eq!((identity.name.as_deref(), identity.roles), (Some("Ada"), vec!["admin".to_owned()]));
        assert!(identity.token_id.is_some() && identity.issued_at.is_some());
        let left = identity.expires_at.unwrap().0 - crate::domain::time::Time::now().0;
        assert!((50_000..=60_000).contains(&left), "{left} ms");
        assert_eq!(identity.claims["tenant"], "acme");
    }
}

#[test]
fn public_keys_cannot_sign() {
    let dir = Scratch::new();
    let pem = include_str!("../../tests/fixtures/keys/rsa.pub.pem");
    let config = Config {
        algorithms: vec!["RS256".into()],
        public_key_file: Some(dir.file("rsa.pem", pem)),
        ..Config::default()
    };
    let error = mint(&config, dir.path(), claims()).unwrap_err();
    assert!(matches!(error, MintError::CannotSign), "{error}");
    assert!(error.to_string().contains("login service"), "{error}");
}

#[test]
fn what_cannot_be_minted_is_explained() {
    let dir = Scratch::new();
    let config = Config { secret: Some(SECRET.into()), ..Config::default() };
    let error = |config: &Config, claims: Claims| mint(config, dir.path(), claims).unwrap_err().to_string();

    let extra = Map::from_iter([claim("sub=root").unwrap()]);
    assert_eq!(error(&config, Claims { extra, ..claims() }), "claim sub is set by chatd and cannot be given");
    for ttl in [Span::secs(0), Span(Duration::from_millis(999)), Span::secs(u64::MAX), Span::secs(1 << 40)] {
        assert!(error(&config, Claims { ttl, ..claims() }).contains("before the year 10000"), "{ttl}");
    }
    let demanding = Config { required_claims: vec!["tenant".into()], ..config };
    assert!(error(&demanding, claims()).contains("--claim tenant=VALUE"));
    let short = Config { secret: Some("short".into()), ..Config::default() };
    assert!(error(&short, claims()).starts_with("auth.secret: "));
}

#[test]
fn claims_read_as_json_or_else_as_text() {
    for (text, value) in [
        ("a=b", json!("b")),
        ("a=", json!("")),
        ("a=x=y", json!("x=y")),
        ("a=5", json!(5)),
        ("a=\"5\"", json!("5")),
        ("a=007", json!("007")),
        ("a=true", json!(true)),
        ("a=[\"x\"]", json!(["x"])),
    ] {
        assert_eq!(claim(text).unwrap(), ("a".to_owned(), value), "{text}");
    }
    for text in ["", "a", "=b"] {
        assert!(matches!(claim(text), Err(MintError::NotAClaim)), "{text}");
    }
}
