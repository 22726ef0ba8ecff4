//! What a route answers.

use http::StatusCode;
use serde::Serialize;

/// An answer that is not a refusal: always an object.
pub struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn ok<T: Serialize>(body: &T) -> Self {
        Self::with(StatusCode::OK, body)
    }

    /// Something is there that was not there before.
    pub fn created<T: Serialize>(body: &T) -> Self {
        Self::with(StatusCode::CREATED, body)
    }

    fn with<T: Serialize>(status: StatusCode, body: &T) -> Self {
        let body = serde_json::to_vec(body).expect("bodies have string keys and no failing serialiser");
        Reply { status, body }
    }
}
