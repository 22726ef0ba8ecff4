//! What is answered beside Socket.IO: figures and the API, on the main listener or, by `[metrics] listen` and `[api] listen`,
//! on listeners of their own, where the clients do not come in.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::api::Api;
use crate::metrics::Metrics;
use crate::wire::annex::Annex;
use crate::wire::bind::{BindError, Listener};
use crate::wire::config::Compression;
use crate::wire::side::{self, Side};

/// Connections that are served at a time.
const MAX_SCRAPERS: usize = 16;
const MAX_CALLERS: usize = 256;

/// One of them that has listeners of its own.
struct Apart {
    name: &'static str,
    annex: Arc<dyn Annex>,
    listeners: Vec<Listener>,
    max_connections: usize,
}

#[derive(Default)]
pub struct Sides {
    /// On the main listener.
    pub beside: Vec<Arc<dyn Annex>>,
    apart: Vec<Apart>,
}

impl Sides {
    /// Listens where the configuration wants something apart from the clients.
    ///
    /// # Errors
    /// Where an address cannot be listened on.
    pub fn open(config: &Config, metrics: Arc<Metrics>, api: Arc<Api>) -> Result<Self, BindError> {
        let mut sides = Sides::default();
        if config.metrics.enabled {
            sides.add("metrics", metrics, config.metrics.listen.as_deref(), MAX_SCRAPERS, config)?;
        }
        if config.api.enabled {
            sides.add("api", api, config.api.listen.as_deref(), MAX_CALLERS, config)?;
        }
        Ok(sides)
    }

    fn add(
        &mut self,
        name: &'static str,
        annex: Arc<dyn Annex>,
        address: Option<&str>,
        max_connections: usize,
        config: &Config,
    ) -> Result<(), BindError> {
        match address {
            None => self.beside.push(annex),
            Some(address) => {
                let listeners = side::bind(address, config.server.unix_mode.0)?;
                self.apart.push(Apart { name, annex, listeners, max_connections });
            }
        }
        Ok(())
    }

    /// Answers those who come to the listeners until `end`.
    pub fn serve(self, compression: &Arc<ArcSwap<Compression>>, end: &CancellationToken) {
        for Apart { name, annex, listeners, max_connections } in self.apart {
            let side = Arc::new(Side { annex, compression: Arc::clone(compression), max_connections });
            for listener in listeners {
                tracing::info!(address = %listener, "{name}");
                tokio::spawn(Arc::clone(&side).serve(listener, end.clone()));
            }
        }
    }
}
