/** Everything that an experiment leaves for people: the page, its figures, results.json, and the default world's checkpoints. */
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { writeFileAtomic, writeJson } from '../platform/files.ts';
import { figureSvg } from '../report/charts/svg.ts';
import { writeCard } from '../workspace/card.ts';
import { baseCell, grpoId, pretrainCells, sftId } from './cells.ts';
import { experimentFigures } from './charts.ts';
import { modelsPage, resultsPage } from './page.ts';
import { DEFAULT_WORLD, FORMAT } from './plan.ts';
import type { PretrainPlan } from './pretraining/stages.ts';
import { armLogs, collectResults, type ExperimentResults } from './results.ts';
import { baseFolder, type ExperimentOptions, pretraining, pretrainLog, readDone, runFolder } from './run.ts';

/** @returns what was written */
export async function writeResults(options: ExperimentOptions, out: string): Promise<ExperimentResults> {
  const results = await collectResults(options);
  const figures = experimentFigures(results.arms, await armLogs(options));
  for (const { file, figure } of figures) await writeFileAtomic(join(out, file), figureSvg(figure));
  const shown = figures.map(({ file, figure }) => ({ file, alt: figure.alt }));
  await writeFileAtomic(join(out, 'README.md'), resultsPage(results, shown));
  await writeJson(join(out, 'results.json'), results);
  return results;
}

/**
 * The checkpoints of seed 1 of the default world, as the application reads them, with settings and logs; the base too where
 * it was made here.
 * @throws EXPERIMENT_UNFINISHED
 */
export async function publishCheckpoints(
  options: ExperimentOptions,
  results: ExperimentResults,
  out: string,
): Promise<void> {
  const { folder } = options;
  const plan = pretraining(options);
  if (plan !== null) await publishBase(options, plan, out);
  const cells = { sft: sftId(DEFAULT_WORLD, FORMAT, 1), grpo: grpoId(DEFAULT_WORLD, 'hard', 1) } as const;
  for (const cell of Object.values(cells)) await demandDone(folder, cell);
  for (const role of ['sft', 'grpo'] as const) {
    const [run, to] = [runFolder(folder, cells[role]), join(out, role)];
    await rm(to, { recursive: true, force: true });
    await mkdir(to, { recursive: true });
    await cp(join(run, 'adapter'), to, { recursive: true });
    await cp(join(run, 'config.json'), join(to, 'run.json'));
    await cp(join(run, 'log.jsonl'), join(to, 'log.jsonl'));
    await writeCard(to, {
      ...{ name: role.toUpperCase(), role, trainingSource: 'phantom m', preprocessing: 'file-window' },
      ...{ promptId: FORMAT, maxNewTokens: 96, phantomOnly: true },
    });
  }
  await writeFileAtomic(join(out, 'README.md'), modelsPage(results));
}

async function demandDone(folder: string, cell: string): Promise<void> {
  if (await readDone(folder, cell)) return;
  throw new WorkbenchError('EXPERIMENT_UNFINISHED', 'This checkpoint is not trained yet.', { folder, cell });
}

async function publishBase(options: ExperimentOptions, plan: PretrainPlan, out: string): Promise<void> {
  await demandDone(options.folder, baseCell(plan));
  const to = join(out, 'base');
  await rm(to, { recursive: true, force: true });
  await cp(baseFolder(options), to, { recursive: true });
  await writeCard(to, {
    ...{ name: 'Base', role: 'base', trainingSource: 'phantom films of blended institutions' },
    ...{ preprocessing: 'file-window', promptId: FORMAT, maxNewTokens: 96, phantomOnly: true },
  });
  await mkdir(join(out, 'logs'), { recursive: true });
  for (const { stage, id } of pretrainCells(plan))
    await cp(pretrainLog(options.folder, id), join(out, 'logs', `log-${stage.name}.jsonl`));
}
