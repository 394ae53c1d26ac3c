//! Behaviour: what one customer does, day by day, in messages.
//!
//! Orders and what follows them are in `purchase.rs`; scripts are in `robot.rs`.

use crate::dice::{Dice, real};
use crate::message::{
    CampaignContext, Context, Device as DeviceContext, Line, Message, Named, Properties, Traits, written,
};
use crate::plan::{Device, DeviceKind, Plan};
use crate::shop::{Appeal, CATEGORIES, Campaign, DAY_MS, Shop};

/// One customer's life with the shop.
pub(crate) struct Life<'a> {
    pub(crate) shop: &'a Shop,
    pub(crate) plan: &'a Plan,
    pub(crate) dice: Dice,
    pub(crate) messages: Vec<Message>,
    pub(crate) n_orders: i64,
    pub(crate) appeal: Appeal,
    /// For each device, whether the customer has logged in on it.
    logged_in: Vec<bool>,
}

/// A visit to the web site or the app while it lasts.
pub(crate) struct Session {
    pub(crate) day_idx: i64,
    /// When the next thing happens.
    pub(crate) at_ms: i64,
    device_idx: usize,
    pub(crate) user_id: Option<String>,
    pub(crate) anonymous_id: Option<String>,
    context: Context,
    clock_ahead_ms: i64,
    pub(crate) cart: Vec<Line>,
}

/// Days of one year, for what fades.
const YEAR_DAYS: f64 = 365.0;
/// Sessions in which a known customer has forgotten to log in.
const LOGGED_OUT: f64 = 0.08;
/// Sessions on a new device in which the customer logs in before ordering.
const LOGS_IN: f64 = 0.4;
/// Seconds between two things done in a session, and the spread of their logarithm.
const PACE_S: (f64, f64) = (38.0, 0.8);
/// How a campaign that was followed raises the appetite.
const APPETITE: f64 = 1.5;

/// Returns all a customer says and does, in the order of time.
pub(crate) fn live(shop: &Shop, plan: &Plan, dice: Dice) -> Vec<Message> {
    let logged_in = vec![false; plan.devices.len()];
    let appeal = shop.appeal(plan.habits.levels.price);
    let mut life = Life { shop, plan, dice, messages: Vec::new(), n_orders: 0, appeal, logged_in };
    for day_idx in plan.days.clone() {
        if !plan.away.contains(&day_idx) || day_idx == plan.days.start {
            life.day(day_idx);
        }
        life.administration(day_idx);
    }
    let mut messages = life.messages;
    messages.sort_by_key(|message| message.at_ms);
    messages.retain(|message| message.at_ms < shop.end_ms());
    messages
}

impl Life<'_> {
    fn day(&mut self, day_idx: i64) {
        let levels = self.plan.habits.levels;
        if day_idx == self.plan.days.start {
            self.sign_up(day_idx);
        }
        let busy = self.busy(day_idx);
        for _ in 0..self.dice.poisson(levels.online_per_week / 7.0 * busy) {
            let at_ms = self.shop.at(day_idx, self.plan.habits.hour(&mut self.dice));
            self.online(day_idx, at_ms, None);
        }
        for _ in 0..self.dice.poisson(levels.store_per_week / 7.0 * busy).min(1) {
            self.store_visit(day_idx);
        }
        let shop = self.shop;
        for campaign in shop.campaigns.iter().filter(|campaign| campaign.day_idx == day_idx) {
            self.receive(campaign);
        }
    }

    /// Returns how much more than usual happens on a day.
    fn busy(&self, day_idx: i64) -> f64 {
        let habits = &self.plan.habits;
        let Some(day) = usize::try_from(day_idx).ok().and_then(|idx| self.shop.days.get(idx)) else {
            return 0.0;
        };
        let years = real(day_idx - self.plan.days.start) / YEAR_DAYS;
        habits.weekdays[day.weekday] * habits.months[day.month] * (-habits.levels.fade * years).exp()
    }

    /// The first contact: at the counter, or online with an account opened at the end.
    fn sign_up(&mut self, day_idx: i64) {
        let levels = self.plan.habits.levels;
        let at_ms = self.shop.at(day_idx, self.plan.habits.hour(&mut self.dice));
        let counter = levels.store_per_week / (levels.store_per_week + levels.online_per_week);
        if self.dice.chance(counter) {
            let mut message = self.server_message("identify", at_ms, "store");
            message.traits = Some(Box::new(self.traits()));
            self.messages.push(message);
        } else {
            let mut session = self.session(day_idx, at_ms, None);
            self.browse(&mut session, 1.0);
            self.log_in(&mut session);
        }
        if let Some(referrer_id) = self.plan.referred_by.clone() {
            let properties = Properties { referrer_id: Some(referrer_id), ..Properties::default() };
            self.track_server("Invite Accepted", at_ms + 3_600_000, properties);
        }
    }

    /// What the shop's own systems report: the end of an old id, the company.
    fn administration(&mut self, day_idx: i64) {
        if self.plan.previous.as_ref().is_some_and(|(_, alias_day)| *alias_day == day_idx) {
            let mut message = self.server_message("alias", self.shop.at(day_idx, 0.0), "server");
            message.previous_id = self.plan.previous.as_ref().map(|(previous_id, _)| previous_id.clone());
            self.messages.push(message);
        }
        if self.plan.company_id.is_some() && day_idx == self.plan.days.start {
            let mut message = self.server_message("group", self.shop.at(day_idx, 23.9), "server");
            message.group_id.clone_from(&self.plan.company_id);
            let industry = self.dice.pick(&["Law", "Health", "Construction", "Software", "Education"]);
            let employees = Some(self.dice.between(3, 250));
            let name = self.plan.company_id.clone();
            message.traits = Some(Box::new(Traits { name, industry: Some(industry), employees, ..Traits::default() }));
            self.messages.push(message);
        }
    }

    fn receive(&mut self, campaign: &Campaign) {
        let plan = self.plan;
        if !plan.person.subscribed {
            return;
        }
        let chances = plan.habits.chances;
        let properties = || Properties {
            campaign_id: Some(campaign.id.clone()),
            campaign_name: Some(campaign.name.clone()),
            ..Properties::default()
        };
        let sent_ms = self.shop.at(campaign.day_idx, 8.0) + self.dice.between(0, 1_800_000);
        self.track_email("Campaign Received", sent_ms, properties());
        // What suits the taste is opened more.
        let taste: f64 = plan.habits.categories.iter().sum();
        let liked = plan.habits.categories[campaign.category_idx] / taste > 0.15;
        if !self.dice.chance(if liked { chances.open.sqrt() } else { chances.open }) {
            return;
        }
        let hour = plan.habits.hour(&mut self.dice);
        let opened_ms = self.shop.at(campaign.day_idx, hour).max(sent_ms + 60_000);
        self.track_email("Email Opened", opened_ms, properties());
        if self.dice.chance(chances.click) {
            self.track_email("Email Link Clicked", opened_ms + 20_000, properties());
            self.online(campaign.day_idx, opened_ms + 25_000, Some(campaign));
        }
    }

    fn online(&mut self, day_idx: i64, at_ms: i64, campaign: Option<&Campaign>) {
        let mut session = self.session(day_idx, at_ms, campaign);
        let known = session.user_id.is_some();
        self.browse(&mut session, if campaign.is_some() { APPETITE } else { 1.0 });
        if !known && !self.logged_in[session.device_idx] && self.dice.chance(LOGS_IN) {
            self.log_in(&mut session);
        }
        let order = self.plan.habits.chances.order;
        if !session.cart.is_empty() && self.dice.chance(order) {
            self.order_online(&mut session);
        }
    }

    fn session(&mut self, day_idx: i64, at_ms: i64, campaign: Option<&Campaign>) -> Session {
        let plan = self.plan;
        let device_idx = self.choose_device(day_idx);
        let device = &plan.devices[device_idx];
        let logged_in = self.logged_in[device_idx] && !self.dice.chance(LOGGED_OUT);
        let mut context = device_context(device);
        context.campaign = campaign.map(CampaignContext::of);
        Session {
            day_idx,
            at_ms,
            device_idx,
            user_id: logged_in.then(|| plan.user_id_on(day_idx).to_owned()),
            anonymous_id: Some(device.anonymous_id.clone()),
            context,
            clock_ahead_ms: device.clock_ahead_ms,
            cart: Vec::new(),
        }
    }

    fn choose_device(&mut self, day_idx: i64) -> usize {
        let chances = self.plan.habits.chances;
        let kind = if self.dice.chance(chances.app) {
            DeviceKind::App
        } else if self.dice.chance(chances.phone) {
            DeviceKind::Phone
        } else if self.plan.customer_idx.is_multiple_of(5) && self.dice.chance(0.4) {
            DeviceKind::Tablet
        } else {
            DeviceKind::Laptop
        };
        let fits = |device: &Device| device.kind == kind && device.days.contains(&day_idx);
        // Of each kind one device is in use on any day.
        self.plan.devices.iter().position(fits).unwrap_or(0)
    }

    fn browse(&mut self, session: &mut Session, appetite: f64) {
        let plan = self.plan;
        let chances = plan.habits.chances;
        self.look_at_page(session);
        let mut category_idx = self.dice.weighted(&plan.habits.categories);
        if self.dice.chance(chances.search) {
            let query = Some(CATEGORIES[category_idx].name.to_lowercase());
            self.track(session, "Products Searched", Properties { query, ..Properties::default() });
        }
        for _ in 0..=self.dice.poisson((plan.habits.levels.views - 1.0).max(0.1)) {
            if self.dice.chance(0.3) {
                category_idx = self.dice.weighted(&plan.habits.categories);
            }
            let product = self.shop.product(&mut self.dice, &self.appeal, category_idx);
            let viewed =
                Properties { product: Some(Line::of(product, None)), currency: Some("EUR"), ..Properties::default() };
            self.track(session, "Product Viewed", viewed);
            let in_cart = session.cart.iter().any(|line| line.product_id == product.product_id);
            if !in_cart && self.dice.chance(chances.add * appetite) {
                let quantity = 1 + self.dice.poisson((plan.habits.levels.quantity - 1.0).max(0.02));
                let line = Line::of(product, Some(quantity));
                session.cart.push(line.clone());
                let added = Properties { product: Some(line), currency: Some("EUR"), ..Properties::default() };
                self.track(session, "Product Added", added);
            }
        }
    }

    fn look_at_page(&mut self, session: &mut Session) {
        let app = session.context.channel == "app";
        let mut message = self.message(session, if app { "screen" } else { "page" });
        message.name = Some("Home");
        message.properties = Some(Box::new(Properties { path: (!app).then_some("/"), ..Properties::default() }));
        self.messages.push(message);
    }

    /// Logs in: from here on the messages of this device carry the user id.
    pub(crate) fn log_in(&mut self, session: &mut Session) {
        self.logged_in[session.device_idx] = true;
        session.user_id = Some(self.plan.user_id_on(session.day_idx).to_owned());
        let mut message = self.message(session, "identify");
        message.traits = Some(Box::new(self.traits()));
        self.messages.push(message);
    }

    fn traits(&self) -> Traits {
        let person = &self.plan.person;
        Traits {
            email: Some(person.email.clone()),
            name: Some(person.name.clone()),
            city: Some(person.city),
            age_group: Some(person.age_group),
            household_size: Some(person.household_size),
            newsletter: Some(person.subscribed),
            created_at: Some(written(self.shop.at(self.plan.days.start, 0.0))),
            referred_by: self.plan.referred_by.clone(),
            ..Traits::default()
        }
    }

    pub(crate) fn track(&mut self, session: &mut Session, event: &'static str, properties: Properties) {
        let mut message = self.message(session, "track");
        message.event = Some(event);
        message.properties = Some(Box::new(properties));
        self.messages.push(message);
    }

    /// Returns a message of the session and lets its time pass.
    fn message(&mut self, session: &mut Session, kind: &'static str) -> Message {
        let at_ms = session.at_ms;
        session.at_ms += crate::dice::whole(self.dice.positive(PACE_S.0, PACE_S.1) * 1_000.0).clamp(800, 1_200_000);
        Message {
            at_ms,
            clock_ahead_ms: session.clock_ahead_ms,
            kind,
            message_id: self.dice.uuid(),
            user_id: session.user_id.clone(),
            anonymous_id: session.anonymous_id.clone(),
            context: session.context.clone(),
            ..Message::default()
        }
    }

    fn track_email(&mut self, event: &'static str, at_ms: i64, properties: Properties) {
        let mut message = self.server_message("track", at_ms, "email");
        message.event = Some(event);
        message.properties = Some(Box::new(properties));
        self.messages.push(message);
    }

    pub(crate) fn track_server(&mut self, event: &'static str, at_ms: i64, properties: Properties) {
        let mut message = self.server_message("track", at_ms, "server");
        message.event = Some(event);
        message.properties = Some(Box::new(properties));
        self.messages.push(message);
    }

    /// Returns a message of one of the shop's systems, which know the user id only.
    pub(crate) fn server_message(&mut self, kind: &'static str, at_ms: i64, channel: &'static str) -> Message {
        let day_idx = (at_ms - self.shop.at(0, 0.0)).div_euclid(DAY_MS);
        let library = Named { name: "analytics-python" };
        Message {
            at_ms,
            kind,
            message_id: self.dice.uuid(),
            user_id: Some(self.plan.user_id_on(day_idx).to_owned()),
            context: Context { channel, library, ..Context::default() },
            ..Message::default()
        }
    }
}

fn device_context(device: &Device) -> Context {
    let (channel, library, kind, os) = match device.kind {
        DeviceKind::Laptop => ("web", "analytics.js", "desktop", "Windows"),
        DeviceKind::Tablet => ("web", "analytics.js", "tablet", "iPadOS"),
        DeviceKind::Phone => ("web", "analytics.js", "mobile", "Android"),
        DeviceKind::App => ("app", "analytics-kotlin", "mobile", "Android"),
    };
    Context {
        channel,
        library: Named { name: library },
        device: Some(DeviceContext { kind }),
        os: Some(Named { name: os }),
        locale: Some("de-DE"),
        ..Context::default()
    }
}
