//! A small writer of SVG that cannot leave an element open or a text unescaped.
//! Pictures take their colours from the page's style sheet by class, so they follow light, dark and print.

use std::fmt::{self, Display};

/// A picture being written.
pub(super) struct Svg {
    text: String,
    open: Vec<&'static str>,
}

/// An attribute: its name and its value.
pub(super) type Attribute<'value> = (&'static str, &'value dyn Display);

/// A coordinate, written with at most two digits after the point.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) f64);

/// A width or position as a part of the picture's width, 0 to 1.
#[derive(Clone, Copy)]
pub(super) struct Part(pub(super) f64);

/// What a picture says to those who do not see it.
pub(super) struct Spoken<'text> {
    /// Unique on the page.
    pub(super) id: &'text str,
    /// A few words.
    pub(super) title: &'text str,
    /// What the picture shows, in a sentence or two.
    pub(super) description: &'text str,
}

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = if self.0.is_finite() { (self.0 * 100.0).round() } else { 0.0 };
        write!(f, "{}", if hundredths.abs() < 0.5 { 0.0 } else { hundredths / 100.0 })
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", At(self.0 * 100.0))
    }
}

impl Svg {
    /// Starts a picture of a fixed proportion that says what it shows.
    pub(super) fn picture(spoken: &Spoken<'_>, width: f64, height: f64) -> Svg {
        let mut svg = Svg { text: String::new(), open: Vec::new() };
        let labels = format!("{0}-title {0}-desc", spoken.id);
        svg.open(
            "svg",
            &[
                ("class", &"picture"),
                ("viewBox", &format!("0 0 {} {}", At(width), At(height))),
                ("role", &"img"),
                ("aria-labelledby", &labels),
            ],
        );
        svg.worded("title", &[("id", &format!("{}-title", spoken.id))], spoken.title);
        svg.worded("desc", &[("id", &format!("{}-desc", spoken.id))], spoken.description);
        svg
    }

    /// Starts a strip as wide as its place that only repeats a number standing beside it.
    pub(super) fn strip(class: &str, height: f64) -> Svg {
        let mut svg = Svg { text: String::new(), open: Vec::new() };
        svg.open(
            "svg",
            &[
                ("class", &format!("strip {class}")),
                ("width", &"100%"),
                ("height", &At(height)),
                ("aria-hidden", &"true"),
                ("focusable", &"false"),
            ],
        );
        svg
    }

    /// Opens an element.
    pub(super) fn open(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.text.push('>');
        self.open.push(name);
    }

    /// Closes the element opened last.
    pub(super) fn close(&mut self) {
        let name = self.open.pop();
        assert!(name.is_some(), "close an element only after opening it");
        self.end(name.unwrap_or_default());
    }

    /// Writes an element that holds nothing.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.text.push_str("/>");
    }

    /// Writes an element that holds a text.
    pub(super) fn worded(&mut self, name: &'static str, attributes: &[Attribute<'_>], content: &str) {
        self.start(name, attributes);
        self.text.push('>');
        push_escaped(&mut self.text, content);
        self.end(name);
    }

    /// Writes a text whose start, middle or end stands at a point; `class` says which and how it looks.
    pub(super) fn label(&mut self, class: &str, x: f64, y: f64, content: &str) {
        self.worded("text", &[("class", &class), ("x", &At(x)), ("y", &At(y))], content);
    }

    /// Writes a straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.leaf(
            "line",
            &[("class", &class), ("x1", &At(from.0)), ("y1", &At(from.1)), ("x2", &At(to.0)), ("y2", &At(to.1))],
        );
    }

    /// Returns the finished picture.
    pub(super) fn finish(mut self) -> String {
        self.close();
        assert!(self.open.is_empty(), "every element but the outermost is closed before the end");
        self.text
    }

    fn start(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(&mut self.text, &value.to_string());
            self.text.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
}

fn push_escaped(text: &mut String, raw: &str) {
    for letter in raw.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Part, Spoken, Svg};

    #[test]
    fn hostile_texts_stay_texts() {
        let spoken = Spoken { id: "x", title: "</title><script>", description: "a & \"b\"" };
        let mut svg = Svg::picture(&spoken, 10.0, 10.0);
        svg.label("end", 1.0, 2.0, "<b>'");
        let text = svg.finish();
        assert!(!text.contains("<script>"));
        assert!(text.contains("a &amp; &quot;b&quot;"));
        assert!(text.ends_with(">&lt;b&gt;&#39;</text></svg>"));
    }

    #[test]
    fn coordinates_are_short_and_always_numbers() {
        let cases = [(1.0, "1"), (0.126, "0.13"), (-0.001, "0"), (f64::NAN, "0"), (f64::INFINITY, "0"), (-2.5, "-2.5")];
        for (number, text) in cases {
            assert_eq!(At(number).to_string(), text);
        }
        assert_eq!(Part(0.3333).to_string(), "33.33%");
    }
}
