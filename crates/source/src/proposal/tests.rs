//! Proposals for small tables; those for real ones are in `tests/it.rs`.

use expect_test::{Expect, expect};

use super::*;
use crate::sample_table;

const TODAY: Day = Day(20_000);

fn check(table: &str, expected: &Expect) {
    let sample = sample_table(table.as_bytes()).unwrap();
    let shown = match propose_mapping(&sample, TODAY) {
        Ok(proposal) => {
            let text = proposal.to_toml("a table");
            assert_eq!(Mapping::parse(&text).unwrap(), proposal.mapping);
            text
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn orders_of_a_german_shop_are_recognised() {
    check(
        "Bestellnummer;Bestelldatum;Kundennummer;Artikelnummer;Bezeichnung;Menge;Einzelpreis;Währung\n\
         1001;31.12.2023 10:00;501;A-1;Tasse;2;3,50;EUR\n\
         1001;31.12.2023 10:00;501;A-2;Teller;1;7,25;EUR\n\
         1002;02.01.2024 11:30;502;A-1;Tasse;1;3,50;EUR\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = "Order Completed"
            user_id = "Kundennummer"
            time = "Bestelldatum"
            order = "Bestellnummer"
            refund = "Order Refunded"
            currency = { column = "Währung" }
            decimal = ","

            [table.product]
            id = "Artikelnummer"
            name = "Bezeichnung"
            quantity = "Menge"
            price = "Einzelpreis"
        "##]],
    );
}

#[test]
fn days_before_months_are_recognised() {
    check(
        "email,when,action\na@x.org,01/02/2024 10:00,open\na@x.org,13/02/2024 10:00,click\nb@x.org,02/03/2024 09:00,open\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = { column = "action" }
            user_id = "email"
            time = "when"
            time_format = "%d/%m/%Y %H:%M"
        "##]],
    );
}

#[test]
fn a_total_of_the_order_counts_once() {
    check(
        "order_id,customer_id,created_at,sku,total\n1,a,2024-01-01T00:00:00Z,x,12.50\n1,a,2024-01-01T00:00:00Z,y,12.50\n2,b,2024-01-02T00:00:00Z,x,3.00\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = "Order Completed"
            user_id = "customer_id"
            time = "created_at"
            order = "order_id"
            refund = "Order Refunded"
            # unsure: no column names a currency; check that the amounts are in it
            currency = "USD"

            [table.product]
            id = "sku"

            # unsure: "total" is the same in all rows of an order, so it counts once
            [table.amount]
            column = "total"
            unit = "major"
            per = "order"
        "##]],
    );
}

#[test]
fn a_table_without_people_or_times_is_refused() {
    check(
        "text,category\nhello,a\nworld,b\n",
        &expect![[
            r#"no mapping can be proposed: the table lacks a column that tells people apart (customer, user, visitor, e-mail, case) and a column that says when it happened (a date or a time); its columns are "text", "category""#
        ]],
    );
    check(
        "customer_id,colour\n1,red\n2,blue\n",
        &expect![[
            r#"no mapping can be proposed: the table lacks a column that says when it happened (a date or a time); its columns are "customer_id", "colour""#
        ]],
    );
    check(
        "VisitorType,date\nnew,2024-01-01\nnew,2024-01-02\n",
        &expect![[
            r#"no mapping can be proposed: the table lacks a column that tells people apart (customer, user, visitor, e-mail, case); its columns are "VisitorType", "date""#
        ]],
    );
}
