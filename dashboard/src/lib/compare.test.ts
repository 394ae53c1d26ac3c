import { expect, test } from 'vitest';

import { differences } from './compare';
import type { Claim, Persona } from './types';

const claim = (subject: string | null, value: number, effect: number, against: string | null = null): Claim => ({
  id: `${subject}${value}`,
  kind: 'high',
  statement: `${subject} is high`,
  measure: 'mean_ratio',
  subject,
  value: null,
  against,
  evidence: {
    persona_value: value,
    rest_value: 1,
    n_persona: 10,
    n_rest: 90,
    effect: 'cohens_d',
    effect_value: effect,
    effect_low: 0,
    effect_high: 1,
    effect_word: 'large',
    contrast: 'ratio',
    interval_low: 1,
    interval_high: 2,
    query: '',
  },
});

const persona = (id: string, claims: Claim[]): Persona => ({
  id,
  name: id,
  summary: '',
  n_customers: 10,
  share: 0.1,
  revenue: null,
  stability: 1,
  confidence: 'stable',
  claims,
  exemplars: [],
  sub_kinds: [],
});

test('what is said of both stands in one row, the largest effect first', () => {
  const first = persona('p1', [claim('orders', 5, 0.4), claim('spend', 100, -0.9), claim('spend', 100, 0.1, 'p2')]);
  const second = persona('p2', [claim('spend', 3, 0.2), claim('visits', 7, 0.6), claim(null, 0.3, 2)]);
  expect(differences(first, second).map((row) => [row.key.split('|')[1], row.first, row.second, row.of])).toEqual([
    ['spend', 100, 3, 'p1'],
    ['visits', null, 7, 'p2'],
    ['orders', 5, null, 'p1'],
  ]);
});
