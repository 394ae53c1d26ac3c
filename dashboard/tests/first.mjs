// A first visitor on an empty home: becomes the administrator, brings a file, and finds personas, without a terminal.
//
// node tests/first.mjs URL TOKEN FILE SCREENSHOTS, with THRONG_TEST_CHROMIUM naming the browser.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const [url, token, file, screenshots] = process.argv.slice(2);
assert(url && token && file && screenshots, 'say URL TOKEN FILE SCREENSHOTS');
await mkdir(screenshots, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.THRONG_TEST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await (await browser.newContext({ locale: 'en-GB', viewport: { width: 1440, height: 900 } })).newPage();
const troubles = [];
page.on('pageerror', (error) => troubles.push(`${error.stack}`));

await page.goto(`${url}/?first=${token}`);
await page.getByLabel('Name').fill('ann');
await page.getByLabel('Password').fill('a password for tests');
await page.getByRole('button', { name: 'Begin' }).click();
await page.getByRole('heading', { level: 1, name: 'Three steps to your personas' }).waitFor();
const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
assert.deepEqual(violations.map((one) => `${one.help}: ${one.nodes[0]?.html}`), []);
await page.screenshot({ path: join(screenshots, 'first-steps.png'), fullPage: true });

// What is no data is refused with the reason, and nothing is lost by it.
await page.locator('input[type=file]').setInputFiles({ name: 'noise.bin', mimeType: 'application/octet-stream', buffer: Buffer.from([0, 255, 1, 254, 0, 7]) });
await page.getByRole('alert').filter({ hasText: 'noise.bin was not imported' }).waitFor({ timeout: 60_000 });

await page.locator('input[type=file]').setInputFiles(file);
await page.getByText('was read as segment').waitFor({ timeout: 120_000 });
await page.screenshot({ path: join(screenshots, 'first-import.png'), fullPage: true });

await page.getByLabel('Divide them by degrees').check();
await page.getByRole('button', { name: 'Find personas' }).click();
await page.locator('.steps li').first().waitFor({ timeout: 60_000 });
await page.screenshot({ path: join(screenshots, 'first-search.png'), fullPage: true });
await page.getByRole('heading', { level: 1, name: /customers, \d+ personas/ }).waitFor({ timeout: 300_000 });
await page.screenshot({ path: join(screenshots, 'first-personas.png'), fullPage: true });

// The server knows the features that were found, without being started again by anybody.
const book = await page.evaluate(async () => (await fetch('/v1/ask/personas/list')).json());
const customer = book.personas[0].exemplars[0];
let features = {};
for (let tries = 0; tries < 240 && Object.keys(features).length === 0; tries += 1) {
  await page.waitForTimeout(500);
  features = await page.evaluate(
    async (id) => {
      const answer = await fetch(`/v1/profiles/${encodeURIComponent(id)}`).catch(() => null);
      return answer?.ok ? (await answer.json()).features : {};
    },
    customer,
  );
}
assert(Object.keys(features).length > 10, 'the live profile has features');
await browser.close();
assert.deepEqual(troubles, []);
console.log('from an empty home to personas');
