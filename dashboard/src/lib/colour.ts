/** The class that gives a persona its colour: by the number in its id, so that it keeps it. */
export function colour(id: string | null): string {
  const n = Number(/^\D*(\d+)/.exec(id ?? '')?.[1] ?? 0);
  return n > 0 ? `p${((n - 1) % 10) + 1}` : 'p0';
}
