//! Proposed links: what the probabilistic linker is given, and where its answer is kept.

use std::collections::BTreeMap;

use throng_event::IdentityKind;
use throng_profile::{LinkageModel, ProfileId, ProposedLink, Record, RecordField, RecordSet, Traits, WeightReason};

use crate::derive::read_traits;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::people::People;
use crate::rows::{batch, numbers, texts};
use crate::tables::IDENTITY_PROPOSALS;

/// What the linker found.
#[derive(Debug, Clone)]
pub struct LinkageReport {
    /// Profiles that say enough about themselves to be compared.
    pub n_records: u64,
    /// Pairs that were compared.
    pub n_candidates: u64,
    /// Groups of records that are too large to compare, by rule in words.
    pub skipped: Vec<(&'static str, u64)>,
    /// The links proposed, the most probable first.
    pub proposals: Vec<ProposedLink>,
}

/// Names of traits that say something a person is recognised by, without case and
/// punctuation, the most exact first.
const TRAITS: [(RecordField, &[&str]); 11] = [
    (RecordField::Name, &["name", "fullname", "displayname"]),
    (RecordField::GivenName, &["firstname", "givenname"]),
    (RecordField::FamilyName, &["lastname", "familyname", "surname"]),
    (RecordField::Email, &["email", "emailaddress", "mail"]),
    (RecordField::Phone, &["phone", "phonenumber", "mobile", "telephone"]),
    (RecordField::Street, &["street", "addressstreet", "address1", "addressline1"]),
    (RecordField::PostalCode, &["postalcode", "zip", "zipcode", "postcode", "addresspostalcode", "addresszip"]),
    (RecordField::City, &["city", "addresscity"]),
    (RecordField::Country, &["country", "addresscountry", "countrycode"]),
    (RecordField::BirthDate, &["birthday", "birthdate", "dateofbirth"]),
    (RecordField::Company, &["company", "companyname", "employer"]),
];

/// Returns what is known of every profile that states anything it is recognised by.
fn records(people: &People, traits: &BTreeMap<u32, Traits>) -> Vec<Record> {
    let mut records = Vec::with_capacity(traits.len());
    for (number, traits) in traits {
        let mut plain: BTreeMap<String, String> = BTreeMap::new();
        for (name, stated) in traits.iter() {
            let name = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
            plain.entry(name).or_insert_with(|| stated.value.to_string());
        }
        let stated = TRAITS.iter().filter_map(|(field, names)| {
            names.iter().find_map(|name| plain.get(*name)).map(|value| (*field, value.clone()))
        });
        let mut fields: BTreeMap<RecordField, String> = stated.collect();
        for identity in people.resolution.identities(*number) {
            let field = match identity.kind {
                IdentityKind::Email => RecordField::Email,
                IdentityKind::Phone => RecordField::Phone,
                IdentityKind::Device => RecordField::Device,
                IdentityKind::UserId | IdentityKind::External | IdentityKind::AnonymousId => continue,
            };
            fields.entry(field).or_insert(identity.value);
        }
        if !fields.is_empty() {
            records.push(Record { id: people.resolution.profile_id(*number), fields });
        }
    }
    records
}

impl Engine {
    /// Looks for profiles that may be one person by what they state about themselves,
    /// and keeps the pairs at least so probable in `identity_proposals`.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events.
    pub fn identity_propose(&mut self, probability_min: f64) -> Result<LinkageReport, EngineError> {
        let _lock = self.home.lock()?;
        let seed = self.home.config().seed;
        self.runtime.block_on(async {
            let view = self.view().await?;
            let as_of = self.as_of(&view, None).await?;
            let traits = read_traits(&view.context, &view.people, as_of).await?;
            let records = RecordSet::new(records(&view.people, &traits));
            let model = LinkageModel::fit(&records, seed);
            let mut proposals = model.propose(&records, probability_min);
            proposals
                .sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| (&a.a, &a.b).cmp(&(&b.a, &b.b))));
            let id = |of: fn(&ProposedLink) -> &ProfileId| texts(proposals.iter().map(|link| Some(of(link).as_str())));
            let rows = batch(vec![
                ("a", id(|link| &link.a)),
                ("b", id(|link| &link.b)),
                ("probability", numbers(proposals.iter().map(|link| Some(link.probability)))),
                ("why", texts(proposals.iter().map(|link| Some(weights_in_words(link))))),
            ]);
            let rows = rows.map_err(|error| EngineError::table("write", IDENTITY_PROPOSALS, error))?;
            self.store.replace(IDENTITY_PROPOSALS, vec![rows]).await?;
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            Ok(LinkageReport {
                n_records: count(records.ids().len()),
                n_candidates: model.n_candidates,
                skipped: model.skipped.iter().map(|skipped| (skipped.rule.as_str(), skipped.n_blocks)).collect(),
                proposals,
            })
        })
    }
}

/// Returns the waterfall of a proposed link: what weighs for it and against it, in bits.
#[must_use]
pub fn weights_in_words(link: &ProposedLink) -> String {
    let words = link.weights.iter().map(|weight| {
        let reason = match weight.reason {
            WeightReason::Prior => "two at random".to_owned(),
            WeightReason::Comparison(comparison, level) => format!("{} {}", comparison.as_str(), level.as_str()),
            WeightReason::Frequency(comparison) => format!("{} is frequent or rare", comparison.as_str()),
            WeightReason::Household => "may only share a household".to_owned(),
        };
        format!("{reason} {:+.1}", weight.bits)
    });
    words.collect::<Vec<_>>().join(", ")
}
