/**
 * Scoring a given answer on a server: the log-probabilities of its tokens, and the probability of each label after it. The
 * scripted server's model is known: a token for each character, and one label more probable than the others.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { RemoteInference } from '../../../core/services/remoteInference.ts';
import { chexreason } from '../../support/command.ts';
import { type Asked, LLAMA, OLLAMA, type ScriptedServer, scriptedServer, VLLM } from '../../support/scriptedServer.ts';

const ANSWER = '<think>Edema is seen.</think><solution>Edema</solution>';
const QUESTION = { messages: [{ role: 'user' as const, content: 'Findings?' }], images: [] };
const PROMPT_TOKENS = 7;

let server: ScriptedServer;
afterEach(() => server.close());

const idsOf = (text: string) => [...text].map((char) => char.charCodeAt(0));
const answerOf = ({ body }: Asked) => String(body.messages[1]?.content ?? '');
const logprobAt = (place: number) => -((place % 5) + 1) / 10;

/** What follows `<solution>` or a label: mostly `E`, sometimes another. */
const next = (id: number) => Math.log(id === 'E'.charCodeAt(0) || id === '<'.charCodeAt(0) ? 0.6 : 0.01);

function vllm(asked: Asked) {
  const { body } = asked;
  const answer = answerOf(asked);
  const ids = idsOf(answer);
  const prompt_logprobs = body['prompt_logprobs']
    ? [null, ...Array(PROMPT_TOKENS - 1).fill({}), ...ids.map((id, i) => ({ [id]: { logprob: logprobAt(i) } }))]
    : undefined;
  const wanted = (body['logprob_token_ids'] as number[] | undefined) ?? [];
  const top_logprobs = wanted.map((id) => ({ token: `token_id:${id}`, logprob: next(id) }));
  const content = [{ token: 'token_id:69', logprob: next(69), top_logprobs }];
  const choice = { message: { content: 'E' }, logprobs: { content }, finish_reason: 'length' };
  return { do: 'json' as const, body: { model: body.model, choices: [choice], prompt_logprobs } };
}

function llama(asked: Asked) {
  const top = Array.from({ length: 95 }, (_, i) => ({
    token: String.fromCharCode(32 + i),
    id: 32 + i,
    logprob: next(32 + i),
  }));
  const content = [{ token: 'E', logprob: next(69), top_logprobs: top }];
  const choice = { message: { content: 'E' }, logprobs: { content }, finish_reason: 'length' };
  return { do: 'json' as const, body: { model: asked.body.model, choices: [choice] } };
}

const TOKENS = {
  '/tokenize': ({ prompt, content }: { prompt?: string; content?: string }) => ({
    tokens: idsOf(prompt ?? content ?? ''),
  }),
  '/detokenize': ({ tokens }: { tokens: number[] }) => {
    const text = String.fromCharCode(...tokens);
    return { prompt: text, content: text };
  },
};

async function start(paths: Record<string, unknown>, otherwise?: ScriptedServer['otherwise']) {
  server = await scriptedServer({ ...paths, ...TOKENS });
  if (otherwise) server.otherwise = otherwise;
  return (options: { model?: string; adapter?: string }) =>
    RemoteInference.open({ address: server.address, retry: { attempts: 1 }, ...options });
}

describe('A given answer, scored on a server', () => {
  it('vLLM tells the log-probabilities of its tokens, by the adapter that was named', async () => {
    const open = await start(VLLM, vllm);
    const asked = await open({ model: 'medgemma', adapter: 'grpo' });
    const scored = await asked.score(QUESTION, ANSWER, false);
    expect(scored.tokenIds).toEqual(idsOf(ANSWER));
    expect(scored.logprobs).toEqual(idsOf(ANSWER).map((_, i) => logprobAt(i)));
    expect(scored).toMatchObject({ executor: 'vllm', server: { model: 'medgemma', adapter: 'grpo' } });
    expect(scored.scores).toBeUndefined();
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]!.body).toMatchObject({
      model: 'grpo',
      prompt_logprobs: 1,
      continue_final_message: true,
      add_generation_prompt: false,
    });
  });

  it('and with label probabilities, each label after its reasoning', async () => {
    const open = await start(VLLM, vllm);
    const scored = await (await open({ model: 'medgemma' })).score(QUESTION, ANSWER, true);
    expect(scored.logprobs).toHaveLength(ANSWER.length);
    expect(scored).toMatchObject({ scoreMethod: expect.any(String), scoresUnexplored: expect.any(Number) });
    const { Edema, Fracture } = scored.scores!;
    expect(Edema).toBeGreaterThan(5 * Fracture);
  });

  it('by the command, with a status and one JSON line', async () => {
    await start(VLLM, vllm);
    const args = ['score', '--text', 'Findings?', '--completion', ANSWER, '--json'];
    const told = await chexreason([...args, '--server', server.address, '--model-name', 'medgemma']);
    expect(told.status, told.stderr).toBe(0);
    expect(told.lines).toMatchObject([{ executor: 'vllm', tokenIds: idsOf(ANSWER), server: { model: 'medgemma' } }]);
    expect((await chexreason([...args, '--server', server.address, '--model', '/m'])).status).toBe(2);
  });

  it('llama.cpp tells labels only, with the scale of every adapter in the request', async () => {
    const open = await start(LLAMA, llama);
    const asked = await open({ model: 'medgemma.gguf', adapter: 'grpo' });
    const scored = await asked.score(QUESTION, ANSWER, true);
    expect(scored).toMatchObject({ tokenIds: [], logprobs: [], executor: 'llama.cpp' });
    expect(scored.scores!.Edema).toBeGreaterThan(scored.scores!.Fracture);
    for (const { body } of server.asked)
      expect(body['lora']).toEqual([
        { id: 0, scale: 0 },
        { id: 1, scale: 1 },
      ]);
    await expect(asked.score(QUESTION, ANSWER, false)).rejects.toMatchObject({ code: 'SCORE_REMOTE' });
  });

  it('others tell neither, with what would', async () => {
    const open = await start(OLLAMA);
    const asked = await open({});
    for (const [labels, code] of [
      [false, 'SCORE_REMOTE'],
      [true, 'LABEL_PROBABILITIES_REMOTE'],
    ] as const)
      await expect(asked.score(QUESTION, ANSWER, labels)).rejects.toMatchObject({ code, remedy: expect.any(String) });
    expect(server.asked).toHaveLength(0);
  });

  it('a server that splits the answer otherwise, or tells no prompt, gives an error and no wrong number', async () => {
    const open = await start(VLLM, (asked) => {
      const answer = vllm(asked);
      answer.body.prompt_logprobs?.splice(-3, 1);
      return answer;
    });
    const asked = await open({ model: 'medgemma' });
    await expect(asked.score(QUESTION, ANSWER, false)).rejects.toMatchObject({ code: 'SCORE_REMOTE' });
    server.otherwise = () => ({ do: 'whole', text: 'E' });
    await expect(asked.score(QUESTION, ANSWER, false)).rejects.toMatchObject({ code: 'SCORE_REMOTE' });
    server.otherwise = () => ({ do: 'html' });
    await expect(asked.score(QUESTION, ANSWER, false)).rejects.toMatchObject({ code: 'SERVER_NOT_JSON' });
  });
});
