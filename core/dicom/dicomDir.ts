/**
 * DICOMDIR (PS3.3 F, PS3.10 8): the files that a medium's directory refers to. Records are read in the order of the file
 * and their offsets are not followed, so that loops among them do no harm.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { locate, WorkbenchError } from '../base/errors.ts';
import type { Attributes } from './attributes.ts';
import { readDicom } from './dataSet.ts';
import { readWhole } from './openFilm.ts';

export interface DirectoryReference {
  /** Referenced File ID (0004,1500), its components joined by /. */
  id: string;
  /** Absolute path; null where there is none. */
  path: string | null;
  error: WorkbenchError | null;
}

export interface DicomDirectory {
  /** Number of records by Directory Record Type. */
  records: Record<string, number>;
  references: DirectoryReference[];
  warnings: string[];
}

/** @throws WorkbenchError DICOM_*, FILE_* */
export async function readDicomDirectory(path: string): Promise<DicomDirectory> {
  try {
    const file = readDicom(await readWhole(path));
    const items = file.attributes.items('x00041220');
    const root = dirname(resolve(path));
    const folders = new FolderCache();
    const references: DirectoryReference[] = [];
    const seen = new Set<string>();
    for (const item of items) {
      const components = item.strings('x00041500').filter((component) => component !== '');
      const id = components.join('/');
      if (id === '' || seen.has(id)) continue;
      seen.add(id);
      references.push(await resolveReference(root, components, id, folders));
    }
    return { records: countRecords(items), references, warnings: file.warnings };
  } catch (error) {
    throw locate(error, { file: path });
  }
}

function countRecords(items: Attributes[]): Record<string, number> {
  const records: Record<string, number> = {};
  for (const item of items) {
    const type = item.string('x00041430') || 'UNKNOWN';
    records[type] = (records[type] ?? 0) + 1;
  }
  return records;
}

async function resolveReference(
  root: string,
  components: string[],
  id: string,
  folders: FolderCache,
): Promise<DirectoryReference> {
  const direct = resolve(root, ...components.map((component) => component.replaceAll('\\', '/')));
  if (!direct.startsWith(root.endsWith(sep) ? root : root + sep)) {
    const error = new WorkbenchError(
      'DICOMDIR_OUTSIDE',
      `The DICOMDIR refers to a file outside of its folder: ${id}.`,
      { id },
    );
    return { id, path: null, error };
  }
  const path = (await exists(direct)) ? direct : await folders.find(root, components);
  if (path) return { id, path, error: null };
  const error = new WorkbenchError('FILE_NOT_FOUND', 'A file that the DICOMDIR refers to is missing.', {
    id,
    file: direct,
  });
  return { id, path: direct, error };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Media mounted with another spelling: lower case, a trailing dot, an ISO 9660 version number. */
class FolderCache {
  private readonly names = new Map<string, Promise<Map<string, string>>>();

  async find(root: string, components: string[]): Promise<string | null> {
    let folder = root;
    for (const component of components) {
      const name = (await this.list(folder)).get(normalize(component));
      if (name === undefined) return null;
      folder = join(folder, name);
    }
    return folder;
  }

  private list(folder: string): Promise<Map<string, string>> {
    const known = this.names.get(folder);
    if (known) return known;
    const listing = readdir(folder).then(
      (names) => new Map(names.map((name) => [normalize(name), name])),
      () => new Map<string, string>(),
    );
    this.names.set(folder, listing);
    return listing;
  }
}

function normalize(name: string): string {
  return name.toUpperCase().replace(/;\d+$/, '').replace(/\.$/, '');
}
