//! `[auth]`: how tokens are verified.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::units::Span;

/// The keys of `[auth]`, all taken on reload.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub algorithms: Vec<String>,
    pub secret: Option<String>,
    pub secret_file: Option<PathBuf>,
    pub public_key_file: Option<PathBuf>,
    pub jwks_file: Option<PathBuf>,
    pub jwks_url: Option<String>,
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub leeway: Span,
    pub required_claims: Vec<String>,
    pub user_claim: String,
    pub name_claim: String,
    pub roles_claim: String,
    pub allow_query_token: bool,
    pub disconnect_on_expiry: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            algorithms: vec!["HS256".into()],
            secret: None,
            secret_file: None,
            public_key_file: None,
            jwks_file: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            leeway: Span::secs(30),
            required_claims: Vec::new(),
            user_claim: "sub".into(),
            name_claim: "name".into(),
            roles_claim: "roles".into(),
            allow_query_token: false,
            disconnect_on_expiry: true,
        }
    }
}

/// The secret is left out, so that a configuration that is printed while debugging gives nothing away.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("algorithms", &self.algorithms)
            .field("secret", &self.secret.as_ref().map(|_| "[masked]"))
            .field("secret_file", &self.secret_file)
            .field("public_key_file", &self.public_key_file)
            .field("jwks_file", &self.jwks_file)
            .field("jwks_url", &self.jwks_url)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway", &self.leeway)
            .field("required_claims", &self.required_claims)
            .field("user_claim", &self.user_claim)
            .field("name_claim", &self.name_claim)
            .field("roles_claim", &self.roles_claim)
            .field("allow_query_token", &self.allow_query_token)
            .field("disconnect_on_expiry", &self.disconnect_on_expiry)
            .finish()
    }
}
