// Shares over time as bands that lie on each other and fill the whole.

import type { MembershipHistory } from './types';

export interface Band {
  /** `null` for none of the personas. */
  id: string | null;
  name: string;
  path: string;
}

/** Bands in the order of the personas, no persona on top, over a picture of this size. */
export function bands(history: MembershipHistory, width: number, height: number): Band[] {
  const { days, personas } = history;
  const x = (at: number) => (days.length > 1 ? (at / (days.length - 1)) * width : at);
  const low = days.map(() => 0);
  const all = [...personas.map((one, at) => ({ ...one, share: (day: number) => days[day]?.shares[at] ?? 0 })), { id: null, name: 'no persona', share: (day: number) => days[day]?.unassigned ?? 0 }];
  const point = (at: number, share: number) => `${round(x(at))} ${round(height - share * height)}`;
  return all.map(({ id, name, share }) => {
    const high = low.map((from, day) => from + share(day));
    // Of one day there is a stripe.
    const at = days.length > 1 ? days.map((_, day) => day) : [0, width];
    const upper = at.map((place) => point(place, high[Math.min(place, days.length - 1)] ?? 0));
    const lower = at.map((place) => point(place, low[Math.min(place, days.length - 1)] ?? 0)).reverse();
    high.forEach((share, day) => (low[day] = share));
    return { id, name, path: `M${[...upper, ...lower].join('L')}Z` };
  });
}

const round = (value: number) => Math.round(value * 10) / 10;
