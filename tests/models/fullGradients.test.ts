/**
 * Gradients with respect to every weight (pretraining), vision tower included: each tensor's gradient against the slope of
 * the loss along it (central difference). LoRA's gradients are compared with PyTorch's in tests/reference.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { parseGemma3Config } from '../../core/models/gemma3/config.ts';
import { gemma3Network } from '../../core/models/gemma3/gemma3.ts';
import { tensorShapes } from '../../core/models/gemma3/names.ts';
import { openModelFolder, writeModelWeights } from '../../core/models/modelFolder.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import { openTfjs } from '../../core/tensor/tfjs/backend.ts';
import { describeBackends } from '../support/tfjs.ts';

const CONFIG = {
  model_type: 'gemma3',
  mm_tokens_per_image: 4,
  image_token_index: 15,
  text_config: {
    vocab_size: 16,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 4,
    query_pre_attn_scalar: 4,
    sliding_window: 5,
    sliding_window_pattern: 2,
  },
  vision_config: {
    hidden_size: 6,
    intermediate_size: 10,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    image_size: 16,
    patch_size: 4,
  },
};

async function randomModel(backend: 'wasm' | 'tensorflow', tie: boolean): Promise<TfjsModel> {
  const dir = await mkdtemp(join(tmpdir(), 'model-'));
  const json = { ...CONFIG, tie_word_embeddings: tie };
  await writeFile(join(dir, 'config.json'), JSON.stringify(json));
  const random = new Random(3);
  const config = parseGemma3Config(json, 'config.json');
  const weights = [...tensorShapes(config)].map(([name, shape]) => {
    const length = shape.reduce((a, b) => a * b);
    return [name, Float32Array.from({ length }, () => random.normal() * 0.4)] as const;
  });
  await writeModelWeights(dir, gemma3Network(config), new Map(weights));
  return TfjsModel.load(await openModelFolder(dir), await openTfjs({ prefer: backend }));
}

describeBackends('Gradients of all weights', (backend) => {
  it.each([true, false])('are the slopes of the loss (tied head: %s)', async (tie) => {
    const model = await randomModel(backend, tie);
    const { tf } = model;
    const folderWeights = new Map(model.weightNames.map((name) => [name, tf.variable(model.weight(name))]));
    const random = new Random(5);
    const pixels = [0, 1].map(() => ({
      data: Float32Array.from({ length: 3 * 256 }, () => random.normal()),
      width: 16,
      height: 16,
    }));
    const ids = [1, 15, 15, 15, 15, 5, 5, 6, 2, 15, 15, 15, 15, 3, 9, 0];
    let image = 0;
    const input = {
      batch: 2,
      length: 8,
      inputIds: Int32Array.from(ids),
      imageIndex: Int32Array.from(ids, (id) => (id === 15 ? image++ : -1)),
      positionIds: Int32Array.from(ids, (_, i) => i % 8),
      attentionMask: Uint8Array.from(ids, (_, i) => (i === 15 ? 0 : 1)),
      logitsAt: Int32Array.of(4, 5, 6, 12, 13),
    };
    const targets = tf.tensor1d([5, 6, 7, 3, 9], 'int32') as Tensor1D;
    const loss = (weights: ReadonlyMap<string, Tensor>) =>
      tf.tidy(() => {
        const imageFeatures = model.imageFeatures(pixels, { weights });
        const logits = model.languageLogits({ ...input, imageFeatures }, { weights });
        return tf.neg(tf.mean(model.logProbabilities(logits, targets))) as Scalar;
      });

    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() => loss(folderWeights));
    for (const [name, variable] of folderWeights) {
      const gradient = grads[variable.name]!;
      const norm = tf.tidy(() => tf.norm(gradient).dataSync()[0]!);
      expect(gradient.shape, name).toEqual(variable.shape);
      const step = 5e-3;
      const lossAt = (sign: number) =>
        tf.tidy(() => {
          const moved = tf.add(variable, tf.mul(gradient, (sign * step) / norm));
          return loss(new Map([...folderWeights, [name, moved]])).dataSync()[0]!;
        });
      const slope = norm < 1e-6 ? 0 : (lossAt(1) - lossAt(-1)) / (2 * step);
      expect(Math.abs(slope - norm), `${name}: gradient ${norm}, slope ${slope}`).toBeLessThan(0.01 * norm + 2e-4);
    }
    tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
    await model.dispose();
  });
});
