//! The source is a small HTTP server of the test's own, the clock is the test's to move.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::auth::config::Config;
use crate::auth::corpus::forge::{self, Signer};
use crate::auth::scratch::Scratch;
use crate::auth::{Flaw, Refusal, Verifier, sources};

/// A key set server that counts its visitors. Its answer is a whole HTTP response; without one it hangs up.
struct Server {
    address: SocketAddr,
    answer: Arc<Mutex<Option<String>>>,
    visits: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(None::<String>));
        let visits = Arc::new(AtomicUsize::new(0));
        let (shared, counter) = (answer.clone(), visits.clone());
        // The thread waits in accept until the test process ends.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let Some(answer) = shared.lock().clone() else { continue };
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                    request.push(byte[0]);
                }
                // A client that stopped reading has seen what it needed.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Server { address, answer, visits }
    }

    fn answers(&self, answer: impl Into<String>) {
        *self.answer.lock() = Some(answer.into());
    }

    fn holds(&self, keys: &[Value]) {
        self.answers(ok(&json!({"keys": keys}).to_string()));
    }

    fn hangs_up(&self) {
        *self.answer.lock() = None;
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// A verifier for RS256 and ES256 on the server's keys, at a time that can be moved on.
struct Bench {
    server: Server,
    verifier: Verifier,
    ahead: Arc<Mutex<Duration>>,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let ahead = Arc::new(Mutex::new(Duration::ZERO));
        let (start, moved) = (Instant::now(), ahead.clone());
        let url = permitted(&server.url()).unwrap();
        let remote = Remote::timed(url, TIMEOUT, Arc::new(move || start + *moved.lock())).unwrap();
        let config = config(&server);
        let sources = sources::read(&config, None).unwrap();
        let verifier = Verifier::assemble(&config, sources, Some(Arc::new(remote)));
        Bench { server, verifier, ahead }
    }

    fn later(&self, by: Duration) {
        *self.ahead.lock() += by;
    }

    async fn shows(&self, token: &str) -> Result<(), Refusal> {
        self.verifier.verify_at(token, crate::domain::time::Time(1_800_000_000_000)).await.map(drop)
    }

    /// Waits for a fetch that runs behind the verifications.
    async fn settled(&self) {
        let running = self.verifier.remote.as_ref().unwrap().source.state.lock().running();
        finished(running).await;
    }
}

fn config(server: &Server) -> Config {
    Config { algorithms: vec!["RS256".into(), "ES256".into()], jwks_url: Some(server.url()), ..Config::default() }
}

fn named(mut jwk: Value, kid: &str) -> Value {
    jwk["kid"] = json!(kid);
    jwk
}

fn old_key() -> Value {
    named(forge::rsa_jwk(forge::RSA_PUB), "old")
}

fn new_key() -> Value {
    named(forge::p256_jwk(forge::P256_PUB), "new")
}

fn token(signer: Signer, kid: &str) -> String {
    forge::with_kid(signer, json!(kid))
}

const UNKNOWN: Result<(), Refusal> = Err(Refusal::Invalid(Flaw::UnknownKey));

#[tokio::test]
async fn a_rotation_is_seen_with_the_first_token_of_the_new_key() {
    let bench = Bench::new();
    bench.server.holds(&[old_key()]);
    assert_eq!(bench.shows(&token(forge::rs256(), "old")).await, Ok(()));
    assert_eq!(bench.shows(&token(forge::rs256(), "old")).await, Ok(()));
    assert_eq!(bench.server.visits(), 1, "the set is kept");

    bench.server.holds(&[new_key()]);
    assert_eq!(bench.shows(&token(forge::p256(), "new")).await, Ok(()));
    assert_eq!(bench.server.visits(), 2);
    assert_eq!(bench.shows(&token(forge::rs256(), "old")).await, UNKNOWN, "the old key is gone");
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_a_minute() {
    let bench = Bench::new();
    bench.server.holds(&[old_key()]);
    for kid in ["a", "b", "c"] {
        assert_eq!(bench.shows(&token(forge::rs256(), kid)).await, UNKNOWN);
    }
    assert_eq!(bench.server.visits(), 2, "the first set, and one look for the unknown key");

    bench.later(Duration::from_secs(59));
    assert_eq!(bench.shows(&token(forge::rs256(), "d")).await, UNKNOWN);
    assert_eq!(bench.server.visits(), 2);
    bench.later(Duration::from_secs(1));
    assert_eq!(bench.shows(&token(forge::rs256(), "e")).await, UNKNOWN);
    assert_eq!(bench.server.visits(), 3);

    let forged = token(forge::rsa(jsonwebtoken::Algorithm::RS256, forge::RSA_NEXT), "old");
    bench.later(Duration::from_secs(60));
    assert_eq!(bench.shows(&forged).await, Err(Flaw::Signature.into()), "its key is known");
    assert_eq!(bench.shows(&forge::good(forge::hs256())).await, Err(Flaw::Algorithm.into()));
    assert_eq!(bench.server.visits(), 3);
}

#[tokio::test]
async fn all_who_wait_share_one_fetch() {
    let bench = Arc::new(Bench::new());
    bench.server.holds(&[old_key(), new_key()]);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let bench = bench.clone();
        waiting.spawn(async move { bench.shows(&token(forge::p256(), "new")).await });
    }
    while let Some(outcome) = waiting.join_next().await {
        assert_eq!(outcome.unwrap(), Ok(()));
    }
    assert_eq!(bench.server.visits(), 1);
}

#[tokio::test]
async fn a_start_while_the_source_is_down_works_once_it_is_up() {
    let bench = Bench::new();
    let token = token(forge::rs256(), "old");
    assert_eq!(bench.shows(&token).await, Err(Refusal::KeysUnavailable));
    let visits = bench.server.visits();
    assert_eq!(bench.shows(&token).await, Err(Refusal::KeysUnavailable));
    assert_eq!(bench.server.visits(), visits, "not asked again at once");

    bench.server.holds(&[old_key()]);
    bench.later(BETWEEN_RETRIES);
    assert_eq!(bench.shows(&token).await, Ok(()));
}

#[tokio::test]
async fn the_set_at_hand_is_used_while_the_source_is_down() {
    let bench = Bench::new();
    let good = token(forge::rs256(), "old");
    bench.server.holds(&[old_key()]);
    assert_eq!(bench.shows(&good).await, Ok(()));

    bench.server.hangs_up();
    for _ in 0..3 {
        bench.later(FRESH_FOR);
        assert_eq!(bench.shows(&good).await, Ok(()), "also while a fetch runs behind it");
        bench.settled().await;
        assert_eq!(bench.shows(&good).await, Ok(()));
    }
    assert!(bench.server.visits() > 1, "it was asked");
    let unknown = token(forge::p256(), "new");
    assert_eq!(bench.shows(&unknown).await, Err(Refusal::KeysUnavailable), "nobody knows whether the key is good");

    bench.server.holds(&[new_key()]);
    bench.later(BETWEEN_UNKNOWN_KEYS);
    assert_eq!(bench.shows(&unknown).await, Ok(()));
}

#[tokio::test]
async fn a_set_is_renewed_behind_its_use_after_ten_minutes() {
    let bench = Bench::new();
    let good = token(forge::rs256(), "old");
    bench.server.holds(&[old_key()]);
    assert_eq!(bench.shows(&good).await, Ok(()));
    bench.server.holds(&[new_key()]);
    bench.later(FRESH_FOR - Duration::from_secs(1));
    assert_eq!(bench.shows(&good).await, Ok(()));
    assert_eq!(bench.server.visits(), 1);

    bench.later(Duration::from_secs(1));
    assert_eq!(bench.shows(&good).await, Ok(()), "this one does not wait");
    bench.settled().await;
    assert_eq!(bench.shows(&good).await, UNKNOWN, "a key that was withdrawn is refused from here on");
}

#[tokio::test]
async fn answers_that_are_no_key_set_leave_the_keys_as_they_were() {
    let bench = Bench::new();
    let good = token(forge::rs256(), "old");
    bench.server.holds(&[old_key()]);
    assert_eq!(bench.shows(&good).await, Ok(()));
    let elsewhere = Server::start();
    elsewhere.holds(&[new_key()]);
    let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(MAX_BODY_BYTES));
    for answer in [
        ok("<html>"),
        ok(""),
        ok("{}"),
        ok(&long),
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(),
        "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".into(),
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url()),
        "HTTP/1.1 200 OK\r\ncontent-length: 400\r\nconnection: close\r\n\r\n{".into(),
        "garbage".into(),
    ] {
        bench.server.answers(answer.clone());
        bench.later(BETWEEN_UNKNOWN_KEYS);
        let unknown = bench.shows(&token(forge::p256(), "new")).await;
        assert_eq!(unknown, Err(Refusal::KeysUnavailable), "{:.40}", answer);
        assert_eq!(bench.shows(&good).await, Ok(()), "{answer:.40}");
    }
    assert_eq!(elsewhere.visits(), 0, "redirects are not followed");
}

#[tokio::test]
async fn shared_secrets_and_unfit_keys_from_a_url_are_not_used() {
    let bench = Bench::new();
    let shared = json!({"kty": "oct", "k": forge::b64(forge::SECRET)});
    let mut sealed = new_key();
    sealed["use"] = json!("enc");
    bench.server.holds(&[shared, sealed, json!({"kty": "unheard-of"}), old_key()]);
    assert_eq!(bench.shows(&token(forge::rs256(), "old")).await, Ok(()));
    assert_eq!(bench.shows(&token(forge::p256(), "new")).await, UNKNOWN);
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_left() {
    // The system completes the connection, and nobody ever accepts it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = permitted(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
    let remote = Remote::timed(url, Duration::from_millis(50), Arc::new(Instant::now)).unwrap();
    let began = Instant::now();
    assert!(remote.keys().await.is_none());
    assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_reload_keeps_the_set_of_an_unchanged_url() {
    let server = Server::start();
    server.holds(&[old_key()]);
    let dir = Scratch::new();
    let first = Verifier::load(&config(&server), dir.path(), None).unwrap();
    let good = token(forge::rs256(), "old");
    assert!(first.verify(&good).await.is_ok());
    assert_eq!(server.visits(), 1, "the fetch at start is the one that the first token waits for");

    server.hangs_up();
    let stricter = Config { leeway: crate::domain::units::Span::secs(1), ..config(&server) };
    let second = Verifier::load(&stricter, dir.path(), Some(&first)).unwrap();
    drop(first);
    assert!(second.verify(&good).await.is_ok());
    assert_eq!(server.visits(), 1);

    let moved = Config { jwks_url: Some(format!("{}?v=2", server.url())), ..config(&server) };
    let third = Verifier::load(&moved, dir.path(), Some(&second)).unwrap();
    assert_eq!(third.verify(&good).await.err(), Some(Refusal::KeysUnavailable));
}

#[test]
fn without_a_runtime_a_verifier_still_loads() {
    let dir = Scratch::new();
    let server = Server::start();
    assert!(Verifier::load(&config(&server), dir.path(), None).is_ok());
    assert_eq!(server.visits(), 0);
}
