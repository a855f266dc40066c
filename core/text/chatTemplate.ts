/**
 * A model's chat template: Jinja, rendered as transformers' `apply_chat_template` does (trim_blocks, lstrip_blocks, the
 * names of the special tokens, `raise_exception`, `strftime_now`). Source: transformers/utils/chat_template_utils.py.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { Template } from '@huggingface/jinja';
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { readJsonIfThere } from '../platform/files.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { Message } from './types.ts';

export interface RenderOptions {
  /** Ends with the opening of the assistant's turn. */
  addGenerationPrompt?: boolean;
  /** What `strftime_now` shows; a template that asks for the date gives another prompt each day. */
  now?: Date;
}

export class ChatTemplate {
  readonly source: string;
  private readonly template: Template;
  private readonly guard = new TimeGuard(RENDER_MILLISECONDS);
  private readonly specialTokens: Readonly<Record<string, string>>;

  /** @throws CHAT_TEMPLATE_UNREADABLE */
  constructor(source: string, specialTokens: Readonly<Record<string, string>>) {
    this.source = source;
    this.specialTokens = specialTokens;
    try {
      // The package's own strftime_now knows neither the caller's clock nor Python's locale, and cannot be replaced.
      this.template = new Template(source.replaceAll('strftime_now', 'strftime_of_clock'));
    } catch (error) {
      throw new WorkbenchError(
        'CHAT_TEMPLATE_UNREADABLE',
        `The chat template is no valid Jinja: ${toErrorData(error).message}`,
      );
    }
  }

  /**
   * Reads chat_template.jinja, else chat_template.json, else `chat_template` of tokenizer_config.json (one template, or
   * several with names, of which `default` is taken). @throws CHAT_TEMPLATE_MISSING
   */
  static async load(folder: string, tokenizer: Tokenizer): Promise<ChatTemplate> {
    const source =
      (await textIfThere(join(folder, 'chat_template.jinja'))) ??
      templateOf(
        (await readJsonIfThere<Record<string, unknown>>(join(folder, 'chat_template.json')))?.['chat_template'],
      ) ??
      templateOf(tokenizer.config['chat_template']);
    if (source === undefined) {
      throw new WorkbenchError(
        'CHAT_TEMPLATE_MISSING',
        'This model folder has no chat template.',
        { folder },
        'Copy chat_template.jinja (or tokenizer_config.json with its chat_template) from the model’s page.',
      );
    }
    return new ChatTemplate(source, tokenizer.specialTokens);
  }

  /**
   * @throws CHAT_TEMPLATE_REFUSED where the template itself raises (roles that do not alternate, ...), CHAT_TEMPLATE_ENDLESS
   * where it does not end in time
   */
  render(messages: readonly Message[], { addGenerationPrompt = true, now = new Date() }: RenderOptions = {}): string {
    try {
      const names = {
        ...this.specialTokens,
        messages,
        tools: null,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
        strftime_of_clock: (format: string) => strftime(now, format),
      };
      return this.guard.run(() => this.template.render(names));
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw endless();
      throw new WorkbenchError(
        'CHAT_TEMPLATE_REFUSED',
        `The model’s chat template refuses these messages: ${toErrorData(error).message}`,
        { roles: messages.map((message) => message.role) },
      );
    }
  }
}

/** A template of a few lines takes a millisecond. */
const RENDER_MILLISECONDS = 2000;

/** Ends a function that runs too long, wherever it is: V8 interrupts all that a script has called. */
class TimeGuard {
  private readonly context: { call?: () => void } = createContext({});
  private readonly script = new Script('call()');

  constructor(private readonly milliseconds: number) {}

  run<T>(work: () => T): T {
    let result: T | undefined;
    this.context.call = () => {
      result = work();
    };
    try {
      this.script.runInContext(this.context, { timeout: this.milliseconds });
    } finally {
      this.context.call = undefined;
    }
    return result as T;
  }
}

function endless(): WorkbenchError {
  return new WorkbenchError(
    'CHAT_TEMPLATE_ENDLESS',
    'The model’s chat template does not come to an end.',
    { seconds: RENDER_MILLISECONDS / 1000 },
    'Use the template from the model’s page.',
  );
}

async function textIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}

function templateOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value as { name?: string; template?: string }[];
  return (named.find((entry) => entry.name === 'default') ?? named[0])?.template;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Python's strftime in its C locale, for the directives that dates in templates use; others stay as they are. */
export function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const month = MONTHS[date.getMonth()]!;
  const day = DAYS[date.getDay()]!;
  const hours = date.getHours();
  const values: Record<string, string> = {
    Y: String(date.getFullYear()).padStart(4, '0'),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    B: month,
    b: month.slice(0, 3),
    d: two(date.getDate()),
    A: day,
    a: day.slice(0, 3),
    H: two(hours),
    I: two(hours % 12 || 12),
    p: hours < 12 ? 'AM' : 'PM',
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    '%': '%',
  };
  return format.replace(/%(.)/gs, (whole, letter: string) => values[letter] ?? whole);
}
