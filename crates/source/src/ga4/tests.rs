//! Rows of the export as it documents them, and as they should not be.

use std::io::Cursor;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::analytics::tests::{check_taken, check_tally, ids, objects, read};

fn events(input: &str) -> Vec<Taken> {
    read(|import, sink| read_ga4(input.as_bytes(), import, sink)).0
}

fn check(input: &str, expected: &Expect) {
    check_taken(&events(input), expected);
}

/// The published sample (`ga4_obfuscated_sample_ecommerce`), shortened nowhere.
const SAMPLE: &str = r#"{"event_date":"20210128","event_timestamp":"1611798022695757","event_name":"page_view","event_params":[{"key":"page_location","value":{"string_value":"https://shop.googlemerchandisestore.com/payment.html"}},{"key":"debug_mode","value":{"int_value":"1"}},{"key":"page_referrer","value":{"string_value":"https://shop.googlemerchandisestore.com/payment.html?"}},{"key":"session_engaged","value":{"string_value":"1"}},{"key":"page_title","value":{"string_value":"Payment Method"}},{"key":"engagement_time_msec","value":{"int_value":"7"}},{"key":"engaged_session_event","value":{"int_value":"1"}},{"key":"ga_session_id","value":{"int_value":"3599645542"}},{"key":"ga_session_number","value":{"int_value":"1"}}],"event_bundle_sequence_id":"7658063987","user_pseudo_id":"1146540.1921992520","privacy_info":{"uses_transient_token":"No"},"user_properties":[],"user_first_touch_timestamp":"1611797439727581","user_ltv":{"revenue":0,"currency":"USD"},"device":{"category":"desktop","mobile_brand_name":"Google","mobile_model_name":"Chrome","mobile_marketing_name":"<Other>","operating_system":"Web","operating_system_version":"10","language":"en-us","is_limited_ad_tracking":"No","web_info":{"browser":"Chrome","browser_version":"86.0"}},"geo":{"continent":"Americas","sub_continent":"Northern America","country":"United States","region":"Florida","city":"(not set)","metro":"(not set)"},"traffic_source":{"medium":"(none)","name":"(direct)","source":"(direct)"},"stream_id":"2100450278","platform":"WEB","ecommerce":{},"items":[]}"#;

#[test]
fn every_field_of_the_sample_has_its_place() {
    check(
        SAMPLE,
        &expect![[r#"
        page "Page Viewed" at 2021-01-28T01:40:22.695757Z
        anonymous 1146540.1921992520
        channel web
        context browser.name = Chrome
        context browser.version = 86.0
        context consent.uses_transient_token = No
        context device.limited_ad_tracking = No
        context device.manufacturer = Google
        context device.model = Chrome
        context device.name = <Other>
        context device.type = desktop
        context first_touch.medium = (none)
        context first_touch.name = (direct)
        context first_touch.source = (direct)
        context locale = en-us
        context location.continent = Americas
        context location.country = United States
        context location.region = Florida
        context location.sub_continent = Northern America
        context os.name = Web
        context os.version = 10
        context page.referrer = https://shop.googlemerchandisestore.com/payment.html?
        context page.title = Payment Method
        context page.url = https://shop.googlemerchandisestore.com/payment.html
        context platform = WEB
        context stream_id = 2100450278
        property debug_mode = 1
        property engaged_session_event = 1
        property engagement_time_msec = 7
        property event_date = 20210128
        property ga_session_id = 3599645542
        property ga_session_number = 1
        property session_engaged = 1
        trait first_touch_at = 2021-01-28T01:30:39.727581Z
        trait user_ltv.currency = USD
        trait user_ltv.revenue = 0
    "#]],
    );
}

/// A purchase with every column that concerns it.
const PURCHASE: &str = r#"{"event_name":"purchase","event_timestamp":"1611798022695757","event_previous_timestamp":"1611798000000000","event_value_in_usd":30.5,"event_bundle_sequence_id":"1","batch_event_index":"2","batch_page_id":"3","batch_ordering_id":"4","event_server_timestamp_offset":"17","user_id":"u7","user_pseudo_id":"1.2","is_active_user":true,"platform":"ANDROID","event_params":[{"key":"currency","value":{"string_value":"EUR","int_value":null}},{"key":"value","value":{"double_value":25.5}},{"key":"transaction_id","value":{"string_value":"T1"}},{"key":"campaign","value":{"string_value":"old"}}],"user_properties":[{"key":"tier","value":{"string_value":"gold","set_timestamp_micros":"1611798022000000"}}],"privacy_info":{"analytics_storage":"Yes","ads_storage":"No"},"device":{"vendor_id":"v-1","advertising_id":"00000000-0000-0000-0000-000000000000"},"app_info":{"id":"com.shop","version":"1.2","install_source":"play"},"collected_traffic_source":{"manual_campaign_name":"spring","manual_source":"news","gclid":"g1"},"session_traffic_source_last_click":{"manual_campaign":{"source":"mail"}},"event_dimensions":{"hostname":"shop.example"},"ecommerce":{"total_item_quantity":"3","purchase_revenue":25.5,"purchase_revenue_in_usd":30.5,"shipping_value":4,"tax_value":1.5,"unique_items":"2","transaction_id":"T1"},"items":[{"item_id":"p1","item_name":"Mug","item_brand":"Shop","item_variant":"blue","item_category":"Kitchen","item_category2":"Cups","price":5.25,"quantity":"2","item_revenue":10.5,"coupon":"(not set)"},{"item_id":"(not set)","item_name":"Hat","price":15,"quantity":"1"}]}"#;

#[test]
fn a_purchase_carries_money_products_and_where_it_came_from() {
    check(
        PURCHASE,
        &expect![[r#"
        track "Order Completed" at 2021-01-28T01:40:22.695757Z
        user u7
        anonymous 1.2
        channel app
        id d:v-1
        context app.install_source = play
        context app.namespace = com.shop
        context app.version = 1.2
        context campaign.gclid = g1
        context campaign.name = spring
        context campaign.source = news
        context consent.ads_storage = No
        context consent.analytics_storage = Yes
        context device.id = v-1
        context page.hostname = shop.example
        context platform = ANDROID
        context session_source.manual_campaign.source = mail
        context traits_set_at.tier = 2021-01-28T01:40:22Z
        property currency = EUR
        property event_previous_timestamp = 2021-01-28T01:40:00Z
        property event_server_timestamp_offset = 17
        property event_value_in_usd = 30.5
        property is_active_user = true
        property items = [{"item_category2":"Cups","item_id":"p1","item_variant":"blue"}]
        property order_id = T1
        property purchase_revenue = 25.5
        property purchase_revenue_in_usd = 30.5
        property shipping = 4
        property tax = 1.5
        property total_item_quantity = 3
        property unique_items = 2
        property value = 25.5
        trait tier = gold
        money 2550 EUR
        product p1, Mug, Kitchen, Shop × 2 = 1050
        product Hat, Hat × 1 = 1500
    "#]],
    );
}

#[test]
fn amounts_without_a_currency_are_taken_in_us_dollars() {
    check(
        r#"{"event_name":"purchase","event_timestamp":1611798022695757,"user_pseudo_id":"1.2","ecommerce":{"purchase_revenue":20,"purchase_revenue_in_usd":22,"transaction_id":"(not set)"},"items":[{"item_id":"p1","price":20,"price_in_usd":22}]}
{"event_name":"refund","event_timestamp":1611798022695757,"user_pseudo_id":"1.2","ecommerce":{"refund_value_in_usd":22},"items":[{"item_id":"p1","item_refund_in_usd":22,"price_in_usd":22,"quantity":1}]}
{"event_name":"in_app_purchase","event_timestamp":1611798022695757,"user_pseudo_id":"1.2","event_value_in_usd":0.99}
{"event_name":"purchase","event_timestamp":1611798022695757,"user_pseudo_id":"1.2","event_params":[{"key":"value","value":{"int_value":"5"}}]}
{"event_name":"purchase","event_timestamp":1611798022695757,"user_pseudo_id":"1.2","event_params":[{"key":"currency","value":{"string_value":"Euro"}}]}"#,
        &expect![[r#"
            track "Order Completed" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property purchase_revenue = 20
            property purchase_revenue_in_usd = 22
            money 2200 USD
            product p1 × 1 = 2200
            track "Order Refunded" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property refund_value_in_usd = 22
            money -2200 USD
            product p1 × -1 = -2200
            track "in_app_purchase" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property event_value_in_usd = 0.99
            money 99 USD
            track "Order Completed" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property value = 5
            mended invalid-currency: 5 without a currency
            track "Order Completed" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property currency = Euro
            mended invalid-currency: Euro
        "#]],
    );
}

#[test]
fn events_have_the_names_of_the_spec_or_their_own() {
    check(
        r#"{"event_name":"view_item","event_timestamp":"1611798022695757","user_pseudo_id":"1.2","items":[{"item_id":"p1","price":3,"quantity":null}]}
{"event_name":"screen_view","event_timestamp":"1611798022695757","user_pseudo_id":"1.2","platform":"IOS","event_params":[{"key":"firebase_screen","value":{"string_value":"Home"}}]}
{"event_name":"view_promotion","event_timestamp":"1611798022695757","user_pseudo_id":"1.2","items":[{"item_id":"(not set)","promotion_name":"Spring"}]}
{"event_name":"my_quiz","event_timestamp":"1611798022695757","user_pseudo_id":"1.2"}"#,
        &expect![[r#"
            track "Product Viewed" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            product p1 × 1 = ?
            screen "Screen Viewed" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            channel app
            context platform = IOS
            property firebase_screen = Home
            track "Promotion Viewed" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property items = [{"promotion_name":"Spring"}]
            track "my_quiz" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
        "#]],
    );
}

#[test]
fn what_is_no_event_is_put_aside() {
    check(
        r#"{"event_name":"scroll","event_timestamp":"soon","user_pseudo_id":"1.2"}
{"event_name":"scroll","user_pseudo_id":"1.2"}
{"event_timestamp":"1611798022695757","user_pseudo_id":"1.2"}
{"event_name":"scroll","event_timestamp":"1611798022695757","user_pseudo_id":null}
{"event_name":["scroll"],"event_timestamp":"1611798022695757","user_pseudo_id":"1.2"}
{"event_name":"scroll","event_timestamp":"1611798022695757","user_pseudo_id":"1.2","event_params":"none","items":7,"device":[],"geo":1}
{"event_name":
7"#,
        &expect![[r#"
            row 1: invalid-time: soon <- {"event_name":"scroll","event_timestamp":"soon","user_pseudo_id":"1.2"}
            row 2: missing-time: no time of occurrence <- {"event_name":"scroll","user_pseudo_id":"1.2"}
            row 3: missing-name: a track message without an event name <- {"event_timestamp":"1611798022695757","user_pseudo_id":"1.2"}
            row 4: missing-identity: neither a user id nor an anonymous id <- {"event_name":"scroll","event_timestamp":"1611798022695757","user_pseudo_id":null}
            row 5: missing-name: a track message without an event name <- {"event_name":["scroll"],"event_timestamp":"1611798022695757","user_pseudo_id":"1.2"}
            track "scroll" at 2021-01-28T01:40:22.695757Z
            anonymous 1.2
            property device = []
            property event_params = none
            property geo = 1
            property items = 7
            row 7: unreadable: EOF while parsing a value at line 1 column 14 <- {"event_name":
            row 8: unreadable: the record is no JSON object <- 7
        "#]],
    );
}

#[test]
fn late_and_repeated_rows_are_one_event_and_neighbours_are_not() {
    let row = |batch: &str, item: &str, more: &str| {
        format!(
            r#"{{"event_name":"view_item","event_timestamp":"1611798022695757","user_pseudo_id":"1.2","event_bundle_sequence_id":"7"{batch},"items":[{{"item_id":"{item}"}}]{more}}}"#
        )
    };
    let (first, second) = (r#","batch_event_index":"1""#, r#","batch_event_index":2"#);
    let known = r#","traffic_source":{"source":"late"}"#;
    let rows = [
        row(first, "a", ""),
        row(first, "a", known),
        row(second, "a", ""),
        row("", "a", ""),
        row("", "a", known),
        row("", "b", ""),
    ];
    let ids = ids(&events(&rows.join("\n")));
    assert_eq!((&ids[0], &ids[3]), (&ids[1], &ids[4]));
    let mut different = [&ids[0], &ids[2], &ids[3], &ids[5]];
    different.sort_unstable();
    assert!(different.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
}

/// Writes JSON lines as Parquet with the types they have.
fn parquet(lines: &str) -> Vec<u8> {
    let mut input = Cursor::new(lines.as_bytes());
    let (schema, _) = arrow::json::reader::infer_json_schema(&mut input, None).unwrap();
    let schema = std::sync::Arc::new(schema);
    let reader = arrow::json::ReaderBuilder::new(schema.clone()).build(Cursor::new(lines.as_bytes())).unwrap();
    let mut file = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, schema, None).unwrap();
    reader.for_each(|batch| writer.write(&batch.unwrap()).unwrap());
    writer.close().unwrap();
    file
}

#[test]
fn parquet_says_what_json_says() {
    let lines = format!("{SAMPLE}\n{PURCHASE}\n{{\"event_name\":\"scroll\"}}");
    let numbers = PURCHASE.replace("\"1611798022695757\"", "1611798022695757");
    let wrapped = numbers.replace(
        r#""user_properties":[{"key":"tier","value":{"string_value":"gold","set_timestamp_micros":"1611798022000000"}}]"#,
        r#""user_properties":{"list":[{"element":{"key":"tier","value":{"string_value":"gold","set_timestamp_micros":1611798022000000}}}]}"#,
    );
    for (lines, same) in [(lines.as_str(), lines.as_str()), (wrapped.as_str(), PURCHASE)] {
        let file = Cursor::new(parquet(lines));
        let (taken, tally) = read(|import, sink| read_ga4_parquet(file, import, sink));
        check_tally(&tally, &taken);
        let (of_json, _) = read(|import, sink| read_ga4(same.as_bytes(), import, sink));
        let events = |taken: Vec<Taken>| -> Vec<Taken> {
            taken.into_iter().filter(|taken| matches!(taken, Taken::Event { .. })).collect()
        };
        assert_eq!(events(taken), events(of_json));
    }
}

#[test]
fn a_file_is_recognised_by_its_members() {
    let head = |text: &str| Head::read(text.as_bytes()).unwrap();
    assert!(recognise(&head(SAMPLE)).is_some());
    assert!(recognise(&head(r#"{"event_name":"a","event_timestamp":1}"#)).is_none());
    assert!(recognise(&head(r#"{"event":"a"}"#)).is_none());
}

const NAMES: &[&str] = &[
    "event_name",
    "event_timestamp",
    "event_params",
    "user_properties",
    "key",
    "value",
    "string_value",
    "int_value",
    "user_pseudo_id",
    "device",
    "web_info",
    "ecommerce",
    "items",
    "price",
    "purchase_revenue",
    "list",
    "element",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_objects_are_accounted_for(records in proptest::collection::vec(objects(NAMES), 0..6)) {
        let (taken, tally) = read(|import, sink| read_ga4(records.join("\n").as_bytes(), import, sink));
        prop_assert_eq!(tally.rows_read, records.len() as u64);
        check_tally(&tally, &taken);
    }
}
