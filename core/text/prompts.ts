/**
 * The instruction formats of resources/prompts. A prompt is a Markdown file `<id>.md` whose front matter names it, or a
 * JSON file `<id>.json` with the same fields and `text`:
 *
 *     ---
 *     name: Free Reasoning
 *     format: Free Reasoning
 *     ---
 *     Look at this chest film ...
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { readJson } from '../platform/files.ts';
import type { Prompt } from './types.ts';

/** Every prompt of the folder, by id. @throws PROMPT_UNREADABLE, and FILE_NOT_FOUND where there is no such folder */
export async function loadPrompts(folder: string): Promise<Prompt[]> {
  const files = (await readdir(folder)).filter((file) => /\.(md|json)$/.test(file)).sort();
  return Promise.all(files.map((file) => loadPrompt(join(folder, file))));
}

async function loadPrompt(file: string): Promise<Prompt> {
  const id = basename(file, extname(file));
  const fields = extname(file) === '.json' ? await readJson<object>(file) : frontMatter(await readFile(file, 'utf8'));
  const { name, text, format } = fields as Partial<Record<keyof Prompt, unknown>>;
  if (typeof name !== 'string' || typeof text !== 'string' || typeof format !== 'string' || text.trim() === '') {
    throw new WorkbenchError(
      'PROMPT_UNREADABLE',
      'This prompt file has no name, format or text.',
      { file },
      'Write "name:" and "format:" between two lines "---", and the instruction below.',
    );
  }
  return { id, name, format, text: text.trim() };
}

function frontMatter(source: string): Record<string, string> {
  const match = /^---\r?\n(.*?)\r?\n---\r?\n(.*)$/s.exec(source);
  if (match === null) return {};
  const fields: Record<string, string> = { text: match[2]! };
  for (const line of match[1]!.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return fields;
}
