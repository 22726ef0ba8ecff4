//! Routes of rooms above this one, and how their requests come to them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::http::{Answer, closing, refuse};
use super::peer::Address;
use crate::domain::error::Code;
use crate::domain::units::ByteSize;

/// How long and how much of a body that is too large is read before it is refused.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 << 20;

const TOO_LARGE: &str = "the body is larger than the server takes";

/// Routes of a room above this one.
pub trait Annex: Send + Sync {
    /// The largest body that `path` takes; nothing where it is none of the annex's own.
    fn takes(&self, path: &str) -> Option<ByteSize>;

    /// Answers a request whose path it takes. Its extensions have the [`Address`] that it comes from. The answer is dropped,
    /// finished or not, when the caller hangs up: what must not end there belongs into a task.
    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer>;

    /// Refuses a request whose body could not be had.
    fn refuse(&self, status: StatusCode, code: Code, message: &str) -> Answer {
        refuse(status, code, message)
    }
}

/// Has the annex answer whose path it is.
pub(super) async fn visit(
    annexes: &[Arc<dyn Annex>],
    from: Address,
    mut request: Request<Incoming>,
    timeout: Duration,
) -> Answer {
    let taken = annexes.iter().find_map(|annex| Some((annex, annex.takes(request.uri().path())?)));
    let Some((annex, limit)) = taken else {
        return refuse(StatusCode::NOT_FOUND, Code::NotFound, "no such path");
    };
    request.extensions_mut().insert(from);
    match collected(request, limit, timeout).await {
        Ok(request) => Arc::clone(annex).answer(request).await,
        Err(Uncollected { status, code, message, closes }) => {
            let answer = annex.refuse(status, code, message);
            if closes { closing(answer) } else { answer }
        }
    }
}

/// Reads what nobody will look at: a client that is cut off while it writes does not read why.
async fn discard(mut body: Incoming) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let len = frame.data_ref().map_or(0, bytes::Bytes::len);
        match left.checked_sub(len) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// Why there is no body.
pub(super) struct Uncollected {
    pub status: StatusCode,
    pub code: Code,
    pub message: &'static str,
    pub closes: bool,
}

/// Waits for the whole body, of at most `limit`.
pub(super) async fn collected(
    request: Request<Incoming>,
    limit: ByteSize,
    timeout: Duration,
) -> Result<Request<Bytes>, Uncollected> {
    // The rest of the body may still be on its way.
    let fail = |status, code, message| Uncollected { status, code, message, closes: true };
    let too_large = || fail(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, TOO_LARGE);
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let (parts, body) = request.into_parts();
    if declared.is_some_and(|len| len > limit.0) {
        let _ = tokio::time::timeout(LINGER, discard(body)).await;
        return Err(too_large());
    }
    let body = tokio::time::timeout(timeout, Limited::new(body, limit.as_usize()).collect()).await;
    match body {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Uncollected { closes: false, ..fail(StatusCode::BAD_REQUEST, Code::Invalid, "bad request") }),
        Err(_) => Err(fail(StatusCode::REQUEST_TIMEOUT, Code::Invalid, "the body took too long to arrive")),
    }
}
