/**
 * The checkpoints of a workspace: base models and adapters, each a folder that stays where it is. A folder is opened when
 * it is added and again when the workspace is; what is wrong with it is shown on its card.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import { fromErrorData, locate, toErrorData, WorkbenchError } from '../base/errors.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { type CheckpointCard, readCard } from '../workspace/card.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, Checkpoint } from './contract.ts';
import { readAdapter } from './models.ts';

const FILE = 'checkpoints.json';

/** What the workspace keeps of a checkpoint; the rest is read from its folder. */
interface StoredCheckpoint extends CheckpointCard {
  id: string;
  /** Relative to the workspace where it lies in it. */
  path: string;
  baseId: string | null;
}

const DEFAULT_CARD: Omit<CheckpointCard, 'name' | 'role'> = {
  trainingSource: '',
  preprocessing: 'mimic-cxr-jpg',
  promptId: 'free-reasoning',
  maxNewTokens: 512,
  phantomOnly: false,
};

export class Checkpoints {
  private readonly known = new Map<string, Checkpoint>();

  constructor(private readonly workspace: Workspace) {}

  async load(): Promise<void> {
    const stored = (await this.workspace.read<StoredCheckpoint[]>(FILE)) ?? [];
    // Bases before adapters: an adapter is checked against its base.
    const bases = stored.filter((checkpoint) => checkpoint.baseId === null);
    const adapters = stored.filter((checkpoint) => checkpoint.baseId !== null);
    for (const checkpoint of [...bases, ...adapters]) this.known.set(checkpoint.id, await this.open(checkpoint));
  }

  list(): Checkpoint[] {
    return [...this.known.values()];
  }

  /** @throws CHECKPOINT_UNKNOWN, or what is wrong with it */
  usable(id: string): Checkpoint {
    const checkpoint = this.known.get(id);
    if (!checkpoint) throw new WorkbenchError('CHECKPOINT_UNKNOWN', 'This checkpoint is not in the workspace.', { id });
    if (checkpoint.error) throw locate(fromErrorData(checkpoint.error), { checkpoint: id });
    return checkpoint;
  }

  inFolder(folder: string): Checkpoint | undefined {
    return this.list().find((checkpoint) => this.folder(checkpoint) === folder);
  }

  folder(checkpoint: Checkpoint): string {
    return resolve(this.workspace.path, checkpoint.path);
  }

  baseFolder(checkpoint: Checkpoint): string {
    return checkpoint.baseId === null ? this.folder(checkpoint) : this.folder(this.usable(checkpoint.baseId));
  }

  /** Recognises a base model or an adapter by what lies in the folder. Adding a folder again opens it anew. */
  async add(params: CheckedParameters<'checkpoints.add'>): Promise<Checkpoint> {
    const folder = resolve(this.workspace.path, params.path);
    const isAdapter = await isFile(join(folder, 'adapter_config.json'));
    if (!isAdapter && !(await isFile(join(folder, 'config.json')))) throw notACheckpoint(folder);
    const card = await readCard(folder);
    const stored: StoredCheckpoint = {
      ...DEFAULT_CARD,
      role: isAdapter ? 'other' : 'base',
      ...card,
      name: params.name ?? card?.name ?? basename(folder),
      ...(params.role ? { role: params.role } : {}),
      id: '',
      path: this.shortPath(folder),
      baseId: isAdapter ? await this.baseOf(folder) : null,
    };
    const before = this.inFolder(folder);
    stored.id = before?.id ?? this.freeId(slug(stored.name));
    const checkpoint = await this.open(stored);
    if (checkpoint.error && !before) throw fromErrorData(checkpoint.error);
    this.known.set(checkpoint.id, checkpoint);
    await this.save();
    return checkpoint;
  }

  /** Forgets it; its folder stays. */
  async remove(id: string): Promise<void> {
    const dependent = this.list().filter((checkpoint) => checkpoint.baseId === id);
    if (dependent.length > 0) {
      throw new WorkbenchError(
        'CHECKPOINT_HAS_ADAPTERS',
        'Adapters of this base model are still in the workspace.',
        { id, adapters: dependent.map((checkpoint) => checkpoint.id) },
        'Remove them first.',
      );
    }
    this.known.delete(id);
    await this.save();
  }

  /** The base that fits: an adapter names modules and their shapes, and only its own base has them all. */
  private async baseOf(folder: string): Promise<string> {
    const bases = this.list().filter((checkpoint) => checkpoint.baseId === null && checkpoint.error === null);
    let reason: unknown;
    for (const base of bases) {
      try {
        await readAdapter(folder, this.folder(base));
        return base.id;
      } catch (error) {
        reason = error;
      }
    }
    if (bases.length === 1) throw reason;
    throw new WorkbenchError(
      'ADAPTER_WITHOUT_BASE',
      'This adapter fits none of the base models of the workspace.',
      { folder, bases: bases.map((base) => base.id), reason: reason ? toErrorData(reason).message : null },
      'Add the base model that it was trained on first.',
    );
  }

  private async open(stored: StoredCheckpoint): Promise<Checkpoint> {
    const shown = { ...stored, hash: '', info: null, bytes: 0, secondsPerFilm: null, warnings: [], error: null };
    try {
      return { ...shown, ...(await this.inspect(stored)) };
    } catch (error) {
      return { ...shown, error: toErrorData(error) };
    }
  }

  private async inspect(stored: StoredCheckpoint): Promise<Pick<Checkpoint, 'hash' | 'info' | 'bytes' | 'warnings'>> {
    const folder = resolve(this.workspace.path, stored.path);
    if (stored.baseId === null) {
      const model = await openModelFolder(folder);
      const { info, warnings } = model;
      return { hash: info.weightsHash, info, bytes: await bytesOf(folder), warnings };
    }
    const base = this.usable(stored.baseId);
    const { adapter, warnings } = await readAdapter(folder, this.folder(base));
    return { hash: adapter.hash, info: base.info, bytes: await bytesOf(folder), warnings };
  }

  private shortPath(folder: string): string {
    const inside = relative(this.workspace.path, folder);
    return inside.startsWith('..') || isAbsolute(inside) ? folder : inside;
  }

  private freeId(wanted: string): string {
    let id = wanted;
    for (let n = 2; this.known.has(id); n++) id = `${wanted}-${n}`;
    return id;
  }

  private async save(): Promise<void> {
    const stored = this.list().map(
      ({ id, name, role, path, baseId, trainingSource, preprocessing, promptId, maxNewTokens, phantomOnly }) => ({
        id,
        name,
        role,
        path,
        baseId,
        trainingSource,
        preprocessing,
        promptId,
        maxNewTokens,
        phantomOnly,
      }),
    );
    await this.workspace.write(stored, FILE);
  }
}

/** Of its weights on disk. */
async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    if (name.endsWith('.safetensors')) bytes += (await stat(join(folder, name))).size;
  }
  return bytes;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function notACheckpoint(folder: string): WorkbenchError {
  return new WorkbenchError(
    'CHECKPOINT_NOT_RECOGNISED',
    'This folder holds neither a model (config.json) nor an adapter (adapter_config.json).',
    { folder },
    'Choose the folder that transformers or PEFT saved with save_pretrained.',
  );
}
