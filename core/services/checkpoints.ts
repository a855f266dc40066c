/**
 * The checkpoints of a workspace: base models and adapters, each a folder that stays where it is. A folder is opened when
 * it is added and again when the workspace is; what is wrong with it is shown on its card.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fromErrorData, locate, toErrorData, WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import type { PrecisionChoice } from '../models/openRunner.ts';
import { changesNothing } from '../peft/adapterFolder.ts';
import { readJsonIfThere } from '../platform/files.ts';
import { presetOfSource } from '../preprocessing/presets.ts';
import { type CheckpointCard, readCard } from '../workspace/card.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, Checkpoint, RemoteTarget } from './contract.ts';
import { type Opening, readAdapter } from './models.ts';
import { modelGone } from './remoteAnswers.ts';
import type { Servers } from './servers.ts';

const FILE = 'checkpoints.json';

/** What the workspace keeps of a checkpoint; the rest is read from its folder. */
interface StoredCheckpoint extends CheckpointCard {
  server?: RemoteTarget;
  precision?: PrecisionChoice;
  /** It was taken out of the list, and can be put back. */
  removed?: boolean;
  id: string;
  /** Relative to the workspace where it lies in it. */
  path: string;
  baseId: string | null;
}

/** A folder of this name without a card: it writes answers in its own format, and was trained on its own prompt. */
const NV_REASON = /nv[-_]?reason/i;
const NV_REASON_CARD: Partial<CheckpointCard> = { answerFormat: 'answer', promptId: 'nv-reason', maxNewTokens: 2048 };

const CHOSEN_ON_TARGET =
  'Its training step was chosen on films of the other institution: its figures there are not those of an unseen hospital.';

const DEFAULT_CARD: Omit<CheckpointCard, 'name' | 'role' | 'preprocessing'> = {
  trainingSource: '',
  promptId: 'free-reasoning',
  maxNewTokens: 512,
  phantomOnly: false,
};

export class Checkpoints {
  private readonly known = new Map<string, Checkpoint>();
  /** So that a removal can be taken back. */
  private readonly removed = new Map<string, StoredCheckpoint>();

  constructor(
    private readonly workspace: Workspace,
    private readonly servers: Servers,
    private readonly cacheDir?: string,
    private readonly opening: Opening = (_, open) => open(),
  ) {}

  async load(): Promise<void> {
    const stored = (await this.workspace.read<StoredCheckpoint[]>(FILE)) ?? [];
    // Bases before adapters: an adapter is checked against its base.
    const listed = stored.filter(({ removed }) => !removed);
    const bases = listed.filter((checkpoint) => checkpoint.baseId === null);
    const adapters = listed.filter((checkpoint) => checkpoint.baseId !== null);
    for (const { removed, ...checkpoint } of stored) if (removed) this.removed.set(checkpoint.id, checkpoint);
    for (const checkpoint of [...bases, ...adapters]) this.known.set(checkpoint.id, await this.open(checkpoint));
  }

  list(): Checkpoint[] {
    return [...this.known.values()];
  }

  /** Those that were taken out of the list. */
  removedList(): { id: string; name: string }[] {
    return [...this.removed.values()].map(({ id, name }) => ({ id, name }));
  }

  /** @throws CHECKPOINT_UNKNOWN, or what is wrong with it */
  usable(id: string): Checkpoint {
    const checkpoint = this.known.get(id);
    if (!checkpoint) throw new WorkbenchError('CHECKPOINT_UNKNOWN', 'This checkpoint is not in the workspace.', { id });
    if (checkpoint.error) throw locate(fromErrorData(checkpoint.error), { checkpoint: id });
    return checkpoint;
  }

  inFolder(folder: string): Checkpoint | undefined {
    return this.list().find((checkpoint) => !checkpoint.server && this.folder(checkpoint) === folder);
  }

  /** @throws CHECKPOINT_REMOTE */
  folder(checkpoint: Checkpoint): string {
    if (checkpoint.server) throw isRemote(checkpoint);
    return resolve(this.workspace.path, checkpoint.path);
  }

  baseFolder(checkpoint: Checkpoint): string {
    return checkpoint.baseId === null ? this.folder(checkpoint) : this.folder(this.usable(checkpoint.baseId));
  }

  /** Recognises a base model or an adapter by what lies in the folder. Adding a folder again opens it anew. */
  async add(params: CheckedParameters<'checkpoints.add'>): Promise<Checkpoint> {
    const folder = resolve(this.workspace.path, params.path);
    const isAdapter = await isFile(join(folder, 'adapter_config.json'));
    if (!isAdapter && !(await isFile(join(folder, 'config.json')))) {
      throw existsSync(folder) ? notACheckpoint(folder) : noSuchFolder(folder);
    }
    const card = await readCard(folder);
    const stored: StoredCheckpoint = {
      ...DEFAULT_CARD,
      ...(NV_REASON.test(basename(folder)) ? NV_REASON_CARD : {}),
      role: isAdapter ? 'other' : 'base',
      preprocessing: presetOfSource(card?.trainingSource ?? ''),
      ...card,
      name: params.name ?? card?.name ?? basename(folder),
      ...(params.role ? { role: params.role } : {}),
      id: '',
      path: this.shortPath(folder),
      baseId: isAdapter ? await this.baseOf(folder) : null,
    };
    const before = this.inFolder(folder);
    // One that was taken out and is added again is the same one: its answers are found again.
    const out = [...this.removed.values()].find((each) => !each.server && each.path === stored.path);
    stored.name = this.freeName([stored.name, basename(folder), folder.split(sep).slice(-2).join('/')], before?.id);
    stored.id = before?.id ?? out?.id ?? this.freeId(slug(stored.name));
    const checkpoint = await this.open(stored);
    if (checkpoint.error && !before) throw fromErrorData(checkpoint.error);
    this.known.set(checkpoint.id, checkpoint);
    this.removed.delete(checkpoint.id);
    await this.save();
    return checkpoint;
  }

  /** A model or an adapter of a configured server. Adding it again takes the new settings. */
  async addRemote(params: CheckedParameters<'checkpoints.addRemote'>): Promise<Checkpoint> {
    const { serverId, model, ...given } = params;
    const server = await this.target(serverId, model);
    const before = this.list().find((each) => each.server?.address === server.address && each.server.model === model);
    const parent = this.list().find(
      (each) => each.server?.address === server.address && each.server.model === server.parent,
    );
    const stored: StoredCheckpoint = {
      ...DEFAULT_CARD,
      ...(NV_REASON.test(model) ? NV_REASON_CARD : {}),
      name: model.split('/').pop()!,
      role: server.parent === null ? 'base' : 'other',
      preprocessing: presetOfSource(given.trainingSource ?? before?.trainingSource ?? ''),
      ...before,
      ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as typeof given),
      id: before?.id ?? this.freeId(slug(given.name ?? model)),
      path: server.address,
      baseId: server.parent === null ? null : (parent?.id ?? null),
      server,
    };
    const checkpoint = await this.open(stored);
    this.known.set(checkpoint.id, checkpoint);
    await this.save();
    return checkpoint;
  }

  /** A server's checkpoint as the server has it now: another version since then is another executor. */
  async current(checkpoint: Checkpoint): Promise<Checkpoint> {
    const { server } = checkpoint;
    if (!server) return checkpoint;
    const configured = this.servers.byAddress(server.address);
    if (!configured) throw this.notConfigured(server);
    const now = await this.target(configured.id, server.model);
    if (JSON.stringify(now) === JSON.stringify(server)) return checkpoint;
    const changed = { ...checkpoint, server: now };
    this.known.set(checkpoint.id, changed);
    await this.save();
    return changed;
  }

  /** The base model of a checkpoint: itself, or the one that its adapter lies on. */
  baseModel(id: string): Checkpoint {
    const checkpoint = this.usable(id);
    return checkpoint.baseId === null ? checkpoint : this.usable(checkpoint.baseId);
  }

  /** What is chosen for the base model in this folder. */
  precisionIn(folder: string): PrecisionChoice | undefined {
    return this.inFolder(folder)?.precision;
  }

  async setPrecision(id: string, precision: PrecisionChoice): Promise<void> {
    const base = this.baseModel(id);
    this.known.set(base.id, { ...base, precision });
    await this.save();
  }

  /** After the canary film was answered. */
  note(id: string, found: Pick<Checkpoint, 'canary' | 'warnings'>): void {
    const checkpoint = this.known.get(id);
    if (checkpoint) this.known.set(id, { ...checkpoint, ...found });
  }

  /** After a server was added or removed: what is on it can be used, or no longer. */
  async reopenRemote(): Promise<void> {
    for (const checkpoint of this.list()) {
      if (checkpoint.server) this.known.set(checkpoint.id, await this.open(checkpoint));
    }
  }

  private async target(serverId: string, model: string): Promise<RemoteTarget> {
    const { address } = this.servers.list().find(({ id }) => id === serverId) ?? { address: '' };
    const { kind, version, models } = await this.servers.facts(serverId);
    const found = models.find(({ id }) => id === model);
    const { parent = null, precision = '' } = found ?? {};
    const target = { address, kind, version, model, parent, precision };
    if (!found) throw modelGone(target);
    return target;
  }

  private notConfigured({ address }: RemoteTarget): WorkbenchError {
    return new WorkbenchError(
      'SERVER_NOT_CONFIGURED',
      'This checkpoint is on a server that you have not added, and nothing is sent there.',
      { server: address },
      'Add the server on this screen, if you trust it with films.',
    );
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
    const checkpoint = this.known.get(id);
    if (checkpoint) this.removed.set(id, storedOf(checkpoint));
    this.known.delete(id);
    await this.save();
  }

  /** Takes a removal back, with all its settings. @throws CHECKPOINT_UNKNOWN */
  async restore(id: string): Promise<Checkpoint> {
    const checkpoint = this.removed.get(id);
    if (!checkpoint || this.known.has(id)) {
      throw new WorkbenchError('CHECKPOINT_UNKNOWN', 'No such checkpoint was removed.', { id });
    }
    this.removed.delete(id);
    this.known.set(id, await this.open(checkpoint));
    await this.save();
    return this.known.get(id)!;
  }

  /** The base that fits: an adapter names modules and their shapes, and only its own base has them all. */
  private async baseOf(folder: string): Promise<string> {
    const bases = this.list().filter(({ baseId, error, server }) => baseId === null && error === null && !server);
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
    if (stored.server) return this.inspectRemote(stored.server);
    const folder = resolve(this.workspace.path, stored.path);
    if (stored.baseId === null) {
      const model = await this.opening(folder, (work) => openModelFolder(folder, this.cacheDir, work));
      const { info, warnings } = model;
      return { hash: info.weightsHash, info, bytes: await bytesOf(folder), warnings };
    }
    const base = this.usable(stored.baseId);
    const { adapter, warnings } = await readAdapter(folder, this.folder(base));
    if (changesNothing(adapter)) throw adapterChangesNothing(folder, adapter.modules.size);
    const named = await otherBaseName(folder, this.folder(base));
    const chosen = stored.chosenOn === 'probe-target' ? [CHOSEN_ON_TARGET] : [];
    const all = [...warnings, ...(named === null ? [] : [named]), ...chosen];
    return { hash: adapter.hash, info: base.info, bytes: await bytesOf(folder), warnings: all };
  }

  private inspectRemote(server: RemoteTarget): Pick<Checkpoint, 'hash' | 'info' | 'bytes' | 'warnings'> {
    if (!this.servers.byAddress(server.address)) throw this.notConfigured(server);
    return { hash: sha256(`${server.address}\n${server.model}`), info: null, bytes: 0, warnings: [] };
  }

  private shortPath(folder: string): string {
    const inside = relative(this.workspace.path, folder);
    return inside.startsWith('..') || isAbsolute(inside) ? folder : inside;
  }

  private freeId(wanted: string): string {
    let id = wanted;
    for (let n = 2; this.known.has(id) || this.removed.has(id); n++) id = `${wanted}-${n}`;
    return id;
  }

  /** The first of the names that no other checkpoint has: two of one name could not be told apart in any table. */
  private freeName(wanted: [string, ...string[]], id: string | undefined): string {
    const taken = new Set(this.list().flatMap((each) => (each.id === id ? [] : [each.name])));
    const found = wanted.find((name) => !taken.has(name));
    if (found !== undefined) return found;
    let n = 2;
    while (taken.has(`${wanted[0]} ${n}`)) n++;
    return `${wanted[0]} ${n}`;
  }

  private async save(): Promise<void> {
    const removed = [...this.removed.values()].map((checkpoint) => ({ ...checkpoint, removed: true }));
    await this.workspace.write([...this.list().map(storedOf), ...removed], FILE);
  }
}

function storedOf({ id, name, role, path, baseId, ...rest }: Checkpoint): StoredCheckpoint {
  return {
    id,
    name,
    role,
    path,
    baseId,
    trainingSource: rest.trainingSource,
    preprocessing: rest.preprocessing,
    promptId: rest.promptId,
    maxNewTokens: rest.maxNewTokens,
    phantomOnly: rest.phantomOnly,
    ...(rest.chosenOn ? { chosenOn: rest.chosenOn } : {}),
    ...(rest.answerFormat ? { answerFormat: rest.answerFormat } : {}),
    ...(rest.server ? { server: rest.server } : {}),
    ...(rest.precision ? { precision: rest.precision } : {}),
  };
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

/** The base that an adapter's own configuration names, where that is another one by its name; it fits by its shapes. */
async function otherBaseName(folder: string, baseFolder: string): Promise<string | null> {
  const config = await readJsonIfThere<{ base_model_name_or_path?: unknown }>(join(folder, 'adapter_config.json'));
  const base = await readJsonIfThere<{ _name_or_path?: unknown }>(join(baseFolder, 'config.json'));
  const named = lastName(config?.base_model_name_or_path);
  const names = [lastName(baseFolder), lastName(base?._name_or_path)].filter(Boolean);
  if (named === '' || names.includes(named)) return null;
  return `Its configuration names the base model ${named}; it was added to ${names[0]}, whose layers have the same shapes.`;
}

function lastName(path: unknown): string {
  return typeof path === 'string' ? (path.split(/[\\/]/).filter(Boolean).pop() ?? '') : '';
}

function adapterChangesNothing(folder: string, modules: number): WorkbenchError {
  return new WorkbenchError(
    'ADAPTER_CHANGES_NOTHING',
    'This adapter changes nothing: in every pair one side is zero, so that its answers are those of its base.',
    { folder, modules },
    'It was saved before the first step of training, or by a training that reached no parameter.',
  );
}

function isRemote({ id, server }: Checkpoint): WorkbenchError {
  return new WorkbenchError(
    'CHECKPOINT_REMOTE',
    'This checkpoint is on a server; its weights are not on this machine.',
    { checkpoint: id, server: server!.address },
    'Choose a checkpoint whose folder lies here.',
  );
}

function noSuchFolder(folder: string): WorkbenchError {
  return new WorkbenchError(
    'CHECKPOINT_NOT_RECOGNISED',
    'There is no such folder.',
    { folder },
    'Check the path, and that its disk is connected.',
  );
}

function notACheckpoint(folder: string): WorkbenchError {
  return new WorkbenchError(
    'CHECKPOINT_NOT_RECOGNISED',
    'This folder holds neither a model (config.json) nor an adapter (adapter_config.json).',
    { folder },
    'Choose the folder that transformers or PEFT saved with save_pretrained.',
  );
}
