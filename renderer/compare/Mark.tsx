/** A mark of the matrix: said or not, right or wrong, each with a shape of its own. */

import { text } from '../text.ts';
import type { Mark } from './matrix.ts';

export type CellMark = Mark | 'none' | 'asking' | 'yes' | 'no' | 'uncertain' | 'silent' | 'hidden';

const SIZE = 14;

export function markName(mark: CellMark): string {
  const names: Record<CellMark, string> = { ...text.compare.marks, ...text.compare.truthMarks };
  return names[mark];
}

export function MarkShape({ mark }: { mark: CellMark }) {
  return (
    <svg
      width={SIZE}
      height={SIZE}
      viewBox="0 0 14 14"
      className={`mark mark-${mark}`}
      role="img"
      aria-label={markName(mark)}
    >
      <Shape mark={mark} />
    </svg>
  );
}

function Shape({ mark }: { mark: CellMark }) {
  switch (mark) {
    case 'hit':
    case 'yes':
      return <circle cx="7" cy="7" r="5" className="filled" />;
    case 'false-alarm':
      return <path d="M7 1.5 L13 12.5 L1 12.5 Z" className="filled" />;
    case 'miss':
      return <circle cx="7" cy="7" r="4.6" className="outlined" strokeDasharray="2.4 1.6" />;
    case 'said':
      return <path d="M7 1 L13 7 L7 13 L1 7 Z" className="filled" />;
    case 'rest':
    case 'no':
      return <path d="M4 7 H10" className="outlined" />;
    case 'unreadable':
      return <path d="M3 3 L11 11 M11 3 L3 11" className="outlined" />;
    case 'uncertain':
      return <path d="M5 5.2 A2.2 2.2 0 1 1 7 7.4 V8.6 M7 11 V11.4" className="outlined" />;
    case 'asking':
      return <circle cx="7" cy="7" r="1.6" className="filled" />;
    default:
      return null;
  }
}
