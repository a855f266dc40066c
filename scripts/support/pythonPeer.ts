/** The Python stack, step by step on request (peer.py), for benchmarks that measure it in the same run. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

export class PythonPeer {
  private readonly lines: AsyncIterator<string>;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    /** Where it saved its model. */
    readonly model: string,
  ) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** @param python with torch, transformers and peft; the script is found as the reference values are */
  static async start(python: string, threads = 2): Promise<PythonPeer> {
    const reference = process.env['CHEXREASON_REFERENCE'] ?? resolve(import.meta.dirname, '../../../shared/reference');
    const model = await mkdtemp(join(tmpdir(), 'peer-model-'));
    const script = join(import.meta.dirname, 'peer.py');
    const child = spawn(python, [script, join(reference, 'peers/peer_speed.py'), model, '--threads', `${threads}`]);
    child.stderr.pipe(process.stderr);
    const peer = new PythonPeer(child, model);
    await peer.line();
    return peer;
  }

  /** Seconds of one step. */
  async step(name: string): Promise<number> {
    this.child.stdin.write(`${name}\n`);
    return Number(await this.line());
  }

  stop(): void {
    this.child.stdin.end();
  }

  private async line(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('The Python stack ended; its message stands above.');
    return value;
  }
}
