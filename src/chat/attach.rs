//! A device comes and goes: what it follows from the start, what it missed while it was away, who hears of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Actor, Chat, seat};
use crate::domain::error::Error;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::message::Message;
use crate::domain::presence::Status;
use crate::domain::time::Time;
use crate::roster::Standing;
use crate::roster::connection::Connection;
use crate::store::Query;
use crate::store::error::Abort;

/// Messages of one conversation that a greeting carries at most.
const MAX_RESUMED_EACH: u32 = 200;
/// Messages that a greeting carries in all, and their bytes.
const MAX_RESUMED: usize = 1_000;
const MAX_RESUMED_BYTES: usize = 1 << 20;

/// That a device is here is written down so often at most.
const SEEN_STEP: Duration = Duration::from_secs(60 * 60);

/// What a device says that it has.
#[derive(Clone, Debug)]
pub struct Resume {
    pub epoch: String,
    pub conversations: Vec<(ConversationId, u64)>,
}

/// What the messages of [`Resumed`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeStatus {
    /// With these, nothing is missing.
    Complete,
    /// The first part of what is missing; history has the rest.
    Truncated,
    /// What the device has is not the beginning of what the server has: it must start over.
    Reset,
}

impl ResumeStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            ResumeStatus::Complete => "complete",
            ResumeStatus::Truncated => "truncated",
            ResumeStatus::Reset => "reset",
        }
    }
}

/// What a device missed in one conversation.
#[derive(Clone, Debug)]
pub struct Resumed {
    pub conversation: ConversationId,
    pub status: ResumeStatus,
    pub messages: Vec<Message>,
    pub last_seq: u64,
}

/// What goes into the greeting of a device.
#[derive(Debug, Default)]
pub struct Attached {
    pub resumed: Option<Vec<Resumed>>,
    /// Up to where the greeting carries the messages of a conversation.
    pub marks: HashMap<ConversationId, u64>,
}

impl Chat {
    /// Brings a device in. From here on it follows its user's conversations; what happens is held until it is opened.
    ///
    /// # Errors
    /// `UNAVAILABLE`; then the device is out again.
    pub async fn attach(
        &self,
        device: &Arc<Connection>,
        actor: &Actor,
        status: Option<Status>,
        resume: Option<Resume>,
    ) -> Result<Attached, Error> {
        let attached = self.bring_in(device, actor, status, resume).await;
        if attached.is_err() {
            self.detach(device).await;
        }
        attached
    }

    async fn bring_in(
        &self,
        device: &Arc<Connection>,
        actor: &Actor,
        status: Option<Status>,
        resume: Option<Resume>,
    ) -> Result<Attached, Error> {
        if !self.roster.enter(device) {
            let user = device.user.clone();
            let (conversations, stored) = self
                .store
                .read(move |query| Ok((query.memberships(&user, Time::now())?, query.standing(&user)?)))
                .await?;
            let standing = Standing { status: stored.status.unwrap_or_default(), text: stored.text, announced: false };
            self.roster.load(&device.user, conversations, standing);
        }
        if self.config().conversations.auto_join {
            self.roster.follow_all(device);
        }
        if let Some(name) = &device.device {
            self.remember_device(&device.user, name).await;
        }
        if let Some(status) = status {
            // A store that takes no writes keeps nobody out; the status then holds while the user is here.
            let text = self.roster.standing(&device.user).and_then(|(standing, _)| standing.text);
            if self.set_status(actor, status, text).await.is_err() {
                self.roster.change_standing(&device.user, |standing| standing.status = status);
            }
        }
        self.announce_arrival(&device.user).await;
        match resume {
            Some(resume) => self.resume(device, resume).await,
            None => Ok(Attached::default()),
        }
    }

    /// Keeps the name of a device for when it is away. A store that fails keeps nobody out.
    async fn remember_device(&self, user: &UserId, name: &str) {
        let (user, name, now) = (user.clone(), name.to_owned(), Time::now());
        let asked = (user.clone(), name.clone());
        let seen = self.store.read(move |query| Ok(query.device_seen_at(&asked.0, &asked.1)?)).await;
        if seen.is_ok_and(|at| at.is_none_or(|at| at <= now.saturating_sub(SEEN_STEP))) {
            let _ = self.store.write(move |tx| Ok(tx.see_device(&user, &name, now)?)).await;
        }
    }

    /// Takes a device out.
    pub async fn detach(&self, device: &Arc<Connection>) {
        self.stop_typing_on(device.id).await;
        let left = self.roster.leave(device);
        for (conversation, seq) in left.handed {
            self.caught_up(&device.user, conversation, seq);
        }
        if left.was_last {
            self.note_departure(&device.user);
        }
    }

    /// Reads what the device missed. It follows already, so what is stored after the reading reaches it by itself.
    async fn resume(&self, device: &Arc<Connection>, resume: Resume) -> Result<Attached, Error> {
        let same_history = resume.epoch == self.store.epoch();
        let open = self.is_open();
        self.roster.follow_own(device, resume.conversations.iter().map(|(id, _)| id));
        let user = device.user.clone();
        let resumed = self
            .store
            .read(move |query| {
                let mut room = Room { messages: MAX_RESUMED, bytes: MAX_RESUMED_BYTES };
                let mut resumed = Vec::with_capacity(resume.conversations.len());
                for (id, last_seq) in resume.conversations {
                    let had = same_history.then_some(last_seq);
                    resumed.push(resume_one(query, &user, id, had, &mut room, open)?);
                }
                Ok(resumed)
            })
            .await?;
        let mut marks = HashMap::new();
        for one in resumed.iter().filter(|one| one.status == ResumeStatus::Complete) {
            marks.insert(one.conversation.clone(), one.last_seq);
            if let Some(room) = self.roster.room(&one.conversation) {
                room.mark_handed(device.id, one.last_seq);
            }
            self.caught_up(&device.user, one.conversation.clone(), one.last_seq);
        }
        Ok(Attached { resumed: Some(resumed), marks })
    }
}

/// What still goes into a greeting.
struct Room {
    messages: usize,
    bytes: usize,
}

/// What a device that has all up to `had` missed; with no `had`, what it has is of another history.
fn resume_one(
    query: &Query<'_>,
    user: &UserId,
    id: ConversationId,
    had: Option<u64>,
    room: &mut Room,
    open: bool,
) -> Result<Resumed, Abort> {
    let reset =
        |conversation, last_seq| Resumed { conversation, status: ResumeStatus::Reset, messages: Vec::new(), last_seq };
    let seated = match seat::take(query, &id, user, open, Time::now()) {
        Ok(seated) => seated,
        Err(Abort::Refused(_)) => return Ok(reset(id, 0)),
        Err(failed) => return Err(failed),
    };
    let conversation = seated.conversation();
    let last_seq = conversation.last_seq;
    // Beyond the last message, or before the oldest that is left, there is no continuation.
    let Some(had) = had.filter(|had| *had <= last_seq && *had + 1 >= conversation.first_seq) else {
        return Ok(reset(id, last_seq));
    };
    let limit = MAX_RESUMED_EACH.min(u32::try_from(room.messages).unwrap_or(u32::MAX));
    let page = query.history_after(&seated.seat, had, limit, room.bytes)?;
    room.messages -= page.messages.len();
    room.bytes = room.bytes.saturating_sub(page.bytes);
    let status = if page.has_more { ResumeStatus::Truncated } else { ResumeStatus::Complete };
    // A message may have come between the two questions to the store.
    let last_seq = page.messages.last().map_or(last_seq, |message| message.seq.max(last_seq));
    Ok(Resumed { conversation: id, status, messages: page.messages, last_seq })
}
