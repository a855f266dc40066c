/**
 * Whether the decomposition of a change (core/evaluation/shift.ts) finds its cause where a network reads the films: the
 * shipped checkpoints answer phantom films in which prevalence, labelling convention or image alone is changed.
 *
 *   npx tsx scripts/causes.ts [--films 1500] [--seeds 1,2] [--cache DIR]
 *
 * Prints, for each seed, change and checkpoint, the change of macro-F1 over the nine shared labels and its three parts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { unattended } from '../core/base/progress.ts';
import type { EvaluatedFilm } from '../core/evaluation/figures.ts';
import { decompose, meansOf } from '../core/evaluation/shift.ts';
import { patternData, patternSums } from '../core/evaluation/shiftCounts.ts';
import { type FilmSet, filmOf, IMAGE_SIZE } from '../core/experiment/films.ts';
import { encodeFilms, type Reader, readFilms } from '../core/experiment/reading.ts';
import { type Label, type LabelValues, NIH_NINE } from '../core/labels/labels.ts';
import { openModelFolder } from '../core/models/modelFolder.ts';
import { adapterTarget } from '../core/models/network.ts';
import { openRunner } from '../core/models/openRunner.ts';
import { openAdapter } from '../core/peft/adapterFolder.ts';
import { chexpertLabels, nihNames, nineOf } from '../core/phantom/conventions.ts';
import { patientScenes, type Scene, type Swapped } from '../core/phantom/scene.ts';
import { loadGemma3Processor } from '../core/preprocessing/gemma3Processor.ts';
import { ChatTemplate } from '../core/text/chatTemplate.ts';
import { gemma3ImageTokens } from '../core/text/promptInput.ts';
import { loadPrompts } from '../core/text/prompts.ts';
import { Tokenizer } from '../core/text/tokenizer.ts';

const RESOURCES = join(import.meta.dirname, '..', 'resources');
const PROMPT = 'free-reasoning';
const CHECKPOINTS = ['base', 'sft', 'grpo'] as const;
const CAUSES = ['prevalence', 'convention', 'image'] as const;

const CHANGES: [name: string, Swapped, labelled: 'chexpert' | 'nih'][] = [
  ['prevalence', { disease: 'b' }, 'chexpert'],
  ['convention', {}, 'nih'],
  ['image', { look: 'b' }, 'chexpert'],
  ['all three', { disease: 'b', look: 'b' }, 'nih'],
];

const { values } = parseArgs({
  options: {
    films: { type: 'string', default: '1500' },
    seeds: { type: 'string', default: '1,2' },
    cache: { type: 'string', default: join(tmpdir(), 'chexreason-causes') },
  },
});
const FILMS = Number(values.films);

/** Films of institution a with parts of b's; their pixels are kept in the cache. */
function filmsOf(seed: number, swapped: Swapped): FilmSet {
  const scenes: Scene[] = [];
  for (let number = 0; scenes.length < FILMS; number++) scenes.push(...patientScenes('a', seed, number, swapped));
  scenes.length = FILMS;
  mkdirSync(values.cache, { recursive: true });
  const file = join(values.cache, `${seed}-${swapped.disease ?? 'a'}${swapped.look ?? 'a'}-${FILMS}.gray`);
  const pixels = readOrMake(file, () => Buffer.concat(scenes.map((scene) => filmOf(scene).data)));
  const size = IMAGE_SIZE * IMAGE_SIZE;
  const image = (index: number) => ({
    ...{ width: IMAGE_SIZE, height: IMAGE_SIZE, channels: 1 as const },
    data: pixels.subarray(index * size, (index + 1) * size),
  });
  return { source: 'a', scenes, image };
}

function readOrMake(file: string, make: () => Buffer): Buffer {
  try {
    return readFileSync(file);
  } catch {
    const made = make();
    writeFileSync(file, made);
    return made;
  }
}

async function openReader() {
  const dir = join(RESOURCES, 'models', 'base');
  const folder = await openModelFolder(dir);
  const tokenizer = await Tokenizer.load(dir);
  const template = await ChatTemplate.load(dir, tokenizer);
  const prompt = { tokenizer, template, imageTokens: gemma3ImageTokens(tokenizer) };
  const runner = await openRunner({ model: folder, threads: 1 });
  const reader: Reader = { runner, prompt, processor: await loadGemma3Processor(dir) };
  const promptText = (await loadPrompts(join(RESOURCES, 'prompts'))).find(({ id }) => id === PROMPT)!.text;
  const adapterOf = async (name: string) =>
    name === 'base' ? null : (await openAdapter(join(RESOURCES, 'models', name), adapterTarget(folder))).adapter;
  return { reader, promptText, adapterOf };
}

const { reader, promptText, adapterOf } = await openReader();

async function readBy(checkpoint: string, films: FilmSet): Promise<Label[][]> {
  const features = await encodeFilms(reader, films, unattended());
  const answers = await readFilms(reader, features, await adapterOf(checkpoint), promptText, unattended());
  return answers.map(({ findings }) => findings);
}

function sums(films: FilmSet, labelled: 'chexpert' | 'nih', said: readonly Label[][][]) {
  const readings = said.map((findings, k) =>
    films.scenes.map((scene, i): EvaluatedFilm => {
      const positive = new Set(labelled === 'chexpert' ? chexpertLabels(scene) : nineOf(nihNames(scene)));
      const truth: LabelValues = {};
      for (const label of NIH_NINE) truth[label] = positive.has(label) ? 1 : 0;
      return {
        ...{ filmId: `${i}`, patientId: `${scene.patient.seed}`, datasetId: films.source },
        ...{ checkpointId: CHECKPOINTS[k]!, truth, findings: findings[i]!, failed: false },
      };
    }),
  );
  const data = patternData(readings, NIH_NINE, 'zeros');
  return patternSums(data, new Uint8Array(data.clusters).fill(1));
}

async function answersTo(films: FilmSet): Promise<Label[][][]> {
  const said: Label[][][] = [];
  for (const checkpoint of CHECKPOINTS) said.push(await readBy(checkpoint, films));
  return said;
}

for (const seed of values.seeds.split(',').map(Number)) {
  const sourceFilms = filmsOf(seed, {});
  const source = sums(sourceFilms, 'chexpert', await answersTo(sourceFilms));
  for (const [name, swapped, labelled] of CHANGES) {
    const films = filmsOf(1000 + seed, swapped);
    const target = sums(films, labelled, await answersTo(films));
    const means = meansOf(decompose(source, target), NIH_NINE.length);
    for (const [k, checkpoint] of CHECKPOINTS.entries()) {
      const parts = Array.from(means.subarray(3 * k, 3 * k + 3));
      const total = parts.reduce((sum, part) => sum + Math.abs(part), 0);
      const shares = parts.map(
        (part, i) => `${CAUSES[i]} ${part.toFixed(4)} (${Math.round((100 * Math.abs(part)) / total)} %)`,
      );
      const change = parts.reduce((sum, part) => sum + part, 0);
      console.log(`seed ${seed}, ${name}, ${checkpoint}: ${change.toFixed(4)} = ${shares.join(' + ')}`);
    }
  }
}
