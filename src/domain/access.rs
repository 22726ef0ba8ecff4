//! Who may do what in a conversation. What no rule here allows is refused.

use super::conversation::{Conversation, Kind, Policy};
use super::error::{Code, Error};
use super::id::UserId;
use super::time::Time;

/// What a member may do, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Reader,
    Member,
    Moderator,
    Owner,
}

impl Role {
    pub const NAMES: &'static str = "\"owner\", \"moderator\", \"member\" or \"reader\"";

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Member => "member",
            Role::Moderator => "moderator",
            Role::Owner => "owner",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "reader" => Some(Role::Reader),
            "member" => Some(Role::Member),
            "moderator" => Some(Role::Moderator),
            "owner" => Some(Role::Owner),
            _ => None,
        }
    }
}

/// A user's place in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub role: Role,
    pub joined_at: Time,
    pub muted_until: Option<Time>,
    pub banned_until: Option<Time>,
    /// The last message that one of the user's devices has.
    pub delivered_seq: u64,
    /// The last message that the user has read.
    pub read_seq: u64,
    /// How many messages after `read_seq` the user wrote themself; those are not unread.
    pub own_unread: u64,
}

impl Member {
    pub fn is_muted(&self, now: Time) -> bool {
        self.muted_until.is_some_and(|until| until > now)
    }

    pub fn is_banned(&self, now: Time) -> bool {
        self.banned_until.is_some_and(|until| until > now)
    }

    /// Messages of others behind the read mark.
    pub fn unread(&self, last_seq: u64) -> u64 {
        last_seq.saturating_sub(self.read_seq).saturating_sub(self.own_unread)
    }
}

/// Whether a conversation that exists may be seen by somebody who is not in it.
pub fn is_joinable(conversation: &Conversation, open: bool) -> bool {
    conversation.kind == Kind::Channel || (open && conversation.kind != Kind::Direct)
}

/// Lets only members that are not banned pass.
///
/// # Errors
/// `NOT_FOUND` where the user may not know of the conversation, `FORBIDDEN` where they may join it first,
/// `BANNED` during a ban.
pub fn member<'a>(
    conversation: &Conversation,
    member: Option<&'a Member>,
    open: bool,
    now: Time,
) -> Result<&'a Member, Error> {
    match member {
        Some(member) if member.is_banned(now) => Err(banned()),
        Some(member) => Ok(member),
        None if is_joinable(conversation, open) => Err(Error::forbidden("join the conversation first")),
        None => Err(Error::not_found("conversation")),
    }
}

pub fn banned() -> Error {
    Error::new(Code::Banned, "you are banned from this conversation")
}

/// Lets a member write: send, edit, react, type.
///
/// # Errors
/// `FORBIDDEN` for readers and where only moderators post, `MUTED` during a mute.
pub fn may_write(conversation: &Conversation, member: &Member, now: Time) -> Result<(), Error> {
    if member.role == Role::Reader {
        return Err(Error::forbidden("readers may not write"));
    }
    if member.is_muted(now) {
        return Err(Error::new(Code::Muted, "you are muted in this conversation"));
    }
    if conversation.settings.post == Policy::Moderators && member.role < Role::Moderator {
        return Err(Error::forbidden("only moderators may write here"));
    }
    Ok(())
}

/// Lets a member react; where only moderators post, reactions stay open to all that may write elsewhere.
///
/// # Errors
/// `FORBIDDEN` for readers, `MUTED` during a mute.
pub fn may_react(member: &Member, now: Time) -> Result<(), Error> {
    if member.role == Role::Reader {
        return Err(Error::forbidden("readers may not react"));
    }
    if member.is_muted(now) {
        return Err(Error::new(Code::Muted, "you are muted in this conversation"));
    }
    Ok(())
}

/// Lets moderators pass.
///
/// # Errors
/// `FORBIDDEN` for everybody else.
pub fn moderator(member: &Member) -> Result<(), Error> {
    if member.role >= Role::Moderator { Ok(()) } else { Err(Error::forbidden("only moderators may do this")) }
}

/// Lets the owner pass.
///
/// # Errors
/// `FORBIDDEN` for everybody else.
pub fn owner(member: &Member) -> Result<(), Error> {
    if member.role == Role::Owner { Ok(()) } else { Err(Error::forbidden("only the owner may do this")) }
}

/// Lets `actor` bring somebody in with `role`.
///
/// # Errors
/// `FORBIDDEN` where the conversation is direct, or the actor ranks too low for it.
pub fn may_add(conversation: &Conversation, actor: &Member, role: Role) -> Result<(), Error> {
    not_direct(conversation)?;
    let invited = conversation.settings.invite == Policy::Members && actor.role == Role::Member && role <= Role::Member;
    if invited { Ok(()) } else { may_grant(actor, role) }
}

/// Lets `actor` remove, mute or ban `target`.
///
/// # Errors
/// `FORBIDDEN` where the conversation is direct, or the target is not below the actor.
pub fn may_moderate(conversation: &Conversation, actor: &Member, target: &Member) -> Result<(), Error> {
    not_direct(conversation)?;
    moderator(actor)?;
    if target.role < actor.role { Ok(()) } else { Err(Error::forbidden("this member ranks as high as you")) }
}

/// Lets `actor` give somebody the role `role`: moderators up to member, the owner any.
///
/// # Errors
/// `FORBIDDEN` for everybody else.
pub fn may_grant(actor: &Member, role: Role) -> Result<(), Error> {
    moderator(actor)?;
    if actor.role == Role::Owner || role < Role::Moderator {
        Ok(())
    } else {
        Err(Error::forbidden("only the owner may give this role"))
    }
}

fn not_direct(conversation: &Conversation) -> Result<(), Error> {
    if conversation.kind == Kind::Direct {
        return Err(Error::forbidden("the members of a direct conversation are fixed"));
    }
    Ok(())
}
