//! What can go wrong with the store, and what a client may know of it.

use rusqlite::ErrorCode;

use crate::domain::error::Error as Refusal;

/// The store failed; nothing of the work at hand was kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("too many writes are waiting")]
    Overloaded,
    #[error("the store is closed")]
    Closed,
    #[error("the work on the store panicked")]
    Panicked,
    #[error("a write was given up half-way{}{}", if .0.is_some() { ": " } else { "" }, .0.as_deref().unwrap_or_default())]
    HalfDone(Option<String>),
    #[error("stored data is malformed: {0}")]
    Malformed(&'static str),
}

/// Why a piece of work ended without a result: a rule refused it, or the store failed.
#[derive(Debug)]
pub enum Abort {
    Refused(Refusal),
    Failed(Error),
}

impl From<Refusal> for Abort {
    fn from(refusal: Refusal) -> Self {
        Abort::Refused(refusal)
    }
}

impl From<Error> for Abort {
    fn from(error: Error) -> Self {
        Abort::Failed(error)
    }
}

impl From<rusqlite::Error> for Abort {
    fn from(error: rusqlite::Error) -> Self {
        Abort::Failed(Error::Sqlite(error))
    }
}

impl Error {
    /// Whether the store may serve again by itself: a full disk, an I/O error, a lock.
    pub fn is_outage(&self) -> bool {
        match self {
            Error::Overloaded | Error::Closed => true,
            Error::Panicked | Error::HalfDone(_) | Error::Malformed(_) => false,
            Error::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => !matches!(
                failure.code,
                ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::ApiMisuse | ErrorCode::Unknown
            ),
            Error::Sqlite(_) => false,
        }
    }

    /// What the client reads: an outage is `UNAVAILABLE`; all else is a defect, found in the log by its id.
    pub fn into_refusal(self) -> Refusal {
        if self.is_outage() {
            return Refusal::unavailable("the store is unavailable, retry with the same clientId");
        }
        let error_id = uuid::Uuid::new_v4().to_string();
        tracing::error!(error.id = %error_id, error = %self, "the store failed");
        Refusal::internal(error_id)
    }
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("store: {path} cannot be opened: {source}")]
    Open { path: String, source: rusqlite::Error },
    #[error("store: {path} has schema {found}, this chatd knows up to {known}: it was written by a newer version")]
    Newer { path: String, found: i64, known: i64 },
    #[error("store: {path} is in use by another chatd")]
    InUse { path: String },
    #[error("store: {path}: {source}")]
    Io { path: String, source: std::io::Error },
}
