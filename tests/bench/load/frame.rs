//! WebSocket frames as far as a load needs them (RFC 6455): short texts out, whole frames in.

/// A text frame from a client. It is masked with zero, which costs nothing and is legal.
pub fn text(payload: &str, out: &mut Vec<u8>) {
    out.push(0x81);
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload.as_bytes());
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
}

/// The first whole frame of `bytes` and what is behind it.
pub fn next(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*len)).ok()?, rest)
        }
        len => (usize::from(len), rest),
    };
    let (payload, rest) = rest.split_at_checked(len)?;
    Some((Frame { opcode: first & 0x0f, payload }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_cut_where_they_end() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let mut bytes = vec![0x81];
            match len {
                0..=125 => bytes.push(len as u8),
                126..=65_535 => {
                    bytes.push(126);
                    bytes.extend_from_slice(&(len as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend_from_slice(&(len as u64).to_be_bytes());
                }
            }
            bytes.extend(std::iter::repeat_n(b'x', len));
            assert_eq!(next(&bytes[..bytes.len() - usize::from(len > 0)]).is_some(), len == 0);
            bytes.extend_from_slice(b"\x89\x00");
            let (frame, rest) = next(&bytes).expect("a whole frame");
            assert_eq!((frame.opcode, frame.payload.len(), rest), (1, len, &b"\x89\x00"[..]));
        }
    }
}
