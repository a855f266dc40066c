/**
 * The shipped checkpoints as readers of phantom films of institution a whose look alone is changed. Films and answers are
 * kept in a folder, so that a run that is stopped goes on and every world is cut from the same answers.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { filmOf, IMAGE_SIZE } from '../../core/experiment/films.ts';
import { encodeFilms, type Reader, readFilms } from '../../core/experiment/reading.ts';
import type { Label } from '../../core/labels/labels.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import { openAdapter } from '../../core/peft/adapterFolder.ts';
import { patientScenes, type Scene } from '../../core/phantom/scene.ts';
import { loadGemma3Processor } from '../../core/preprocessing/gemma3Processor.ts';
import { ChatTemplate } from '../../core/text/chatTemplate.ts';
import { gemma3ImageTokens } from '../../core/text/promptInput.ts';
import { loadPrompts } from '../../core/text/prompts.ts';
import { Tokenizer } from '../../core/text/tokenizer.ts';

const RESOURCES = join(import.meta.dirname, '..', '..', 'resources');
const PROMPT = 'free-reasoning';
const BYTES = IMAGE_SIZE * IMAGE_SIZE;

export const CHECKPOINTS = ['base', 'sft', 'grpo'] as const;
export type Checkpoint = (typeof CHECKPOINTS)[number];

/** `own`: as the institution draws it; `scanner`: the other institution's; the rest is done to the own film's pixels. */
export const LOOKS = ['own', 'scanner', 'blur', 'noise', 'inverted', 'burned-in'] as const;
export type LookName = (typeof LOOKS)[number];

/** The first `count` films of institution a by seed; `scanner` draws the same patients and findings with b's scanner. */
export function scenesOf(count: number, seed: number, look: 'own' | 'scanner' = 'own'): Scene[] {
  const found: Scene[] = [];
  const swapped = look === 'scanner' ? { look: 'b' as const } : {};
  for (let number = 0; found.length < count; number++) found.push(...patientScenes('a', seed, number, swapped));
  found.length = count;
  return found;
}

/** What each checkpoint finds on each film. */
export interface ShippedReader {
  answers(seed: number, count: number, look: LookName, checkpoint: Checkpoint): Promise<Label[][]>;
}

export async function openShippedReader(cache: string): Promise<ShippedReader> {
  mkdirSync(cache, { recursive: true });
  const dir = join(RESOURCES, 'models', 'base');
  const folder = await openModelFolder(dir);
  const tokenizer = await Tokenizer.load(dir);
  const prompt = {
    tokenizer,
    template: await ChatTemplate.load(dir, tokenizer),
    imageTokens: gemma3ImageTokens(tokenizer),
  };
  const runner = await openRunner({ model: folder, threads: 1 });
  const reader: Reader = { runner, prompt, processor: await loadGemma3Processor(dir) };
  const promptText = (await loadPrompts(join(RESOURCES, 'prompts'))).find(({ id }) => id === PROMPT)!.text;
  const adapterOf = async (name: Checkpoint) =>
    name === 'base' ? null : (await openAdapter(join(RESOURCES, 'models', name), adapterTarget(folder))).adapter;

  const features = new Map<string, Awaited<ReturnType<typeof encodeFilms>>>();
  const featuresOf = async (seed: number, count: number, look: LookName) => {
    const key = `${seed} ${count} ${look}`;
    if (!features.has(key)) {
      features.clear();
      features.set(key, await encodeFilms(reader, pixelsOf(cache, seed, count, look), unattended()));
    }
    return features.get(key)!;
  };
  return {
    async answers(seed, count, look, checkpoint) {
      const kept = join(cache, `${seed}-${count}-${look}-${checkpoint}.json`);
      const known = read(kept);
      if (known) return JSON.parse(known.toString());
      const images = await featuresOf(seed, count, look);
      const answers = await readFilms(reader, images, await adapterOf(checkpoint), promptText, unattended());
      const found = answers.map(({ findings }) => findings);
      writeFileSync(kept, JSON.stringify(found));
      return found;
    },
  };
}

function pixelsOf(cache: string, seed: number, count: number, look: LookName) {
  const drawnAs = look === 'scanner' ? 'scanner' : 'own';
  const scenes = scenesOf(count, seed, drawnAs);
  const file = join(cache, `${seed}-${count}-${drawnAs}.gray`);
  const known = read(file);
  const pixels = known ?? Buffer.concat(scenes.map((scene) => filmOf(scene).data));
  if (!known) writeFileSync(file, pixels);
  return {
    source: 'a' as const,
    scenes,
    image: (index: number) => ({
      ...{ width: IMAGE_SIZE, height: IMAGE_SIZE, channels: 1 as const },
      data: processed(look, pixels.subarray(index * BYTES, (index + 1) * BYTES), scenes[index]!.seed),
    }),
  };
}

function read(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}

// ------------------------------------------------------------------------------------------------- looks made of pixels

/** Standard deviation of the blur, pixels of 64. */
const BLUR = 2;
/** Of the noise, of 255. */
const NOISE = 40;

function processed(look: LookName, pixels: Uint8Array, seed: number): Uint8Array {
  if (look === 'blur') return blurred(pixels);
  if (look === 'inverted') return pixels.map((gray) => 255 - gray);
  if (look === 'burned-in') return burnedIn(pixels);
  if (look !== 'noise') return pixels;
  const random = new Random(seed).fork('noise');
  return pixels.map((gray) => Math.min(255, Math.max(0, Math.round(gray + NOISE * random.normal()))));
}

function blurred(pixels: Uint8Array): Uint8Array {
  const reach = Math.ceil(3 * BLUR);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * BLUR ** 2)));
  const sum = kernel.reduce((all, value) => all + value, 0);
  const along = (from: ArrayLike<number>, step: number) =>
    Float64Array.from(from, (_, at) => {
      const place = step === 1 ? at % IMAGE_SIZE : Math.floor(at / IMAGE_SIZE);
      let value = 0;
      for (let i = -reach; i <= reach; i++) {
        const to = Math.min(IMAGE_SIZE - 1, Math.max(0, place + i));
        value += (kernel[i + reach]! / sum) * from[at + (to - place) * step]!;
      }
      return value;
    });
  return Uint8Array.from(along(along(pixels, 1), IMAGE_SIZE), Math.round);
}

/** White bars as of a label strip, in the upper corners and along the lower edge. */
function burnedIn(pixels: Uint8Array): Uint8Array {
  const film = pixels.slice();
  for (const [x, y, width, height] of [
    [2, 2, 18, 7],
    [44, 2, 18, 7],
    [2, 55, 60, 7],
  ] as const) {
    for (let row = y; row < y + height; row++)
      for (let column = x; column < x + width; column++) film[row * IMAGE_SIZE + column] = (column + row) % 3 ? 255 : 0;
  }
  return film;
}
