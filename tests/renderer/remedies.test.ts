/** Every error that a screen may show says what helps. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { remedyFor } from '../../renderer/text/remedies.ts';

const core = join(import.meta.dirname, '../../core');

/** Codes that are thrown without a remedy of their own, as the sources write them. */
function codesWithoutRemedy(): string[] {
  const files = readdirSync(core, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const codes = files.flatMap((file) => {
    const source = readFileSync(join(core, file), 'utf8');
    return [...source.matchAll(/new WorkbenchError\(\s*'([A-Z_]+)'/g)].flatMap(({ 1: code, index }) => {
      const end = source.slice(index).search(/\);/);
      // A remedy is the fourth argument: a text after the details.
      return /\}\s*,\s*(?:'|`|[a-z])/.test(source.slice(index, index + end)) ? [] : [code!];
    });
  });
  return [...new Set(codes)].sort();
}

describe('Remedies', () => {
  it('are there for what is thrown without one', () => {
    const codes = codesWithoutRemedy();
    expect(codes).toContain('FILE_EMPTY');
    // Never shown: cancelled by the user; thrown where nobody but a programmer is.
    const silent = ['CANCELLED', 'MESSAGES_REMOTE', 'PROMPT_EMPTY', 'REPORT_SECTION_UNKNOWN'];
    expect(codes.filter((code) => remedyFor(code) === null && !silent.includes(code))).toEqual([]);
  });

  it('are the most particular that fits', () => {
    expect(remedyFor('DICOM_NO_PIXELS')).not.toBe(remedyFor('DICOM_TRUNCATED'));
    expect(remedyFor('SERVER_BUSY')).not.toBe(remedyFor('SERVER_TIMEOUT'));
    expect(remedyFor('NO_SUCH_CODE')).toBeNull();
  });
});
