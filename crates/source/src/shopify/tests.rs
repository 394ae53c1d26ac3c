//! Orders as shops export them, and as they should not.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::rows::shown;
use crate::shown::Reader;

const HEADER: &str = "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,\
    Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,\
    Lineitem price,Lineitem sku,Lineitem discount,Billing Name,Billing Company,Billing City,Billing Zip,\
    Billing Country,Shipping City,Cancelled at,Payment Method,Refunded Amount,Vendor,Id,Tags,Source,Phone\n";
const FIRST: &str = "#1001,ann@example.com,paid,2025-10-07 09:50:28 +0200,fulfilled,2025-10-08 12:00:00 +0200,yes,EUR,\
    40.00,4.90,7.17,44.90,HELLO,5.00,2025-10-07 09:50:26 +0200,2,Mug - Blue,20.00,MUG-B,0.00,Ann Smith,Acme,Berlin,\
    '10115,DE,Hamburg,,Shopify Payments,0.00,Potters,6001,\"vip, gift\",web,'+49301234567\n";
const SECOND: &str =
    "#1001,ann@example.com,,,,,,,,,,,,,2025-10-07 09:50:26 +0200,1,Card,5.00,,5.00,,,,,,,,,,Paper Ltd,,,,\n";

const READER: Reader = |input, import, sink| read_shopify_orders(input, import, sink);

fn check(input: &str, expected: &Expect) {
    expected.assert_eq(&shown::show(READER, input));
}

#[test]
fn the_rows_of_an_order_become_its_events() {
    check(
        &format!("{HEADER}{FIRST}{SECOND}"),
        &expect![[r#"
            track "Order Completed" at 2025-10-07T07:50:26Z (shopify/test/6001#completed)
              anonymous e:ann@example.com
              channel web
              id e:ann@example.com
              id p:+49301234567
              context location.city = Hamburg
              context location.country = DE
              property coupon = HELLO
              property discount = 5
              property financial_status = paid
              property fulfillment_status = fulfilled
              property order_id = 6001
              property order_name = #1001
              property payment_method = Shopify Payments
              property shipping = 4.9
              property source = web
              property subtotal = 40
              property tags = vip, gift
              property tax = 7.17
              property total = 44.9
              trait accepts_marketing = true
              trait city = Berlin
              trait company = Acme
              trait country = DE
              trait email = ann@example.com
              trait name = Ann Smith
              trait phone = +49301234567
              trait postal_code = 10115
              money 4490 EUR
              product MUG-B Some("Mug - Blue") × 2 = 4000 (off 0)
              product Card Some("Card") × 1 = 0 (off 500)
            of 2 rows
            track "Order Fulfilled" at 2025-10-08T10:00:00Z (shopify/test/6001#fulfilled)
              anonymous e:ann@example.com
              id e:ann@example.com
              id p:+49301234567
              property order_id = 6001
            of 0 rows
        "#]],
    );
}

#[test]
fn a_cancelled_order_is_refunded_when_it_was_cancelled() {
    let row = "#1002,b@example.com,refunded,,,,no,USD,10,0,0,10.00,,,2025-01-01 00:00:00 +0000,1,Mug,10.00,M,,,,,,,,\
        2025-01-02 00:00:00 +0000,,10.00,,,,pos,\n";
    check(
        &format!("{HEADER}{row}"),
        &expect![[r#"
            track "Order Completed" at 2025-01-01T00:00:00Z (shopify/test/#1002#completed)
              anonymous e:b@example.com
              channel store
              id e:b@example.com
              property financial_status = refunded
              property order_id = #1002
              property order_name = #1002
              property shipping = 0
              property source = pos
              property subtotal = 10
              property tax = 0
              property total = 10
              trait accepts_marketing = false
              trait email = b@example.com
              money 1000 USD
              product M Some("Mug") × 1 = 1000 (off ?)
            track "Order Cancelled" at 2025-01-02T00:00:00Z (shopify/test/#1002#cancelled)
              anonymous e:b@example.com
              id e:b@example.com
              property order_id = #1002
            of 0 rows
            track "Order Refunded" at 2025-01-02T00:00:00Z (shopify/test/#1002#refunded)
              anonymous e:b@example.com
              id e:b@example.com
              property order_id = #1002
              money -1000 USD
            of 0 rows
        "#]],
    );
}

#[test]
fn an_order_that_was_never_paid_carries_no_money() {
    let row = "#1003,b@example.com,voided,,,,no,USD,10,0,0,10.00,,,2025-01-01 00:00:00 +0000,1,Mug,10.00,M,,,,,,,,\
        2025-01-02 00:00:00 +0000,,,,,,,\n";
    check(
        &format!("{HEADER}{row}"),
        &expect![[r#"
        track "Order Completed" at 2025-01-01T00:00:00Z (shopify/test/#1003#completed)
          anonymous e:b@example.com
          id e:b@example.com
          property financial_status = voided
          property order_id = #1003
          property order_name = #1003
          property shipping = 0
          property subtotal = 10
          property tax = 0
          property total = 10
          trait accepts_marketing = false
          trait email = b@example.com
          product M Some("Mug") × 1 = 1000 (off ?)
        track "Order Cancelled" at 2025-01-02T00:00:00Z (shopify/test/#1003#cancelled)
          anonymous e:b@example.com
          id e:b@example.com
          property order_id = #1003
        of 0 rows
    "#]],
    );
}

#[test]
fn an_order_that_was_refused_takes_its_rows_along() {
    let nobody = FIRST.replace("ann@example.com", "").replace("'+49301234567", "");
    let second = SECOND.replace("2025-10-07", "2025-10-09");
    let (first, again) = shown::twice(READER, &format!("{HEADER}{nobody}{second}"));
    assert_eq!((first.rows_read, first.rows_quarantined, first.events), (2, 2, 0));
    assert_eq!((again.rows_read, again.rows_quarantined), (2, 2));
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let row = "#1004,b@example.com,paid,,,soon,no,Euro,ten,,,x,,,2025-01-01 00:00:00 +0000,many,Mug,10.00,M,,,,,,,,,,,,\
        ,,,\n,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n#1005,b@example.com,,,,,,,,,,,,,never,,,,,,,,,,,,,,,,,,,\n";
    check(
        &format!("{HEADER}{row}"),
        &expect![[r##"
        row 2: unreadable: a line item without the name of its order <- {"Name":null,"Email":null,"Financial Status":null,"Paid at":null,"Fulfillment Status":null,"Fulfilled at":null,"Accepts Marketing":null,"Currency":null,"Subtotal":null,"Shipping":null,"Taxes":null,"Total":null,"Discount Code":null,"Discount Amount":null,"Created at":null,"Lineitem quantity":null,"Lineitem name":null,"Lineitem price":null,"Lineitem sku":null,"Lineitem discount":null,"Billing Name":null,"Billing Company":null,"Billing City":null,"Billing Zip":null,"Billing Country":null,"Shipping City":null,"Cancelled at":null,"Payment Method":null,"Refunded Amount":null,"Vendor":null,"Id":null,"Tags":null,"Source":null,"Phone":null}
        row 3: invalid-time: Created at: never <- {"Name":"#1005","Email":"b@example.com","Financial Status":null,"Paid at":null,"Fulfillment Status":null,"Fulfilled at":null,"Accepts Marketing":null,"Currency":null,"Subtotal":null,"Shipping":null,"Taxes":null,"Total":null,"Discount Code":null,"Discount Amount":null,"Created at":"never","Lineitem quantity":null,"Lineitem name":null,"Lineitem price":null,"Lineitem sku":null,"Lineitem discount":null,"Billing Name":null,"Billing Company":null,"Billing City":null,"Billing Zip":null,"Billing Country":null,"Shipping City":null,"Cancelled at":null,"Payment Method":null,"Refunded Amount":null,"Vendor":null,"Id":null,"Tags":null,"Source":null,"Phone":null}
        track "Order Completed" at 2025-01-01T00:00:00Z (shopify/test/#1004#completed)
          anonymous e:b@example.com
          id e:b@example.com
          property financial_status = paid
          property order_id = #1004
          property order_name = #1004
          trait accepts_marketing = false
          trait email = b@example.com
          product M Some("Mug") × 1 = ? (off ?)
        mended invalid-time: Fulfilled at: soon
        mended invalid-number: Subtotal: ten
        mended invalid-currency: Euro
        mended invalid-number: Total: x
        mended invalid-number: Lineitem quantity: many
    "##]],
    );
}

const ORDER: &str = r##"{"id":6001,"name":"#1001","email":"ann@example.com","processed_at":"2025-10-07T09:50:26+02:00",
"created_at":"2025-10-07T09:50:20+02:00","cancelled_at":null,"financial_status":"partially_refunded",
"fulfillment_status":"fulfilled","currency":"EUR","subtotal_price":"40.00","total_price":"44.90","total_discounts":"5.00",
"total_tax":"7.17","discount_codes":[{"code":"HELLO","amount":"5.00"}],"payment_gateway_names":["shopify_payments"],
"source_name":"web","landing_site":"/?utm_source=news%20letter&utm_medium=email","referring_site":"https://example.org/",
"buyer_accepts_marketing":true,"tags":"vip, gift",
"customer":{"id":77,"email":"ann@example.com","first_name":"Ann","last_name":"Smith","orders_count":9},
"billing_address":{"city":"Berlin","country_code":"DE","phone":"+49301234567","company":"Acme","zip":"10115"},
"line_items":[{"id":1,"product_id":11,"sku":"MUG-B","title":"Mug","name":"Mug - Blue","quantity":2,"price":"20.00",
"vendor":"Potters","discount_allocations":[{"amount":"1.50"},{"amount":"0.50"}]},
{"id":2,"product_id":12,"sku":"","title":"Card","quantity":1,"price":"5.00","total_discount":"5.00"}],
"fulfillments":[{"status":"success","created_at":"2025-10-08T10:00:00Z"}],
"refunds":[{"id":1,"created_at":"2025-10-09T10:00:00Z","transactions":[{"kind":"refund","status":"success","amount":"10.00","currency":"EUR"}],
"refund_line_items":[{"quantity":1,"subtotal":10.00,"total_tax":1.6,"line_item":{"sku":"MUG-B","title":"Mug"}}]},
{"id":2,"created_at":"2025-10-10T10:00:00Z","transactions":[],"refund_line_items":[]},
{"id":3,"created_at":"2025-10-11T10:00:00Z","transactions":[{"kind":"refund","status":"failure","amount":"99"}],
"refund_line_items":[{"quantity":1,"subtotal":"2.50","total_tax":"0.50"}]}]}"##;

#[test]
fn an_order_of_the_api_becomes_its_events() {
    check(
        &ORDER.replace('\n', ""),
        &expect![[r#"
            track "Order Completed" at 2025-10-07T07:50:26Z (shopify/test/6001#completed)
              user 77
              channel web
              id e:ann@example.com
              id p:+49301234567
              context campaign.medium = email
              context campaign.source = news letter
              context location.city = Berlin
              context location.country = DE
              context page.referrer = https://example.org/
              context page.url = /?utm_source=news%20letter&utm_medium=email
              property coupon = HELLO
              property discount = 5
              property financial_status = partially_refunded
              property fulfillment_status = fulfilled
              property order_id = 6001
              property order_name = #1001
              property payment_method = shopify_payments
              property source = web
              property subtotal = 40
              property tags = vip, gift
              property tax = 7.17
              property total = 44.9
              trait accepts_marketing = true
              trait city = Berlin
              trait company = Acme
              trait country = DE
              trait email = ann@example.com
              trait name = Ann Smith
              trait phone = +49301234567
              trait postal_code = 10115
              money 4490 EUR
              product MUG-B Some("Mug - Blue") × 2 = 3800 (off 200)
              product 12 Some("Card") × 1 = 0 (off 500)
            track "Order Fulfilled" at 2025-10-08T10:00:00Z (shopify/test/6001#fulfilled)
              user 77
              id e:ann@example.com
              id p:+49301234567
              property order_id = 6001
            of 0 rows
            track "Order Refunded" at 2025-10-09T10:00:00Z (shopify/test/6001#refunded)
              user 77
              id e:ann@example.com
              id p:+49301234567
              property order_id = 6001
              money -1000 EUR
              product MUG-B Some("Mug") × -1 = -1000 (off ?)
            of 0 rows
            track "Order Refunded" at 2025-10-11T10:00:00Z (shopify/test/6001#refunded/2)
              user 77
              id e:ann@example.com
              id p:+49301234567
              property order_id = 6001
              money -300 EUR
            of 0 rows
        "#]],
    );
}

#[test]
fn orders_are_found_in_pages_lists_lines_and_webhooks() {
    let order = ORDER.replace('\n', "");
    for input in [
        format!("{{\"orders\":[{order},{order}]}}"),
        format!("\u{feff} {{ \"orders\" : [\n{order},\n{order} ]\n}}\n"),
        format!("{{\"orders\":[{order}]}}\n{{\"orders\":[{order}]}}\n"),
        format!("[{order},{order}]"),
        format!("{order}\n{order}\n"),
        format!("{{\"order\":{order}}}\n{{\"order\":{order}}}"),
        [order.replacen('{', "{\n", 1), order.clone()].join("\n"),
    ] {
        let (taken, tally) = shown::take(READER, input.as_bytes()).unwrap();
        assert_eq!((tally.rows_read, tally.rows_in_events, tally.events), (2, 2, 8), "{input}: {taken:?}");
    }
}

#[test]
fn an_order_is_the_same_event_in_both_forms() {
    let ids = |input: &str| -> Vec<String> {
        let ids = shown::take(READER, input.as_bytes()).unwrap().0.into_iter().filter_map(|taken| match taken {
            Taken::Event { event, .. } => Some(event.id.to_string()),
            Taken::Quarantined(_) => None,
        });
        ids.take(2).collect()
    };
    assert_eq!(ids(&ORDER.replace('\n', "")), ids(&format!("{HEADER}{FIRST}")));
}

#[test]
fn what_is_no_order_is_put_aside() {
    check(
        "{\"id\":1,\"created_at\":\"2024-01-01T00:00:00Z\"}\n{\"id\":2,\"email\":\"a@b.de\",\"created_at\":\"later\",\"cancelled_at\":\"2024-01-01\"}\n{\"created_at\":\"2024-01-01\",\"email\":\"a@b.de\"}\n7\n{\"id\":\n",
        &expect![[r#"
            row 1: missing-identity: neither a user id nor an anonymous id <- {"id":1,"created_at":"2024-01-01T00:00:00Z"}
            row 2: invalid-time: later <- {"id":2,"email":"a@b.de","created_at":"later","cancelled_at":"2024-01-01"}
            row 3: unreadable: an order with neither id nor name <- {"created_at":"2024-01-01","email":"a@b.de"}
            row 4: unreadable: the record is no JSON object <- 7
            row 5: unreadable: EOF while parsing a value at line 1 column 6 <- {"id":
        "#]],
    );
}

#[test]
fn orders_are_recognised_and_other_tables_are_not() {
    let of = |text: &str| recognise(&Head::read(text.as_bytes()).unwrap()).is_some();
    let long = format!("{{\"orders\":[{},{}", ORDER, "x".repeat(1 << 18));
    let (page, webhook) = (format!("{{\"orders\":[{ORDER}]}}"), format!("{{\"order\":{ORDER}}}"));
    for text in [HEADER, ORDER, &format!("[{ORDER}]"), &page, &webhook, &long] {
        assert!(of(text), "{text}");
    }
    for text in ["Name,Email,Total\n", "{\"orders\":[]}", "{\"orders\":[{\"id\":1}]}", "{\"id\":1}", ""] {
        assert!(!of(text), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_add_up(cells in prop::collection::vec(prop::collection::vec("[#a1, .\"@\n-]{0,6}|2024-01-01|a@b.de|#1", 34), 0..6)) {
        let rows: String = cells.iter().map(|cells| cells.join(",") + "\n").collect();
        let tally = shown::take(READER, format!("{HEADER}{rows}").as_bytes()).unwrap().1;
        prop_assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
    }

    #[test]
    fn any_order_adds_up(at in 0_usize..3_000, cut in 0_usize..40, text in "[\\[\\]{}\":,a0-]{0,4}") {
        let mut order = ORDER.to_owned();
        let at = at.min(order.len());
        order.replace_range(at..(at + cut).min(order.len()), &text);
        let tally = shown::take(READER, order.as_bytes()).unwrap().1;
        prop_assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
    }
}
