/**
 * The built-in workspace: phantom films of three institutions and the three checkpoints that were trained on one of them,
 * so that the whole job can be done on a machine that has nothing else. It is made where it is missing, and only what is
 * missing is made.
 */
import { join } from 'node:path';
import type { Progress, Work } from '../base/progress.ts';
import { writePhantom } from '../phantom/generate.ts';
import { INSTITUTIONS, type Institution } from '../phantom/scene.ts';
import { readJsonLines, writeFileAtomic } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { Workspace } from '../workspace/workspace.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { Collection, ScanProgress } from './contract.ts';
import { TRACES_FILE } from './trainingInput.ts';

/** Folders of resources/models; their cards' names make the same ids. */
export const BUILT_IN_CHECKPOINTS = ['base', 'sft', 'grpo'] as const;

/** Seeds of the built-in films; none of them is a seed of the experiment that trained the checkpoints. */
const SEEDS: Record<Institution, number> = { m: 9001, a: 9002, b: 9003 };
/** Pixels a side of the data sets' films: drawn within the demo's minutes, and reduced by the model to the same pixels as 1,024. */
const DATASET_SIZE = 256;
const DICOM_SIZE = 1024;
const DICOM_FILMS = 4;
const TRAINING_FILMS = 48;

/** Films of each institution's probe: of patients whom no data set of the same seed reaches. */
const PROBE_FILMS = 32;
const PROBE_PATIENTS_FROM = 10_000;

const NAMES: Record<Institution, string> = {
  m: 'Phantom m (training source)',
  a: 'Phantom a (CheXpert-like)',
  b: 'Phantom b (NIH-like)',
};

export async function openBuiltIn(platform: Platform, folder: string): Promise<Workspace> {
  return Workspace.open(folder, { name: 'Phantom institutions', builtIn: true, now: platform.now() });
}

/** The shipped checkpoints, where the workspace never had them: what the user took out stays out. */
export async function addBuiltInCheckpoints(platform: Platform, checkpoints: Checkpoints): Promise<void> {
  const known = new Set([...checkpoints.list(), ...checkpoints.removedList()].map((checkpoint) => checkpoint.id));
  for (const name of BUILT_IN_CHECKPOINTS) {
    if (known.has(name)) continue;
    await checkpoints.add({ path: join(platform.resourcesDir, 'models', name) });
  }
}

/** A few films of each institution to look at, as DICOM with their labels, and the real films that the application ships. */
export async function addBuiltInStudies(
  platform: Platform,
  workspace: Workspace,
  collections: Collections,
  work: Work,
): Promise<void> {
  for (const institution of INSTITUTIONS) {
    const out = workspace.pathOf('films', institution);
    const { kind, csv, images } = await writePhantom(
      { institution, count: DICOM_FILMS, seed: SEEDS[institution], out, size: DICOM_SIZE, format: 'dicom' },
      work,
    );
    const name = `Phantom ${institution}, full size`;
    await collections.addDataset({ kind, csv, images, policy: 'zeros', role: 'none', name }, work, true);
  }
  const report = ({ found: _, ...progress }: ScanProgress) => work.report(progress);
  await collections.add([join(platform.resourcesDir, 'studies')], { signal: work.signal, report });
}

/** Data sets of the three institutions in the formats of MIMIC-CXR-JPG, CheXpert and NIH ChestX-ray14. */
export async function addBuiltInDatasets(
  workspace: Workspace,
  collections: Collections,
  films: number,
  work: Work,
): Promise<Record<Institution, Collection>> {
  const added: Partial<Record<Institution, Collection>> = {};
  for (const institution of INSTITUTIONS) {
    added[institution] = await addInstitution(workspace, collections, institution, films, work);
  }
  for (const institution of ['a', 'b'] as const) await addProbe(workspace, collections, institution, work);
  return added as Record<Institution, Collection>;
}

async function addInstitution(
  workspace: Workspace,
  collections: Collections,
  institution: Institution,
  films: number,
  work: Work,
): Promise<Collection> {
  const out = workspace.pathOf('datasets', institution);
  const count = institution === 'm' ? TRAINING_FILMS : films;
  const there = collections.named(NAMES[institution]);
  if (there && (there.films >= count || collections.isRemoved(there.id))) return there;
  const report = (progress: Progress) =>
    work.report({ ...progress, stage: `Drawing films of institution ${institution}` });
  const written = await writePhantom(
    { institution, count, seed: SEEDS[institution] + 100, out, size: DATASET_SIZE, format: 'png' },
    { signal: work.signal, report },
  );
  if (institution === 'm') await writeTraces(out);
  const role = ({ m: 'training-source', a: 'source', b: 'target' } as const)[institution];
  const { kind, csv, images } = written;
  return collections.addDataset({ kind, csv, images, policy: 'zeros', role, name: NAMES[institution] }, work, true);
}

/** Films that training looks at while it goes on. */
async function addProbe(workspace: Workspace, collections: Collections, institution: 'a' | 'b', work: Work) {
  const name = `${NAMES[institution]}, probe`;
  if (collections.named(name)) return;
  const out = workspace.pathOf('datasets', `${institution}-probe`);
  const seed = SEEDS[institution] + 100;
  const { kind, csv, images } = await writePhantom(
    {
      ...{ institution, seed, out, size: DATASET_SIZE, format: 'png' },
      count: PROBE_FILMS,
      firstPatient: PROBE_PATIENTS_FROM,
    },
    work,
  );
  const role = institution === 'a' ? 'probe-source' : 'probe-target';
  await collections.addDataset({ kind, csv, images, policy: 'zeros', role, name }, work, true);
}

/** The teacher's traces of institution m in the form in which any traces are imported: path and text. */
async function writeTraces(folder: string): Promise<void> {
  const facts = await readJsonLines<{ path: string; traces: { main: string } }>(join(folder, 'phantom.jsonl'));
  const lines = facts.map(({ path, traces }) => `${JSON.stringify({ path, text: traces.main })}\n`);
  await writeFileAtomic(join(folder, TRACES_FILE), lines.join(''));
}
