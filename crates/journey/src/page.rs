//! Pages: addresses brought to the form in which visits of one page are alike.

/// Characters of a page that are told apart; longer addresses are made by machines.
const PAGE_CHARS_MAX: usize = 200;

/// What stands for an id.
const ID: &str = ":id";

/// Digits in a row that make the end of a name an id: `blue-shirt-12345`.
const ID_DIGITS_MIN: usize = 3;

/// Letters of a hexadecimal or mixed id, at least: shorter ones are words such as `cafe`.
const ID_CHARS_MIN: usize = 8;

/// Returns the path of an address without query and fragment, ids in it replaced, no
/// slash at its end: `https://shop.example/product/4711/?ref=a#b` is `/product/:id`.
#[must_use]
pub fn clean_page(address: &str) -> String {
    let path = path(address.trim());
    let mut page = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        page.push('/');
        page.push_str(if is_id(segment) { ID } else { segment });
    }
    if page.is_empty() {
        page.push('/');
    }
    match page.char_indices().nth(PAGE_CHARS_MAX) {
        Some((end, _)) => page[..end].to_owned(),
        None => page,
    }
}

/// Returns the campaign that an address names (`utm_campaign`), where it does.
#[must_use]
pub fn campaign_of(address: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let value = pairs.find(|(name, _)| name == "utm_campaign").map(|(_, value)| value.into_owned());
    value.filter(|value| !value.is_empty())
}

fn path(address: &str) -> &str {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let address = &address[..end];
    let after_host = address.split_once("://").map(|(_, rest)| rest).or_else(|| address.strip_prefix("//"));
    match after_host {
        Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => address,
    }
}

/// Returns whether a part of a path is an id: a number, a hexadecimal or mixed code, a
/// name that ends in a number, an address.
fn is_id(segment: &str) -> bool {
    let n_digits = segment.chars().filter(char::is_ascii_digit).count();
    if n_digits == 0 {
        return segment.contains('@') && segment.contains('.');
    }
    let n_letters = segment.chars().filter(|letter| letter.is_alphabetic()).count();
    let n_last = segment.chars().rev().take_while(char::is_ascii_digit).count();
    let hexadecimal = segment.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    let mixed = n_digits >= ID_DIGITS_MIN && n_digits * 3 >= n_letters;
    n_letters == 0 || n_last >= ID_DIGITS_MIN || (segment.len() >= ID_CHARS_MIN && (hexadecimal || mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_of_one_page_are_alike() {
        for (address, expected) in [
            ("https://shop.example/product/4711/?ref=a#b", "/product/:id"),
            ("https://shop.example", "/"),
            ("//shop.example/a", "/a"),
            ("/", "/"),
            ("", "/"),
            ("?q=1", "/"),
            ("#top", "/"),
            ("product", "/product"),
            ("//", "/"),
            ("/a//b/", "/a/b"),
            ("/order/550e8400-e29b-41d4-a716-446655440000/pay", "/order/:id/pay"),
            ("/p/blue-shirt-12345", "/p/:id"),
            ("/users/a.b@c.example", "/users/:id"),
            ("/api/v2/cafe", "/api/v2/cafe"),
            ("/2024/05/sale", "/:id/:id/sale"),
            ("/größe/käse", "/größe/käse"),
        ] {
            assert_eq!(clean_page(address), expected, "{address}");
        }
    }

    #[test]
    fn a_page_is_clean_once_it_was_cleaned_and_no_longer_than_is_told_apart() {
        let long = format!("/ä{}", "ö/".repeat(400));
        for address in ["https://a.example/x/1?y", "/b/deadbeef01", &long] {
            let page = clean_page(address);
            assert_eq!(clean_page(&page), page.trim_end_matches('/'), "{address}");
            assert!(page.chars().count() <= PAGE_CHARS_MAX);
        }
    }

    #[test]
    fn a_campaign_is_read_from_the_address() {
        let check = |address: &str, expected: Option<&str>| assert_eq!(campaign_of(address).as_deref(), expected);
        check("/a?x=1&utm_campaign=Spring%20Sale#utm_campaign=no", Some("Spring Sale"));
        check("/a?utm_campaign=", None);
        check("/a#?utm_campaign", None);
        check("/a", None);
    }
}
