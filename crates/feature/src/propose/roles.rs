//! What an event is to a shop, told from its name.

/// The part an event plays. Names follow the Segment e-commerce specification and the
/// usual names of shops, mail tools and help desks; anything else has no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Someone bought.
    Order,
    /// Someone got money back.
    Refund,
    /// Someone looked at a product.
    ProductView,
    /// Someone put something into the cart.
    CartAdd,
    /// We sent something.
    CampaignReceived,
    /// Someone opened or clicked what we sent.
    CampaignResponse,
    /// Someone used a coupon or offer.
    Coupon,
    /// Someone rated or reviewed.
    Review,
}

impl Role {
    /// Whether the rules make a feature of this role that counts its events.
    pub(super) fn has_a_feature(self) -> bool {
        match self {
            Self::Order | Self::Refund | Self::CampaignReceived | Self::Coupon | Self::Review => true,
            // Only ratios are made of these; a count of its own is worth having.
            Self::ProductView | Self::CartAdd | Self::CampaignResponse => false,
        }
    }
}

/// Returns the role of an event, `None` for most.
pub(super) fn role_of(name: &str) -> Option<Role> {
    let words = words(name);
    let has = |candidates: &[&str]| words.iter().any(|word| candidates.contains(&word.as_str()));
    let done = has(&["completed", "complete", "paid", "placed", "made", "finished", "confirmed"]);
    let order = has(&["order", "purchase", "transaction", "checkout", "payment"]);
    let undone = has(&["cancelled", "canceled", "failed", "updated", "started", "viewed", "info"]);
    let sent_things = has(&["campaign", "email", "newsletter", "push", "sms", "message", "mail"]);
    if has(&["refund", "refunded", "return", "returned"]) {
        Some(Role::Refund)
    } else if order && !undone && (done || words.len() == 1 && !has(&["checkout", "payment"])) {
        Some(Role::Order)
    } else if has(&["coupon", "voucher", "promocode"]) && has(&["applied", "redeemed", "used", "redemption"]) {
        Some(Role::Coupon)
    } else if sent_things && has(&["opened", "clicked", "open", "click"]) {
        Some(Role::CampaignResponse)
    } else if sent_things && has(&["received", "sent", "delivered"]) {
        Some(Role::CampaignReceived)
    } else if has(&["review", "reviewed", "rated", "rating"]) {
        Some(Role::Review)
    } else if has(&["cart", "basket"]) && has(&["add", "added"]) || words == ["product", "added"] {
        Some(Role::CartAdd)
    } else if has(&["product", "item"]) && has(&["view", "viewed"]) {
        Some(Role::ProductView)
    } else {
        None
    }
}

/// Returns the words of a name in lower case, whichever way they are joined.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for letter in name.chars() {
        let boundary = !letter.is_alphanumeric() || letter.is_uppercase() && lower_before;
        if boundary {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        lower_before = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: Option<Role>, names: &[&str]) {
        for name in names {
            assert_eq!(role_of(name), role, "{name}");
        }
    }

    #[test]
    fn usual_names_have_their_role() {
        check(
            Some(Role::Order),
            &["Order Completed", "purchase", "Purchase", "order_placed", "orderCompleted", "transaction"],
        );
        check(Some(Role::Refund), &["Order Refunded", "refund", "item_returned"]);
        check(Some(Role::ProductView), &["Product Viewed", "product_view", "view_item"]);
        check(Some(Role::CartAdd), &["add_to_cart", "Product Added", "addToCart"]);
        check(Some(Role::CampaignReceived), &["Campaign Received", "Email Delivered"]);
        check(Some(Role::CampaignResponse), &["Email Opened", "newsletter_click"]);
        check(Some(Role::Coupon), &["Coupon Applied", "voucher_redeemed"]);
        check(Some(Role::Review), &["Product Reviewed", "review"]);
    }

    #[test]
    fn other_names_have_none() {
        check(
            None,
            &[
                "",
                "Order Cancelled",
                "Checkout Started",
                "checkout",
                "Page Viewed",
                "Resolve ticket",
                "Signed Up",
                "Email Entered",
            ],
        );
    }
}
