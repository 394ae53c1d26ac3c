//! One line of an access log, taken apart.

use std::borrow::Cow;
use std::net::IpAddr;

use throng_event::{Decimal, Problem, ProblemKind};

/// What one line says.
pub(super) struct Request<'a> {
    host: &'a str,
    /// The first address a proxy says it asks for.
    forwarded_for: Option<String>,
    pub(super) user: Option<&'a str>,
    pub(super) time: &'a str,
    pub(super) method: Option<String>,
    pub(super) target: Option<String>,
    /// What was asked, where it is no request of HTTP.
    pub(super) unreadable: Option<String>,
    pub(super) status: u16,
    pub(super) bytes: Option<i64>,
    pub(super) referrer: Option<Cow<'a, str>>,
    pub(super) agent: Option<Cow<'a, str>>,
    /// How long the answer took.
    pub(super) seconds: Option<Decimal>,
    /// Fields beyond those of the known forms, as they stand.
    pub(super) further: Option<String>,
}

impl<'a> Request<'a> {
    /// Returns what a line says, or what keeps it from being one of an access log.
    pub(super) fn parse(line: &'a str) -> Result<Self, Problem> {
        let unreadable = |what: &str| Problem::new(ProblemKind::Unreadable, what);
        let (before, rest) = line.trim().split_once(" [").ok_or_else(|| unreadable("no time in brackets"))?;
        let (time, rest) = rest.split_once("] ").ok_or_else(|| unreadable("no time in brackets"))?;
        let mut parts = before.splitn(3, ' ');
        let (Some(host), Some(_), Some(user)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unreadable("no address, identity and user before the time"));
        };
        if host.is_empty() || !time.contains('/') {
            return Err(unreadable("no address before the time, or no date in the brackets"));
        }
        let (asked, rest) = quoted(rest).ok_or_else(|| unreadable("no request in quotes"))?;
        let mut fields = Fields(rest);
        let status = fields.next().filter(|field| field.len() == 3).and_then(|field| field.parse().ok());
        let status = status.filter(|status| (100..1_000).contains(status)).ok_or_else(|| unreadable("no status"))?;
        let mut request = Self {
            host,
            forwarded_for: None,
            user: known(user),
            time,
            method: None,
            target: None,
            unreadable: None,
            status,
            bytes: fields.next().and_then(|field| field.parse().ok()),
            referrer: None,
            agent: None,
            seconds: None,
            further: None,
        };
        request.read_asked(&asked);
        request.read_further(fields);
        Ok(request)
    }

    /// Returns the address of the client.
    pub(super) fn address(&self) -> &str {
        self.forwarded_for.as_deref().unwrap_or(self.host)
    }

    fn read_asked(&mut self, asked: &str) {
        let mut words = asked.split(' ');
        let method = words.next().filter(|method| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase()));
        let target = words.next().filter(|target| target.starts_with('/') || target.contains("://"));
        if let (Some(method), Some(target)) = (method, target) {
            self.method = Some(method.to_owned());
            self.target = Some(target.to_owned());
        } else if known(asked).is_some() {
            self.unreadable = Some(asked.to_owned());
        }
    }

    /// Reads what stands behind the size: texts in the order of the combined form, and a time.
    fn read_further(&mut self, fields: Fields<'a>) {
        let mut n_quoted = 0;
        let mut further = Vec::new();
        for field in fields {
            let Some((text, _)) = quoted(field) else {
                let seconds = Decimal::parse(field).filter(|_| field.contains('.') && self.seconds.is_none());
                match seconds {
                    Some(seconds) => self.seconds = Some(seconds),
                    None => further.push(field),
                }
                continue;
            };
            n_quoted += 1;
            let said = Some(text).filter(|text| known(text).is_some());
            match n_quoted {
                1 => self.referrer = said,
                2 => self.agent = said,
                3 if said.is_none() => {}
                3 => match said.as_deref().and_then(first_address) {
                    Some(address) => self.forwarded_for = Some(address),
                    None => further.push(field),
                },
                _ => further.push(field),
            }
        }
        if !further.is_empty() {
            self.further = Some(further.join(" "));
        }
    }
}

/// Returns a text, `None` for the dash that says there is none.
fn known(text: &str) -> Option<&str> {
    (!text.trim().is_empty() && text != "-").then_some(text)
}

/// Returns the client's address of a list that every proxy on the way adds to.
fn first_address(list: &str) -> Option<String> {
    let first = list.split(',').next()?.trim();
    first.parse::<IpAddr>().ok().map(|_| first.to_owned())
}

/// The fields of the rest of a line: quoted texts and words.
struct Fields<'a>(&'a str);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        if text.is_empty() {
            return None;
        }
        let end = match quoted(text) {
            Some((_, rest)) => text.len() - rest.len(),
            None => text.find(' ').unwrap_or(text.len()),
        };
        let (field, rest) = text.split_at(end);
        self.0 = rest;
        Some(field)
    }
}

/// Returns the text in quotes a text begins with, its escapes resolved, and what follows.
///
/// Apache writes `\"`, `\\` and `\xhh`, Nginx `\x22` alone.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut end = 0;
    while bytes.get(end).is_some_and(|byte| *byte != b'"') {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    if end >= bytes.len() {
        return None;
    }
    let (said, rest) = (&inner[..end], &inner[end + 1..]);
    let said = if said.contains('\\') { Cow::Owned(unescaped(said)) } else { Cow::Borrowed(said) };
    Some((said, rest))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let Some((escape, behind)) = behind.split_first() else { break };
        rest = behind;
        match (escape, hexadecimal(rest)) {
            (b'x', Some(byte)) => {
                bytes.push(byte);
                rest = &rest[2..];
            }
            (b't', _) => bytes.push(b'\t'),
            (b'n', _) => bytes.push(b'\n'),
            (b'"' | b'\\', _) => bytes.push(*escape),
            _ => bytes.extend([b'\\', *escape]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the byte that two hexadecimal digits at the beginning write.
pub(super) fn hexadecimal(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
