//! Events to rows: columns grow while events are taken in.
//!
//! An event is taken apart as it arrives, so that a chunk of 150,000 is a few large
//! buffers and not ten million small texts: those are dropped by the thread that made
//! them, which is what allocators are good at. An attribute's values are kept by type,
//! with the rows they belong to; which type they mostly have and whether they get a column
//! of their own is known when the chunk is full.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Decimal128Builder, Int64Builder, ListBuilder, StringBuilder, StructBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field as ArrowField};
use throng_event::{Attributes, Event, EventKey, Identity, Instant, ProductLine, Value};

use super::chunk::{AttributeValues, EventColumns, Kind, Values};
use super::{DECIMAL, PROMOTED_COLUMNS_MAX, Part, product_fields, timestamp};

/// Positions of the attributes of one part by their names.
#[derive(Debug, Default)]
struct Places {
    #[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
    by_name: std::collections::HashMap<String, usize, foldhash::fast::FixedState>,
    /// The first attribute of the event before, which mostly is that of the next.
    first: usize,
}

/// Weight of the name of an attribute, which has lists of its own, a kilobyte before the first
/// value: where every event brings new ones, they and not the events fill the memory.
const NAME_WEIGHT: usize = 2;

/// Events on their way to becoming rows of the `events` table.
#[derive(Debug, Default)]
pub(crate) struct EventRows {
    n_rows: u32,
    n_product_lines: usize,
    n_bytes: usize,
    /// Attributes that have values.
    n_names: usize,
    canonical: Canonical,
    places: [Places; 3],
    attributes: Vec<Attribute>,
}

/// The canonical columns, in the order of arrival.
#[derive(Debug)]
struct Canonical {
    /// `event_id` to `previous_id`, then `source`, `channel`, `currency`, `text`.
    texts: [StringBuilder; 11],
    keys: Int64Builder,
    external_ids: ListBuilder<StringBuilder>,
    /// `occurred_at`, `sent_at`, `received_at`.
    times: [TimestampMicrosecondBuilder; 3],
    amounts: Int64Builder,
    products: ListBuilder<StructBuilder>,
    ratings: Decimal128Builder,
}

/// One attribute's values by type, each with the row it belongs to, in the order of
/// arrival.
#[derive(Debug)]
struct Attribute {
    part: Part,
    name: String,
    /// The attribute behind this one in the event before.
    next: usize,
    /// Whether there are values.
    there: bool,
    bools: (Vec<u32>, BooleanBuilder),
    numbers: (Vec<u32>, Decimal128Builder),
    instants: (Vec<u32>, TimestampMicrosecondBuilder),
    texts: (Vec<u32>, StringBuilder),
    jsons: (Vec<u32>, StringBuilder),
}

impl Default for Canonical {
    fn default() -> Self {
        Self::with_room(0, std::array::from_fn(|_| StringBuilder::with_capacity(0, 0)))
    }
}

impl EventRows {
    /// Returns no rows, with room for as many and as long ones as these: columns that grow
    /// are copied each time they double.
    pub(crate) fn alike(&self) -> Self {
        // What a hundredth of the rows has may be gone with them.
        let usual = |attribute: &&Attribute| attribute.n_values() * 100 >= self.n_rows as usize;
        // Where few rows have all names there are, the next may have others.
        let usual = self.attributes.iter().filter(usual).take(PROMOTED_COLUMNS_MAX);
        let attributes: Vec<Attribute> = usual.map(Attribute::alike).collect();
        let mut places = <[Places; 3]>::default();
        for (place, attribute) in attributes.iter().enumerate() {
            places[attribute.part as usize].by_name.insert(attribute.name.clone(), place);
        }
        let canonical =
            Canonical::with_room(some_more(self.n_rows as usize), self.canonical.texts.each_ref().map(texts_alike));
        Self { canonical, places, attributes, n_rows: 0, n_product_lines: 0, n_bytes: 0, n_names: 0 }
    }

    /// Takes in one event.
    pub(crate) fn push(&mut self, event: &Event, key: EventKey) {
        let row = self.n_rows;
        let parts = [&event.properties, &event.context, &event.traits];
        for ((part, attributes), places) in Part::ALL.into_iter().zip(parts).zip(&mut self.places) {
            self.n_bytes += take_apart(row, (part, attributes), places, (&mut self.attributes, &mut self.n_names));
        }
        self.canonical.push(event, key);
        self.n_bytes += event.products.len() * size_of::<ProductLine>() + event.text.as_ref().map_or(0, String::len);
        self.n_product_lines += event.products.len();
        self.n_rows += 1;
    }

    /// Returns how much has been taken in: events, product lines and names of attributes.
    pub(crate) fn weight(&self) -> usize {
        self.n_rows as usize + self.n_product_lines + NAME_WEIGHT * self.n_names
    }

    /// Returns about how many bytes the texts take that have been taken in.
    pub(crate) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns what has been taken in.
    pub(crate) fn finish(mut self) -> EventColumns {
        EventColumns {
            n_rows: self.n_rows as usize,
            weight: self.weight(),
            n_bytes: self.n_bytes,
            canonical: self.canonical.finish(),
            attributes: self.attributes.into_iter().filter(|list| list.there).map(Attribute::finish).collect(),
        }
    }
}

/// Returns how much room there is where there was so much before.
fn some_more(n: usize) -> usize {
    n + n / 16
}

/// Returns an empty column with room for as many and as long texts, and some more.
fn texts_alike(texts: &StringBuilder) -> StringBuilder {
    StringBuilder::with_capacity(some_more(texts.len()), some_more(texts.values_slice().len()))
}

/// Moves the attributes of an event to their lists; returns about how many bytes they take.
///
/// Events of one source mostly have the same attributes: what followed one in the event
/// before is tried before names are looked up, at a third of the price.
fn take_apart(
    row: u32,
    (part, attributes): (Part, &Attributes),
    places: &mut Places,
    (lists, n_names): (&mut Vec<Attribute>, &mut usize),
) -> usize {
    let mut n_bytes = 0;
    let mut before = None;
    for (name, value) in attributes {
        let expected = before.map_or(places.first, |before: usize| lists[before].next);
        let known = lists.get(expected).filter(|list| list.name == name && list.part == part).map(|_| expected);
        let place = known.or_else(|| places.by_name.get(name).copied()).unwrap_or_else(|| {
            places.by_name.insert(name.to_owned(), lists.len());
            lists.push(Attribute::new(part, name));
            lists.len() - 1
        });
        match before {
            Some(before) => lists[before].next = place,
            None => places.first = place,
        }
        *n_names += usize::from(!std::mem::replace(&mut lists[place].there, true));
        n_bytes += name.len() + lists[place].push(row, value);
        before = Some(place);
    }
    n_bytes
}

impl Attribute {
    fn new(part: Part, name: &str) -> Self {
        Self {
            part,
            name: name.to_owned(),
            next: usize::MAX,
            there: false,
            // Of the usual room, a thousand values of each type, a million names would take 30 GiB.
            bools: (Vec::new(), BooleanBuilder::with_capacity(0)),
            numbers: (Vec::new(), Decimal128Builder::with_capacity(0).with_data_type(DECIMAL)),
            instants: (Vec::new(), TimestampMicrosecondBuilder::with_capacity(0).with_data_type(timestamp())),
            texts: (Vec::new(), StringBuilder::with_capacity(0, 0)),
            jsons: (Vec::new(), StringBuilder::with_capacity(0, 0)),
        }
    }

    /// Adds a value; returns about how many bytes it takes.
    fn push(&mut self, row: u32, value: &Value) -> usize {
        match value {
            Value::Bool(flag) => {
                self.bools.0.push(row);
                self.bools.1.append_value(*flag);
            }
            Value::Number(number) => {
                self.numbers.0.push(row);
                self.numbers.1.append_value(i128::from(number.0));
            }
            Value::Instant(instant) => {
                self.instants.0.push(row);
                self.instants.1.append_value(instant.0);
            }
            Value::Text(text) => {
                self.texts.0.push(row);
                self.texts.1.append_value(text);
                return text.len();
            }
            Value::Json(text) => {
                self.jsons.0.push(row);
                self.jsons.1.append_value(text);
                return text.len();
            }
        }
        size_of::<Value>()
    }

    /// Returns no values, with room for as many and as long texts.
    fn alike(&self) -> Self {
        let room = |rows: &Vec<u32>| some_more(rows.len());
        let rows = |rows: &Vec<u32>| Vec::with_capacity(room(rows));
        let numbers = Decimal128Builder::with_capacity(room(&self.numbers.0)).with_data_type(DECIMAL);
        let instants = TimestampMicrosecondBuilder::with_capacity(room(&self.instants.0)).with_data_type(timestamp());
        Self {
            part: self.part,
            name: self.name.clone(),
            next: usize::MAX,
            there: false,
            bools: (rows(&self.bools.0), BooleanBuilder::with_capacity(room(&self.bools.0))),
            numbers: (rows(&self.numbers.0), numbers),
            instants: (rows(&self.instants.0), instants),
            texts: (rows(&self.texts.0), texts_alike(&self.texts.1)),
            jsons: (rows(&self.jsons.0), texts_alike(&self.jsons.1)),
        }
    }

    fn n_values(&self) -> usize {
        let n_bools = self.bools.0.len();
        n_bools + self.numbers.0.len() + self.instants.0.len() + self.texts.0.len() + self.jsons.0.len()
    }

    /// Returns the values there are.
    fn finish(mut self) -> AttributeValues {
        let lists: [(Kind, Vec<u32>, ArrayRef); 5] = [
            (Kind::Bool, self.bools.0, Arc::new(self.bools.1.finish())),
            (Kind::Number, self.numbers.0, Arc::new(self.numbers.1.finish())),
            (Kind::Instant, self.instants.0, Arc::new(self.instants.1.finish())),
            (Kind::Text, self.texts.0, Arc::new(self.texts.1.finish())),
            (Kind::Json, self.jsons.0, Arc::new(self.jsons.1.finish())),
        ];
        let there = lists.into_iter().filter(|(_, rows, _)| !rows.is_empty());
        let lists = there.map(|(kind, rows, values)| Values { kind, rows, values }).collect();
        AttributeValues { part: self.part, name: self.name, lists }
    }
}

impl Canonical {
    /// Returns empty columns with room for so many rows; those of texts are given.
    fn with_room(n_rows: usize, texts: [StringBuilder; 11]) -> Self {
        let ids = ListBuilder::with_capacity(StringBuilder::with_capacity(0, 0), n_rows);
        let lines = ListBuilder::with_capacity(StructBuilder::from_fields(product_fields(), 0), n_rows);
        let line = ArrowField::new("element", DataType::Struct(product_fields()), true);
        let time = || TimestampMicrosecondBuilder::with_capacity(n_rows).with_timezone("UTC");
        Self {
            texts,
            keys: Int64Builder::with_capacity(n_rows),
            external_ids: ids.with_field(ArrowField::new("element", DataType::Utf8, true)),
            times: std::array::from_fn(|_| time()),
            amounts: Int64Builder::with_capacity(n_rows),
            products: lines.with_field(line),
            ratings: Decimal128Builder::with_capacity(n_rows).with_data_type(DECIMAL),
        }
    }

    fn push(&mut self, event: &Event, key: EventKey) {
        let texts = [
            Some(event.id.0.as_str()),
            Some(event.kind.as_str()),
            Some(event.name.as_str()),
            event.user_id.as_deref(),
            event.anonymous_id.as_deref(),
            event.group_id.as_deref(),
            event.previous_id.as_deref(),
            Some(event.source.as_str()),
            event.channel.as_deref(),
            event.money.as_ref().map(|money| money.currency.as_str()),
            event.text.as_deref(),
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_option(text);
        }
        self.keys.append_value(key.0);
        let times = [Some(event.occurred_at), event.sent_at, Some(event.received_at)];
        for (column, time) in self.times.iter_mut().zip(times) {
            column.append_option(time.map(|Instant(us)| us));
        }
        self.amounts.append_option(event.money.map(|money| money.minor));
        self.ratings.append_option(event.rating.map(|rating| i128::from(rating.0)));
        for id in &event.external_ids {
            self.push_external_id(id);
        }
        self.external_ids.append(!event.external_ids.is_empty());
        for line in &event.products {
            push_line(self.products.values(), line);
        }
        self.products.append(!event.products.is_empty());
    }

    fn push_external_id(&mut self, id: &Identity) {
        self.external_ids.values().append_value(id.to_string());
    }

    /// Returns the columns in the order of [`canonical_fields`], without `other`.
    fn finish(&mut self) -> Vec<ArrayRef> {
        let [id, kind, name, user, anonymous, group, previous, source, channel, currency, said] = &mut self.texts;
        let [occurred, sent, received] = &mut self.times;
        vec![
            Arc::new(id.finish()),
            Arc::new(self.keys.finish()),
            Arc::new(kind.finish()),
            Arc::new(name.finish()),
            Arc::new(user.finish()),
            Arc::new(anonymous.finish()),
            Arc::new(self.external_ids.finish()),
            Arc::new(group.finish()),
            Arc::new(previous.finish()),
            Arc::new(occurred.finish()),
            Arc::new(sent.finish()),
            Arc::new(received.finish()),
            Arc::new(source.finish()),
            Arc::new(channel.finish()),
            Arc::new(self.amounts.finish()),
            Arc::new(currency.finish()),
            Arc::new(self.products.finish()),
            Arc::new(said.finish()),
            Arc::new(self.ratings.finish()),
        ]
    }
}

fn push_line(place: &mut StructBuilder, line: &ProductLine) {
    let texts = [Some(line.product_id.as_str()), line.name.as_deref(), line.category.as_deref(), line.brand.as_deref()];
    for (idx, text) in texts.into_iter().enumerate() {
        if let Some(builder) = place.field_builder::<StringBuilder>(idx) {
            builder.append_option(text);
        }
    }
    if let Some(builder) = place.field_builder::<Decimal128Builder>(4) {
        builder.append_value(i128::from(line.quantity.0));
    }
    for (idx, amount) in [(5, line.amount_minor), (6, line.discount_minor)] {
        if let Some(builder) = place.field_builder::<Int64Builder>(idx) {
            builder.append_option(amount);
        }
    }
    place.append(true);
}
