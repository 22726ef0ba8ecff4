//! `/api/v1`: the HTTP API for the application's own back end, behind keys.
//!
//! [`routes`] is the table of all there is; each route reads a [`call::Call`] and calls the verb of `chat` that the socket
//! event or the operator's command calls. [`keys`] says who may, [`problem`] is what a refusal looks like, [`idempotency`]
//! answers a repeated request as it was answered, and [`openapi`] describes it all, from the same table.

mod call;
pub mod config;
mod figures;
mod idempotency;
pub mod keys;
mod openapi;
mod problem;
mod reply;
mod routes;
mod schema;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use self::call::Call;
use self::config::Scope;
use self::figures::Figures;
use self::keys::{Key, Keyring};
use self::reply::Reply;
use self::routes::{Found, Route};
use crate::chat::Chat;
use crate::domain::error::{Code, Error};
use crate::domain::units::ByteSize;
use crate::meter::Distribution;
use crate::wire::annex::Annex;
use crate::wire::dispatch::Shared;
use crate::wire::http::Answer;
use crate::wire::peer::Address;

const ROOT: &str = "/api/v1";
const DESCRIPTION: &str = "/openapi.json";
/// The largest body.
const MAX_BODY: ByteSize = ByteSize::mib(1);

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_REQUEST_ID_BYTES: usize = 128;

pub struct Api {
    shared: Arc<Shared>,
    keys: Arc<ArcSwap<Keyring>>,
    routes: Vec<Route>,
    description: Bytes,
    running: idempotency::Running,
    figures: Figures,
}

/// What came of a request: an answer, or a refusal with the status that HTTP has for it.
type Handled = Result<Answer, (StatusCode, Error)>;

impl Api {
    pub fn new(shared: Arc<Shared>, keys: Arc<ArcSwap<Keyring>>) -> Self {
        let routes = routes::all();
        let description = Bytes::from(openapi::describe(&routes).to_string());
        let figures = Figures::new(routes.len());
        Api { shared, keys, routes, description, running: idempotency::Running::default(), figures }
    }

    /// How often each route was asked, by outcome.
    pub fn requests(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.figures.counts(&self.routes)
    }

    /// How long answers took.
    pub fn latency(&self) -> Distribution {
        self.figures.latency()
    }

    fn chat(&self) -> &Arc<Chat> {
        &self.shared.chat
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    async fn respond(&self, request: Request<Bytes>) -> Answer {
        let (began, id) = (Instant::now(), request_id(&request));
        let mut asked = None;
        let answer = match self.handle(&request, &id, &mut asked).await {
            Ok(answer) => answer,
            Err((status, error)) => problem::answer(status, &error, &id),
        };
        self.figures.note(&self.routes, asked, answer.status(), began.elapsed());
        stamped(answer, &id)
    }

    /// The name of the route is in `asked` then, where there is one.
    async fn handle(&self, request: &Request<Bytes>, id: &str, asked: &mut Option<&'static str>) -> Handled {
        let path = request.uri().path().strip_prefix(ROOT).unwrap_or_default();
        // A question without its body.
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        if path == DESCRIPTION {
            return match *method {
                Method::GET => Ok(self.describe(request)),
                _ => Ok(wrong_method(&[&Method::GET], id)),
            };
        }
        let key = self.key_of(request).map_err(refused)?;
        let (route, values) = match routes::find(&self.routes, method, path) {
            Found::Route(route, values) => (route, values),
            Found::Methods(methods) => return Ok(wrong_method(&methods, id)),
            Found::Nothing => return Err(refused(Error::not_found("path"))),
        };
        *asked = Some(route.id);
        let from = request.extensions().get::<Address>().copied().unwrap_or(Address::Unix);
        key.check(route.scope, from).map_err(refused)?;
        if *method != Method::GET && self.shared.draining.load(Ordering::Relaxed) {
            return Err(refused(Error::unavailable("the server is going down, retry")));
        }
        let body = body_of(request)?;
        let query = request.uri().query().unwrap_or_default();
        let call = Call::new(values, query, body).map_err(refused)?;
        let outcome = match idempotency::Wish::of(request, &key.name).map_err(refused)? {
            Some(wish) => {
                let call = call.known_by(Some(wish.client_id()));
                self.once(wish, !routes::MAKES_ANEW.contains(&route.id), self.run(route, call)).await?
            }
            None => (self.run(route, call).await.map_err(refused)?, false),
        };
        let (reply, replayed) = outcome;
        log(route, &key, id, reply.status);
        let mut answer = made(request, method, reply);
        if replayed {
            answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(answer)
    }

    /// A panic is a defect of ours, and this one request's.
    async fn run(&self, route: &Route, mut call: Call) -> Result<Reply, Error> {
        let running = AssertUnwindSafe(async { (route.run)(self, &mut call).await });
        running.catch_unwind().await.unwrap_or_else(|_| {
            let error_id = uuid::Uuid::new_v4().to_string();
            tracing::error!(error.id = %error_id, api.route = route.id, "a route panicked");
            Err(Error::internal(error_id))
        })
    }

    fn key_of(&self, request: &Request<Bytes>) -> Result<Arc<Key>, Error> {
        let missing = || Error::new(Code::TokenMissing, "an API key is needed: `Authorization: Bearer KEY`");
        let header = request.headers().get(AUTHORIZATION).ok_or_else(missing)?;
        let text = header.to_str().map_err(|_| keys::unknown())?;
        let (kind, presented) = text.split_once(' ').ok_or_else(missing)?;
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        self.keys.load().find(presented.trim()).ok_or_else(keys::unknown)
    }

    fn describe(&self, request: &Request<Bytes>) -> Answer {
        let reply = Reply { status: StatusCode::OK, body: self.description.to_vec() };
        let mut answer = made(request, &Method::GET, reply);
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        answer
    }
}

impl Annex for Api {
    fn takes(&self, path: &str) -> Option<ByteSize> {
        let rest = path.strip_prefix(ROOT)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(MAX_BODY)
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Box::pin(async move { self.respond(request).await });
        }
        // A caller who hangs up ends their wait, and not what they asked for: between the deed and the answer that is kept of
        // it, the deed would be done again under the same Idempotency-Key.
        let api = Arc::clone(&self);
        let begun = self.shared.tasks.spawn(async move { api.respond(request).await });
        Box::pin(async move {
            let broken = |_| self.refuse(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "the request broke off");
            begun.await.unwrap_or_else(broken)
        })
    }

    fn refuse(&self, status: StatusCode, code: Code, message: &str) -> Answer {
        let id = new_id();
        stamped(problem::answer(status, &Error::new(code, message), &id), &id)
    }
}

fn refused(error: Error) -> (StatusCode, Error) {
    (problem::status_of(error.code), error)
}

/// The id under which the logs of both sides know a request.
fn request_id(request: &Request<Bytes>) -> String {
    let given = [REQUEST_ID, HeaderName::from_static("x-request-id")].into_iter().find_map(|name| {
        let text = request.headers().get(name)?.to_str().ok()?;
        let fits = (1..=MAX_REQUEST_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| text.to_owned())
    });
    given.unwrap_or_else(new_id)
}

fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// What every answer bears.
fn stamped(mut answer: Answer, id: &str) -> Answer {
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

fn wrong_method(methods: &[&Method], id: &str) -> Answer {
    let names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    let names = names.join(", ");
    let error = Error::new(Code::Invalid, format!("this path answers {names}"));
    let mut answer = problem::answer(StatusCode::METHOD_NOT_ALLOWED, &error, id);
    if let Ok(names) = HeaderValue::from_str(&names) {
        answer.headers_mut().insert(ALLOW, names);
    }
    answer
}

/// The body in JSON, where there is one.
fn body_of(request: &Request<Bytes>) -> Result<Option<Value>, (StatusCode, Error)> {
    if request.body().is_empty() {
        return Ok(None);
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let error = Error::invalid("content-type", "application/json");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
    }
    let body = serde_json::from_slice(request.body());
    body.map(Some).map_err(|error| refused(Error::invalid("body", format_args!("JSON: {error}"))))
}

fn made(request: &Request<Bytes>, method: &Method, reply: Reply) -> Answer {
    let tag = (*method == Method::GET).then(|| tag_of(&reply.body));
    let same = tag.as_deref().is_some_and(|tag| {
        let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        known.split(',').any(|known| known.trim() == tag || known.trim() == "*")
    });
    let mut answer = Response::new(if same { Full::default() } else { Full::from(reply.body) });
    *answer.status_mut() = if same { StatusCode::NOT_MODIFIED } else { reply.status };
    let headers = answer.headers_mut();
    if !same {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(Ok(tag)) = tag.map(|tag| HeaderValue::from_str(&tag)) {
        headers.insert(ETAG, tag);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    answer
}

/// The same answer has the same tag; a weak one, as the answer may be compressed.
fn tag_of(body: &[u8]) -> String {
    let hash: String = keys::sha256(body)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hash}\"")
}

/// What operators would do is in the log, as what they do is.
fn log(route: &Route, key: &Key, id: &str, status: StatusCode) {
    let (status, key) = (status.as_u16(), &*key.name);
    if route.scope == Scope::Admin {
        tracing::info!(
            api.route = route.id,
            api.key = key,
            api.status = status,
            request.id = id,
            "done for the back end"
        );
    } else {
        tracing::debug!(
            api.route = route.id,
            api.key = key,
            api.status = status,
            request.id = id,
            "done for the back end"
        );
    }
}
