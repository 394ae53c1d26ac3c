//! Orders of a Shopify shop: the CSV export of the admin, and the JSON of its API.
//!
//! The CSV has one row per line item and the facts of the order on the first row of
//! it (Shopify Help Center, "Exporting orders"); the JSON is the `Order` of the REST
//! Admin API, as a page of orders, a list, lines, or the body of a webhook. One order
//! becomes `Order Completed`, and where it came to that `Order Cancelled`, `Order
//! Fulfilled` and `Order Refunded`. Both forms of one order give the same event ids.

mod api;
mod line_items;
mod order;

use std::io::Read;

use serde_json::Value as Json;

use crate::import::Intake;
use crate::rows::{column_names, peek};
use crate::{Head, Import, SourceError, StopReason, TableForm, Taken, Tally};

/// Bytes looked at to tell orders from line items; the first object of either is smaller.
const HEAD_BYTES: u64 = 1 << 16;
/// What the columns of line items begin with.
const LINE_ITEM: &str = "\"Lineitem ";

/// Reads the orders of a Shopify shop, from CSV or JSON, packed or plain.
///
/// A customer's number is the user id where the export has one; e-mail address and
/// telephone number are further ids. Money is the total of the order, and none where
/// the payment was voided or never made before the order was cancelled. The CSV does
/// not say when money went back: it is dated at the cancellation, or at the order
/// where there was none. It gives all refunds of an order as one; the JSON each at
/// its own time. The rows of an order stand together; one that comes much later than
/// the others is put aside.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_shopify_orders(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let (head, input) = peek(input, HEAD_BYTES).map_err(|error| intake.read_error(error))?;
    // Line items that were put aside are JSON objects too.
    let rows = TableForm::of(&head) != TableForm::Json || String::from_utf8_lossy(&head).contains(LINE_ITEM);
    if rows {
        line_items::read(input, &mut intake)?;
    } else {
        api::read(&head, input, &mut intake)?;
    }
    Ok(intake.finish())
}

/// Returns why a file is an export of Shopify's orders.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let columns = column_names(head);
    if ["name", "lineitemname", "lineitemquantity", "financialstatus"].iter().all(|name| columns.contains(*name)) {
        return Some("its columns are Name, Financial Status, Lineitem name and Lineitem quantity".to_owned());
    }
    let is_order = |order: &Json| order.get("line_items").is_some() && order.get("financial_status").is_some();
    if head.has_members(&["line_items", "financial_status"]) {
        return Some("its objects have line_items and financial_status".to_owned());
    }
    let page = head.object.as_ref();
    let first = page.and_then(|page| page.get("order").or_else(|| page.get("orders")?.get(0)));
    // A page longer than the head is told by its beginning.
    let beginning = || api::opens_page(head.text.as_bytes()).is_some() && page_of_orders(&head.text);
    (first.is_some_and(is_order) || beginning())
        .then(|| "it is an order, or a page of orders, with line_items".to_owned())
}

fn page_of_orders(text: &str) -> bool {
    ["\"line_items\"", "\"financial_status\""].iter().all(|name| text.contains(name))
}

#[cfg(test)]
mod tests;
