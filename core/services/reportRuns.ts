/** The training runs behind an evaluation's checkpoints, and what they say that a reader must know of. */
import { dirname, join } from 'node:path';
import { readJsonIfThere, readJsonLines } from '../platform/files.ts';
import type { ReportRun } from '../report/types.ts';
import type { RunHeader, RunState } from '../training/run.ts';
import type { Chosen, ChosenOn, TrainingLogLine } from '../training/types.ts';
import { trainingSetOf } from './distribution.ts';

interface RunFile extends RunHeader, RunState {
  datasetId: string;
}

export interface FoundRun extends ReportRun {
  /** The collection that it learned from, where the run was made in this workspace. */
  datasetId: string | null;
  /** The step whose adapter was kept, and what decided it; null where the run does not say. */
  chosen: Chosen | null;
}

/**
 * @param folder of the checkpoint: a run's `adapter` folder, or one with the run's `run.json` and `log.jsonl` in it
 * @returns null where neither is there
 */
export async function runOf(checkpointId: string, folder: string): Promise<FoundRun | null> {
  const above = dirname(folder);
  const inFolder = await readJsonIfThere<Partial<RunFile>>(join(folder, 'run.json'));
  const header = inFolder?.config ? inFolder : await readJsonIfThere<Partial<RunFile>>(join(above, 'config.json'));
  if (!header?.config || !header.data || (header.kind !== 'sft' && header.kind !== 'grpo')) return null;
  const home = header === inFolder ? folder : above;
  const file = home === above ? await readJsonIfThere<Partial<RunFile>>(join(above, 'run.json')) : undefined;
  const state = home === above ? await readJsonIfThere<Partial<RunFile>>(join(above, 'state.json')) : inFolder;
  return {
    checkpointId,
    kind: header.kind,
    createdAt: header.createdAt ?? '',
    config: header.config,
    departures: header.departures ?? [],
    executor: header.executor ?? 'unknown',
    startHash: header.startHash ?? null,
    examples: header.data.examples,
    dataHash: header.data.hash,
    log: await readJsonLines<TrainingLogLine>(join(home, 'log.jsonl')),
    datasetId: file?.datasetId ?? null,
    chosen: state?.chosen ?? null,
  };
}

/** Sentences: trained on a data set of this evaluation, chosen on the other institution's data. */
export function concernsOf(
  run: FoundRun | null,
  trainingSource: string,
  evaluated: readonly { id: string; name: string }[],
  /** As the checkpoint's card says, which goes with it where its run's folder is not there. */
  chosenOn: ChosenOn | undefined = undefined,
): string[] {
  const chosen = run?.chosen ?? (chosenOn ? { on: chosenOn, step: null } : null);
  const trainedOn = evaluated.filter(
    (dataset) => dataset.id === run?.datasetId || trainingSetOf(trainingSource, [dataset]) !== undefined,
  );
  return [
    ...trainedOn.map(
      ({ name }) => `trained on ${name}, which is evaluated here: these figures are not of unseen films.`,
    ),
    ...(chosen?.on === 'probe-target'
      ? [
          `its step${chosen.step === null ? '' : ` (${chosen.step})`} was chosen on films of the other institution: the target had a part in the choice, and the change to it is flattered.`,
        ]
      : []),
  ];
}
