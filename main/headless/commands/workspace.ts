/** `chexreason workspace`: what is in its lists, taken out of them, and put back. Nothing on the disk is touched. */
import type { Engine, Parameters } from '../../../core/services/contract.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { openWorkspace } from '../workspace.ts';

export interface WorkspaceOptions {
  workspace?: string;
  dataset?: string;
  study?: string;
  folder?: string;
  film?: string[];
  checkpoint?: string;
  server?: string;
}

type Action = 'list' | 'remove' | 'restore';

/** Each line: what it is, its id, and whether it was removed. */
export async function workspace({ output }: Call, options: WorkspaceOptions, args: string[]): Promise<void> {
  const [action] = args as [Action];
  const changes = changesOf(options);
  if (action === 'list' && changes.length > 0) throw new UsageError('list takes everything.');
  if (action !== 'list' && changes.length !== 1)
    throw new UsageError('give one of --dataset, --study, --folder, --film, --checkpoint and --server.');
  const engine = await openWorkspace(options.workspace);
  if (action === 'list') return list(engine, (line) => output.result(line));
  const [[name, change]] = changes as [[string, Change]];
  output.result({ [action === 'remove' ? 'removed' : 'restored']: name, ...(await change(engine, action)) });
}

type Change = (engine: Engine, action: Exclude<Action, 'list'>) => Promise<object>;

function changesOf(options: WorkspaceOptions): [string, Change][] {
  const { dataset, study, folder, film, checkpoint, server } = options;
  const films =
    (which: Parameters<'films.remove'>): Change =>
    async (engine, action) => ({ films: (await engine.call(`films.${action}`, which)).length });
  const changes: [string, Change | undefined][] = [
    [
      'dataset',
      dataset === undefined
        ? undefined
        : async (engine, action) => {
            const { id, name, films: count } = await engine.call(`collections.${action}`, { collectionId: dataset });
            return { id, name, films: count };
          },
    ],
    ['study', study === undefined ? undefined : films({ study })],
    ['folder', folder === undefined ? undefined : films({ folder: userPath(folder) })],
    ['film', film === undefined ? undefined : films({ filmIds: film })],
    [
      'checkpoint',
      checkpoint === undefined
        ? undefined
        : async (engine, action) => {
            await engine.call(`checkpoints.${action}`, { checkpointId: checkpoint });
            return { id: checkpoint };
          },
    ],
    [
      'server',
      server === undefined
        ? undefined
        : async (engine, action) => {
            await engine.call(`servers.${action}`, { serverId: server });
            return { id: server };
          },
    ],
  ];
  return changes.filter((change): change is [string, Change] => change[1] !== undefined);
}

async function list(engine: Engine, line: (value: object) => void): Promise<void> {
  const removed = await engine.call('removed.list', {});
  for (const { id, name, kind, films } of await engine.call('collections.list', {}))
    line({ what: 'dataset', id, name, kind, films, removed: false });
  for (const { id, name } of removed.collections) line({ what: 'dataset', id, name, removed: true });
  for (const { id, name, path } of await engine.call('checkpoints.list', {}))
    line({ what: 'checkpoint', id, name, path, removed: false });
  for (const { id, name } of removed.checkpoints) line({ what: 'checkpoint', id, name, removed: true });
  for (const { id, name, address } of await engine.call('servers.list', {}))
    line({ what: 'server', id, name, address, removed: false });
  for (const { id, name, address } of removed.servers) line({ what: 'server', id, name, address, removed: true });
  for (const { id, path } of removed.films) line({ what: 'film', id, path, removed: true });
}
