//! Commands that plugins have answered. They are stored nowhere, so that this is where a retry is known by.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::message::{Draft, Message};

/// Commands that are remembered.
const MAX_COMMANDS: usize = 4_096;

type Key = (UserId, ConversationId, String);

#[derive(Default)]
pub struct Answered(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    commands: HashMap<Key, Arc<Message>, ahash::RandomState>,
    /// The oldest first.
    order: VecDeque<Key>,
}

impl Answered {
    pub fn remember(&self, command: &Arc<Message>) {
        let Some(client_id) = &command.client_id else { return };
        let key = (command.sender.clone(), command.conversation.clone(), client_id.clone());
        let mut memory = self.0.lock();
        if memory.commands.insert(key.clone(), Arc::clone(command)).is_none() {
            memory.order.push_back(key);
        }
        if memory.order.len() > MAX_COMMANDS
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.commands.remove(&oldest);
        }
    }

    /// The command that a retry means.
    pub fn recall(&self, sender: &UserId, draft: &Draft) -> Option<Arc<Message>> {
        let client_id = draft.client_id.clone()?;
        let key = (sender.clone(), draft.conversation.clone(), client_id);
        self.0.lock().commands.get(&key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::consider::message_of;
    use crate::domain::id::MessageId;
    use crate::domain::message::MessageType;
    use crate::domain::time::Time;

    fn draft(client_id: &str) -> Draft {
        Draft {
            conversation: ConversationId::stored("room"),
            content: "/roll".into(),
            kind: MessageType::stored("text"),
            client_id: Some(client_id.into()),
            reply_to: None,
            attachments: None,
            metadata: None,
        }
    }

    #[test]
    fn a_retry_is_known_by_its_sender_until_enough_others_came() {
        let (answered, ann) = (Answered::default(), UserId::stored("ann"));
        let send = |client_id: &str| {
            let command = message_of(MessageId::generate(), draft(client_id), ann.clone(), Vec::new(), Time(0));
            answered.remember(&Arc::new(command));
        };
        send("first");
        assert!(answered.recall(&ann, &draft("first")).is_some());
        assert!(answered.recall(&ann, &draft("second")).is_none());
        assert!(answered.recall(&UserId::stored("ben"), &draft("first")).is_none());
        for n in 1..MAX_COMMANDS {
            send(&n.to_string());
        }
        assert!(answered.recall(&ann, &draft("first")).is_some());
        send("one more");
        assert!(answered.recall(&ann, &draft("first")).is_none());
        assert_eq!(answered.0.lock().commands.len(), MAX_COMMANDS);
    }
}
