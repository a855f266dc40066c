/** Adapters: what is refused, patterns, stacking for a batch. Values against PEFT are in tests/reference. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { canonicalName, peftModuleName } from '../../core/models/gemma3/names.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { type AdapterTarget, createAdapter, openAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { AdapterSets } from '../../core/peft/stack.ts';
import { writeSafetensors } from '../../core/tensor/safetensors.ts';

const Q = 'language.layers.0.self_attn.q_proj';
const UP = 'language.layers.1.mlp.up_proj';
const target: AdapterTarget = {
  linears: new Map([
    [Q, [6, 4]],
    [UP, [10, 4]],
  ]),
  weightsHash: 'these weights',
  canonicalName,
  peftName: peftModuleName,
};

const PREFIX = 'base_model.model.language_model.model.layers';
const A = `${PREFIX}.0.self_attn.q_proj.lora_A.weight`;
const B = `${PREFIX}.0.self_attn.q_proj.lora_B.weight`;
const UP_A = `${PREFIX}.1.mlp.up_proj.lora_A.weight`;
const UP_B = `${PREFIX}.1.mlp.up_proj.lora_B.weight`;
const config = { peft_type: 'LORA', r: 2, lora_alpha: 8, target_modules: ['q_proj', 'up_proj'] };

async function folder(json: unknown, shapes: Record<string, number[]>, metadata?: Record<string, string>) {
  const dir = await mkdtemp(join(tmpdir(), 'adapter-'));
  await writeFile(join(dir, 'adapter_config.json'), JSON.stringify(json));
  const tensors = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i + 1),
  }));
  await writeSafetensors(join(dir, 'adapter_model.safetensors'), tensors, metadata);
  return dir;
}

describe('an adapter folder', () => {
  it('gives transposed pairs and their scale, for names of older transformers too', async () => {
    const { adapter, warnings } = await openAdapter(await folder(config, { [A]: [2, 4], [B]: [6, 2] }), target);
    expect(warnings).toEqual([]);
    expect(adapter.modules.get(Q)).toEqual({
      down: Float32Array.of(1, 5, 2, 6, 3, 7, 4, 8),
      up: Float32Array.of(1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12),
      rank: 2,
      in: 4,
      out: 6,
      scale: 4,
    });
  });

  it('knows rsLoRA and patterns of rank and alpha', async () => {
    const shapes = { [A]: [2, 4], [B]: [6, 2], [UP_A]: [3, 4], [UP_B]: [10, 3] };
    const json = { ...config, use_rslora: true, rank_pattern: { up_proj: 3 }, alpha_pattern: { 'layers\\.1\\..*': 6 } };
    const { adapter } = await openAdapter(await folder(json, shapes), target);
    expect(adapter.modules.get(Q)!.scale).toBeCloseTo(8 / Math.sqrt(2), 12);
    expect(adapter.modules.get(UP)!.scale).toBeCloseTo(6 / Math.sqrt(3), 12);
  });

  it.each<[string, string, Record<string, unknown>, Record<string, number[]>, Record<string, string>?]>([
    ['DoRA', 'ADAPTER_KIND', { use_dora: true }, {}],
    ['saved modules', 'ADAPTER_KIND', { modules_to_save: ['lm_head'] }, {}],
    ['biases', 'ADAPTER_KIND', { bias: 'lora_only' }, {}],
    ['a changed base', 'ADAPTER_KIND', { init_lora_weights: 'pissa_niter_4' }, {}],
    ['another method', 'ADAPTER_KIND', { peft_type: 'IA3' }, {}],
    ['a magnitude vector', 'ADAPTER_KIND', {}, { [A.replace('lora_A', 'lora_magnitude_vector')]: [6] }],
    ['another width', 'ADAPTER_BASE', {}, { [A]: [2, 5], [B]: [6, 2] }],
    ['another output', 'ADAPTER_BASE', {}, { [A]: [2, 4], [B]: [7, 2] }],
    ['two ranks', 'ADAPTER_BASE', {}, { [A]: [2, 4], [B]: [6, 3] }],
    ['a layer too many', 'ADAPTER_BASE', {}, { [A.replace('.0.', '.7.')]: [2, 4] }],
    [
      'a vision module',
      'ADAPTER_BASE',
      {},
      { 'base_model.model.model.vision_tower.encoder.layers.0.mlp.fc1.lora_A.weight': [2, 4] },
    ],
    ['other weights', 'ADAPTER_BASE', {}, { [A]: [2, 4], [B]: [6, 2] }, { base_weights_sha256: 'other weights' }],
    ['half a pair', 'ADAPTER_TENSORS', {}, { [A]: [2, 4] }],
    ['no pair', 'ADAPTER_TENSORS', {}, {}],
    ['another rank than configured', 'ADAPTER_TENSORS', { r: 3 }, { [A]: [2, 4], [B]: [6, 2] }],
    ['no alpha', 'ADAPTER_CONFIG', { lora_alpha: 'x' }, { [A]: [2, 4], [B]: [6, 2] }],
    ['a pattern without end', 'ADAPTER_CONFIG', { alpha_pattern: { '(a+)+b': 1 } }, { [A]: [2, 4], [B]: [6, 2] }],
    ['a broken pattern', 'ADAPTER_CONFIG', { rank_pattern: { '(': 1 } }, { [A]: [2, 4], [B]: [6, 2] }],
  ])('with %s is refused as %s', async (_, code, change, shapes, metadata) => {
    const dir = await folder({ ...config, ...change }, shapes, metadata);
    await expect(openAdapter(dir, target)).rejects.toMatchObject({
      code,
      details: { file: expect.stringContaining(dir) },
    });
  });

  it('of our own is initialized as PEFT does, warns that it is untrained, and is written for PEFT', async () => {
    const settings = { r: 2, lora_alpha: 4, target_modules: ['up_proj'] };
    const adapter = createAdapter(target, settings, new Random(7));
    expect([...adapter.modules.keys()]).toEqual([UP]);
    const { down, up, scale } = adapter.modules.get(UP)!;
    expect(Math.max(...down)).toBeLessThanOrEqual(0.5);
    expect(Math.max(...down.map(Math.abs))).toBeGreaterThan(0.2);
    expect([...up].every((value) => value === 0)).toBe(true);
    expect(scale).toBe(2);
    const dir = await mkdtemp(join(tmpdir(), 'adapter-'));
    await writeAdapter(dir, adapter, target, 'base');
    const { adapter: again, warnings } = await openAdapter(dir, target);
    expect(again.hash).toBe(adapter.hash);
    expect(warnings.join()).toContain('has not been trained');
    const written = JSON.parse(await readFile(join(dir, 'adapter_config.json'), 'utf8'));
    expect(new RegExp(`^(?:${written.target_modules})$`).test(peftModuleName(UP))).toBe(true);
    expect(new RegExp(`^(?:${written.target_modules})$`).test(peftModuleName(Q))).toBe(false);
  });
});

describe('stacking', () => {
  const one = (hash: string, rank: number, scale: number): Adapter => ({
    hash,
    config: {},
    modules: new Map([
      [
        Q,
        {
          down: new Float32Array(4 * rank).fill(rank),
          up: new Float32Array(rank * 6).fill(1),
          rank,
          in: 4,
          out: 6,
          scale,
        },
      ],
    ]),
  });

  const freed: number[] = [];
  const sets = () =>
    new AdapterSets(
      ({ rank }) => rank,
      (value) => freed.push(value),
    );

  it('puts the ranks of different adapters side by side, scaled, with a mask by row', () => {
    const { stacked, rankMask } = sets().feed([one('b', 2, 5), null, one('a', 1, 3), one('b', 2, 5)], 4)!;
    expect(stacked.rank).toBe(3);
    expect([...rankMask!]).toEqual([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1]);
    const { down, up } = stacked.modules.get(Q)!;
    expect([...down.subarray(0, 3)]).toEqual([1, 2, 2]);
    expect([up[0], up[6], up[12]]).toEqual([3, 5, 5]);
  });

  it('needs no mask for one adapter, and nothing for none', () => {
    expect(sets().feed(one('a', 1, 3), 2)!.rankMask).toBeNull();
    expect(sets().feed([one('a', 1, 3), null], 2)!.rankMask).toEqual(Float32Array.of(1, 0));
    expect(sets().feed([null, null], 2)).toBeNull();
    expect(sets().feed(undefined, 2)).toBeNull();
  });

  it('keeps the sets used last, whatever their rows, and frees the others', () => {
    const kept = sets();
    const [a, b] = [one('a', 1, 3), one('b', 2, 5)];
    const first = kept.feed([a, b], 2)!.value;
    expect(kept.feed([b, null, a], 3)!.value).toBe(first);
    for (let rank = 4; rank < 8; rank++) kept.feed(one(`step ${rank}`, rank, 1), 1);
    expect(freed).toEqual([3]);
    kept.clear();
    expect(freed).toEqual([3, 4, 5, 6, 7]);
  });
});
