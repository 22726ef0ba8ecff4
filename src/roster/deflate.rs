//! The compressed form of a message (RFC 7692, section 7.2.1), made without the context of any other, so that one form
//! serves every connection.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};

/// The largest window that there is, as its base-2 logarithm.
pub const WIDEST_WINDOW: u8 = 15;

/// The smallest window that the format knows.
pub const NARROWEST_WINDOW: u8 = 8;

/// The smallest window that the compressor has.
pub const NARROWEST_COMPRESSED: u8 = 9;

/// Payloads from this size on take a millisecond or more: the worker's other tasks move to another thread meanwhile.
const HEAVY_BYTES: usize = 128 * 1024;

/// What ends a flushed block, which the format leaves out.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

thread_local! {
    /// A compressor costs a quarter of a megabyte and is used for one message after the other.
    static COMPRESSORS: RefCell<Vec<Compressor>> = const { RefCell::new(Vec::new()) };
}

struct Compressor {
    window_bits: u8,
    level: u8,
    state: Compress,
}

/// `payload` compressed within a window of two to the power of `window_bits`, at `level` 1 to 9; `None` where that is
/// not smaller.
pub fn compress(payload: &[u8], window_bits: u8, level: u8) -> Option<Vec<u8>> {
    if payload.len() < HEAVY_BYTES || !may_block() {
        return compress_here(payload, window_bits, level);
    }
    tokio::task::block_in_place(|| compress_here(payload, window_bits, level))
}

fn may_block() -> bool {
    use tokio::runtime::{Handle, RuntimeFlavor};
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

fn compress_here(payload: &[u8], window_bits: u8, level: u8) -> Option<Vec<u8>> {
    COMPRESSORS.with_borrow_mut(|known| {
        // After a reload there is one level for all.
        known.retain(|compressor| compressor.level == level);
        let at = known.iter().position(|compressor| compressor.window_bits == window_bits).unwrap_or_else(|| {
            let state = Compress::new_with_window_bits(Compression::new(level.into()), false, window_bits);
            known.push(Compressor { window_bits, level, state });
            known.len() - 1
        });
        let state = &mut known[at].state;
        state.reset();
        // Where the output does not fit, the plain payload is the better choice.
        let mut out = Vec::with_capacity(payload.len());
        let status = state.compress_vec(payload, &mut out, FlushCompress::Sync).ok()?;
        let is_whole = status == Status::Ok && state.total_in() == payload.len() as u64 && out.len() < out.capacity();
        out.truncate(out.strip_suffix(&TAIL)?.len());
        (is_whole && out.len() < payload.len()).then_some(out)
    })
}

#[cfg(test)]
mod tests {
    use flate2::{Decompress, FlushDecompress};

    use super::*;

    fn inflate(compressed: &[u8], window_bits: u8, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        let mut state = Decompress::new_with_window_bits(false, window_bits);
        let status = state.decompress_vec(&[compressed, &TAIL].concat(), &mut out, FlushDecompress::Sync);
        assert_eq!(status.expect("it is deflate"), Status::Ok);
        out
    }

    /// Text that repeats itself over a distance that only a wide window reaches.
    fn text(len: usize) -> Vec<u8> {
        (0_u32..).flat_map(|n| format!("{} ", (n % 3_000).wrapping_mul(2_654_435_761)).into_bytes()).take(len).collect()
    }

    #[test]
    fn what_is_compressed_comes_back_at_every_window_and_level() {
        for len in [400, 1_000, 5_000, 100_000, 300_000] {
            let text = text(len);
            for (window_bits, level) in (NARROWEST_COMPRESSED..=WIDEST_WINDOW).zip([1, 2, 3, 4, 6, 8, 9]) {
                let compressed = compress(&text, window_bits, level).expect("digits can be compressed");
                assert!(compressed.len() < len);
                assert_eq!(inflate(&compressed, window_bits, len), text, "{len} bytes, {window_bits} bits");
            }
        }
    }

    #[test]
    fn what_would_not_shrink_stays_plain() {
        assert_eq!(compress(b"", 15, 6), None);
        assert_eq!(compress(b"4", 15, 6), None);
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(10_000)
        .collect();
        assert_eq!(compress(&noise, 15, 9), None);
    }
}
