//! Listeners beside the main one, for annexes that need not be where the clients come in.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::annex::{Annex, visit};
use super::bind::{self, BindError, Listener};
use super::config::Compression;
use super::encoding;
use super::http::refuse;
use super::peer::Address;
use super::socket::Socket;
use crate::domain::error::Code;

/// How long a request may take to arrive, and how long an idle connection is kept.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait where the system has no resources for one more connection.
const BACKOFF: Duration = Duration::from_millis(100);

/// What answers beside the main listener.
pub struct Side {
    pub annex: Arc<dyn Annex>,
    pub compression: Arc<ArcSwap<Compression>>,
    /// Connections that are served at a time; more of them wait.
    pub max_connections: usize,
}

/// Listens on `address`.
///
/// # Errors
/// Where that is not possible.
pub fn bind(address: &str, unix_mode: u32) -> Result<Vec<Listener>, BindError> {
    bind::bind(&[address.to_owned()], unix_mode)
}

impl Side {
    /// Answers those who come to `listener` until `end`.
    pub async fn serve(self: Arc<Self>, listener: Listener, end: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let Some((Ok(place), accepted)) = end.run_until_cancelled(next).await else { return };
            let Ok((socket, peer)) = accepted else {
                end.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
                continue;
            };
            let (side, end) = (Arc::clone(&self), end.clone());
            tokio::spawn(async move {
                end.run_until_cancelled(side.converse(socket, peer.address)).await;
                drop(place);
            });
        }
    }

    async fn converse(&self, socket: Socket, from: Address) {
        let service = service_fn(|request| async move {
            let Some(terms) = encoding::negotiate(&request, &self.compression.load()) else {
                let message = "zstd, br, gzip, deflate or identity, where compression is on";
                return Ok::<_, Infallible>(refuse(StatusCode::NOT_ACCEPTABLE, Code::Invalid, message));
            };
            let answer = visit(std::slice::from_ref(&self.annex), from, request, PATIENCE).await;
            Ok(terms.apply(answer).await)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(socket), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection beside the main listener ended with an error");
        }
    }
}
