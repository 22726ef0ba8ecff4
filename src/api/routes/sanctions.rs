//! Bans, mutes, and tokens that count no more.

use serde::Serialize;
use serde_json::json;

use super::super::Api;
use super::super::call::Call;
use super::super::reply::Reply;
use super::Outcome;
use crate::domain::error::Error;
use crate::domain::sanction::{Sanction, Term};
use crate::domain::time::Time;

/// How long, and why.
#[derive(Serialize)]
pub struct TermBody {
    /// Null: until somebody ends it.
    until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub fn term(term: Option<Term>, now: Time) -> Option<TermBody> {
    let lasting = term.filter(|term| term.lasts(now))?;
    Some(TermBody { until: lasting.until, reason: lasting.reason })
}

/// The longest id of a token, in bytes.
const MAX_TOKEN_ID_BYTES: usize = 256;

fn wanted(call: &mut Call) -> Result<Term, Error> {
    let fields = call.optional_body();
    let until = fields.nullable_time("until")?.flatten();
    if until.is_some_and(|until| until <= Time::now()) {
        return Err(Error::invalid("until", "a time to come"));
    }
    Ok(Term { until, reason: fields.optional_string("reason")? })
}

pub async fn ban(api: &Api, call: &mut Call) -> Outcome {
    let (user, wanted) = (call.user()?, wanted(call)?);
    call.finish()?;
    let devices = api.chat().ban(&user, wanted.clone()).await?;
    Ok(Reply::ok(&json!({ "ban": term(Some(wanted), Time::now()), "devices": devices })))
}

pub async fn unban(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    call.finish()?;
    let was = api.chat().unban(&user).await?;
    Ok(Reply::ok(&json!({ "wasBanned": was })))
}

pub async fn mute(api: &Api, call: &mut Call) -> Outcome {
    let (user, wanted) = (call.user()?, wanted(call)?);
    call.finish()?;
    api.chat().mute(&user, wanted.clone()).await?;
    Ok(Reply::ok(&json!({ "mute": term(Some(wanted), Time::now()) })))
}

pub async fn unmute(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    call.finish()?;
    let was = api.chat().unmute(&user).await?;
    Ok(Reply::ok(&json!({ "wasMuted": was })))
}

pub async fn bans(api: &Api, call: &mut Call) -> Outcome {
    call.finish()?;
    Ok(Reply::ok(&json!({ "bans": all(api, |sanction| sanction.ban) })))
}

pub async fn mutes(api: &Api, call: &mut Call) -> Outcome {
    call.finish()?;
    Ok(Reply::ok(&json!({ "mutes": all(api, |sanction| sanction.mute) })))
}

fn all(api: &Api, of: impl Fn(Sanction) -> Option<Term>) -> Vec<serde_json::Value> {
    let now = Time::now();
    let all = api.chat().sanctions().all(now).into_iter();
    let mut found: Vec<_> = all.filter_map(|(user, sanction)| Some((user, term(of(sanction), now)?))).collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
        .into_iter()
        .map(|(user, term)| json!({ "userId": user, "until": term.until, "reason": term.reason }))
        .collect()
}

/// Every token of the user that was issued until now.
pub async fn revoke_all(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    call.optional_body();
    call.finish()?;
    let until = api.chat().revoke_tokens_of(&user).await?;
    Ok(Reply::ok(&json!({ "revokedUntil": until })))
}

/// One token, by its `jti`.
pub async fn revoke(api: &Api, call: &mut Call) -> Outcome {
    let fields = call.body()?;
    let id = fields.string("tokenId")?;
    if !(1..=MAX_TOKEN_ID_BYTES).contains(&id.len()) {
        return Err(Error::invalid("tokenId", format_args!("1 to {MAX_TOKEN_ID_BYTES} bytes")));
    }
    let expires_at = fields.nullable_time("expiresAt")?.flatten();
    call.finish()?;
    api.chat().revoke_token(id, expires_at).await?;
    Ok(Reply::ok(&json!({})))
}
