// How numbers, shares, money, days and names read, in the visitor's own locale.

const locale = typeof navigator === 'undefined' ? 'en' : navigator.language;

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
const finePercent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);

/** A measured value: whole where it is large, three digits where it is small. */
export function number(value: number): string {
  return Math.abs(value) >= 1000 || Number.isInteger(value) ? whole.format(value) : fine.format(value);
}

/** A share of 1: whole per cents, and never 0 or 100 where it is not. */
export function share(value: number): string {
  if (value > 0 && value < 0.005) return `< ${percent.format(0.01)}`;
  if (value < 1 && value >= 0.995) return `> ${percent.format(0.99)}`;
  return value < 0.095 ? finePercent.format(value) : percent.format(value);
}

/** An amount of minor units. */
export function money(minor: number, currency: string): string {
  try {
    const style = { style: 'currency', currency } as const;
    const digits = new Intl.NumberFormat(locale, style).resolvedOptions().maximumFractionDigits ?? 2;
    const major = minor / 10 ** digits;
    const rounded = Math.abs(major) >= 1000 ? 0 : digits;
    return new Intl.NumberFormat(locale, { ...style, maximumFractionDigits: rounded, minimumFractionDigits: rounded }).format(
      major,
    );
  } catch {
    return `${whole.format(minor)} ${currency}`;
  }
}

/** A time span in the largest unit that says it. */
export function span(seconds: number): string {
  for (const [size, unit] of [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
  ] as const) {
    if (seconds >= size) {
      const value = Number((seconds / size).toPrecision(2));
      return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
    }
  }
  return new Intl.NumberFormat(locale, { style: 'unit', unit: 'second', unitDisplay: 'long' }).format(Math.round(seconds));
}

/** A calendar day, written `2024-03-01`, as people say it. */
export function day(text: string): string {
  const at = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? text : new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(at);
}

export function instant(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime())
    ? text
    : new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(at);
}

export const plural = (n: number, one: string, many = one.replace(/([^aeiou])y$/, '$1ie').concat('s')): string => `${count(n)} ${n === 1 ? one : many}`;

/** The first letter large, as a sentence begins. */
export const sentence = (text: string): string => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);

/** A name that is not longer than it can be shown; the whole of it belongs into the title. */
export function short(text: string, length = 60): string {
  const letters = [...text];
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join('')}…`;
}

/** A feature's name as words: `days_since_last_order`. */
export const words = (name: string): string => name.replaceAll('_', ' ');
