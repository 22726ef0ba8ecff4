//! The shapes of bodies and answers, as the description of the API has them. They say all that there is: a field that is not
//! here is a mistake, of the caller's or of ours, and a test holds the answers to them.

use serde_json::{Map, Value, json};

use super::call::MAX_LIMIT;
use crate::domain::access::Role;
use crate::domain::error::Code;
use crate::domain::presence::Status;

/// Every schema by its name.
pub fn all() -> Value {
    let mut schemas = Map::new();
    for part in [plain(), shared(), bodies(), answers(), lists()] {
        if let Value::Object(part) = part {
            schemas.extend(part);
        }
    }
    Value::Object(schemas)
}

/// An object with these fields and no others; those with a `?` may be missing.
fn object(fields: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// What a request brings: `null` counts as missing in a field that may be missing.
fn body(fields: &[(&str, Value)]) -> Value {
    let taken = fields.iter().map(|(name, schema)| match name.ends_with('?') {
        true => (*name, or_null(schema.clone())),
        false => (*name, schema.clone()),
    });
    object(&taken.collect::<Vec<_>>())
}

fn of(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn list_of(schema: &str) -> Value {
    json!({ "type": "array", "items": of(schema) })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn number() -> Value {
    json!({ "type": "number", "minimum": 0 })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn map() -> Value {
    json!({ "type": "object" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn or_null(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    // What has no type may be anything.
    if let Some(Value::String(kind)) = schema.get("type") {
        schema["type"] = json!([kind, "null"]);
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
    }
    schema
}

fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn bounded(least: u64, most: u64) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

fn title() -> Value {
    json!({ "type": "string", "maxLength": 256, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$" })
}

fn roles() -> Value {
    one_of(&[Role::Reader, Role::Member, Role::Moderator, Role::Owner].map(Role::as_str))
}

fn statuses() -> Value {
    one_of(&Status::ALL.map(Status::as_str))
}

fn policy() -> Value {
    one_of(&["members", "moderators"])
}

/// Parameters.
fn plain() -> Value {
    json!({
        "Id": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$",
            "description": "An id of your own: at most 128 bytes without control characters" },
        "MessageId": { "type": "string", "format": "uuid" },
        "UserIds": { "type": "array", "minItems": 1, "maxItems": MAX_LIMIT, "items": of("Id"), "description": "Repeated: `?userId=ann&userId=bob`" },
        "ConnectionId": { "type": "string", "pattern": "^c[0-9]{1,18}$" },
        "Text": { "type": "string" },
        "Words": { "type": "string", "minLength": 1, "maxLength": 1024 },
        "Flag": { "type": "boolean" },
        "Seq": { "type": "integer", "minimum": 0, "maximum": i64::MAX },
        "Limit": { "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50 },
        "Cursor": { "type": "string", "description": "The `cursor` of the page before" },
        "Kind": one_of(&["direct", "group", "channel"]),
        "MessagesOf": one_of(&["tombstone", "anonymise"]),
    })
}

/// What answers are made of.
fn shared() -> Value {
    let mut problem = object(&[
        ("type", text()),
        ("title", text()),
        ("status", count()),
        ("detail", text()),
        ("code", text()),
        ("requestId", text()),
        ("retryAfterMs?", count()),
        ("errorId?", text()),
    ]);
    let codes: Vec<&str> = Code::ALL.map(Code::as_str).to_vec();
    problem["properties"]["code"]["description"] = format!("One of {}, or a plugin's own", codes.join(", ")).into();
    let user =
        [("id", of("Id")), ("online", flag()), ("devices", count()), ("ban?", of("Lasting")), ("mute?", of("Lasting"))];
    let profile = [
        ("status", statuses()),
        ("statusText?", text()),
        ("lastSeen", or_null(time())),
        ("conversations", count()),
        ("unreadNotifications", count()),
        ("tokensRevokedUntil?", time()),
        ("connections", list_of("Device")),
        ("absent", list_of("KnownDevice")),
    ];
    json!({
        "Problem": problem,
        "Lasting": object(&[("until", or_null(time())), ("reason?", text())]),
        "User": object(&user),
        "Profile": object(&user.into_iter().chain(profile).collect::<Vec<_>>()),
        "Device": object(&[
            ("connection", of("ConnectionId")),
            ("device?", text()),
            ("name?", text()),
            ("roles", json!({ "type": "array", "items": text() })),
            ("transport", one_of(&["websocket", "polling"])),
            ("address", text()),
            ("since", time()),
            ("tokenExpiresAt?", time()),
        ]),
        "KnownDevice": object(&[("device", text()), ("lastSeen", time())]),
        "Presence": object(&[
            ("userId", of("Id")),
            ("status", statuses()),
            ("text?", text()),
            ("lastSeen", or_null(time())),
            ("devices", count()),
        ]),
        "Message": object(&[
            ("id", of("MessageId")),
            ("conversationId", of("Id")),
            ("seq", or_null(count())),
            ("senderId", of("Id")),
            ("content", or_null(text())),
            ("type", text()),
            ("timestamp", time()),
            ("clientId?", text()),
            ("replyTo?", of("MessageId")),
            ("attachments?", json!({ "type": "array", "items": map() })),
            ("mentions?", list_of("Id")),
            ("metadata?", map()),
            ("reactions?", json!({ "type": "object", "additionalProperties": list_of("Id") })),
            ("editedAt?", time()),
            ("deletedAt?", time()),
            ("pending?", flag()),
        ]),
        "Conversation": object(&[
            ("id", of("Id")),
            ("type", of("Kind")),
            ("title", or_null(text())),
            ("ownerId", or_null(of("Id"))),
            ("members", count()),
            ("lastSeq", count()),
            ("lastMessage?", of("Message")),
            ("metadata?", map()),
            ("settings", object(&[("post", policy()), ("invite", policy())])),
            ("createdAt", time()),
            ("updatedAt", time()),
            ("unread?", count()),
            ("role?", roles()),
        ]),
        "Member": object(&[
            ("userId", of("Id")),
            ("role", roles()),
            ("joinedAt", time()),
            ("mutedUntil?", time()),
            ("bannedUntil?", time()),
            ("deliveredSeq", count()),
            ("readSeq", count()),
        ]),
        "Notification": object(&[
            ("id", of("MessageId")),
            ("type", text()),
            ("title?", text()),
            ("message", text()),
            ("count?", count()),
            ("conversationId?", of("Id")),
            ("messageId?", of("MessageId")),
            ("data?", map()),
            ("createdAt", time()),
            ("readAt?", time()),
        ]),
        "Held": object(&[("message", of("Message")), ("plugin", text()), ("reason", text())]),
        "Sanctioned": object(&[("userId", of("Id")), ("until", or_null(time())), ("reason", or_null(text()))]),
    })
}

/// What requests bring.
fn bodies() -> Value {
    let notification = [
        ("type?", json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" })),
        ("title?", bounded(1, 4096)),
        ("message", bounded(1, 4096)),
        ("data?", map()),
    ];
    let event = [("event", bounded(1, 128)), ("data?", json!({}))];
    json!({
        "Nothing": body(&[]),
        "NewStatus": body(&[("status", statuses()), ("text?", text())]),
        "Event": body(&event),
        "Emit": body(&[event.clone().as_slice(), &[("notify?", of("NewNotification"))]].concat()),
        "NewNotification": body(&notification),
        "ReadNotifications": json!({ "oneOf": [
            body(&[("notificationId", of("MessageId"))]),
            body(&[("all", json!({ "const": true }))]),
        ] }),
        "Term": body(&[("until?", time()), ("reason?", json!({ "type": "string", "maxLength": 512 }))]),
        "Revocation": body(&[("tokenId", bounded(1, 256)), ("expiresAt?", time())]),
        "NewConversation": body(&[
            ("ownerId", of("Id")),
            ("type", of("Kind")),
            ("id?", of("Id")),
            ("title?", title()),
            ("members?", list_of("Id")),
            ("metadata?", map()),
        ]),
        "ConversationChange": body(&[
            ("title?", title()),
            ("metadata?", map()),
            ("settings?", body(&[("post?", policy()), ("invite?", policy())])),
        ]),
        "NewMembers": body(&[("members", json!({
            "type": "array", "minItems": 1, "maxItems": 1000,
            "items": body(&[("userId", of("Id")), ("role?", one_of(&["reader", "member", "moderator"]))]),
        }))]),
        "OldMembers": body(&[("userIds", json!({ "type": "array", "minItems": 1, "maxItems": 1000, "items": of("Id") }))]),
        "MemberChange": body(&[
            ("role?", roles()),
            ("mutedUntil?", time()),
            ("bannedUntil?", time()),
        ]),
        "NewMessage": body(&[
            ("senderId?", of("Id")),
            ("content?", text()),
            ("type?", json!({ "type": "string", "pattern": "^[a-z0-9_.-]{1,32}$", "not": { "const": "system" } })),
            ("clientId?", bounded(1, 64)),
            ("replyTo?", of("MessageId")),
            ("attachments?", json!({ "type": "array", "maxItems": 10, "items": map() })),
            ("metadata?", map()),
        ]),
        "Edit": body(&[("userId?", of("Id")), ("content", text())]),
        "Reaction": body(&[
            ("userId", of("Id")),
            ("emoji", json!({ "type": "string", "maxLength": 64, "pattern": "^[^\\s\\x00-\\x1f\\x7f-\\x9f]+$" })),
            ("remove?", flag()),
        ]),
        "Reader": body(&[("userId", of("Id"))]),
        "Rejection": body(&[("reason?", json!({ "type": "string", "maxLength": 2048 }))]),
    })
}

/// Answers about one thing.
fn answers() -> Value {
    json!({
        "UserDetail": object(&[("user", of("Profile"))]),
        "StatusSet": object(&[("status", statuses())]),
        "Erased": object(&[("messages", count()), ("conversations", count())]),
        "DeviceCount": object(&[("devices", count())]),
        "Emitted": object(&[("devices", count()), ("notified", flag())]),
        "Broadcasted": object(&[("users", count()), ("devices", count())]),
        "Notified": object(&[("notification", or_null(of("Notification")))]),
        "UnreadCount": object(&[("unread", count())]),
        "Banned": object(&[("ban", or_null(of("Lasting"))), ("devices", count())]),
        "Muted": object(&[("mute", or_null(of("Lasting")))]),
        "WasBanned": object(&[("wasBanned", flag())]),
        "WasMuted": object(&[("wasMuted", flag())]),
        "RevokedUntil": object(&[("revokedUntil", time())]),
        "OneConversation": object(&[("conversation", of("Conversation"))]),
        "OneMember": object(&[("member", of("Member"))]),
        "MembersAdded": object(&[("members", list_of("Member"))]),
        "Removed": object(&[("removed", count())]),
        "OneMessage": object(&[("message", of("Message"))]),
        "Sent": object(&[("message", of("Message")), ("duplicate", flag())]),
        "Reacted": object(&[("reactions", json!({ "type": "object", "additionalProperties": list_of("Id") }))]),
        "Marked": object(&[("seq", count()), ("unread", count())]),
        "Stats": object(&[
            ("connections", object(&[("total", count()), ("websocket", count()), ("polling", count())])),
            ("usersOnline", count()),
            ("users", count()),
            ("conversations", count()),
            ("totals", object(&["events", "refused", "messages", "deliveries"].map(|name| (name, count())))),
            ("perSecond", object(&["events", "refused", "messages", "deliveries"].map(|name| (name, number())))),
            ("store", object(&[("epoch", text()), ("bytes", count()), ("writable", flag())])),
        ]),
    })
}

/// Answers about several.
fn lists() -> Value {
    let page = |name: &str, schema: &str| object(&[(name, list_of(schema)), ("cursor", or_null(text()))]);
    let item = json!({ "oneOf": [
        object(&[("user", of("Profile"))]),
        object(&[("conversation", of("Conversation"))]),
        object(&[("notification", of("Notification"))]),
        object(&[("message", of("Message"))]),
    ] });
    json!({
        "Users": page("users", "User"),
        "Export": object(&[("items", json!({ "type": "array", "items": item })), ("cursor", or_null(text()))]),
        "OwnConversations": page("conversations", "Conversation"),
        "Conversations": page("conversations", "Conversation"),
        "Members": page("members", "Member"),
        "Presences": object(&[("presence", list_of("Presence"))]),
        "Devices": object(&[("devices", list_of("Device")), ("absent", list_of("KnownDevice"))]),
        "Inbox": object(&[("notifications", list_of("Notification")), ("unread", count()), ("cursor", or_null(text()))]),
        "Bans": object(&[("bans", list_of("Sanctioned"))]),
        "Mutes": object(&[("mutes", list_of("Sanctioned"))]),
        "History": object(&[("messages", list_of("Message")), ("hasMore", flag())]),
        "Found": page("messages", "Message"),
        "HeldMessages": object(&[("held", list_of("Held")), ("waiting", count()), ("cursor", or_null(text()))]),
    })
}
