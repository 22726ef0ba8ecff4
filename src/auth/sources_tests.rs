use super::*;
use crate::auth::Verifier;
use crate::auth::scratch::Scratch;

const RSA: &str = include_str!("../../tests/fixtures/keys/rsa.pub.pem");
const P256: &str = include_str!("../../tests/fixtures/keys/p256.pub.pem");
const SECRET: &str = "a-secret-of-exactly-32-bytes-xyz";

fn algorithms(names: &[&str]) -> Config {
    Config { algorithms: names.iter().map(|name| (*name).to_owned()).collect(), ..Config::default() }
}

fn problems(config: &Config) -> Vec<(&'static str, String)> {
    match read(config, None) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.into_iter().map(|problem| (problem.key, problem.message)).collect(),
    }
}

#[track_caller]
fn assert_problem(config: &Config, key: &str, part: &str) {
    let found = problems(config);
    assert!(matches!(&found[..], [(at, message)] if *at == key && message.contains(part)), "{found:?}");
}

#[test]
fn several_sources_stand_side_by_side() {
    let dir = Scratch::new();
    let config = Config {
        secret: Some(SECRET.into()),
        secret_file: Some(dir.file("secret", "another-secret-with-some-spaces \r\n\n")),
        public_key_file: Some(dir.file("keys.pem", &[RSA, P256].concat())),
        ..algorithms(&["HS256", "RS256", "ES256", "HS256"])
    };
    // The second secret has 31 bytes once the line end is gone.
    assert_problem(&config, "secret_file", "has 31 bytes");

    let config = Config { secret_file: Some(dir.file("secret", &format!("{SECRET}\n"))), ..config };
    let sources = read(&config, None).unwrap();
    assert_eq!((sources.algorithms.len(), sources.keys.len()), (3, 4));
    assert_eq!(sources.generated, None);
}

#[test]
fn a_short_secret_is_refused_and_not_shown() {
    let config = Config { secret: Some("hunter2".into()), ..Config::default() };
    assert_problem(&config, "secret", "7 bytes, at least 32 are needed");
    assert!(!format!("{config:?} {:?}", problems(&config)).contains("hunter2"));
    assert_problem(&Config { secret: Some(String::new()), ..Config::default() }, "secret", "0 bytes");
}

#[test]
fn algorithms_and_keys_must_fit_each_other() {
    let dir = Scratch::new();
    let rsa = Some(dir.file("rsa.pem", RSA));
    let with_rsa = |names: &[&str]| Config { public_key_file: rsa.clone(), ..algorithms(names) };
    assert_problem(&with_rsa(&["RS256", "ES256"]), "algorithms", "ES256 is listed, but no key fits it");
    assert_problem(&algorithms(&["RS256"]), "algorithms", "RS256 is listed");
    assert_problem(&algorithms(&["HS256", "RS256"]), "algorithms", "RS256 is listed");
    assert_problem(&algorithms(&[]), "algorithms", "at least one");
    assert_problem(&algorithms(&["HS256", "none"]), "algorithms", "\"none\" is unknown");
    assert_problem(&algorithms(&["hs256"]), "algorithms", "\"hs256\" is unknown");

    // The default list with a public key alone: both ends of the mistake are shown.
    let found = problems(&Config { public_key_file: rsa.clone(), ..Config::default() });
    let keys: Vec<_> = found.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, ["public_key_file", "algorithms"], "{found:?}");
    assert!(found[0].1.contains("an RSA key (for RS256"), "{found:?}");

    assert!(problems(&with_rsa(&["PS512"])).is_empty());
}

#[test]
fn a_key_set_file_needs_one_key_of_use() {
    let dir = Scratch::new();
    let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, {}]}"#;
    let file = Some(dir.file("keys.json", set));
    assert!(problems(&Config { jwks_file: file.clone(), ..algorithms(&["EdDSA"]) }).is_empty());
    let found = problems(&Config { jwks_file: file, ..algorithms(&["RS256"]) });
    assert_eq!(found[0].0, "jwks_file");
    assert_problem(&Config { jwks_file: Some(dir.file("x", "{}")), ..algorithms(&["EdDSA"]) }, "jwks_file", "no list");
}

#[test]
fn a_key_set_url_is_https_and_for_public_keys() {
    let with = |url: &str, names: &[&str]| Config { jwks_url: Some(url.into()), ..algorithms(names) };
    let good = ["https://login.example/jwks", "http://127.0.0.1:8080/", "http://[::1]/x", "http://localhost/jwks?x=1"];
    for url in good {
        assert!(problems(&with(url, &["RS256", "ES256"])).is_empty(), "{url}");
    }
    for url in ["http://login.example/jwks", "http://127.0.0.1.example/", "http://0.0.0.0/", "file:///etc/keys"] {
        assert_problem(&with(url, &["RS256"]), "jwks_url", "must be https");
    }
    assert_problem(&with("login.example/jwks", &["RS256"]), "jwks_url", "not a URL");
    assert_problem(&with("https://user:word@login.example/", &["RS256"]), "jwks_url", "must not hold");

    // Nothing that such a set holds can verify HS256, also where HS256 is merely the default.
    let keys: Vec<_> = problems(&with(good[0], &["HS256"])).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["jwks_url", "algorithms"]);
    assert_problem(&with(good[0], &["RS256", "HS256"]), "algorithms", "HS256 is listed");
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let dir = Scratch::new();
    let config = Config {
        secret: Some("short".into()),
        secret_file: Some(dir.path().join("absent")),
        public_key_file: Some(dir.file("garbage.pem", "garbage")),
        jwks_file: Some(dir.path().to_owned()),
        jwks_url: Some("ftp://login.example".into()),
        user_claim: String::new(),
        ..algorithms(&["RS256", "HS1"])
    };
    let found = problems(&config);
    let keys: Vec<_> = found.iter().map(|(key, _)| *key).collect();
    let expected = ["algorithms", "secret", "secret_file", "public_key_file", "jwks_file", "jwks_url", "user_claim"];
    assert_eq!(keys, expected, "{found:?}");
    let error = read(&config, None).unwrap_err().to_string();
    assert!(error.starts_with("auth.algorithms: \"HS1\" is unknown") && error.contains("; auth.secret: "), "{error}");
}

#[tokio::test]
async fn with_no_key_at_all_a_secret_is_made() {
    let dir = Scratch::new();
    assert_eq!(Verifier::check(&Config::default()), Ok(()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a check writes nothing");

    let verifier = Verifier::load(&Config::default(), dir.path(), None).unwrap();
    assert_eq!(verifier.uses_generated_secret(), Some(&*dir.path().join("jwt.secret")));
    let configured = Config { secret: Some(SECRET.into()), ..Config::default() };
    assert_eq!(Verifier::load(&configured, dir.path(), None).unwrap().uses_generated_secret(), None);

    let error = Verifier::load(&Config::default(), &dir.path().join("absent"), None).err().unwrap();
    assert_eq!(error.problems[0].key, "secret");
}
