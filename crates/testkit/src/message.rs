//! Messages in the form sources send them: Segment's tracking API with the names of
//! its e-commerce specification (v2), one JSON object a line.

use jiff::Timestamp;
use serde::Serialize;

use crate::dice::real;
use crate::shop::{Campaign, Product};

/// One message; times are texts on the wire and are written when it is delivered.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    /// When it happened, in milliseconds since 1970, by a true clock.
    #[serde(skip)]
    pub(crate) at_ms: i64,
    /// How far the device's clock is ahead of a true one.
    #[serde(skip)]
    pub(crate) clock_ahead_ms: i64,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) anonymous_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'static str>,
    pub(crate) context: Context,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<Box<Properties>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traits: Option<Box<Traits>>,
    pub(crate) original_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<String>,
    pub(crate) sent_at: String,
    pub(crate) received_at: String,
}

/// Circumstances.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context {
    pub(crate) channel: &'static str,
    pub(crate) library: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<Device>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) locale: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) campaign: Option<CampaignContext>,
}

/// Something with a name.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
}

/// What kind of device.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Device {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// What brought the visitor.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CampaignContext {
    pub(crate) name: String,
    pub(crate) source: &'static str,
    pub(crate) medium: &'static str,
}

impl CampaignContext {
    pub(crate) fn of(campaign: &Campaign) -> Self {
        Self { name: campaign.id.clone(), source: "newsletter", medium: "email" }
    }
}

/// Facts about an event; each event has some of them.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(default)]
pub(crate) struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revenue: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shipping: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) discount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coupon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) products: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) store_id: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) product: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) campaign_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) campaign_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rating: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) review_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ticket_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) referrer_id: Option<String>,
}

/// A product in an order or looked at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) product_id: String,
    pub(crate) name: String,
    pub(crate) category: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) price: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quantity: Option<i64>,
    #[serde(skip)]
    pub(crate) price_cents: i64,
}

impl Line {
    pub(crate) fn of(product: &Product, quantity: Option<i64>) -> Self {
        Self {
            product_id: product.product_id.clone(),
            name: product.name.clone(),
            category: product.category,
            brand: product.brand,
            price: major(product.price_cents),
            quantity,
            price_cents: product.price_cents,
        }
    }

    pub(crate) fn amount_cents(&self) -> i64 {
        self.price_cents * self.quantity.unwrap_or(1)
    }
}

/// Facts about a person or a company.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Traits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) city: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_group: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) household_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newsletter: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) referred_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) industry: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) employees: Option<i64>,
}

/// Returns cents as the amount a message writes.
pub(crate) fn major(cents: i64) -> f64 {
    real(cents) / 100.0
}

/// Returns milliseconds since 1970 as ISO 8601, as the SDKs write it.
pub(crate) fn written(at_ms: i64) -> String {
    // Only years beyond 9999 have no form; no simulation goes there.
    Timestamp::from_millisecond(at_ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}
