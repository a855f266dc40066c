/**
 * Writes a checkpoint of a published model's exact shapes with random weights, in the layout in which it is published (bf16,
 * two shards with an index): what a model of that size needs in memory and time, without the model.
 *
 *   npm run -s synthetic -- --model medgemma-4b|qwen2.5-vl-3b --out DIR [--layers N]
 *
 * Shapes and settings after the models' own config.json. The tokenizer has the published number of tokens and works, but
 * its words are made up. `--layers` writes fewer layers of text and vision: the same matrices, less disk.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../core/base/random.ts';
import { architectureOf } from '../core/models/architectures.ts';
import { writeJson } from '../core/platform/files.ts';
import { elements } from '../core/tensor/dtypes.ts';
import { type TensorSpec, writeTensorFile } from '../core/tensor/safetensorsWriter.ts';
import { SYNTHETIC, type SyntheticModel } from './support/syntheticModels.ts';
import { syntheticTokenizer } from './support/syntheticTokenizer.ts';

const SHARDS = 2;
/** Prime, so that the rows of no matrix are alike. */
const POOL = 4_194_301;

export async function writeSyntheticCheckpoint(dir: string, model: SyntheticModel): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeWeights(dir, model);
  await writeJson(join(dir, 'config.json'), model.config);
  const { json, config } = syntheticTokenizer(model.tokenizer);
  await writeJson(join(dir, 'tokenizer.json'), json);
  await writeJson(join(dir, 'tokenizer_config.json'), config);
  await writeJson(join(dir, 'preprocessor_config.json'), model.preprocessor);
  await writeJson(join(dir, 'generation_config.json'), model.generation);
  const template = join(import.meta.dirname, '../resources/models/base/chat_template.jinja');
  if (model.tokenizer.kind === 'gemma') await copyFile(template, join(dir, 'chat_template.jinja'));
  else await writeJson(join(dir, 'chat_template.json'), { chat_template: model.tokenizer.chatTemplate });
}

async function writeWeights(dir: string, { config }: SyntheticModel): Promise<void> {
  const network = architectureOf(config, 'config.json').open(config, 'config.json');
  const specs = [...network.shapes].map(([name, shape]): TensorSpec => {
    return { name: network.names.published(name), dtype: 'BF16', shape };
  });
  const total = specs.reduce((sum, spec) => sum + elements(spec.shape), 0);
  const normal = pool();
  const weightMap: Record<string, string> = {};
  let start = 0;
  for (let shard = 1; shard <= SHARDS; shard++) {
    const file = `model-${`${shard}`.padStart(5, '0')}-of-${`${SHARDS}`.padStart(5, '0')}.safetensors`;
    const part: TensorSpec[] = [];
    for (let size = 0; start < specs.length && (size < total / SHARDS || shard === SHARDS); start++) {
      part.push(specs[start]!);
      size += elements(specs[start]!.shape);
      weightMap[specs[start]!.name] = file;
    }
    await writeTensorFile(join(dir, file), part, { format: 'pt' }, (spec) => randomValues(spec, normal));
  }
  const metadata = { total_size: 2 * total };
  await writeJson(join(dir, 'model.safetensors.index.json'), { metadata, weight_map: weightMap });
  console.error(`${(total / 1e9).toFixed(2)} billion parameters in ${dir}`);
}

function pool(): Float32Array {
  const random = new Random('synthetic');
  return Float32Array.from({ length: POOL }, () => random.normal());
}

/** Normal with the deviation that keeps activations about as they are; norms are near 1 (or near 0 where 1 is added). */
function* randomValues({ name, shape }: TensorSpec, normal: Float32Array): Generator<Uint8Array> {
  const isMatrix = shape.length > 1;
  const deviation = isMatrix ? elements(shape.slice(1)) ** -0.5 : 0.02;
  const mean = !isMatrix && /norm\d?\.weight|ln_q\.weight/.test(name) && /visual|vision|^model\./.test(name) ? 1 : 0;
  const table = new Uint16Array(POOL);
  const f32 = new Float32Array(1);
  const bits = new Uint32Array(f32.buffer);
  for (let i = 0; i < POOL; i++) {
    f32[0] = mean + deviation * normal[i]!;
    table[i] = (bits[0]! + 0x8000) >>> 16;
  }
  const bytes = new Uint8Array(table.buffer);
  let left = 2 * elements(shape);
  // Another place of the pool for every tensor.
  let at = 2 * (new Random(name).uint32() % POOL);
  while (left > 0) {
    const take = Math.min(left, bytes.length - at);
    yield bytes.subarray(at, at + take);
    left -= take;
    at = 0;
  }
}

const { values } = parseArgs({
  options: { model: { type: 'string' }, out: { type: 'string' }, layers: { type: 'string' } },
});
const make = SYNTHETIC[values.model ?? ''];
if (!make || !values.out) {
  console.error(`Usage: npm run -s synthetic -- --model ${Object.keys(SYNTHETIC).join('|')} --out DIR [--layers N]`);
  process.exitCode = 2;
} else
  await writeSyntheticCheckpoint(values.out, make(values.layers === undefined ? undefined : Number(values.layers)));
