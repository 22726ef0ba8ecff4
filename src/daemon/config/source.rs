//! Where a setting was written: a place in a file, an environment variable, a flag, or nowhere.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A configuration file as it was read.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
}

/// Where a setting, or what is wrong with one, was written.
#[derive(Clone, Debug)]
pub enum Place {
    /// The built-in default.
    BuiltIn,
    /// A default that follows from another setting, which the text names.
    Follows(&'static str),
    File(Arc<Source>, Range<usize>),
    /// An environment variable, by its name.
    Variable(String),
    /// A command line flag, by its name.
    Flag(&'static str),
}

/// One line of a file and the part of it that is meant, both counted in characters from 1.
pub struct Excerpt<'a> {
    pub line: usize,
    pub column: usize,
    pub width: usize,
    pub text: &'a str,
}

impl Source {
    pub fn new(path: PathBuf, text: String) -> Arc<Self> {
        Arc::new(Source { path, text })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line on which `range` begins; what lies on further lines is left out of the width.
    pub fn excerpt(&self, range: &Range<usize>) -> Excerpt<'_> {
        let mut start = range.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let begin = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let meant = self.text.get(start..range.end.clamp(start, end)).unwrap_or_default();
        Excerpt {
            line: self.text[..begin].matches('\n').count() + 1,
            column: self.text[begin..start].chars().count() + 1,
            width: meant.trim_end().chars().count().max(1),
            text: self.text[begin..end].trim_end(),
        }
    }
}

impl Place {
    /// The order of places within one file; elsewhere all are alike.
    pub fn offset(&self) -> usize {
        match self {
            Place::File(_, range) => range.start,
            _ => 0,
        }
    }
}

/// As `--print-config` names it beside a key.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::BuiltIn => f.write_str("default"),
            Place::Follows(cause) => write!(f, "default with {cause}"),
            Place::File(source, range) => write!(f, "{}:{}", source.path.display(), source.excerpt(range).line),
            Place::Variable(name) => write!(f, "env {name}"),
            Place::Flag(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_the_first_line_of_what_is_meant() {
        let source = Source::new("a.toml".into(), "one = 1\r\n  é = [\n]\n".into());
        let at = source.text().find('[').unwrap();
        let excerpt = source.excerpt(&(at..source.text().len()));
        assert_eq!((excerpt.line, excerpt.column, excerpt.width), (2, 7, 1));
        assert_eq!(excerpt.text, "  é = [");
        let first = source.excerpt(&(0..3));
        assert_eq!((first.line, first.column, first.width, first.text), (1, 1, 3, "one = 1"));
    }

    #[test]
    fn an_excerpt_at_the_end_of_the_text_is_empty() {
        let source = Source::new("a.toml".into(), "a = ".into());
        let excerpt = source.excerpt(&(4..4));
        assert_eq!((excerpt.line, excerpt.column, excerpt.width), (1, 5, 1));
    }
}
