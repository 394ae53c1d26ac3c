import { describe, expect, it } from 'vitest';

import { claimsCsv, csv, markdown } from './export';
import type { Persona } from './types';

const persona: Persona = {
  id: 'p1',
  name: 'Night <b>shoppers</b>',
  summary: 'They shop | at night.',
  n_customers: 1200,
  share: 0.4,
  revenue: null,
  negative: null,
  stability: 0.9,
  confidence: 'stable',
  exemplars: [],
  sub_kinds: [],
  claims: [
    {
      id: 'c1', kind: 'distinction', statement: 'order 2.5× as "often"', measure: 'mean_ratio', subject: 'orders', value: null, against: null,
      evidence: {
        persona_value: 5, rest_value: 2, n_persona: 1200, n_rest: 1800, effect: 'cliffs_delta', effect_value: 0.6, effect_low: 0.5, effect_high: 0.7,
        effect_word: 'large', contrast: 'ratio', interval_low: 2.3, interval_high: 2.7, query: 'SELECT 1',
      },
    },
  ],
};

describe('files', () => {
  it('quotes what would break a table, and never starts a formula', () => {
    expect(csv([['a,b', 'say "x"', '=1+1', -3, null]])).toBe('"a,b","say ""x""",\'=1+1,-3,\r\n');
  });

  it('has every claim with its numbers', () => {
    const lines = claimsCsv(persona).trimEnd().split('\r\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('"order 2.5× as ""often""",5,1200,all others,2,1800');
  });

  it('says in Markdown what the page says, and nothing becomes markup', () => {
    const text = markdown(persona, [{ persona: 'p1', text: 'Only\n# at night', source: 'Anna', noted_at: '' }], '2024-06-30');
    expect(text).toContain('# p1 Night \\<b\\>shoppers\\</b\\>');
    expect(text).toContain('They shop \\| at night.');
    expect(text).toContain('- Only \\# at night (Anna)');
    expect(text).toContain('| 5 | 2 | 1,200 |');
  });
});
