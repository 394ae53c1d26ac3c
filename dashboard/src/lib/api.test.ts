import { expect, test } from 'vitest';

import { question } from './api';

test('a question is asked in the words of the command line', () => {
  expect(question('personas list')).toBe('/v1/ask/personas/list');
  expect(question('journeys funnel', ['Product Viewed', 'A&B'], { persona: ['p1', 'p2'], top: 5, keep: true })).toBe(
    '/v1/ask/journeys/funnel?persona=p1&persona=p2&top=5&keep=&_=Product+Viewed&_=A%26B',
  );
  expect(question('profile', ['<b>'], { events: undefined, since: '' })).toBe('/v1/ask/profile?_=%3Cb%3E');
});
