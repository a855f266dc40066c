/**
 * Where the images of a label table lie. Tables name `.jpg` or `.png`; the folder may hold DICOM, PNG or JPEG under the
 * same stem, and may be the data set's root, a folder within it, or the one above. Folders are listed once each and only
 * when asked for, because the real sets have up to 190,000 of them.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { locate } from '../base/errors.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import type { FilmHeader } from '../dicom/headerFile.ts';
import { scanPaths } from '../dicom/scan.ts';
import type { FilmKey } from './columnMapping.ts';
import type { LabelledImage, LabelTable } from './types.ts';
import { ageInYears, sexOf, viewOf } from './values.ts';

/** Where one stem has several files, the format that keeps most of the film. */
const EXTENSIONS = ['dcm', 'dicom', 'dic', '', 'png', 'jpg', 'jpeg'];
const KEPT_LISTINGS = 1024;

interface Listing {
  /** Stem -> file name. */
  images: Map<string, string>;
  folders: string[];
}

const NOTHING: Listing = { images: new Map(), folders: [] };

export class ImageFolder {
  private readonly listings = new Map<string, Promise<Listing>>();
  /** Leading components of the table's names that are not there on disk, as the last image found had them. */
  private dropped = 0;
  private flat: Promise<Map<string, string>> | null = null;

  private constructor(private readonly root: string) {}

  /** Errors: FILE_NOT_FOUND, FILE_NOT_A_FOLDER. */
  static async open(root: string): Promise<ImageFolder> {
    try {
      await readdir(root);
    } catch (error) {
      throw locate(error, { file: root });
    }
    return new ImageFolder(root);
  }

  /** The file of an image as a table names it, or null. Never leaves the folder. */
  async find(image: string): Promise<string | null> {
    const parts = partsOf(image);
    const stem = stemOf(parts.pop() ?? '').stem;
    if (parts.length === 0) return this.findFlat(stem);
    for (const dropped of this.drops(parts.length)) {
      const folder = join(this.root, ...parts.slice(dropped));
      const name = (await this.list(folder)).images.get(stem);
      if (name === undefined) continue;
      this.dropped = dropped;
      return join(folder, name);
    }
    return null;
  }

  /** For tables with one row a study: the study's first frontal image (`view1_frontal`), else its first. */
  async findInStudy(study: string): Promise<string | null> {
    const parts = partsOf(study);
    for (const dropped of this.drops(parts.length)) {
      const folder = join(this.root, ...parts.slice(dropped));
      const images = [...(await this.list(folder)).images].sort(([a], [b]) => (a < b ? -1 : 1));
      const first = images.find(([stem]) => stem.includes('frontal')) ?? images[0];
      if (!first) continue;
      this.dropped = dropped;
      return join(folder, first[1]);
    }
    return null;
  }

  /** Every image of a study's folder, in the order of their names. */
  async allInStudy(study: string): Promise<string[]> {
    const parts = partsOf(study);
    for (const dropped of this.drops(parts.length)) {
      const folder = join(this.root, ...parts.slice(dropped));
      const { images } = await this.list(folder);
      if (images.size === 0) continue;
      this.dropped = dropped;
      return [...images].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => join(folder, name));
    }
    return [];
  }

  /** The last that worked, then the others. Patient and study stay, so that no other patient's film is taken. */
  private drops(length: number): number[] {
    const all = Array.from({ length: Math.max(1, length - 1) }, (_, i) => i);
    return all.includes(this.dropped) ? [this.dropped, ...all.filter((i) => i !== this.dropped)] : all;
  }

  private list(folder: string): Promise<Listing> {
    const known = this.listings.get(folder);
    if (known) return known;
    const oldest = this.listings.size >= KEPT_LISTINGS ? this.listings.keys().next().value : undefined;
    if (oldest !== undefined) this.listings.delete(oldest);
    const listing = listFolder(folder);
    this.listings.set(folder, listing);
    return listing;
  }

  /** NIH names no folder: `images`, `images_001/images` ... `images_012/images`, or the folder itself. */
  private async findFlat(stem: string): Promise<string | null> {
    this.flat ??= this.indexBelow(this.root, 3);
    return (await this.flat).get(stem) ?? null;
  }

  private async indexBelow(folder: string, depth: number): Promise<Map<string, string>> {
    const { images, folders } = await listFolder(folder);
    const index = new Map([...images].map(([stem, name]) => [stem, join(folder, name)]));
    if (depth === 0) return index;
    for (const name of folders.slice(0, 1000)) {
      for (const [stem, path] of await this.indexBelow(join(folder, name), depth - 1)) {
        if (!index.has(stem)) index.set(stem, path);
      }
    }
    return index;
  }
}

/**
 * Fills `imagePath` of every row; with `allOfStudy`, a row that stands for a study becomes one for each of its images, whose
 * view is read from the name (`view2_lateral`). `find` only those that are asked for where that is enough.
 */
export async function resolveImages(
  table: LabelTable,
  folder: string,
  work: Work = unattended(),
  allOfStudy = false,
): Promise<{ found: number; missing: number }> {
  const images = await ImageFolder.open(folder);
  if (allOfStudy && table.unit === 'study') return expandStudies(table, images, work);
  let found = 0;
  for (const [i, row] of table.images.entries()) {
    row.imagePath = table.unit === 'study' ? await images.findInStudy(row.image) : await images.find(row.image);
    if (row.imagePath !== null) found++;
    if (i % 256 !== 0) continue;
    throwIfCancelled(work.signal);
    work.report({ stage: 'Looking for the images', done: i, total: table.images.length });
  }
  return { found, missing: table.images.length - found };
}

async function expandStudies(
  table: LabelTable,
  folder: ImageFolder,
  work: Work,
): Promise<{ found: number; missing: number }> {
  const expanded: LabelledImage[] = [];
  let missing = 0;
  for (const [i, row] of table.images.entries()) {
    const files = await folder.allInStudy(row.image);
    if (files.length === 0) {
      missing++;
      expanded.push(row);
    }
    for (const imagePath of files) {
      const name = basename(imagePath);
      const view = /lateral/i.test(name) ? 'LATERAL' : row.view || (/frontal/i.test(name) ? 'FRONTAL' : '');
      expanded.push({ ...row, image: `${row.image}/${name}`, imagePath, view });
    }
    if (i % 256 === 0) throwIfCancelled(work.signal);
  }
  const found = expanded.length - missing;
  table.images = expanded;
  return { found, missing };
}

/**
 * For tables that name a film by an identifier in its DICOM header. Where several films have it (a study, a patient), the row
 * becomes one for each; view, sex and age come from the header where the table has none.
 */
export async function resolveByHeader(
  table: LabelTable,
  folder: string,
  key: Exclude<FilmKey, 'path'>,
  work: Work = unattended(),
): Promise<{ found: number; missing: number }> {
  await ImageFolder.open(folder);
  const field = TAG_OF[key];
  const films = new Map<string, FilmHeader[]>();
  await scanPaths([folder], work, (headers) => {
    for (const header of headers) {
      const value = header.tags[field];
      const known = films.get(value);
      if (known) known.push(header);
      else films.set(value, [header]);
    }
  });
  let missing = 0;
  table.images = table.images.flatMap((row) => {
    const found = films.get(row.image) ?? [];
    if (found.length === 0) missing++;
    return found.length === 0 ? [row] : found.map((header) => fromHeader(row, header, found.length > 1));
  });
  return { found: table.images.length - missing, missing };
}

const TAG_OF = {
  SOPInstanceUID: 'sopInstanceUid',
  StudyInstanceUID: 'studyInstanceUid',
  AccessionNumber: 'accessionNumber',
  PatientID: 'patientId',
} as const;

function fromHeader(row: LabelledImage, { path, tags }: FilmHeader, several: boolean): LabelledImage {
  return {
    ...row,
    image: several ? `${row.image}/${tags.sopInstanceUid}` : row.image,
    imagePath: path,
    patientId: row.patientId || tags.patientId,
    sex: row.sex || sexOf(tags.patientSex),
    age: row.age ?? ageInYears(tags.patientAge),
    view: row.view || viewOf(tags.viewPosition),
  };
}

async function listFolder(folder: string): Promise<Listing> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => null);
  if (entries === null) return NOTHING;
  const images = new Map<string, string>();
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) folders.push(entry.name);
    else keepBetter(images, entry.name);
  }
  return { images, folders: folders.sort() };
}

function keepBetter(images: Map<string, string>, name: string): void {
  const { stem, rank } = stemOf(name);
  if (rank < 0) return;
  const other = images.get(stem);
  if (other === undefined || stemOf(other).rank > rank) images.set(stem, name);
}

/** `view1_frontal.jpg` -> `view1_frontal`; rank -1: no image. DICOM often has no extension. */
function stemOf(name: string): { stem: string; rank: number } {
  const dot = name.lastIndexOf('.');
  const extension = dot <= 0 ? '' : name.slice(dot + 1).toLowerCase();
  return { stem: dot <= 0 ? name : name.slice(0, dot), rank: EXTENSIONS.indexOf(extension) };
}

/** Without empty components and without `..`, so that no table leads out of its folder. */
function partsOf(image: string): string[] {
  return image.split(/[\\/]/).filter((part) => part !== '' && part !== '.' && part !== '..');
}
