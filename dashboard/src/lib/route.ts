// Addresses: what the page shows is in the address, so that it can be linked, reloaded and gone back to.

export type Route =
  | { page: 'overview' }
  | { page: 'persona'; id: string }
  | { page: 'compare'; ids: string[] }
  | { page: 'journeys' }
  | { page: 'customers' }
  | { page: 'customer'; id: string }
  | { page: 'map' }
  | { page: 'live' }
  | { page: 'data' }
  | { page: 'model' }
  | { page: 'unknown' };

export function parse(url: URL): Route {
  const [first, second, ...more] = url.pathname.split('/').filter(Boolean).map(decoded);
  if (more.length > 0) return { page: 'unknown' };
  switch (first) {
    case undefined:
      return { page: 'overview' };
    case 'personas':
      return second === undefined ? { page: 'overview' } : { page: 'persona', id: second };
    case 'customers':
      return second === undefined ? { page: 'customers' } : { page: 'customer', id: second };
    case 'compare':
      return { page: 'compare', ids: url.searchParams.getAll('persona') };
    case 'journeys':
    case 'map':
    case 'live':
    case 'data':
    case 'model':
      return second === undefined ? { page: first } : { page: 'unknown' };
    default:
      return { page: 'unknown' };
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const personaPath = (id: string): string => `/personas/${encodeURIComponent(id)}`;
export const customerPath = (id: string): string => `/customers/${encodeURIComponent(id)}`;

/** The same address with some of its parameters changed; what is empty is left out. */
export function changed(url: URL, parameters: Record<string, string | undefined>): string {
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(parameters)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  return `${url.pathname}${text ? `?${text}` : ''}`;
}
