import { describe, expect, it } from 'vitest';

import { between, chosen, condition, dots, within } from './map';
import type { MapAxis } from './types';

const axis = (low: number, high: number): MapAxis => ({ share: 0.5, low, high, along: '', features: [] });
const map = { axes: [axis(-2, 2), axis(0, 10)] as [MapAxis, MapAxis], n_squares: 20 };

describe('the map', () => {
  it('shows a square for whom most of its customers count', () => {
    const found = dots([
      [1, 2, 'p1', 3],
      [1, 2, null, 5],
      [4, 4, 'p2', 1],
    ]);
    expect(found.map((dot) => [dot.column, dot.persona, dot.n])).toEqual([
      [4, 'p2', 1],
      [1, null, 8],
    ]);
    expect(found[1]?.purity).toBe(5 / 8);
  });

  it('finds a rectangle again in the address', () => {
    for (const [first, second] of [
      [{ column: 3, row: 4 }, { column: 7, row: 2 }],
      [{ column: 0, row: 19 }, { column: 19, row: 0 }],
      [{ column: 5, row: 5 }, { column: 5, row: 5 }],
    ] as const) {
      const wanted = between(first, second);
      expect(chosen(map, within(map, wanted))).toEqual(wanted);
    }
  });

  it('takes whoever is beyond an edge with it', () => {
    const asked = within(map, between({ column: 0, row: 0 }, { column: 9, row: 19 }));
    expect(asked).toBe('-inf,-inf,0,inf');
    expect(condition(asked)).toBe('x <= 0');
    expect(condition('-inf,-inf,inf,inf')).toBe('true');
  });

  it('knows no rectangle in anything else', () => {
    for (const text of [null, '', '1,2,3', 'a,b,c,d', '1,2,3,4,5']) expect(chosen(map, text)).toBeNull();
  });
});
