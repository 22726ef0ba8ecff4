//! What a token turns into: an identity, or a refusal that the client may read.

use std::fmt;

use serde_json::{Map, Value};

use crate::domain::error::{Code, Error};
use crate::domain::id::UserId;
use crate::domain::time::Time;

/// Who a verified token speaks for.
#[derive(Clone, PartialEq)]
pub struct Identity {
    pub user: UserId,
    /// The display name: at most 256 bytes, without control characters, never empty.
    pub name: Option<String>,
    pub roles: Vec<String>,
    /// The token's own `exp`, as the client is told it.
    pub expires_at: Option<Time>,
    /// `exp` and the leeway: a connection that ends on expiry ends here, else one that was let in within the leeway would
    /// be closed at once.
    pub accepted_until: Option<Time>,
    /// When the token was issued, so that all earlier tokens of a user can be revoked together.
    pub issued_at: Option<Time>,
    /// The token's `jti`, by which it can be revoked alone.
    pub token_id: Option<String>,
    /// Every claim as it came, for plugins.
    pub claims: Map<String, Value>,
}

/// Claims are personal data and stay out of logs, so only their number is shown.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.user)
            .field("expires_at", &self.expires_at)
            .field("claims", &self.claims.len())
            .finish_non_exhaustive()
    }
}

/// Why a token was not accepted. The text is for the client: it says what is wrong and nothing of the keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("token: none was given")]
    Missing,
    #[error("token: {0}")]
    Invalid(Flaw),
    #[error("token: expired")]
    Expired,
    /// The key set at `jwks_url` has not arrived, or could not be asked for a key that it did not hold before.
    #[error("token: the keys to check it with cannot be reached, try again later")]
    KeysUnavailable,
}

/// What makes a token invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("longer than {} bytes", super::jwt::MAX_TOKEN_BYTES)]
    TooLong,
    #[error("not a signed JWT in compact form")]
    Malformed,
    #[error("unreadable header")]
    Header,
    #[error("encrypted or compressed tokens are not accepted")]
    Encrypted,
    #[error("wrong type, expected JWT or at+jwt")]
    Type,
    #[error("critical extensions are not accepted")]
    Critical,
    #[error("an unencoded payload is not accepted")]
    Unencoded,
    #[error("algorithm not accepted")]
    Algorithm,
    #[error("kid must be a string")]
    KeyName,
    #[error("signed with an unknown key")]
    UnknownKey,
    #[error("wrong signature")]
    Signature,
    #[error("unreadable claims")]
    Claims,
    #[error("{0} must be a number of seconds since 1970")]
    NotADate(&'static str),
    #[error("not valid yet")]
    NotYetValid,
    #[error("claim {0} is missing")]
    MissingClaim(String),
    #[error("wrong issuer")]
    Issuer,
    #[error("wrong audience")]
    Audience,
    #[error("claim {0} is no user id: expected {id}", id = crate::domain::id::BadId)]
    User(String),
    #[error("jti must be a short string")]
    TokenId,
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        Refusal::Invalid(flaw)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Missing => Code::TokenMissing,
            Refusal::Invalid(_) => Code::TokenInvalid,
            Refusal::Expired => Code::TokenExpired,
            Refusal::KeysUnavailable => Code::Unavailable,
        };
        Error::new(code, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_as_the_client_gets_them() {
        let shown = |refusal: Refusal| Error::from(refusal).to_string();
        assert_eq!(shown(Refusal::Missing), "TOKEN_MISSING: token: none was given");
        assert_eq!(shown(Flaw::Issuer.into()), "TOKEN_INVALID: token: wrong issuer");
        assert_eq!(shown(Refusal::Expired), "TOKEN_EXPIRED: token: expired");
        assert!(shown(Refusal::KeysUnavailable).starts_with("UNAVAILABLE: token: the keys"));
    }
}
