// What is seen, as files: tables as CSV (RFC 4180), personas as Markdown, pictures as PNG.

import { count, money, number, sentence, share } from './format';
import type { Claim, Note, Persona } from './types';

type Cell = string | number | null;

/** Rows as CSV. What a spreadsheet would take for a formula is shown to it as a text. */
export function csv(rows: readonly (readonly Cell[])[]): string {
  const cell = (value: Cell) => {
    if (value === null) return '';
    if (typeof value === 'number') return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

/** Everything that is said of a persona, a claim a row, numbers as they were computed. */
export function claimsCsv(persona: Persona): string {
  const head = ['persona', 'claim', 'kind', 'statement', 'here', 'n_here', 'against', 'there', 'n_there', 'contrast', 'low', 'high', 'effect', 'effect_value', 'query'];
  const rows = persona.claims.map(({ id, kind, statement, against, evidence }) => [
    persona.id, id, kind, statement, evidence.persona_value, evidence.n_persona, against ?? 'all others', evidence.rest_value, evidence.n_rest,
    evidence.contrast, evidence.interval_low, evidence.interval_high, evidence.effect, evidence.effect_value, evidence.query,
  ]);
  return csv([head, ...rows]);
}

const value = (claim: Claim, what: number) => (claim.measure.includes('mean') ? number(what) : share(what));
/** Text that Markdown does not take for anything else. */
const plain = (text: string) => text.replace(/[\\`*_{}[\]<>#|]/g, '\\$&').replace(/\s+/g, ' ');

export function markdown(persona: Persona, notes: readonly Note[], asOf: string): string {
  const lines = [
    `# ${persona.id} ${plain(persona.name)}`,
    '',
    plain(persona.summary),
    '',
    `- ${count(persona.n_customers)} customers (${share(persona.share)})`,
  ];
  if (persona.revenue) lines.push(`- ${money(persona.revenue.minor, persona.revenue.currency)} revenue (${share(persona.revenue.share)})`);
  lines.push(`- found again in ${share(persona.stability)} of its customers when searched anew`, `- as of ${asOf}`, '', '## What sets them apart', '');
  lines.push('| claim | here | others | customers here |', '|---|---:|---:|---:|');
  for (const claim of persona.claims) {
    const { persona_value, rest_value, n_persona } = claim.evidence;
    lines.push(`| ${plain(sentence(claim.statement))} | ${value(claim, persona_value)} | ${value(claim, rest_value)} | ${count(n_persona)} |`);
  }
  if (notes.length) {
    lines.push('', '## Notes', '', 'What people heard; not counted.', '');
    for (const note of notes) lines.push(`- ${plain(note.text)}${note.source ? ` (${plain(note.source)})` : ''}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Hands a file to the visitor. */
export function download(name: string, type: string, content: BlobPart): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken it once this turn is over.
  setTimeout(() => URL.revokeObjectURL(address));
}

/** Looks that a picture has from the page and would lose outside of it. */
const LOOKS = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-opacity', 'opacity', 'font', 'text-anchor'];

/** A picture as it is seen here, twice as fine. */
export async function png(picture: SVGSVGElement): Promise<Blob> {
  const copy = picture.cloneNode(true) as SVGSVGElement;
  const [from, to] = [[picture, ...picture.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]];
  from.forEach((element, at) => {
    const seen = getComputedStyle(element);
    for (const look of LOOKS) to[at]?.setAttribute(look, seen.getPropertyValue(look));
  });
  const { width, height } = picture.getBoundingClientRect();
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  const image = new Image();
  const address = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' }));
  try {
    image.src = address;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    const pen = canvas.getContext('2d');
    if (!pen) throw new Error('this browser cannot draw');
    pen.fillStyle = getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('there is no picture'))), 'image/png'));
  } finally {
    URL.revokeObjectURL(address);
  }
}
