//! `word_list`: words that are found in disguise as well, with other letters that look alike, digits for letters, letters
//! that are stretched, spaced out or broken up by signs.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

use super::Failed;
use crate::plugin::value::{kind_name, with_article};

/// The longest entry, in letters.
const MAX_LETTERS: usize = 64;
/// Letters that a writer stretches stand at least so many times; twice is how words are spelt.
const STRETCHED: usize = 3;
/// Characters that look like more letters than this are signs.
const MAX_LOOKS: usize = 4;
/// Characters of which a thread remembers what they look like. When there are more, it begins anew.
const MAX_REMEMBERED: usize = 4_096;

pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Arc<Words>>("Words")
        .register_fn("word_list", |entries: Dynamic| word_list(&entries))
        .register_fn("find", |words: &mut Arc<Words>, text: ImmutableString| {
            words.find(&text).map_or(Dynamic::UNIT, |found| found.to_owned().into())
        });
}

/// Most lists come from a configuration: what is wrong with one is said in its words.
fn word_list(entries: &Dynamic) -> Result<Arc<Words>, Failed> {
    let unfit =
        |found: &Dynamic| format!("word_list: expected an array of strings, found {}", with_article(kind_name(found)));
    let entries = entries.as_array_ref().map_err(|_| unfit(entries))?;
    let text = |entry: &Dynamic| entry.clone().into_immutable_string().map_err(|_| unfit(entry));
    let texts: Vec<ImmutableString> = entries.iter().map(text).collect::<Result<_, _>>()?;
    let words = Words::new(texts.iter().map(ImmutableString::as_str)).map_err(|unfit| format!("word_list: {unfit}"))?;
    Ok(words.into())
}

/// A list as it is searched for: entries by their first word, with every run of a letter as one letter.
#[derive(Default)]
struct Words {
    whole: HashMap<String, Vec<Entry>, ahash::RandomState>,
    /// Those that end with `*`.
    beginnings: HashMap<String, Vec<Entry>, ahash::RandomState>,
    /// The letters with which entries begin: most words of a text begin with another one, and are not looked at further.
    initials: HashSet<char, ahash::RandomState>,
    /// Runs of the longest first word.
    longest: usize,
}

struct Entry {
    first: Word,
    rest: Vec<Word>,
    as_given: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Word {
    /// Its letters, neighbours that are the same as one.
    letters: String,
    /// How often each of them stands.
    runs: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" cannot be looked for: expected one or more words of at most {MAX_LETTERS} letters, and `*` at its end at most"
)]
struct Unfit(String);

impl Words {
    /// # Errors
    /// Where an entry has no letters, or too many.
    fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, Unfit> {
        let mut words = Words::default();
        for given in entries {
            let unfit = || Unfit(given.chars().take(MAX_LETTERS).collect());
            let text = given.trim();
            let (text, is_beginning) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
            if text.chars().count() > MAX_LETTERS || text.contains('*') {
                return Err(unfit());
            }
            let folded = fold(text);
            let mut parts = pieces(&folded).map(|part| Word::read(part, usize::MAX));
            let first = parts.next().ok_or_else(unfit)?;
            let rest: Vec<Word> = parts.collect();
            // Of several words, the last one would have to be cut: they are looked for as they are.
            let map = if is_beginning && rest.is_empty() { &mut words.beginnings } else { &mut words.whole };
            words.initials.extend(first.letters.chars().next());
            words.longest = words.longest.max(first.runs.len());
            let entry = Entry { first, rest, as_given: given.to_owned() };
            map.entry(entry.first.letters.clone()).or_default().push(entry);
        }
        Ok(words)
    }

    /// The first entry that is found, as it was given.
    fn find(&self, text: &str) -> Option<&str> {
        let folded = fold(text);
        let parts: Vec<&[char]> = pieces(&folded).collect();
        let plain = (0..parts.len()).find_map(|at| self.at(&parts[at..]));
        plain.or_else(|| self.glued(&folded))
    }

    /// The entry with which these words begin.
    fn at(&self, parts: &[&[char]]) -> Option<&str> {
        if !self.initials.contains(&initial(parts[0])) {
            return None;
        }
        let word = Word::read(parts[0], self.longest);
        let whole = self.whole.get(&word.letters).into_iter().flatten();
        let mut whole = whole.filter(|entry| {
            let mut rest = entry.rest.iter().zip(&parts[1..]);
            entry.first.is(&word)
                && parts.len() > entry.rest.len()
                && rest.all(|(expected, part)| expected.is(&Word::read(part, MAX_LETTERS)))
        });
        if let Some(entry) = whole.next() {
            return Some(&entry.as_given);
        }
        if self.beginnings.is_empty() {
            return None;
        }
        let mut ends = word.letters.char_indices().map(|(at, letter)| at + letter.len_utf8());
        ends.find_map(|end| {
            let mut entries = self.beginnings.get(&word.letters[..end])?.iter();
            Some(entries.find(|entry| entry.first.begins(&word))?.as_given.as_str())
        })
    }

    /// The entry that comes of it where signs within a word count for letters or for nothing, and letters that stand
    /// alone make a word. Not over an apostrophe, which makes another word of "he'll".
    fn glued(&self, folded: &[char]) -> Option<&str> {
        let mut spelt: Vec<char> = Vec::new();
        for chunk in folded.split(|c| matches!(c, ' ' | '\'')).filter(|chunk| !chunk.is_empty()) {
            let bare: Vec<char> = chunk.iter().copied().filter(|c| c.is_alphanumeric()).collect();
            match bare[..] {
                // Signs by themselves stand between letters as blanks do.
                [] => continue,
                [letter] if letter.is_alphabetic() && with_signs(chunk).is_empty() => spelt.push(letter),
                _ => {
                    let (spelt, whole) = (std::mem::take(&mut spelt), with_signs(chunk));
                    let found = [&spelt, &bare, &whole].into_iter().find_map(|letters| self.if_word(letters));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        self.if_word(&spelt)
    }

    fn if_word(&self, letters: &[char]) -> Option<&str> {
        if letters.iter().any(|c| c.is_alphabetic()) { self.at(&[letters]) } else { None }
    }
}

impl Word {
    /// The first runs of a word: as many as `most`, and one.
    fn read(part: &[char], most: usize) -> Self {
        let mut word = Word::default();
        let has_letters = part.iter().any(|c| c.is_alphabetic());
        for c in part {
            let letter = if has_letters { letter(*c) } else { *c };
            if word.letters.ends_with(letter) {
                *word.runs.last_mut().expect("each letter has a run") += 1;
            } else if word.runs.len() > most {
                break;
            } else {
                word.letters.push(letter);
                word.runs.push(1);
            }
        }
        word
    }

    fn is(&self, found: &Word) -> bool {
        self.letters == found.letters && self.runs.iter().zip(&found.runs).all(|(own, run)| fits(*own, *run))
    }

    /// Whether `found`, which has the same letters at its front, begins so. What follows may be the last letter again.
    fn begins(&self, found: &Word) -> bool {
        let (last, before) = self.runs.split_last().expect("an entry has letters");
        before.iter().zip(&found.runs).all(|(own, run)| fits(*own, *run)) && found.runs[before.len()] >= *last
    }
}

fn fits(own: usize, run: usize) -> bool {
    own == run || (run >= STRETCHED && run > own)
}

/// The words between blanks and signs.
fn pieces(folded: &[char]) -> impl Iterator<Item = &[char]> {
    folded.split(|c| !c.is_alphanumeric()).filter(|part| !part.is_empty())
}

/// A chunk with the signs in it that stand for letters; none where there are none.
fn with_signs(chunk: &[char]) -> Vec<char> {
    let is_sign = |c: &char| matches!(c, '@' | '$' | '!' | '|' | '+');
    let is_in_word = |c: &char| c.is_alphanumeric() || is_sign(c);
    // "heck!" ends with a sign, "a$$" with letters.
    let last = chunk.iter().rposition(|c| c.is_alphanumeric() || *c == '$').map_or(0, |last| last + 1);
    let kept: Vec<char> = chunk[..last].iter().copied().filter(is_in_word).collect();
    if kept.iter().any(is_sign) { kept } else { Vec::new() }
}

/// The first letter as [`Word::read`] has it. A digit counts as a letter beside one: "455" is a number.
fn initial(part: &[char]) -> char {
    if part.iter().any(|c| c.is_alphabetic()) { letter(part[0]) } else { part[0] }
}

/// The letter for which this stands in a word, and one for those that are told apart by nobody.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' | 'l' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}

thread_local! {
    static LOOKS: RefCell<HashMap<char, Looks, ahash::RandomState>> = RefCell::default();
}

/// What a character looks like; what is over is NUL.
type Looks = [char; MAX_LOOKS];

/// The text with each letter as the plain one that it looks like. Signs and blanks stay, marks and what is invisible go.
fn fold(text: &str) -> Vec<char> {
    let mut folded = Vec::with_capacity(text.len());
    LOOKS.with_borrow_mut(|remembered| {
        if remembered.len() > MAX_REMEMBERED {
            remembered.clear();
        }
        for c in text.chars() {
            if c.is_ascii() {
                folded.push(if c.is_ascii_whitespace() { ' ' } else { c.to_ascii_lowercase() });
            } else {
                let looks = remembered.entry(c).or_insert_with(|| looks_of(c));
                folded.extend(looks.iter().filter(|c| **c != '\0'));
            }
        }
    });
    folded
}

fn looks_of(c: char) -> Looks {
    let mut seen = Vec::new();
    for c in std::iter::once(c).nfkd() {
        if c.is_ascii() {
            seen.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            let like: Vec<char> = skeleton(c.encode_utf8(&mut [0; 4])).filter(|c| !is_combining_mark(*c)).collect();
            match like[..] {
                // What looks like an m looks like these two to the authors of the table.
                ['r', 'n'] => seen.push('m'),
                _ => seen.extend(like.iter().flat_map(|c| c.to_lowercase())),
            }
        } else if c.is_whitespace() {
            seen.push(' ');
        } else if c == '\u{2019}' {
            seen.push('\'');
        } else if !is_combining_mark(c) && !is_invisible(c) {
            seen.push('-');
        }
    }
    if seen.len() > MAX_LOOKS {
        seen = vec!['-'];
    }
    let mut looks = ['\0'; MAX_LOOKS];
    looks[..seen.len()].copy_from_slice(&seen);
    looks
}

/// Characters that join, part or turn others without being seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Words {
        Words::new(["darn", "hell", "Ass", "kill time", "blast*"]).expect("words")
    }

    #[test]
    fn disguises_are_seen_through() {
        let disguised = [
            "darn",
            "DARN!",
            "well, darn it",
            "d4rn",
            "d-a-r-n",
            "d.a.r.n",
            "d a r n",
            "daaaarrrn",
            "d\u{430}rn",
            "ｄａｒｎ",
            "𝐝𝐚𝐫𝐧",
            "dàrñ",
            "d\u{200b}arn",
            "da_rn",
            "d@rn",
            "d*a*r*n",
            "(darn)",
            "darn/heck",
            "ⓓⓐⓡⓝ",
            "so D A R N it",
        ];
        for text in disguised {
            assert_eq!(list().find(text), Some("darn"), "{text}");
        }
        for (text, found) in [
            ("he11", "hell"),
            ("heeeelll", "hell"),
            ("what the HeLL", "hell"),
            ("@ss", "Ass"),
            ("a$$", "Ass"),
            ("a s s", "Ass"),
            ("let us kill  time", "kill time"),
            ("k1ll-time", "kill time"),
            ("blasted", "blast*"),
            ("BLAAAST", "blast*"),
            ("hell-o", "hell"),
        ] {
            assert_eq!(list().find(text), Some(found), "{text}");
        }
    }

    #[test]
    fn other_words_are_let_be() {
        for text in [
            "",
            "darning",
            "barn",
            "hello",
            "shell",
            "he'll",
            "class",
            "as",
            "as so",
            "455",
            "kill the time",
            "time to kill",
            "last",
            "a ss-1",
            "Scunthorpe",
            "modern",
            "...",
            "I a m",
            "\u{200b}",
            "@everyone",
            "4 5 5",
        ] {
            assert_eq!(list().find(text), None, "{text}");
        }
    }

    #[test]
    fn entries_need_letters() {
        for entry in ["", " ", "*", "a*b", "!!", &"x".repeat(65)] {
            assert!(Words::new([entry]).is_err(), "{entry}");
        }
        assert_eq!(Words::new(["modem"]).expect("words").find("modern"), None);
    }
}
