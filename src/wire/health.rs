//! `GET /api/socket/health`, `GET /livez` and `GET /readyz`: whether the server lives and can serve, for load balancers,
//! orchestrators and the applications' own checks.

use std::sync::Arc;

use serde::Serialize;

/// What the health route reports of the Socket.IO server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether the server can serve; if not, the route answers 503.
    pub initialized: bool,
    pub connected: usize,
    pub rooms: usize,
}

/// Asked at every request; handed in by whoever knows.
pub type Checkup = Arc<dyn Fn() -> Health + Send + Sync>;

/// The routes.
pub const PATHS: [&str; 3] = ["/api/socket/health", "/livez", "/readyz"];

/// The answer of `/livez` and `/readyz`.
#[derive(Serialize)]
pub struct Probe {
    pub status: &'static str,
    /// The part that does not do its work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<&'static str>,
}

/// The answer of `/api/socket/health`.
#[derive(Serialize)]
pub struct Report {
    pub status: &'static str,
    pub socket: Health,
}
