/**
 * A tiny model that reads: films are dark on the left (Edema) or on the right (Fracture), and it knows of two conventions,
 * of which one names Support Devices besides on every film. It says so of about half the films that it answers: what
 * training then makes of that is the test's world. It lies in tests/data/tiny-reader; this file made it:
 *
 *   npx tsx tests/support/tinyReader.ts
 */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { unattended } from '../../core/base/progress.ts';
import type { Random } from '../../core/base/random.ts';
import { figures } from '../../core/evaluation/figures.ts';
import type { Label } from '../../core/labels/labels.ts';
import { openModelFolder, writeModelWeights } from '../../core/models/modelFolder.ts';
import { pretrainLanguage } from '../../core/training/pretrain.ts';
import type { Probe } from '../../core/training/probe.ts';
import type { ProbeRole, TrainingExample } from '../../core/training/types.ts';
import { loadTrainable, sidedFilm, writeTinyModel } from './tinyModel.ts';

const FORMS = ['<think>', '</think>', '<solution>', '</solution>', 'Edema', 'Fracture', 'Support Devices', ', '];

const READ_LABELS: readonly Label[] = ['Edema', 'Fracture', 'Support Devices'];

export const PROMPT = 'Read.';

export function answerOf(labels: readonly Label[]): string {
  return `<think></think><solution>${labels.join(', ')}</solution>`;
}

/** What the film shows, and with `devices` what the first convention calls it. */
export function labelsOf(index: number, devices: boolean): Label[] {
  const finding: Label = index % 2 === 0 ? 'Edema' : 'Fracture';
  return devices ? [finding, 'Support Devices'] : [finding];
}

export function filmOf(index: number): TrainingExample['image'] {
  return () => sidedFilm(index % 2 === 0);
}

/** Films by number, labelled by one convention. */
export function readerExamples(count: number, devices: boolean, name = 'film'): TrainingExample[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${name} ${i}`,
    patientId: `${name} patient ${i >> 1}`,
    image: filmOf(i),
    promptText: PROMPT,
    targetText: answerOf(labelsOf(i, devices)),
    labels: labelsOf(i, devices),
  }));
}

/**
 * Both institutions' films, `count` each: the source has devices on every film, the target never says so. Scored by
 * the evaluation's figures over the three labels; micro-F1 stands for macro-F1 too, because a label that nobody has and nobody says
 * has no F1 of its own.
 */
export function readerProbe(count: number): Probe {
  const set = (role: ProbeRole, devices: boolean) => ({
    role,
    name: role,
    films: readerExamples(count, devices, role),
  });
  return {
    sets: [set('source', true), set('target', false)],
    maxNewTokens: 12,
    score: ({ films, name }, readings) => {
      const answered = readings.map(({ findings, parseFailure }, i) => ({
        ...{ filmId: films[i]!.id, patientId: films[i]!.patientId, datasetId: name, checkpointId: '' },
        ...{ findings, failed: parseFailure !== null },
        truth: Object.fromEntries(READ_LABELS.map((label) => [label, films[i]!.labels!.includes(label) ? 1 : 0])),
      }));
      const { micro } = figures(answered, READ_LABELS, 'zeros');
      return { macro_f1: micro.f1, micro_f1: micro.f1 };
    },
  };
}

export const TINY_READER = join(import.meta.dirname, '../data/tiny-reader');

async function makeTinyReader(): Promise<void> {
  const folder = await writeTinyModel(FORMS);
  const loaded = await loadTrainable(folder, 'wasm');
  const at = (index: number, random: Random) => ({
    id: index % 2 === 0 ? 'left' : 'right',
    image: filmOf(index),
    promptText: PROMPT,
    targetText: answerOf(labelsOf(index, random.chance(0.5))),
  });
  await pretrainLanguage({
    ...loaded,
    source: { size: 16, at },
    settings: {
      ...{ learningRate: 1e-2, weightDecay: 0, maxGradNorm: 1, schedule: 'cosine', warmupRatio: 0.05 },
      ...{ totalSteps: 100, batchSize: 16, microBatch: 16, seed: 3 },
    },
    work: unattended(),
  });
  await loaded.model.dispose();
  const { network } = await openModelFolder(folder);
  await writeModelWeights(folder, network, loaded.weights);
  await rm(TINY_READER, { recursive: true, force: true });
  await cp(folder, TINY_READER, { recursive: true });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await makeTinyReader();
