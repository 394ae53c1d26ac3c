// The page in a real browser, on a home with personas: every page is opened in both themes and at two widths,
// what can be pressed is pressed, nothing is logged as an error, no request leaves the host, and axe finds
// nothing against WCAG 2.2 AA.
//
// node tests/page.mjs URL TOKEN SCREENSHOTS, with THRONG_TEST_CHROMIUM naming the browser.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const [url, token, screenshots] = process.argv.slice(2);
assert(url && token && screenshots, 'say URL TOKEN SCREENSHOTS');
await mkdir(screenshots, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.THRONG_TEST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
const troubles = [];
page.on('console', (message) => {
  // That nobody has signed in yet is an answer; a browser logs it all the same.
  const expected = /status of 40[14]/.test(message.text());
  if (['error', 'warning'].includes(message.type()) && !expected) troubles.push(`${page.url()}: ${message.text()}`);
});
page.on('pageerror', (error) => troubles.push(`${page.url()}: ${error}`));
page.on('request', (request) => {
  const asked = new URL(request.url());
  if (asked.protocol !== 'data:' && asked.host !== new URL(url).host) troubles.push(`${page.url()} asked ${asked}`);
});

const settled = async () => {
  await page.waitForLoadState('load');
  const still = () => document.querySelector('main h1') !== null && document.querySelector('.waiting') === null;
  await page.waitForFunction(still, undefined, { timeout: 60_000 });
  // What an answer shows may ask for more.
  await page.waitForTimeout(150);
  await page.waitForFunction(still, undefined, { timeout: 60_000 });
};
const judged = async (name) => {
  const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  for (const one of found.violations) {
    troubles.push(`${name}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
  }
};

// The first visitor becomes the administrator, and can come back.
await page.goto(url);
await page.getByRole('heading', { name: 'Welcome to Throng' }).waitFor();
await judged('welcome');
await page.goto(`${url}/?first=${token}`);
await page.getByLabel('Name').fill('ann');
await page.getByLabel('Password').fill('short');
await page.getByRole('button', { name: 'Begin' }).click();
assert(await page.getByRole('heading', { name: 'Welcome to Throng' }).isVisible(), 'a short password is refused');
await page.getByLabel('Password').fill('a password for tests');
await page.getByRole('button', { name: 'Begin' }).click();
await page.getByRole('heading', { level: 1, name: /personas/ }).waitFor();
assert(!page.url().includes('first='), 'the token leaves the address');
await page.getByRole('button', { name: 'Sign out' }).click();
await page.getByRole('heading', { name: 'Sign in' }).waitFor();
await judged('sign in');
await page.screenshot({ path: join(screenshots, 'sign-in.png') });
await page.getByLabel('Name').fill('ann');
await page.getByLabel('Password').fill('not the password');
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByRole('alert').waitFor();
await page.getByLabel('Password').fill('a password for tests');
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByRole('heading', { level: 1, name: /personas/ }).waitFor();
await settled();

// The numbers of the page are those of the command line.
const json = (path) => page.evaluate(async (path) => (await fetch(path)).json(), path);
const book = await json('/v1/ask/personas/show');
const customer = book.personas[0].exemplars[0];
for (const persona of book.personas) {
  await page.goto(`${url}/personas/${persona.id}`);
  await settled();
  const text = await page.locator('main').innerText();
  const count = new Intl.NumberFormat('en-GB').format(persona.n_customers);
  assert(text.includes(persona.name) && text.includes(count), `${persona.id} has its name and its ${count} customers`);
  const said = text.toLowerCase();
  for (const claim of persona.claims) assert(said.includes(claim.statement.toLowerCase()), claim.statement);
}

// Evidence opens.
await page.goto(`${url}/personas/${book.personas[0].id}`);
await settled();
const claim = page.locator('.claims details').first();
await claim.locator('summary').click();
assert((await claim.locator('pre').innerText()).includes('SELECT'), 'a claim opens to its query');

// A step of a flow opens to its customers, who open to themselves.
await page.goto(`${url}/journeys`);
await settled();
await page.getByText('The same as a table').click();
await page.locator('details table button').first().click();
await settled();
const behind = page.getByRole('region', { name: /Customers behind/ });
await behind.getByRole('link').nth(1).click();
await page.waitForURL(/\/customers\/./);
await settled();
assert((await page.locator('main').innerText()).includes('Latest events'));
await page.goBack();
await settled();
assert(page.url().includes('customers='), 'what was open is in the address');

// A funnel is made of two choices.
await page.goto(`${url}/journeys?view=funnel`);
await settled();
for (const label of ['Another step', 'Another step']) {
  await page.getByLabel(label).selectOption({ index: (await page.getByLabel(/^Step/).count()) + 1 });
  await settled();
}
await page.locator('section table tbody tr').first().waitFor();
const funnel = page.url().slice(url.length);

// Anywhere from anywhere, by keys alone.
await page.keyboard.press('Control+k');
await page.getByRole('combobox', { name: 'Where to' }).fill('comp');
await page.keyboard.press('Enter');
await page.getByRole('heading', { level: 1, name: 'Compare' }).waitFor();

// Somebody nobody knows is said to be unknown, whatever the name.
for (const strange of ['<script>alert(1)</script>', '\u202eabc', '😀', 'x'.repeat(10_000).slice(0, 2_000)]) {
  await page.goto(`${url}/customers/${encodeURIComponent(strange)}`);
  await settled();
  assert(await page.getByRole('alert').isVisible(), strange);
}

// Moves arrive while one looks.
await page.goto(`${url}/live`);
await page.getByText('open', { exact: true }).waitFor();
await page.getByRole('button', { name: 'Pause' }).click();
await page.getByRole('button', { name: /Go on/ }).click();

// Every page, in both themes and at two widths.
const pages = {
  overview: '/',
  persona: `/personas/${book.personas[0].id}`,
  compare: '/compare',
  journeys: '/journeys',
  funnel,
  retention: '/journeys?view=retention',
  transitions: '/journeys?view=transitions',
  customers: `/customers?persona=${book.personas[0].id}`,
  customer: `/customers/${encodeURIComponent(customer)}`,
  live: '/live',
  data: '/data',
  model: '/model',
};
for (const theme of ['light', 'dark']) {
  await page.evaluate((theme) => localStorage.setItem('theme', theme), theme);
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(url + path);
      await settled();
      await page.screenshot({ path: join(screenshots, `${name}-${theme}-${width}.png`), fullPage: true });
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (beyond > 0) troubles.push(`${name} at ${width} px is ${beyond} px too wide`);
      await judged(`${name} (${theme}, ${width} px)`);
    }
  }
}

// What a first visit loads.
const scripts = await page.evaluate(() =>
  performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.js')).reduce((sum, one) => sum + one.encodedBodySize, 0),
);
assert(scripts < 300_000, `${scripts} bytes of script`);
await browser.close();
assert.deepEqual(troubles, []);
console.log(`every page was opened; ${scripts} bytes of script`);
