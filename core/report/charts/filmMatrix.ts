/** The labels of one film by reader: filled where the reader has it. Rows on which the readers differ are marked. */
import { INK, ON_WHITE, type ReaderRole } from '../palette.ts';
import { clipped, type Figure, label, type Mark, symbol } from './figure.ts';

export interface MatrixReader {
  name: string;
  role: ReaderRole;
  labels: ReadonlySet<string>;
}

const ROW = 12;

/** @param readers the truth first, then the checkpoints */
export function filmMatrix(labels: readonly string[], readers: readonly MatrixReader[], width: number): Figure {
  const step = Math.min(16, (width * 0.5) / readers.length);
  const left = width - readers.length * step;
  const marks: Mark[] = readers.map(({ role }, r) =>
    symbol(role, left + (r + 0.5) * step, 5, ON_WHITE[role], { radius: 2.6 }),
  );
  labels.forEach((name, i) => {
    const y = 11 + (i + 0.5) * ROW;
    const differ = differs(name, readers);
    if (differ) marks.unshift({ kind: 'rect', x: 0, y: y - ROW / 2, width, height: ROW, fill: '#FBF0D9' });
    marks.push(label(3, y, clipped(name, 7, left - 6), { size: 7, weight: differ ? 'semibold' : 'regular' }));
    readers.forEach(({ role, labels: said }, r) => {
      const x = left + (r + 0.5) * step;
      if (said.has(name)) marks.push(symbol(role, x, y, ON_WHITE[role], { radius: 2.4 }));
      else marks.push({ kind: 'symbol', shape: 'circle', x, y, radius: 0.8, color: INK.rule, hollow: false });
    });
  });
  const words = readers.map(({ name, labels: said }) => `${name}: ${[...said].join(', ') || 'no label'}`);
  return { width, height: 11 + labels.length * ROW, marks, alt: `${words.join('; ')}.` };
}

/** Whether two checkpoints (all readers but the first, the truth) say different things of this label. */
function differs(name: string, readers: readonly MatrixReader[]): boolean {
  const said = readers.slice(1).map(({ labels }) => labels.has(name));
  return said.some((each) => each !== said[0]);
}
