//! What somebody may have meant who named what is not there.

use crate::admin::protocol::Failure;
use crate::console::{Console, refused};
use crate::domain::error::{Code, Error};

/// Names that are offered at most.
const MAX_OFFERED: usize = 3;

/// A verb's refusal; where there is no such user, with users of nearly that name.
pub async fn user(console: &Console, name: &str, error: Error) -> Failure {
    if error.code != Code::NotFound {
        return refused(error);
    }
    let wanted = name.to_owned();
    let stored = console.chat.store().read(move |query| Ok(query.similar_users(&wanted)?)).await;
    let mut known = stored.unwrap_or_default();
    // Who is here for the first time is in no table yet.
    known.extend(console.chat.roster().users_here().iter().map(ToString::to_string));
    Failure::not_found(format!("no user \"{name}\"")).suggest(nearest(name, known))
}

/// The same for conversations.
pub async fn conversation(console: &Console, name: &str, error: Error) -> Failure {
    if error.code != Code::NotFound {
        return refused(error);
    }
    let wanted = name.to_owned();
    let found = console.chat.store().read(move |query| Ok(query.similar_conversations(&wanted)?)).await;
    Failure::not_found(format!("no conversation \"{name}\"")).suggest(nearest(name, found.unwrap_or_default()))
}

pub fn nearest(name: &str, known: Vec<String>) -> Vec<String> {
    let length = name.chars().count();
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let mut near: Vec<_> = known.into_iter().map(|other| (distance(&other), other)).collect();
    near.retain(|(distance, other)| *distance <= (length.max(other.chars().count()) / 3).max(1));
    near.sort();
    near.dedup();
    near.into_iter().take(MAX_OFFERED).map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_near_names_are_offered_and_the_nearest_first() {
        let known = ["alice", "alicia", "bob", "al", "malice"].map(str::to_owned).to_vec();
        assert_eq!(nearest("alic", known.clone()), ["alice", "alicia", "malice"]);
        assert!(nearest("zebra", known).is_empty());
    }
}
