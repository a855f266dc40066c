/** Adapters that change nothing, prompts that the user drops in, and what stands on a card. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { createAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

let root: string;
let model: string;
const code = (wanted: string) => expect.objectContaining({ code: wanted });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'integrity-test-'));
  model = await writeTinyModel();
  await writePhantom({ institution: 'a', count: 2, seed: 5, out: join(root, 'a'), size: 64, format: 'png' });
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await rm(model, { recursive: true, force: true });
});

function open(workspace: string): Promise<Engine> {
  const resourcesDir = join(import.meta.dirname, '../../resources');
  const platform = nodePlatform({ resourcesDir, userDir: join(root, 'user') });
  return createEngine(platform, { workspace: join(root, workspace), threads: 1 });
}

/** @param fill value of every B; 0: as PEFT initializes it */
async function adapter(name: string, fill: number, base = model): Promise<string> {
  const target = adapterTarget(await openModelFolder(model));
  const made = createAdapter(target, { r: 2, lora_alpha: 4, target_modules: ['q_proj'] }, new Random(1));
  for (const { up } of made.modules.values()) up.fill(fill);
  await writeAdapter(join(root, name), made, target, base);
  return join(root, name);
}

describe('an adapter that changes nothing', () => {
  it('is reported and is no checkpoint: every B zero', async () => {
    const engine = await open('nothing');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    await expect(engine.call('checkpoints.add', { path: await adapter('zero', 0) })).rejects.toMatchObject({
      code: 'ADAPTER_CHANGES_NOTHING',
      details: { modules: 2 },
    });
    expect(await engine.call('checkpoints.list', {})).toHaveLength(1);
  });

  it('is reported on its card when it became so later, and is not asked', async () => {
    const engine = await open('became');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    await engine.call('checkpoints.add', { path: await adapter('became-zero', 0.05), name: 'SFT' });
    await adapter('became-zero', 0);
    const again = await open('became');
    const sft = (await again.call('checkpoints.list', {})).find(({ id }) => id === 'sft')!;
    expect(sft.error).toEqual(code('ADAPTER_CHANGES_NOTHING'));
  });

  it('by modules that the base has not, or shapes of another base, is refused', async () => {
    const engine = await open('modules');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    const path = await adapter('other-modules', 0.05);
    const file = join(path, 'adapter_model.safetensors');
    const bytes = await readFile(file);
    await writeFile(file, Buffer.from(bytes.toString('latin1').replaceAll('q_proj', 'w_proj'), 'latin1'));
    await expect(engine.call('checkpoints.add', { path })).rejects.toEqual(code('ADAPTER_BASE'));
  });

  it('named for another base is added with a warning, since its shapes fit', async () => {
    const engine = await open('named');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    const other = await adapter('other-name', 0.05, 'google/medgemma-4b-it');
    const { warnings } = await engine.call('checkpoints.add', { path: other });
    expect(warnings.join()).toContain('names the base model medgemma-4b-it');
    expect((await engine.call('checkpoints.add', { path: await adapter('own-name', 0.05) })).warnings).toEqual([]);
  });
});

describe('the canary film', () => {
  it('is read by adapter and base, recorded, and shown again after a restart', async () => {
    const engine = await open('canary');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    await engine.call('checkpoints.add', { path: await adapter('changes', 2), name: 'SFT' });
    const sft = await engine.call('checkpoints.canary', { checkpointId: 'sft' });
    expect(sft.canary!.text).not.toBe('');
    expect(sft.canary!.base).toMatchObject({ same: false });
    expect(sft.warnings).toEqual([]);
    const base = await engine.call('checkpoints.canary', { checkpointId: 'base' });
    expect(base.canary!.base).toBeNull();
    expect(sft.canary!.base!.text).toBe(base.canary!.text);
    const again = await (await open('canary')).call('checkpoints.list', {});
    expect(again.map(({ canary }) => canary?.text)).toEqual([base.canary!.text, sft.canary!.text]);
  });

  it('shows an adapter that does too little to be seen', async () => {
    const engine = await open('little');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    await engine.call('checkpoints.add', { path: await adapter('little', 1e-12), name: 'SFT' });
    const { canary, warnings } = await engine.call('checkpoints.canary', { checkpointId: 'sft' });
    expect(canary!.base!.same).toBe(true);
    expect(warnings.join()).toContain('exactly as its base does');
  });
});

describe('prompts of the workspace', () => {
  it('are there as soon as their file is, and a bad file is reported where it lies', async () => {
    const engine = await open('prompts');
    const folder = join(root, 'prompts', 'prompts');
    const ids = async () => (await engine.call('prompts.list', {})).map(({ id }) => id);
    expect(await ids()).not.toContain('mine');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'mine.md'), '---\nname: Mine\nformat: Own\n---\nSay what you see.\n');
    await writeFile(join(folder, 'second.json'), '{"name": "Second", "format": "Own", "text": "Labels only."}');
    await writeFile(join(folder, 'broken.json'), '{"name": ');
    await writeFile(join(folder, 'empty.md'), '---\nname: Empty\nformat: Own\n---\n\n');
    await writeFile(join(folder, 'plain.md'), 'No front matter.');
    await writeFile(join(folder, 'only-label.md'), '---\nname: Taken\nformat: Own\n---\nText.');
    await writeFile(join(folder, 'notes.txt'), 'not a prompt');
    expect(await ids()).toEqual(expect.arrayContaining(['mine', 'second', 'free-reasoning']));
    const problems = await engine.call('prompts.problems', {});
    expect(problems.map(({ code, details }) => [String(details['file']).slice(folder.length + 1), code])).toEqual([
      ['broken.json', 'JSON_UNREADABLE'],
      ['empty.md', 'PROMPT_UNREADABLE'],
      ['only-label.md', 'PROMPT_TAKEN'],
      ['plain.md', 'PROMPT_UNREADABLE'],
    ]);
  });

  it('are asked with in Read and in an evaluation, and are part of the key', async () => {
    const engine = await open('asked');
    await engine.call('checkpoints.add', { path: model, name: 'Base' });
    const folder = join(root, 'asked', 'prompts');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'mine.md'), '---\nname: Mine\nformat: Own\n---\nSay.');
    const csv = join(root, 'a/CheXpert-v1.0/valid.csv');
    const a = await engine.call('datasets.add', { kind: 'chexpert', csv, images: join(root, 'a') });
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const asked = { filmId: film!.id, checkpointId: 'base', maxNewTokens: 4 };
    const own = await engine.call('predictions.generate', asked);
    const mine = await engine.call('predictions.generate', { ...asked, promptId: 'mine' });
    expect(mine.provenance).toMatchObject({ promptId: 'mine' });
    expect(mine.key).not.toBe(own.key);
    await writeFile(join(folder, 'mine.md'), '---\nname: Mine\nformat: Own\n---\nSay it better.');
    const better = await engine.call('predictions.generate', { ...asked, promptId: 'mine' });
    expect(better.key).not.toBe(mine.key);
    await expect(engine.call('predictions.generate', { ...asked, promptId: 'nobody' })).rejects.toMatchObject({
      code: 'PROMPT_UNKNOWN',
    });
  });
});
