/**
 * `npm run -s bench -- NAME [--json] [its own arguments]`: runs scripts/bench/NAME.ts, which exports `run(args)`, and
 * prints the object that it gives: medians, the number of runs, the engine, threads.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'bench');
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []));
const [name, ...rest] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  console.error(`Usage: npm run -s bench -- NAME [--json] …, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const { run } = (await import(join(folder, `${name}.ts`))) as { run(args: string[]): Promise<object> };
  const result = await run(rest.filter((argument) => argument !== '--json'));
  console.log(rest.includes('--json') ? JSON.stringify(result) : JSON.stringify(result, null, 2));
}
