/**
 * Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1): bytes to text, with and without ISO 2022 code extensions.
 * The platform's TextDecoder does the tables; this file knows the terms and the escape sequences.
 * An unknown term, or a byte that a set has no character for, gives replacement characters, never an error.
 */
import { TextDecoder } from 'node:util';

/** A defined term with and without code extensions, less its prefix, to a TextDecoder label. */
const SINGLE_BYTE: Record<string, string> = {
  'IR 6': 'windows-1252',
  'IR 100': 'windows-1252',
  'IR 101': 'iso-8859-2',
  'IR 109': 'iso-8859-3',
  'IR 110': 'iso-8859-4',
  'IR 144': 'iso-8859-5',
  'IR 127': 'iso-8859-6',
  'IR 126': 'iso-8859-7',
  'IR 138': 'iso-8859-8',
  'IR 148': 'windows-1254',
  'IR 203': 'iso-8859-15',
  'IR 166': 'windows-874',
  'IR 13': 'shift_jis',
  'IR 149': 'euc-kr',
  'IR 58': 'gbk',
  'IR 87': 'euc-jp',
  'IR 159': 'euc-jp',
};
const WHOLE: Record<string, string> = { 'ISO_IR 192': 'utf-8', GB18030: 'gb18030', GBK: 'gbk' };

type CodeElement = { label: string; prefix?: number; high?: boolean };
const escapes = new Map<string, { area: 'G0' | 'G1'; element: CodeElement }>();
for (const final of ['B', 'J']) {
  escapes.set(`(${final}`, { area: 'G0', element: { label: final === 'B' ? 'windows-1252' : 'shift_jis' } });
}
escapes.set('$B', { area: 'G0', element: { label: 'euc-jp', high: true } });
escapes.set('$@', { area: 'G0', element: { label: 'euc-jp', high: true } });
escapes.set('$(D', { area: 'G0', element: { label: 'euc-jp', high: true, prefix: 0x8f } });
escapes.set(')I', { area: 'G1', element: { label: 'shift_jis' } });
escapes.set('$)C', { area: 'G1', element: { label: 'euc-kr' } });
escapes.set('$)A', { area: 'G1', element: { label: 'gbk' } });
const LATIN_FINALS = {
  A: '100',
  B: '101',
  C: '109',
  D: '110',
  L: '144',
  G: '127',
  F: '126',
  H: '138',
  M: '148',
  b: '203',
  T: '166',
};
for (const [final, number] of Object.entries(LATIN_FINALS)) {
  escapes.set(`-${final}`, { area: 'G1', element: { label: SINGLE_BYTE[`IR ${number}`]! } });
}

const decoders = new Map<string, TextDecoder>();
function decode(label: string, bytes: Uint8Array): string {
  const decoder = decoders.get(label) ?? new TextDecoder(label);
  decoders.set(label, decoder);
  return decoder.decode(bytes);
}

const ESCAPE = 0x1b;
/** Code extensions go back to the first set at these (PS3.5 6.1.2.5.3): \ ^ = and line controls. */
const RESETS = new Set([0x5c, 0x5e, 0x3d, 0x0a, 0x0c, 0x0d]);

export class CharacterSet {
  readonly known: boolean;
  private readonly label: string;
  private readonly extended: boolean;

  /** @param terms the values of Specific Character Set (0008,0005). */
  constructor(terms: readonly string[] = []) {
    const first = (terms[0] ?? '').replace(/^ISO[-_ ]?IR[-_ ]?/i, 'ISO_IR ').trim();
    this.extended = terms.some((term) => term.startsWith('ISO 2022')) || terms.length > 1;
    const number = first.replace(/^ISO_IR /, 'IR ').replace(/^ISO 2022 /, '');
    const label = first === '' ? 'windows-1252' : (WHOLE[first] ?? SINGLE_BYTE[number]);
    this.known = label !== undefined;
    this.label = label ?? 'windows-1252';
  }

  decode(bytes: Uint8Array): string {
    if (isPlain(bytes)) return latin1(bytes);
    if (!this.extended || !bytes.includes(ESCAPE)) return decode(this.label, bytes);
    return this.decodeExtended(bytes);
  }

  private decodeExtended(bytes: Uint8Array): string {
    const initial: CodeElement = { label: this.label };
    let g0 = initial;
    let g1 = initial;
    let text = '';
    let start = 0;
    const flush = (end: number) => {
      if (end > start) text += decodeRun(bytes.subarray(start, end), g0, g1);
    };
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === ESCAPE) {
        flush(i);
        const found = findEscape(bytes, i + 1);
        if (found?.area === 'G0') g0 = found.element;
        else if (found) g1 = found.element;
        i += found?.length ?? 0;
        start = i + 1;
      } else if (RESETS.has(byte) && !g0.high) {
        flush(i + 1);
        start = i + 1;
        g0 = initial;
        g1 = initial;
      }
    }
    flush(bytes.length);
    return text;
  }
}

function findEscape(bytes: Uint8Array, at: number) {
  for (const length of [2, 3]) {
    const designation = escapes.get(latin1(bytes.subarray(at, at + length)));
    if (designation) return { ...designation, length };
  }
  return undefined;
}

/** Bytes between two escapes: those below 0x80 belong to G0, the others to G1. */
function decodeRun(bytes: Uint8Array, g0: CodeElement, g1: CodeElement): string {
  if (g0.high) {
    const raised: number[] = [];
    bytes.forEach((byte, i) => {
      if (g0.prefix !== undefined && i % 2 === 0) raised.push(g0.prefix);
      raised.push(byte | 0x80);
    });
    return decode(g0.label, Uint8Array.from(raised));
  }
  return decode(isPlain(bytes) ? g0.label : g1.label, bytes);
}

function isPlain(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x80 || bytes[i] === ESCAPE) return false;
  return true;
}

export function latin1(bytes: Uint8Array): string {
  if (bytes.length > 32) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
