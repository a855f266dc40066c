/**
 * The colours of checkpoints, reader and truth as custom properties (`--sft`), from the one table that the PDF has too; those
 * on white as `--sft-on-paper`.
 */
import { ON_BLACK, ON_WHITE } from '../../core/report/palette.ts';

export function setPalette(root: HTMLElement): void {
  for (const [role, colour] of Object.entries(ON_BLACK)) root.style.setProperty(`--${role}`, colour);
  for (const [role, colour] of Object.entries(ON_WHITE)) root.style.setProperty(`--${role}-on-paper`, colour);
}
