import { expect, test } from 'vitest';

import { changed, customerPath, parse, personaPath } from './route';

const at = (path: string) => new URL(path, 'http://here');

test('every address is a page or says that it is none', () => {
  expect(parse(at('/'))).toEqual({ page: 'overview' });
  expect(parse(at('/personas/p2.1'))).toEqual({ page: 'persona', id: 'p2.1' });
  expect(parse(at('/compare?persona=p1&persona=p3'))).toEqual({ page: 'compare', ids: ['p1', 'p3'] });
  expect(parse(at('/nowhere'))).toEqual({ page: 'unknown' });
  expect(parse(at('/data/more'))).toEqual({ page: 'unknown' });
  expect(parse(at('/customers/%E0%A4%A'))).toEqual({ page: 'customer', id: '%E0%A4%A' });
});

test('ids of any kind go through an address', () => {
  for (const id of ['u:42', 'u:a/b?c', '<script>', 'ünï ✓', 'u:%41']) {
    expect(parse(at(customerPath(id)))).toEqual({ page: 'customer', id });
  }
  expect(parse(at(personaPath('p1')))).toEqual({ page: 'persona', id: 'p1' });
});

test('parameters are set and taken away', () => {
  expect(changed(at('/journeys?anchor=A&persona=p1'), { anchor: 'B', persona: undefined })).toBe('/journeys?anchor=B');
  expect(changed(at('/journeys?anchor=A'), { anchor: '' })).toBe('/journeys');
});
