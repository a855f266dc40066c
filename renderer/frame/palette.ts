/** The colours of checkpoints, reader and truth as custom properties (`--sft`), from the one table that the PDF has too. */
import { ON_BLACK } from '../../core/report/palette.ts';

export function setPalette(root: HTMLElement): void {
  for (const [role, colour] of Object.entries(ON_BLACK)) root.style.setProperty(`--${role}`, colour);
}
