//! A message before it is sent, where plugins want to see it: a command is answered, a message is refused, changed, or
//! put outside of the order.

use std::sync::Arc;

use serde_json::Value;

use super::aftermath::Wanted;
use super::send::Sent;
use super::{Actor, Chat, notify, rule, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::hooks::{Arg, Call, Hold, Panel, Point, Ruling, Verdict};
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::{self, Draft, Message, MessageType, Reactions};
use crate::domain::time::Time;
use crate::store::Query;
use crate::store::error::Abort;

/// Words of a command that plugins are given.
const MAX_WORDS: usize = 200;

/// A message that may be stored, and how.
#[derive(Debug)]
pub struct Considered {
    pub id: MessageId,
    pub draft: Draft,
    /// The users that it mentions, where a plugin has changed the list.
    pub mentions: Option<Vec<UserId>>,
    pub fate: Fate,
    /// What plugins want done once it is stored.
    pub wanted: Wanted,
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Fate {
    /// It takes the next place.
    Ordered,
    /// Nobody but its sender sees it.
    Silent,
    /// Nobody but its sender sees it until a moderator lets it through.
    Held(Hold),
}

/// What comes of looking at a message.
pub enum Outlook {
    Stores(Box<Considered>),
    /// It was stored before, or a plugin has answered it: there is nothing to store.
    Settled {
        sent: Sent,
        answer: Option<Arc<Message>>,
        wanted: Wanted,
    },
}

impl Considered {
    /// A message that nobody has looked at.
    pub fn plain(draft: Draft) -> Self {
        Considered { id: MessageId::generate(), draft, mentions: None, fate: Fate::Ordered, wanted: Wanted::default() }
    }
}

impl Chat {
    /// Whether any plugin wants to see messages before they are stored.
    pub fn considers(&self) -> bool {
        [Point::Message, Point::Command, Point::Mention].into_iter().any(|point| self.wants(point))
    }

    /// What plugins may be asked about a message.
    pub(super) fn points_of(&self, draft: &Draft) -> Vec<Point> {
        let is_command = draft.content.starts_with('/');
        let points = [Point::Message, Point::Command, Point::Mention].into_iter();
        points.filter(|point| self.wants(*point) && (is_command || *point != Point::Command)).collect()
    }

    /// Shows a message to the plugins, on a thread that may wait.
    ///
    /// # Errors
    /// What `message:send` refuses, and what a plugin does.
    pub(super) fn consider(&self, panel: &dyn Panel, actor: &Actor, draft: Draft) -> Result<Outlook, Error> {
        let Looked { message, conversation } = match self.look_at_draft(actor, draft)? {
            Ok(looked) => looked,
            Err(message) => {
                let sent = Sent { message, duplicate: true };
                return Ok(Outlook::Settled { sent, answer: None, wanted: Wanted::default() });
            }
        };
        let mut message = Arc::new(message);
        // A refusal does not undo what a plugin wants done beside it.
        let mut wanted = self.wanted();
        let mut ask = |point, args| {
            let Ruling { verdict, effects } = panel.ask(Call::new(point, args));
            wanted.extend(effects);
            verdict
        };
        if self.wants(Point::Command)
            && let Some((name, words)) = command_of(&message)
        {
            let args = vec![
                Arg::Value(name.into()),
                Arg::Value(words.into()),
                Arg::Message(Arc::clone(&message)),
                rule::user(actor),
            ];
            match ask(Point::Command, args) {
                Verdict::Deny(error) => return Err(error),
                Verdict::Rewrite(Arg::Message(changed)) => message = self.reread(actor, &message, changed)?,
                Verdict::Answer(text) => {
                    self.answered.remember(&message);
                    let answer = Some(answer_to(&message, text));
                    return Ok(Outlook::Settled { sent: Sent { message, duplicate: false }, answer, wanted });
                }
                _ => {}
            }
        }
        let mut asked = Arc::clone(&message);
        let mut fate = Fate::Ordered;
        if self.wants(Point::Message) {
            let args = vec![Arg::Message(Arc::clone(&message)), rule::user(actor), conversation];
            match ask(Point::Message, args) {
                Verdict::Deny(error) => return Err(error),
                Verdict::Rewrite(Arg::Message(changed)) => {
                    let is_listed = changed.mentions != message.mentions;
                    message = self.reread(actor, &message, changed)?;
                    if !is_listed {
                        asked = Arc::clone(&message);
                    }
                }
                Verdict::Silent => fate = Fate::Silent,
                Verdict::Hold(hold) => fate = Fate::Held(hold),
                _ => {}
            }
        }
        // Where the text has changed, whom it mentions is found out again, unless a plugin has said whom.
        let mut mentions = (message.mentions != asked.mentions).then(|| message.mentions.clone());
        if self.wants(Point::Mention) && !message.mentions.is_empty() {
            let list: Vec<Value> = message.mentions.iter().map(|user| user.as_str().into()).collect();
            let args = vec![Arg::Value(list.into()), Arg::Message(Arc::clone(&message)), rule::user(actor)];
            if let Verdict::Rewrite(Arg::Value(Value::Array(list))) = ask(Point::Mention, args) {
                let ids = list.iter().filter_map(|id| UserId::new(id.as_str()?).ok());
                mentions = Some(ids.take(crate::domain::mention::MAX_MENTIONS).collect());
            }
        }
        let draft = draft_of(&message);
        message::check_content(&draft.content, draft.attachments.is_some(), self.config().messages.max_content)?;
        Ok(Outlook::Stores(Box::new(Considered { id: message.id, draft, mentions, fate, wanted })))
    }

    /// A message that a plugin has changed: where its text is another one, and the plugin has not said whom it mentions,
    /// that is found out again.
    fn reread(&self, actor: &Actor, before: &Message, after: Arc<Message>) -> Result<Arc<Message>, Error> {
        if after.content == before.content || after.mentions != before.mentions {
            return Ok(after);
        }
        let text = after.content.as_deref().unwrap_or_default();
        let mentions = self.store.read_here(|query| {
            let now = Time::now();
            let seated = seat::take(query, &after.conversation, &actor.user, self.is_open(), now)?;
            Ok(notify::mentioned(query, &seated.seat, text, now)?)
        })?;
        Ok(Arc::new(Message { mentions, ..Message::clone(&after) }))
    }

    /// What would be stored of `draft`; or what was stored or answered, where this is a retry.
    fn look_at_draft(&self, actor: &Actor, draft: Draft) -> Result<Result<Looked, Arc<Message>>, Error> {
        let user = &actor.user;
        self.store.read_here(|query| {
            let now = Time::now();
            let seated = seat::take(query, &draft.conversation, user, self.is_open(), now)?;
            if let Some(stored) = stored_before(query, &seated.seat, draft.client_id.as_deref())? {
                return Ok(Err(Arc::new(stored)));
            }
            if let Some(answered) = self.answered.recall(user, &draft) {
                return Ok(Err(answered));
            }
            self.sanctions.may_write(user, now)?;
            access::may_write(seated.conversation(), &seated.member, now)?;
            let mentions = notify::mentioned(query, &seated.seat, &draft.content, now)?;
            let conversation = rule::conversation(seated.conversation(), Some(seated.member.role));
            let message = message_of(MessageId::generate(), draft, user.clone(), mentions, now);
            Ok(Ok(Looked { message, conversation }))
        })
    }
}

/// What the sender of a command, and nobody else, is told.
fn answer_to(command: &Message, text: String) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId::generate(),
        sender: UserId::stored("chatd"),
        content: Some(text),
        kind: MessageType::stored("system"),
        client_id: None,
        reply_to: Some(command.id),
        attachments: None,
        metadata: None,
        mentions: Vec::new(),
        at: Time::now(),
        ..command.clone()
    })
}

struct Looked {
    message: Message,
    conversation: Arg,
}

/// The message that a retry means, in the order or outside of it.
///
/// # Errors
/// Where the store fails.
pub(super) fn stored_before(
    query: &Query<'_>,
    seat: &crate::store::Seat,
    client_id: Option<&str>,
) -> Result<Option<Message>, Abort> {
    Ok(client_id.map(|client_id| query.sent_before(seat, client_id)).transpose()?.flatten())
}

pub(super) fn message_of(id: MessageId, draft: Draft, sender: UserId, mentions: Vec<UserId>, now: Time) -> Message {
    Message {
        id,
        conversation: draft.conversation,
        seq: 0,
        sender,
        content: Some(draft.content),
        kind: draft.kind,
        at: now,
        client_id: draft.client_id,
        reply_to: draft.reply_to,
        attachments: draft.attachments,
        metadata: draft.metadata,
        mentions,
        reactions: Reactions::default(),
        edited_at: None,
        deleted_at: None,
        pending: false,
    }
}

fn draft_of(message: &Message) -> Draft {
    Draft {
        conversation: message.conversation.clone(),
        content: message.content.clone().unwrap_or_default(),
        kind: message.kind.clone(),
        client_id: message.client_id.clone(),
        reply_to: message.reply_to,
        attachments: message.attachments.clone(),
        metadata: message.metadata.clone(),
    }
}

/// The name and the words of `/name words…`.
fn command_of(message: &Message) -> Option<(String, Vec<Value>)> {
    let rest = message.content.as_deref()?.strip_prefix('/')?;
    let mut words = rest.split_whitespace();
    // A path or a comment is no command.
    let name = words.next().filter(|name| rest.starts_with(name) && name.chars().all(is_of_a_name))?;
    Some((name.to_owned(), words.take(MAX_WORDS).map(Value::from).collect()))
}

fn is_of_a_name(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.')
}
