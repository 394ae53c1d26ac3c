//! What customers write: reviews and tickets put together from phrases, so that the
//! words fit the rating and hardly two texts are the same.

use crate::dice::Dice;

/// The phrases of one sentiment.
struct Grammar {
    openers: &'static [&'static str],
    details: &'static [&'static str],
    closers: &'static [&'static str],
}

const HAPPY: Grammar = Grammar {
    openers: &[
        "Absolutely love this {}.",
        "Really happy with the {}.",
        "The {} is excellent.",
        "Best {} I have owned so far.",
        "What a wonderful {}!",
        "This {} exceeded my expectations.",
        "Great {} for the price.",
        "My second {} from this shop and again perfect.",
    ],
    details: &[
        "The quality is outstanding.",
        "It arrived a day early and well packed.",
        "It looks even better than in the pictures.",
        "Everyone in the family is delighted.",
        "It works flawlessly every day.",
        "Such a comfortable and beautiful piece.",
        "Customer service was friendly and quick to answer my question.",
        "You can feel the good materials.",
        "Easy to use from the first minute.",
        "It fits exactly as described.",
    ],
    closers: &[
        "Would buy again!",
        "Highly recommended.",
        "Thank you, I will be back.",
        "Five stars.",
        "A joy to use.",
        "I already told my friends.",
    ],
};

const MIXED: Grammar = Grammar {
    openers: &[
        "The {} is okay.",
        "Decent {}, nothing special.",
        "I expected a bit more from this {}.",
        "An average {}.",
        "The {} does what it should.",
    ],
    details: &[
        "Good quality, but the delivery took a while.",
        "The colour is slightly different from the picture.",
        "It works, although the instructions are hard to follow.",
        "Nice design, but a little too expensive.",
        "The size runs small.",
        "Packaging was damaged, the content fine.",
    ],
    closers: &["Acceptable for the price.", "Not sure I would buy it again.", "It will do.", "Three stars."],
};

const UNHAPPY: Grammar = Grammar {
    openers: &[
        "Very disappointed with this {}.",
        "The {} is terrible.",
        "I regret buying this {}.",
        "This {} is a waste of money.",
        "Poor {}, sadly.",
        "Never again a {} from here.",
    ],
    details: &[
        "It broke after two days.",
        "The material feels cheap and smells awful.",
        "It arrived late and scratched.",
        "It does not fit at all and the size chart is wrong.",
        "Support never answered my messages.",
        "The refund is still missing after three weeks.",
        "Nothing like the pictures.",
        "It stopped working the first evening.",
    ],
    closers: &[
        "I want my money back.",
        "Avoid it.",
        "I am angry and will shop elsewhere.",
        "One star is too much.",
        "Frustrating experience.",
        "I will send it back.",
    ],
};

/// What a ticket is about, and how it begins.
const TICKETS: [(&str, &[&str]); 5] = [
    (
        "delivery",
        &["My parcel is late.", "The tracking has not moved for days.", "The parcel went to the wrong address."],
    ),
    ("refund", &["Where is my refund?", "I returned the goods but the money has not come.", "Only part was refunded."]),
    ("quality", &["The item arrived broken.", "It stopped working after a week.", "The size is wrong."]),
    ("account", &["I cannot log in.", "Please merge my two accounts.", "The reset mail never arrives."]),
    ("price", &["The coupon was not accepted.", "I was charged twice.", "The price changed in the cart."]),
];

const REQUESTS: [&str; 6] = [
    "Please help quickly.",
    "This is the second time.",
    "Can somebody call me?",
    "I am waiting for an answer.",
    "How can we solve this?",
    "It is rather annoying.",
];

/// Texts without the closing sentence; people are brief.
const BRIEF: f64 = 0.4;

/// Returns a review of a product, in words that fit the rating of 1 to 5.
pub(crate) fn review(dice: &mut Dice, rating: i64, product: &str) -> String {
    let grammar = match rating {
        ..=2 => &UNHAPPY,
        3 => &MIXED,
        _ => &HAPPY,
    };
    let mut text = dice.pick(grammar.openers).replace("{}", &product.to_lowercase());
    text.push(' ');
    text.push_str(dice.pick(grammar.details));
    if !dice.chance(BRIEF) {
        text.push(' ');
        text.push_str(dice.pick(grammar.closers));
    }
    text
}

/// Returns the topic and the text of a support ticket about an order.
pub(crate) fn ticket(dice: &mut Dice, order_id: &str) -> (&'static str, String) {
    let (topic, openers) = dice.pick(&TICKETS);
    (topic, format!("{} Order {order_id}. {}", dice.pick(openers), dice.pick(&REQUESTS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_fit_the_rating() {
        let mut dice = Dice::new(3, 3);
        for rating in 1..=5 {
            let text = review(&mut dice, rating, "Soft Blanket");
            let grammar = [&UNHAPPY, &UNHAPPY, &MIXED, &HAPPY, &HAPPY][usize::try_from(rating).unwrap() - 1];
            assert!(grammar.details.iter().any(|detail| text.contains(detail)), "{rating}: {text}");
            assert!(text.contains("soft blanket"), "{text}");
        }
    }
}
