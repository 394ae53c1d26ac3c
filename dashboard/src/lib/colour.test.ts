import { expect, test } from 'vitest';

import { colour } from './colour';

test('a persona keeps its colour, and so do the kinds within it', () => {
  expect(['p1', 'p2.3', 'p10', 'p11', null, 'other'].map(colour)).toEqual(['p1', 'p2', 'p10', 'p1', 'p0', 'p0']);
});
