import { describe, expect, it } from 'vitest';
import { fileNameOf } from '../../renderer/frame/saveFile.ts';
import { commaSeparated, tabbed } from '../../renderer/frame/tableText.ts';

describe('A table as text', () => {
  const cells = [
    ['Label', 'Said, "as it is"'],
    ['Edema', '0.354'],
  ];

  it('is a CSV that a spreadsheet reads back: quotes where they are needed, doubled inside', () => {
    expect(commaSeparated(cells)).toBe('Label,"Said, ""as it is"""\r\nEdema,0.354\r\n');
  });

  it('is separated by tabs for the clipboard', () => {
    expect(tabbed(cells)).toBe('Label\tSaid, "as it is"\nEdema\t0.354');
  });

  it('has a file name made from its title', () => {
    expect(fileNameOf('F1 by label: a → b', 'csv')).toBe('f1-by-label-a-b.csv');
    expect(fileNameOf('…', 'svg')).toBe('chexreason.svg');
  });
});
