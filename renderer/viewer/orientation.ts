/** Which side of the patient each edge of the picture shows, after rotation and flips (PS3.3 C.7.6.1.1.1). */

export interface Turn {
  /** Degrees clockwise, a multiple of 90. */
  rotation: number;
  hflip: boolean;
  vflip: boolean;
}

export interface Edges {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

const OPPOSITE: Record<string, string> = { L: 'R', R: 'L', A: 'P', P: 'A', H: 'F', F: 'H' };

export function opposite(direction: string): string {
  return [...direction].map((letter) => OPPOSITE[letter] ?? '').join('');
}

/**
 * `orientation` is Patient Orientation as the file writes it: the direction of the rows (towards the right of the
 * picture), a backslash, the direction of the columns (towards its bottom). null where the file does not say.
 */
export function edgesOf(orientation: string, turn: Turn): Edges | null {
  const [row = '', column = ''] = orientation.toUpperCase().split('\\');
  if (!/^[LRAPHF]{1,3}$/.test(row) || !/^[LRAPHF]{1,3}$/.test(column)) return null;
  const right = turn.hflip ? opposite(row) : row;
  const bottom = turn.vflip ? opposite(column) : column;
  const clockwise = [opposite(bottom), right, bottom, opposite(right)];
  const quarters = (((Math.round(turn.rotation / 90) % 4) + 4) % 4) as 0 | 1 | 2 | 3;
  const at = (edge: number) => clockwise[(edge - quarters + 4) % 4];
  return { top: at(0), right: at(1), bottom: at(2), left: at(3) };
}
