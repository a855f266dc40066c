/** `chexreason demo`: the main job, whole, on built-in data. */
import { demo as runDemo } from '../../../core/services/demo.ts';
import type { Call } from '../call.ts';
import { commandPlatform, userPath } from '../places.ts';

export interface DemoCommandOptions {
  out?: string;
  films?: number;
  steps?: number;
  threads?: number;
}

export async function demo({ output, signal }: Call, options: DemoCommandOptions): Promise<void> {
  const out = options.out === undefined ? undefined : userPath(options.out);
  const result = await runDemo(commandPlatform(), { ...options, out }, output.work(signal));
  const { evaluation, report, workspace, seconds } = result;
  output.result(result, () =>
    [
      evaluation.headline,
      `Report: ${report.path} (${report.pages} pages)`,
      `Workspace: ${workspace}; npm start opens it`,
      `Seconds: ${Object.entries(seconds)
        .map(([part, value]) => `${part} ${value}`)
        .join(', ')}`,
    ].join('\n'),
  );
}
