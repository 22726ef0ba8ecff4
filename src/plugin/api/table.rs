//! Every function that the host adds to the language, with what the definition files and the manual say of it.

/// A function as scripts call it.
pub struct Function {
    /// Its name with the namespace, the parameters with their types, and what it returns.
    pub signature: &'static str,
    pub says: &'static str,
}

const fn f(signature: &'static str, says: &'static str) -> Function {
    Function { signature, says }
}

pub const FUNCTIONS: &[Function] = &[
    f("deny(text: String) -> Verdict", "Refuses the event; the client reads the text under the code DENIED."),
    f("deny(code: String, text: String) -> Verdict", "The same under a code of the plugin's own."),
    f("silent() -> Verdict", "The sender is told yes, and nobody else sees the message."),
    f("hold() -> Verdict", "The message waits for a moderator."),
    f("hold(reason: String) -> Verdict", "The same; the reason is for the moderator."),
    f("answer(text: String) -> Verdict", "Answers a command, to its sender alone."),
    f("now() -> int", "Milliseconds since 1970."),
    f("random(low: int, high: int) -> int", "A random number from `low` to `high`, both included."),
    f("regex(pattern: String) -> Regex", "A pattern, compiled once. Matching takes time in proportion to the text."),
    f("is_match(pattern: Regex, text: String) -> bool", "Whether the pattern is found anywhere."),
    f("find(pattern: Regex, text: String) -> String", "The first match, or ()."),
    f("find_all(pattern: Regex, text: String) -> Array", "All matches."),
    f("captures(pattern: Regex, text: String) -> Array", "The first match and its groups, or ()."),
    f(
        "replace(pattern: Regex, text: String, with: String) -> String",
        "The text with every match replaced; $1 is a group.",
    ),
    f("split(pattern: Regex, text: String) -> Array", "The parts between the matches."),
    f(
        "word_list(words: Array) -> Words",
        "Words and phrases to be found as people disguise them; a `*` at the end of a word is whatever follows.",
    ),
    f(
        "find(words: Words, text: String) -> String",
        "The first entry of the list that is found, as it was given, or ().",
    ),
    f("log::debug(value: ?) -> ()", "Writes a line to the daemon's log."),
    f("log::info(value: ?) -> ()", "Writes a line to the daemon's log."),
    f("log::warn(value: ?) -> ()", "Writes a line to the daemon's log."),
    f("log::error(value: ?) -> ()", "Writes a line to the daemon's log."),
    f("kv::get(key: String) -> ?", "What is kept under the key, or ()."),
    f("kv::get(key: String, default: ?) -> ?", "What is kept under the key, or `default`."),
    f("kv::set(key: String, value: ?) -> ()", "Keeps a value; () deletes it."),
    f("kv::set(key: String, value: ?, ttl: String) -> ()", "Keeps a value for a time."),
    f("kv::incr(key: String) -> int", "Adds one to a number, which begins at 0, and returns it."),
    f("kv::incr(key: String, by: int) -> int", "The same with another amount."),
    f("kv::incr(key: String, by: int, ttl: String) -> int", "The same; a new number is kept for a time."),
    f("kv::delete(key: String) -> bool", "Forgets a key; whether there was something."),
    f("kv::keys(prefix: String) -> Array", "The keys that begin so, in order."),
    f(
        "limit::hit(key: String, most: int, span: String) -> bool",
        "Counts a hit; true when there were more than `most` within the span.",
    ),
    f("chat::send(conversation: ?, text: String) -> ()", "Sends a message of the type system as chatd."),
    f(
        "chat::send(conversation: ?, text: String, options: Map) -> ()",
        "The same with `sender`, `type`, `replyTo` or `metadata`.",
    ),
    f(
        "chat::notify(user: ?, notification: ?) -> ()",
        "Puts a text, or a map with `message`, `title`, `type` and `data`, into the user's inbox.",
    ),
    f("chat::emit(user: ?, event: String, data: ?) -> ()", "Sends an event of your own to all devices of a user."),
    f("chat::kick(user: ?) -> ()", "Disconnects all devices of a user."),
    f("chat::kick(user: ?, reason: String) -> ()", "The same; the user reads the reason."),
    f(
        "chat::mute(user: ?, conversation: ?, span: String) -> ()",
        "Keeps a user from writing in a conversation, or with () in any.",
    ),
    f("chat::react(message: ?, emoji: String) -> ()", "Reacts to a message as chatd."),
    f("users::get(user: ?) -> Map", "`id`, `online`, `status`, `statusText` and `devices` of a user."),
    f("users::is_online(user: ?) -> bool", "Whether a user is here, and shows it."),
    f("timer::every(span: String, name: String) -> ()", "Calls on_timer(name) again and again, once a second at most."),
    f("timer::after(span: String, name: String) -> ()", "Calls on_timer(name) once. A restart forgets it."),
    f("time::iso(millis: int) -> String", "A time as 2026-01-31T10:00:00.000Z."),
    f("time::parse(text: String) -> int", "The milliseconds of such a text."),
    f("time::span(text: String) -> int", "The milliseconds of a span such as 10m."),
    f(
        "time::local(millis: int, zone: String) -> Map",
        "`year`, `month`, `day`, `hour`, `minute`, `second` and `weekday` (Monday is 1) in UTC, at an offset such as +02:00 or in a zone such as Europe/Berlin.",
    ),
    f("json::parse(text: String) -> ?", "The value of a JSON text."),
    f("json::encode(value: ?) -> String", "A value as JSON text."),
    f("hash::sha256(text: String) -> String", "The SHA-256 of a text, in hexadecimal digits."),
    f(
        "hash::hmac_sha256(key: String, text: String) -> String",
        "The HMAC with SHA-256 of a text, in hexadecimal digits.",
    ),
];

impl Function {
    /// The name, with the namespace where it has one.
    pub fn name(&self) -> &'static str {
        self.signature.split('(').next().unwrap_or_default()
    }

    /// How many parameters it has.
    #[cfg(test)]
    pub fn arity(&self) -> usize {
        let parameters =
            self.signature.split_once('(').and_then(|(_, rest)| rest.split_once(") ->")).map_or("", |p| p.0);
        if parameters.is_empty() { 0 } else { parameters.split(", ").count() }
    }
}
