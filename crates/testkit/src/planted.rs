//! The planted personas: eight kinds of customers a shop with a web site, an app and
//! stores has, told apart by what they do rather than by one number.

use crate::dice::Dice;
use crate::habits::{Chances, Habits, Joining, Levels};
use crate::shop::CATEGORIES;

/// One planted persona.
pub(crate) struct PlantedPersona {
    pub(crate) name: &'static str,
    /// Its share among customers, before it is known how many personas there are.
    pub(crate) weight: f64,
    pub(crate) habits: Habits,
    /// Mean age in years and mean persons of the household.
    pub(crate) age: f64,
    pub(crate) household: f64,
    /// Whether its customers belong to companies.
    pub(crate) business: bool,
    /// Whether each of its customers is devoted to one category, which differs.
    pub(crate) devoted: bool,
}

/// How many personas can be planted.
pub const PERSONAS_MAX: usize = 8;

/// A customer without habits worth naming; personas say how they differ.
const LEVELS: Levels = Levels {
    online_per_week: 0.6,
    store_per_week: 0.06,
    views: 2.7,
    lines: 3.0,
    quantity: 1.2,
    price: 1.0,
    fade: 0.05,
    churn_per_year: 0.15,
};

const CHANCES: Chances = Chances {
    app: 0.15,
    phone: 0.45,
    search: 0.3,
    add: 0.16,
    order: 0.45,
    newsletter: 0.5,
    open: 0.25,
    click: 0.12,
    coupon: 0.25,
    refund: 0.05,
    review: 0.05,
    ticket: 0.04,
    content: 0.75,
};

const ANY_DAY: [f64; 7] = [1.0; 7];
const ANY_MONTH: [f64; 12] = [0.95, 0.9, 0.95, 1.0, 1.0, 0.95, 0.9, 0.9, 1.0, 1.05, 1.2, 1.2];
const DAYTIME: [(f64, f64, f64); 2] = [(12.5, 2.5, 0.5), (19.5, 2.0, 0.5)];

/// Returns the first `n` personas.
pub(crate) fn planted_personas(n_personas: usize) -> Vec<PlantedPersona> {
    let all: [fn() -> PlantedPersona; PERSONAS_MAX] = [
        family_bulk_buyer,
        discount_hunter,
        night_browser,
        gift_buyer,
        category_enthusiast,
        new_app_user,
        business_buyer,
        lapsing_returner,
    ];
    all[..n_personas].iter().map(|planted| planted()).collect()
}

/// Returns the categories one person of a devoted persona cares about.
pub(crate) fn devotion(dice: &mut Dice) -> [f64; CATEGORIES.len()] {
    // Toys, electronics, beauty, sports, books: what people collect and review.
    let favourite = dice.pick(&[2, 4, 5, 6, 9]);
    std::array::from_fn(|idx| if idx == favourite { 0.78 } else { 0.024 })
}

fn usual() -> Habits {
    Habits {
        levels: LEVELS,
        chances: CHANCES,
        hours: DAYTIME.to_vec(),
        weekdays: ANY_DAY,
        months: ANY_MONTH,
        categories: [0.1; CATEGORIES.len()],
        joining: Joining::Early,
    }
}

fn planted(name: &'static str, weight: f64, habits: Habits) -> PlantedPersona {
    PlantedPersona { name, weight, habits, age: 43.0, household: 2.1, business: false, devoted: false }
}

/// Fills the car at the store once a week, knows the shelves, rarely goes online.
fn family_bulk_buyer() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 0.2, store_per_week: 1.05, lines: 9.0, quantity: 2.1, price: 0.95, ..LEVELS },
        chances: Chances { newsletter: 0.4, open: 0.2, coupon: 0.35, ..CHANCES },
        hours: vec![(10.5, 1.6, 0.7), (17.5, 1.5, 0.3)],
        weekdays: [0.5, 0.5, 0.6, 0.7, 1.3, 2.9, 0.5],
        categories: [0.46, 0.24, 0.07, 0.05, 0.01, 0.06, 0.03, 0.05, 0.01, 0.02],
        ..usual()
    };
    PlantedPersona { age: 40.0, household: 3.9, ..planted("family-bulk-buyer", 0.18, habits) }
}

/// Comes with the e-mail, buys with the coupon, compares at the desk in the evening.
fn discount_hunter() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 0.4, views: 3.5, quantity: 1.5, price: 0.7, ..LEVELS },
        chances: Chances {
            app: 0.08,
            phone: 0.3,
            search: 0.45,
            newsletter: 0.97,
            open: 0.72,
            click: 0.42,
            coupon: 0.88,
            order: 0.5,
            ..CHANCES
        },
        hours: vec![(9.5, 1.5, 0.3), (20.0, 1.8, 0.7)],
        categories: [0.06, 0.2, 0.08, 0.2, 0.1, 0.12, 0.06, 0.14, 0.01, 0.03],
        ..usual()
    };
    planted("discount-hunter", 0.16, habits)
}

/// Scrolls in bed and mostly leaves it at that.
fn night_browser() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 0.95, store_per_week: 0.02, views: 4.0, ..LEVELS },
        chances: Chances { app: 0.2, phone: 0.9, add: 0.06, order: 0.13, newsletter: 0.3, open: 0.12, ..CHANCES },
        hours: vec![(23.3, 1.4, 0.85), (13.0, 3.0, 0.15)],
        categories: [0.01, 0.03, 0.04, 0.26, 0.22, 0.16, 0.08, 0.12, 0.0, 0.08],
        ..usual()
    };
    PlantedPersona { age: 29.0, ..planted("night-browser", 0.13, habits) }
}

/// Silent most of the year, generous before Christmas.
fn gift_buyer() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 0.45, store_per_week: 0.1, views: 3.2, price: 1.5, ..LEVELS },
        chances: Chances { phone: 0.4, order: 0.6, add: 0.24, review: 0.03, ..CHANCES },
        months: [0.15, 0.35, 0.1, 0.2, 0.45, 0.2, 0.1, 0.1, 0.15, 0.6, 4.1, 5.5],
        categories: [0.02, 0.01, 0.34, 0.08, 0.1, 0.16, 0.03, 0.18, 0.01, 0.1],
        ..usual()
    };
    PlantedPersona { age: 53.0, ..planted("gift-buyer", 0.12, habits) }
}

/// Lives for one category, buys the good one and tells everybody.
fn category_enthusiast() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 0.95, views: 2.8, price: 1.3, churn_per_year: 0.05, ..LEVELS },
        chances: Chances { search: 0.5, review: 0.55, content: 0.88, open: 0.45, add: 0.18, order: 0.5, ..CHANCES },
        ..usual()
    };
    PlantedPersona { devoted: true, ..planted("category-enthusiast", 0.12, habits) }
}

/// Installed the app some weeks ago and uses nothing else.
fn new_app_user() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 1.3, store_per_week: 0.02, views: 3.2, price: 0.9, ..LEVELS },
        chances: Chances { app: 0.93, phone: 0.8, add: 0.2, order: 0.4, newsletter: 0.35, ..CHANCES },
        hours: vec![(8.0, 1.2, 0.35), (18.5, 2.0, 0.65)],
        categories: [0.08, 0.03, 0.04, 0.26, 0.16, 0.2, 0.12, 0.06, 0.01, 0.04],
        joining: Joining::Recent,
        ..usual()
    };
    PlantedPersona { age: 27.0, household: 1.7, ..planted("new-app-user", 0.1, habits) }
}

/// Orders for a company, in working hours, by the box.
fn business_buyer() -> PlantedPersona {
    let habits = Habits {
        levels: Levels {
            online_per_week: 0.7,
            store_per_week: 0.05,
            views: 2.5,
            quantity: 7.0,
            churn_per_year: 0.06,
            ..LEVELS
        },
        chances: Chances { app: 0.03, phone: 0.06, search: 0.6, add: 0.42, order: 0.75, newsletter: 0.3, ..CHANCES },
        hours: vec![(10.0, 1.3, 0.55), (14.5, 1.3, 0.45)],
        weekdays: [1.5, 1.4, 1.4, 1.4, 1.2, 0.06, 0.04],
        categories: [0.08, 0.12, 0.0, 0.0, 0.16, 0.0, 0.0, 0.06, 0.55, 0.03],
        ..usual()
    };
    PlantedPersona { business: true, ..planted("business-buyer", 0.09, habits) }
}

/// Orders three sizes, keeps one, complains, and comes less and less.
fn lapsing_returner() -> PlantedPersona {
    let habits = Habits {
        levels: Levels { online_per_week: 0.95, fade: 2.0, churn_per_year: 0.7, ..LEVELS },
        chances: Chances { refund: 0.5, ticket: 0.3, content: 0.35, add: 0.3, order: 0.55, phone: 0.6, ..CHANCES },
        categories: [0.01, 0.02, 0.03, 0.6, 0.08, 0.1, 0.06, 0.06, 0.0, 0.04],
        ..usual()
    };
    planted("lapsing-returner", 0.1, habits)
}
