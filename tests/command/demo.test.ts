/** The main job, whole, by the README's command: small, on the shipped checkpoints. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { DemoResult } from '../../core/services/demo.ts';
import { chexreason } from '../support/command.ts';

const FILMS = 6;
const out = mkdtempSync(join(tmpdir(), 'command-demo-'));

afterAll(() => rmSync(out, { recursive: true, force: true }));

describe('chexreason demo', () => {
  it('trains, reads the films of both institutions by base, SFT and GRPO, and writes the report', async () => {
    const { status, lines, stderr } = await chexreason(['demo', '--out', out, '--films', String(FILMS), '--json']);
    expect(status, stderr).toBe(0);
    const { training, evaluation, report } = lines[0] as unknown as DemoResult;
    expect(training.map(({ kind, steps }) => [kind, steps])).toEqual([
      ['sft', 2],
      ['grpo', 2],
    ]);
    expect(evaluation.cells.map(({ checkpointId, done }) => [checkpointId, done])).toEqual(
      ['base', 'sft', 'grpo', 'base', 'sft', 'grpo'].map((id) => [id, FILMS]),
    );
    // The shipped checkpoints write what the parser reads.
    expect(evaluation.cells.every(({ own }) => own.failures === 0)).toBe(true);
    expect(evaluation.gaps[0]).toMatchObject({ labelSet: 'shared', comparable: true });
    expect(readFileSync(report.path).subarray(0, 5).toString()).toBe('%PDF-');
  });
});
