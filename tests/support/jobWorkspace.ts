/**
 * A small workspace in which the main job can be done in seconds: films of two institutions with their label tables, and
 * three checkpoints on the tiny random model of the reference values, whose answers say nothing but differ.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../core/base/random.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { createAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import { createEngine } from '../../core/services/engine.ts';
import { writeCard } from '../../core/workspace/card.ts';
import { root } from './command.ts';
import { referenceDir } from './reference.ts';

export const FILMS = 4;

/**
 * @param folder made and filled; the workspace is its folder `workspace`, DICOM films to open are in `dicom`
 * @param films of each institution
 */
export async function makeJobWorkspace(folder: string, films = FILMS): Promise<{ workspace: string; dicom: string }> {
  const workspace = join(folder, 'workspace');
  const dicom = join(folder, 'dicom');
  await writePhantom({ institution: 'a', count: 2, seed: 31, out: dicom, size: 256 });
  const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
  const engine = await createEngine(platform, { workspace });
  const base = join(folder, 'base');
  cpSync(join(referenceDir('gemma3')!, 'model'), base, { recursive: true });
  await engine.call('checkpoints.add', { path: await card(base, 'Tiny base', 'base') });
  for (const [seed, role] of (['sft', 'grpo'] as const).entries()) {
    const path = await writeRandomAdapter(join(folder, role), base, seed);
    await engine.call('checkpoints.add', { path: await card(path, `Tiny ${role.toUpperCase()}`, role) });
  }
  for (const [institution, kind, csv, role] of [
    ['a', 'chexpert', 'CheXpert-v1.0/valid.csv', 'source'],
    ['b', 'nih', 'Data_Entry_2017_v2020.csv', 'target'],
  ] as const) {
    const out = join(folder, institution);
    await writePhantom({ institution, count: films, seed: 32, out, size: 64, format: 'png' });
    await engine.call('datasets.add', { kind, csv: join(out, csv), images: out, role, name: `Phantom ${institution}` });
  }
  return { workspace, dicom };
}

async function writeRandomAdapter(folder: string, base: string, seed: number): Promise<string> {
  const target = adapterTarget(await openModelFolder(base));
  const random = new Random(seed);
  const adapter = createAdapter(target, { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'down_proj'] }, random);
  for (const { up } of adapter.modules.values()) {
    for (let i = 0; i < up.length; i++) up[i] = random.normal();
  }
  await writeAdapter(folder, adapter, target, base);
  return folder;
}

async function card(folder: string, name: string, role: 'base' | 'sft' | 'grpo'): Promise<string> {
  await writeCard(folder, {
    name,
    role,
    trainingSource: 'Phantom m',
    preprocessing: 'as-stored',
    promptId: 'only-label',
    maxNewTokens: 24,
    phantomOnly: true,
  });
  return folder;
}
