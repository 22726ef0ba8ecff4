//! What operators decide about a user, wherever they are: a ban, a mute, and that old tokens count no more.

use super::error::{Code, Error};
use super::time::Time;

/// The longest reason, in bytes.
pub const MAX_REASON_BYTES: usize = 512;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sanction {
    /// The user cannot connect.
    pub ban: Option<Term>,
    /// The user cannot write in any conversation.
    pub mute: Option<Term>,
    /// Tokens that were issued until then count no more.
    pub tokens_until: Option<Time>,
}

/// How long, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Absent: until somebody ends it.
    pub until: Option<Time>,
    pub reason: Option<String>,
}

impl Term {
    pub fn lasts(&self, now: Time) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// `you are banned until 2026-…: spam`
    fn sentence(&self, what: &str) -> String {
        let until = self.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{what}{until}{reason}")
    }
}

impl Sanction {
    /// # Errors
    /// `BANNED`.
    pub fn may_enter(&self, now: Time) -> Result<(), Error> {
        match self.ban.as_ref().filter(|ban| ban.lasts(now)) {
            Some(ban) => Err(Error::new(Code::Banned, ban.sentence("you are banned"))),
            None => Ok(()),
        }
    }

    /// # Errors
    /// `MUTED`.
    pub fn may_write(&self, now: Time) -> Result<(), Error> {
        match self.mute.as_ref().filter(|mute| mute.lasts(now)) {
            Some(mute) => Err(Error::new(Code::Muted, mute.sentence("you are muted"))),
            None => Ok(()),
        }
    }

    /// Whether a token counts. One that does not say when it was issued counts as an old one.
    pub fn takes_token(&self, issued_at: Option<Time>) -> bool {
        self.tokens_until.is_none_or(|until| issued_at.is_some_and(|issued| issued > until))
    }

    /// Whether there is nothing left that would have to be remembered.
    pub fn is_void(&self, now: Time) -> bool {
        let over = |term: &Option<Term>| term.as_ref().is_none_or(|term| !term.lasts(now));
        over(&self.ban) && over(&self.mute) && self.tokens_until.is_none()
    }
}

/// # Errors
/// `INVALID` where a reason is too long, or would break a line.
pub fn check_reason(reason: Option<&str>) -> Result<(), Error> {
    let fits = |reason: &str| reason.len() <= MAX_REASON_BYTES && !reason.chars().any(char::is_control);
    if reason.is_none_or(fits) {
        return Ok(());
    }
    Err(Error::invalid("reason", format_args!("a line of at most {MAX_REASON_BYTES} bytes")))
}
