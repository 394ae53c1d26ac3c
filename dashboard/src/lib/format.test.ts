import { expect, test } from 'vitest';

import { count, day, money, number, plural, sentence, share, short, span } from './format';

test('shares never claim all or nothing', () => {
  expect([0, 0.001, 0.0449, 0.5, 0.996, 1].map(share)).toEqual(['0%', '< 1%', '4.5%', '50%', '> 99%', '100%']);
});

test('numbers keep three digits where they are small', () => {
  expect([12_345.6, 0.01234, 7, 3.14159].map(number)).toEqual(['12,346', '0.0123', '7', '3.14']);
  expect(count(1_234_567)).toBe('1,234,567');
});

test('money is in the minor units of its currency', () => {
  expect(money(123_456, 'EUR')).toBe('€1,235');
  expect(money(1_234, 'USD')).toBe('$12.34');
  expect(money(500, 'JPY')).toBe('¥500');
  expect(money(500, 'no currency')).toBe('500 no currency');
});

test('spans and days read as people say them', () => {
  expect([5, 90, 7_200, 200_000].map(span)).toEqual(['5 seconds', '1.5 minutes', '2 hours', '2.3 days']);
  expect(day('2024-03-01')).toBe('Mar 1, 2024');
  expect(day('never')).toBe('never');
});

test('words are whole letters however strange they are', () => {
  expect(short('👩‍👩‍👧'.repeat(50), 4)).toHaveLength([...short('👩‍👩‍👧'.repeat(50), 4)].join('').length);
  expect(short('abc', 3)).toBe('abc');
  expect(sentence('no order')).toBe('No order');
  expect([plural(1, 'customer'), plural(2, 'customer')]).toEqual(['1 customer', '2 customers']);
  expect([plural(1, 'history'), plural(2, 'history'), plural(2, 'day')]).toEqual(['1 history', '2 histories', '2 days']);
});
