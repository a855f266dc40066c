/** Only the checkpoint may differ. */
import { describe, expect, it } from 'vitest';
import { differences, refusal } from '../../core/services/comparability.ts';
import type { Provenance } from '../../core/services/contract.ts';

const BASE: Provenance = {
  imageHash: 'film',
  preprocessing: 'mimic-cxr-jpg',
  baseHash: 'base',
  adapterHash: null,
  promptId: 'free-reasoning',
  promptHash: 'a'.repeat(64),
  templateHash: 'template',
  temperature: 0,
  topP: 1,
  topK: 0,
  seed: 0,
  maxNewTokens: 512,
  precision: 'f32',
  executor: 'onnxruntime-cpu',
  executorVersion: '1.30.0',
};

describe('two answers', () => {
  it.each<[string, Partial<Provenance>]>([
    ['another adapter', { adapterHash: 'sft' }],
    ['another film', { imageHash: 'other' }],
    ['another base with its own chat template', { baseHash: 'other', templateHash: 'other' }],
    ['another form of answers, which is the checkpoint’s', { answerFormat: 'answer' }],
    ['the same answer with label probabilities', { probabilityMethod: 'answer-tree-1' }],
  ])('may be compared with %s', (_, change) => {
    expect(refusal(BASE, { ...BASE, ...change })).toBeNull();
  });

  it.each<[string, Partial<Provenance>, string]>([
    ['prompt', { promptId: 'only-label', promptHash: 'b' }, 'prompt (free-reasoning and only-label)'],
    ['wording', { promptHash: 'b'.repeat(64) }, 'wording of the prompt (aaaaaaaa and bbbbbbbb)'],
    ['chat template of the same base', { templateHash: 'x' }, 'chat template (template and x)'],
    ['temperature', { temperature: 0.8 }, 'temperature (0 and 0.8)'],
    ['top-p', { topP: 0.95 }, 'top-p (1 and 0.95)'],
    ['top-k', { topK: 5 }, 'top-k (0 and 5)'],
    ['seed', { seed: 1 }, 'seed (0 and 1)'],
    ['maximum of tokens', { maxNewTokens: 96 }, 'maximum of tokens (512 and 96)'],
    ['precision', { precision: 'int4' }, 'precision (f32 and int4)'],
    ['preprocessing', { preprocessing: 'percentile' }, 'preprocessing (mimic-cxr-jpg and percentile)'],
    ['executor', { executor: 'tfjs-wasm' }, 'executor (onnxruntime-cpu and tfjs-wasm)'],
    ['version', { executorVersion: '1.31.0' }, 'version of the executor (1.30.0 and 1.31.0)'],
    ['server', { server: 'http://gpu:8000' }, 'server (none and http://gpu:8000)'],
  ])('are refused with another %s', (_, change, words) => {
    expect(refusal(BASE, { ...BASE, ...change })).toBe(words);
    expect(refusal({ ...BASE, ...change }, BASE)).not.toBeNull();
  });

  it('are refused with every reason, and with two methods of label probabilities', () => {
    const other = { ...BASE, precision: 'int8', temperature: 1, probabilityMethod: 'frequency k=8 T=0.8 p=0.95' };
    expect(differences({ ...BASE, probabilityMethod: 'answer-tree-1' }, other).map(({ field }) => field)).toEqual([
      'temperature',
      'precision',
      'method of the label probabilities',
    ]);
  });

  it('have no field that nobody has thought of', () => {
    const unknown = { ...BASE, somethingNew: 'x' } as Provenance;
    expect(refusal(BASE, unknown)).toBe('somethingNew (none and x)');
  });
});
