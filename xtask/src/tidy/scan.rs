//! Rust source taken apart into code and comments.
//!
//! Rules about code must not trip over a comment or a string that mentions what
//! they forbid, and rules about comments not over code. A full parser would be a
//! heavy dependency for that; knowing where literals and comments end suffices.

use std::iter::Peekable;
use std::str::Chars;

/// A source file's code and comments, each with the file's own line breaks, so that
/// line numbers stay right. Literals belong to neither.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) code: String,
    pub(super) comments: String,
}

impl Scan {
    /// Takes `text` apart.
    pub(super) fn of(text: &str) -> Scan {
        let mut scanner =
            Scanner { rest: text.chars().peekable(), scan: Scan { code: String::new(), comments: String::new() } };
        while let Some(letter) = scanner.rest.next() {
            scanner.step(letter);
        }
        scanner.scan
    }

    /// Returns the code's lines, numbered from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// Returns the comments' lines, numbered from 1.
    pub(super) fn comment_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.comments.lines())
    }
}

struct Scanner<'text> {
    rest: Peekable<Chars<'text>>,
    scan: Scan,
}

impl Scanner<'_> {
    fn step(&mut self, letter: char) {
        let next = self.rest.peek().copied();
        match (letter, next) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('r', Some('"' | '#')) => self.raw_string(),
            ('\'', _) => self.character_or_lifetime(),
            _ => self.code(letter),
        }
    }

    fn line_comment(&mut self) {
        self.comment('/');
        while let Some(letter) = self.rest.next_if(|letter| *letter != '\n') {
            self.comment(letter);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        let mut former = '/';
        self.comment(former);
        while let Some(letter) = self.rest.next() {
            self.comment(letter);
            match (former, letter) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    former = letter;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
            // The second letter of a mark cannot be the first of the next one.
            former = ' ';
        }
    }

    fn string(&mut self) {
        self.code('"');
        while let Some(letter) = self.rest.next() {
            if letter == '"' {
                return self.code('"');
            }
            self.neither(letter);
            if letter == '\\'
                && let Some(escaped) = self.rest.next()
            {
                self.neither(escaped);
            }
        }
    }

    /// Handles `r"…"` and `r#"…"#`; also `r#name`, which is code.
    fn raw_string(&mut self) {
        self.code('r');
        let mut n_hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            self.code('#');
            n_hashes += 1;
        }
        if self.rest.next_if_eq(&'"').is_none() {
            return;
        }
        self.code('"');
        let mut n_closing = None;
        for letter in self.rest.by_ref() {
            n_closing = match (letter, n_closing) {
                ('"', _) => Some(0),
                ('#', Some(n_hashes_seen)) => Some(n_hashes_seen + 1),
                _ => None,
            };
            push_blank(&mut self.scan, letter);
            if n_closing == Some(n_hashes) {
                return;
            }
        }
    }

    fn character_or_lifetime(&mut self) {
        self.code('\'');
        let Some(first) = self.rest.next() else { return };
        if first == '\\' {
            self.neither(first);
            if let Some(escaped) = self.rest.next() {
                self.neither(escaped);
            }
            while let Some(letter) = self.rest.next_if(|letter| *letter != '\'') {
                self.neither(letter);
            }
        } else if self.rest.peek() == Some(&'\'') {
            self.neither(first);
        } else {
            return self.step(first);
        }
        if let Some(closing) = self.rest.next() {
            self.code(closing);
        }
    }

    fn code(&mut self, letter: char) {
        self.scan.code.push(letter);
        self.scan.comments.push(if letter == '\n' { '\n' } else { ' ' });
    }

    fn comment(&mut self, letter: char) {
        self.scan.comments.push(letter);
        self.scan.code.push(if letter == '\n' { '\n' } else { ' ' });
    }

    fn neither(&mut self, letter: char) {
        push_blank(&mut self.scan, letter);
    }
}

fn push_blank(scan: &mut Scan, letter: char) {
    let blank = if letter == '\n' { '\n' } else { ' ' };
    scan.code.push(blank);
    scan.comments.push(blank);
}

#[cfg(test)]
mod tests {
    use super::Scan;

    /// Checks code and comments with runs of blanks made one.
    fn check(text: &str, code: &str, comments: &str) {
        let scan = Scan::of(text);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&scan.code), code, "code of {text:?}");
        assert_eq!(words(&scan.comments), comments, "comments of {text:?}");
        assert_eq!(scan.code.matches('\n').count(), text.matches('\n').count(), "{text:?}");
    }

    #[test]
    fn comments_are_no_code() {
        check("a // b\nc", "a c", "// b");
        check("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */");
        check("a /*/ b */ c", "a c", "/*/ b */");
        check("a / b", "a / b", "");
        check("//! a \"quote\nb", "b", "//! a \"quote");
    }

    #[test]
    fn strings_are_neither() {
        check(r#"f("a // b"); c"#, r#"f(" "); c"#, "");
        check(r#"f("a \" b", c)"#, r#"f(" ", c)"#, "");
        check(r##"f(r"a\", b)"##, r#"f(r" , b)"#, "");
        check("f(r##\"a \"# b\"##, c)", "f(r##\" , c)", "");
        check("f(b\"a\", c\"d\")", "f(b\" \", c\" \")", "");
        check("let r#type = 1;", "let r#type = 1;", "");
        check("\"a\nb\" c", "\" \" c", "");
    }

    #[test]
    fn quote_may_open_a_character_or_a_lifetime() {
        check("if c == '\"' { d }", "if c == ' ' { d }", "");
        check(r"f('\'', '\\', '\u{1F600}', a)", "f(' ', ' ', ' ', a)", "");
        check("fn f<'a>(b: &'a str) {}", "fn f<'a>(b: &'a str) {}", "");
        check("'outer: loop { break 'outer }", "'outer: loop { break 'outer }", "");
    }
}
