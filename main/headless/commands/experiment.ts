/** `chexreason experiment NAME`: runs what is not done yet of a study on phantom films, and writes its page. */
import { join } from 'node:path';
import { SEEDS, SIZES, worldsNamed } from '../../../core/experiment/plan.ts';
import { PRETRAINING, smallPretraining } from '../../../core/experiment/pretraining/stages.ts';
import { type ExperimentOptions, runCells } from '../../../core/experiment/run.ts';
import { publishCheckpoints, writeResults } from '../../../core/experiment/write.ts';
import type { ExecutorChoice } from '../../../core/tensor/executor.ts';
import type { Call } from '../call.ts';
import { commandPlatform, userPath } from '../places.ts';

export interface ExperimentCommandOptions {
  out?: string;
  cache?: string;
  worlds?: string;
  seeds?: number;
  films?: number;
  validationFilms?: number;
  sftFilms?: number;
  grpoFilms?: number;
  base?: string;
  baseFilms?: number;
  baseSteps?: number;
  executor?: ExecutorChoice;
  cells?: number;
  checkpoints?: string;
}

export async function experiment(
  { output, signal }: Call,
  options: ExperimentCommandOptions,
  [name]: string[],
): Promise<void> {
  const platform = commandPlatform();
  const { films, validationFilms, sftFilms, grpoFilms, seeds = SEEDS, cells, executor = 'auto' } = options;
  const out = options.out === undefined ? join(platform.userDir, 'experiments', name!) : userPath(options.out);
  const folder = options.cache === undefined ? join(out, 'cells') : userPath(options.cache);
  const study = {
    folder,
    base: baseOf(options, join(platform.resourcesDir, 'models', 'base')),
    resources: platform.resourcesDir,
    executor,
    worlds: worldsNamed(options.worlds?.split(',')),
    seeds,
    sizes: {
      test: films ?? SIZES.test,
      validation: validationFilms ?? SIZES.validation,
      sft: sftFilms ?? SIZES.sft,
      grpo: grpoFilms ?? SIZES.grpo,
    },
    ...(cells === undefined ? {} : { cells }),
  };
  if (executor === 'tfjs-tensorflow' && typeof study.base === 'string') process.env[ONEDNN] ??= '0';
  const { waiting } = await runCells(study, output.work(signal));
  const results = await writeResults(study, out);
  if (options.checkpoints !== undefined) await publishCheckpoints(study, results, userPath(options.checkpoints));
  const { done, total } = results.cells;
  const page = join(out, 'README.md');
  output.result({ experiment: name, page, waiting, ...results }, () =>
    [
      ...results.arms.map(
        ({ world, reward, seeds, pattern }) => `${world}, ${reward}: ${pattern} (seeds ${seeds.join(', ')})`,
      ),
      `Cells: ${done} of ${total}${waiting > 0 ? `; ${waiting} wait for another process` : ''}`,
      `Page: ${page}`,
    ].join('\n'),
  );
}

/**
 * oneDNN keeps what it made for every shape of batch that it met, tens of megabytes a run without end (docs/LOG.md); read by
 * libtensorflow when it is loaded. A base is made with it, as the shipped one was: it has few shapes.
 */
const ONEDNN = 'TF_ENABLE_ONEDNN_OPTS';

/** `make`, a folder, or the one that is shipped. */
function baseOf({ base, baseFilms, baseSteps }: ExperimentCommandOptions, shipped: string): ExperimentOptions['base'] {
  if (base === undefined) return shipped;
  if (base !== 'make') return userPath(base);
  const { films, stages } = PRETRAINING;
  const longest = Math.max(...stages.map(({ steps }) => steps));
  return smallPretraining(baseFilms ?? films.count, baseSteps ?? longest);
}
