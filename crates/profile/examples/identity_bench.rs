//! Measures identity resolution on generated events: 1, 3 and 10 M, with 0.3 identities
//! an event.
//!
//! A third of the identities are people with a user id; they have cookies, e-mail
//! addresses and now and then a phone, and are anonymous for part of what they do. The
//! rest are visitors who never say who they are. Tablets in shops are seen with many.
//! Events are made as they are taken in (those seconds are taken off), so the memory is that of the graph and the
//! resolution. Prints one line of JSON for each size, with seconds of the processor and
//! the peak of memory; a size a process, for the peak is the process's. Needs Linux. Run
//! it with
//! `cargo run --release -p throng-profile --example identity_bench`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]

use std::fmt::Write as _;
use std::process::Command;

use throng_event::{EventKey, IdentityKind};
use throng_profile::{IdentityGraph, IdentityRules, Observation, Resolution};

const SIZES: [u64; 3] = [1_000_000, 3_000_000, 10_000_000];

/// A small generator of repeatable noise (SplitMix64, Steele et al. 2014).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(n)) >> 64).unwrap()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// The ids of one event, written into texts that are used again.
#[derive(Default)]
struct Ids {
    user: String,
    cookie: String,
    email: String,
    phone: String,
    /// Events that are still to come with these ids.
    n_more: u64,
}

impl Ids {
    fn generate(&mut self, noise: &mut Noise, population: Population) {
        if population.order == Order::Lake && self.n_more > 0 {
            self.n_more -= 1;
            return;
        }
        self.n_more = noise.below(2 * RUN_MEAN - 1);
        for text in [&mut self.user, &mut self.cookie, &mut self.email, &mut self.phone] {
            text.clear();
        }
        // A person has about three identities, a visitor one.
        let (n_people, n_visitors) = (population.n_people, population.n_people * 5 / 2);
        if noise.one_in(4) {
            self.be_seen(n_people * 512 + noise.below(n_visitors));
            return;
        }
        let person = noise.below(n_people);
        let tablet = n_people * 1_024 + noise.below(n_people / 1_000 + 1);
        self.be_seen(if noise.one_in(50) { tablet } else { person * 256 + noise.below(2) });
        if noise.one_in(3) {
            return;
        }
        write!(self.user, "{}", 10_000_000 + person).unwrap();
        if noise.one_in(4) {
            write!(self.email, "person.{person}@example.com").unwrap();
        }
        if noise.one_in(40) {
            write!(self.phone, "+49{}", 1_700_000_000 + person).unwrap();
        }
    }

    fn be_seen(&mut self, device: u64) {
        let mut noise = Noise(device);
        write!(self.cookie, "{:016x}{:016x}", noise.next(), noise.next()).unwrap();
    }
}

/// How many people there are, and how their events come.
#[derive(Clone, Copy)]
struct Population {
    n_people: u64,
    order: Order,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Order {
    /// As in the lake: a person's events of a day lie together.
    Lake,
    /// Every event is somebody else's: the worst for a machine's caches.
    Scattered,
}

/// Events of one person in a row, on average.
const RUN_MEAN: u64 = 4;

fn present(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn fold(n_events: u64, population: Population) -> IdentityGraph {
    let mut graph = IdentityGraph::new(IdentityRules::standard());
    let (mut noise, mut ids) = (Noise(7), Ids::default());
    for event in 0..n_events {
        ids.generate(&mut noise, population);
        let observation = Observation {
            user_id: present(&ids.user),
            anonymous_id: present(&ids.cookie),
            previous_id: None,
            occurred_at: throng_event::Instant(i64::try_from(event).unwrap() * throng_event::Instant::SECOND),
            key: EventKey(i64::from_le_bytes(noise.next().to_le_bytes())),
        };
        let others = [(IdentityKind::Email, &ids.email), (IdentityKind::Phone, &ids.phone)];
        let others = others.into_iter().filter_map(|(kind, text)| present(text).map(|text| (kind, text)));
        graph.observe(&observation, others);
    }
    graph
}

/// Finds the profile of every event again; returns how many have one.
fn look_up(resolution: &Resolution, n_events: u64, population: Population) -> u64 {
    let (mut noise, mut ids, mut n_found) = (Noise(7), Ids::default(), 0);
    for _ in 0..n_events {
        ids.generate(&mut noise, population);
        noise.next();
        n_found += u64::from(resolution.number(present(&ids.user), present(&ids.cookie)).is_some());
    }
    n_found
}

/// The seconds the processor has worked for this process, which has one thread; what
/// else the machine does is left out.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The seconds the generator alone takes.
fn generate(n_events: u64, population: Population) -> f64 {
    let start = processor_s();
    let (mut noise, mut ids, mut n_bytes) = (Noise(7), Ids::default(), 0);
    for _ in 0..n_events {
        ids.generate(&mut noise, population);
        n_bytes += ids.user.len() + ids.cookie.len();
    }
    assert!(n_bytes > 0);
    processor_s() - start
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn measure(n_events: u64, order: Order) {
    // In runs fewer people are drawn, so there are more of them to be seen.
    let n_people = if order == Order::Lake { n_events / 9 } else { n_events / 20 };
    let population = Population { n_people, order };
    let generate_s = generate(n_events, population);
    let start = processor_s();
    let graph = fold(n_events, population);
    let fold_s = processor_s() - start - generate_s;
    let graph_mb = peak_mb();
    let start = processor_s();
    let resolution = graph.resolve(&[], &[]);
    let resolve_s = processor_s() - start;
    let resolve_mb = peak_mb();
    let start = processor_s();
    let n_found = look_up(&resolution, n_events, population);
    let look_up_s = processor_s() - start - generate_s;
    assert_eq!(n_found, n_events);
    println!(
        "{{\"events\":{n_events},\"order\":\"{order:?}\",\"identities\":{},\"links\":{},\"profiles\":{},\"shared\":{},\"refused\":{},\
         \"generate_s\":{generate_s:.3},\"fold_s\":{fold_s:.3},\"resolve_s\":{resolve_s:.3},\"look_up_s\":{look_up_s:.3},\
         \"graph_mb\":{graph_mb},\"peak_mb\":{resolve_mb}}}",
        graph.n_identities(),
        graph.n_links(),
        resolution.n_profiles(),
        resolution.shared().len(),
        resolution.refused().len(),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [n_events, order] = arguments.as_slice() {
        measure(n_events.parse().unwrap(), if order == "lake" { Order::Lake } else { Order::Scattered });
        return;
    }
    let program = std::env::current_exe().unwrap();
    for order in ["lake", "scattered"] {
        for n_events in SIZES {
            let status = Command::new(&program).args([&n_events.to_string(), order]).status();
            assert!(status.unwrap().success());
        }
    }
}
