/**
 * The instruction formats that can be asked with: those of the application, and the files that the user dropped into the
 * folder `prompts` of the workspace. The folder is read again whenever prompts are asked for; a file that cannot be used is
 * reported with its place, and costs no other.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import { loadPrompt, loadPrompts, PROMPT_FILE } from '../text/prompts.ts';
import type { Prompt } from '../text/types.ts';

export const DEFAULT_PROMPT = 'free-reasoning';

export class Prompts {
  private own: Prompt[] = [];
  private failures: ErrorData[] = [];

  private constructor(
    private readonly builtIn: readonly Prompt[],
    private readonly folder: string,
  ) {}

  /** @param folder of the workspace; it need not exist */
  static async open(resourcesDir: string, folder: string): Promise<Prompts> {
    const prompts = new Prompts(await loadPrompts(join(resourcesDir, 'prompts')), folder);
    await prompts.refresh();
    return prompts;
  }

  /** Reads the workspace's folder. */
  async refresh(): Promise<void> {
    const own: Prompt[] = [];
    const failures: ErrorData[] = [];
    for (const name of await promptFiles(this.folder)) {
      try {
        const prompt = await loadPrompt(join(this.folder, name));
        if ([...this.builtIn, ...own].some(({ id }) => id === prompt.id))
          throw taken(prompt.id, join(this.folder, name));
        own.push(prompt);
      } catch (error) {
        failures.push(toErrorData(error));
      }
    }
    this.own = own;
    this.failures = failures;
  }

  /** As last read. */
  list(): Prompt[] {
    return [...this.builtIn, ...this.own];
  }

  problems(): ErrorData[] {
    return this.failures;
  }

  get(id: string): Prompt | undefined {
    return this.list().find((prompt) => prompt.id === id);
  }

  /** Of this id, read anew. @throws PROMPT_UNKNOWN with the ids that there are */
  async named(id: string): Promise<Prompt> {
    await this.refresh();
    const prompt = this.get(id);
    if (prompt) return prompt;
    const problem = this.failures.find(({ details }) => String(details['file']).includes(id));
    throw new WorkbenchError(
      'PROMPT_UNKNOWN',
      'There is no prompt of this name.',
      { prompt: id, known: this.list().map((each) => each.id), ...(problem ? { reason: problem.message } : {}) },
      'A file in the folder prompts of the workspace adds one.',
    );
  }
}

async function promptFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => PROMPT_FILE.test(name)).sort();
  } catch {
    return [];
  }
}

function taken(id: string, file: string): WorkbenchError {
  return new WorkbenchError(
    'PROMPT_TAKEN',
    'Another prompt has this name already.',
    { file, prompt: id },
    'Give the file another name.',
  );
}
