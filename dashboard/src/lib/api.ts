// The server, asked. Numbers come as the command line prints them; nothing is computed here twice.

/** What the server said instead of an answer. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type Options = Record<string, string | number | readonly string[] | true | undefined>;

/** The address of a question: `personas show p1` with its options. */
export function question(command: string, about: readonly string[] = [], options: Options = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, one === true ? '' : String(one));
  }
  for (const text of about) query.append('_', text);
  const asked = query.toString();
  return `/v1/ask/${command.replaceAll(' ', '/')}${asked ? `?${asked}` : ''}`;
}

/** Sends a request and reads its JSON. */
export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { accept: 'application/json', 'x-throng-page': '1' } });
  } catch {
    throw new Refusal(0, 'unreachable', 'The server cannot be reached. Is it running, and is this machine online?');
  }
  // Done, or begun, and no more to say.
  if (response.status === 204 || response.status === 202) return undefined as T;
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body as T;
  const { code, message } = (body ?? {}) as { code?: string; message?: string };
  throw new Refusal(response.status, code ?? 'unknown', message ?? `The server answered with status ${response.status}.`);
}

/** Asks what a command of `throng` prints as JSON. */
export function ask<T>(command: string, about: readonly string[] = [], options: Options = {}): Promise<T> {
  return request<T>(question(command, about, options));
}

/** Has something changed. */
export function act<T>(command: string, about: readonly string[] = [], options: Options = {}): Promise<T> {
  return request<T>(question(command, about, options), { method: 'POST' });
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>(path, { method: 'POST', body: JSON.stringify(body) });
}
