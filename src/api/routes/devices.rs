//! `/users/{userId}/devices` and events of the application's own.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::Api;
use super::super::call::Call;
use super::super::reply::Reply;
use super::Outcome;
use super::notifications::entry;
use crate::chat::operate::Whom;
use crate::domain::custom;
use crate::domain::error::Error;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::presence::KnownDevice;
use crate::domain::sanction;
use crate::domain::time::Time;
use crate::wire::payload::encode::KnownDeviceBody;
use crate::wire::payload::fields::Fields;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceBody {
    /// The daemon's own id: a session id is its client's secret.
    connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// As its token says, or a plugin that let it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    roles: Vec<String>,
    transport: &'static str,
    address: String,
    since: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_expires_at: Option<Time>,
}

/// The devices of a user, the oldest first.
pub fn devices_of(api: &Api, user: &UserId) -> Vec<DeviceBody> {
    let mut ids: Vec<_> = api.chat().roster().connections_of(user).iter().map(|device| device.id).collect();
    ids.sort();
    let devices = ids.iter().filter_map(|id| {
        let dispatcher = api.shared().live.get(id)?;
        let session = dispatcher.session();
        let (connection, person) = (&session.connection, &session.actor.person);
        Some(DeviceBody {
            name: person.name.clone(),
            roles: person.roles.clone(),
            connection: connection.id.to_string(),
            device: connection.device.as_deref().map(str::to_owned),
            transport: if dispatcher.transport().link().is_some() { "websocket" } else { "polling" },
            address: dispatcher.transport().peer().address.to_string(),
            since: dispatcher.since(),
            token_expires_at: dispatcher.session().expires_at(),
        })
    });
    devices.collect()
}

/// The devices that the user has named and that are not `here`, the one that came last first.
pub async fn absent_of(api: &Api, user: &UserId, here: &[DeviceBody]) -> Result<Vec<KnownDeviceBody>, Error> {
    let is_away = |known: &KnownDevice| here.iter().all(|one| one.device.as_deref() != Some(&known.name));
    let known = api.chat().known_devices(user.clone()).await?;
    Ok(known.into_iter().filter(is_away).map(KnownDeviceBody::from).collect())
}

pub async fn list(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    call.finish()?;
    let here = devices_of(api, &user);
    let absent = absent_of(api, &user, &here).await?;
    Ok(Reply::ok(&json!({ "devices": here, "absent": absent })))
}

/// Disconnects devices, who may come back at once.
pub async fn kick(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let whom = match (call.query("device"), call.query("connection")) {
        (None, None) => Whom::All,
        (Some(device), None) => Whom::Device(device),
        (None, Some(text)) => {
            let id = text.strip_prefix('c').and_then(|digits| digits.parse().ok()).map(ConnectionId);
            Whom::Connection(id.ok_or_else(|| Error::invalid("connection", "an id such as \"c12\""))?)
        }
        _ => return Err(Error::invalid("device", "a device or a connection, not both")),
    };
    let reason = call.query("reason");
    call.finish()?;
    sanction::check_reason(reason.as_deref())?;
    let devices = api.chat().kick(&user, whom, reason.as_deref()).await;
    Ok(Reply::ok(&json!({ "devices": devices })))
}

fn event(fields: &mut Fields) -> Result<(String, Value), Error> {
    let event = fields.string("event")?;
    let data = fields.take("data").unwrap_or(Value::Null);
    custom::check(&event, &data)?;
    Ok((event, data))
}

/// Any event to all devices of a user; where none is there, what `notify` says goes into the inbox.
pub async fn emit(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let fields = call.body()?;
    let (event, data) = event(fields)?;
    let notify = match fields.take("notify") {
        None => None,
        Some(value) => {
            let mut inner = Fields::of(value).map_err(|_| Error::invalid("notify", "an object"))?;
            let entry = entry(&mut inner)?;
            inner.finish("notify.")?;
            Some(entry)
        }
    };
    call.finish()?;
    let devices = api.chat().emit(user.clone(), event, data).await;
    let kept = match notify {
        Some(entry) if devices == 0 => api.chat().inform(user, entry).await?.is_some(),
        _ => false,
    };
    Ok(Reply::ok(&json!({ "devices": devices, "notified": kept })))
}

/// Any event to all devices that follow a conversation.
pub async fn emit_in(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    let (event, data) = event(call.body()?)?;
    call.finish()?;
    api.chat().look_at(id.clone()).await?;
    let devices = api.chat().shout(id, event, data).await;
    Ok(Reply::ok(&json!({ "devices": devices })))
}

/// Any event to all devices of everybody who is here.
pub async fn broadcast(api: &Api, call: &mut Call) -> Outcome {
    let (event, data) = event(call.body()?)?;
    call.finish()?;
    let mut devices = 0;
    let users = api.chat().roster().users_here();
    for user in &users {
        devices += api.chat().emit(user.clone(), event.clone(), data.clone()).await;
    }
    Ok(Reply::ok(&json!({ "users": users.len(), "devices": devices })))
}
