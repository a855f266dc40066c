/** Gradients of LoRA pairs through the whole network, against PyTorch (shared/reference/sft, step 1 before clipping). */
import { join } from 'node:path';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adapterTarget } from '../../core/models/network.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { TrainingInput } from '../../core/models/trainable.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { openAdapter } from '../../core/peft/adapterFolder.ts';
import { openSafetensors } from '../../core/tensor/safetensors.ts';
import { openTfjs } from '../../core/tensor/tfjs/backend.ts';
import { batchOf, featuresOf } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { describeBackends } from '../support/tfjs.ts';

describeReference('Gradients of LoRA', referenceDir('sft'), (folder) => {
  const gemma = referenceDir('gemma3')!;

  describeBackends('tfjs', (backend) => {
    let model: TfjsModel;
    let adapter: Adapter;
    let target: ReturnType<typeof adapterTarget>;

    beforeAll(async () => {
      const base = await openModelFolder(join(gemma, 'model'));
      target = adapterTarget(base);
      const opened = await openAdapter(join(folder, 'initial_adapter'), target);
      expect(opened.warnings.join()).toContain('Every B');
      adapter = opened.adapter;
      model = await TfjsModel.load(base, await openTfjs({ prefer: backend }));
    });
    afterAll(() => model.dispose());

    it('equal the reference within 1e-4 of the largest entry of each tensor, and leave no tensor behind', async () => {
      const sft = readJsonFile(folder, 'sft.json');
      const { tf } = model;
      const pairs = new Map(
        [...adapter.modules].map(([name, module]) => [
          name,
          {
            down: tf.tensor2d(module.down, [module.in, module.rank]),
            up: tf.tensor2d(module.up, [module.rank, module.out]),
            scale: module.scale,
          },
        ]),
      );
      const indices: number[][] = sft.microbatches.slice(0, sft.hyperparameters.accumulation);
      const inputs = await Promise.all(indices.map((micro) => microBatch(micro.map((i) => sft.examples[i]))));
      const supervised = inputs.reduce((sum, { targets }) => sum + targets.length, 0);
      const flat = [...pairs.values()].flatMap(({ down, up }) => [down, up] as Tensor[]);

      const loss = () => tf.tidy(() => {
        const losses = inputs.map(({ input, targets }) => {
          const logits = model.languageLogits(input, { lora: { pairs } });
          return tf.sum(model.logProbabilities(logits, tf.tensor1d(targets, 'int32') as Tensor1D));
        });
        return tf.div(tf.neg(tf.addN(losses)), supervised) as ReturnType<typeof tf.scalar>;
      });
      tf.dispose(loss()); // Layouts of weights that are made at first use, and then stay.
      const before = tf.memory().numTensors;
      const { value, grads } = tf.engine().gradients(loss, flat as Tensor[]);
      expect(Math.abs(value.dataSync()[0]! - sft.steps[0].loss)).toBeLessThan(1e-4);
      expect(supervised).toBe(sft.steps[0].tokens);

      const reference = await openSafetensors(join(folder, 'first_step_gradients.safetensors'));
      for (const [i, name] of [...pairs.keys()].entries())
        for (const [j, which] of ['A', 'B'].entries()) {
          const expected = await reference.read(`base_model.model.${target.peftName(name)}.lora_${which}.weight`);
          const actual = tf.tidy(() => tf.transpose(grads[2 * i + j]!).dataSync());
          const largest = expected.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
          const difference = expected.reduce((top, v, k) => Math.max(top, Math.abs(v - actual[k]!)), 0);
          expect(difference, `${name} ${which}`).toBeLessThanOrEqual(1e-4 * largest);
        }
      tf.dispose([value, ...grads]);
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose(flat);
    });

    /** Rows padded on the right; supervised positions are those whose next label is not -100. */
    async function microBatch(examples: { input_ids: number[]; labels: number[]; image: string | null }[]) {
      const length = Math.max(...examples.map(({ input_ids }) => input_ids.length));
      const pad = (values: number[], filler: number) => [
        ...values,
        ...Array.from({ length: length - values.length }, () => filler),
      ];
      const features = await featuresOf(
        model,
        gemma,
        examples.flatMap(({ image }) => image ?? []),
      );
      const input: TrainingInput = batchOf(
        examples.map(({ input_ids }) => pad(input_ids, model.info.padTokenId)),
        examples.map(({ input_ids }) =>
          pad(
            input_ids.map(() => 1),
            0,
          ),
        ),
        model.info.imageTokenId,
        features,
      );
      const labels = examples.flatMap(({ labels }) => pad(labels, -100));
      const at = labels.flatMap((label, i) => (label >= 0 ? [i - 1] : []));
      return {
        input: { ...input, logitsAt: Int32Array.from(at) },
        targets: at.map((position) => labels[position + 1]!),
      };
    }
  });
});
