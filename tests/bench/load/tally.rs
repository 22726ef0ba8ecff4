//! Exactly once, in order: what a device got of each sender's events.

use std::fmt::Write;

/// What one device has seen. Senders of a room are numbered from 0, and each numbers its events from 1.
#[derive(Default)]
pub struct Tally {
    last: Vec<u32>,
}

/// What a delivery turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Next,
    /// So many before it have not come.
    Gap(u32),
    Again,
}

impl Tally {
    pub fn see(&mut self, sender: usize, number: u32) -> Seen {
        if self.last.len() <= sender {
            self.last.resize(sender + 1, 0);
        }
        let last = self.last[sender];
        if number <= last {
            return Seen::Again;
        }
        self.last[sender] = number;
        match number - last - 1 {
            0 => Seen::Next,
            missing => Seen::Gap(missing),
        }
    }

    /// A start or a stop of typing, which has no number but its turn: the odd ones are starts. Where one is lost, the
    /// next is out of turn, and the last number falls short of what was sent.
    pub fn see_typing(&mut self, sender: usize, is_start: bool) -> Seen {
        let next = self.last(sender) + 1;
        if is_start == (next % 2 == 1) { self.see(sender, next) } else { Seen::Again }
    }

    /// The last number of a sender that came.
    pub fn last(&self, sender: usize) -> u32 {
        self.last.get(sender).copied().unwrap_or(0)
    }
}

/// What the content of a message says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub room: usize,
    pub sender: usize,
    pub number: u32,
    pub sent_at_micros: u64,
}

const WORDS: [&str; 16] = [
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "sed",
    "do",
    "eiusmod",
    "tempor",
    "incididunt",
    "ut",
    "labore",
    "magna",
];

/// Bytes of a content that [`Mark::parse`] reads.
const MARK_BYTES: usize = 34;

impl Mark {
    /// The content of the message, filled up to `bytes`.
    pub fn content(&self, bytes: usize) -> String {
        let Mark { room, sender, number, sent_at_micros } = self;
        let mut text = format!("b:{room:04}:{sender:04}:{number:08}:{sent_at_micros:012}:");
        let mut state = u64::from(*number) << 20 | *sender as u64;
        while text.len() < bytes {
            // Words that come again and numbers that do not, so that it compresses as real messages do.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let _ = write!(text, "{} {} ", WORDS[(state >> 32) as usize % WORDS.len()], state >> 48);
        }
        text.truncate(bytes.max(MARK_BYTES));
        text
    }

    pub fn parse(content: &[u8]) -> Option<Mark> {
        let text = std::str::from_utf8(content.get(..MARK_BYTES)?).ok()?;
        let mut parts = text.strip_prefix("b:")?.split(':');
        Some(Mark {
            room: parts.next()?.parse().ok()?,
            sender: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            sent_at_micros: parts.next()?.parse().ok()?,
        })
    }
}

/// A user's name: its room, and its number there.
pub fn user(room: usize, index: usize) -> String {
    format!("u{room}-{index}")
}

/// Room and number of the user whose name `text` begins with, up to a quotation mark.
pub fn parse_user(text: &[u8]) -> Option<(usize, usize)> {
    let name = text.split(|byte| *byte == b'"').next()?;
    let (room, index) = std::str::from_utf8(name).ok()?.strip_prefix('u')?.split_once('-')?;
    Some((room.parse().ok()?, index.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_or_comes_twice_is_noticed() {
        let mut tally = Tally::default();
        let seen: Vec<_> = [1, 2, 2, 5, 4, 6].map(|number| tally.see(3, number)).into();
        assert_eq!(seen, [Seen::Next, Seen::Next, Seen::Again, Seen::Gap(2), Seen::Again, Seen::Next]);
        assert_eq!((tally.last(3), tally.last(0), tally.last(9)), (6, 0, 0));
        assert_eq!(tally.see(0, 1), Seen::Next);
    }

    #[test]
    fn typing_out_of_turn_is_noticed() {
        let mut tally = Tally::default();
        let seen: Vec<_> = [true, false, true, true, false].map(|is_start| tally.see_typing(0, is_start)).into();
        assert_eq!(seen, [Seen::Next, Seen::Next, Seen::Next, Seen::Again, Seen::Next]);
        let mut lossy = Tally::default();
        // Of start, stop, start and stop, the first stop is lost.
        for is_start in [true, true, false] {
            lossy.see_typing(0, is_start);
        }
        assert_eq!(lossy.last(0), 2);
    }

    #[test]
    fn a_content_says_what_it_is() {
        let mark = Mark { room: 99, sender: 17, number: 123_456, sent_at_micros: 42 };
        let text = mark.content(100);
        assert_eq!(text.len(), 100);
        assert_eq!(Mark::parse(text.as_bytes()), Some(mark));
        assert_eq!(Mark::parse(mark.content(5).as_bytes()), Some(mark));
        assert_eq!(Mark::parse(b"b:short"), None);
    }

    #[test]
    fn a_user_says_where_it_belongs() {
        assert_eq!(parse_user(format!("{}\",\"conversationId\"", user(7, 12)).as_bytes()), Some((7, 12)));
        assert_eq!(parse_user(b"somebody\""), None);
    }
}
