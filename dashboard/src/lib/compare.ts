// What is said of two personas, brought together by what it is about.

import type { Beside, Claim, Persona } from './types';

export interface Difference {
  key: string;
  statement: string;
  measure: string;
  first: number | null;
  second: number | null;
  rest: number;
  effect: number;
  /** The persona that the effect is of. */
  of: string;
}

const about = (claim: Claim) => `${claim.measure}|${claim.subject ?? ''}|${claim.value ?? ''}`;

/** Claims against all others, once each; rules belong to one persona and are told on its own page. */
export function differences(first: Persona, second: Persona): Difference[] {
  const own = (persona: Persona) =>
    persona.claims.filter((claim) => claim.against === null && claim.subject !== null);
  const found = new Map<string, Difference>();
  for (const claim of own(first)) {
    if (found.has(about(claim))) continue;
    found.set(about(claim), {
      key: about(claim),
      statement: claim.statement,
      measure: claim.measure,
      first: claim.evidence.persona_value,
      second: null,
      rest: claim.evidence.rest_value,
      effect: claim.evidence.effect_value,
      of: first.id,
    });
  }
  for (const claim of own(second)) {
    const known = found.get(about(claim));
    if (known) {
      if (known.second === null) known.second = claim.evidence.persona_value;
      continue;
    }
    found.set(about(claim), {
      key: about(claim),
      statement: claim.statement,
      measure: claim.measure,
      first: null,
      second: claim.evidence.persona_value,
      rest: claim.evidence.rest_value,
      effect: claim.evidence.effect_value,
      of: second.id,
    });
  }
  return [...found.values()].sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect) || (a.key < b.key ? -1 : 1));
}

/** The rows of an answer about two groups, the greatest difference first, or in their order. */
export function steepest(answer: Record<string, unknown>, ordered: boolean): Beside[] {
  const isRow = (row: unknown): row is Beside => typeof row === 'object' && row !== null && 'key' in row && 'groups' in row && 'difference' in row;
  const rows = Object.values(answer).flatMap((list) => (Array.isArray(list) ? list.filter(isRow) : []));
  const size = (row: Beside) => Math.abs(row.difference?.estimate ?? 0);
  return ordered ? rows : rows.sort((a, b) => size(b) - size(a) || (a.key < b.key ? -1 : 1));
}
