/** The commands that ask a model: infer, score. */
import { join } from 'node:path';
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { ExecutorChoice } from '../../../core/models/openRunner.ts';
import { Inference, type Question, readMessages } from '../../../core/services/inference.ts';
import { imageQuestion } from '../../../core/text/promptInput.ts';
import { loadPrompts } from '../../../core/text/prompts.ts';
import type { Message } from '../../../core/text/types.ts';
import { resourcesDir } from '../../places.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';

const DEFAULT_PROMPT = 'free-reasoning';

export interface QuestionOptions {
  model: string;
  adapter?: string;
  image?: string[];
  prompt?: string;
  text?: string;
  messages?: string;
  executor?: ExecutorChoice;
  threads?: number;
  preprocessing?: string;
}

export interface InferOptions extends QuestionOptions {
  maxNewTokens?: number;
  temperature: number;
  topP: number;
  topK: number;
  seed: number;
  samples: number;
}

export async function infer({ output, signal }: Call, options: InferOptions): Promise<void> {
  const { temperature, topP, topK, seed, samples, maxNewTokens } = options;
  const settings = { sampling: { temperature, topP, topK, seed }, samples, maxNewTokens, signal };
  await askEach({ output, signal }, options, (inference, question) => inference.infer(question, settings));
}

export async function score(call: Call, options: QuestionOptions & { completion: string }): Promise<void> {
  await askEach(call, options, (inference, question) => inference.score(question, options.completion, call.signal));
}

/** One answer for each image; one for a conversation, or for a text without an image. */
async function askEach(
  { output, signal }: Call,
  options: QuestionOptions,
  ask: (inference: Inference, question: Question) => Promise<object>,
): Promise<void> {
  if ([options.prompt, options.text, options.messages].filter((given) => given !== undefined).length > 1) {
    throw new UsageError('give one of --prompt, --text and --messages.');
  }
  const { executor, threads, preprocessing } = options;
  const adapter = options.adapter === undefined ? undefined : userPath(options.adapter);
  const questions = await questionsOf(options);
  const inference = await Inference.open({ model: userPath(options.model), adapter, executor, threads, preprocessing });
  try {
    for (const [file, question] of questions) {
      await output.attempt(file, signal, async () => {
        const answer = await ask(inference, await question());
        return file === null ? answer : { file, ...answer };
      });
    }
  } finally {
    await inference.dispose();
  }
}

type Asked = [file: string | null, question: () => Promise<Question>];

async function questionsOf({ image = [], prompt, text, messages }: QuestionOptions): Promise<Asked[]> {
  if (messages !== undefined) {
    const file = userPath(messages);
    return [[null, () => readMessages(file, image.map(userPath))]];
  }
  if (image.length === 0) {
    if (text === undefined) throw new UsageError('a film is needed: --image FILE (or --text, or --messages).');
    const content: Message['content'] = [{ type: 'text', text }];
    return [[null, async () => ({ messages: [{ role: 'user', content }], images: [] })]];
  }
  const question = imageQuestion(text ?? (await promptText(prompt ?? DEFAULT_PROMPT)));
  return image.map((file) => [file, async () => ({ messages: question, images: [userPath(file)] })]);
}

/** @throws PROMPT_UNKNOWN with the names that there are */
async function promptText(id: string): Promise<string> {
  const prompts = await loadPrompts(join(resourcesDir, 'prompts'));
  const found = prompts.find((prompt) => prompt.id === id);
  if (found) return found.text;
  const known = prompts.map((prompt) => prompt.id);
  throw new WorkbenchError('PROMPT_UNKNOWN', 'There is no prompt of this name.', { prompt: id, known });
}
