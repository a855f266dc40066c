import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readParaphrases, trainTokenizer } from '../../core/experiment/pretraining/tokenizer.ts';
import { CHEXPERT_LABELS } from '../../core/labels/labels.ts';
import { allPhrases } from '../../core/phantom/traces.ts';
import { gemmaTokenizerFiles, trainBpe } from '../../core/text/bpeTrainer.ts';
import { Tokenizer } from '../../core/text/tokenizer.ts';

const RESOURCES = join(__dirname, '..', '..', 'resources');

function load(model: ReturnType<typeof trainBpe>): Tokenizer {
  const files = gemmaTokenizerFiles(model, '');
  return new Tokenizer(files['tokenizer.json']!, files['tokenizer_config.json'] as Record<string, unknown>);
}

describe('trainBpe', () => {
  it('merges the most frequent pair first, and of equals the one that sorts first', () => {
    const model = trainBpe(
      [
        { text: 'abab cdcd', weight: 1 },
        { text: 'xy', weight: 5 },
      ],
      400,
    );
    expect(model.merges[0]).toEqual(['x', 'y']);
    expect(model.merges[1]).toEqual(['a', 'b']);
  });

  it('gives the same pieces whatever the order of the texts', () => {
    const texts = ['the lung', 'the heart', 'the lungs'].map((text) => ({ text, weight: 2 }));
    expect(trainBpe([...texts].reverse(), 310).pieces).toEqual(trainBpe(texts, 310).pieces);
  });

  it('refuses a vocabulary that cannot hold the characters', () => {
    expect(() => trainBpe([{ text: 'abc', weight: 1 }], 260)).toThrowError(/too small/);
  });

  it('falls back to bytes for what it never saw, and back', () => {
    const tokenizer = load(trainBpe([{ text: 'abc abc', weight: 1 }], 300));
    for (const text of ['Übergröße 12 %', 'a\tb', '肺炎', '👩‍⚕️'])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });
});

describe('the tokenizer of the phantom', async () => {
  const tokenizer = load(await trainTokenizer(RESOURCES));
  const unknown = tokenizer.idOf('<unk>');
  const prompts = readdirSync(join(RESOURCES, 'prompts')).filter((file) => file.endsWith('.md'));

  it.each(prompts)('covers %s without unknown or byte tokens, and gives its text back', (file) => {
    const text = readFileSync(join(RESOURCES, 'prompts', file), 'utf8');
    const ids = tokenizer.encode(text);
    expect(ids).not.toContain(unknown);
    expect(ids.filter((id) => tokenizer.isByte(id))).toEqual([]);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('covers paraphrases, traces and labels', () => {
    const { training, heldOut } = readParaphrases(RESOURCES);
    for (const text of [...training, ...heldOut, ...allPhrases(), ...CHEXPERT_LABELS]) {
      const ids = tokenizer.encode(text);
      expect(ids.every((id) => id !== unknown && !tokenizer.isByte(id))).toBe(true);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});
