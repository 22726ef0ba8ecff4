//! What is measured: each scenario sets its rooms up, warms up, measures a window, and counts what is missing at the end.

use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::{Client, Login, conversation};
use crate::tally::user;
use crate::world::{Window, World, add, percentile};
use crate::{Peer, Scenario, api, cpu, flood};

/// Clients that connect at the same time while a scenario is set up.
const CONNECTING: usize = 32;
/// Without progress for so long, what is still missing has got lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a delivery that nobody waits for has to show up.
const AFTERMATH: Duration = Duration::from_millis(200);
/// How long the server has to itself between two storms.
const CALM: Duration = Duration::from_millis(200);
/// Rooms whose connections are there before memory is counted: what a server allocates once is no connection's.
const ROOMS_BEFORE: usize = 50;

pub async fn run(world: Rc<World>) -> Value {
    let mut report = match world.args.scenario {
        Scenario::Messages | Scenario::Paced | Scenario::Api => messages(&world).await,
        Scenario::Typing => typing(&world).await,
        Scenario::Connects => connects(&world).await,
        Scenario::Storm => storm(&world).await,
        Scenario::Idle => idle(&world).await,
        Scenario::Flood => beside_flood(&world).await,
    };
    let counts = &world.counts;
    let more = json!({
        "lost": counts.lost.get(), "again": counts.again.get(), "failed": counts.failed.get(),
        "complaint": *world.complaint.borrow(),
    });
    merge(&mut report, more);
    report
}

/// All clients of these rooms, in their rooms.
async fn set_up(world: &Rc<World>, rooms: Range<usize>) -> Vec<Rc<Client>> {
    let clients = connect_all(world, rooms, CONNECTING, |_| None).await;
    match world.args.peer {
        Peer::Chatd => create(world, &clients).await,
        Peer::Node => join(&clients).await,
    }
    clients
}

/// The first client of each room makes its conversation; the others follow it as soon as they are members.
async fn create(world: &World, clients: &[Rc<Client>]) {
    let size = world.args.size;
    let kind = if size == 2 { "direct" } else { "group" };
    let joined = world.counts.joined.get();
    for room in clients.chunks(size) {
        let members: Vec<_> = (1..size).map(|index| user(room[0].room(), index)).collect();
        let body = json!({ "id": room[0].conversation(), "type": kind, "members": members });
        room[0].emit("conversation:create", &body.to_string());
    }
    let told = (clients.len() - clients.len() / size) as u64;
    settle(|| world.counts.joined.get() - joined >= told && unanswered(clients) == 0).await;
}

/// A socket.io server forgets a connection's rooms with the connection: each client asks for its own.
async fn join(clients: &[Rc<Client>]) {
    for client in clients {
        client.emit("conversation:join", &json!({ "conversationId": client.conversation() }).to_string());
    }
    settle(|| unanswered(clients) == 0).await;
}

async fn connect_all(
    world: &Rc<World>,
    rooms: Range<usize>,
    at_once: usize,
    resume: impl Fn(usize) -> Option<String>,
) -> Vec<Rc<Client>> {
    let size = world.args.size;
    let mut clients = Vec::with_capacity(rooms.len() * size);
    let all: Vec<_> = rooms.flat_map(|room| (0..size).map(move |index| (room, index))).collect();
    for some in all.chunks(at_once) {
        let connecting =
            some.iter().map(|&(room, index)| Client::connect(world, Login { room, index, resume: resume(room) }));
        for client in join_all(connecting).await {
            clients.push(client.unwrap_or_else(|| panic!("a client was not let in: {:?}", world.complaint.borrow())));
        }
    }
    clients
}

fn unanswered(clients: &[Rc<Client>]) -> u64 {
    clients.iter().map(|client| client.unanswered()).sum()
}

async fn settle(is_done: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_done() {
        assert!(began.elapsed() < 4 * PATIENCE, "the rooms were not made");
        sleep(Duration::from_millis(1)).await;
    }
}

fn senders(clients: &[Rc<Client>]) -> impl Iterator<Item = &Rc<Client>> {
    clients.iter().filter(|client| client.is_sender())
}

async fn messages(world: &Rc<World>) -> Value {
    let clients = set_up(world, 0..world.args.rooms).await;
    world.running.set(true);
    match world.args.scenario {
        Scenario::Paced => {
            let paced: Vec<_> = senders(&clients).cloned().collect();
            tokio::task::spawn_local(pace(Rc::clone(world), paced));
        }
        Scenario::Api => senders(&clients).cloned().for_each(|client| {
            tokio::task::spawn_local(api::speak(Rc::clone(world), client));
        }),
        _ => senders(&clients).for_each(|client| client.say()),
    }
    let mut report = exchange(world, &clients).await;
    merge(&mut report, latencies(world));
    report
}

fn latencies(world: &World) -> Value {
    let mut latencies = world.latencies.borrow_mut();
    let latency = |values: &mut Vec<u32>| json!({ "p50": percentile(values, 0.5), "p99": percentile(values, 0.99) });
    json!({ "ack_ms": latency(&mut latencies.ack), "delivery_ms": latency(&mut latencies.delivery) })
}

async fn typing(world: &Rc<World>) -> Value {
    let clients = set_up(world, 0..world.args.rooms).await;
    world.running.set(true);
    senders(&clients).for_each(|client| client.type_on());
    exchange(world, &clients).await
}

/// Warms up and measures what senders that run already bring about.
async fn exchange(world: &World, clients: &[Rc<Client>]) -> Value {
    sleep(world.args.warm_up()).await;
    world.measuring.set(true);
    let (acked, delivered) = (world.counts.acked.get(), world.counts.delivered.get());
    let bytes = world.counts.bytes.get();
    let start = world.snapshot();
    sleep(world.args.window()).await;
    let window = world.since(&start);
    let (acked, delivered) = (world.counts.acked.get() - acked, world.counts.delivered.get() - delivered);
    let bytes = world.counts.bytes.get() - bytes;
    world.measuring.set(false);
    world.running.set(false);
    count_missing(world, clients).await;
    let mut report = rates(&window, &[("acked", acked), ("delivered", delivered)]);
    merge(&mut report, json!({ "bytes_per_delivery": bytes as f64 / delivered as f64 }));
    report
}

/// Sends at the given rate, each sender in its turn.
async fn pace(world: Rc<World>, senders: Vec<Rc<Client>>) {
    let began = Instant::now();
    let mut sent = 0;
    while world.running.get() {
        let due = (began.elapsed().as_secs_f64() * world.args.rate) as usize;
        while sent < due {
            senders[sent % senders.len()].say();
            sent += 1;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits for what is still on its way, then counts what each device did not get of each sender.
async fn count_missing(world: &World, clients: &[Rc<Client>]) {
    let missing = || -> u64 {
        let of_room = |room: &[Rc<Client>]| -> u64 {
            let pairs = senders(room).flat_map(|sender| room.iter().map(move |client| (sender, client)));
            let others = pairs.filter(|(sender, client)| !Rc::ptr_eq(sender, client));
            others.map(|(sender, client)| client.missing(sender)).sum()
        };
        clients.chunks(world.args.size).map(of_room).sum()
    };
    let progress = || world.counts.delivered.get() + world.counts.acked.get();
    let mut last = (progress(), Instant::now());
    while missing() + unanswered(clients) > 0 && last.1.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50)).await;
        if progress() != last.0 {
            last = (progress(), Instant::now());
        }
    }
    add(&world.counts.lost, missing());
    for _ in 0..unanswered(clients) {
        world.complain("a request was never answered");
    }
    sleep(AFTERMATH).await;
}

/// Connects and leaves, again and again.
async fn connects(world: &Rc<World>) -> Value {
    let clients = set_up(world, 0..world.args.rooms).await;
    clients.into_iter().for_each(Client::cut);
    sleep(world.args.warm_up()).await;
    let (rooms, size) = (world.args.rooms, world.args.size);
    let connector = |first: usize| {
        let world = Rc::clone(world);
        async move {
            let mut at = first;
            while world.running.get() {
                let login = Login { room: at / size % rooms, index: at % size, resume: None };
                match Client::connect(&world, login).await {
                    Some(client) => client.cut(),
                    // Where it is refused at once, this must not spin.
                    None => sleep(Duration::from_millis(10)).await,
                }
                at += CONNECTING;
            }
        }
    };
    world.running.set(true);
    let connectors: Vec<_> = (0..CONNECTING).map(|first| tokio::task::spawn_local(connector(first))).collect();
    sleep(world.args.warm_up()).await;
    let ready = world.counts.ready.get();
    let start = world.snapshot();
    sleep(world.args.window()).await;
    let window = world.since(&start);
    let ready = world.counts.ready.get() - ready;
    world.running.set(false);
    join_all(connectors).await;
    rates(&window, &[("connected", ready)])
}

/// All are cut off at once and come back at once, to where they were.
async fn storm(world: &Rc<World>) -> Value {
    let rooms = 0..world.args.rooms;
    let mut clients = set_up(world, rooms.clone()).await;
    // A message in each room, so that there is something to be found complete.
    senders(&clients).for_each(|client| client.say());
    count_missing(world, &clients).await;
    let epoch = clients[0].epoch.borrow().clone();
    let last_seq = world.args.senders;
    sleep(world.args.warm_up()).await;
    let began = Instant::now();
    let mut all = Window::default();
    let mut back_ms = Vec::new();
    let mut back = 0;
    while back == 0 || began.elapsed() < world.args.window() {
        let start = world.snapshot();
        clients.drain(..).for_each(Client::cut);
        clients = connect_all(world, rooms.clone(), usize::MAX, |room| {
            let resume = json!({ "epoch": epoch, "conversations": { conversation(room): last_seq } });
            (world.args.peer == Peer::Chatd).then(|| resume.to_string())
        })
        .await;
        if world.args.peer == Peer::Node {
            join(&clients).await;
        }
        let storm = world.since(&start);
        back_ms.push(storm.seconds * 1000.0);
        back += clients.len() as u64;
        all += storm;
        sleep(CALM).await;
    }
    back_ms.sort_by(f64::total_cmp);
    let mut report = rates(&all, &[("connected", back)]);
    merge(&mut report, json!({ "storms": back_ms.len(), "back_ms": back_ms[back_ms.len() / 2] }));
    report
}

/// Memory of connections that do nothing.
async fn idle(world: &Rc<World>) -> Value {
    let _first = set_up(world, 0..ROOMS_BEFORE).await;
    sleep(world.args.warm_up()).await;
    let before = cpu::resident_kib(world.args.pid);
    let clients = set_up(world, ROOMS_BEFORE..ROOMS_BEFORE + world.args.rooms).await;
    sleep(2 * world.args.warm_up()).await;
    let after = cpu::resident_kib(world.args.pid);
    json!({ "connections": clients.len(), "kib_per_connection": (after - before) / clients.len() as f64 })
}

/// Rooms talk at the given rate while strangers press in.
async fn beside_flood(world: &Rc<World>) -> Value {
    let clients = set_up(world, 0..world.args.rooms).await;
    world.running.set(true);
    let paced = senders(&clients).cloned().collect();
    let pacing = tokio::task::spawn_local(pace(Rc::clone(world), paced));
    sleep(world.args.warm_up()).await;
    world.measuring.set(true);
    let mut report = flood::run(world).await;
    world.measuring.set(false);
    world.running.set(false);
    // It ends when nothing more is to be sent.
    let _ = pacing.await;
    count_missing(world, &clients).await;
    merge(&mut report, latencies(world));
    report
}

/// What was done, in all and by second of the server's CPU time and of the clock.
fn rates(window: &Window, done: &[(&str, u64)]) -> Value {
    let mut report = json!({
        "seconds": window.seconds,
        "server_cpu": window.server_cpu,
        "server_busy": window.server_cpu / window.seconds,
        "own_busy": window.own_cpu / window.seconds,
        "others_busy": window.others_cpu / window.seconds,
    });
    for (name, count) in done {
        let count = *count as f64;
        merge(
            &mut report,
            json!({
                (*name): count,
                (format!("{name}_per_cpu_second")): count / window.server_cpu,
                (format!("{name}_per_second")): count / window.seconds,
            }),
        );
    }
    report
}

fn merge(report: &mut Value, more: Value) {
    if let (Value::Object(report), Value::Object(more)) = (report, more) {
        report.extend(more);
    }
}
