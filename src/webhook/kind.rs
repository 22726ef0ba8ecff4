//! What an application can be told, and the patterns by which it says what it wants to hear.

/// Kinds of events; their numbers are bits of a [`Kinds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MessageCreated,
    MessageUpdated,
    MessageDeleted,
    MessageReaction,
    ConversationCreated,
    ConversationUpdated,
    ConversationDeleted,
    MemberAdded,
    MemberUpdated,
    MemberRemoved,
    UserOnline,
    UserOffline,
    NotificationCreated,
    ModerationHeld,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Kind::MessageCreated,
        Kind::MessageUpdated,
        Kind::MessageDeleted,
        Kind::MessageReaction,
        Kind::ConversationCreated,
        Kind::ConversationUpdated,
        Kind::ConversationDeleted,
        Kind::MemberAdded,
        Kind::MemberUpdated,
        Kind::MemberRemoved,
        Kind::UserOnline,
        Kind::UserOffline,
        Kind::NotificationCreated,
        Kind::ModerationHeld,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::MessageCreated => "message.created",
            Kind::MessageUpdated => "message.updated",
            Kind::MessageDeleted => "message.deleted",
            Kind::MessageReaction => "message.reaction",
            Kind::ConversationCreated => "conversation.created",
            Kind::ConversationUpdated => "conversation.updated",
            Kind::ConversationDeleted => "conversation.deleted",
            Kind::MemberAdded => "member.added",
            Kind::MemberUpdated => "member.updated",
            Kind::MemberRemoved => "member.removed",
            Kind::UserOnline => "user.online",
            Kind::UserOffline => "user.offline",
            Kind::NotificationCreated => "notification.created",
            Kind::ModerationHeld => "moderation.held",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(pub u32);

impl Kinds {
    /// Those that `pattern` means: one by its name, all of a topic as `message.*`, or all.
    pub fn matching(pattern: &str) -> Self {
        let topic = pattern.strip_suffix('*').filter(|topic| topic.is_empty() || topic.ends_with('.'));
        let means = |kind: &Kind| match topic {
            Some(topic) => kind.as_str().starts_with(topic),
            None => kind.as_str() == pattern,
        };
        Kind::ALL.into_iter().filter(means).fold(Kinds::default(), Kinds::with)
    }

    fn with(self, kind: Kind) -> Self {
        Kinds(self.0 | 1 << kind as u32)
    }

    pub fn and(self, others: Kinds) -> Self {
        Kinds(self.0 | others.0)
    }

    pub fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u32 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind)).map(Kind::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_one_kind_or_a_topic_or_all() {
        let names = |pattern| Kinds::matching(pattern).names().collect::<Vec<_>>();
        assert_eq!(names("message.created"), ["message.created"]);
        assert_eq!(names("member.*"), ["member.added", "member.updated", "member.removed"]);
        assert_eq!(names("*").len(), Kind::ALL.len());
        for nothing in ["", "message", "mess*", "message.creat*", "*.created", "Message.created"] {
            assert!(Kinds::matching(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name_and_has_a_bit_of_its_own() {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
            assert_eq!(Kinds::matching(kind.as_str()), Kinds(1 << at));
        }
    }
}
