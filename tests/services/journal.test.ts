/** Work that an ended process left unfinished is found again, and only that. */
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Journal, type JournalEntry, type LastingWork } from '../../core/services/journal.ts';

const training: LastingWork = { method: 'training.resume', params: { runId: 'sft-1' } };
const other: LastingWork = { method: 'training.resume', params: { runId: 'grpo-1' } };
/** No process has this number: it is above Linux' largest. */
const DEAD = 2 ** 22 + 1;

function storeOf(entries: JournalEntry[] = []) {
  const store = {
    entries,
    read: async <T>() => structuredClone(store.entries) as T,
    write: async (value: unknown) => {
      store.entries = structuredClone(value) as JournalEntry[];
    },
  };
  return store;
}

describe('the journal of work under way', () => {
  it('has what was begun and not ended', async () => {
    const store = storeOf();
    const before = await Journal.open(store, DEAD);
    await before.unfinished();
    await before.begin(training, 'SFT');
    await before.begin(other, 'GRPO');
    await before.end(other);
    const { unfinished, exhausted } = await (await Journal.open(store)).unfinished();
    expect(unfinished.map(({ work }) => work)).toEqual([training]);
    expect(exhausted).toEqual([]);
  });

  it('leaves the work of a living process alone, and takes it up when that has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const store = storeOf();
    await (await Journal.open(store, child.pid)).begin(training, 'SFT');
    const journal = await Journal.open(store);
    expect(await journal.unfinished()).toEqual({ unfinished: [], exhausted: [], othersWork: true });
    await journal.begin(other, 'GRPO');
    expect(store.entries.map(({ work }) => work)).toEqual([training, other]);
    child.kill('SIGKILL');
    await ended;
    const { unfinished, othersWork } = await journal.unfinished();
    expect(unfinished.map(({ work }) => work)).toEqual([training]);
    expect(othersWork).toBe(false);
    await journal.begin(training, 'SFT');
    await journal.end(training);
    expect(store.entries.map(({ work }) => work)).toEqual([other]);
  });

  it('keeps what another process has written since', async () => {
    const store = storeOf();
    const living = await Journal.open(store, process.ppid);
    const journal = await Journal.open(store);
    await journal.begin(training, 'SFT');
    await living.begin(other, 'GRPO');
    await journal.end(training);
    expect(store.entries.map(({ work }) => work)).toEqual([other]);
  });

  it('gives up what ends its process again and again without getting further', async () => {
    const store = storeOf();
    for (let start = 0; start < 3; start++) {
      const journal = await Journal.open(store, DEAD + start);
      expect((await journal.unfinished()).exhausted).toEqual([]);
      await journal.begin(training, 'SFT');
    }
    const { unfinished, exhausted } = await (await Journal.open(store)).unfinished();
    expect(unfinished).toEqual([]);
    expect(exhausted.map(({ work }) => work)).toEqual([training]);
  });

  it('but not what gets further each time', async () => {
    const store = storeOf();
    for (let start = 0; start < 5; start++) {
      const journal = await Journal.open(store, DEAD + start);
      await journal.unfinished();
      await journal.begin(training, 'SFT');
      journal.advance(training);
      await journal.begin(other, 'GRPO');
    }
    const { unfinished, exhausted } = await (await Journal.open(store)).unfinished();
    expect(unfinished.map(({ work }) => work)).toEqual([training]);
    expect(exhausted.map(({ work }) => work)).toEqual([other]);
  });

  it('does not end work because it cannot be written', async () => {
    const store = { ...storeOf(), write: () => Promise.reject(new Error('the disk is full')) };
    await expect((await Journal.open(store)).begin(training, 'SFT')).resolves.toBeUndefined();
  });
});
