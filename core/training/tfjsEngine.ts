/** The training engine on tfjs: gradients by its tape, in f32; the reference that the other engine is compared with. */
import { createHash } from 'node:crypto';
import { bytesOf } from '../base/hash.ts';
import type { ImageFeatures } from '../models/runner.ts';
import type { TrainableModel, TrainingOptions } from '../models/trainable.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import {
  type EngineBatch,
  type GradientSettings,
  ModelEngine,
  objectiveLoss,
  type PassResult,
  type ScoreSettings,
  type TrainingEngine,
} from './engine.ts';
import { featureInput } from './features.ts';
import { asTensors, lossAndGradients } from './gradients.ts';
import { loraInputs, type TrainedAdapter } from './lora.ts';
import { type GrpoMetrics, hostLoss, tokenLogProbs } from './loss.ts';

/** A model of tfjs as an engine; what is one already stays what it is. */
export function asEngine(model: TrainableModel | TrainingEngine): TrainingEngine {
  return 'tf' in model ? new TfjsEngine(model) : model;
}

export class TfjsEngine extends ModelEngine<TrainableModel> implements TrainingEngine {
  async imageFeatures(image: PixelValues): Promise<ImageFeatures> {
    const tensor = this.model.imageFeatures([image]);
    const data = (await tensor.data()) as Float32Array;
    tensor.dispose();
    return { data, width: this.info.width, grids: [this.network.tokenGrid(image)] };
  }

  async logProbabilities(
    batch: EngineBatch,
    adapter: TrainedAdapter | null,
    settings: ScoreSettings,
  ): Promise<Float32Array> {
    const { tf } = this.model;
    this.model.use();
    let values = new Float32Array();
    tf.tidy(() => {
      const lora = adapter && loraInputs(asTensors(tf, adapter.parameters), adapter.scales);
      const logps = this.logps(batch, lora ? { lora } : {}, settings);
      values = logps.dataSync() as Float32Array<ArrayBuffer>;
    });
    return values;
  }

  async gradients(batch: EngineBatch, adapter: TrainedAdapter, settings: GradientSettings): Promise<PassResult> {
    const { tf } = this.model;
    this.model.use();
    const { objective, dropout, checkpointing } = settings;
    const seen: { logps: Float32Array; metrics: GrpoMetrics | null } = { logps: new Float32Array(), metrics: null };
    const result = lossAndGradients(tf, adapter.parameters, (tensors, watch) => {
      const options: TrainingOptions = { lora: loraInputs(tensors, adapter.scales) };
      if (dropout) options.dropout = (x, module) => tf.mul(x, tf.tensor(dropout(module, x.size), x.shape));
      if (checkpointing) options.checkpointing = { watch };
      return hostLoss(tf, this.logps(batch, options, settings), (values) => {
        const { metrics, ...loss } = objectiveLoss(objective, values);
        Object.assign(seen, { logps: values, metrics });
        return loss;
      });
    });
    return { ...result, ...seen };
  }

  /** Call inside `tf.tidy`. */
  private logps({ input, targets, images }: EngineBatch, options: TrainingOptions, settings: ScoreSettings) {
    const { model } = this;
    const logits = model.languageLogits({ ...input, ...featureInput(model, images) }, options);
    return tokenLogProbs(model.tf, logits, targets, settings.temperature, settings.statistics);
  }

  async weightsHash(): Promise<string> {
    const hash = createHash('sha256');
    for (const name of [...this.model.weightNames].sort()) {
      hash.update(name);
      hash.update(bytesOf(this.model.weight(name).dataSync() as Float32Array));
    }
    return hash.digest('hex');
  }
}
