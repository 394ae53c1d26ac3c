//! What columns are called, in the languages exports come in.

/// What a column may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Person,
    Anonymous,
    Time,
    Event,
    Order,
    Message,
    ProductId,
    ProductName,
    Category,
    Brand,
    Quantity,
    Price,
    Amount,
    Discount,
    Currency,
    Channel,
    Rating,
    Text,
    Country,
    Question,
    Answer,
}

/// How loud words of a column's name speak for a role.
///
/// A word of five letters and more also counts inside another (`kundennummer`); a
/// shorter one only as a whole (`land` is not in `island`).
const WORDS: &[(Role, i32, &str)] = &[
    (Role::Person, 9, "customer kunde klant"),
    (Role::Person, 8, "client cliente user usuario utente utilisateur benutzer gebruiker member mitglied"),
    (Role::Person, 8, "household shopper subscriber respondent participant"),
    (Role::Person, 7, "person buyer acheteur mql"),
    (Role::Person, 6, "contact guest patient lead email"),
    (Role::Person, 5, "mail case account konto"),
    (Role::Anonymous, 9, "anonymous"),
    (Role::Anonymous, 8, "visitor cookie besucher visiteur"),
    (Role::Anonymous, 7, "device pseudo"),
    (Role::Time, 10, "timestamp datetime occurred"),
    (Role::Time, 8, "created erstellt datum fecha"),
    (Role::Time, 7, "date time zeit"),
    (Role::Time, 6, "data tijd dt ts when"),
    (Role::Time, 5, "heure hora at"),
    (Role::Time, 4, "day tag"),
    (Role::Time, 3, "invoice order purchase event on"),
    (Role::Time, 2, "won first"),
    (Role::Event, 9, "event activity aktivitat ereignis evento evenement"),
    (Role::Event, 8, "actividad attivita"),
    (Role::Event, 7, "action aktion interaction"),
    (Role::Event, 5, "step stage schritt"),
    (Role::Event, 4, "type"),
    (
        Role::Order,
        9,
        "invoice basket bestell rechnung auftrag commande facture pedido factura fatura ordine fattura factuur",
    ),
    (Role::Order, 8, "order transaction receipt warenkorb panier"),
    (Role::Order, 6, "cart"),
    (Role::Message, 6, "message uuid"),
    (Role::Message, 5, "event row record"),
    (Role::Message, 3, "id transaction"),
    (Role::ProductId, 9, "sku asin"),
    (Role::ProductId, 8, "artikel ean upc gtin"),
    (Role::ProductId, 7, "product article produkt producto articulo prodotto produto produit"),
    (Role::ProductId, 6, "item stock"),
    (Role::ProductName, 8, "bezeichnung"),
    (Role::ProductName, 6, "description beschreibung designation descripcion descrizione"),
    (Role::ProductName, 4, "product item article artikel produkt produit producto prodotto name title titel"),
    (Role::Category, 8, "category kategorie categorie categoria warengruppe"),
    (Role::Category, 6, "department"),
    (Role::Brand, 8, "brand marke marca marque"),
    (Role::Brand, 6, "manufacturer vendor merk"),
    (Role::Quantity, 9, "quantity qty menge cantidad quantite quantita quantidade"),
    (Role::Quantity, 7, "anzahl aantal units stuck"),
    (Role::Price, 8, "price preis precio prix prezzo preco prijs"),
    (Role::Price, 2, "unit einzel unitaire"),
    (Role::Amount, 9, "amount betrag importe montant importo bedrag"),
    (Role::Amount, 7, "total revenue umsatz summe"),
    (Role::Amount, 6, "sales spend spent paid valor"),
    (Role::Amount, 4, "value gesamt"),
    (Role::Discount, 9, "discount rabatt descuento remise sconto korting desconto"),
    (Role::Currency, 9, "currency wahrung waehrung moneda devise valuta moeda"),
    (Role::Channel, 9, "channel kanal canal kanaal"),
    (Role::Channel, 5, "platform"),
    (Role::Rating, 9, "rating stars"),
    (Role::Rating, 8, "bewertung sterne"),
    (Role::Rating, 4, "note score"),
    (Role::Text, 8, "comment kommentar comentario commentaire verbatim"),
    (Role::Text, 7, "message nachricht body text"),
    (Role::Text, 6, "review feedback content"),
    (Role::Country, 8, "country paese"),
    (Role::Country, 7, "land pays pais nation"),
    (Role::Question, 8, "question frage pregunta domanda vraag"),
    (Role::Answer, 8, "answer antwort respuesta reponse risposta antwoord"),
    (Role::Answer, 6, "response value"),
];

/// Words that speak against a role: what the name is then about is something else.
const AGAINST: &[(Role, &str)] = &[
    (Role::Person, "type typ name age alter birth since segment group count city country land status date datum dt"),
    (Role::Person, "service value level score gender category behaviour order total rating language browser"),
    (Role::Person, "lifetime model brand time"),
    (Role::Anonymous, "type typ name count segment date time category browser model brand language"),
    (Role::Time, "birth geburt end expiry expires due delivery zone duration month year lead"),
    (Role::Event, "date time timestamp datum count value business lead traffic user product option visitor payment"),
    (Role::Event, "customer"),
    (Role::Order, "date datum time status total value amount qty quantity type name price revenue customer count"),
    (Role::Order, "ordered address betrag discount currency channel line"),
    (Role::Message, "customer user product item type name count text body group session"),
    (Role::ProductId, "name category brand price quantity type description variant refund revenue related level"),
    (Role::ProductId, "catalog size duration count amount preis menge prix gruppe"),
    (Role::ProductName, "id category price quantity customer user first last page sku type brand company"),
    (Role::Quantity, "refund stock ordered"),
    (Role::Price, "refund compare"),
    (Role::Amount, "count number num n year avg mean discount tax shipping refund id items quantity income duration"),
    (Role::Amount, "pages page declared stock"),
    (Role::Rating, "count id helpful date operating"),
    (Role::Text, "id type date count rating title"),
    (Role::Category, "sub customer"),
    (Role::Question, "id count number date time type order"),
    (Role::Answer, "id count number date time type"),
];

/// Words that make a name one of an identifier.
const IDENTIFIER: [&str; 13] =
    ["id", "no", "nr", "num", "number", "key", "code", "nummer", "uid", "ref", "numero", "ids", "guid"];

/// Returns the words of a column's name: lower case, without accents, cut at
/// everything that is no letter and where small letters meet capital ones.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut former = ' ';
    for character in name.chars() {
        let begins = character.is_uppercase() && (former.is_lowercase() || former.is_ascii_digit());
        if begins || !character.is_alphanumeric() || (former.is_ascii_digit() && character.is_lowercase()) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(plain(character).to_lowercase());
        }
        former = character;
    }
    words.retain(|word| !word.is_empty());
    words.iter().flat_map(|word| split_id(word)).collect()
}

/// `customerid` and `invoiceno` are two words that nobody kept apart.
fn split_id(word: &str) -> Vec<String> {
    for ending in ["id", "no", "nr", "code", "date", "name", "price", "datum", "nummer", "preis", "betrag"] {
        let known = |head: &str| WORDS.iter().any(|(_, _, words)| words.split(' ').any(|known| known == head));
        if let Some(head) = word.strip_suffix(ending)
            && known(head)
        {
            return vec![head.to_owned(), ending.to_owned()];
        }
    }
    vec![word.to_owned()]
}

fn plain(character: char) -> char {
    match character {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'Ä' | 'Á' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'É' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'Ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'Ü' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        other => other,
    }
}

/// Returns how much a name speaks for a role; zero and less is not at all.
pub(super) fn weight(words: &[String], role: Role) -> i32 {
    let said = |known: &str| words.iter().any(|word| word == known || known.len() >= 5 && word.contains(known));
    let of_role = WORDS.iter().filter(|(other, _, _)| *other == role);
    let louds = of_role.flat_map(|(_, loud, known)| known.split(' ').filter(|known| said(known)).map(|_| *loud));
    // "action_step" says no more of an event than "action" does.
    let weight: i32 = if role == Role::Event { louds.max().unwrap_or(0) } else { louds.sum() };
    let mut against = AGAINST.iter().filter(|(other, _)| *other == role).flat_map(|(_, words)| words.split(' '));
    if against.any(|word| words.iter().any(|said| said == word)) {
        return 0;
    }
    let identifies = matches!(role, Role::Person | Role::Anonymous | Role::Order | Role::ProductId | Role::Message);
    let bonus = if identifies && weight > 0 && names_id(words) { 3 } else { 0 };
    weight + bonus
}

/// Whether a name says that it is one of an identifier: `customer_no`, `id_cliente`.
pub(super) fn names_id(words: &[String]) -> bool {
    let last = words.last().is_some_and(|word| IDENTIFIER.contains(&word.as_str()) || word.ends_with("nummer"));
    last || words.first().is_some_and(|word| ["id", "uid", "numero"].contains(&word.as_str()))
}

/// Whether a name is one of a person who is asked.
pub(super) fn names_respondent(words: &[String]) -> bool {
    words.iter().any(|word| word == "respondent" || word == "participant")
}

/// Whether a name is one of a fact about a person, whatever the row is about.
pub(super) fn names_person_fact(words: &[String]) -> bool {
    const FACTS: [&str; 8] = ["age", "gender", "sex", "income", "education", "marital", "occupation", "birthday"];
    words.len() <= 2 && words.iter().any(|word| FACTS.contains(&word.as_str()))
}

/// Whether a name is one that products are identified by, and nothing else.
pub(super) fn names_product(words: &[String]) -> bool {
    const PRODUCT_CODES: [&str; 6] = ["sku", "asin", "ean", "upc", "gtin", "stockcode"];
    names_id(words) || words.len() == 1 || words.last().is_some_and(|word| PRODUCT_CODES.contains(&word.as_str()))
}

/// Whether a name is one of a row's own id.
pub(super) fn names_row(words: &[String]) -> bool {
    const ROWS: [&str; 6] = ["message", "event", "row", "record", "uuid", "transaction"];
    words == ["id"] || (names_id(words) || words.len() == 1) && words.iter().any(|word| ROWS.contains(&word.as_str()))
}

/// Returns a name for a property: the words with underscores between them.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut former = '_';
    for character in name.chars() {
        let begins = character.is_uppercase() && (former.is_lowercase() || former.is_ascii_digit());
        if (begins || !character.is_alphanumeric()) && !snake.ends_with('_') && !snake.is_empty() {
            snake.push('_');
        }
        if character.is_alphanumeric() {
            snake.extend(character.to_lowercase());
        }
        former = character;
    }
    snake.trim_matches('_').to_owned()
}

/// The currencies of countries whose names or codes stand in a column.
const CURRENCIES: &[(&str, &str)] = &[
    ("GBP", "united kingdom|uk|gb|great britain|england|scotland|wales"),
    ("EUR", "germany|de|deutschland|france|fr|spain|es|españa|italy|it|italia|netherlands|nl|belgium|be|austria|at"),
    ("EUR", "ireland|ie|eire|portugal|pt|finland|fi|greece|gr|österreich"),
    ("USD", "united states|usa|us|united states of america"),
    ("BRL", "brazil|brasil|br"),
    ("CHF", "switzerland|ch|schweiz|suisse"),
    ("JPY", "japan|jp"),
    ("PLN", "poland|pl|polska"),
    ("SEK", "sweden|se|sverige"),
    ("NOK", "norway|no|norge"),
    ("DKK", "denmark|dk|danmark"),
    ("CAD", "canada|ca"),
    ("AUD", "australia|au"),
    ("INR", "india|in"),
    ("MXN", "mexico|mx|méxico"),
];

/// Returns the currency of a country.
pub(super) fn currency_of(country: &str) -> Option<&'static str> {
    let country = country.trim().to_lowercase();
    CURRENCIES.iter().find(|(_, names)| names.split('|').any(|name| name == country)).map(|(code, _)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, role: Role) {
        let words = words(name);
        let best = WORDS.iter().map(|(role, _, _)| (weight(&words, *role), *role)).max_by_key(|(weight, _)| *weight);
        assert_eq!(best.map(|(_, role)| role), Some(role), "{name}: {words:?}");
    }

    #[test]
    fn names_speak_for_their_role_in_several_languages() {
        for name in ["CustomerID", "customer_no", "Kundennummer", "id_cliente", "household_id", "userid", "mql_id"] {
            check(name, Role::Person);
        }
        for name in ["InvoiceNo", "order_id", "Bestellnummer", "numero_commande", "basket_id"] {
            check(name, Role::Order);
        }
        for name in ["InvoiceDate", "CompleteTimestamp", "created_at", "Bestelldatum", "fecha", "Dt_Customer"] {
            check(name, Role::Time);
        }
        check("StockCode", Role::ProductId);
        check("UnitPrice", Role::Price);
        check("Stückpreis", Role::Price);
        check("Menge", Role::Quantity);
        check("Montant total", Role::Amount);
        check("Währung", Role::Currency);
        check("fullVisitorId", Role::Anonymous);
    }

    #[test]
    fn names_about_something_else_do_not() {
        for name in ["VisitorType", "customer_segment", "user_name", "OrderDate"] {
            let words = words(name);
            assert_eq!(weight(&words, Role::Person).max(weight(&words, Role::Anonymous)), 0, "{name}");
            assert_eq!(weight(&words, Role::Order), 0, "{name}");
        }
    }

    #[test]
    fn property_names_are_plain() {
        assert_eq!(snake_case("Year_Birth"), "year_birth");
        assert_eq!(snake_case("MntWines"), "mnt_wines");
        assert_eq!(snake_case("Review Text (EN)"), "review_text_en");
    }
}
