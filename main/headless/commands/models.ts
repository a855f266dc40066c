/** The commands that ask a model: infer, score. */
import { join } from 'node:path';
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { Work } from '../../../core/base/progress.ts';
import { readFilmHeader } from '../../../core/dicom/headerFile.ts';
import type { AnswerFormat } from '../../../core/findings/types.ts';
import type { ExecutorChoice, PrecisionChoice } from '../../../core/models/openRunner.ts';
import { cacheDirectory } from '../../../core/platform/node.ts';
import { type Asks, Inference, type Question, readMessages } from '../../../core/services/inference.ts';
import { DEFAULT_PROMPT } from '../../../core/services/prompts.ts';
import { RemoteInference } from '../../../core/services/remoteInference.ts';
import type { Device } from '../../../core/tensor/executor.ts';
import { imageQuestion } from '../../../core/text/promptInput.ts';
import { loadPrompt, loadPrompts } from '../../../core/text/prompts.ts';
import type { Message } from '../../../core/text/types.ts';
import { resourcesDir } from '../../places.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';

export interface QuestionOptions {
  model?: string;
  adapter?: string;
  image?: string[];
  prompt?: string;
  text?: string;
  messages?: string;
  executor?: ExecutorChoice;
  device?: Device;
  threads?: number;
  precision?: PrecisionChoice;
  preprocessing?: string;
}

/** A model here, or one on a server. */
export interface AskedOptions extends QuestionOptions {
  labelProbabilities?: boolean;
  answerFormat?: AnswerFormat;
  server?: string;
  modelName?: string;
  adapterName?: string;
  timeout?: number;
}

export interface InferOptions extends AskedOptions {
  maxNewTokens?: number;
  temperature: number;
  topP: number;
  topK: number;
  seed: number;
  samples: number;
}

export async function infer(call: Call, options: InferOptions): Promise<void> {
  const { temperature, topP, topK, seed, samples, maxNewTokens, labelProbabilities } = options;
  const { signal } = call;
  const settings = { sampling: { temperature, topP, topK, seed }, samples, maxNewTokens, labelProbabilities, signal };
  await askEach(
    call,
    options,
    () => openAsked(options, call.output.work(signal)),
    (inference, question) => inference.infer(question, settings),
  );
}

export async function score(call: Call, options: AskedOptions & { completion: string }): Promise<void> {
  const { completion, labelProbabilities = false } = options;
  const ask = (asked: Asks, question: Question) => asked.score(question, completion, labelProbabilities, call.signal);
  await askEach(call, options, () => openAsked(options, call.output.work(call.signal)), ask);
}

/** The server that `--server` names, else the model of `--model`. */
async function openAsked(options: AskedOptions, work: Work): Promise<Asks> {
  const { server, modelName, adapterName, preprocessing, answerFormat, timeout } = options;
  if (server === undefined) {
    if (modelName !== undefined || adapterName !== undefined)
      throw new UsageError('--model-name and --adapter-name belong to --server; a folder is --model and --adapter.');
    return openModel(options, work);
  }
  if (options.model !== undefined || options.adapter !== undefined)
    throw new UsageError('give --server or --model, not both; a server’s models are --model-name and --adapter-name.');
  return RemoteInference.open({
    address: server,
    key: process.env['CHEXREASON_API_KEY'],
    model: modelName,
    adapter: adapterName,
    preprocessing,
    answerFormat,
    timeoutSeconds: timeout,
  });
}

async function openModel(options: QuestionOptions & { answerFormat?: AnswerFormat }, work: Work): Promise<Inference> {
  const { executor, device, threads, precision, preprocessing, answerFormat } = options;
  if (options.model === undefined) throw new UsageError('a model is needed: --model DIR.');
  const adapter = options.adapter === undefined ? undefined : userPath(options.adapter);
  return Inference.open({
    model: userPath(options.model),
    adapter,
    executor,
    device,
    threads,
    precision,
    cacheDir: cacheDirectory(),
    work,
    preprocessing,
    answerFormat,
  });
}

/** One answer for each image; one for a conversation, or for a text without an image. */
async function askEach<I extends { dispose(): Promise<void> }>(
  { output, signal }: Call,
  options: QuestionOptions,
  open: () => Promise<I>,
  ask: (inference: I, question: Question) => Promise<object>,
): Promise<void> {
  if ([options.prompt, options.text, options.messages].filter((given) => given !== undefined).length > 1) {
    throw new UsageError('give one of --prompt, --text and --messages.');
  }
  const questions = await questionsOf(options);
  const inference = await open();
  try {
    for (const [file, question] of questions) {
      await output.attempt(file, signal, async () => {
        const asked = await question();
        const warnings = await warningsOf(asked);
        for (const warning of warnings) output.note(file === null ? warning : `${file}: ${warning}`);
        const answer = { ...(await ask(inference, asked)), ...(warnings.length > 0 ? { warnings } : {}) };
        return file === null ? answer : { file, ...answer };
      });
    }
  } finally {
    await inference.dispose();
  }
}

/** What a person should know before a model reads these as frontal chest films; PNG and JPEG say nothing of it. */
async function warningsOf({ images }: Question): Promise<string[]> {
  const headers = await Promise.all(images.map((image) => readFilmHeader(image).catch(() => null)));
  const cautions = headers.flatMap((header) => (header?.kind === 'dicom' ? header.cautions : []));
  return [...new Set(cautions.map(({ message }) => message))];
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

/** Of the application by its name, or from a file. @throws PROMPT_UNKNOWN with the names that there are, PROMPT_UNREADABLE */
async function promptText(id: string): Promise<string> {
  if (/\.(md|json)$/.test(id)) return (await loadPrompt(userPath(id))).text;
  const prompts = await loadPrompts(join(resourcesDir, 'prompts'));
  const found = prompts.find((prompt) => prompt.id === id);
  if (found) return found.text;
  const known = prompts.map((prompt) => prompt.id);
  throw new WorkbenchError('PROMPT_UNKNOWN', 'There is no prompt of this name.', { prompt: id, known });
}
