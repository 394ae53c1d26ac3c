// The few counts that the page shows, out of what the server counts (OpenMetrics text).

export interface Gauges {
  at: number;
  n_events: number;
  n_refused: number;
  n_profiles: number | undefined;
}

export function gauges(text: string, at = Date.now()): Gauges | null {
  if (!text) return null;
  return {
    at,
    n_events: sum(text, /^throng_events_admitted(_total)?$/) ?? 0,
    n_refused: sum(text, /^throng_(events|messages)_refused(_total)?$/) ?? 0,
    n_profiles: sum(text, /^throng_profiles$/),
  };
}

/** The sum of a metric over its labels; nothing where there is no such metric. */
function sum(text: string, name: RegExp): number | undefined {
  let found: number | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const [, metric = '', value = ''] = /^([a-zA-Z_:]+)(?:\{.*\})? (\S+)/.exec(line) ?? [];
    if (name.test(metric)) found = (found ?? 0) + Number(value);
  }
  return found;
}
