// Two groups of customers, brought together by what they are counted by.

import type { Beside } from './types';

/** The rows of an answer about two groups, the greatest difference first, or in their order. */
export function steepest(answer: Record<string, unknown>, ordered: boolean): Beside[] {
  const isRow = (row: unknown): row is Beside => typeof row === 'object' && row !== null && 'key' in row && 'groups' in row && 'difference' in row;
  const rows = Object.values(answer).flatMap((list) => (Array.isArray(list) ? list.filter(isRow) : []));
  const size = (row: Beside) => Math.abs(row.difference?.estimate ?? 0);
  return ordered ? rows : rows.sort((a, b) => size(b) - size(a) || (a.key < b.key ? -1 : 1));
}
