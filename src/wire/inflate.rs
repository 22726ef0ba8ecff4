//! Compressed messages of clients (RFC 7692, section 7.2.2), each of which stands for itself.

use std::cell::RefCell;

use bytes::BytesMut;
use flate2::{Decompress, FlushDecompress, Status};

use super::frame::Violation;

/// What the sender left out at the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Output is made in pieces of this size, so that a small message costs a small buffer.
const PIECE: usize = 4 * 1024;

thread_local! {
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Appends to `out` what `compressed` stands for.
///
/// # Errors
/// Where it is no such thing, or is more than `limit` bytes: then no more than that has been made of it.
pub fn inflate(compressed: &[u8], limit: usize, out: &mut BytesMut) -> Result<(), Violation> {
    INFLATER.with_borrow_mut(|state| {
        state.reset(false);
        let start = out.len();
        for mut input in [compressed, &TAIL] {
            loop {
                let end = out.len();
                // One byte over the limit tells a message that breaks it from one that just fits.
                let room = PIECE.max(end - start).min(limit + 1 - (end - start));
                out.resize(end + room, 0);
                let (before_in, before_out) = (state.total_in(), state.total_out());
                let status = state.decompress(input, &mut out[end..], FlushDecompress::Sync);
                let made = (state.total_out() - before_out) as usize;
                let read = (state.total_in() - before_in) as usize;
                input = &input[read..];
                out.truncate(end + made);
                if out.len() - start > limit {
                    return Err(Violation::TooBig);
                }
                match status {
                    Err(_) => return Err(Violation::Data("a message cannot be decompressed")),
                    // The sender may end a block of the format for good and begin another one behind it.
                    Ok(Status::StreamEnd) => state.reset(false),
                    Ok(Status::Ok | Status::BufError) => {}
                }
                if made < room && (input.is_empty() || read == 0) {
                    break;
                }
            }
        }
        Ok(())
    })
}
