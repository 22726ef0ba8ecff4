//! `[metrics] listen`: a listener of its own for the figures.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::metrics::{Metrics, listen};
use crate::wire::bind::{BindError, Listener};

/// Listens where the configuration wants figures apart from the clients; on nothing where it does not.
///
/// # Errors
/// Where the address cannot be listened on.
pub fn listeners(config: &Config) -> Result<Vec<Listener>, BindError> {
    let address = config.metrics.listen.as_ref().filter(|_| config.metrics.enabled);
    address.map_or(Ok(Vec::new()), |address| listen::bind(address, config.server.unix_mode.0))
}

/// Answers scrapers until `end`.
pub fn serve(metrics: &Arc<Metrics>, listeners: Vec<Listener>, end: &CancellationToken) {
    for listener in listeners {
        tracing::info!(address = %listener, "metrics");
        tokio::spawn(Arc::clone(metrics).serve(listener, end.clone()));
    }
}
