//! The automaton of a pattern, and the machine that runs it along a journey.

use crate::pattern::parse::Expression;

/// What a place of the automaton does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Instruction {
    /// Takes one touchpoint and goes on to the next place.
    Take { labels: Vec<u32>, negated: bool },
    /// Goes on to the next place at the beginning of the journey only.
    Start,
    /// Goes on to the next place at the end of the journey only.
    End,
    /// Goes on to both places.
    Split(usize, usize),
    /// Goes on to a place.
    Jump(usize),
    /// The pattern was found.
    Found,
}

/// Places of an automaton: those of a pattern that fills a screen; the machine looks at
/// all of them for every touchpoint in the worst case.
const PLACES_MAX: usize = 4_000;

/// A pattern as places that lead to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Automaton {
    places: Vec<Instruction>,
}

impl Automaton {
    /// Returns the automaton of an expression, or why there is none.
    pub(super) fn of(expression: &Expression) -> Result<Self, String> {
        let mut automaton = Self { places: Vec::new() };
        automaton.add(expression)?;
        automaton.push(Instruction::Found)?;
        Ok(automaton)
    }

    fn push(&mut self, instruction: Instruction) -> Result<usize, String> {
        if self.places.len() == PLACES_MAX {
            return Err(format!(
                "the pattern is too long: numbers in braces multiply to more than {PLACES_MAX} places"
            ));
        }
        self.places.push(instruction);
        Ok(self.places.len() - 1)
    }

    fn add(&mut self, expression: &Expression) -> Result<(), String> {
        match expression {
            Expression::Start => self.push(Instruction::Start).map(|_| ()),
            Expression::End => self.push(Instruction::End).map(|_| ()),
            Expression::One { labels, negated } => {
                self.push(Instruction::Take { labels: labels.clone(), negated: *negated }).map(|_| ())
            }
            Expression::Sequence(items) => items.iter().try_for_each(|item| self.add(item)),
            Expression::Either(options) => self.add_either(options),
            Expression::Times { what, n_min, n_max } => self.add_times(what, *n_min, *n_max),
        }
    }

    fn add_either(&mut self, options: &[Expression]) -> Result<(), String> {
        let mut jumps = Vec::new();
        for (idx, option) in options.iter().enumerate() {
            if idx + 1 == options.len() {
                self.add(option)?;
                break;
            }
            let split = self.push(Instruction::Split(0, 0))?;
            self.add(option)?;
            jumps.push(self.push(Instruction::Jump(0))?);
            self.places[split] = Instruction::Split(split + 1, self.places.len());
        }
        let end = self.places.len();
        for jump in jumps {
            self.places[jump] = Instruction::Jump(end);
        }
        Ok(())
    }

    fn add_times(&mut self, what: &Expression, n_min: u32, n_max: Option<u32>) -> Result<(), String> {
        for _ in 0..n_min {
            self.add(what)?;
        }
        let mut splits = Vec::new();
        match n_max {
            None => {
                let split = self.push(Instruction::Split(0, 0))?;
                self.add(what)?;
                self.push(Instruction::Jump(split))?;
                splits.push(split);
            }
            Some(n_max) => {
                for _ in n_min..n_max {
                    splits.push(self.push(Instruction::Split(0, 0))?);
                    self.add(what)?;
                }
            }
        }
        let end = self.places.len();
        for split in splits {
            self.places[split] = Instruction::Split(split + 1, end);
        }
        Ok(())
    }
}

/// What came of a run along a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Whether the first touchpoint of the pattern was found.
    pub(super) entered: bool,
    /// Where the pattern was found: its first touchpoint and the one after its last.
    /// Of several places the one that begins first, of these the one that ends first.
    pub(super) found: Option<(usize, usize)>,
}

/// Runs an automaton along journeys; the lists are kept for the next.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    automaton: &'a Automaton,
    /// Places that wait for a touchpoint, with where their attempt began; each place at
    /// most once, with the earliest beginning.
    waiting: Vec<(usize, usize)>,
    next: Vec<(usize, usize)>,
    /// The step at which a place was reached last.
    reached: Vec<usize>,
    /// Places still to be looked at.
    open: Vec<usize>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(automaton: &'a Automaton) -> Self {
        let n_places = automaton.places.len();
        Self { automaton, waiting: Vec::new(), next: Vec::new(), reached: vec![usize::MAX; n_places], open: Vec::new() }
    }

    /// Returns where the pattern is found in a journey.
    pub(super) fn run(&mut self, labels: &[u32]) -> Run {
        self.reached.fill(usize::MAX);
        self.waiting.clear();
        let mut run = Run { entered: false, found: None };
        for idx in 0..=labels.len() {
            if run.found.is_none() {
                // Attempts that began earlier stand before this one and win.
                self.follow(0, idx, (idx, labels.len()), &mut run);
            }
            let Some(label) = labels.get(idx) else { break };
            self.step(*label, (idx, labels.len()), &mut run);
            if self.waiting.is_empty() && run.found.is_some() {
                break;
            }
        }
        run
    }

    /// Takes one touchpoint.
    fn step(&mut self, label: u32, (idx, n_labels): (usize, usize), run: &mut Run) {
        std::mem::swap(&mut self.waiting, &mut self.next);
        self.waiting.clear();
        for waiting_idx in 0..self.next.len() {
            let (place, start) = self.next[waiting_idx];
            if run.found.is_some_and(|(first, _)| first <= start) {
                // Found already, from as early a beginning and with an earlier end.
                break;
            }
            let Instruction::Take { labels, negated } = &self.automaton.places[place] else { continue };
            if labels.binary_search(&label).is_ok() != *negated {
                run.entered = true;
                self.follow(place + 1, start, (idx + 1, n_labels), run);
            }
        }
    }

    /// Goes on from a place without taking a touchpoint, as far as can be.
    fn follow(&mut self, place: usize, start: usize, (idx, n_labels): (usize, usize), run: &mut Run) {
        self.open.push(place);
        while let Some(place) = self.open.pop() {
            if self.reached[place] == idx {
                continue;
            }
            self.reached[place] = idx;
            match &self.automaton.places[place] {
                Instruction::Take { .. } => self.waiting.push((place, start)),
                Instruction::Start if idx == 0 => self.open.push(place + 1),
                Instruction::End if idx == n_labels => self.open.push(place + 1),
                Instruction::Start | Instruction::End => {}
                Instruction::Split(first, second) => self.open.extend([*second, *first]),
                Instruction::Jump(to) => self.open.push(*to),
                Instruction::Found => {
                    if run.found.is_none_or(|(first, _)| start < first) {
                        run.found = Some((start, idx));
                    }
                }
            }
        }
    }
}
