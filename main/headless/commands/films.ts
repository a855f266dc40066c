/** The commands about films alone: decode, phantom. */
import { decodeFile } from '../../../core/dicom/decodeFile.ts';
import { writePhantom } from '../../../core/phantom/generate.ts';
import type { Institution } from '../../../core/phantom/scene.ts';
import type { Call } from '../call.ts';
import { userPath } from '../places.ts';

export async function decode({ output, signal }: Call, _options: object, files: string[]): Promise<void> {
  for (const file of files) {
    await output.attempt(file, signal, async () => ({ ...(await decodeFile(userPath(file))), file }));
  }
}

export interface PhantomCommandOptions {
  institution: Institution;
  count: number;
  seed: number;
  out: string;
  size?: number;
  format?: 'dicom' | 'png';
}

export async function phantom({ output, signal }: Call, options: PhantomCommandOptions): Promise<void> {
  const { institution, count, seed, size, format } = options;
  const work = output.work(signal);
  output.result(await writePhantom({ institution, count, seed, size, format, out: userPath(options.out) }, work));
}
