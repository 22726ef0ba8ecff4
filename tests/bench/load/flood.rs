//! A flood of strangers: what it costs the server in memory, whether that comes back, and what others notice of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use futures_util::future::join_all;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::world::World;
use crate::{cpu, frame};

/// What strangers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flood {
    /// Open sessions over polling, one after the other over a few connections, and leave them there.
    Polling,
    /// Open WebSockets and never present a token.
    Websockets,
    /// Open connections and never finish the head of a request.
    Heads,
}

/// Strangers that knock at the same time.
const AT_ONCE: usize = 64;
/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

struct Crowd {
    world: Rc<World>,
    /// How often each outcome came.
    outcomes: RefCell<BTreeMap<String, u64>>,
    /// Connections that are held open.
    held: RefCell<Vec<TcpStream>>,
    knocked: Cell<usize>,
    peak_kib: Cell<f64>,
    over: Cell<bool>,
}

/// Lets the flood come, and waits for `rest` behind it.
pub async fn run(world: &Rc<World>) -> Value {
    let pid = world.args.pid;
    let before = cpu::resident_kib(pid);
    let crowd = Rc::new(Crowd {
        world: Rc::clone(world),
        outcomes: RefCell::default(),
        held: RefCell::default(),
        knocked: Cell::new(0),
        peak_kib: Cell::new(before),
        over: Cell::new(false),
    });
    let watch = tokio::task::spawn_local(Rc::clone(&crowd).watch());
    let start = world.snapshot();
    let began = Instant::now();
    join_all((0..AT_ONCE).map(|_| crowd.press())).await;
    let window = world.since(&start);
    let pressed = began.elapsed();
    sleep(Duration::from_secs_f64(world.args.rest)).await;
    crowd.over.set(true);
    // It ends when it sees that the flood is over.
    let _ = watch.await;
    json!({
        "outcomes": *crowd.outcomes.borrow(),
        "seconds": pressed.as_secs_f64(),
        "server_cpu": window.server_cpu,
        "before_kib": before,
        "peak_kib": crowd.peak_kib.get(),
        "after_kib": cpu::resident_kib(pid),
    })
}

impl Crowd {
    async fn watch(self: Rc<Self>) {
        while !self.over.get() {
            self.peak_kib.set(self.peak_kib.get().max(cpu::resident_kib(self.world.args.pid)));
            sleep(LOOK).await;
        }
    }

    /// One of the strangers, until enough have knocked.
    async fn press(&self) {
        let mut kept = None;
        while self.knocked.replace(self.knocked.get() + 1) < self.world.args.strangers {
            let outcome = match self.world.args.flood {
                Flood::Polling => self.poll(&mut kept).await,
                Flood::Websockets => self.upgrade().await,
                Flood::Heads => self.dawdle().await,
            };
            let outcome = outcome.unwrap_or_else(|error| {
                kept = None;
                error.kind().to_string()
            });
            *self.outcomes.borrow_mut().entry(outcome).or_default() += 1;
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.world.args.port)).await
    }

    async fn poll(&self, kept: &mut Option<TcpStream>) -> io::Result<String> {
        let stream = match kept {
            Some(stream) => stream,
            None => kept.insert(self.connect().await?),
        };
        stream.write_all(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await?;
        let mut answer = Vec::with_capacity(1024);
        loop {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = whole(&answer) {
                if memmem::find(&answer, b"connection: close").is_some() {
                    *kept = None;
                }
                return Ok(status);
            }
        }
    }

    async fn upgrade(&self) -> io::Result<String> {
        let mut stream = self.connect().await?;
        let status = match frame::upgrade(&mut stream, false).await {
            Ok(_) => "101".to_owned(),
            // The head that says why it is no WebSocket.
            Err(error) if error.kind() == io::ErrorKind::Other => {
                error.to_string().split(' ').nth(1).unwrap_or("no HTTP").to_owned()
            }
            Err(error) => return Err(error),
        };
        self.held.borrow_mut().push(stream);
        Ok(status)
    }

    async fn dawdle(&self) -> io::Result<String> {
        let mut stream = self.connect().await?;
        stream.write_all(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\nX-").await?;
        self.held.borrow_mut().push(stream);
        Ok("open".to_owned())
    }
}

/// The status of an answer that has come whole.
fn whole(answer: &[u8]) -> Option<String> {
    const LENGTH: &[u8] = b"content-length: ";
    let head = memmem::find(answer, b"\r\n\r\n")? + 4;
    let at = memmem::find(&answer[..head], LENGTH)? + LENGTH.len();
    let digits = answer[at..].split(|byte| !byte.is_ascii_digit()).next()?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let status = answer.get(9..12).filter(|_| answer.len() >= head + length)?;
    Some(String::from_utf8_lossy(status).into_owned())
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: today\r\n\r\nhello";
        assert_eq!(whole(answer).as_deref(), Some("200"));
        assert_eq!((0..answer.len()).find_map(|len| whole(&answer[..len])), None);
    }
}
