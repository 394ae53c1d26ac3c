//! The events that GA4 recommends or collects by itself, by the names of the Segment Spec.

use throng_event::EventKind;

/// (GA4, Segment): ecommerce v2, mobile lifecycle and B2B events.
const NAMES: [(&str, &str); 22] = [
    ("add_payment_info", "Payment Info Entered"),
    ("add_shipping_info", "Checkout Step Completed"),
    ("add_to_cart", "Product Added"),
    ("add_to_wishlist", "Product Added to Wishlist"),
    ("begin_checkout", "Checkout Started"),
    ("ecommerce_purchase", "Order Completed"),
    ("purchase", "Order Completed"),
    ("purchase_refund", "Order Refunded"),
    ("refund", "Order Refunded"),
    ("remove_from_cart", "Product Removed"),
    ("search", "Products Searched"),
    ("select_item", "Product Clicked"),
    ("select_promotion", "Promotion Clicked"),
    ("view_cart", "Cart Viewed"),
    ("view_item", "Product Viewed"),
    ("view_item_list", "Product List Viewed"),
    ("view_promotion", "Promotion Viewed"),
    ("login", "Signed In"),
    ("sign_up", "Signed Up"),
    ("first_open", "Application Installed"),
    ("app_update", "Application Updated"),
    ("app_remove", "Application Uninstalled"),
];

/// Returns kind and name of an event.
pub(super) fn of(name: &str) -> (EventKind, Option<&str>) {
    match name {
        "page_view" => (EventKind::Page, None),
        "screen_view" => (EventKind::Screen, None),
        _ => {
            let known = NAMES.iter().find(|(own, _)| *own == name).map(|(_, name)| *name);
            (EventKind::Track, known.or((!name.is_empty()).then_some(name)))
        }
    }
}

/// Whether money comes in with an event.
pub(super) fn sells(name: &str) -> bool {
    matches!(name, "purchase" | "ecommerce_purchase" | "in_app_purchase")
}

/// Whether money goes back with an event.
pub(super) fn refunds(name: &str) -> bool {
    matches!(name, "refund" | "purchase_refund")
}
