//! `POST /demo/token`: a token for whoever gives a name.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::name::Person;
use super::wrong_method;
use crate::auth::config::Config as Auth;
use crate::auth::mint::{self, Claims, MintError};
use crate::domain::error::Code;
use crate::domain::units::Span;
use crate::session::budget::Bucket;
use crate::wire::config::Cors;
use crate::wire::cors::{self, Verdict};
use crate::wire::http::{Answer, json, refuse};

/// Short, so that the page shows how a live connection's token is renewed.
const LIFETIME: Span = Span::secs(3_600);

/// Tokens a second and at once, for all who try the demo together.
const RATE: f64 = 10.0;
const BURST: f64 = 50.0;

/// Where tokens are handed out.
pub struct Desk {
    auth: Arc<ArcSwap<Auth>>,
    state_dir: PathBuf,
    budget: Mutex<Bucket>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Granted<'a> {
    token: &'a str,
    user_id: &'a str,
    name: &'a str,
}

impl Desk {
    pub fn new(auth: Arc<ArcSwap<Auth>>, state_dir: PathBuf) -> Self {
        Desk { auth, state_dir, budget: Mutex::default() }
    }

    pub async fn answer(&self, request: &Request<Bytes>) -> Answer {
        let mut answer = self.grant(request).await.unwrap_or_else(|refusal| refusal);
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    async fn grant(&self, request: &Request<Bytes>) -> Result<Answer, Answer> {
        if request.method() != Method::POST {
            return Err(wrong_method("POST"));
        }
        if !is_own_page(request.headers()) {
            return Err(refuse(StatusCode::FORBIDDEN, Code::Forbidden, "only the demo page gets tokens here"));
        }
        if !is_json(request.headers()) {
            return Err(invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected application/json"));
        }
        let wish: Wish = serde_json::from_slice(request.body())
            .map_err(|_| invalid(StatusCode::BAD_REQUEST, "expected { \"name\": string }"))?;
        let person = Person::named(&wish.name)
            .ok_or_else(|| invalid(StatusCode::BAD_REQUEST, &format!("name: expected {}", Person::EXPECTED)))?;
        self.budget.lock().take(RATE, BURST, Instant::now()).map_err(|wait| {
            let mut answer = refuse(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, "too many tokens, slow down");
            let seconds = wait.as_secs_f64().ceil() as u64;
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            answer
        })?;
        let token = self.mint(&person).await.map_err(|error| {
            tracing::warn!(%error, "the demo could not mint a token");
            refuse(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, "no token can be made now")
        })?;
        Ok(json(StatusCode::OK, &Granted { token: &token, user_id: person.user.as_str(), name: &person.name }))
    }

    /// Reads the secret anew for each token, so that a reload needs no word to the demo.
    async fn mint(&self, person: &Person) -> Result<String, MintError> {
        let claims = Claims {
            user: person.user.clone(),
            name: Some(person.name.clone()),
            roles: Vec::new(),
            ttl: LIFETIME,
            extra: Map::new(),
        };
        let (auth, state_dir) = (self.auth.load_full(), self.state_dir.clone());
        let minted = tokio::task::spawn_blocking(move || mint::mint(&auth, &state_dir, claims)).await;
        minted.expect("minting does not panic, and nothing cancels it")
    }
}

/// Whatever `[cors]` allows elsewhere, no other page becomes anybody here.
fn is_own_page(headers: &HeaderMap) -> bool {
    cors::judge(&Cors::default(), None, headers) == Verdict::Own
}

/// What a form of another site cannot send unasked.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn invalid(status: StatusCode, message: &str) -> Answer {
    refuse(status, Code::Invalid, message)
}
