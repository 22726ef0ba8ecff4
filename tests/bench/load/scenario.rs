//! What is measured: each scenario sets its rooms up, warms up, measures a window, and counts what is missing at the end.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::{Client, Login};
use crate::world::{Window, World, add, percentile};
use crate::{Peer, Scenario, cpu};

/// Clients that connect at the same time while a scenario is set up.
const CONNECTING: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);
/// How long the last deliveries may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(world: Rc<World>) -> Value {
    let mut report = match world.args.scenario {
        Scenario::Messages | Scenario::Paced => messages(&world).await,
        Scenario::Typing => typing(&world).await,
        Scenario::Connects => connects(&world).await,
        Scenario::Storm => storm(&world).await,
        Scenario::Idle => idle(&world).await,
    };
    let counts = &world.counts;
    let more = json!({
        "lost": counts.lost.get(), "again": counts.again.get(), "failed": counts.failed.get(),
        "complaint": *world.complaint.borrow(),
    });
    merge(&mut report, more);
    report
}

/// All clients of all rooms, in their rooms.
async fn set_up(world: &Rc<World>) -> Vec<Rc<Client>> {
    let clients = connect_all(world, CONNECTING, |_| None).await;
    let (rooms, size) = (world.args.rooms, world.args.size);
    match world.args.peer {
        Peer::Chatd => {
            for room in 0..rooms {
                let members: Vec<_> = (1..size).map(|index| user(room, index)).collect();
                let id = format!("room-{room}");
                let body = json!({ "id": id, "type": "group", "members": members });
                clients[room * size].emit("conversation:create", &body.to_string());
            }
            // Each device is told when it follows the conversation; those who made one know by the acknowledgement.
            settle(|| world.counts.acked.get() + world.counts.joined.get() >= (rooms * size) as u64).await;
        }
        Peer::Node => {
            for client in &clients {
                client.emit("conversation:join", &json!({ "conversationId": client.room() }).to_string());
            }
            settle(|| world.counts.acked.get() >= clients.len() as u64).await;
        }
    }
    world.counts.acked.set(0);
    clients
}

fn user(room: usize, index: usize) -> String {
    format!("u{room}-{index}")
}

async fn connect_all(world: &Rc<World>, at_once: usize, resume: impl Fn(usize) -> Option<String>) -> Vec<Rc<Client>> {
    let (rooms, size, senders) = (world.args.rooms, world.args.size, world.args.senders);
    let mut clients = Vec::with_capacity(rooms * size);
    let all: Vec<_> = (0..rooms).flat_map(|room| (0..size).map(move |index| (room, index))).collect();
    for some in all.chunks(at_once) {
        let connecting = some.iter().map(|&(room, index)| {
            let resume = resume(room);
            async move {
                let user = user(room, index);
                let sender = (index < senders).then_some(index);
                let login = Login { user: &user, room: format!("room-{room}"), sender, resume };
                Client::connect(world, login).await
            }
        });
        for client in join_all(connecting).await {
            clients.push(client.unwrap_or_else(|| panic!("a client was not let in: {:?}", world.complaint.borrow())));
        }
    }
    clients
}

async fn settle(is_done: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_done() {
        assert!(began.elapsed() < PATIENCE, "the rooms were not made");
        sleep(Duration::from_millis(5)).await;
    }
}

fn senders(clients: &[Rc<Client>]) -> impl Iterator<Item = &Rc<Client>> {
    clients.iter().filter(|client| client.sender().is_some())
}

async fn messages(world: &Rc<World>) -> Value {
    let clients = set_up(world).await;
    world.running.set(true);
    if world.args.scenario == Scenario::Paced {
        let paced: Vec<_> = senders(&clients).cloned().collect();
        tokio::task::spawn_local(pace(Rc::clone(world), paced));
    } else {
        senders(&clients).for_each(|client| client.say());
    }
    sleep(WARM_UP).await;
    world.measuring.set(true);
    let (acked, delivered) = (world.counts.acked.get(), world.counts.delivered.get());
    let start = world.snapshot();
    sleep(world.args.window()).await;
    let window = world.since(&start);
    let (acked, delivered) = (world.counts.acked.get() - acked, world.counts.delivered.get() - delivered);
    world.measuring.set(false);
    world.running.set(false);
    count_missing(world, &clients).await;
    let mut latencies = world.latencies.borrow_mut();
    let mut report = rates(&window, &[("acked", acked), ("delivered", delivered)]);
    let latency = |values: &mut Vec<u32>| json!({ "p50": percentile(values, 0.5), "p99": percentile(values, 0.99) });
    merge(
        &mut report,
        json!({ "ack_ms": latency(&mut latencies.ack), "delivery_ms": latency(&mut latencies.delivery) }),
    );
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
async fn count_missing(world: &Rc<World>, clients: &[Rc<Client>]) {
    let missing = || -> u64 {
        let of_room = |room: &[Rc<Client>]| -> u64 {
            let pairs = senders(room).flat_map(|sender| room.iter().map(move |client| (sender, client)));
            let others = pairs.filter(|(sender, client)| !Rc::ptr_eq(sender, client));
            others.map(|(sender, client)| u64::from(sender.sent() - client.seen(sender.sender().unwrap_or(0)))).sum()
        };
        clients.chunks(world.args.size).map(of_room).sum()
    };
    let began = Instant::now();
    while missing() > 0 && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50)).await;
    }
    add(&world.counts.lost, missing());
}

async fn typing(world: &Rc<World>) -> Value {
    let clients = set_up(world).await;
    world.running.set(true);
    senders(&clients).for_each(|client| client.type_on());
    sleep(WARM_UP).await;
    let typed = world.counts.typed.get();
    let start = world.snapshot();
    sleep(world.args.window()).await;
    let window = world.since(&start);
    let typed = world.counts.typed.get() - typed;
    world.running.set(false);
    let expected = || world.counts.acked.get() * (world.args.size as u64 - 1);
    let began = Instant::now();
    while world.counts.typed.get() < expected() && began.elapsed() < Duration::from_secs(3) {
        sleep(Duration::from_millis(50)).await;
    }
    // What was acknowledged after the last look may have been told before it.
    add(&world.counts.lost, expected().saturating_sub(world.counts.typed.get()));
    rates(&window, &[("delivered", typed)])
}

/// Connects and leaves, again and again.
async fn connects(world: &Rc<World>) -> Value {
    let clients = set_up(world).await;
    clients.into_iter().for_each(Client::cut);
    sleep(WARM_UP).await;
    let users = world.args.rooms * world.args.size;
    let connector = |index: usize| {
        let world = Rc::clone(world);
        async move {
            let mut at = index;
            while world.running.get() {
                let (room, member) = (at / world.args.size % world.args.rooms, at % world.args.size);
                let user = user(room, member);
                let login = Login { user: &user, room: format!("room-{room}"), sender: None, resume: None };
                match Client::connect(&world, login).await {
                    Some(client) => client.cut(),
                    // Where it is refused at once, this must not spin.
                    None => sleep(Duration::from_millis(10)).await,
                }
                at = (at + CONNECTING) % users;
            }
        }
    };
    world.running.set(true);
    let connectors: Vec<_> = (0..CONNECTING).map(|index| tokio::task::spawn_local(connector(index))).collect();
    sleep(WARM_UP).await;
    let ready = world.counts.ready.get();
    let start = world.snapshot();
    sleep(world.args.window()).await;
    let window = world.since(&start);
    let ready = world.counts.ready.get() - ready;
    world.running.set(false);
    join_all(connectors).await;
    rates(&window, &[("connected", ready)])
}

/// All are cut off at once and come back at once.
async fn storm(world: &Rc<World>) -> Value {
    let clients = set_up(world).await;
    let epoch = clients[0].epoch.borrow().clone();
    clients.into_iter().for_each(Client::cut);
    let start = world.snapshot();
    let began = Instant::now();
    let back = connect_all(world, usize::MAX, |room| {
        // Nothing was said: a device that is back must get nothing, and chatd must find that out.
        let is_known = world.args.peer == Peer::Chatd;
        is_known.then(|| json!({ "epoch": epoch, "conversations": { format!("room-{room}"): 0 } }).to_string())
    })
    .await;
    let seconds = began.elapsed().as_secs_f64();
    let window = world.since(&start);
    let mut report = rates(&window, &[("connected", back.len() as u64)]);
    merge(&mut report, json!({ "back_seconds": seconds }));
    report
}

/// Memory of connections that do nothing.
async fn idle(world: &Rc<World>) -> Value {
    let before = cpu::resident_kib(world.args.pid);
    let clients = set_up(world).await;
    sleep(Duration::from_secs(2)).await;
    let after = cpu::resident_kib(world.args.pid);
    json!({ "connections": clients.len(), "kib_per_connection": (after - before) / clients.len() as f64 })
}

/// What was done, in all and by second of the server's CPU time and of the clock.
fn rates(window: &Window, done: &[(&str, u64)]) -> Value {
    let mut report = json!({
        "seconds": window.seconds,
        "server_cpu": window.server_cpu,
        "server_busy": window.server_cpu / window.seconds,
        "own_busy": window.own_cpu / window.seconds,
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
