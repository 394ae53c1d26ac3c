//! Names of the facts a feature or a question can be about.

use std::fmt;
use std::str::FromStr;

use crate::{Event, Value};

/// A fact about an event, as it is written in `throng.toml` and in questions.
///
/// ```
/// use throng_event::Field;
/// let field: Field = "products.category".parse().unwrap();
/// assert_eq!(field, Field::ProductCategory);
/// assert_eq!(field.to_string(), "products.category");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `event`: the name of what happened.
    Name,
    /// `kind`: track, page, …
    Kind,
    /// `source`: the configured source.
    Source,
    /// `channel`: web, store, …
    Channel,
    /// `amount`: what was paid, minor units.
    Amount,
    /// `currency`: the code.
    Currency,
    /// `rating`.
    Rating,
    /// `products.id`: one value for every product line.
    ProductId,
    /// `products.category`: one value for every product line.
    ProductCategory,
    /// `products.brand`: one value for every product line.
    ProductBrand,
    /// `products.quantity`: one number for every product line.
    ProductQuantity,
    /// `products.amount`: one number for every product line, minor units.
    ProductAmount,
    /// `products.discount`: one number for every product line, minor units.
    ProductDiscount,
    /// `properties.NAME`.
    Property(String),
    /// `context.NAME`, nested names with dots.
    Context(String),
    /// `traits.NAME`, as the message itself carries it.
    Trait(String),
}

/// A text that names no field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField(pub String);

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown field {:?}; fields are event, kind, source, channel, amount, currency, rating, \
             products.{{id,category,brand,quantity,amount,discount}}, properties.NAME, context.NAME, traits.NAME",
            self.0
        )
    }
}

impl std::error::Error for UnknownField {}

/// The fields with a fixed name.
const FIXED: [(&str, Field); 13] = [
    ("event", Field::Name),
    ("kind", Field::Kind),
    ("source", Field::Source),
    ("channel", Field::Channel),
    ("amount", Field::Amount),
    ("currency", Field::Currency),
    ("rating", Field::Rating),
    ("products.id", Field::ProductId),
    ("products.category", Field::ProductCategory),
    ("products.brand", Field::ProductBrand),
    ("products.quantity", Field::ProductQuantity),
    ("products.amount", Field::ProductAmount),
    ("products.discount", Field::ProductDiscount),
];

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, UnknownField> {
        if let Some((_, field)) = FIXED.iter().find(|(name, _)| *name == text) {
            return Ok(field.clone());
        }
        match text.split_once('.') {
            Some(("properties", name)) if !name.is_empty() => Ok(Self::Property(name.to_owned())),
            Some(("context", name)) if !name.is_empty() => Ok(Self::Context(name.to_owned())),
            Some(("traits", name)) if !name.is_empty() => Ok(Self::Trait(name.to_owned())),
            _ => Err(UnknownField(text.to_owned())),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = FIXED.iter().find(|(_, field)| field == self) {
            return f.write_str(name);
        }
        let (part, name) = match self {
            Self::Property(name) => ("properties", name),
            Self::Context(name) => ("context", name),
            Self::Trait(name) => ("traits", name),
            Self::Name
            | Self::Kind
            | Self::Source
            | Self::Channel
            | Self::Amount
            | Self::Currency
            | Self::Rating
            | Self::ProductId
            | Self::ProductCategory
            | Self::ProductBrand
            | Self::ProductQuantity
            | Self::ProductAmount
            | Self::ProductDiscount => return Err(fmt::Error),
        };
        write!(f, "{part}.{name}")
    }
}

impl Field {
    /// Whether an event has one value for every product line rather than one in all.
    #[must_use]
    pub fn per_product(&self) -> bool {
        matches!(
            self,
            Self::ProductId
                | Self::ProductCategory
                | Self::ProductBrand
                | Self::ProductQuantity
                | Self::ProductAmount
                | Self::ProductDiscount
        )
    }

    /// Returns the values of this field in an event: at most one, or one for every
    /// product line that has it, in the order of the lines.
    #[must_use]
    pub fn values(&self, event: &Event) -> Vec<Value> {
        let text = |value: Option<&str>| value.map(Value::text);
        let whole = |number: i64| crate::Decimal::from_integer(number).map(Value::Number);
        let lines = event.products.iter();
        match self {
            Self::Name => vec![Value::text(event.name.clone())],
            Self::Kind => vec![Value::text(event.kind.as_str().to_owned())],
            Self::Source => vec![Value::text(event.source.clone())],
            Self::Channel => text(event.channel.as_deref()).into_iter().collect(),
            Self::Amount => event.money.and_then(|money| whole(money.minor)).into_iter().collect(),
            Self::Currency => event.money.map(|money| Value::text(money.currency.to_string())).into_iter().collect(),
            Self::Rating => event.rating.map(Value::Number).into_iter().collect(),
            Self::ProductId => lines.map(|line| Value::text(line.product_id.clone())).collect(),
            Self::ProductCategory => lines.filter_map(|line| text(line.category.as_deref())).collect(),
            Self::ProductBrand => lines.filter_map(|line| text(line.brand.as_deref())).collect(),
            Self::ProductQuantity => lines.map(|line| Value::Number(line.quantity)).collect(),
            Self::ProductAmount => lines.filter_map(|line| line.amount_minor.and_then(whole)).collect(),
            Self::ProductDiscount => lines.filter_map(|line| line.discount_minor.and_then(whole)).collect(),
            Self::Property(name) => event.properties.get(name).cloned().into_iter().collect(),
            Self::Context(name) => event.context.get(name).cloned().into_iter().collect(),
            Self::Trait(name) => event.traits.get(name).cloned().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_name_round_trips() {
        for (name, field) in FIXED {
            assert_eq!(name.parse::<Field>(), Ok(field.clone()));
            assert_eq!(field.to_string(), name);
        }
    }

    #[test]
    fn a_text_that_is_no_field_is_named_in_the_error() {
        for text in ["", "amounts", "properties.", "products.colour"] {
            assert!(text.parse::<Field>().unwrap_err().to_string().contains(text));
        }
    }
}
