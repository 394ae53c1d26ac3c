//! Reading patterns, by recursive descent; errors point at the character.

use crate::JourneyError;

/// What a pattern says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// The beginning of the journey.
    Start,
    /// The end of the journey.
    End,
    /// One touchpoint of these labels, ascending, or none of these.
    One { labels: Vec<u32>, negated: bool },
    /// One after the other.
    Sequence(Vec<Expression>),
    /// Any of these.
    Either(Vec<Expression>),
    /// So many times, without end where there is no greatest number.
    Times { what: Box<Expression>, n_min: u32, n_max: Option<u32> },
}

/// Brackets within brackets: deeper ones are not written by people, and reading them
/// takes stack.
const DEPTH_MAX: usize = 50;

/// The largest number in braces; every time takes places of its own in the automaton.
const TIMES_MAX: u32 = 100;

/// Returns what `text` says, `label` giving the touchpoint of a name.
pub(super) fn parse(text: &str, label: &dyn Fn(&str) -> Result<u32, JourneyError>) -> Result<Expression, JourneyError> {
    let mut parser = Parser { text, letters: text.chars().collect(), place: 0, depth: 0, label };
    let expression = parser.either()?;
    match parser.peek() {
        None => Ok(expression),
        Some(letter) => Err(parser.expected(&format!("found {letter:?} where \"->\" or the end was expected"))),
    }
}

/// Returns the error at a place, counted from 0.
pub(super) fn fault(text: &str, place: usize, what: &str) -> JourneyError {
    JourneyError::Pattern { pattern: text.to_owned(), place: place + 1, what: what.to_owned() }
}

struct Parser<'a> {
    text: &'a str,
    letters: Vec<char>,
    place: usize,
    depth: usize,
    label: &'a dyn Fn(&str) -> Result<u32, JourneyError>,
}

/// Letters that end a name written without quotes; an arrow does, too.
const RESERVED: &str = "[](){}|*+?^\".";

impl Parser<'_> {
    fn either(&mut self) -> Result<Expression, JourneyError> {
        let mut options = vec![self.sequence()?];
        while self.take('|') {
            options.push(self.sequence()?);
        }
        Ok(if options.len() == 1 { options.remove(0) } else { Expression::Either(options) })
    }

    fn sequence(&mut self) -> Result<Expression, JourneyError> {
        let mut items = vec![self.item()?];
        while self.arrow() {
            items.push(self.item()?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Expression::Sequence(items) })
    }

    fn item(&mut self) -> Result<Expression, JourneyError> {
        let what = self.atom()?;
        let (n_min, n_max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.place += 1;
                let times = self.braces()?;
                return Ok(Expression::Times { what: Box::new(what), n_min: times.0, n_max: times.1 });
            }
            _ => return Ok(what),
        };
        self.place += 1;
        Ok(Expression::Times { what: Box::new(what), n_min, n_max })
    }

    /// Reads what stands between braces, the first of which is read.
    fn braces(&mut self) -> Result<(u32, Option<u32>), JourneyError> {
        let place = self.place;
        let n_min = self.number()?;
        let n_max = match self.take(',') {
            false => Some(n_min),
            true if self.peek() == Some('}') => None,
            true => Some(self.number()?),
        };
        if !self.take('}') {
            return Err(self.expected("\"}\" was expected"));
        }
        if n_max.is_some_and(|n_max| n_max < n_min) {
            return Err(fault(self.text, place, "the second number is smaller than the first"));
        }
        Ok((n_min, n_max))
    }

    fn number(&mut self) -> Result<u32, JourneyError> {
        self.skip_spaces();
        let place = self.place;
        let digits: String = self.letters[place..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
        self.place += digits.len();
        match digits.parse() {
            Ok(number) if number <= TIMES_MAX => Ok(number),
            _ => Err(fault(self.text, place, &format!("a number from 0 to {TIMES_MAX} was expected"))),
        }
    }

    fn atom(&mut self) -> Result<Expression, JourneyError> {
        match self.peek() {
            Some('(') => {
                self.place += 1;
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    let what = format!("more than {DEPTH_MAX} brackets within each other");
                    return Err(fault(self.text, self.place - 1, &what));
                }
                let inner = self.either()?;
                self.depth -= 1;
                if !self.take(')') {
                    return Err(self.expected("\")\" was expected"));
                }
                Ok(inner)
            }
            Some('[') => {
                self.place += 1;
                self.class()
            }
            Some('.') => {
                self.place += 1;
                Ok(Expression::One { labels: Vec::new(), negated: true })
            }
            Some('"') => {
                let label = self.touchpoint()?;
                Ok(Expression::One { labels: vec![label], negated: false })
            }
            _ => {
                let place = self.place;
                let name = self.name()?;
                match name.as_str() {
                    "start" => Ok(Expression::Start),
                    "end" => Ok(Expression::End),
                    _ => {
                        self.place = place;
                        let label = self.touchpoint()?;
                        Ok(Expression::One { labels: vec![label], negated: false })
                    }
                }
            }
        }
    }

    /// Reads what stands between square brackets, the first of which is read.
    fn class(&mut self) -> Result<Expression, JourneyError> {
        let negated = self.take('^');
        let mut labels = vec![self.touchpoint()?];
        while self.take('|') {
            labels.push(self.touchpoint()?);
        }
        if !self.take(']') {
            return Err(self.expected("\"|\" or \"]\" was expected"));
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(Expression::One { labels, negated })
    }

    fn touchpoint(&mut self) -> Result<u32, JourneyError> {
        let name = if self.peek() == Some('"') { self.quoted()? } else { self.name()? };
        (self.label)(&name)
    }

    fn quoted(&mut self) -> Result<String, JourneyError> {
        self.place += 1;
        let name: String = self.letters[self.place..].iter().take_while(|letter| **letter != '"').collect();
        let end = self.place + name.chars().count();
        if end == self.letters.len() {
            return Err(fault(self.text, end, "the quotation mark is not closed"));
        }
        self.place = end + 1;
        Ok(name)
    }

    fn name(&mut self) -> Result<String, JourneyError> {
        self.skip_spaces();
        let place = self.place;
        while let Some(letter) = self.letters.get(self.place)
            && !RESERVED.contains(*letter)
            && !self.letters[self.place..].starts_with(&['-', '>'])
        {
            self.place += 1;
        }
        let name: String = self.letters[place..self.place].iter().collect();
        let name = name.trim();
        if name.is_empty() {
            return Err(fault(self.text, place, "a touchpoint was expected"));
        }
        Ok(name.to_owned())
    }

    fn arrow(&mut self) -> bool {
        self.skip_spaces();
        let found = self.letters[self.place..].starts_with(&['-', '>']);
        self.place += if found { 2 } else { 0 };
        found
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.place += usize::from(found);
        found
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_spaces();
        self.letters.get(self.place).copied()
    }

    fn skip_spaces(&mut self) {
        while self.letters.get(self.place).is_some_and(|letter| letter.is_whitespace()) {
            self.place += 1;
        }
    }

    fn expected(&self, what: &str) -> JourneyError {
        fault(self.text, self.place, what)
    }
}
