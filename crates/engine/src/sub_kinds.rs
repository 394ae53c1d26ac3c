//! The kinds within personas, written to tables and read back.
//!
//! `sub_kinds` and `sub_kind_claims` have the columns of `personas` and `claims`; `sub_kind_members`
//! says who of a persona is of which kind, those of none included, for their claims compare with them.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_persona::{Membership, Memberships, Opened, Persona, PersonaId, Teller};
use throng_profile::ProfileId;

use crate::book::{PersonaBook, claim_rows, persona_rows, read_claims, read_personas};
use crate::context::collect;
use crate::error::EngineError;
use crate::rows::{Rows, batch, texts};
use crate::store::Store;
use crate::tables::{SUB_KIND_CLAIMS, SUB_KIND_MEMBERS, SUB_KINDS};

/// Replaces the sub-kinds that are stored.
pub(crate) async fn write_sub_kinds(store: &Store, opened: &[Opened]) -> Result<(), EngineError> {
    let kinds: Vec<Persona> = opened.iter().flat_map(|opened| opened.kinds.clone()).collect();
    let tables =
        [(SUB_KINDS, persona_rows(&kinds)), (SUB_KIND_CLAIMS, claim_rows(&kinds)), (SUB_KIND_MEMBERS, members(opened))];
    for (table, rows) in tables {
        let rows = rows.map_err(|error| EngineError::table("write", table, error))?;
        store.replace(table, vec![rows]).await?;
    }
    Ok(())
}

fn members(opened: &[Opened]) -> Result<RecordBatch, ArrowError> {
    let rows = || opened.iter().flat_map(|opened| opened.memberships.rows().iter().map(move |row| (opened, row)));
    let kind = |(opened, row): (&Opened, &Membership)| {
        row.assigned.map(|idx| opened.memberships.personas()[idx].as_str().to_owned())
    };
    batch(vec![
        ("profile_id", texts(rows().map(|(_, row)| Some(row.profile.as_str())))),
        ("within", texts(rows().map(|(opened, _)| Some(opened.persona.as_str())))),
        ("persona_id", texts(rows().map(kind))),
    ])
}

/// Reads the sub-kinds of all personas, the largest first; none where they were not looked for.
pub(crate) async fn read_sub_kinds(context: &SessionContext) -> Result<Vec<Persona>, EngineError> {
    if !context.table_exist(SUB_KINDS).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let claims = read_claims(&collect(context, "SELECT * FROM sub_kind_claims ORDER BY position").await?)?;
    read_personas(&collect(context, "SELECT * FROM sub_kinds").await?, claims)
}

/// Reads which customers of each persona are of which of its kinds.
pub(crate) async fn read_opened(context: &SessionContext, book: &PersonaBook) -> Result<Vec<Opened>, EngineError> {
    if book.sub_kinds.is_empty() {
        return Ok(Vec::new());
    }
    let rows = collect(context, "SELECT * FROM sub_kind_members ORDER BY profile_id").await?;
    let rows = Rows(&rows);
    let read = |error| EngineError::table("read", SUB_KIND_MEMBERS, error);
    let (profiles, within) = (rows.words("profile_id").map_err(read)?, rows.words("within").map_err(read)?);
    let assigned = rows.texts("persona_id").map_err(read)?;
    let mut opened = Vec::new();
    let parents: BTreeSet<PersonaId> = book.sub_kinds.iter().filter_map(|kind| kind.id.parent()).collect();
    for persona in parents {
        let kinds: Vec<Persona> = book.kinds_within(&persona).cloned().collect();
        let ids: Vec<PersonaId> = kinds.iter().map(|kind| kind.id.clone()).collect();
        let own = (0..profiles.len()).filter(|row| within[*row] == persona.as_str());
        let members = own.filter_map(|row| member(&profiles[row], assigned[row].as_deref(), &ids));
        let memberships = Memberships::new(ids.clone(), members.collect())?;
        opened.push(Opened { persona, kinds, memberships });
    }
    Ok(opened)
}

/// Returns a stored member, who is wholly of the kind it counts for.
fn member(profile: &str, assigned: Option<&str>, ids: &[PersonaId]) -> Option<Membership> {
    let assigned = assigned.and_then(|kind| ids.iter().position(|id| id.as_str() == kind));
    let share = |idx: usize| f64::from(u8::from(assigned == Some(idx)));
    Some(Membership {
        profile: ProfileId::parse(profile)?,
        shares: (0..ids.len()).map(share).collect(),
        unassigned: f64::from(u8::from(assigned.is_none())),
        assigned,
        by: Teller::Mixture,
    })
}
