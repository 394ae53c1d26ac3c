//! Discovery beyond memory is discovery: with the bound lowered, passes through the query engine give
//! the bits of Lloyd's refinement in memory, everybody's memberships are the model's, and everything
//! stored can be computed again.

use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use throng_event::AsOf;
use throng_learn::KMeans;
use throng_persona::{Continuum, Found, LineageKind, Outcome, PersonaCount};

use crate::book::{BookOutcome, membership_rows};
use crate::config::features_to_toml;
use crate::context::{collect, session};
use crate::fixture::{self, chance};
use crate::k_means::{refinement, settle};
use crate::population::{Drawn, population_of, read_population};
use crate::rows::Rows;
use crate::scoring::Scoring;
use crate::{DiscoverRequest, Engine, Rediscovery};

const N_CUSTOMERS: u64 = 900;
const N_DRAWN_MAX: usize = 400;
const CONFIG: &str = "format = 1\ntime_zone = \"UTC\"\ncurrency = \"EUR\"\n";

/// A kind of customer: how many in ten, how many events, how many in ten of them orders, what these
/// cost, the first hour and the device.
struct Kind(u64, u64, u64, u64, u64, &'static str);

const KINDS: [Kind; 3] =
    [Kind(5, 5, 2, 20, 19, "desktop"), Kind(3, 14, 5, 90, 9, "mobile"), Kind(2, 8, 7, 300, 14, "tablet")];

/// Returns what customers of all kinds did, as Segment messages.
fn messages() -> String {
    let mut text = String::new();
    for customer in 0..N_CUSTOMERS {
        let of_ten = chance(customer) % 10;
        let Kind(_, n_events, orders, total, hour, device) =
            if of_ten < KINDS[0].0 { &KINDS[0] } else { &KINDS[usize::from(of_ten >= KINDS[0].0 + KINDS[1].0) + 1] };
        for event in 0..n_events + chance(customer << 8) % 4 {
            let dice = chance(customer << 16 | event << 1);
            let total = total + dice / 7 % total;
            let (name, properties) = match dice % 10 < *orders {
                true => (
                    "Order Completed",
                    format!(r#"{{"order_id":"{customer}-{event}","total":{total},"currency":"EUR"}}"#),
                ),
                false => ("Product Viewed", format!(r#"{{"product_id":"p{}"}}"#, dice / 11 % 30)),
            };
            let (day, hour, minute) = (1 + dice / 13 % 28, hour + dice / 17 % 4, dice / 19 % 60);
            text.push_str(&format!(
                r#"{{"messageId":"{customer}-{event}","type":"track","userId":"u{customer}","event":"{name}","timestamp":"2024-01-{day:02}T{hour:02}:{minute:02}:00Z","properties":{properties},"context":{{"device":{{"type":"{device}"}}}}}}"#
            ));
            text.push('\n');
        }
    }
    text
}

/// Asks for as many personas as were planted, by a cut where there are no borders: the tests are about
/// any personas.
fn request() -> DiscoverRequest {
    let personas = Some(PersonaCount::Exactly(KINDS.len()));
    DiscoverRequest { personas, continuum: Some(Continuum::Cut), ..DiscoverRequest::default() }
}

struct Shop {
    _folder: tempfile::TempDir,
    engine: Engine,
    made: Rediscovery,
}

impl Shop {
    fn new(n_threads: usize, n_drawn_max: usize) -> Self {
        let (folder, mut engine) = fixture::home(CONFIG, n_threads);
        fixture::import(&mut engine, &messages());
        let features = engine.propose_catalogue().unwrap().features;
        engine.set_config(&format!("{CONFIG}{}", features_to_toml(&features))).unwrap();
        engine.n_drawn_max = n_drawn_max;
        let made = engine.discover(&request(), &mut |_| {}).unwrap();
        Self { _folder: folder, engine, made }
    }

    fn found(&self) -> &Found {
        match &self.made.discovery.outcome {
            Outcome::Found(found) => found,
            Outcome::Refused(refusal) => panic!("refused: {}", refusal.text),
        }
    }

    fn as_of(&self) -> AsOf {
        self.engine.calendar().as_of(self.engine.persona_book().unwrap().as_of)
    }

    fn query(&self, sql: &str) -> RecordBatch {
        self.engine.query(sql).unwrap()
    }

    fn text(&self, sql: &str) -> String {
        arrow::util::pretty::pretty_format_batches(&[self.query(sql)]).unwrap().to_string()
    }

    fn scoring(&self) -> Arc<Scoring> {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
        let catalogue = &self.engine.home().config().features;
        Arc::new(Scoring::new(self.found().model.clone(), catalogue, self.as_of(), pool))
    }
}

/// The shop of most tests, discovered on two threads among fewer than half of its customers.
fn drawn_shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| Shop::new(2, N_DRAWN_MAX))
}

/// All that a discovery writes, in a stated order.
const WRITTEN: [&str; 6] = [
    "SELECT * FROM personas ORDER BY persona_id",
    "SELECT * FROM claims ORDER BY position",
    "SELECT * FROM memberships ORDER BY profile_id",
    "SELECT * FROM models",
    "SELECT * FROM baselines",
    "SELECT * FROM persona_history ORDER BY version",
];

/// Returns the rows as a table of partitions, dealt out in pieces of `n_rows`.
fn divided(rows: &RecordBatch, n_rows: usize, n_partitions: usize) -> DataFrame {
    let mut partitions = vec![Vec::new(); n_partitions];
    for (piece, start) in (0..rows.num_rows()).step_by(n_rows).enumerate() {
        partitions[piece * 7 % n_partitions].push(rows.slice(start, n_rows.min(rows.num_rows() - start)));
    }
    let config = SessionConfig::new().with_target_partitions(n_partitions).with_batch_size(n_rows);
    let table = MemTable::try_new(rows.schema(), partitions).unwrap();
    SessionContext::new_with_config(config).read_table(Arc::new(table)).unwrap()
}

fn bits(k_means: &KMeans) -> (Vec<u32>, Vec<usize>, u64, usize) {
    let centroids = k_means.centroids().values().iter().map(|value| value.to_bits()).collect();
    (centroids, k_means.sizes().to_vec(), k_means.inertia().to_bits(), k_means.n_iter())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn passes_through_the_query_engine_are_lloyds_refinement_in_memory(
        n_rows in 1_usize..400,
        n_partitions in 1_usize..6,
        moved in 0_usize..3,
    ) {
        let shop = drawn_shop();
        let features = shop.query("SELECT * FROM features");
        let definitions = &shop.engine.home().config().features;
        let population = population_of(&features, definitions, shop.as_of()).unwrap();
        let mut scoring = Arc::into_inner(shop.scoring()).unwrap();
        // From where the centroids rest there is little to refine.
        let drawn: Vec<usize> = (0..30 * moved).collect();
        if moved > 0 {
            let k_means = scoring.model.membership.k_means();
            let points = scoring.model.points(&population).unwrap().take(&drawn);
            let nearby = refinement(k_means.n_clusters()).fit_from(&points, k_means.centroids());
            if let Ok(nearby) = nearby {
                let params = throng_learn::MembershipParams { reach_share: 0.99 };
                let all = scoring.model.points(&population).unwrap();
                scoring.model.membership = params.fit(&nearby, &all).unwrap();
            }
        }
        let points = scoring.model.settling_points(&population).unwrap();
        let centroids = scoring.model.membership.k_means().centroids();
        let in_memory = refinement(centroids.n_rows()).fit_from(&points, centroids).unwrap();
        let frame = divided(&features, n_rows, n_partitions);
        let passed = settle(&Arc::new(scoring), &frame, &shop.engine.runtime).unwrap().unwrap();
        prop_assert_eq!(bits(&passed), bits(&in_memory));
    }
}

#[test]
fn everybody_has_the_memberships_that_the_model_gives_in_memory() {
    let shop = drawn_shop();
    assert_eq!(shop.found().memberships.rows().len(), N_DRAWN_MAX);
    let features = shop.query("SELECT * FROM features ORDER BY profile_id");
    let population = population_of(&features, &shop.engine.home().config().features, shop.as_of()).unwrap();
    let in_memory = membership_rows(&shop.found().model.memberships(&population).unwrap()).unwrap();
    let expected = arrow::util::pretty::pretty_format_batches(&[in_memory]).unwrap().to_string();
    assert_eq!(shop.text("SELECT * FROM memberships ORDER BY profile_id"), expected);
}

#[test]
fn one_thread_or_two_write_the_same() {
    let one = Shop::new(1, N_DRAWN_MAX);
    for query in WRITTEN {
        assert_eq!(one.text(query), drawn_shop().text(query), "{query}");
    }
}

#[test]
fn all_that_is_claimed_of_everybody_is_verified() {
    let shop = drawn_shop();
    let report = shop.engine.verify(&mut |_| {}).unwrap();
    assert!(report.agrees(), "{report:?}");
    let n_claims = shop.query("SELECT * FROM claims").num_rows();
    assert!(n_claims > 10);
    let of_claims: Vec<u64> = report.checks.iter().rev().take(2).map(|check| check.n_compared).collect();
    assert_eq!(of_claims, [n_claims as u64; 2]);
}

#[test]
fn sizes_and_claims_are_of_everybody() {
    let shop = drawn_shop();
    let book = shop.engine.persona_book().unwrap();
    assert_eq!((book.n_profiles, book.n_drawn), (N_CUSTOMERS, Some(N_DRAWN_MAX as u64)));
    let n_unassigned = book.n_unassigned().unwrap();
    let BookOutcome::Found(personas) = book.outcome else { panic!("refused") };
    let assigned: usize = personas.iter().map(|persona| shop.engine.members(&persona.id).unwrap().len()).sum();
    let sizes: u64 = personas.iter().map(|persona| persona.n_profiles).sum();
    assert_eq!((sizes, sizes + n_unassigned), (assigned as u64, N_CUSTOMERS));
    for persona in &personas {
        assert!(persona.claims[0].statement.contains("of 900 customers"), "{}", persona.claims[0].statement);
        assert_eq!(persona.claims[0].evidence.n_persona, persona.n_profiles);
    }
    let history = shop.engine.persona_history().unwrap();
    assert_eq!(history.entries()[0].n_profiles, N_CUSTOMERS);
}

#[test]
fn as_many_as_the_bound_are_looked_at_together() {
    let (at_bound, unbounded) = (Shop::new(2, 900), Shop::new(2, usize::MAX));
    assert_eq!(at_bound.engine.persona_book().unwrap().n_drawn, None);
    assert!(!at_bound.text("SELECT details FROM models").contains("n_drawn"));
    for query in WRITTEN {
        assert_eq!(at_bound.text(query), unbounded.text(query), "{query}");
    }
}

#[test]
fn the_same_customers_are_drawn_again_and_more_of_them_include_fewer() {
    let shop = drawn_shop();
    let as_of = shop.as_of();
    shop.engine.runtime.block_on(async {
        let context = session(&shop.engine.store, 2).await.unwrap();
        let mut fewer: Vec<String> = Vec::new();
        for n_max in [1, 100, 899] {
            let drawn = Drawn::of(&context, n_max).await.unwrap();
            let query = format!("SELECT profile_id FROM features WHERE {}", drawn.condition());
            let ids = Rows(&collect(&context, &query).await.unwrap()).words("profile_id").unwrap();
            assert_eq!(ids.len(), n_max);
            assert!(fewer.iter().all(|id| ids.contains(id)));
            let population = read_population(&context, &[], (as_of, None), drawn).await.unwrap();
            assert_eq!(population.profiles.len(), n_max);
            fewer = ids;
        }
        assert_eq!(Drawn::of(&context, 900).await.unwrap(), Drawn::Everybody);
    });
}

#[test]
fn personas_among_drawn_customers_are_known_again() {
    let mut shop = Shop::new(2, N_DRAWN_MAX);
    let before = WRITTEN.map(|query| shop.text(query));
    let again = shop.engine.discover(&request(), &mut |_| {}).unwrap();
    assert_eq!(again.lineage.n_events(LineageKind::Persisted), shop.found().personas.len());
    assert_eq!(again.lineage.steadiness.unwrap().n_comparable, N_DRAWN_MAX as u64);
    // The same discovery made again is no other entry of the history.
    assert_eq!(shop.text(WRITTEN[5]), before[5]);
    assert_eq!(shop.text(WRITTEN[2]), before[2]);
}
