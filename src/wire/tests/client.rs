//! A client made of bytes: HTTP requests and WebSocket frames written by hand, so that it can misbehave.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// What a WebSocket gives next.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    Text(String),
    Close(Option<u16>),
    /// The stream ended or was reset.
    End,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Client { stream: TcpStream::connect(address).await.expect("the server listens"), buffer: Vec::new() }
    }

    /// A WebSocket that has read its open packet.
    pub async fn websocket(address: SocketAddr) -> Self {
        let mut client = Client::connect(address).await;
        let answer = client.upgrade("/socket.io/?EIO=4&transport=websocket", "").await;
        assert_eq!(answer.status, 101, "{}", answer.body);
        client
    }

    /// A WebSocket that has joined the main namespace.
    pub async fn joined(address: SocketAddr) -> Self {
        let mut client = Client::websocket(address).await;
        assert!(client.text().await.starts_with("0{"));
        client.send("40{\"token\":\"t\"}").await;
        while !client.text().await.starts_with("40{") {}
        client
    }

    pub async fn upgrade(&mut self, target: &str, headers: &str) -> Answer {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: chat.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.write(request.as_bytes()).await;
        self.answer().await
    }

    pub async fn request(&mut self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: chat.example\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.write(request.as_bytes()).await;
        self.answer().await
    }

    pub async fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target, "", "").await
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
    }

    pub async fn answer(&mut self) -> Answer {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.fill().await, "the stream ended in a head");
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).expect("a head is ASCII").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let len = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |len| len.parse().expect("a length"));
        while self.buffer.len() < len {
            assert!(self.fill().await, "the stream ended in a body");
        }
        let body = String::from_utf8(self.buffer.drain(..len).collect()).expect("text");
        Answer { status, head, body }
    }

    /// Sends a text frame.
    pub async fn send(&mut self, text: &str) {
        self.write(&frame(0x81, text.len(), text.as_bytes())).await;
    }

    /// The next text frame; pings of the server are answered on the way.
    pub async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Incoming::Text(text) if text == "2" => self.send("3").await,
                Incoming::Text(text) => return text,
                other => panic!("{other:?} instead of a text"),
            }
        }
    }

    pub async fn next(&mut self) -> Incoming {
        loop {
            if let Some((opcode, payload)) = self.take_frame() {
                return match opcode {
                    1 => Incoming::Text(String::from_utf8(payload).expect("text frames are UTF-8")),
                    8 => Incoming::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
                    other => panic!("a frame of type {other}"),
                };
            }
            if !self.fill().await {
                return Incoming::End;
            }
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, short) = (*self.buffer.first()?, *self.buffer.get(1)?);
        assert_eq!(first & 0xf0, 0x80, "the server neither fragments nor uses reserved bits");
        let (head, len) = match short {
            126 => (4, usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().ok()?))),
            127 => (10, u64::from_be_bytes(self.buffer.get(2..10)?.try_into().ok()?) as usize),
            _ => (2, usize::from(short)),
        };
        if self.buffer.len() < head + len {
            return None;
        }
        let payload = self.buffer.drain(..head + len).skip(head).collect();
        Some((first & 0x0f, payload))
    }

    /// Reads on; false at the stream's end.
    async fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("the server answers");
        let len = read.unwrap_or(0);
        self.buffer.extend_from_slice(&chunk[..len]);
        len > 0
    }
}

/// A masked frame whose header says `len`, whatever `payload` is.
pub fn frame(first: u8, len: usize, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match len {
        0..=125 => frame.push(0x80 | len as u8),
        126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = [1, 2, 3, 4];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
