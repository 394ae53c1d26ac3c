//! Orders that are put together, and rows that come too late.

use throng_event::{Calendar, Limits, PersonalData, Value};

use super::*;
use crate::table::row::Columns;
use crate::{Import, Mapping, Taken};

/// Ten orders of two rows each, the second rows after all first ones.
#[test]
fn a_row_of_a_closed_order_is_put_aside() {
    let limits = Limits {
        source: "shop".to_owned(),
        earliest: Instant(0),
        latest: Instant(i64::MAX),
        personal: PersonalData::default(),
    };
    let calendar = Calendar::utc();
    let import = Import { limits: &limits, calendar: &calendar, currency: None };
    let mapping =
        "[table]\nkind = \"track\"\nevent = \"Order Completed\"\nuser_id = \"u\"\ntime = \"t\"\norder = \"o\"\n";
    let mut plan = Plan::new(&Mapping::parse(mapping).unwrap(), import, &mut Columns::default()).unwrap();
    let row = crate::table::row::Row::default();
    let mut taken = Vec::new();
    let mut sink = |one| {
        taken.push(one);
        Ok(())
    };
    let mut intake = Intake::new(import, &mut sink);
    let mut orders = Orders::with_bounds(4, 1_000);
    for pass in 0..2 {
        for number in 0..10 {
            intake.next_row();
            let mut line = plan.line(&row);
            line.draft.user_id = Some("u".to_owned());
            line.draft.occurred_at = Some(Instant(pass));
            line.draft.properties.insert("pass", Value::Bool(pass == 1));
            line.order = Some(format!("order {number}"));
            orders.take(line, &plan, &mut intake, || format!("{pass} {number}")).unwrap();
        }
    }
    orders.finish(&plan, &mut intake).unwrap();
    let tally = intake.finish();
    // Orders 6 to 9 were open still, so their second rows found them.
    assert_eq!((tally.events, tally.rows_in_events, tally.rows_quarantined), (10, 14, 6));
    assert_eq!(tally.quarantined[&ProblemKind::LateLine], 6);
    let last = taken.iter().rev().find_map(|one| match one {
        Taken::Event { event, n_rows, .. } => {
            Some((event.occurred_at, *n_rows, event.properties.get("pass").cloned().unwrap()))
        }
        Taken::Quarantined(_) => None,
    });
    assert_eq!(last, Some((Instant(0), 2, Value::Bool(false))));
}

#[test]
fn an_order_of_the_most_rows_is_one_that_admission_takes() {
    let limits = Limits {
        source: "shop".to_owned(),
        earliest: Instant(0),
        latest: Instant(i64::MAX),
        personal: PersonalData::default(),
    };
    let draft = Draft {
        kind: Some(throng_event::EventKind::Track),
        name: Some("Order Completed".to_owned()),
        user_id: Some("u".to_owned()),
        occurred_at: Some(Instant(1)),
        products: vec![ProductLine::default(); ROWS_MAX],
        ..Draft::default()
    };
    assert!(matches!(admit(draft, &limits), Admission::Admitted(..)));
}
