/** The long work of the page tests: evaluations and training runs that go on in steps, and the report. */
import type { Label } from '../../../core/labels/labels.ts';
import type { EvaluationSummary, FilmEntry, TrainingLogLine, TrainingRun } from '../../../core/services/contract.ts';
import { evaluationResult } from './evaluation.ts';
import { type Handlers, pause } from './fixture.ts';
import { smallPdf } from './pdf.ts';
import { COMPLETIONS, FIELDS, logLine, probeLine, trainingRun } from './training.ts';

const SUMMARY: EvaluationSummary = {
  id: 'e1',
  name: 'Phantom a against Phantom b',
  createdAt: '2026-11-23T08:00:00.000Z',
  state: 'complete',
  datasetIds: ['a', 'b'],
  checkpointIds: ['base', 'sft', 'grpo'],
  limit: 200,
  leftOut: {},
  done: 1200,
  total: 1200,
};

export function workHandlers(entries: readonly FilmEntry[]): Handlers {
  const evaluations: EvaluationSummary[] = [];
  const runs: TrainingRun[] = [];
  const logs = new Map<string, TrainingLogLine[]>();
  return {
    'evaluations.list': () => evaluations,
    'evaluations.cost': ({ datasetIds, checkpointIds, limit, unsuitable }) => ({
      leftOut: { lateral: 3, 'view-unknown': 1 },
      films: datasetIds.length * checkpointIds.length * (limit ?? (unsuitable === 'include' ? 1004 : 1000)),
      alreadyDone: evaluations.some((each) => each.state !== 'running') ? 400 : 0,
      estimatedSeconds: 96,
    }),
    'evaluations.run': async ({ sourceDatasetId, targetDatasetId, checkpointIds }, { signal, progress }) => {
      for (let done = 0; done <= 200; done += 10) {
        const cells = [sourceDatasetId, targetDatasetId].flatMap((datasetId) =>
          checkpointIds.map((checkpointId) => ({
            datasetId,
            checkpointId,
            done,
            total: 200,
            failures: Math.floor(done / 60),
            macroF1: done < 20 ? null : 0.3 + done / 1000,
          })),
        );
        const total = cells.length * 200;
        const all = { stage: 'Reading films', done: done * cells.length, total, rate: 6.5, secondsLeft: 40, cells };
        progress({ ...all, evaluationId: 'e1' });
        await pause(60, signal);
      }
      const result = evaluationResult();
      evaluations.splice(0, 1, { ...SUMMARY, checkpointIds });
      return result;
    },
    'evaluations.result': () => evaluationResult(),
    'evaluations.films': ({ label, outcome }) =>
      entries
        .filter(
          (entry) => entry.collectionId === 'b' && (!label || outcome !== 'tp' || entry.truth?.[label as Label] === 1),
        )
        .map((entry) => ({ entry, truth: entry.truth ?? {}, prediction: null })),
    'training.fields': ({ kind }) => FIELDS[kind],
    'training.list': () => runs,
    'training.log': ({ runId }) => logs.get(runId) ?? [],
    'training.plan': ({ config }) => ({
      parts: [
        { part: 'weights', bytes: 3 * 2 ** 30, on: 'host' },
        { part: 'activations', bytes: (Number(config['microBatch'] ?? 1) * 2 ** 30) / 2, on: 'host' },
      ],
      device: null,
      bytes: 3 * 2 ** 30 + (Number(config['microBatch'] ?? 1) * 2 ** 30) / 2,
      available: 16 * 2 ** 30,
      fits: Number(config['microBatch'] ?? 1) < 26,
      remedy: Number(config['microBatch'] ?? 1) < 26 ? null : { field: 'microBatch', value: 16 },
      tokens: { prompt: 300, answer: 200 },
      trainer: { executor: 'onnxruntime-cpu', instead: null, hasCuda: false },
    }),
    'training.completions': ({ runId }) => ({ step: 30, steps: [15, 30], rows: logs.has(runId) ? COMPLETIONS : [] }),
    'training.run': async ({ kind, name }, { signal, progress }) => {
      const run = trainingRun(`run-${runs.length}`, { kind, name, state: 'running', steps: 0 });
      runs.push(run);
      const log: TrainingLogLine[] = [];
      logs.set(run.id, log);
      for (let step = 1; step <= 30; step++) {
        const line = logLine(step);
        log.push(line);
        if (step % 5 === 0) {
          log.push(probeLine(step));
          progress({ stage: 'Training', done: step, total: 30, runId: run.id, line: probeLine(step) });
        }
        progress({ stage: 'Training', done: step, total: 30, secondsLeft: (30 - step) / 10, runId: run.id, line });
        run.steps = step;
        await pause(100, signal).catch((error) => {
          run.state = 'stopped';
          throw error;
        });
      }
      run.state = 'complete';
      return run;
    },
    'report.sections': () => [
      { id: 'summary', title: 'What was compared' },
      { id: 'results', title: 'Results' },
      { id: 'films', title: 'Sample films' },
    ],
    'report.render': ({ sections = [] }) => ({
      pdf: smallPdf(sections.map((id) => `Section ${id}`)),
      pages: sections.length,
    }),
    'report.save': ({ path }) => ({ path, pages: 3, bytes: 1234 }),
    'report.export': ({ path }) => ({ path, files: 7 }),
    'report.films': () => [
      { filmId: 'a0', datasetId: 'a', number: 1, gain: -0.5 },
      { filmId: 'b0', datasetId: 'b', number: 1, gain: 0.25 },
    ],
  };
}
