//! WebSocket as far as a load needs it (RFC 6455): the upgrade, short texts out, whole frames in.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Makes the connection a WebSocket to the Socket.IO endpoint, with permessage-deflate where that is `wanted`; what the
/// server sent behind its agreement.
pub async fn upgrade(stream: &mut TcpStream, wanted: bool) -> io::Result<Vec<u8>> {
    const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    const AGREED: &[u8] = b"permessage-deflate";
    let offer = if wanted { OFFER } else { "" };
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::with_capacity(512);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(at) = memmem::find(&head, b"\r\n\r\n") {
            let rest = head.split_off(at + 4);
            let is_open = head.starts_with(b"HTTP/1.1 101") && wanted == memmem::find(&head, AGREED).is_some();
            return if is_open { Ok(rest) } else { Err(io::Error::other(String::from_utf8_lossy(&head).into_owned())) };
        }
    }
}

/// Any but zero, which servers recognise and then skip the unmasking that real clients make them do.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x8e];

/// A text frame from a client.
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
    out.extend_from_slice(&MASK);
    out.extend(payload.bytes().zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: u8,
    pub is_compressed: bool,
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
    Some((Frame { opcode: first & 0x0f, is_compressed: first & 0x40 != 0, payload }, rest))
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
