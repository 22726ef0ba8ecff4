//! `token.*`

use std::time::Duration;

use crate::admin::answer::{Minted, Revoked, Verified};
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::auth::mint::Claims;
use crate::console::{Console, Errand, refused, user_id};
use crate::domain::error::Error;
use crate::domain::time::Time;
use crate::domain::units::Span;

/// The longest token id that is taken.
const MAX_ID_BYTES: usize = 256;

pub async fn mint(console: &Console, request: request::TokenMint) -> Result<Minted, Failure> {
    let claims = Claims {
        user: user_id(&request.user)?,
        name: request.name,
        roles: request.roles,
        ttl: Span(Duration::from_secs(request.seconds)),
        extra: request.claims,
    };
    let token = console.ask(|reply| Errand::Mint(claims, reply)).await??;
    Ok(Minted { token })
}

pub async fn verify(console: &Console, request: request::TokenVerify) -> Result<Verified, Failure> {
    let verifier = console.shared.verifier.load_full();
    let identity = match verifier.verify(request.token.trim()).await {
        Ok(identity) => identity,
        Err(refusal) => {
            let refusal = Some(Error::from(refusal).to_string());
            let nobody = Verified {
                valid: false,
                refusal,
                user: None,
                name: None,
                roles: Vec::new(),
                token_id: None,
                issued_at: None,
                expires_at: None,
            };
            return Ok(nobody);
        }
    };
    let (id, issued_at) = (identity.token_id.as_deref(), identity.issued_at);
    let welcome = console.chat.sanctions().may_enter(&identity.user, id, issued_at, Time::now());
    Ok(Verified {
        valid: welcome.is_ok(),
        refusal: welcome.err().map(|error| error.to_string()),
        user: Some(identity.user.to_string()),
        name: identity.name,
        roles: identity.roles,
        token_id: identity.token_id,
        issued_at: identity.issued_at.map(|at| at.to_string()),
        expires_at: identity.expires_at.map(|at| at.to_string()),
    })
}

pub async fn revoke(console: &Console, request: request::TokenRevoke) -> Result<Revoked, Failure> {
    let revoked = match (request.token, request.user) {
        (Some(token), None) => one(console, token.trim()).await?,
        (None, Some(user)) => {
            let user = user_id(&user)?;
            console.chat.revoke_tokens_of(&user).await.map_err(refused)?;
            Revoked { token_id: None, user: Some(user.to_string()) }
        }
        _ => return Err(Failure::bad_params("expected either a token or a user")),
    };
    // Who lives by it is not left in until the clock comes round.
    console.shared.end_unwelcome(false);
    Ok(revoked)
}

/// A token in compact form has two dots; anything else is the id of one.
async fn one(console: &Console, text: &str) -> Result<Revoked, Failure> {
    if text.matches('.').count() != 2 {
        if text.is_empty() || text.len() > MAX_ID_BYTES || text.chars().any(char::is_control) {
            return Err(Failure::bad_params("token: expected a token or its id"));
        }
        console.chat.revoke_token(text.to_owned(), None).await.map_err(refused)?;
        return Ok(Revoked { token_id: Some(text.to_owned()), user: None });
    }
    let identity = console.shared.verifier.load_full().verify(text).await;
    let identity = identity.map_err(|refusal| refused(refusal.into()))?;
    let Some(id) = identity.token_id else {
        let failure = Failure::refused("INVALID", "the token has no id (`jti`), so it cannot be revoked alone");
        return Err(failure.hint(format!("chatctl token revoke --user {}", identity.user)));
    };
    console.chat.revoke_token(id.clone(), identity.accepted_until).await.map_err(refused)?;
    Ok(Revoked { token_id: Some(id), user: Some(identity.user.to_string()) })
}
