//! What is kept of the request that opens a session, for as long as the session lives.
//!
//! The library keeps the whole request. Its headers and its URI are slices of hyper's read buffer, and a single one of
//! them holds all 8 KiB of that: so what is read later on is copied, and the rest is left behind.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SEC_WEBSOCKET_KEY};
use http::{Request, Uri};
use http_body_util::Full;
use parking_lot::Mutex;

/// The headers that are read later on: a token, and what the library answers a WebSocket's request by.
const KEPT: [HeaderName; 2] = [AUTHORIZATION, SEC_WEBSOCKET_KEY];

/// The request without its body, in memory of its own.
pub fn detach<B>(request: Request<B>) -> Request<Full<Bytes>> {
    let (mut parts, _) = request.into_parts();
    let mut kept = HeaderMap::with_capacity(KEPT.len());
    for name in KEPT {
        let copy = parts.headers.get(&name).and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        if let Some(mut copy) = copy {
            copy.set_sensitive(name == AUTHORIZATION);
            kept.insert(name, copy);
        }
    }
    parts.headers = kept;
    parts.uri = Uri::try_from(parts.uri.to_string()).unwrap_or_default();
    Request::from_parts(parts, Full::default())
}

/// The headers of the request that opens a session, for those who decide who is let in: taken once, and gone.
#[derive(Clone)]
pub struct Headers(Arc<Mutex<Option<Shown>>>);

/// Names and values.
pub type Shown = Vec<(String, String)>;

/// What proves who somebody is, which is nobody else's business.
const SECRET: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

impl Headers {
    pub fn of(headers: &HeaderMap) -> Self {
        let shown = headers.iter().filter(|(name, _)| !SECRET.contains(name));
        let shown = shown.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        Headers(Arc::new(Mutex::new(Some(shown.collect()))))
    }

    pub fn take(&self) -> Shown {
        self.0.lock().take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_does_not_hold_the_buffer_that_it_came_in() {
        let buffer = Bytes::from("/socket.io/?EIO=4&token=x Bearer y no one asks for this".to_owned());
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_maybe_shared(buffer.slice(..25)).expect("a URI");
        for (name, range) in [("authorization", 26..34), ("user-agent", 35..55)] {
            let value = HeaderValue::from_maybe_shared(buffer.slice(range)).expect("a value");
            request.headers_mut().insert(name, value);
        }
        request.extensions_mut().insert(5_u8);
        assert!(!buffer.is_unique());

        let kept = detach(request);
        assert!(buffer.is_unique());
        assert_eq!(kept.uri(), "/socket.io/?EIO=4&token=x");
        assert_eq!(kept.headers()["authorization"], "Bearer y");
        assert_eq!(kept.headers().len(), 1);
        assert_eq!(kept.extensions().get(), Some(&5_u8));
    }
}
