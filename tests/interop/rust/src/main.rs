//! A puppet on rust_socketio: see ../session.test.mjs.

use std::io::BufRead;
use std::time::Duration;

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{Value, json};

/// One line, in one piece.
fn say(line: Value) {
    println!("{line}");
}

/// The first argument of an event or acknowledgement.
fn first(payload: Payload) -> Value {
    match payload {
        Payload::Text(mut values) if !values.is_empty() => match values.swap_remove(0) {
            // The arguments of an acknowledgement come as a list of their own.
            Value::Array(mut inner) if !inner.is_empty() => inner.swap_remove(0),
            value => value,
        },
        _ => Value::Null,
    }
}

fn connect(order: &Value) -> Option<Client> {
    let transport = match order["transport"].as_str() {
        Some("polling") => TransportType::Polling,
        Some("upgrade") => TransportType::WebsocketUpgrade,
        _ => TransportType::Websocket,
    };
    let client = ClientBuilder::new(order["url"].as_str()?)
        .transport_type(transport)
        .reconnect(false)
        .auth(order["auth"].clone())
        .on_any(|event, payload, _| {
            if let Event::Custom(event) = event {
                say(json!({ "event": event, "payload": first(payload) }));
            }
        })
        .on(Event::Error, |payload, _| say(json!({ "refused": first(payload) })))
        .connect();
    client.ok()
}

fn main() {
    let mut client = None;
    for line in std::io::stdin().lock().lines() {
        let order: Value = serde_json::from_str(&line.expect("a line")).expect("an order");
        match (order["do"].as_str(), &client) {
            (Some("connect"), _) => client = connect(&order),
            (Some("emit"), Some(client)) => {
                let event = order["event"].as_str().expect("a name");
                let answered = |payload: Payload, _: _| say(json!({ "ack": first(payload) }));
                let sent = client.emit_with_ack(event, order["payload"].clone(), Duration::from_secs(10), answered);
                sent.expect("the event is sent");
            }
            (Some("disconnect"), Some(connected)) => {
                let _ = connected.disconnect();
                say(json!({ "gone": true }));
                client = None;
            }
            _ => {}
        }
    }
}
