//! The claims of a token whose signature is good: whether they hold here and now, and whom they name (RFC 7519, section 4.1).

use std::time::Duration;

use serde_json::{Map, Value};

use super::config::Config;
use super::identity::{Flaw, Identity, Refusal};
use crate::domain::id::UserId;
use crate::domain::time::Time;

pub const MAX_NAME_BYTES: usize = 256;
const MAX_TOKEN_ID_BYTES: usize = 256;
/// The end of the year 9999 in seconds. A date behind it is most often one in milliseconds by mistake, and a token that
/// would so never expire is refused.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What `[auth]` asks of the claims.
#[derive(Clone, Debug)]
pub struct Rules {
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
    required: Vec<String>,
    user_claim: String,
    name_claim: String,
    roles_claim: String,
}

impl Rules {
    pub fn new(config: &Config) -> Self {
        Rules {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            leeway: config.leeway.0,
            required: config.required_claims.clone(),
            user_claim: config.user_claim.clone(),
            name_claim: config.name_claim.clone(),
            roles_claim: config.roles_claim.clone(),
        }
    }

    /// Holds the claims against the rules at the time `now`.
    pub fn identify(&self, claims: Map<String, Value>, now: Time) -> Result<Identity, Refusal> {
        let expires_at = date(&claims, "exp")?;
        let not_before = date(&claims, "nbf")?;
        let issued_at = date(&claims, "iat")?;
        for name in &self.required {
            present(&claims, name)?;
        }
        self.issuer(&claims)?;
        self.audience(&claims)?;
        let accepted_until = expires_at.map(|at| at.saturating_add(self.leeway));
        if accepted_until.is_some_and(|until| now >= until) {
            return Err(Refusal::Expired);
        }
        if not_before.is_some_and(|from| now.saturating_add(self.leeway) < from) {
            return Err(Flaw::NotYetValid.into());
        }
        Ok(Identity {
            user: self.user(&claims)?,
            name: claims.get(&self.name_claim).and_then(Value::as_str).and_then(display_name),
            roles: claims.get(&self.roles_claim).map(roles).unwrap_or_default(),
            expires_at,
            accepted_until,
            issued_at,
            token_id: token_id(&claims)?,
            claims,
        })
    }

    fn issuer(&self, claims: &Map<String, Value>) -> Result<(), Flaw> {
        let Some(expected) = &self.issuer else { return Ok(()) };
        let found = present(claims, "iss")?;
        if found.as_str() == Some(expected) { Ok(()) } else { Err(Flaw::Issuer) }
    }

    fn audience(&self, claims: &Map<String, Value>) -> Result<(), Flaw> {
        let Some(expected) = &self.audience else { return Ok(()) };
        let holds = match present(claims, "aud")? {
            Value::String(one) => one == expected,
            Value::Array(many) => many.iter().all(Value::is_string) && many.iter().any(|one| one == expected),
            _ => false,
        };
        if holds { Ok(()) } else { Err(Flaw::Audience) }
    }

    /// The first of the configured claim, `userId` and `id` that is there; where it is unfit, no other takes its place.
    fn user(&self, claims: &Map<String, Value>) -> Result<UserId, Flaw> {
        for name in [self.user_claim.as_str(), "userId", "id"] {
            let text = match claims.get(name) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => Some(text.clone()),
                // RFC 7519 makes `sub` a string; other claims often hold the number of a database row.
                Some(Value::Number(number)) if name != "sub" && !number.is_f64() => Some(number.to_string()),
                Some(_) => None,
            };
            let user = text.and_then(|text| UserId::new(&text).ok());
            return user.ok_or_else(|| Flaw::User(name.to_owned()));
        }
        Err(Flaw::MissingClaim(self.user_claim.clone()))
    }
}

fn present<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a Value, Flaw> {
    claims.get(name).filter(|value| !value.is_null()).ok_or_else(|| Flaw::MissingClaim(name.to_owned()))
}

/// A NumericDate: seconds since 1970, with or without a fraction.
fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Time>, Flaw> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| seconds.abs() <= LAST_SECOND).ok_or(Flaw::NotADate(name))?;
    // Within the bound a double keeps milliseconds, and the cast cannot leave the range of an i64.
    Ok(Some(Time((seconds * 1000.0).round() as i64)))
}

/// Control characters are left out and the rest is cut to size: a display name that is odd should not lock its user out.
fn display_name(text: &str) -> Option<String> {
    let mut name: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    (!name.is_empty()).then_some(name)
}

/// A list of strings, or one string split at spaces and commas; what is neither names no role.
fn roles(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).filter(|role| !role.is_empty()).map(Into::into).collect()
        }
        Value::String(text) => text.split([' ', ',']).filter(|role| !role.is_empty()).map(Into::into).collect(),
        _ => Vec::new(),
    }
}

fn token_id(claims: &Map<String, Value>) -> Result<Option<String>, Flaw> {
    match claims.get("jti") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if id.len() <= MAX_TOKEN_ID_BYTES => Ok(Some(id.clone())),
        Some(_) => Err(Flaw::TokenId),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_cleaned_and_cut_at_a_character() {
        assert_eq!(display_name(" Ada\u{7}\n Lovelace "), Some("Ada Lovelace".into()));
        assert_eq!(display_name("\u{0}\t "), None);
        let long = display_name(&"ü".repeat(200)).unwrap();
        assert_eq!((long.len(), long.chars().count()), (256, 128));
        assert_eq!(display_name(&format!("a{}", "ü".repeat(200))).unwrap().len(), 255);
    }

    #[test]
    fn roles_come_as_a_list_or_as_text() {
        assert_eq!(roles(&json!(["admin", 1, "", "staff"])), ["admin", "staff"]);
        assert_eq!(roles(&json!("admin, staff  guest")), ["admin", "staff", "guest"]);
        for other in [json!(null), json!(1), json!({"admin": true})] {
            assert!(roles(&other).is_empty());
        }
    }
}
