//! `GET /api/socket/health`: whether the server can serve, for load balancers and the applications' own checks.

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

/// The route's answer.
#[derive(Serialize)]
pub struct Report {
    pub status: &'static str,
    pub socket: Health,
}
