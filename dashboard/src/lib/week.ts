// When customers do things: the busiest of the hours of a week, and how far they are from everybody's.

import type { Week } from './types';

export const total = (week: Week): number => week.flat().reduce((sum, n) => sum + n, 0);

export interface Hour {
  weekday: number;
  hour: number;
  n: number;
  /** Its share in the week. */
  share: number;
  /** How many times everybody's share in that hour; null where everybody has none. */
  times: number | null;
}

/** The hours of a week beside everybody's. */
export function hours(week: Week, everybody: Week): Hour[] {
  const [own, all] = [total(week), total(everybody)];
  return week.flatMap((day, weekday) =>
    day.map((n, hour) => {
      const share = own ? n / own : 0;
      const usual = all ? (everybody[weekday]?.[hour] ?? 0) / all : 0;
      return { weekday, hour, n, share, times: usual ? share / usual : null };
    }),
  );
}

/** The shares of the days, of night (0–6), morning (6–12), afternoon (12–18) and evening (18–24). */
export function parts(week: Week): { days: number[]; quarters: number[] } {
  const all = Math.max(1, total(week));
  const days = week.map((day) => day.reduce((sum, n) => sum + n, 0) / all);
  const quarters = [0, 1, 2, 3].map((part) => week.reduce((sum, day) => sum + day.slice(part * 6, part * 6 + 6).reduce((a, b) => a + b, 0), 0) / all);
  return { days, quarters };
}
