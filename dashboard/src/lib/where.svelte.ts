// Where the visitor is, and going elsewhere without loading the page again.

import { type Route, parse } from './route';

class Where {
  url = $state.raw(new URL(location.href));
  route: Route = $derived(parse(this.url));

  constructor() {
    addEventListener('popstate', () => {
      this.url = new URL(location.href);
    });
    document.addEventListener('click', (event) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element | null)?.closest('a');
      const ours = link && link.origin === location.origin && !link.target && !link.hasAttribute('download');
      if (!ours || link.pathname.startsWith('/docs') || link.pathname.startsWith('/v1/') || (link.hash && link.pathname === location.pathname)) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    });
  }

  go(path: string): void {
    if (path !== location.pathname + location.search) history.pushState(null, '', path);
    this.url = new URL(location.href);
    scrollTo(0, 0);
    document.getElementById('main')?.focus();
  }

  /** Says what is shown in the address, without a step to go back to. */
  note(path: string): void {
    history.replaceState(null, '', path);
    this.url = new URL(location.href);
  }
}

export const where = new Where();
