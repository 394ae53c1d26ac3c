import { describe, expect, it } from 'vitest';

import { hours, parts, total } from './week';

const empty = () => Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => 0));

describe('a week', () => {
  it('is held against everybody', () => {
    const [own, all] = [empty(), empty()];
    own[6]![20] = 3;
    own[0]![9] = 1;
    all[6]![20] = 10;
    all[0]![9] = 30;
    const found = hours(own, all);
    expect(total(own)).toBe(4);
    expect(found.find((hour) => hour.weekday === 6 && hour.hour === 20)).toMatchObject({ n: 3, share: 0.75, times: 3 });
    expect(found.find((hour) => hour.weekday === 1 && hour.hour === 9)).toMatchObject({ n: 0, times: null });
    expect(parts(own)).toEqual({ days: [0.25, 0, 0, 0, 0, 0, 0.75], quarters: [0, 0.25, 0, 0.75] });
  });

  it('of nobody has no shares', () => {
    expect(hours(empty(), empty()).every((hour) => hour.share === 0 && hour.times === null)).toBe(true);
  });
});
