/** A user's own reward: a pure function in a worker that has no network and can be ended. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RewardSample } from '../../core/rewards/types.ts';
import { UserReward } from '../../core/rewards/userReward.ts';

const LIMITS = { seconds: 10, megabytes: 64 };
const SAMPLES: RewardSample[] = [
  { completion: '<think>x</think><solution>Edema</solution>', tokens: 9, truth: ['Edema'] },
  { completion: 'Edema', tokens: 2, truth: ['Edema'] },
  { completion: '<think>x</think><solution>Fracture</solution>', tokens: 9, truth: null },
];

async function score(source: string, state: unknown = null, limits = LIMITS, samples = SAMPLES) {
  const reward = new UserReward({ name: 'mine.js', source }, limits);
  try {
    return await reward.score(samples, state);
  } finally {
    await reward.close();
  }
}

describe('a user’s own reward', () => {
  it('gets the samples in order with what was read of them, and its state', async () => {
    const source = `
      function reward(state, samples) {
        const seen = (state ? state.seen : 0) + samples.length;
        const right = (sample) => sample.findings.filter((label) => sample.truth.includes(label)).length;
        return {
          scores: samples.map((sample) => (sample.truth === null ? null : right(sample) - sample.tokens / 100)),
          terms: samples.map((sample) => ({ failed: sample.parseFailure === null ? 0 : 1 })),
          state: { seen },
        };
      }`;
    const first = await score(source);
    expect(first).toEqual({
      scores: [0.91, -0.02, null],
      terms: [{ failed: 0 }, { failed: 1 }, { failed: 0 }],
      state: { seen: 3 },
    });
    expect((await score(source, first.state)).state).toEqual({ seen: 6 });
  });

  it('carries nothing on but its state, has no clock and no random numbers', async () => {
    const counting =
      'let calls = 0; function reward(state, samples) { calls++; return { scores: samples.map(() => calls) }; }';
    const reward = new UserReward({ name: 'mine.js', source: counting }, LIMITS);
    for (let i = 0; i < 3; i++) expect((await reward.score(SAMPLES, null)).scores).toEqual([1, 1, 1]);
    await reward.close();
    const of = (value: string) => `function reward(state, samples) { return { scores: samples.map(() => ${value}) }; }`;
    expect((await score(of("typeof Date === 'undefined' ? 1 : 0"))).scores).toEqual([1, 1, 1]);
    await expect(score(of('Math.random()'))).rejects.toMatchObject({ code: 'REWARD_FAILED' });
  });

  const BAD: [reason: string, source: string, code: string][] = [
    ['a file that is no JavaScript', 'function reward(', 'REWARD_SOURCE'],
    ['a file that defines something else', 'const x = 1;', 'REWARD_SOURCE'],
    ['an import', "import fs from 'node:fs'; function reward() {}", 'REWARD_SOURCE'],
    ['a function that throws', 'function reward() { throw new Error("no"); }', 'REWARD_FAILED'],
    ['nothing returned', 'function reward() {}', 'REWARD_FAILED'],
    ['too few scores', 'function reward() { return { scores: [1] }; }', 'REWARD_RESULT'],
    ['a score that is no number', 'function reward() { return { scores: [1, "a", 2] }; }', 'REWARD_RESULT'],
    ['NaN', 'function reward() { return { scores: [1, NaN, 2] }; }', 'REWARD_FAILED'],
  ];
  for (const [reason, source, code] of BAD) {
    it(`${reason} is named`, async () => {
      await expect(score(source)).rejects.toMatchObject({ code, details: { file: 'mine.js' } });
    });
  }

  it('one that never ends is ended', async () => {
    const endless = score('function reward() { for (;;) {} }', null, { seconds: 1, megabytes: 64 });
    await expect(endless).rejects.toMatchObject({ code: 'REWARD_TIMEOUT' });
  });

  it('one that takes all memory is ended, and this process lives', async () => {
    const greedy = 'function reward() { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)); }';
    await expect(score(greedy, null, { seconds: 60, megabytes: 32 })).rejects.toMatchObject({ code: 'REWARD_MEMORY' });
  });
});

describe('the network, out of a reward', () => {
  let server: Server;
  let asked = 0;
  beforeAll(async () => {
    server = createServer((_, response) => {
      asked++;
      response.end();
    });
    server.on('connection', () => asked++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  /** Ways out that work in a plain worker or a plain vm context; each is tried against a server that listens. */
  const waysOut = (port: number): [string, string][] => [
    ['require', `require('node:http').get('http://127.0.0.1:${port}')`],
    ['process', `process.mainModule.require('node:http').get('http://127.0.0.1:${port}')`],
    ['fetch', `fetch('http://127.0.0.1:${port}')`],
    ['globalThis', `globalThis.fetch('http://127.0.0.1:${port}')`],
    ['the constructor of the global object', `this.constructor.constructor('return process')().exit(0)`],
    ['eval', `eval('1 + 1')`],
    ['Function', `new Function('return this')()`],
    ['the constructor of the function that calls', `reward.caller.constructor('return process')()`],
    ['the input', `input.constructor.constructor('return process')()`],
    [
      'a thrown RangeError',
      `(() => { try { (function f() { f(); })(); } catch (e) { return e.constructor.constructor('return process')(); } })()`,
    ],
    ['WebAssembly', `new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))`],
  ];
  it('is reached by none of the known ways', async () => {
    const { port } = server.address() as AddressInfo;
    for (const [name, way] of waysOut(port)) {
      const source = `function reward(state, samples) { ${way}; return { scores: samples.map(() => 1) }; }`;
      const message = expect.stringContaining('failed: ');
      await expect(score(source), name).rejects.toMatchObject({ code: 'REWARD_FAILED', message });
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(asked).toBe(0);
  });
});
