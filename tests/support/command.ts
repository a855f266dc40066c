/** Runs the command as a script does: a process of its own, its JSON lines, its exit status. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface Outcome {
  status: number | null;
  /** Each line of stdout, read as JSON. */
  lines: Record<string, unknown>[];
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Called with every piece of stderr, with a way to interrupt the command. */
  onStderr?(text: string, interrupt: () => void): void;
}

/** `chexreason ARGS`; with `--json` among them its answers are in `lines`. */
export function chexreason(args: string[], options: CommandOptions = {}): Promise<Outcome> {
  const { cwd = root, env = {}, onStderr } = options;
  const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
  const program = ['--import', tsx, join(root, 'main/headless/chexreason.ts')];
  return new Promise((done) => {
    const child = spawn(process.execPath, [...program, ...args], { cwd, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
      onStderr?.(String(text), () => child.kill('SIGINT'));
    });
    child.on('close', (status) => done({ status, stdout, stderr, lines: args.includes('--json') ? read(stdout) : [] }));
  });
}

function read(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
