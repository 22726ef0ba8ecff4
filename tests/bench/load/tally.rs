//! Exactly once, in order: what a device got of each sender's messages.

/// What one device has seen. Senders of a room are numbered from 0, and each numbers its messages from 1.
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

    /// The last number of a sender that came.
    pub fn last(&self, sender: usize) -> u32 {
        self.last.get(sender).copied().unwrap_or(0)
    }
}

/// A message's content: who sent it, its number, when, and filling up to `bytes`.
pub fn content(sender: usize, number: u32, micros: u64, bytes: usize) -> String {
    let mut text = format!("b:{sender:04}:{number:08}:{micros:012}:");
    while text.len() < bytes {
        text.push_str("lorem ipsum dolor sit amet ");
    }
    text.truncate(bytes.max(PREFIX));
    text
}

/// Length of what [`parse`] reads.
const PREFIX: usize = 29;

/// Sender, number and time of a content.
pub fn parse(content: &[u8]) -> Option<(usize, u32, u64)> {
    let text = std::str::from_utf8(content.get(..PREFIX)?).ok()?;
    let mut parts = text.strip_prefix("b:")?.split(':');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
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
    fn a_content_says_what_it_is() {
        let text = content(17, 123_456, 42, 100);
        assert_eq!(text.len(), 100);
        assert_eq!(parse(text.as_bytes()), Some((17, 123_456, 42)));
        assert_eq!(parse(content(0, 1, 0, 5).as_bytes()), Some((0, 1, 0)));
        assert_eq!(parse(b"b:short"), None);
    }
}
