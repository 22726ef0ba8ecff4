//! `user.*` and `broadcast`.

use std::time::Duration;

use super::connection;
use super::near;
use crate::admin::answer::{AbsentDevice, Kicked, Notified, Pardoned, Sanctioned, Term, UserDetail, UserLine, Users};
use crate::admin::protocol::Failure;
use crate::admin::request::{self, Only};
use crate::chat::MemberChange;
use crate::chat::operate::Whom;
use crate::console::{Console, conversation_id, refused, user_id};
use crate::domain::id::UserId;
use crate::domain::sanction::{self, Sanction};
use crate::domain::time::Time;

/// Users of one page at most.
const MAX_PAGE: u32 = 1_000;

pub async fn list(console: &Console, request: request::UserList) -> Result<Users, Failure> {
    let limit = request.limit.clamp(1, MAX_PAGE);
    let now = Time::now();
    let mut users: Vec<UserId> = match request.only {
        None => {
            let (prefix, after) = (request.prefix.clone(), request.after.clone());
            let mut users = console.chat.users(prefix, after, limit + 1).await.map_err(refused)?;
            // Who is here for the first time is in no table yet.
            users.extend(console.chat.roster().users_here());
            users
        }
        Some(Only::Online) => console.chat.roster().users_here(),
        Some(Only::Banned) => decided(console, |sanction| sanction.may_enter(now).is_err()),
        Some(Only::Muted) => decided(console, |sanction| sanction.may_write(now).is_err()),
    };
    users.retain(|user| user.as_str() > request.after.as_str() && user.as_str().starts_with(&request.prefix));
    users.sort();
    users.dedup();
    let more = users.len() > limit as usize;
    users.truncate(limit as usize);
    let next = if more { users.last().map(ToString::to_string) } else { None };
    Ok(Users { users: users.iter().map(|user| line(console, user, now)).collect(), next })
}

fn decided(console: &Console, holds: impl Fn(&Sanction) -> bool) -> Vec<UserId> {
    let all = console.chat.sanctions().all(Time::now());
    all.into_iter().filter(|(_, sanction)| holds(sanction)).map(|(user, _)| user).collect()
}

fn line(console: &Console, user: &UserId, now: Time) -> UserLine {
    let here = console.chat.roster().standing(user).filter(|(_, devices)| *devices > 0);
    let sanction = console.chat.sanctions().of(user);
    UserLine {
        user: user.to_string(),
        devices: here.as_ref().map_or(0, |(_, devices)| *devices),
        status: here.map(|(standing, _)| standing.status.as_str().into()),
        ban: term(sanction.ban, now),
        mute: term(sanction.mute, now),
    }
}

fn term(term: Option<sanction::Term>, now: Time) -> Option<Term> {
    let lasting = term.filter(|term| term.lasts(now))?;
    Some(Term { until: lasting.until.map(|until| until.to_string()), reason: lasting.reason })
}

pub async fn show(console: &Console, request: request::User) -> Result<UserDetail, Failure> {
    let user = user_id(&request.user)?;
    let profile = match console.chat.profile(user.clone()).await {
        Ok(profile) => profile,
        Err(error) => return Err(near::user(console, user.as_str(), error).await),
    };
    let connections = connection::of_user(console, &user);
    let known = console.chat.known_devices(user.clone()).await.map_err(refused)?;
    let away = known.into_iter().filter(|one| connections.iter().all(|here| here.device.as_ref() != Some(&one.name)));
    let absent = away.map(|one| AbsentDevice { device: one.name, last_seen: one.seen_at.to_string() }).collect();
    let now = Time::now();
    let sanction = console.chat.sanctions().of(&user);
    let shown = if profile.devices > 0 { profile.status.as_str() } else { "offline" };
    Ok(UserDetail {
        user: user.to_string(),
        status: shown.into(),
        status_text: profile.text,
        last_seen: profile.last_seen.map(|at| at.to_string()),
        conversations: profile.conversations,
        unread_notifications: profile.unread,
        ban: term(sanction.ban, now),
        mute: term(sanction.mute, now),
        tokens_revoked_until: sanction.tokens_until.map(|at| at.to_string()),
        connections,
        absent,
    })
}

/// # Errors
/// Where nobody has ever named the user.
pub async fn known(console: &Console, name: &str) -> Result<UserId, Failure> {
    let user = user_id(name)?;
    match console.chat.expect_user(&user).await {
        Ok(()) => Ok(user),
        Err(error) => Err(near::user(console, name, error).await),
    }
}

pub async fn kick(console: &Console, request: request::Kick) -> Result<Kicked, Failure> {
    let user = known(console, &request.user).await?;
    sanction::check_reason(request.reason.as_deref()).map_err(refused)?;
    let whom = request.device.clone().map_or(Whom::All, Whom::Device);
    let devices = console.chat.kick(&user, whom, request.reason.as_deref()).await;
    match (devices, &request.device) {
        (0, None) => Err(Failure::nothing(format!("{user} is not connected"))),
        (0, Some(device)) => {
            let failure = Failure::nothing(format!("{user} has no device \"{device}\" connected"));
            Err(failure.hint(format!("chatctl connection list --user {user}")))
        }
        (devices, _) => Ok(Kicked { user: user.to_string(), devices }),
    }
}

pub async fn ban(console: &Console, request: request::Sanction) -> Result<Sanctioned, Failure> {
    let user = target(console, &request).await?;
    if request.conversation.is_some() {
        return in_conversation(console, user, request, true).await;
    }
    let term = term_of(&request);
    let until = term.until.map(|until| until.to_string());
    let devices = console.chat.ban(&user, term).await.map_err(refused)?;
    Ok(Sanctioned { user: user.to_string(), conversation: None, until, devices })
}

pub async fn mute(console: &Console, request: request::Sanction) -> Result<Sanctioned, Failure> {
    let user = target(console, &request).await?;
    if request.conversation.is_some() {
        return in_conversation(console, user, request, false).await;
    }
    let term = term_of(&request);
    let until = term.until.map(|until| until.to_string());
    console.chat.mute(&user, term).await.map_err(refused)?;
    Ok(Sanctioned { user: user.to_string(), conversation: None, until, devices: 0 })
}

async fn target(console: &Console, request: &request::Sanction) -> Result<UserId, Failure> {
    if request.force {
        return user_id(&request.user);
    }
    let found = known(console, &request.user).await;
    found.map_err(|failure| match failure.data.suggestions.is_empty() {
        true if failure.data.kind == Failure::NOT_FOUND => failure.hint("--force also takes who was never here"),
        _ => failure,
    })
}

fn term_of(request: &request::Sanction) -> sanction::Term {
    let until = request.seconds.map(|seconds| Time::now().saturating_add(Duration::from_secs(seconds)));
    sanction::Term { until, reason: request.reason.clone() }
}

/// The end of time as the store of members has it, for what lasts until somebody ends it.
const FOR_EVER: Time = Time(253_402_300_799_000);

async fn in_conversation(
    console: &Console,
    user: UserId,
    request: request::Sanction,
    is_ban: bool,
) -> Result<Sanctioned, Failure> {
    let until = term_of(&request).until;
    let end = Some(Some(until.unwrap_or(FOR_EVER)));
    let name = request.conversation.unwrap_or_default();
    let change = match is_ban {
        true => MemberChange { banned_until: end, ..MemberChange::default() },
        false => MemberChange { muted_until: end, ..MemberChange::default() },
    };
    change_member(console, &user, &name, change).await?;
    let until = until.map(|until| until.to_string());
    Ok(Sanctioned { user: user.to_string(), conversation: Some(name), until, devices: 0 })
}

async fn change_member(console: &Console, user: &UserId, name: &str, change: MemberChange) -> Result<(), Failure> {
    let id = conversation_id(name)?;
    if let Err(error) = console.chat.look_at(id.clone()).await {
        return Err(near::conversation(console, name, error).await);
    }
    let changed = console.chat.sanction_member(id, user.clone(), change).await;
    changed.map(drop).map_err(|error| {
        let failure = refused(error);
        match failure.data.kind == Failure::NOT_FOUND {
            true => Failure::not_found(format!("{user} is not in the conversation \"{name}\"")),
            false => failure,
        }
    })
}

pub async fn unban(console: &Console, request: request::Pardon) -> Result<Pardoned, Failure> {
    let user = known(console, &request.user).await?;
    match &request.conversation {
        Some(name) => {
            let change = MemberChange { banned_until: Some(None), ..MemberChange::default() };
            change_member(console, &user, name, change).await?;
        }
        None if !console.chat.unban(&user).await.map_err(refused)? => {
            return Err(Failure::nothing(format!("{user} is not banned")));
        }
        None => {}
    }
    Ok(Pardoned { user: user.to_string(), conversation: request.conversation })
}

pub async fn unmute(console: &Console, request: request::Pardon) -> Result<Pardoned, Failure> {
    let user = known(console, &request.user).await?;
    match &request.conversation {
        Some(name) => {
            let change = MemberChange { muted_until: Some(None), ..MemberChange::default() };
            change_member(console, &user, name, change).await?;
        }
        None if !console.chat.unmute(&user).await.map_err(refused)? => {
            return Err(Failure::nothing(format!("{user} is not muted")));
        }
        None => {}
    }
    Ok(Pardoned { user: user.to_string(), conversation: request.conversation })
}

pub async fn notify(console: &Console, request: request::Notify) -> Result<Notified, Failure> {
    let user = known(console, &request.user).await?;
    let told = console.chat.notify(vec![user], request.title, request.message).await;
    Ok(Notified { users: told.map_err(refused)? })
}

pub async fn broadcast(console: &Console, request: request::Broadcast) -> Result<Notified, Failure> {
    let users = match request.to {
        None => console.chat.roster().users_here(),
        Some(names) => {
            let mut users = Vec::with_capacity(names.len());
            for name in names {
                users.push(known(console, &name).await?);
            }
            users.sort();
            users.dedup();
            users
        }
    };
    if users.is_empty() {
        return Err(Failure::nothing("nobody is connected"));
    }
    let told = console.chat.notify(users, request.title, request.message).await;
    Ok(Notified { users: told.map_err(refused)? })
}
