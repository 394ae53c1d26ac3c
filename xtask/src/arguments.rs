//! The words of the command line, taken one by one.
//!
//! The commands here take a handful of flags between them; a parser library would
//! cost every newcomer more build time than this file.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

/// A command line that was not understood.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl UsageError {
    /// Returns the error that says `message`.
    pub(crate) fn new(message: String) -> UsageError {
        UsageError(message)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The words that no command has taken yet.
pub(crate) struct Arguments {
    words: VecDeque<String>,
}

impl Arguments {
    /// Returns `words` as arguments, none of them taken.
    pub(crate) fn new(words: Vec<String>) -> Arguments {
        Arguments { words: words.into() }
    }

    /// Takes the first word, if any is left.
    pub(crate) fn word(&mut self) -> Option<String> {
        self.words.pop_front()
    }

    /// Takes the flag `name` wherever it stands and returns whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let n_words = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < n_words
    }

    /// Takes `name VALUE` or `name=VALUE` wherever it stands.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, UsageError> {
        let text = if let Some(idx) = self.words.iter().position(|word| word == name) {
            self.words.remove(idx);
            let value = self.words.remove(idx);
            value.ok_or_else(|| UsageError(format!("{name} needs a value")))?
        } else {
            let prefix = format!("{name}=");
            let idx = self.words.iter().position(|word| word.starts_with(&prefix));
            let Some(word) = idx.and_then(|idx| self.words.remove(idx)) else {
                return Ok(None);
            };
            word[prefix.len()..].to_owned()
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(UsageError(format!("{text:?} is no value for {name}"))),
        }
    }

    /// Checks that every word was taken.
    pub(crate) fn finish(self) -> Result<(), UsageError> {
        match self.words.front() {
            None => Ok(()),
            Some(word) => Err(UsageError(format!("{word:?} was not expected"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn arguments(words: &str) -> Arguments {
        Arguments::new(words.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn values_and_flags_stand_in_any_order() {
        for line in ["--rows 5 --fast", "--fast --rows=5", "--fast --rows 5"] {
            let mut arguments = arguments(line);
            assert_eq!(arguments.value::<u64>("--rows").unwrap(), Some(5), "{line}");
            assert!(arguments.flag("--fast"), "{line}");
            arguments.finish().unwrap();
        }
    }

    #[test]
    fn absent_value_is_none_and_absent_flag_is_false() {
        let mut arguments = arguments("");
        assert_eq!(arguments.value::<u64>("--rows").unwrap(), None);
        assert!(!arguments.flag("--fast"));
    }

    #[test]
    fn broken_command_lines_are_refused() {
        fn check(line: &str, expected: &str) {
            let mut arguments = arguments(line);
            let error = match arguments.value::<u64>("--rows") {
                Ok(_) => arguments.finish().unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.to_string(), expected);
        }
        check("--rows", "--rows needs a value");
        check("--rows many", "\"many\" is no value for --rows");
        check("--rows 5 --slow", "\"--slow\" was not expected");
    }
}
