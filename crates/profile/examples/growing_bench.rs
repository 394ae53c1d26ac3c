//! Measures what one event costs a resolution that grows.
//!
//! `people`: 1 M events of 300,000 people with cookies, e-mail addresses and now and then
//! a phone; one in twenty comes an hour late; tablets in shops are seen with many. Then
//! the same events once more, when nothing new is said. Then the worst that came to mind,
//! 100,000 events each: one cookie with random user ids (`kiosk`), one user id with
//! random cookies (`star`), the same in no order of time (`star late`), user ids and
//! cookies in a chain that the limits refuse (`chain`, `chain late`), one previous id
//! aliased to all (`guest`), all previous ids aliased to one (`import`; of
//! `import late` 10,000, for there the work grows with the square).
//!
//! Prints one line of JSON for each; seconds are the processor's, for the events of a
//! case alone, memory is what the process holds more at the end than before. Needs Linux.
//! `cargo run --release -p throng-profile --example growing_bench`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]

use std::process::Command;

use throng_event::{EventKey, IdentityKind, Instant};
use throng_profile::{GrowingResolution, IdentityRules, Observation};

const N_EVENTS: u64 = 1_000_000;
const N_PEOPLE: u64 = 300_000;
const N_HOSTILE: u64 = 100_000;
const N_HOSTILE_LATE: u64 = 10_000;
const CASES: [&str; 10] =
    ["people", "people late", "kiosk", "star", "star late", "chain", "chain late", "guest", "import", "import late"];

/// Returns repeatable noise (the finaliser of SplitMix64, Steele et al. 2014).
fn noise(n: u64) -> u64 {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What one event says.
#[derive(Default)]
struct Said {
    second: u64,
    user: Option<String>,
    cookie: Option<String>,
    previous: Option<String>,
    others: Vec<(IdentityKind, String)>,
}

fn said(case: &str, n: u64) -> Said {
    let late = |n: u64| noise(n) % N_HOSTILE * 60;
    match case {
        "people" => person(n, n),
        "people late" => person(n, if noise(n ^ 7).is_multiple_of(20) { n.saturating_sub(3_600) } else { n }),
        "kiosk" => pair(n * 60, n, 0),
        "star" => pair(n * 60, 0, n),
        "star late" => pair(late(n), 0, n),
        "chain" => pair(n * 60, n.div_ceil(2), n / 2),
        "chain late" => pair(late(n), n.div_ceil(2), n / 2),
        "guest" => Said { previous: Some("visitor".to_owned()), cookie: None, ..pair(n * 60, n, 0) },
        "import" => Said { previous: Some(format!("old{n}")), cookie: None, ..pair(n * 60, 0, 0) },
        "import late" => Said { second: late(n), ..said("import", n) },
        other => unreachable!("no case {other}"),
    }
}

fn pair(second: u64, user: u64, cookie: u64) -> Said {
    let (user, cookie) = (Some(format!("{}", 10_000_000 + user)), Some(cookie_text(cookie)));
    Said { second, user, cookie, ..Said::default() }
}

fn cookie_text(n: u64) -> String {
    format!("{:016x}{:016x}", noise(n), noise(n ^ (1 << 60)))
}

fn person(n: u64, second: u64) -> Said {
    let draw = |salt: u64, below: u64| noise(n ^ (salt << 40)) % below;
    let person = draw(1, N_PEOPLE);
    let tablet = (1 << 40) + draw(2, N_PEOPLE / 1_000);
    let cookie = if draw(3, 50) == 0 { tablet } else { person * 2 + draw(4, 2) };
    let mut said = Said { second, cookie: Some(cookie_text(cookie)), ..Said::default() };
    if draw(5, 3) > 0 {
        said.user = Some(format!("{}", 10_000_000 + person));
        if draw(6, 4) == 0 {
            said.others.push((IdentityKind::Email, format!("person.{person}@example.com")));
        }
        if draw(7, 40) == 0 {
            said.others.push((IdentityKind::Phone, format!("+49{}", 1_700_000_000 + person)));
        }
    }
    said
}

fn observe(resolution: &mut GrowingResolution, said: &Said, key: u64) -> usize {
    let observation = Observation {
        user_id: said.user.as_deref(),
        anonymous_id: said.cookie.as_deref(),
        previous_id: said.previous.as_deref(),
        occurred_at: Instant(i64::try_from(said.second).unwrap() * Instant::SECOND),
        key: EventKey(i64::from_le_bytes(noise(key).to_le_bytes())),
    };
    resolution.observe(&observation, said.others.iter().map(|(kind, text)| (*kind, text.as_str()))).moves.len()
}

/// The seconds the processor has worked for this process, which has one thread.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn held_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

fn measure(case: &str) {
    let n_events = match case {
        "people" | "people late" => N_EVENTS,
        "import late" => N_HOSTILE_LATE,
        _ => N_HOSTILE,
    };
    let all: Vec<Said> = (0..n_events).map(|n| said(case, n)).collect();
    let mut resolution = GrowingResolution::new(IdentityRules::standard());
    let (held, start) = (held_bytes(), processor_s());
    let n_moves: usize = (0..).zip(&all).map(|(key, said)| observe(&mut resolution, said, key)).sum();
    let (first_s, held) = (processor_s() - start, held_bytes() - held);
    let start = processor_s();
    let n_again: usize = (0..).zip(&all).map(|(key, said)| observe(&mut resolution, said, key)).sum();
    let again_s = processor_s() - start;
    assert_eq!(n_again, 0);
    let graph = resolution.graph().clone();
    let (n_identities, n_links) = (graph.n_identities(), graph.n_links());
    let text_bytes: usize = graph.identity_rows().map(|row| row.written.len()).sum();
    let start = processor_s();
    let restored = GrowingResolution::from_graph(graph, &[], &[]);
    let restore_s = processor_s() - start;
    assert!(restored.profiles().eq(resolution.profiles()));
    let events = f64::from(u32::try_from(n_events).unwrap());
    let (held, texts) = (held / u64::try_from(n_identities).unwrap(), text_bytes / n_identities);
    println!(
        "{{\"case\":\"{case}\",\"events\":{n_events},\"identities\":{n_identities},\"links\":{n_links},\"profiles\":{},\
         \"moves\":{n_moves},\"event_us\":{:.3},\"nothing_new_us\":{:.3},\"restore_s\":{restore_s:.3},\
         \"identity_bytes\":{held},\"identity_text_bytes\":{texts}}}",
        resolution.n_profiles(),
        first_s / events * 1e6,
        again_s / events * 1e6,
    );
}

fn main() {
    let cases: Vec<String> = std::env::args().skip(1).collect();
    if let [case] = cases.as_slice() {
        measure(case);
        return;
    }
    // A process each, for the memory that one gives back the next would find.
    let program = std::env::current_exe().unwrap();
    for case in CASES {
        assert!(Command::new(&program).arg(case).status().unwrap().success());
    }
}
