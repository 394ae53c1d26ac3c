import { expect, test } from 'vitest';

import { steepest } from './compare';

const row = (key: string, estimate: number | null) => ({
  key,
  groups: [],
  difference: estimate === null ? null : { estimate, low: 0, high: 0, q_value: 0, significant: true },
});

test('rows of all lists come together, the greatest difference first', () => {
  const answer = { unit: 'visit', rows: [row('a', 0.1), row('b', -0.4), row('c', null)], others: [row('d', 0.4), { key: 'no row' }] };
  expect(steepest(answer, false).map((one) => one.key)).toEqual(['b', 'd', 'a', 'c']);
  expect(steepest(answer, true).map((one) => one.key)).toEqual(['a', 'b', 'c', 'd']);
});
