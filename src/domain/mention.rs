//! Mentions: `@userId` in a message's content.

/// Mentions of one message that are looked at; further ones stay plain text.
pub const MAX_MENTIONS: usize = 50;

/// The spellings that may be user ids, in the order of the text. Each mention gives its candidates, longest first:
/// punctuation behind an id may belong to the id or to the sentence, which only the list of members can tell.
pub fn candidates(content: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for (at, _) in content.match_indices('@') {
        let before = content[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '@') {
            continue;
        }
        let word = content[at + 1..].split(|c: char| c.is_whitespace() || c == '@').next().unwrap_or("");
        let mut spellings = Vec::new();
        let mut rest = word;
        loop {
            if !rest.is_empty() && rest.len() <= super::id::MAX_ID_BYTES {
                spellings.push(rest);
            }
            let Some(last) = rest.chars().next_back().filter(|c| !c.is_alphanumeric()) else { break };
            rest = &rest[..rest.len() - last.len_utf8()];
            // A long run of punctuation is no id; without a bound it would cost one look-up for each sign.
            if spellings.len() >= 4 {
                break;
            }
        }
        if !spellings.is_empty() {
            found.push(spellings);
        }
        if found.len() == MAX_MENTIONS {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_stands_by_itself() {
        assert_eq!(candidates("hi @bob, and @ann"), [vec!["bob,", "bob"], vec!["ann"]]);
        assert!(candidates("mail bob@example.com @ x").is_empty());
        assert_eq!(candidates("(@dr.who!)"), [vec!["dr.who!)", "dr.who!", "dr.who"]]);
        assert_eq!(candidates(&"@a ".repeat(80)).len(), MAX_MENTIONS);
    }
}
