import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import dicomParser from 'dicom-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHEXPERT_LABELS, isLabel } from '../../core/labels/labels.ts';
import { chexpertLabels, nihNames, nineOf, physicalTruth } from '../../core/phantom/conventions.ts';
import { storedValues, uidOf } from '../../core/phantom/dicom.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { grain } from '../../core/phantom/raster.ts';
import { renderScene } from '../../core/phantom/render.ts';
import { INSTITUTIONS, type Scene, type SceneSource, scenes } from '../../core/phantom/scene.ts';
import { taughtLabels, trace } from '../../core/phantom/traces.ts';
import { type Image8, resize } from '../../core/preprocessing/resize.ts';

function take(source: SceneSource, seed: number, count: number): Scene[] {
  const result: Scene[] = [];
  for (const scene of scenes(source, seed)) if (result.push(scene) === count) break;
  return result;
}

function drawn(scene: Scene, size: number): Image8 {
  const data = Uint8Array.from(renderScene(scene, size), (gray) => Math.round(gray * 255));
  return { width: size, height: size, channels: 1, data };
}

describe('a film at two sizes', () => {
  const films = INSTITUTIONS.flatMap((institution) => take(institution, 3, 2));

  it.each(films.map((scene) => [`${scene.source} ${scene.patient.number}/${scene.visit}`, scene] as const))(
    'is the same after the model’s own reduction: %s',
    (_, scene) => {
      const large = resize(drawn(scene, 1024), 64, 64, 'bilinear').data;
      for (const size of [128, 256]) {
        const small = resize(drawn(scene, size), 64, 64, 'bilinear').data;
        const differences = Array.from(small, (value, i) => Math.abs(value - large[i]!));
        expect(differences.reduce((sum, d) => sum + d, 0) / differences.length).toBeLessThan(1);
        expect(Math.max(...differences)).toBeLessThan(26);
      }
    },
  );

  it('has grain whose mean over blocks is the grain of the smaller film', () => {
    const [fine, coarse] = [grain(128, 9), grain(32, 9)];
    for (const [x, y] of [
      [0, 0],
      [13, 5],
      [31, 31],
    ] as const) {
      let sum = 0;
      for (let i = 0; i < 16; i++) sum += fine.at(4 * x + (i % 4), 4 * y + (i >> 2));
      expect(sum / 16).toBeCloseTo(coarse.at(x, y), 6);
    }
  });
});

describe('scenes', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(take('a', 5, 4)).toEqual(take('a', 5, 8).slice(0, 4));
    expect(take('a', 6, 4)).not.toEqual(take('a', 5, 4));
  });

  it('keep what is chronic from film to film of a patient', () => {
    const sick = take('m', 1, 400).filter(({ visit, findings }) => visit > 0 && Object.keys(findings).length > 0);
    const first = new Map(
      take('m', 1, 400)
        .filter(({ visit }) => visit === 0)
        .map((scene) => [scene.patient.number, scene]),
    );
    for (const scene of sick) {
      const before = first.get(scene.patient.number)!;
      if (scene.findings.lesion && Object.keys(before.findings).length > 0)
        expect(before.findings.lesion).toEqual(scene.findings.lesion);
    }
    expect(sick.length).toBeGreaterThan(50);
  });

  it('differ between institutions as their settings say', () => {
    const share = (source: SceneSource, is: (scene: Scene) => boolean) => take(source, 2, 500).filter(is).length / 500;
    expect(share('a', ({ view }) => view === 'AP')).toBeGreaterThan(0.75);
    expect(share('b', ({ view }) => view === 'AP')).toBeLessThan(0.15);
    expect(share('a', ({ devices }) => devices.length > 0)).toBeGreaterThan(
      2 * share('b', ({ devices }) => devices.length > 0),
    );
  });
});

describe('labels', () => {
  const films = take('a', 11, 800);
  const per = (label: (scene: Scene) => number) => films.reduce((sum, scene) => sum + label(scene), 0) / films.length;

  it('are more at a CheXpert-like institution than at an NIH-like one, of the same films', () => {
    expect(per((scene) => chexpertLabels(scene).length)).toBeGreaterThan(
      1.8 * per((scene) => nineOf(nihNames(scene)).length),
    );
  });

  it('stand in CheXpert’s order, and No Finding stands alone or with devices', () => {
    for (const scene of films) {
      for (const labels of [chexpertLabels(scene), physicalTruth(scene), nineOf(nihNames(scene))]) {
        expect(labels).toEqual(CHEXPERT_LABELS.filter((label) => labels.includes(label)));
        if (labels.includes('No Finding'))
          expect(labels.filter((label) => label !== 'Support Devices')).toEqual(['No Finding']);
      }
    }
  });

  it('never change', () => {
    const labels = (scene: Scene) => chexpertLabels(scene);
    expect(films.map(labels)).toEqual(take('a', 11, 800).map(labels));
  });
});

describe('traces', () => {
  const films = take('m', 12, 300);

  it('hold one think and one solution block with the teacher’s labels', () => {
    for (const scene of films) {
      for (const teacher of ['full', 'main'] as const) {
        const labels = taughtLabels(scene, chexpertLabels(scene), teacher);
        const match = /^<think>([^<]+)<\/think>\n<solution>([^<]+)<\/solution>$/.exec(trace(scene, labels));
        expect(match?.[2]?.split(', ')).toEqual(labels);
        expect(labels.every(isLabel)).toBe(true);
      }
    }
  });

  it('of the main-findings teacher leave out most of the rest', () => {
    const named = films.reduce((sum, scene) => sum + taughtLabels(scene, chexpertLabels(scene), 'main').length, 0);
    const all = films.reduce((sum, scene) => sum + chexpertLabels(scene).length, 0);
    expect(named / all).toBeLessThan(0.6);
  });

  it('are worded in many ways', () => {
    expect(
      new Set(Array.from({ length: 50 }, (_, seed) => trace(films[0]!, ['Cardiomegaly'], seed))).size,
    ).toBeGreaterThan(30);
  });
});

describe('writePhantom', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'phantom-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('writes DICOM that another reader understands, with the film’s values', async () => {
    const out = join(folder, 'b');
    const result = await writePhantom({ institution: 'b', count: 2, seed: 4, out, size: 64 });
    expect(result).toMatchObject({ films: 2, kind: 'nih' });
    const bytes = readFileSync(join(out, 'images', '00000001_000.dcm'));
    const data = dicomParser.parseDicom(bytes);
    expect([data.uint16('x00280010'), data.uint16('x00280011'), data.uint16('x00280101')]).toEqual([64, 64, 12]);
    expect(data.string('x00080018')).toMatch(/^2\.25\.[1-9]\d{0,38}$/);
    expect(data.string('x00080018')!.length).toBeLessThanOrEqual(64);
    expect(data.string('x00280030')!.split('\\').map(Number)).toEqual(
      [430 / 64, 430 / 64].map((mm) => Number(mm.toPrecision(10))),
    );
    expect(data.string('x00100010')).toMatch(/^Phantom\^/);
    const { dataOffset, length } = data.elements['x7fe00010']!;
    const stored = new Uint16Array(
      bytes.buffer.slice(bytes.byteOffset + dataOffset, bytes.byteOffset + dataOffset + length),
    );
    expect(stored).toEqual(storedValues(renderScene(take('b', 4, 1)[0]!, 64)));
  });

  it('writes the tables of each institution in its own format', async () => {
    await writePhantom({ institution: 'a', count: 3, seed: 4, out: join(folder, 'a'), size: 32, format: 'png' });
    const chexpert = readFileSync(join(folder, 'a', 'CheXpert-v1.0', 'valid.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(chexpert[0]!.split(',').slice(5)).toEqual([...CHEXPERT_LABELS]);
    expect(chexpert).toHaveLength(4);
    await writePhantom({ institution: 'm', count: 3, seed: 4, out: join(folder, 'm'), size: 32 });
    const mimic = gunzipSync(readFileSync(join(folder, 'm', 'mimic-cxr-2.0.0-chexpert.csv.gz'))).toString();
    expect(mimic.split('\n')[0]).toBe(['subject_id', 'study_id', ...[...CHEXPERT_LABELS].sort()].join(','));
    const nih = readFileSync(join(folder, 'b', 'Data_Entry_2017_v2020.csv'), 'utf8').split('\n');
    expect(nih[0]!.split(',')).toHaveLength(11);
    expect(nih[1]!.split(',')).toHaveLength(11);
  });

  it('ends with CANCELLED when it is cancelled, and leaves whole films', async () => {
    const abort = new AbortController();
    const report = ({ done }: { done: number }) => done === 2 && abort.abort();
    const work = { signal: abort.signal, report };
    await expect(
      writePhantom({ institution: 'b', count: 50, seed: 8, out: join(folder, 'stopped'), size: 32 }, work),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it.each([{ count: 0 }, { size: 9000 }, { seed: -1 }, { institution: 'z' as 'a' }])('refuses %j', async (wrong) => {
    await expect(writePhantom({ institution: 'a', count: 1, seed: 1, out: folder, ...wrong })).rejects.toMatchObject({
      code: 'PHANTOM_OPTIONS',
    });
  });
});

it('a UID is a decimal UUID under 2.25 and never changes', () => {
  expect(uidOf('x')).toBe(uidOf('x'));
  expect(uidOf('x')).not.toBe(uidOf('y'));
  expect(BigInt(uidOf('x').slice(5)) < 2n ** 128n).toBe(true);
});
