//! A back end that sends messages over `/api/v1` in a user's name: a connection that is kept, and one request at a time.

use std::io;
use std::rc::Rc;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::world::{World, add};

/// Sends the next message when the last was answered, as long as there is to be load.
pub async fn speak(world: Rc<World>, sender: Rc<Client>) {
    if let Err(error) = converse(&world, &sender).await {
        world.complain(format!("the API: {error}"));
    }
}

async fn converse(world: &World, sender: &Client) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", world.args.port)).await?;
    stream.set_nodelay(true)?;
    let mut answer = Vec::new();
    while world.running.get() {
        let asked_at = world.micros();
        stream.write_all(request(world, sender).as_bytes()).await?;
        read(&mut stream, &mut answer).await?;
        if !answer.starts_with(b"HTTP/1.1 201 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
        add(&world.counts.acked, 1);
        if world.measuring.get() {
            world.latencies.borrow_mut().ack.push((world.micros() - asked_at) as u32);
        }
    }
    Ok(())
}

fn request(world: &World, sender: &Client) -> String {
    let (user, room, (number, content)) = (sender.user(), sender.conversation(), sender.next_message());
    let (once, client_id) = match world.args.idempotent {
        true => (format!("idempotency-key: {user}-{number}\r\n"), String::new()),
        false => (String::new(), format!(r#","clientId":"{number:08}""#)),
    };
    let body = format!(r#"{{"senderId":"{user}","content":"{content}"{client_id}}}"#);
    let (key, length) = (&world.args.api_key, body.len());
    format!(
        "POST /api/v1/conversations/{room}/messages HTTP/1.1\r\nhost: chatd\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{once}\r\n{body}"
    )
}

/// Reads one answer, head and body.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    answer.clear();
    loop {
        if let Some(head) = memmem::find(answer, b"\r\n\r\n") {
            let length = memmem::find(&answer[..head], b"content-length: ").map(|at| &answer[at + 16..head]);
            let length = length.and_then(|rest| rest.split(|byte| *byte == b'\r').next());
            let length = length.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
            let length = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
            if answer.len() >= head + 4 + length {
                return Ok(());
            }
        }
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
