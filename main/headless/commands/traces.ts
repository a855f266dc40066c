/** `chexreason traces`: reasoning traces of a data set, asked from a teacher on a server, imported, decided on, exported. */
import { readFile } from 'node:fs/promises';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { type MappingOptions, mappingOf, policiesOf } from '../tableOptions.ts';
import { datasetId, openWorkspace, serverOf } from '../workspace.ts';

export interface TracesOptions extends MappingOptions {
  workspace?: string;
  dataset: string;
  images?: string;
  policy?: string;
  server?: string;
  modelName?: string;
  prompt?: string;
  films?: number;
  seed?: number;
  temperature?: number;
  maxNewTokens?: number;
  rejectedAgain?: boolean;
  file?: string;
  accepted?: boolean;
  all?: boolean;
  film?: string;
  otherLabels?: boolean;
}

export async function traces(call: Call, options: TracesOptions, args: string[]): Promise<void> {
  const { output, signal } = call;
  const [action] = args as ['ask' | 'list' | 'accept' | 'reject' | 'undo' | 'import' | 'export'];
  const engine = await openWorkspace(options.workspace);
  const mapping = await mappingOf(options);
  const policy = policiesOf(options.policy);
  const id = await datasetId(engine, options.dataset, {
    ...(options.images === undefined ? {} : { images: userPath(options.images) }),
    ...(mapping ? { mapping } : {}),
    ...(policy ? { policy } : {}),
    role: 'training-source',
  });
  const work = { signal, onProgress: (progress: Parameters<typeof output.progress>[0]) => output.progress(progress) };
  switch (action) {
    case 'ask': {
      const server = await serverOf(engine, needed(options.server, '--server'));
      const { modelName: model, prompt: promptId, films, seed, temperature, maxNewTokens, rejectedAgain } = options;
      const given = { promptId, films, seed, temperature, maxNewTokens, rejectedAgain };
      const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const chosen = model ?? server.models.find(({ parent }) => parent === null)?.id;
      const params = { datasetId: id, serverId: server.id, model: needed(chosen, '--model-name'), ...known };
      const { films: there, counts } = await engine.call('traces.ask', params, work);
      if (counts.failed > 0) output.markFailed();
      return output.result({ dataset: id, films: there, ...counts });
    }
    case 'list': {
      for (const trace of (await engine.call('traces.list', { datasetId: id })).traces) output.result(trace);
      return;
    }
    case 'accept':
    case 'reject': {
      const text = options.file === undefined ? undefined : await readFile(userPath(options.file), 'utf8');
      const decided = { decision: action, otherLabels: options.otherLabels, ...(text === undefined ? {} : { text }) };
      return output.result(
        await engine.call('traces.decide', { datasetId: id, filmId: needed(options.film, '--film'), ...decided }),
      );
    }
    case 'undo':
      return output.result((await engine.call('traces.undo', { datasetId: id })) ?? { undone: null });
    case 'import': {
      const path = userPath(needed(options.file, '--file'));
      const result = await engine.call('traces.import', { datasetId: id, path, accepted: options.accepted });
      if (result.rejected.length > 0) output.markFailed();
      return output.result({ dataset: id, ...result });
    }
    case 'export': {
      const path = userPath(needed(options.file, '--file'));
      return output.result(
        await engine.call('traces.export', { datasetId: id, path, which: options.all ? 'all' : 'usable' }),
      );
    }
  }
}

function needed(value: string | undefined, option: string): string {
  if (value === undefined) throw new UsageError(`${option} is needed.`);
  return value;
}
