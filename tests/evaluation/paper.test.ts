import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PAPER_GRPO, PAPER_SFT, paperSides, paperTable, recomputePaper } from '../../core/evaluation/paper.ts';
import { CHEXPERT_LABELS, NIH_NINE } from '../../core/labels/labels.ts';
import { describeReference, referenceDir } from '../support/reference.ts';

describeReference('the bundled paper', referenceDir('paper-results.json'), (path) => {
  it('is the reference', () => {
    const bundled = new URL('../../resources/paper/paper-results.json', import.meta.url);
    expect(JSON.parse(readFileSync(bundled, 'utf8'))).toEqual(JSON.parse(readFileSync(path, 'utf8')));
  });
});

it('has the 14 and the nine labels', () => {
  expect(paperTable('chexpert').labels).toEqual(CHEXPERT_LABELS);
  expect([...paperTable('nih').labels].sort()).toEqual([...NIH_NINE].sort());
});

it.each(recomputePaper())('$table, $row: $figure follows from the printed values', ({ printed, recomputed }) => {
  expect(Math.abs(printed - recomputed)).toBeLessThanOrEqual(0.001);
});

it('shows that the gain on the nine shared labels of CheXpert is 0.264 to 0.274, not 0.282 to 0.346', () => {
  const side = (model: string) => paperSides().find((each) => each.model === model)!;
  expect(side(PAPER_SFT).own).toEqual({ chexpert: 0.282, nih: 0.299 });
  expect(side(PAPER_GRPO).own).toEqual({ chexpert: 0.346, nih: 0.243 });
  expect(side(PAPER_SFT).shared.chexpert.toFixed(3)).toBe('0.264');
  expect(side(PAPER_GRPO).shared.chexpert.toFixed(3)).toBe('0.274');
  expect(side(PAPER_GRPO).shared.nih.toFixed(3)).toBe('0.243');
});
