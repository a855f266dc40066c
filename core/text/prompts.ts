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
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { type JsonValue, WorkbenchError } from '../base/errors.ts';
import { readJson } from '../platform/files.ts';
import type { Prompt } from './types.ts';

/** What a prompt's file is called. */
export const PROMPT_FILE = /^[^.].*\.(md|json)$/;
/** An instruction longer than this is a mistake, and fills the context of most models. */
const MAX_BYTES = 64 * 1024;

/** Every prompt of the folder, by id. @throws PROMPT_UNREADABLE, and FILE_NOT_FOUND where there is no such folder */
export async function loadPrompts(folder: string): Promise<Prompt[]> {
  const files = (await readdir(folder)).filter((file) => PROMPT_FILE.test(file)).sort();
  return Promise.all(files.map((file) => loadPrompt(join(folder, file))));
}

/** One file. @throws PROMPT_UNREADABLE with what is wrong, and where; JSON_UNREADABLE */
export async function loadPrompt(file: string): Promise<Prompt> {
  const id = basename(file, extname(file));
  const { size } = await stat(file);
  if (size > MAX_BYTES) throw unreadable(file, 'It is longer than 64 KiB.', { bytes: size });
  const fields = extname(file) === '.json' ? await readJson<object>(file) : frontMatter(await readFile(file, 'utf8'));
  if (typeof fields !== 'object' || fields === null) throw unreadable(file, 'It is no object.');
  const { name, text, format } = fields as Partial<Record<keyof Prompt, unknown>>;
  for (const [field, value] of Object.entries({ name, format, text })) {
    if (value === undefined) throw unreadable(file, `It has no ${field}.`, { field });
    if (typeof value !== 'string') throw unreadable(file, `Its ${field} is no text.`, { field });
    if (value.trim() === '') throw unreadable(file, `Its ${field} is empty.`, { field });
  }
  return { id, name: name as string, format: format as string, text: (text as string).trim() };
}

function unreadable(file: string, problem: string, details: Record<string, JsonValue> = {}): WorkbenchError {
  return new WorkbenchError(
    'PROMPT_UNREADABLE',
    `This prompt file cannot be used. ${problem}`,
    { file, ...details },
    'Write "name:" and "format:" between two lines "---", and the instruction below.',
  );
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
