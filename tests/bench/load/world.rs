//! What all clients share: the arguments, the counts, the clock.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use crate::{Args, cpu};

pub struct World {
    pub args: Args,
    key: EncodingKey,
    born: Instant,
    pub counts: Counts,
    /// Why a request was refused, or a client was not let in: the first time.
    pub complaint: RefCell<Option<String>>,
    /// Senders go on as long as this is set: not while rooms are made, nor when it is enough.
    pub running: Cell<bool>,
    pub latencies: RefCell<Latencies>,
    /// Latencies are noted only while this is set.
    pub measuring: Cell<bool>,
}

#[derive(Default)]
pub struct Counts {
    pub acked: Cell<u64>,
    pub delivered: Cell<u64>,
    pub lost: Cell<u64>,
    pub again: Cell<u64>,
    pub failed: Cell<u64>,
    pub ready: Cell<u64>,
    pub joined: Cell<u64>,
    /// Of what the servers sent on their WebSockets, answers included.
    pub bytes: Cell<u64>,
}

#[derive(Default)]
pub struct Latencies {
    pub ack: Vec<u32>,
    pub delivery: Vec<u32>,
}

/// What the server and this program had used at one moment.
pub struct Snapshot {
    at: Instant,
    server: f64,
    own: f64,
    machine: f64,
}

/// What was used between two moments.
#[derive(Default)]
pub struct Window {
    pub seconds: f64,
    pub server_cpu: f64,
    pub own_cpu: f64,
    /// What everything else on the machine used: beside neighbours, a server gets less done in its own CPU time too.
    pub others_cpu: f64,
}

impl std::ops::AddAssign for Window {
    fn add_assign(&mut self, other: Window) {
        self.seconds += other.seconds;
        self.server_cpu += other.server_cpu;
        self.own_cpu += other.own_cpu;
        self.others_cpu += other.others_cpu;
    }
}

impl World {
    pub fn new(args: Args) -> Self {
        World {
            key: EncodingKey::from_secret(args.secret.as_bytes()),
            args,
            born: Instant::now(),
            counts: Counts::default(),
            complaint: RefCell::default(),
            running: Cell::new(false),
            latencies: RefCell::default(),
            measuring: Cell::new(false),
        }
    }

    pub fn token(&self, user: &str) -> String {
        let expires = jiff::Timestamp::now().as_second() + 3600;
        jsonwebtoken::encode(&Header::default(), &json!({ "sub": user, "exp": expires }), &self.key)
            .expect("a token is signed")
    }

    pub fn micros(&self) -> u64 {
        self.born.elapsed().as_micros() as u64
    }

    pub fn complain(&self, text: impl Into<String>) {
        add(&self.counts.failed, 1);
        self.complaint.borrow_mut().get_or_insert_with(|| text.into());
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            at: Instant::now(),
            server: cpu::seconds(self.args.pid),
            own: cpu::seconds(std::process::id()),
            machine: cpu::machine_seconds(),
        }
    }

    pub fn since(&self, start: &Snapshot) -> Window {
        let now = self.snapshot();
        let (server_cpu, own_cpu) = (now.server - start.server, now.own - start.own);
        Window {
            seconds: (now.at - start.at).as_secs_f64(),
            server_cpu,
            own_cpu,
            others_cpu: (now.machine - start.machine - server_cpu - own_cpu).max(0.0),
        }
    }
}

pub fn add(cell: &Cell<u64>, count: u64) {
    cell.set(cell.get() + count);
}

/// The value below which `share` of the sorted values lie, in milliseconds.
pub fn percentile(values: &mut [u32], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable();
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    f64::from(values[at]) / 1000.0
}
