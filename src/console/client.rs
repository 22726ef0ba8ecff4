//! One client: its requests in their order, and the streams that it asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::gate::Peer;
use super::{Console, dispatch};
use crate::admin::codec::{self, Lines, MAX_REQUEST_BYTES};
use crate::admin::protocol::{Command, Failure, Flow, HELLO, Hello, PROTOCOL, Reply, Request, STREAM};

/// Lines that may wait for a client to read them.
const MAX_WAITING: usize = 256;

/// A client that asks for nothing gives its place to another after so long. Streams keep it.
const IDLE: Duration = Duration::from_secs(300);

/// Whether a client that says no more is still there is looked at so often: the kernel does not tell by itself.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// A client that reads nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a command answers, and what runs on after it.
pub struct Answer {
    pub result: Value,
    pub stream: Option<Stream>,
}

/// What a command sends after its answer; it may run until its client has gone.
pub type Stream = Box<dyn FnOnce(Outflow) -> futures_util::future::BoxFuture<'static, Result<(), Failure>> + Send>;

/// Where a stream sends its items.
#[derive(Clone)]
pub struct Outflow {
    lines: mpsc::Sender<Vec<u8>>,
    missed: Arc<AtomicU64>,
}

/// The client has gone.
pub struct Gone;

impl Outflow {
    /// Sends an item, waiting for the client to read.
    pub async fn send(&self, item: Value) -> Result<(), Gone> {
        self.lines.send(flow(Flow::Item(item))).await.map_err(|_| Gone)
    }

    /// Tells that so many items were lost on the way here.
    pub fn missed(&self, count: u64) -> Result<(), Gone> {
        self.missed.fetch_add(count, Ordering::Relaxed);
        if self.lines.is_closed() { Err(Gone) } else { Ok(()) }
    }

    /// Sends an item, or counts it as missed where the client does not keep up.
    pub fn offer(&self, item: Value) -> Result<(), Gone> {
        let missed = self.missed.swap(0, Ordering::Relaxed);
        if missed > 0 && self.lines.try_send(flow(Flow::Missed(missed))).is_err() {
            self.missed.fetch_add(missed + 1, Ordering::Relaxed);
            return if self.lines.is_closed() { Err(Gone) } else { Ok(()) };
        }
        match self.lines.try_send(flow(Flow::Item(item))) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Gone),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

/// Serves one client until it hangs up, breaks the rules, or is idle for too long.
pub async fn serve(stream: UnixStream, peer: Peer, console: Arc<Console>) {
    let (reader, mut writer) = stream.into_split();
    let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(MAX_WAITING);
    let writing = async move {
        while let Some(line) = waiting.recv().await {
            match tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(&line)).await {
                Ok(Ok(())) => {}
                _ => return,
            }
        }
    };
    let talking = talk(reader, lines, peer, console);
    // Whichever ends first ends the other: a client that reads no more gets no more done.
    tokio::pin!(writing, talking);
    tokio::select! {
        () = &mut writing => {}
        () = &mut talking => writing.await,
    }
}

async fn talk(mut reader: OwnedReadHalf, lines: mpsc::Sender<Vec<u8>>, peer: Peer, console: Arc<Console>) {
    let hello = Hello { server: "chatd".into(), version: env!("CARGO_PKG_VERSION").into(), protocol: PROTOCOL };
    if lines.send(notification(HELLO, &hello)).await.is_err() {
        return;
    }
    let mut incoming = Lines::new(MAX_REQUEST_BYTES);
    let mut buffer = vec![0; 8 * 1024];
    let mut streams = JoinSet::new();
    loop {
        let line = match incoming.next_line() {
            Ok(line) => line,
            Err(too_long) => {
                // What follows cannot be read, so this is the last word.
                let _ = lines.send(answer(None, Err(Failure::no_request(too_long.to_string())))).await;
                return;
            }
        };
        if let Some(line) = line {
            let Some((id, outcome)) = respond(&line, &peer, &console).await else { continue };
            let (result, stream) = match outcome {
                Ok(Answer { result, stream }) => (Ok(result), stream),
                Err(failure) => (Err(failure), None),
            };
            if lines.send(answer(id, result)).await.is_err() {
                return;
            }
            if let Some(stream) = stream {
                let outflow = Outflow { lines: lines.clone(), missed: Arc::default() };
                let last = lines.clone();
                streams.spawn(async move {
                    let end = match stream(outflow).await {
                        Ok(()) => Flow::End,
                        Err(failure) => Flow::Failed(failure),
                    };
                    // A client that has gone misses nothing.
                    let _ = last.send(flow(end)).await;
                });
            }
            continue;
        }
        let read = tokio::select! {
            read = reader.read(&mut buffer) => read,
            Some(_) = streams.join_next() => continue,
            () = tokio::time::sleep(IDLE), if streams.is_empty() => return,
        };
        match read {
            Ok(0) => return see_out(&reader, streams).await,
            Err(_) => return,
            Ok(count) => incoming.push(&buffer[..count]),
        }
    }
}

/// Who says no more may still listen: the streams go on to their end, or until their client has gone altogether.
async fn see_out(reader: &OwnedReadHalf, mut streams: JoinSet<()>) {
    loop {
        tokio::select! {
            ended = streams.join_next() => if ended.is_none() { return },
            () = tokio::time::sleep(LOOK_AFTER) => match reader.ready(Interest::WRITABLE).await {
                Ok(ready) if !ready.is_write_closed() => {}
                _ => return,
            },
        }
    }
}

type Outcome = (Option<Value>, Result<Answer, Failure>);

/// The answer to one line; None where none is wanted.
async fn respond(line: &[u8], peer: &Peer, console: &Arc<Console>) -> Option<Outcome> {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return Some((None, Err(Failure::unreadable(format!("no JSON: {error}"))))),
    };
    let (id, request) = Request::parse(value);
    let request = match request {
        Ok(request) => request,
        Err(failure) => return Some((id, Err(failure))),
    };
    let outcome = match Command::parse(&request.method, request.params) {
        Ok(command) => run(command, peer, console).await,
        Err(failure) => Err(failure),
    };
    request.id.map(|id| (Some(id), outcome))
}

/// Runs a command; what changes something leaves a line in the log, and is done to its end even where its client has
/// gone.
async fn run(command: Command, peer: &Peer, console: &Arc<Console>) -> Result<Answer, Failure> {
    let operator = format!("uid {}", peer.uid);
    if !command.changes() {
        return dispatch::run(console, command, &operator).await;
    }
    let (method, target) = (command.method(), target(command.method(), &command.params()));
    let (working, uid, pid) = (Arc::clone(console), peer.uid, peer.pid);
    let work = console.shared.tasks.spawn(async move {
        let outcome = dispatch::run(&working, command, &operator).await;
        let said = match &outcome {
            Ok(_) => "done",
            Err(failure) => failure.data.kind.as_str(),
        };
        tracing::info!(
            peer.uid = uid,
            peer.pid = pid,
            command.name = method,
            command.target = target.as_deref(),
            command.outcome = said,
            "admin command"
        );
        outcome
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, command.name = method, "an admin command panicked");
        Err(Failure::refused("INTERNAL", "the daemon has a defect here: see its log"))
    })
}

/// Whom or what a command is about, for the log: ids only, never a text that somebody wrote.
fn target(method: &str, params: &Value) -> Option<String> {
    let named: &[&str] = match method.split('.').next()? {
        "user" => &["user", "conversation"],
        "connection" => &["connection"],
        "conversation" => &["conversation", "id", "owner"],
        "message" => &["message"],
        "token" => &["user"],
        "lockdown" => &["level"],
        "plugin" => &["plugin"],
        "review" => &["message"],
        "webhook" => &["webhook"],
        _ => &[],
    };
    let found = named.iter().filter_map(|name| match params.get(name)? {
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Number(number) => Some(format!("{name} {number}")),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    (!found.is_empty()).then(|| found.join(", "))
}

fn answer(id: Option<Value>, outcome: Result<Value, Failure>) -> Vec<u8> {
    // An answer to what could not be read has the id null.
    let id = Some(id.unwrap_or(Value::Null));
    match outcome {
        Ok(result) => codec::line(&Reply { id, result: Some(result), ..Reply::default() }),
        Err(failure) => codec::line(&Reply { id, error: Some(failure), ..Reply::default() }),
    }
}

fn notification<T: serde::Serialize>(method: &str, params: &T) -> Vec<u8> {
    let params = serde_json::to_value(params).expect("notifications have string keys and no failing serialiser");
    codec::line(&Reply { method: Some(method.into()), params: Some(params), ..Reply::default() })
}

fn flow(flow: Flow) -> Vec<u8> {
    notification(STREAM, &flow)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::target;

    #[test]
    fn the_log_names_whom_a_command_is_about_and_no_text() {
        let notice = json!({ "user": "ann", "message": "a secret", "title": "another" });
        assert_eq!(target("user.notify", &notice).as_deref(), Some("user ann"));
        assert_eq!(target("broadcast", &json!({ "message": "a secret" })), None);
        assert_eq!(target("token.revoke", &json!({ "token": "a.b.c" })), None);
        let said = json!({ "conversation": "lobby", "content": "a secret", "sender": "chatd" });
        assert_eq!(target("conversation.send", &said).as_deref(), Some("conversation lobby"));
        assert_eq!(target("lockdown", &json!({ "level": 2, "seconds": 9 })).as_deref(), Some("level 2"));
    }
}
