//! Lines of JSON, as bytes come in and go out.

use serde::Serialize;

/// The longest request, its line end not counted.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The longest line that a client takes from the daemon.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A line that is longer than it may be; what follows cannot be told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of more than {0} bytes")]
pub struct TooLong(pub usize);

/// Cuts what comes in into lines.
pub struct Lines {
    limit: usize,
    buffer: Vec<u8>,
    /// Bytes at the beginning of the buffer that have no line end, as far as was looked.
    seen: usize,
}

impl Lines {
    pub fn new(limit: usize) -> Self {
        Lines { limit, buffer: Vec::new(), seen: 0 }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line that is not empty, without its end.
    ///
    /// # Errors
    /// Where a line is too long.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        while let Some(at) = self.buffer[self.seen..].iter().position(|byte| *byte == b'\n') {
            let end = self.seen + at;
            if end > self.limit {
                return Err(TooLong(self.limit));
            }
            let rest = self.buffer.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.buffer, rest);
            self.seen = 0;
            line.truncate(end);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
        self.seen = self.buffer.len();
        if self.seen > self.limit { Err(TooLong(self.limit)) } else { Ok(None) }
    }
}

/// One line, its end included.
pub fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("messages have string keys and no failing serialiser");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(limit: usize, pieces: &[&str]) -> Result<Vec<String>, TooLong> {
        let mut decoder = Lines::new(limit);
        let mut found = Vec::new();
        for piece in pieces {
            decoder.push(piece.as_bytes());
            while let Some(line) = decoder.next_line()? {
                found.push(String::from_utf8(line).expect("the test is text"));
            }
        }
        Ok(found)
    }

    #[test]
    fn lines_come_out_whole_however_they_came_in() {
        let expected = Ok(vec!["one".to_owned(), "two".to_owned()]);
        assert_eq!(lines(9, &["one\ntwo\n"]), expected);
        assert_eq!(lines(9, &["o", "ne", "\r", "\n\n\ntw", "o\nthr"]), expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_before_its_end() {
        assert_eq!(lines(4, &["1234\n"]), Ok(vec!["1234".to_owned()]));
        assert_eq!(lines(4, &["12345\n"]), Err(TooLong(4)));
        assert_eq!(lines(4, &["12", "345"]), Err(TooLong(4)));
    }
}
