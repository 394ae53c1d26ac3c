// The map of customers: from squares and pixels to places, and back.

import type { CustomerMap, MapAxis, Square } from './types';

export interface Dot {
  column: number;
  row: number;
  /** Whom most of the customers here count for. */
  persona: string | null;
  n: number;
  /** The share of these among all here. */
  purity: number;
  all: [string | null, number][];
}

/** One dot a square, for the persona most of its customers count for; the fullest last, to lie on top. */
export function dots(squares: readonly Square[]): Dot[] {
  const places = new Map<string, Dot>();
  for (const [column, row, persona, n] of squares) {
    const key = `${column} ${row}`;
    const dot = places.get(key) ?? { column, row, persona, n: 0, purity: 0, all: [] };
    dot.n += n;
    dot.all.push([persona, n]);
    places.set(key, dot);
  }
  for (const dot of places.values()) {
    dot.all.sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0])));
    const [persona, n] = dot.all[0] ?? [null, 0];
    dot.persona = persona;
    dot.purity = n / dot.n;
  }
  return [...places.values()].sort((a, b) => a.n - b.n);
}

/** A rectangle in squares: the columns and rows that it begins and ends before. */
export interface Chosen {
  columns: [number, number];
  rows: [number, number];
}

/** A rectangle of squares between two of them, whichever comes first. */
export function between(first: { column: number; row: number }, second: { column: number; row: number }): Chosen {
  const span = (a: number, b: number): [number, number] => [Math.min(a, b), Math.max(a, b) + 1];
  return { columns: span(first.column, second.column), rows: span(first.row, second.row) };
}

/** The rectangle as the server is asked; whoever lies beyond the map belongs to its edge. */
export function within(map: Pick<CustomerMap, 'axes' | 'n_squares'>, chosen: Chosen): string {
  const side = (axis: MapAxis, at: number) => {
    if (at <= 0) return '-inf';
    if (at >= map.n_squares) return 'inf';
    return String(Number((axis.low + ((axis.high - axis.low) * at) / map.n_squares).toPrecision(12)));
  };
  const [x, y] = map.axes;
  return [side(x, chosen.columns[0]), side(y, chosen.rows[0]), side(x, chosen.columns[1]), side(y, chosen.rows[1])].join(',');
}

/** The squares of a rectangle as the server was asked. */
export function chosen(map: Pick<CustomerMap, 'axes' | 'n_squares'>, text: string | null): Chosen | null {
  const sides = (text ?? '').split(',').map((side) => (side === '-inf' ? -Infinity : side === 'inf' ? Infinity : Number(side)));
  if (sides.length !== 4 || sides.some(Number.isNaN)) return null;
  const at = (axis: MapAxis, place: number) =>
    Math.min(map.n_squares, Math.max(0, Math.round(((place - axis.low) / (axis.high - axis.low)) * map.n_squares)));
  const [left, low, right, high] = sides as [number, number, number, number];
  const [x, y] = map.axes;
  return { columns: [at(x, left), at(x, right)], rows: [at(y, low), at(y, high)] };
}

/** The same rectangle as an audience: a condition over the features of customers. */
export const audience = (text: string): string => `profile_id IN (SELECT profile_id FROM map WHERE ${condition(text)})`;

/** The same rectangle as a condition in SQL. */
export function condition(text: string): string {
  const sides = text.split(',');
  const parts = [
    ['x', '>=', sides[0]],
    ['y', '>=', sides[1]],
    ['x', '<=', sides[2]],
    ['y', '<=', sides[3]],
  ].filter(([, , side]) => side !== undefined && !side.endsWith('inf'));
  return parts.length ? parts.map((part) => part.join(' ')).join(' AND ') : 'true';
}
