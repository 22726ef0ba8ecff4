//! The table of routes: what there is, for whom, and what it reads and answers. The daemon routes by it, and the
//! description at `/api/v1/openapi.json` is made of it.

mod conversations;
mod devices;
mod messages;
mod notifications;
mod sanctions;
mod service;
mod users;

use futures_util::future::BoxFuture;
use http::Method;

use super::Api;
use super::call::{Call, decoded};
use super::config::Scope;
use super::reply::Reply;
use crate::domain::error::Error;

pub type Outcome = Result<Reply, Error>;

type Run = for<'a> fn(&'a Api, &'a mut Call) -> BoxFuture<'a, Outcome>;

pub struct Route {
    pub method: Method,
    /// Behind `/api/v1`; a part in braces is a parameter.
    pub path: &'static str,
    pub scope: Scope,
    /// What clients that are generated call it.
    pub id: &'static str,
    pub summary: &'static str,
    /// Parameters behind the `?`, each with the name of its schema.
    pub query: &'static [(&'static str, &'static str)],
    /// The schema of the body, and whether it may be missing.
    pub body: Option<(&'static str, bool)>,
    /// The schema of the answer, and the statuses that it may have.
    pub reply: (&'static str, &'static [u16]),
    pub run: Run,
}

const OK: &[u16] = &[200];
const CREATED: &[u16] = &[201];
const EITHER: &[u16] = &[200, 201];

macro_rules! route {
    ($method:ident $path:literal, $scope:ident, $id:literal, $summary:literal, $run:path => $reply:literal
     $(, statuses $statuses:ident)? $(, query $query:expr)? $(, body $body:literal)? $(, may_bring $may:literal)?) => {
        Route {
            $(query: $query,)?
            $(body: Some(($body, false)),)?
            $(body: Some(($may, true)),)?
            $(reply: ($reply, $statuses),)?
            ..Route {
                method: Method::$method,
                path: $path,
                scope: Scope::$scope,
                id: $id,
                summary: $summary,
                query: &[],
                body: None,
                reply: ($reply, OK),
                run: |api, call| Box::pin($run(api, call)),
            }
        }
    };
}

const PAGE: &[(&str, &str)] = &[("limit", "Limit"), ("cursor", "Cursor")];

/// Routes of `POST` that make something new each time; after the others all is as if they had been asked once.
pub const MAKES_ANEW: [&str; 3] = ["createConversation", "notify", "emit"];

/// Every route there is.
pub fn all() -> Vec<Route> {
    vec![
        route!(GET "/users", Read, "listUsers", "Users by their ids", users::list => "Users",
            query &[("prefix", "Text"), ("online", "Flag"), ("limit", "Limit"), ("cursor", "Cursor")]),
        route!(GET "/users/{userId}", Read, "getUser", "What is known of a user, with their devices", users::show => "UserDetail"),
        route!(PUT "/users/{userId}", Write, "putUser",
            "Make a user known before they have ever connected", users::introduce => "UserDetail", statuses EITHER, may_bring "Nothing"),
        route!(DELETE "/users/{userId}", Admin, "deleteUser",
            "Erase all that there is of a user; their messages become tombstones or lose their names", users::delete => "Erased",
            query &[("messages", "MessagesOf")]),
        route!(GET "/users/{userId}/export", Admin, "exportUser",
            "All that there is of a user, page by page until `cursor` is null", users::export => "Export", query &[("cursor", "Cursor")]),
        route!(PUT "/users/{userId}/status", Write, "setStatus", "What others see of a user, as `user:status`",
            users::set_status => "StatusSet", body "NewStatus"),
        route!(GET "/users/{userId}/conversations", Read, "listConversationsOf",
            "The conversations of a user, latest activity first, with unread counts", users::conversations => "OwnConversations", query PAGE),
        route!(GET "/presence", Read, "getPresence", "Presence of some users", users::presence => "Presences",
            query &[("userId", "UserIds")]),
        route!(GET "/users/{userId}/devices", Read, "listDevices", "The devices of a user: those that are connected, and the names of those that are not", devices::list => "Devices"),
        route!(DELETE "/users/{userId}/devices", Write, "kickDevices",
            "Disconnect devices of a user, who may come back at once", devices::kick => "DeviceCount",
            query &[("device", "Text"), ("connection", "ConnectionId"), ("reason", "Text")]),
        route!(POST "/users/{userId}/emit", Write, "emit",
            "Send an event of your own to all devices of a user; where none is there, keep a notification", devices::emit => "Emitted",
            body "Emit"),
        route!(POST "/conversations/{conversationId}/emit", Write, "emitInConversation",
            "Send an event of your own to all devices that follow a conversation", devices::emit_in => "DeviceCount", body "Event"),
        route!(POST "/emit", Admin, "broadcast", "Send an event of your own to everybody who is connected",
            devices::broadcast => "Broadcasted", body "Event"),
        route!(GET "/users/{userId}/notifications", Read, "listNotifications", "The inbox of a user, the newest first",
            notifications::list => "Inbox", query PAGE),
        route!(POST "/users/{userId}/notifications", Write, "notify", "Put an entry into the inbox of a user, and tell their devices",
            notifications::create => "Notified", statuses CREATED, body "NewNotification"),
        route!(POST "/users/{userId}/notifications/read", Write, "readNotifications", "Mark one entry or all as read",
            notifications::read => "UnreadCount", body "ReadNotifications"),
        route!(PUT "/users/{userId}/ban", Admin, "ban", "Keep a user out, and disconnect their devices", sanctions::ban => "Banned", may_bring "Term"),
        route!(DELETE "/users/{userId}/ban", Admin, "unban", "End a ban", sanctions::unban => "WasBanned"),
        route!(PUT "/users/{userId}/mute", Admin, "mute", "Keep a user from writing anywhere", sanctions::mute => "Muted", may_bring "Term"),
        route!(DELETE "/users/{userId}/mute", Admin, "unmute", "End a mute", sanctions::unmute => "WasMuted"),
        route!(GET "/bans", Read, "listBans", "Everybody who is banned", sanctions::bans => "Bans"),
        route!(GET "/mutes", Read, "listMutes", "Everybody who is muted", sanctions::mutes => "Mutes"),
        route!(POST "/users/{userId}/tokens/revoke", Admin, "revokeTokensOf", "Revoke every token of a user that was issued until now",
            sanctions::revoke_all => "RevokedUntil", may_bring "Nothing"),
        route!(POST "/tokens/revoke", Admin, "revokeToken", "Revoke one token by its `jti`", sanctions::revoke => "Nothing", body "Revocation"),
        route!(GET "/conversations", Read, "listConversations", "Conversations by their ids", conversations::list => "Conversations",
            query &[("prefix", "Text"), ("type", "Kind"), ("member", "Id"), ("limit", "Limit"), ("cursor", "Cursor")]),
        route!(POST "/conversations", Write, "createConversation", "Create a conversation, as its owner's `conversation:create`",
            conversations::create => "OneConversation", statuses CREATED, body "NewConversation"),
        route!(GET "/conversations/{conversationId}", Read, "getConversation", "One conversation", conversations::show => "OneConversation"),
        route!(PATCH "/conversations/{conversationId}", Write, "updateConversation", "Change title, metadata or settings",
            conversations::update => "OneConversation", body "ConversationChange"),
        route!(DELETE "/conversations/{conversationId}", Write, "deleteConversation", "Delete a conversation with all that was said in it",
            conversations::delete => "Nothing"),
        route!(GET "/conversations/{conversationId}/members", Read, "listMembers", "Members by their user ids, bans included",
            conversations::members => "Members", query PAGE),
        route!(POST "/conversations/{conversationId}/members", Write, "addMembers", "Bring users in: all of them, or none",
            conversations::add_members => "MembersAdded", body "NewMembers"),
        route!(POST "/conversations/{conversationId}/members/remove", Write, "removeMembers", "Take users out: all of them, or none",
            conversations::remove_members => "Removed", body "OldMembers"),
        route!(PATCH "/conversations/{conversationId}/members/{userId}", Write, "updateMember", "Change role, mute or ban of a member",
            conversations::update_member => "OneMember", body "MemberChange"),
        route!(DELETE "/conversations/{conversationId}/members/{userId}", Write, "removeMember", "Take one member out",
            conversations::remove_member => "Nothing"),
        route!(GET "/conversations/{conversationId}/messages", Read, "getHistory",
            "Messages in their order: with `after` alone the first ones behind it, else the last ones", messages::history => "History",
            query &[("after", "Seq"), ("before", "Seq"), ("limit", "Limit")]),
        route!(POST "/conversations/{conversationId}/messages", Write, "sendMessage",
            "Send a message as a user (as `message:send`), or as the server", messages::send => "Sent", statuses EITHER, body "NewMessage"),
        route!(GET "/messages/{messageId}", Read, "getMessage", "One message", messages::show => "OneMessage"),
        route!(PATCH "/messages/{messageId}", Write, "editMessage", "Change what a message says, as its sender or as the server",
            messages::edit => "OneMessage", body "Edit"),
        route!(DELETE "/messages/{messageId}", Write, "deleteMessage", "Leave a tombstone, as a user or as the server",
            messages::delete => "OneMessage", query &[("userId", "Id")]),
        route!(POST "/messages/{messageId}/reactions", Write, "react", "Add or take away a user's reaction", messages::react => "Reacted", body "Reaction"),
        route!(POST "/messages/{messageId}/read", Write, "markRead", "Mark a conversation as read up to a message, for a user",
            messages::mark_read => "Marked", body "Reader"),
        route!(GET "/search", Read, "search", "Messages that contain all words, the newest first; where one user may read, or everywhere",
            messages::search => "Found",
            query &[("query", "Words"), ("userId", "Id"), ("conversationId", "Id"), ("limit", "Limit"), ("cursor", "Cursor")]),
        route!(GET "/held", Read, "listHeld", "Messages that wait for a moderator, the oldest first", service::held => "HeldMessages", query PAGE),
        route!(POST "/held/{messageId}/approve", Write, "approve", "Let a message through", service::approve => "OneMessage", may_bring "Nothing"),
        route!(POST "/held/{messageId}/reject", Write, "reject", "Do not let a message through, and tell its sender", service::reject => "OneMessage",
            may_bring "Rejection"),
        route!(GET "/stats", Read, "getStats", "Figures of the service", service::stats => "Stats"),
    ]
}

/// What a path leads to.
pub enum Found<'a> {
    Route(&'a Route, Vec<(&'static str, String)>),
    /// The path is there, for these methods.
    Methods(Vec<&'a Method>),
    Nothing,
}

pub fn find<'a>(routes: &'a [Route], method: &Method, path: &str) -> Found<'a> {
    let mut methods = Vec::new();
    for route in routes {
        let Some(values) = values(route.path, path) else { continue };
        if route.method == *method {
            return Found::Route(route, values);
        }
        methods.push(&route.method);
    }
    if methods.is_empty() { Found::Nothing } else { Found::Methods(methods) }
}

/// What stands in `path` for the parameters of `template`.
fn values(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut values = Vec::new();
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(values),
            (Some(wanted), Some(given)) => match parameter(wanted) {
                Some(name) => values.push((name, decoded(given).filter(|value| !value.is_empty())?)),
                None if wanted == given => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

/// The name of a part in braces.
pub fn parameter(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> String {
        let routes = all();
        match find(&routes, &method, path) {
            Found::Route(route, values) => format!("{} {values:?}", route.id),
            Found::Methods(methods) => format!("{methods:?}"),
            Found::Nothing => String::new(),
        }
    }

    #[test]
    fn paths_lead_to_routes_with_their_values() {
        assert_eq!(found(Method::GET, "/users"), "listUsers []");
        assert_eq!(found(Method::GET, "/users/a%2Fb%20c"), r#"getUser [("userId", "a/b c")]"#);
        assert_eq!(
            found(Method::PATCH, "/conversations/r/members/u"),
            r#"updateMember [("conversationId", "r"), ("userId", "u")]"#
        );
        assert_eq!(
            found(Method::POST, "/conversations/r/members/remove"),
            r#"removeMembers [("conversationId", "r")]"#
        );
        assert_eq!(found(Method::POST, "/users/u"), "[GET, PUT, DELETE]");
        for nothing in ["", "/", "/users/", "/users//ban", "/users/%ff", "/Users", "/users/a/b/c"] {
            assert_eq!(found(Method::GET, nothing), "", "{nothing}");
        }
    }

    #[test]
    fn no_two_routes_have_one_name_or_one_place() {
        let routes = all();
        for (index, route) in routes.iter().enumerate() {
            for other in &routes[..index] {
                assert_ne!(route.id, other.id);
                assert!(route.method != other.method || route.path != other.path, "{}", route.path);
            }
        }
    }
}
