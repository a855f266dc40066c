/** The memory plan of a run that is about to start: the base's shapes, the longest of the first answers, this machine. */
import { totalmem } from 'node:os';
import { loadPromptModel } from '../models/architectures.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { adapterTarget } from '../models/network.ts';
import type { Adapter } from '../peft/adapter.ts';
import { cudaMemory } from '../platform/cuda.ts';
import { openTfjs } from '../tensor/tfjs/backend.ts';
import { WASM_BYTES } from '../tensor/tfjs/weights.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { GrpoConfig, SftConfig, TrainingKind } from '../training/config.ts';
import type { TrainingExecutor } from '../training/executors.ts';
import { chooseExecutor } from '../training/openEngine.ts';
import { type MemoryPlan, type PlanInput, planMemory, type RunPlan } from '../training/plan.ts';
import type { TrainingExample } from '../training/types.ts';

/** Of an image whose tokens depend on it (Qwen2.5-VL): the most that the paper allows. */
const MOST_IMAGE_TOKENS = 512;
/** Answers that are looked at for their length. */
const LOOKED_AT = 64;

export interface PlannedRun {
  kind: TrainingKind;
  config: SftConfig | GrpoConfig;
  baseFolder: string;
  /** The adapter that is trained further; null: a new one. */
  start: Adapter | null;
  examples: readonly TrainingExample[];
  /** Something besides the trainer answers films. */
  sampler: boolean;
}

export async function planRun({ kind, config, baseFolder, start, examples, sampler }: PlannedRun): Promise<RunPlan> {
  const folder = await openModelFolder(baseFolder);
  const { executor, instead } = await chooseExecutor(config.executor);
  const { linears } = adapterTarget(folder);
  const adapted = start
    ? [...start.modules].map(([, module]) => [module.out, module.in] as const)
    : [...linears].filter(([name]) => targetsOf(config).some((part) => name.endsWith(part))).map(([, shape]) => shape);
  const imageTokens = folder.info.imageTokens || MOST_IMAGE_TOKENS;
  const plan = planMemory({
    ...{ kind, config, executor, sampler, imageTokens },
    cuda: await cudaOf(executor),
    text: folder.network.config.text,
    parameters: folder.info.parameters,
    linears: adapted,
    rank: start ? Math.max(...[...start.modules.values()].map(({ rank }) => rank)) : (config as SftConfig).rank,
    tokens: await tokensOf(kind, config, baseFolder, examples, imageTokens),
    films: Math.min(config.samples, examples.length),
    available: Math.min(memoryHere(), executor === 'tfjs-wasm' ? WASM_BYTES : Number.POSITIVE_INFINITY),
  });
  return { ...plan, trainer: { executor, instead, hasCuda: (await cudaMemory()) !== null } };
}

function targetsOf(config: SftConfig | GrpoConfig): string[] {
  return 'targets' in config ? config.targets.split(',').map((name) => name.trim()) : [];
}

async function tokensOf(
  kind: TrainingKind,
  config: SftConfig | GrpoConfig,
  baseFolder: string,
  examples: readonly TrainingExample[],
  imageTokens: number,
): Promise<MemoryPlan['tokens']> {
  const prompt = await loadPromptModel(baseFolder);
  const question = promptInput(imageQuestion(examples[0]?.promptText ?? ''), [imageTokens], prompt).inputIds.length;
  if (kind === 'grpo') return { prompt: question, answer: (config as GrpoConfig).maxCompletionLength };
  const answers = examples.slice(0, LOOKED_AT).map(({ targetText }) => prompt.tokenizer.encode(targetText).length + 1);
  return { prompt: question, answer: Math.max(1, ...answers) };
}

/** The memory of the device that libtensorflow computes on, where that is one. */
async function cudaOf(executor: TrainingExecutor): Promise<PlanInput['cuda']> {
  if (executor !== 'tfjs-tensorflow') return null;
  const { cuda } = await openTfjs({ prefer: 'tensorflow' });
  return cuda ? { available: (await cudaMemory())?.free ?? null } : null;
}

/** Of the machine, or of the container that this process may use of it. */
function memoryHere(): number {
  const allowed = (process as { constrainedMemory?: () => number | undefined }).constrainedMemory?.() ?? 0;
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}
