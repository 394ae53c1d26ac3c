//! A whole simulation: its parameters, the messages and the truth.

use std::io::{self, Write};

use throng_event::Day;

use crate::behaviour::live;
use crate::delivery::{Delivered, Tally, deliver};
use crate::dice::Dice;
use crate::plan::{Plan, Population};
use crate::planted::{PERSONAS_MAX, PlantedPersona, planted_personas};
use crate::robot::crawl;
use crate::shop::Shop;

/// What to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulationParams {
    /// Customers, robots included. The first ones are the same in a larger simulation.
    pub n_customers: u32,
    /// Planted personas, 1 to [`PERSONAS_MAX`].
    pub n_personas: usize,
    /// What all chance comes from.
    pub seed: u64,
    /// The first day, in UTC.
    pub start: Day,
    /// How many days; at least 1.
    pub n_days: u16,
}

/// In which order messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageOrder {
    /// As a server receives them; holds all lines in memory, about 1 kB each.
    Received,
    /// One customer after the other, each in the order things happened; holds one customer.
    Customer,
}

/// What is true of a customer, whatever can be seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerTruth {
    /// The user id; never changes after the previous one has ended.
    pub user_id: String,
    /// The user id before an alias message, of customers who had another.
    pub previous_user_id: Option<String>,
    /// The anonymous ids of the customer's devices, used or not.
    pub anonymous_ids: Vec<String>,
    /// The planted persona, counted from 0; none for robots.
    pub persona: Option<usize>,
    /// Its name.
    pub persona_name: Option<&'static str>,
    /// A second persona the habits lie towards, and how far (0 to 1).
    pub second_persona: Option<(usize, f64)>,
    /// The first day on which something happened.
    pub joined_on: Day,
    /// The day from which nothing happened any more, though the simulation went on.
    pub churned_on: Option<Day>,
    /// Whether it is a script.
    pub bot: bool,
    /// The user id of the customer who invited this one.
    pub referred_by: Option<String>,
}

/// A shop and its customers, from which messages and truth can be had any number of times.
pub struct Simulation {
    params: SimulationParams,
    shop: Shop,
    planted_personas: Vec<PlantedPersona>,
}

/// Returns the simulation of these parameters.
///
/// # Panics
/// When the number of personas or of days is out of its range.
///
/// ```
/// use throng_event::Day;
/// use throng_testkit::{MessageOrder, SimulationParams, simulate};
/// let start = Day::parse("2024-01-01").unwrap();
/// let simulation = simulate(SimulationParams { n_customers: 3, n_personas: 2, seed: 7, start, n_days: 30 });
/// let mut lines = Vec::new();
/// let tally = simulation.write_messages(&mut lines, MessageOrder::Received).unwrap();
/// assert_eq!(lines.split(|byte| *byte == b'\n').count() as u64, tally.n_lines + 1);
/// ```
#[must_use]
pub fn simulate(params: SimulationParams) -> Simulation {
    assert!((1..=PERSONAS_MAX).contains(&params.n_personas), "1 to {PERSONAS_MAX} personas can be planted");
    assert!(params.n_days > 0, "a simulation has at least one day");
    let shop = Shop::new(&mut Dice::new(params.seed, 0), params.start, params.n_days);
    Simulation { params, shop, planted_personas: planted_personas(params.n_personas) }
}

impl Simulation {
    /// Returns the names of the planted personas, in their order.
    #[must_use]
    pub fn persona_names(&self) -> Vec<&'static str> {
        self.planted_personas.iter().map(|planted| planted.name).collect()
    }

    /// Returns the truth about every customer.
    pub fn truth(&self) -> impl Iterator<Item = CustomerTruth> {
        (0..self.params.n_customers).map(|customer_idx| self.truth_of(&self.population().plan(customer_idx)))
    }

    /// Writes the messages as Segment would store them, one JSON object a line.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write_messages(&self, output: &mut impl Write, order: MessageOrder) -> io::Result<Tally> {
        match order {
            MessageOrder::Customer => self.write_by_customer(output),
            MessageOrder::Received => self.write_as_received(output),
        }
    }

    /// Writes the truth as CSV with a header; `churned` and `bot` are 0 or 1, what a
    /// customer does not have is empty.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write_truth(&self, output: &mut impl Write) -> io::Result<()> {
        writeln!(
            output,
            "user_id,persona,persona_name,churned,bot,second_persona,second_share,joined_on,churned_on,referred_by"
        )?;
        for truth in self.truth() {
            let number = |persona: Option<usize>| persona.map(|persona| persona.to_string()).unwrap_or_default();
            write!(
                output,
                "{},{},{},{},{},",
                truth.user_id,
                number(truth.persona),
                truth.persona_name.unwrap_or_default(),
                u8::from(truth.churned_on.is_some()),
                u8::from(truth.bot),
            )?;
            writeln!(
                output,
                "{},{},{},{},{}",
                number(truth.second_persona.map(|(persona, _)| persona)),
                truth.second_persona.map(|(_, share)| format!("{share:.2}")).unwrap_or_default(),
                truth.joined_on,
                truth.churned_on.map(|day| day.to_string()).unwrap_or_default(),
                truth.referred_by.unwrap_or_default(),
            )?;
        }
        Ok(())
    }

    fn population(&self) -> Population<'_> {
        Population { seed: self.params.seed, shop: &self.shop, planted_personas: &self.planted_personas }
    }

    fn truth_of(&self, plan: &Plan) -> CustomerTruth {
        // A simulation has less than 2^16 days.
        let day = |day_idx: i64| Day(self.params.start.0 + i32::try_from(day_idx).unwrap_or(i32::MAX));
        CustomerTruth {
            user_id: plan.user_id.clone(),
            previous_user_id: plan.previous.as_ref().map(|(previous_id, _)| previous_id.clone()),
            anonymous_ids: plan.devices.iter().map(|device| device.anonymous_id.clone()).collect(),
            persona: plan.persona,
            persona_name: plan.persona.map(|persona| self.planted_personas[persona].name),
            second_persona: plan.blend,
            joined_on: day(plan.days.start),
            churned_on: plan.churned.then(|| day(plan.days.end)),
            bot: plan.persona.is_none(),
            referred_by: plan.referred_by.clone(),
        }
    }

    fn delivered(&self, customer_idx: u32) -> (Vec<Delivered>, Tally) {
        let population = self.population();
        let plan = population.plan(customer_idx);
        let (behaviour, mut post) = (population.dice(customer_idx, 1), population.dice(customer_idx, 2));
        let messages = match plan.persona {
            Some(_) => live(&self.shop, &plan, behaviour),
            None => crawl(&self.shop, &plan, behaviour),
        };
        deliver(messages, &mut post)
    }

    fn write_by_customer(&self, output: &mut impl Write) -> io::Result<Tally> {
        let mut tally = Tally::default();
        for customer_idx in 0..self.params.n_customers {
            let (delivered, theirs) = self.delivered(customer_idx);
            for Delivered { message, .. } in &delivered {
                serde_json::to_writer(&mut *output, message)?;
                output.write_all(b"\n")?;
            }
            tally.add(theirs);
        }
        Ok(tally)
    }

    fn write_as_received(&self, output: &mut impl Write) -> io::Result<Tally> {
        let mut tally = Tally::default();
        // Lines lie in one text; the sort moves places, not lines.
        let mut text = Vec::new();
        let mut lines: Vec<(i64, usize, usize)> = Vec::new();
        for customer_idx in 0..self.params.n_customers {
            let (delivered, theirs) = self.delivered(customer_idx);
            for Delivered { received_ms, message } in &delivered {
                let start = text.len();
                serde_json::to_writer(&mut text, message)?;
                text.push(b'\n');
                lines.push((*received_ms, start, text.len()));
            }
            tally.add(theirs);
        }
        // What is received in one millisecond keeps the order of customers.
        lines.sort_unstable();
        for (_, start, end) in lines {
            output.write_all(&text[start..end])?;
        }
        Ok(tally)
    }
}
