/** An engine process with three methods, for the tests of the hosts' side: answers, ends itself, or never answers. */
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { Engine } from '../../../core/services/contract.ts';
import { runEngineProcess } from '../../../main/engine/process.ts';

runEngineProcess(async (args) => {
  if (args.workspace === 'broken') throw new WorkbenchError('WORKSPACE_FORMAT', 'This workspace is broken.');
  const call = async (method: string): Promise<unknown> => {
    if (method === 'jobs.list') process.exit(7);
    if (method === 'prompts.list') return new Promise(() => {});
    return { processId: process.pid, pixels: new Uint16Array([1, 4095]), args };
  };
  return { call, onEvent: () => () => {} } as unknown as Engine;
});
