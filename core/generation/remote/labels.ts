/**
 * Label probabilities of a checkpoint on a server, by the method of ../labelProbabilities.ts: the answer as far as it was
 * begun is handed to the server as the beginning of its message, and it tells the probabilities of the next token. Tokens
 * are the server's own (POST /tokenize, /detokenize).
 *
 *  - vLLM: continue_final_message, and logprob_token_ids of just the tokens that matter. A beginning that is split into
 *    other tokens when it stands alone, or ends with a space (which chat templates cut off), is not handed over; there the whole continuations are, one by one, and vLLM tells the
 *    probabilities of their own tokens (prompt_logprobs).
 *  - llama.cpp: a last message of the assistant is gone on with; the most probable tokens are told, and one that is not
 *    among them counts as the least of them, which is more than it has.
 *  - others: a message cannot be gone on with reliably; frequencies over samples are what remains.
 *
 * vLLM's POST /generative_scoring is not used: it takes text or tokens and no image (vllm/entrypoints/generate/
 * generative_scoring), and tells what `logprob_token_ids` tells behind a film.
 */
import { WorkbenchError } from '../../base/errors.ts';
import type { Label } from '../../labels/labels.ts';
import {
  answerForm,
  answerTree,
  continuations,
  type Path,
  stepOf,
  type TreeResult,
  tokenTree,
} from '../labelProbabilities.ts';
import { GREEDY } from '../sampling.ts';
import type { RemoteQuestion, RemoteServer } from './server.ts';

/** Most probable tokens that llama.cpp is asked for. */
const TOP = 200;

export interface RemoteAnswered {
  text: string;
  findings: readonly Label[];
  block: 'solution' | 'answer';
}

/** Errors: those of RemoteServer; LABEL_PROBABILITIES_REMOTE where the kind of server cannot. */
export async function remoteLabelProbabilities(
  server: RemoteServer,
  question: RemoteQuestion,
  { text, findings, block }: RemoteAnswered,
  signal?: AbortSignal,
): Promise<TreeResult> {
  const { kind, model } = question;
  if (kind !== 'vllm' && kind !== 'llama.cpp') throw cannot(server.address, kind);
  const form = answerForm(text, block, findings);
  const tokens = remembered((part: string) => server.tokenize(kind, model, part, signal));
  const texts = remembered((ids: string) => server.detokenize(kind, model, ids.split(',').map(Number), signal));
  const open = (paths: Path[]) =>
    Promise.all(
      paths.map(async (path) => {
        const options = await Promise.all(
          continuations(form, path).map(async ({ label, text }) => {
            const whole = form.before + text;
            return { label, whole, ids: await tokens(whole) };
          }),
        );
        const { branches } = tokenTree(options);
        const logprobs = await Promise.all(
          branches.map(async ({ prefix, next }) => {
            const before = await tokens(form.before);
            // Text that is there already is not made of tokens again: a tokenizer may put spaces elsewhere.
            const rest = prefix.slice(before.length).join();
            const begun = starts(prefix, before)
              ? form.before + (rest && (await texts(rest)))
              : await texts(prefix.join());
            const ids = [...next.keys()];
            const isSame = !/\s$/.test(begun) && same(await tokens(begun), prefix);
            if (isSame || kind !== 'vllm') return nextLogprobs(server, question, begun, ids, signal);
            const wholes = ids.map((id) => options.find((option) => starts(option.ids, [...prefix, id]))!);
            return ownLogprobs(server, question, wholes, prefix.length, signal);
          }),
        );
        return stepOf(branches, (branch, id) => logprobs[branch]!(id));
      }),
    );
  return answerTree(open, form.own);
}

async function nextLogprobs(
  server: RemoteServer,
  question: RemoteQuestion,
  answer: string,
  ids: number[],
  signal?: AbortSignal,
): Promise<(id: number) => number> {
  const wanted = question.kind === 'vllm' ? { logprobTokenIds: ids } : { topLogprobs: TOP };
  const asked = { ...question, ...wanted, answer, sampling: GREEDY, maxNewTokens: 1 };
  const { tokens } = await server.ask(asked, { signal });
  const told = tokens[0]?.top ?? [];
  if (told.length === 0 || told.every(({ id }) => id === null)) throw cannot(server.address, question.kind);
  const byId = new Map(told.map(({ id, logprob }) => [id, logprob]));
  const least = Math.min(...told.map(({ logprob }) => logprob));
  return (id) => byId.get(id) ?? least;
}

export interface CompletionScore {
  tokenIds: number[];
  logprobs: number[];
}

/**
 * The log-probabilities of a given answer's tokens; vLLM only, by prompt_logprobs. The token that ends a turn is not among
 * them: the message is left open. Errors: those of RemoteServer; SCORE_REMOTE where the kind of server does not tell them, or
 * splits the answer into other tokens than it does alone.
 */
export async function remoteScore(
  server: RemoteServer,
  question: RemoteQuestion,
  completion: string,
  signal?: AbortSignal,
): Promise<CompletionScore> {
  const { kind, model } = question;
  if (kind !== 'vllm') throw noScore(server.address, kind);
  const tokenIds = await server.tokenize(kind, model, completion, signal);
  const asked = { ...question, promptLogprobs: true, answer: completion, sampling: GREEDY, maxNewTokens: 1 };
  const { promptLogprobs } = await server.ask(asked, { signal });
  const first = promptLogprobs.length - tokenIds.length;
  const logprobs = tokenIds.map((id, i) => promptLogprobs[first + i]?.[String(id)]?.logprob);
  if (tokenIds.length === 0 || logprobs.includes(undefined)) throw noScore(server.address, kind);
  return { tokenIds, logprobs: logprobs as number[] };
}

function noScore(server: string, kind: string): WorkbenchError {
  return new WorkbenchError(
    'SCORE_REMOTE',
    'This server does not tell how probable the tokens of a given answer are.',
    { server, kind },
    'vLLM does. With --label-probabilities llama.cpp tells how probable each label is after it.',
  );
}

/** vLLM: what the tokens of whole continuations have at one place, each handed over as it is. */
async function ownLogprobs(
  server: RemoteServer,
  question: RemoteQuestion,
  options: readonly { whole: string; ids: number[] }[],
  depth: number,
  signal?: AbortSignal,
): Promise<(id: number) => number> {
  const told = await Promise.all(
    options.map(async ({ whole, ids }): Promise<[number, number]> => {
      const asked = { ...question, promptLogprobs: true, answer: whole, sampling: GREEDY, maxNewTokens: 1 };
      const { promptLogprobs } = await server.ask(asked, { signal });
      const logprob = promptLogprobs[promptLogprobs.length - ids.length + depth]?.[String(ids[depth])]?.logprob;
      if (logprob === undefined) throw cannot(server.address, question.kind);
      return [ids[depth]!, logprob];
    }),
  );
  const byId = new Map(told);
  return (id) => byId.get(id) ?? Number.NEGATIVE_INFINITY;
}

function starts(ids: readonly number[], beginning: readonly number[]): boolean {
  return beginning.every((id, i) => ids[i] === id);
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && starts(a, b);
}

/** The same text is asked about at many steps. */
function remembered<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    const there = known.get(key) ?? ask(key);
    known.set(key, there);
    return there;
  };
}

function cannot(server: string, kind: string): WorkbenchError {
  return new WorkbenchError(
    'LABEL_PROBABILITIES_REMOTE',
    'This server cannot say how probable a label is at a place in an answer.',
    { server, kind },
    'Count labels over samples instead.',
  );
}
