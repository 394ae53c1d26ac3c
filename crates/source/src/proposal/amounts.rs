//! Which columns say what was bought and paid, and in which currency.

use std::collections::BTreeMap;

use super::draft::Drafter;
use super::names::{self, Role, weight};
use super::profile::Profile;
use crate::{AmountColumn, AmountPer, AmountUnit, ProductColumns, Term};

impl Drafter<'_> {
    pub(super) fn order(&mut self) -> Option<usize> {
        let order = self.best(Role::Order, |profile| profile.identifying() && profile.filled(50))?;
        self.taken.insert(order);
        Some(order)
    }

    fn quantity(&self) -> Option<usize> {
        self.best(Role::Quantity, |profile| profile.numeric() && profile.filled(50))
    }

    /// Returns the column of prices. A price alone is not what was paid, for it stands
    /// beside every view of a page; it counts with a quantity or in an order.
    pub(super) fn price(&self, order: Option<usize>) -> Option<usize> {
        let price = self.best(Role::Price, |profile| profile.numeric() && profile.filled(50));
        price.filter(|_| order.is_some() || self.quantity().is_some())
    }

    pub(super) fn product(&mut self, order: Option<usize>, price: Option<usize>) -> Option<ProductColumns> {
        let text =
            |profile: &Profile| !profile.mostly(profile.n_bools) && profile.n_fractions == 0 && profile.filled(5);
        let id = self.best(Role::ProductId, |profile| {
            text(profile) && profile.n_distinct > 1 && names::names_product(&profile.words)
        });
        let described = id.is_some() || price.is_some();
        let name = self.best(Role::ProductName, |profile| {
            let loud = weight(&profile.words, Role::ProductName) >= 6;
            text(profile) && !profile.numeric() && described && loud && Some(profile.idx) != id
        });
        if id.is_none() && name.is_none() {
            return None;
        }
        let (id, name, price) = (self.take(id), self.take(name), self.take(price));
        let quantity = self.quantity().filter(|_| price.is_some() || order.is_some());
        let quantity = self.take(quantity);
        let category = self.best(Role::Category, text);
        let category = self.take(category);
        let brand = self.best(Role::Brand, text);
        let brand = self.take(brand);
        let discount = if price.is_some() { self.best(Role::Discount, Profile::numeric) } else { None };
        let discount = self.take(discount);
        if quantity.is_none() && price.is_some() {
            self.note("table.product", "no column says how many, so every row counts as one piece".to_owned());
        }
        Some(ProductColumns { id, name, category, brand, quantity, price, amount: None, discount })
    }

    /// Returns the column of what was paid, where prices do not say it.
    pub(super) fn amount(&mut self, order: Option<usize>, product: Option<&ProductColumns>) -> Option<AmountColumn> {
        if product.is_some_and(|product| product.price.is_some()) {
            return None;
        }
        // Two values are rather a yes and a no.
        let varied = |profile: &Profile| profile.n_distinct > 2 || profile.n_fractions > 0;
        let paid = |profile: &Profile| profile.numeric() && profile.filled(50) && varied(profile);
        let price = || if product.is_none() { self.best(Role::Price, paid) } else { None };
        let idx = self.best(Role::Amount, paid).or_else(price)?;
        let column = self.take(Some(idx))?;
        let per = match order {
            Some(order) if self.repeats_within(idx, order) => AmountPer::Order,
            _ => AmountPer::Row,
        };
        if per == AmountPer::Order {
            self.note("table.amount", format!("{column:?} is the same in all rows of an order, so it counts once"));
        }
        Some(AmountColumn { column, unit: AmountUnit::Major, per })
    }

    /// Whether a column has one value only in all rows of an order, and orders have several rows.
    fn repeats_within(&self, column: usize, order: usize) -> bool {
        let mut values: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for (row, key) in self.sample.cells(order) {
            let Some(value) = self.sample.cell(row, column) else { continue };
            let (first, n_rows) = values.entry(key).or_insert((value, 0));
            if *first != value {
                return false;
            }
            *n_rows += 1;
        }
        values.values().any(|(_, n_rows)| *n_rows > 1)
    }

    pub(super) fn currency(&mut self) -> Term {
        let coded = |profile: &Profile| {
            profile.filled(50) && self.sample.cells(profile.idx).take(100).all(|(_, text)| text.len() == 3)
        };
        if let Some(idx) = self.best(Role::Currency, coded) {
            self.taken.insert(idx);
            return Term::column(&self.name(idx));
        }
        let country = self.best(Role::Country, |profile| !profile.numeric());
        let (code, why) = match country.and_then(|idx| Some((idx, self.most_frequent_currency(idx)?))) {
            Some((idx, code)) => {
                (code, format!("{code} is the currency of the country most rows have in {:?}", self.name(idx)))
            }
            None => ("USD", "no column names a currency".to_owned()),
        };
        self.note("currency", format!("{why}; check that the amounts are in it"));
        Term::Constant(code.to_owned())
    }

    fn most_frequent_currency(&self, country: usize) -> Option<&'static str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, text) in self.sample.cells(country) {
            *counts.entry(text).or_default() += 1;
        }
        // Of two as frequent the first by name.
        let most = counts.iter().max_by_key(|(country, n_rows)| (**n_rows, std::cmp::Reverse(**country)));
        most.and_then(|(country, _)| names::currency_of(country))
    }
}
