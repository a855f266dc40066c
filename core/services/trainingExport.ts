/**
 * A run as a folder that TRL, PEFT and accelerate train as it stands, on machines where this application is not:
 *
 *   README.md                      what it is, how it is trained, every setting with its place in TRL, every departure
 *   settings.json                  `trl`: the arguments of SFTConfig or GRPOConfig as they stand (core/training/trl.ts)
 *   run.json                       where it comes from; `train import` reads it again
 *   train_sft.py | train_grpo.py, common.py, rewards.py, reward_cases.json, requirements.txt
 *   data/train.jsonl, held_out.jsonl, order.json, images/*.png; GRPO: rollouts.jsonl, the completions of the first steps
 *   prompt.md                      the instruction
 *   adapter/                       what training starts from, in PEFT's format
 *   model/                         the base, where it is copied
 *   output/                        made by training: adapter/, trainer_state.json, versions.json
 *
 * Of patients there is nothing in it: images are pixels without header under numbers, patients are keys (lineage.ts).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, type Work } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import { VERSION } from '../base/version.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { adapterTarget } from '../models/network.ts';
import { createAdapter, writeAdapter } from '../peft/adapterFolder.ts';
import { readJsonIfThere, writeFileAtomic, writeJson } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { type GrpoConfig, parseTrainingConfig, type SftConfig } from '../training/config.ts';
import { loraSettings } from '../training/sft.ts';
import { dataOf, drawExamples, holdOut } from '../training/split.ts';
import { epochOrder } from '../training/step.ts';
import { TRL_FIXED, trlRows, trlSettings } from '../training/trl.ts';
import type { TrainingExample } from '../training/types.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, Checkpoint, CompletionRow, TrainingExport, TrainingLogLine } from './contract.ts';
import { readTrainedOn, trainedFurther } from './lineage.ts';
import { pngOf } from './remoteAnswers.ts';
import { EXPORT_FORMAT, type ExportedRun } from './trainingExchange.ts';
import type { TrainingData, TrainingInput, TrainingRequest } from './trainingInput.ts';
import { readmeOf } from './trainingReadme.ts';
import { RUNS, type Trainings } from './trainings.ts';

/** A base up to this size is copied unless it is said otherwise. */
const COPIED_BYTES = 2 * 2 ** 30;
const SCRIPTS = { sft: ['train_sft.py'], grpo: ['train_grpo.py', 'rewards.py', 'reward_cases.json'] } as const;
const COMMON = ['common.py', 'requirements.txt'];

type Asked = TrainingRequest & { name: string; runId: string | null };

export class TrainingExports {
  constructor(
    private readonly platform: Platform,
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly input: TrainingInput,
    private readonly trainings: Trainings,
  ) {}

  /**
   * Errors: TRAINING_EXPORT_FOLDER where something else lies there, TRAINING_EXPORT_REWARD, TRAINING_EXPORT_FILMS,
   * GRPO_NEEDS_ADAPTER, TRAINING_RATE, TRAINING_INPUT where the run stops at bad input, and those of the run's input.
   */
  async write(params: CheckedParameters<'training.export'>, work: Work): Promise<TrainingExport> {
    const { path: folder } = params;
    await demandFree(folder);
    const asked = await this.asked(params.run);
    const start = this.checkpoints.usable(asked.startFromId);
    if (asked.kind === 'grpo' && start.baseId === null) throw needsAdapter(start);
    // What cannot be exported is said before anything is read.
    if (asked.kind === 'grpo')
      trlSettings('grpo', parseTrainingConfig('grpo', asked.config), { ...NO_SIZES, films: 1e9 });
    const data = await this.input.checked(asked, work);
    const split = splitOf(asked, data);
    if (parseTrainingConfig(asked.kind as 'sft', asked.config).badInput === 'stop') data.leftOut.demandNone();
    const base = await openModelFolder(this.checkpoints.baseFolder(start));
    const { endTokenIds, visionTokenIds } = base.info;
    const sizes = { films: split.train.length, heldOut: split.heldOut.length, endTokenIds, visionTokenIds };
    const config = parseTrainingConfig(asked.kind as 'sft', asked.config);
    const settings = trlSettings(asked.kind as 'sft', config, sizes);
    await this.writeScripts(folder, asked.kind);
    await this.writeRows(folder, split, work);
    await writeJson(join(folder, 'data', 'order.json'), ordersOf(asked, split.train.length));
    const model = await this.writeModel(folder, start, params.model);
    await this.writeAdapter(folder, asked, start);
    await writeJson(join(folder, 'settings.json'), settings);
    const rollouts = await this.writeRollouts(folder, asked, split.train);
    const run = await this.runFile(asked, start, data, split, model.files);
    await writeJson(join(folder, 'run.json'), run);
    const prompt = await this.input.prompt(asked);
    await writeFileAtomic(join(folder, 'prompt.md'), prompt.text);
    const rows = trlRows(asked.kind, config);
    const facts = { rows, fixed: TRL_FIXED[asked.kind], copied: model.copied, leftOut: data.leftOut.all, rollouts };
    await writeFileAtomic(join(folder, 'README.md'), readmeOf(run, sizes, facts));
    return {
      ...{ path: folder, kind: asked.kind, films: sizes.films, heldOut: sizes.heldOut, rollouts, model: model.copied },
      departures: rows.flatMap(({ field, departure }) => (departure ? [{ field, why: departure }] : [])),
      leftOut: data.leftOut.all,
    };
  }

  private async asked(run: CheckedParameters<'training.export'>['run']): Promise<Asked> {
    if (!('runId' in run)) return { ...run, datasetId: run.datasetId ?? this.input.trainingSource(), runId: null };
    const { kind, name, startFromId, datasetId, config } = await this.trainings.file(run.runId);
    return { kind, name, startFromId, datasetId, config, runId: run.runId };
  }

  private async writeScripts(folder: string, kind: 'sft' | 'grpo'): Promise<void> {
    for (const name of [...COMMON, ...SCRIPTS[kind]]) {
      const text = await readFile(join(this.platform.resourcesDir, 'trl', name), 'utf8');
      await writeFileAtomic(join(folder, name), text);
    }
  }

  /** Each film once, under its place in the draw. */
  private async writeRows(folder: string, { train, heldOut }: Split, work: Work): Promise<void> {
    await mkdir(join(folder, 'data', 'images'), { recursive: true });
    const total = train.length + heldOut.length;
    let done = 0;
    const rowsOf = async (examples: readonly TrainingExample[]) => {
      const rows: string[] = [];
      for (const example of examples) {
        throwIfCancelled(work.signal);
        const image = `data/images/${String(++done).padStart(6, '0')}.png`;
        await writeFileAtomic(join(folder, image), pngOf(await example.image()));
        const { id: film, patientId: patient, promptText: prompt, targetText: answer, labels } = example;
        rows.push(`${JSON.stringify({ film, patient, image, prompt, answer, labels })}\n`);
        work.report({ stage: 'Writing the films', done, total });
      }
      return rows.join('');
    };
    await writeFileAtomic(join(folder, 'data', 'train.jsonl'), await rowsOf(train));
    if (heldOut.length > 0) await writeFileAtomic(join(folder, 'data', 'held_out.jsonl'), await rowsOf(heldOut));
  }

  private async writeModel(folder: string, start: Checkpoint, wish: 'auto' | 'copy' | 'leave') {
    const source = this.checkpoints.baseFolder(start);
    const names = (await readdir(source)).filter((name) => /\.(json|jinja|model|txt|safetensors)$/.test(name)).sort();
    const weights = names.filter((name) => name.endsWith('.safetensors'));
    const sizes = await Promise.all(weights.map(async (name) => (await stat(join(source, name))).size));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const copied = wish === 'copy' || (wish === 'auto' && bytes <= COPIED_BYTES);
    if (copied) {
      await mkdir(join(folder, 'model'), { recursive: true });
      for (const name of names) await copyFile(join(source, name), join(folder, 'model', name));
    }
    const files = [];
    for (const file of weights) files.push({ file, sha256: await hashOf(join(source, file)) });
    return { copied, files };
  }

  /** What training starts from: the checkpoint's adapter, or the new one that a run of this seed would begin with. */
  private async writeAdapter(folder: string, asked: Asked, start: Checkpoint): Promise<void> {
    const base = await openModelFolder(this.checkpoints.baseFolder(start));
    const target = adapterTarget(base);
    const config = asked.kind === 'sft' ? parseTrainingConfig('sft', asked.config) : null;
    const adapter =
      (await this.input.adapterOf(start)) ??
      createAdapter(target, loraSettings(config!), new Random(config!.seed).fork('adapter'));
    await writeAdapter(join(folder, 'adapter'), adapter, target, basename(base.dir));
  }

  /** Of a GRPO run that has begun here: the completions of its rollouts, as long as their films are the exported ones. */
  private async writeRollouts(folder: string, { kind, runId, config }: Asked, train: readonly TrainingExample[]) {
    if (kind !== 'grpo' || runId === null) return 0;
    const { iterations } = parseTrainingConfig('grpo', config);
    const rows = await this.workspace.lines<CompletionRow>(RUNS, runId, 'completions.jsonl');
    const known = new Set(train.map(({ id }) => id));
    const given = rows.filter(({ id, tokenIds }) => tokenIds && known.has(id));
    if (given.length === 0 || given.length < rows.length) return 0;
    const lines = given.map(({ step, id, tokenIds, reward }) => {
      return `${JSON.stringify({ rollout: Math.floor((step - 1) / iterations), film: id, tokenIds, reward })}\n`;
    });
    await writeFileAtomic(join(folder, 'data', 'rollouts.jsonl'), lines.join(''));
    return given.length;
  }

  private async runFile(
    asked: Asked,
    start: Checkpoint,
    { draw }: TrainingData,
    { train, heldOut }: Split,
    files: ExportedRun['base']['files'],
  ): Promise<ExportedRun> {
    const { kind, name, config, runId, datasetId } = asked;
    const dataset = this.collections.collection(datasetId);
    const adapter = await this.input.adapterOf(start);
    const base = this.checkpoints.baseModel(start.id);
    const before = start.baseId === null ? null : await readTrainedOn(this.checkpoints.folder(start));
    const patients = [...train, ...heldOut].map(({ patientId }) => patientId);
    return {
      format: EXPORT_FORMAT,
      version: VERSION,
      exportedAt: this.platform.now().toISOString(),
      ...{ kind, name, config },
      base: { name: base.name, weightsHash: base.info!.weightsHash, files },
      start: { name: start.name, role: start.role, hash: adapter?.hash ?? null },
      dataset: { name: dataset.name, kind: dataset.kind, ...dataOf([...train, ...heldOut]) },
      draw: { ...draw, films: patients.length, patients: new Set(patients).size },
      card: {
        trainingSource: dataset.name,
        preprocessing: start.preprocessing,
        promptId: parseTrainingConfig(kind as 'sft', config).promptId,
        maxNewTokens: start.maxNewTokens,
        phantomOnly: start.phantomOnly,
      },
      trainedOn: trainedFurther(before, kind, dataset.name, patients),
      firstStep: runId === null ? null : await this.firstStep(runId),
    };
  }

  /** What this program computed on the same data, where it has begun. */
  private async firstStep(runId: string): Promise<ExportedRun['firstStep']> {
    const log = await this.workspace.lines<TrainingLogLine>(RUNS, runId, 'log.jsonl');
    const line = log.find(({ step, loss }) => step === 1 && typeof loss === 'number');
    return line ? { loss: line['loss'] as number, grad_norm: line['grad_norm'] as number } : null;
  }
}

const NO_SIZES = { films: 0, heldOut: 0, endTokenIds: [], visionTokenIds: [] };

interface Split {
  train: TrainingExample[];
  heldOut: TrainingExample[];
}

/** As the trainers split what they draw. */
function splitOf({ kind, config }: Asked, { examples }: TrainingData): Split {
  const { samples, seed } = parseTrainingConfig(kind as 'sft', config);
  const drawn = drawExamples(examples, samples, seed);
  if (drawn.length === 0) throw new WorkbenchError('TRAINING_EMPTY', 'There is no film to train on.');
  if (kind === 'grpo') return { train: drawn, heldOut: [] };
  const { training, heldOut } = holdOut(drawn, parseTrainingConfig('sft', config).heldOut, seed);
  return { train: training, heldOut };
}

/** The places in train.jsonl, epoch by epoch. */
function ordersOf({ kind, config }: Asked, films: number): number[][] {
  const { epochs, seed }: SftConfig | GrpoConfig = parseTrainingConfig(kind as 'sft', config);
  return Array.from({ length: epochs }, (_, epoch) => epochOrder(films, seed, epoch));
}

/** Nothing of the user's is written over: a new folder, an empty one, or an export, which is replaced file by file. */
async function demandFree(folder: string): Promise<void> {
  const names: string[] = await readdir(folder).catch((error: { code?: string }) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const before = await readJsonIfThere<Partial<ExportedRun>>(join(folder, 'run.json')).catch(() => undefined);
  if (names.length === 0 || (before?.format === EXPORT_FORMAT && !names.includes('output'))) return;
  const trained = names.includes('output');
  throw new WorkbenchError(
    'TRAINING_EXPORT_FOLDER',
    trained ? 'An export lies there that has been trained already.' : 'There is something else in this folder.',
    { folder, first: names[0]! },
    'Choose a new or an empty folder.',
  );
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest('hex');
}

function needsAdapter(start: Checkpoint): WorkbenchError {
  return new WorkbenchError(
    'GRPO_NEEDS_ADAPTER',
    'GRPO starts from an adapter: its KL term holds on to the SFT checkpoint.',
    { checkpoint: start.id },
    'Train SFT first, and start from what it made.',
  );
}
