// The page in a real browser, on a home with personas: every page is opened in both themes and at two widths,
// what can be pressed is pressed, nothing is logged as an error, no request leaves the host, and axe finds
// nothing against WCAG 2.2 AA.
//
// node tests/page.mjs URL TOKEN SCREENSHOTS, with THRONG_TEST_CHROMIUM naming the browser.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
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
  if (!['data:', 'blob:'].includes(asked.protocol) && asked.host !== new URL(url).host) troubles.push(`${page.url()} asked ${asked}`);
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

// How far they come is what the command line counts, beside everybody.
const funnels = [await json(`/v1/ask/journeys/funnel?persona=${book.personas[0].id}`), await json('/v1/ask/journeys/funnel')];
await page.goto(`${url}/personas/${book.personas[0].id}`);
await settled();
const reached = await page.locator('section', { hasText: 'How far they come' }).locator('tbody tr').allInnerTexts();
assert.equal(reached.length, funnels[0].steps.length);
const counted = new Intl.NumberFormat('en-GB');
for (const [at, step] of funnels[0].steps.entries()) assert(reached[at].includes(step.key) && reached[at].includes(counted.format(step.n_customers)), reached[at]);

// So is where they stop, and what happens at all.
const last = new Date(book.as_of);
const since = new Date(last - 27 * 86_400_000).toISOString().slice(0, 10);
const stops = await json(`/v1/ask/journeys/friction?since=${since}&until=${book.as_of}&top=3`);
await page.goto(url);
await settled();
const stopped = await page.locator('section', { hasText: 'Where they stop' }).locator('tbody tr').allInnerTexts();
for (const [at, step] of stops.steps.slice(0, 3).entries()) assert(stopped[at].includes(`${counted.format(step.n_lost)} of ${counted.format(step.n_journeys)}`), stopped[at]);
const happens = await json('/v1/ask/journeys/touchpoints?top=30');
const { features: catalogue } = await json('/v1/ask/features/list');
await page.goto(`${url}/data`);
await settled();
const named = await page.locator('section', { hasText: 'What happens' }).locator('tbody tr').allInnerTexts();
for (const [at, one] of happens.touchpoints.entries()) assert(named[at].includes(counted.format(one.n_events)) && named[at].includes(counted.format(one.n_customers)), named[at]);
assert(catalogue.every((feature) => feature.n_known > 0 && feature.n_known <= book.n_customers), 'features are known of customers');
assert(!(await page.locator('main').innerText()).includes('NaN'), 'every feature has its share');

// What was put aside is read again by an administrator.
const aside = await json('/v1/ask/quarantine/list');
await page.getByRole('button', { name: 'Read them again' }).click();
await page.getByRole('status').filter({ hasText: `${counted.format(aside.n_rows)} are left` }).waitFor({ timeout: 60_000 });

// Evidence opens.
await page.goto(`${url}/personas/${book.personas[0].id}`);
await settled();
const claim = page.locator('.claims details').first();
await claim.locator('summary').click();
assert((await claim.locator('pre').innerText()).includes('SELECT'), 'a claim opens to its query');

// What is seen can be taken along.
const taken = async (button) => {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()]);
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
};
const { id, claims } = book.personas[0];
const table = await taken('Claims as CSV');
assert.equal(table.name, `${id}.csv`);
assert.equal(table.bytes.toString().trimEnd().split('\r\n').length, claims.length + 1);
assert((await taken('All as Markdown')).bytes.toString().startsWith(`# ${id} `));
const picture = await taken('Pictures as PNG');
assert(picture.name.endsWith('.png') && picture.bytes.subarray(1, 4).toString() === 'PNG' && picture.bytes.length > 2_000, 'a picture is one');

// A note is kept as it was said, and does nothing.
const heard = 'They wait for the <script>alert(1)</script> sale 😀 \u202eabc';
await page.getByText('Write a note').click();
await page.getByLabel('What you heard').fill(heard);
await page.getByLabel('Where it comes from').fill('interview, Anna');
await page.getByRole('button', { name: 'Keep it' }).click();
await page.locator('.note', { hasText: 'interview, Anna' }).waitFor();
assert((await page.locator('.note').first().innerText()).includes(heard.slice(0, 40)), 'the note says what was heard');
assert.deepEqual((await json(`/v1/ask/personas/notes?_=${id}`)).map((note) => note.text), [heard]);

// A part of the map opens to its customers; everybody is in the whole of it.
await page.setViewportSize({ width: 1440, height: 1100 });
await page.goto(`${url}/map`);
await settled();
const drawn = await page.locator('figure svg').boundingBox();
await page.mouse.move(drawn.x + 2, drawn.y + 2);
await page.mouse.down();
await page.mouse.move(drawn.x + drawn.width - 2, drawn.y + drawn.height - 2, { steps: 4 });
await page.mouse.up();
await settled();
const whole = new Intl.NumberFormat('en-GB').format(book.n_customers);
assert((await page.getByText('Who is there').locator('xpath=../..').innerText()).includes(`${whole} customers`), 'everybody is on the map');
assert(page.url().includes('within='), 'what is chosen is in the address');
const list = await taken('Download the list (CSV)');
assert.equal(list.bytes.toString().trimEnd().split('\r\n').length, book.n_customers + 1);
await page.getByText('By numbers').click();
await page.getByLabel('Right').fill('20');
await page.getByLabel('Right').press('Tab');
await settled();
assert(!(await page.getByText('Who is there').locator('xpath=../..').innerText()).includes(`${whole} customers`), 'a part by numbers is smaller');

await page.setViewportSize({ width: 1440, height: 900 });

// Two personas differ in their journeys by what the command line says.
const [one, other] = book.personas.map((persona) => persona.id);
await page.goto(`${url}/journeys?view=retention&persona=${one}&beside=${other}`);
await settled();
const beside = await json(`/v1/ask/journeys/retention?persona=${one}&persona=${other}`);
assert((await page.locator('main table').innerText()).includes(beside.rows[0].key), 'both stand side by side');

// So they do in what is known of them, and one of them on two days.
await page.goto(`${url}/compare?persona=${one}&persona=${other}`);
await settled();
const differ = await json(`/v1/ask/personas/compare?_=${one}&_=${other}`);
const section = page.locator('section', { hasText: 'What they differ in' });
const differing = differ.rows.filter((row) => row.apart).slice(0, 25);
const told = (await section.innerText()).toLowerCase();
for (const row of differing) assert([row.what.toLowerCase(), ...row.texts].every((text) => told.includes(text.toLowerCase())), row.what);
await section.locator('summary').first().click();
assert((await section.locator('pre').first().innerText()).includes('SELECT'), 'a difference opens to its query');
await page.getByRole('button', { name: 'Compare the days' }).click();
await page.getByText('of them on both days').waitFor({ timeout: 120_000 });
assert(page.url().includes('then_day='), 'the days are in the address');

// Files are brought here.
await page.goto(`${url}/data`);
await settled();
const rows = ['email,created_at,event,amount', ...Array.from({ length: 40 }, (_, at) => `buyer${at}@example.com,2024-05-${String((at % 28) + 1).padStart(2, '0')}T10:00:00Z,Order Completed,${at + 1}.50`)];
await page.locator('input[type=file]').setInputFiles({ name: 'shop <b>.csv', mimeType: 'text/csv', buffer: Buffer.from(rows.join('\n')) });
await page.getByText('40 rows').waitFor({ timeout: 60_000 });

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
const lived = await page.locator('main').innerText();
for (const part of ['Latest events', 'How that went', 'Why these are one person']) assert(lived.includes(part), part);
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
  map: '/map?within=-inf,-inf,0,inf',
  compare: '/compare',
  difference: `/journeys?persona=${one}&beside=${other}`,
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
// How long a persona takes to be read on a page that is opened anew; what is said of it, not all its pictures.
const times = [];
for (const persona of book.personas) {
  await page.goto('about:blank');
  const begun = performance.now();
  await page.goto(`${url}/personas/${persona.id}`);
  await page.locator('.claims details').first().waitFor();
  times.push(Math.round(performance.now() - begun));
}
await browser.close();
assert.deepEqual(troubles, []);
console.log(`every page was opened; a persona page was there after ${times.join(', ')} ms; ${scripts} bytes of script`);
