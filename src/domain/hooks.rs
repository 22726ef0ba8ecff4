//! The points at which scripts decide or hear, what they are given, and what they may answer.
//!
//! The rooms above call a [`Hooks`], and never see what runs behind it. What a script wants done comes back as
//! [`Effect`]s, which are carried out after the hook: no script changes anything by itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::access::Role;
use super::conversation::Conversation;
use super::error::{Code, Error};
use super::id::{ConversationId, MessageId, UserId};
use super::message::Message;
use super::presence::Status;

/// Where scripts come in. A point in the present tense decides; one in the past tense only hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    Connect,
    Connected,
    Disconnected,
    Message,
    MessageStored,
    Edit,
    Delete,
    Reaction,
    Create,
    Join,
    Leave,
    Member,
    Typing,
    Status,
    Mention,
    Notify,
    Command,
    Upload,
    RateLimit,
    Timer,
    Admin,
}

/// One line of the table of points: its hook's name, its arguments, and what it may answer beside allowing.
pub struct Shape {
    pub point: Point,
    pub hook: &'static str,
    pub arguments: &'static [&'static str],
    pub denies: bool,
    pub rewrites: bool,
    /// `silent()` and `hold()`.
    pub withholds: bool,
}

const fn shape(point: Point, hook: &'static str, arguments: &'static [&'static str], answers: &'static str) -> Shape {
    let answers = answers.as_bytes();
    let (mut denies, mut rewrites, mut withholds, mut at) = (false, false, false, 0);
    while at < answers.len() {
        match answers[at] {
            b'd' => denies = true,
            b'r' => rewrites = true,
            _ => withholds = true,
        }
        at += 1;
    }
    Shape { point, hook, arguments, denies, rewrites, withholds }
}

/// Every point, in the order of [`Point`]; `d` may deny, `r` rewrite, `w` withhold.
pub const SHAPES: [Shape; 21] = [
    shape(Point::Connect, "on_connect", &["user", "connection"], "dr"),
    shape(Point::Connected, "on_connected", &["user", "connection"], ""),
    shape(Point::Disconnected, "on_disconnected", &["user", "connection", "reason", "seconds"], ""),
    shape(Point::Message, "on_message", &["message", "user", "conversation"], "drw"),
    shape(Point::MessageStored, "on_message_stored", &["message", "user", "conversation"], ""),
    shape(Point::Edit, "on_edit", &["message", "user", "conversation"], "dr"),
    shape(Point::Delete, "on_delete", &["message", "user", "conversation"], "d"),
    shape(Point::Reaction, "on_reaction", &["change", "user", "conversation"], "dr"),
    shape(Point::Create, "on_create", &["conversation", "user"], "dr"),
    shape(Point::Join, "on_join", &["conversation", "user"], "d"),
    shape(Point::Leave, "on_leave", &["conversation", "user"], "d"),
    shape(Point::Member, "on_member", &["change", "conversation"], "d"),
    shape(Point::Typing, "on_typing", &["user", "conversation"], "d"),
    shape(Point::Status, "on_status", &["user", "status"], "dr"),
    shape(Point::Mention, "on_mention", &["mentions", "message", "user"], "r"),
    shape(Point::Notify, "on_notify", &["notification", "user", "message"], "dr"),
    shape(Point::Command, "on_command", &["name", "args", "message", "user"], "dr"),
    shape(Point::Upload, "on_upload", &["file", "user"], "d"),
    shape(Point::RateLimit, "on_rate_limit", &["user", "limit"], ""),
    shape(Point::Timer, "on_timer", &["name"], ""),
    shape(Point::Admin, "on_admin", &["command", "args", "operator"], ""),
];

impl Point {
    pub fn shape(self) -> &'static Shape {
        &SHAPES[self as usize]
    }

    /// The name of the function that a script defines.
    pub fn hook(self) -> &'static str {
        self.shape().hook
    }

    pub fn parse(hook: &str) -> Option<Self> {
        SHAPES.iter().find(|shape| shape.hook == hook).map(|shape| shape.point)
    }

    /// Whether an event waits for it.
    pub fn decides(self) -> bool {
        let Shape { denies, rewrites, withholds, .. } = self.shape();
        *denies || *rewrites || *withholds
    }
}

/// A user as scripts see them.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub id: UserId,
    pub name: Option<String>,
    pub roles: Vec<String>,
    /// What their token says of them.
    pub claims: Map<String, Value>,
}

impl Person {
    /// Of whom nothing but the id is known: an operator names them, or they are not here.
    pub fn named(id: UserId) -> Self {
        Person { id, name: None, roles: Vec::new(), claims: Map::new() }
    }
}

/// An argument of a hook.
#[derive(Clone, Debug)]
pub enum Arg {
    User(Arc<Person>),
    Message(Arc<Message>),
    /// A conversation, and the user's role in it.
    Conversation(Arc<Conversation>, Option<Role>),
    Value(Value),
}

/// A hook that is to be run.
#[derive(Clone, Debug)]
pub struct Call {
    pub point: Point,
    pub args: Vec<Arg>,
    pub origin: Origin,
    /// The one plugin that is meant; none: all that have the hook.
    pub only: Option<Arc<str>>,
}

/// Which plugin's doing has led here, and over how many steps. A plugin does not hear of what it does itself.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub plugin: Option<Arc<str>>,
    pub depth: u8,
}

/// Steps from one plugin's effect to another's hook: what would go further is dropped.
pub const MAX_DEPTH: u8 = 3;

impl Call {
    pub fn new(point: Point, args: Vec<Arg>) -> Self {
        Call { point, args, origin: Origin::default(), only: None }
    }

    pub fn from(self, origin: &Origin) -> Self {
        Call { origin: origin.clone(), ..self }
    }

    /// What the order of calls is kept for: the conversation that it is about, or the user.
    pub fn key(&self) -> &str {
        let conversation = self.args.iter().find_map(|arg| match arg {
            Arg::Message(message) => Some(message.conversation.as_str()),
            Arg::Conversation(conversation, _) => Some(conversation.id.as_str()),
            Arg::User(_) | Arg::Value(_) => None,
        });
        let user = || {
            self.args.iter().find_map(|arg| match arg {
                Arg::User(person) => Some(person.id.as_str()),
                _ => None,
            })
        };
        conversation.or_else(user).unwrap_or_default()
    }
}

/// What the scripts decided together, and what they want done then.
#[derive(Debug, Default)]
pub struct Ruling {
    pub verdict: Verdict,
    pub effects: Vec<Effect>,
}

#[derive(Clone, Debug, Default)]
pub enum Verdict {
    #[default]
    Allow,
    /// The first argument, changed; of a command, the message.
    Rewrite(Arg),
    Deny(Error),
    /// The sender is told yes, and nobody else sees it.
    Silent,
    /// It waits for a moderator.
    Hold(Hold),
    /// A command that was answered, to its sender alone.
    Answer(String),
    /// What a hook without a verdict returned.
    Value(Value),
}

/// Why a message waits, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub plugin: Arc<str>,
    pub reason: String,
}

/// Something that a plugin wants done.
#[derive(Clone, Debug)]
pub struct Effect {
    pub origin: Origin,
    pub deed: Deed,
}

#[derive(Clone, Debug)]
pub enum Deed {
    Send {
        conversation: ConversationId,
        content: String,
        sender: UserId,
        kind: String,
        reply_to: Option<MessageId>,
        metadata: Option<String>,
    },
    Notify {
        user: UserId,
        kind: String,
        title: Option<String>,
        message: String,
        data: Option<String>,
    },
    Emit {
        user: UserId,
        event: String,
        data: Value,
    },
    Kick {
        user: UserId,
        reason: String,
    },
    Mute {
        user: UserId,
        /// None: everywhere.
        conversation: Option<ConversationId>,
        span: Duration,
    },
    React {
        message: MessageId,
        emoji: String,
        user: UserId,
    },
}

pub type Deciding<'a> = Pin<Box<dyn Future<Output = Ruling> + Send + 'a>>;

/// Answers at once, on the thread of whoever asks.
pub trait Panel {
    fn ask(&self, call: Call) -> Ruling;
}

/// Work that asks a panel, once or several times.
pub type Conference = Box<dyn FnOnce(&dyn Panel) + Send>;

/// A conference that did not take place: too much waits. The panel decides as the configuration has it.
pub struct TurnedAway {
    pub conference: Conference,
    pub panel: Box<dyn Panel + Send>,
}

/// Whoever runs the scripts.
pub trait Hooks: Send + Sync {
    /// Whether any script has the hook: asked before anything is prepared for one, so that what nobody wants costs
    /// nothing.
    fn wants(&self, point: Point) -> bool;

    /// Runs the scripts that have the hook, in order, and gives what they decide. What fails is decided by the
    /// configuration.
    fn decide(&self, call: Call) -> Deciding<'_>;

    /// Runs `conference` on a thread of the scripts, where it asks them about what of `points` it comes to. It may wait
    /// for the disk there.
    ///
    /// # Errors
    /// Where too much waits: what is left to do.
    fn confer(&self, points: &[Point], conference: Conference) -> Result<(), TurnedAway>;

    /// Lets the scripts hear of something; nobody waits for them. What concerns one conversation, and what one user, they
    /// hear in the order in which it is told.
    fn tell(&self, call: Call);
}

/// What others see of a user who is here.
#[derive(Clone, Debug)]
pub struct Visible {
    pub status: Status,
    pub text: Option<String>,
    pub devices: usize,
}

/// What scripts may ask about users: only what is in memory, as a script never waits.
pub trait Directory: Send + Sync {
    /// A user who is here.
    fn presence(&self, user: &UserId) -> Option<Visible>;
}

/// The refusal of a plugin; `code` where it brought one of its own.
pub fn denied(code: Option<&str>, text: String) -> Error {
    let mut error = Error::new(Code::Denied, text);
    error.own_code = code.filter(|code| *code != Code::Denied.as_str()).map(Into::into);
    error
}

/// Whether a plugin may use `code`: upper case, digits and underscores.
pub fn is_code(code: &str) -> bool {
    (1..=32).contains(&code.len())
        && code.starts_with(|first: char| first.is_ascii_uppercase())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_points() {
        for (at, shape) in SHAPES.iter().enumerate() {
            assert_eq!(shape.point as usize, at, "{}", shape.hook);
            assert_eq!(Point::parse(shape.hook), Some(shape.point));
        }
        assert!(Point::Message.decides() && !Point::MessageStored.decides());
    }

    #[test]
    fn codes_look_like_codes() {
        assert!(is_code("SPAM") && is_code("NO_LINKS_2"));
        assert!(!is_code("") && !is_code("spam") && !is_code("2_MANY") && !is_code(&"X".repeat(33)));
    }
}
