//! Hits and sessions as they are exported, as they should not be, and the public sample.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::analytics::tests::{check_taken, check_tally, ids, objects, read};

fn events(input: &str) -> Vec<Taken> {
    read(|import, sink| read_ga360(input.as_bytes(), import, sink)).0
}

fn check(input: &str, expected: &Expect) {
    check_taken(&events(input), expected);
}

const HEADER: &str = "fullVisitorId,channelGrouping,time,country,city,totalTransactionRevenue,transactions,timeOnSite,pageviews,sessionQualityDim,date,visitId,type,productRefundAmount,productQuantity,productPrice,productRevenue,productSKU,v2ProductName,v2ProductCategory,productVariant,currencyCode,itemQuantity,itemRevenue,transactionRevenue,transactionId,pageTitle,searchKeyword,pagePathLevel1,eCommerceAction_type,eCommerceAction_step,eCommerceAction_option";

#[test]
fn flattened_hits_are_events() {
    let rows = "7,Direct,122213,Taiwan,(not set),,,142,7,,20160913,1473757371,PAGE,,,2990000,,S1,Bottle,Home/Drinkware/,(not set),USD,,,,,Drinkware,,/home/,0,1,
7,Referral,14111,United States,not available in demo dataset,152000000,1,404,10,,20170222,1487816197,EVENT,,2,149000000,,S2,Thermostat,${escCatTitle},(not set),USD,,,,,Nest,,/home/,3,1,
7,Direct,9,Spain,Madrid,,,1,1,,20170320,1489992840,PAGE,,1,119000000,,S3,Camera,Nest,Single,USD,,,,,Review,,/revieworder.html,5,3,Review";
    check(
        &format!("{HEADER}\n{rows}"),
        &expect![[r#"
        page "Page Viewed" at 2016-09-13T09:04:53.213Z
        anonymous 7
        channel web
        context location.country = Taiwan
        context page.pathLevel1 = /home/
        context page.title = Drinkware
        context session.channel_grouping = Direct
        context session.date = 20160913
        context session.id = 1473757371
        context session.pageviews = 7
        context session.timeOnSite = 142
        product S1, Bottle, Home/Drinkware/ × 1 = 299
        track "Product Added" at 2017-02-23T02:16:51.111Z
        anonymous 7
        channel web
        context location.country = United States
        context page.pathLevel1 = /home/
        context page.title = Nest
        context session.channel_grouping = Referral
        context session.date = 20170222
        context session.id = 1487816197
        context session.pageviews = 10
        context session.timeOnSite = 404
        context session.totalTransactionRevenue = 152
        context session.transactions = 1
        product S2, Thermostat × 2 = 29800
        track "Checkout Step Viewed" at 2017-03-20T06:54:00.009Z
        anonymous 7
        channel web
        context location.city = Madrid
        context location.country = Spain
        context page.pathLevel1 = /revieworder.html
        context page.title = Review
        context session.channel_grouping = Direct
        context session.date = 20170320
        context session.id = 1489992840
        context session.pageviews = 1
        context session.timeOnSite = 1
        property option = Review
        property productVariant = Single
        property step = 3
        product S3, Camera, Nest × 1 = 11900
    "#]],
    );
}

#[test]
fn an_order_without_an_amount_has_that_of_its_session_if_it_is_the_only_one() {
    let rows = "7,Referral,0,United States,Sunnyvale,200000000,1,83,6,,20170320,1489992840,PAGE,,1,119000000,120000000,S3,Camera,Nest,Single,USD,,,200000000,ORD1,Confirmation,,/ordercompleted.html,6,1,
7,Referral,5000,United States,Sunnyvale,358000000,1,83,6,,20170320,1489992840,PAGE,,,119000000,,S3,Camera,Nest,Single,USD,,,,ORD2,Confirmation,,/ordercompleted.html,6,1,";
    check(
        &format!("{HEADER}\n{rows}"),
        &expect![[r#"
        track "Order Completed" at 2017-03-20T06:54:00Z
        anonymous 7
        channel web
        context location.city = Sunnyvale
        context location.country = United States
        context page.pathLevel1 = /ordercompleted.html
        context page.title = Confirmation
        context session.channel_grouping = Referral
        context session.date = 20170320
        context session.id = 1489992840
        context session.pageviews = 6
        context session.timeOnSite = 83
        context session.totalTransactionRevenue = 200
        context session.transactions = 1
        property order_id = ORD1
        property productVariant = Single
        money 20000 USD
        product S3, Camera, Nest × 1 = 12000
        track "Order Completed" at 2017-03-20T06:54:05Z
        anonymous 7
        channel web
        context location.city = Sunnyvale
        context location.country = United States
        context page.pathLevel1 = /ordercompleted.html
        context page.title = Confirmation
        context session.channel_grouping = Referral
        context session.date = 20170320
        context session.id = 1489992840
        context session.pageviews = 6
        context session.timeOnSite = 83
        context session.totalTransactionRevenue = 358
        context session.transactions = 1
        property order_id = ORD2
        property productVariant = Single
        money 35800 USD
        product S3, Camera, Nest × 1 = 11900
    "#]],
    );
}

const SESSION: &str = r#"{"visitorId":null,"visitNumber":"2","visitId":"1473757371","visitStartTime":"1473757372","date":"20160913","totals":{"visits":"1","hits":"5","pageviews":"1","timeOnSite":"142","transactions":"1","totalTransactionRevenue":"30500000"},"trafficSource":{"campaign":"spring","source":"google","medium":"cpc","keyword":"mug","isTrueDirect":true},"device":{"browser":"Chrome","deviceCategory":"mobile","operatingSystem":"Android","isMobile":true},"geoNetwork":{"continent":"Asia","country":"Taiwan","city":"(not set)"},"customDimensions":[{"index":"4","value":"APAC"}],"hits":[{"hitNumber":"1","time":"0","hour":"2","isEntrance":true,"type":"PAGE","referer":"https://b.example","page":{"pagePath":"/home","hostname":"shop.example","pageTitle":"Home"},"customDimensions":[{"index":"1","value":"a"}],"eCommerceAction":{"action_type":"0","step":"1"},"product":[]}],"fullVisitorId":"7","userId":"u7","channelGrouping":"Paid Search","socialEngagementType":"Not Socially Engaged"}"#;

const ACTIONS: &str = r#"{"fullVisitorId":"7","visitId":"1473757371","visitStartTime":"1473757372","hits":[{"hitNumber":"2","time":"1500","type":"EVENT","eventInfo":{"eventCategory":"Videos","eventAction":"play","eventLabel":"intro","eventValue":"3"},"eCommerceAction":{"action_type":"0"}},{"hitNumber":"3","time":"2500","type":"PAGE","eCommerceAction":{"action_type":"2"},"product":[{"productSKU":"S1","v2ProductName":"Mug","v2ProductCategory":"Kitchen","productBrand":"Shop","productPrice":"11000000","localProductPrice":"10000000","productVariant":"blue","productListName":"Search"}],"item":{"currencyCode":"EUR"}},{"hitNumber":"4","time":"9000","type":"PAGE","eCommerceAction":{"action_type":"6","step":"1"},"transaction":{"transactionId":"T1","transactionRevenue":"30500000","transactionTax":"1000000","transactionShipping":"4000000","currencyCode":"EUR","localTransactionRevenue":"25500000"},"product":[{"productSKU":"S1","productPrice":"11000000","localProductPrice":"10000000","productQuantity":"2"}]},{"hitNumber":"5","time":"9500","type":"EVENT","eCommerceAction":{"action_type":"7"},"refund":{"refundAmount":"30500000","localRefundAmount":"25500000"},"transaction":{"transactionId":"T1","currencyCode":"EUR"}}]}"#;

#[test]
fn what_holds_of_the_session_is_context_of_its_hits() {
    check(
        SESSION,
        &expect![[r#"
        page "Page Viewed" at 2016-09-13T09:02:52Z
        user u7
        anonymous 7
        channel web
        context browser.name = Chrome
        context campaign.isTrueDirect = true
        context campaign.medium = cpc
        context campaign.name = spring
        context campaign.source = google
        context campaign.term = mug
        context device.isMobile = true
        context device.type = mobile
        context location.continent = Asia
        context location.country = Taiwan
        context os.name = Android
        context page.hostname = shop.example
        context page.path = /home
        context page.referrer = https://b.example
        context page.title = Home
        context session.channel_grouping = Paid Search
        context session.date = 20160913
        context session.dimension4 = APAC
        context session.hits = 5
        context session.id = 1473757371
        context session.number = 2
        context session.pageviews = 1
        context session.social_engagement = Not Socially Engaged
        context session.timeOnSite = 142
        context session.totalTransactionRevenue = 30.5
        context session.transactions = 1
        context session.visits = 1
        property dimension1 = a
        property hour = 2
        property isEntrance = true
    "#]],
    );
}

#[test]
fn a_session_makes_an_event_of_every_hit() {
    check(
        ACTIONS,
        &expect![[r#"
        track "play" at 2016-09-13T09:02:53.5Z
        anonymous 7
        channel web
        context session.id = 1473757371
        property action = play
        property category = Videos
        property label = intro
        property value = 3
        track "Product Viewed" at 2016-09-13T09:02:54.5Z
        anonymous 7
        channel web
        context session.id = 1473757371
        property items = [{"productListName":"Search","productSKU":"S1","productVariant":"blue"}]
        product S1, Mug, Kitchen, Shop × 1 = 1000
        track "Order Completed" at 2016-09-13T09:03:01Z
        anonymous 7
        channel web
        context session.id = 1473757371
        property order_id = T1
        property shipping = 4
        property tax = 1
        money 2550 EUR
        product S1 × 2 = 2000
        track "Order Refunded" at 2016-09-13T09:03:01.5Z
        anonymous 7
        channel web
        context session.id = 1473757371
        property order_id = T1
        money -2550 EUR
    "#]],
    );
}

#[test]
fn a_session_is_one_row() {
    let (taken, tally) = read(|import, sink| read_ga360(ACTIONS.as_bytes(), import, sink));
    check_tally(&tally, &taken);
    assert_eq!((tally.rows_read, tally.rows_in_events, tally.events), (1, 1, 4));
    let mut ids = ids(&taken);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn standard_commerce_hits_are_orders_and_items() {
    check(
        r#"{"fullVisitorId":"7","visitId":1473757371,"hits":[{"hitNumber":1,"time":0,"type":"TRANSACTION","transaction":{"transactionId":"T1","transactionRevenue":5000000,"currencyCode":"USD"}},{"hitNumber":2,"time":1,"type":"ITEM","item":{"transactionId":"T1","productSku":"S1","productName":"Mug","itemQuantity":2,"itemRevenue":5000000,"currencyCode":"USD"}},{"hitNumber":3,"time":2,"type":"APPVIEW","appInfo":{"screenName":"Home"}}]}"#,
        &expect![[r#"
            track "Order Completed" at 2016-09-13T09:02:51Z
            anonymous 7
            channel web
            context session.id = 1473757371
            property order_id = T1
            money 500 USD
            track "Order Item Recorded" at 2016-09-13T09:02:51.001Z
            anonymous 7
            channel web
            context session.id = 1473757371
            property item.transactionId = T1
            product S1, Mug × 2 = 500
            screen "Screen Viewed" at 2016-09-13T09:02:51.002Z
            anonymous 7
            channel app
            context screen.name = Home
            context session.id = 1473757371
        "#]],
    );
}

#[test]
fn what_is_no_event_is_put_aside_and_can_be_read_again() {
    let input = r#"{"fullVisitorId":"7","visitId":"soon","time":"1","type":"PAGE"}
{"fullVisitorId":"7","visitId":"1473757371","time":"x","type":"PAGE"}
{"visitId":"1473757371","time":"1","type":"PAGE"}
{"fullVisitorId":"7","visitId":"1473757371","hits":[]}
{"fullVisitorId":"7","time":"1","type":"PAGE"}
{"fullVisitorId":"7","visitId":"1473757371","hits":[{"time":"0","type":"PAGE"},7]}"#;
    check(
        input,
        &expect![[r#"
        row 1: invalid-time: soon <- {"fullVisitorId":"7","visitId":"soon","time":"1","type":"PAGE"}
        row 2: invalid-time: x <- {"fullVisitorId":"7","visitId":"1473757371","time":"x","type":"PAGE"}
        row 3: missing-identity: neither a user id nor an anonymous id <- {"visitId":"1473757371","time":"1","type":"PAGE"}
        row 4: missing-name: the record says nothing that happened <- {"fullVisitorId":"7","visitId":"1473757371","hits":[]}
        row 5: missing-time: no time of occurrence <- {"fullVisitorId":"7","time":"1","type":"PAGE"}
        page "Page Viewed" at 2016-09-13T09:02:51Z
        anonymous 7
        channel web
        context session.id = 1473757371
        mended missing-name: a track message without an event name
    "#]],
    );
    let taken = events("fullVisitorId,visitId,time,type,eCommerceAction_type\n,1473757371,1,PAGE,0\n");
    let Taken::Quarantined(row) = &taken[0] else { panic!("admitted") };
    let again = events(&row.raw);
    assert!(matches!(&again[0], Taken::Quarantined(same) if same.problem == row.problem && same.raw == row.raw));
}

#[test]
fn a_row_is_the_same_event_as_text_and_as_json() {
    let text = events("fullVisitorId,visitId,time,type,eCommerceAction_type,pageTitle\n7,1473757371,1,PAGE,0,Home\n");
    let json = r#"{"fullVisitorId":"7","visitId":"1473757371","time":"1","type":"PAGE","eCommerceAction_type":"0","pageTitle":"Home"}"#;
    assert_eq!(text, events(json));
}

#[test]
fn a_file_is_recognised_by_its_names() {
    let head = |text: &str| Head::read(text.as_bytes()).unwrap();
    assert!(recognise(&head(HEADER)).is_some());
    assert!(recognise(&head(SESSION)).is_some());
    assert!(recognise(&head("fullVisitorId,visitId,time\n")).is_none());
}

/// The public sample, 15,134 hits of the Google Merchandise Store.
#[test]
fn the_merchandise_store_is_read_whole() {
    #[expect(clippy::disallowed_methods, reason = "where the data lies is up to who runs the tests")]
    let folder = std::env::var("THRONG_TEST_DATASETS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/datasets").to_owned());
    let Ok(file) = std::fs::File::open(format!("{folder}/ga_merchandise_sessions/all_sessions.csv.zst")) else {
        println!("skipped: {folder}/ga_merchandise_sessions is absent");
        return;
    };
    let (taken, tally) = read(|import, sink| read_ga360(file, import, sink));
    check_tally(&tally, &taken);
    assert_eq!((tally.rows_read, tally.rows_in_events, tally.rows_quarantined), (15_134, 15_134, 0));
    let mut names = std::collections::BTreeMap::<&str, u32>::new();
    let mut paid = 0;
    for taken in &taken {
        let Taken::Event { event, .. } = taken else { continue };
        *names.entry(&event.name).or_default() += 1;
        paid += event.money.map_or(0, |money| money.minor);
    }
    let text: String = names.iter().map(|(name, n_events)| format!("{name}: {n_events}\n")).collect();
    expect![[r#"
        Checkout Started: 13
        Checkout Step Viewed: 18
        Event Recorded: 20
        Order Completed: 9
        Page Viewed: 14765
        Product Added: 37
        Product Clicked: 134
        Product Removed: 1
        Product Viewed: 137
        paid: 356695
    "#]]
    .assert_eq(&format!("{text}paid: {paid}\n"));
    let mut ids = ids(&taken);
    ids.sort_unstable();
    ids.dedup();
    expect!["15134"].assert_eq(&ids.len().to_string());
}

const NAMES: &[&str] = &[
    "fullVisitorId",
    "visitId",
    "hits",
    "time",
    "type",
    "eCommerceAction",
    "action_type",
    "eCommerceAction_type",
    "product",
    "productSKU",
    "productPrice",
    "transaction",
    "transactionRevenue",
    "totals",
    "currencyCode",
    "index",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_objects_are_accounted_for(records in proptest::collection::vec(objects(NAMES), 1..6)) {
        let (taken, tally) = read(|import, sink| read_ga360(records.join("\n").as_bytes(), import, sink));
        check_tally(&tally, &taken);
    }

    #[test]
    fn any_rows_are_accounted_for(rows in r#"(7,|1473757371,|,|PAGE|6|"|\n|x|S1,|-1){0,60}"#) {
        let table = format!("fullVisitorId,visitId,time,type,eCommerceAction_type,productSKU\n{rows}");
        let (taken, tally) = read(|import, sink| read_ga360(table.as_bytes(), import, sink));
        check_tally(&tally, &taken);
    }
}
