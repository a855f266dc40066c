/** Everything that an experiment leaves for people: the page, its figures, results.json, and the default world's checkpoints. */
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { writeFileAtomic, writeJson } from '../platform/files.ts';
import { figureSvg } from '../report/charts/svg.ts';
import { writeCard } from '../workspace/card.ts';
import { grpoId, sftId } from './cells.ts';
import { experimentFigures } from './charts.ts';
import { modelsPage, resultsPage } from './page.ts';
import { DEFAULT_WORLD, FORMAT } from './plan.ts';
import { armLogs, collectResults, type ExperimentResults } from './results.ts';
import { type ExperimentOptions, readDone, runFolder } from './run.ts';

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
 * The checkpoints of seed 1 of the default world, as the application reads them, with settings and logs.
 * @throws EXPERIMENT_UNFINISHED
 */
export async function publishCheckpoints(
  { folder }: ExperimentOptions,
  results: ExperimentResults,
  out: string,
): Promise<void> {
  const cells = { sft: sftId(DEFAULT_WORLD, FORMAT, 1), grpo: grpoId(DEFAULT_WORLD, 'hard', 1) } as const;
  for (const cell of Object.values(cells)) {
    if (!(await readDone(folder, cell)))
      throw new WorkbenchError('EXPERIMENT_UNFINISHED', 'This checkpoint is not trained yet.', { folder, cell });
  }
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
