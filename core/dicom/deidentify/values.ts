/** Values that say nothing, and dates that are moved. */

const TEXT = 'REMOVED';
/** PS3.5 6.2, by VR; others are binary and become zeros. */
const DUMMIES: Record<string, string> = {
  AE: TEXT,
  AS: '000Y',
  CS: TEXT,
  DA: '19000101',
  DS: '0',
  DT: '19000101000000',
  IS: '0',
  LO: TEXT,
  LT: TEXT,
  PN: TEXT,
  SH: TEXT,
  ST: TEXT,
  TM: '000000',
  UC: TEXT,
  UR: 'about:blank',
  UT: TEXT,
};

/** @param length of the value that it stands for, in bytes */
export function dummyValue(vr: string, length: number): Uint8Array {
  const text = DUMMIES[vr];
  return text === undefined ? new Uint8Array(length) : Buffer.from(text, 'latin1');
}

const MS_A_DAY = 86_400_000;

/** DA or DT values (several, between backslashes), moved by whole days; null where one of them is no date. */
export function shiftDates(text: string, days: number): string | null {
  const moved = text.split('\\').map((value) => shiftDate(value.trim(), days));
  return moved.includes(null) ? null : moved.join('\\');
}

function shiftDate(value: string, days: number): string | null {
  if (value === '') return '';
  // ACR-NEMA wrote 1994.07.15.
  const match = /^(\d{4})\.?(\d{2})\.?(\d{2})(\d{0,6}(?:\.\d{1,6})?(?:[+-]\d{4})?)$/.exec(value);
  if (!match) return null;
  const [, year, month, day, rest] = match;
  const old = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  // 30 February is a date of March to Date.
  if (old.getUTCMonth() !== Number(month) - 1) return null;
  const moved = new Date(old.getTime() + days * MS_A_DAY);
  if (moved.getUTCFullYear() < 1000) return null;
  return moved.toISOString().slice(0, 10).replaceAll('-', '') + rest;
}

/** Ages above 89 say too much (45 CFR 164.514): they become 90. */
export function coarseAge(text: string): string {
  const match = /^(\d{3})Y$/.exec(text.trim());
  return match && Number(match[1]) > 89 ? '090Y' : text.trim();
}
