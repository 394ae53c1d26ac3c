import { expect, it } from 'vitest';

import { bands } from './bands';

const personas = [{ id: 'p1', name: 'One' }, { id: 'p2', name: 'Two' }];

it('bands lie on each other and fill the whole', () => {
  const days = [
    { day: '2024-01-01', shares: [0.25, 0.5], unassigned: 0.25 },
    { day: '2024-01-08', shares: [1, 0], unassigned: 0 },
  ];
  const found = bands({ model: 'm1', personas, days }, 100, 40);
  expect(found.map((band) => [band.id, band.path])).toEqual([
    ['p1', 'M0 30L100 0L100 40L0 40Z'],
    ['p2', 'M0 10L100 0L100 0L0 30Z'],
    [null, 'M0 0L100 0L100 0L0 10Z'],
  ]);
});

it('one day is a stripe', () => {
  const found = bands({ model: 'm1', personas, days: [{ day: '2024-01-01', shares: [0.5, 0.5], unassigned: 0 }] }, 100, 40);
  expect(found[0]?.path).toBe('M0 20L100 20L100 40L0 40Z');
});
