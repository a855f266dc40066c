/** The boxes that NIH's radiologists drew, for the films of an NIH table that has BBox_List_2017.csv beside it. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Box, readNihBoxes } from '../datasets/nih.ts';
import type { FindingBox } from './annotations.ts';
import type { Collection, FilmEntry } from './contract.ts';

const LIST = /^BBox_List.*\.csv$/i;
/** NIH's own images are 1,024 pixels wide and high, and so the boxes count. */
const NIH_SIZE = 1024;

export class Boxes {
  private readonly lists = new Map<string, Promise<Map<string, Box[]>>>();

  /** None where the collection is no NIH table or has no list; a list that cannot be read has none either. */
  async ofFilm(
    film: FilmEntry,
    collection: Collection,
    size: { columns: number; rows: number },
  ): Promise<FindingBox[]> {
    if (collection.kind !== 'nih') return [];
    const boxes = (await this.list(dirname(collection.path))).get(basename(film.path)) ?? [];
    const [sx, sy] = [size.columns / NIH_SIZE, size.rows / NIH_SIZE];
    return boxes.map(({ finding, x, y, width, height }) => {
      return { finding, x: x * sx, y: y * sy, width: width * sx, height: height * sy };
    });
  }

  private list(folder: string): Promise<Map<string, Box[]>> {
    const there = this.lists.get(folder) ?? readList(folder).catch(() => new Map());
    this.lists.set(folder, there);
    return there;
  }
}

async function readList(folder: string): Promise<Map<string, Box[]>> {
  const name = (await readdir(folder)).find((each) => LIST.test(each));
  const byImage = new Map<string, Box[]>();
  if (name === undefined || !(await stat(join(folder, name))).isFile()) return byImage;
  for (const box of (await readNihBoxes(join(folder, name))).boxes) {
    byImage.set(box.image, [...(byImage.get(box.image) ?? []), box]);
  }
  return byImage;
}
