/**
 * Writes films of one institution with its label tables: what `chexreason phantom` does. One film is in memory at a time;
 * film n of a seed is the same however many are asked for; a film that is there already is not drawn again.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { writeFileAtomic } from '../platform/files.ts';
import { chexpertLabels, physicalTruth } from './conventions.ts';
import { dicomFile, storedValues } from './dicom.ts';
import { renderScene } from './render.ts';
import { INSTITUTIONS, type Institution, type Scene, scenes } from './scene.ts';
import { type FiledFilm, fileFilm, labelTables } from './tables.ts';
import { type Teacher, taughtLabels, trace } from './traces.ts';

export interface PhantomOptions {
  institution: Institution;
  /** Films. */
  count: number;
  seed: number;
  /** Folder; made where it is missing. */
  out: string;
  /** Pixels a side, 32 to 4,096. Default 1,024. */
  size?: number;
  format?: 'dicom' | 'png';
  /** Number of the first patient: films of other patients than those from 0 on. */
  firstPatient?: number;
}

export interface PhantomResult {
  institution: Institution;
  films: number;
  patients: number;
  /** The label table, absolute or relative as `out` is. */
  csv: string;
  /** What paths in the table are relative to. */
  images: string;
  kind: 'chexpert' | 'nih' | 'mimic';
}

const KIND = { a: 'chexpert', b: 'nih', m: 'mimic' } as const;
const MOST_FILMS = 1_000_000;

/**
 * Also writes `phantom.jsonl`: for each film what is physically there and, for `m`, the teacher's two traces.
 * @throws PHANTOM_OPTIONS; CANCELLED, with the films done so far in place
 */
export async function writePhantom(options: PhantomOptions, work: Work = unattended()): Promise<PhantomResult> {
  const { institution, count, seed, out, size = 1024, format = 'dicom', firstPatient = 0 } = options;
  check({ institution, count, seed, size, format });
  const films: FiledFilm[] = [];
  for (const scene of scenes(institution, seed, firstPatient)) {
    if (films.length === count) break;
    throwIfCancelled(work.signal);
    const film = fileFilm(scene, seed, size, format === 'dicom' ? 'dcm' : 'png');
    await writeFilm(film, join(out, film.path), format);
    films.push(film);
    work.report({ stage: 'Drawing phantom films', done: films.length, total: count });
    await nextTurn();
  }
  const tables = labelTables(institution, films, seed);
  for (const table of tables) await writeFileAtomic(join(out, table.path), table.data);
  await writeFileAtomic(join(out, 'phantom.jsonl'), films.map(factLine).join(''));
  const patients = new Set(films.map(({ identity }) => identity.patientId)).size;
  return { institution, films: count, patients, csv: join(out, tables[0]!.path), images: out, kind: KIND[institution] };
}

function check({
  institution,
  count,
  seed,
  size,
  format,
}: Required<Omit<PhantomOptions, 'out' | 'firstPatient'>>): void {
  const bad = (field: string, value: string | number, remedy: string): never => {
    throw new WorkbenchError(
      'PHANTOM_OPTIONS',
      `The phantom cannot be drawn with ${field} ${value}.`,
      { [field]: value },
      remedy,
    );
  };
  if (!INSTITUTIONS.includes(institution)) bad('institution', institution, 'Use m, a or b.');
  if (!Number.isInteger(count) || count < 1 || count > MOST_FILMS) bad('count', count, `Use 1 to ${MOST_FILMS} films.`);
  if (!Number.isInteger(seed) || seed < 0) bad('seed', seed, 'Use a whole number from 0 on.');
  if (!Number.isInteger(size) || size < 32 || size > 4096) bad('size', size, 'Use 32 to 4,096 pixels.');
  if (format !== 'dicom' && format !== 'png') bad('format', format, 'Use dicom or png.');
}

async function writeFilm({ scene, identity, size }: FiledFilm, path: string, format: 'dicom' | 'png'): Promise<void> {
  if (await isThere(path)) return;
  const film = renderScene(scene, size);
  await writeFileAtomic(
    path,
    format === 'dicom' ? dicomFile(scene, identity, storedValues(film), size) : pngFile(film, size),
  );
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

function pngFile(film: Float32Array, size: number): Uint8Array {
  const png = new PNG({
    width: size,
    height: size,
    colorType: 0,
    inputColorType: 0,
    inputHasAlpha: false,
    bitDepth: 8,
  });
  png.data = Buffer.from(Uint8Array.from(film, (gray) => Math.round(gray * 255)));
  return PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false, bitDepth: 8 });
}

function factLine({ scene, identity, path }: FiledFilm): string {
  const facts = {
    path,
    patientId: identity.patientId,
    view: scene.view,
    cardiothoracicRatio: Number(scene.anatomy.cardiothoracicRatio.toFixed(3)),
    findings: scene.findings,
    devices: scene.devices.map(({ name }) => name),
    truth: physicalTruth(scene),
    ...(scene.source === 'm' ? { labels: chexpertLabels(scene), traces: tracesOf(scene) } : {}),
  };
  return `${JSON.stringify(facts)}\n`;
}

/** What the teachers say of a film, by the institution's labels. */
function tracesOf(scene: Scene): Record<Teacher, string> {
  const labels = chexpertLabels(scene);
  const said = (teacher: Teacher) => trace(scene, taughtLabels(scene, labels, teacher));
  return { full: said('full'), omits: said('omits'), main: said('main') };
}
