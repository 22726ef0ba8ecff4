//! A listener of its own for `/metrics`, so that the figures need not be where the clients come in.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Metrics, PATH};
use crate::domain::error::Code;
use crate::wire::bind::{self, BindError, Listener};
use crate::wire::http::refuse;
use crate::wire::socket::Socket;

/// Scrapers that are answered at a time; more of them wait.
const MAX_CONNECTIONS: usize = 16;

/// How long a request may take to arrive, and how long an idle connection is kept.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait where the system has no resources for one more connection.
const BACKOFF: Duration = Duration::from_millis(100);

/// Listens on `address`.
///
/// # Errors
/// Where that is not possible.
pub fn bind(address: &str, unix_mode: u32) -> Result<Vec<Listener>, BindError> {
    bind::bind(&[address.to_owned()], unix_mode)
}

impl Metrics {
    /// Answers those who come to `listener` until `end`.
    pub async fn serve(self: Arc<Self>, listener: Listener, end: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let Some((Ok(place), accepted)) = end.run_until_cancelled(next).await else { return };
            let Ok((socket, _)) = accepted else {
                end.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
                continue;
            };
            let (metrics, end) = (Arc::clone(&self), end.clone());
            tokio::spawn(async move {
                end.run_until_cancelled(metrics.converse(socket)).await;
                drop(place);
            });
        }
    }

    async fn converse(&self, socket: Socket) {
        let service = service_fn(|request| {
            let answer = match request.uri().path() {
                PATH => self.respond(&request),
                _ => refuse(StatusCode::NOT_FOUND, Code::NotFound, "no such path"),
            };
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(socket), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a scraper's connection ended with an error");
        }
    }
}
