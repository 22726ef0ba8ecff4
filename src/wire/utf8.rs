//! UTF-8 that comes in pieces.

/// What came so far is well-formed, up to the beginning of one character.
#[derive(Default)]
pub struct Utf8 {
    begun: [u8; 4],
    len: usize,
}

/// Nothing that follows can make it well-formed.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Utf8 {
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), Malformed> {
        while self.len > 0 {
            let Some((next, rest)) = piece.split_first() else { return Ok(()) };
            piece = rest;
            self.begun[self.len] = *next;
            self.len += 1;
            match std::str::from_utf8(&self.begun[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(Malformed),
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let tail = &piece[error.valid_up_to()..];
                self.begun[..tail.len()].copy_from_slice(tail);
                self.len = tail.len();
                Ok(())
            }
            Err(_) => Err(Malformed),
        }
    }

    /// Whether it may end here.
    pub fn is_whole(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &[u8], step: usize) -> bool {
        let mut utf8 = Utf8::default();
        text.chunks(step).all(|piece| utf8.feed(piece).is_ok()) && utf8.is_whole()
    }

    #[test]
    fn pieces_are_judged_as_the_whole_is() {
        let texts: [&[u8]; 14] = [
            b"",
            b"plain",
            "Grüße, κόσμε, 你好, 👋🏽".as_bytes(),
            "\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}".as_bytes(),
            b"\xff",
            b"a\x80",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            b"\xe2\x82\xe2\x82\xac",
            b"\xf0\x9f\x91",
            b"\xf8\x88\x80\x80\x80",
            b"ok \xe2\x28\xa1",
        ];
        for text in texts {
            for step in 1..8 {
                assert_eq!(holds(text, step), std::str::from_utf8(text).is_ok(), "{text:02x?} in pieces of {step}");
            }
        }
    }

    #[test]
    fn what_cannot_be_mended_is_known_at_once() {
        let mut utf8 = Utf8::default();
        assert_eq!(utf8.feed(b"\xf4"), Ok(()));
        assert_eq!(utf8.feed(b"\x90"), Err(Malformed));
    }
}
