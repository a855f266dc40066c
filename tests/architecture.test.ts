/** The house stands by construction: who may import whom, and that this test would see it if somebody did not keep to it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** The rooms of core in their order: a room imports itself and those before it. */
const ROOMS = [
  'base',
  'platform',
  'labels',
  'dicom',
  'datasets',
  'phantom',
  'tensor',
  'text',
  'preprocessing',
  'peft',
  'models',
  'generation',
  'findings',
  'rewards',
  'training',
  'evaluation',
  'report',
  'workspace',
  'experiment',
  'services',
];

/** Packages that would tie core to one host or to a screen. */
const NOT_IN_CORE = /^(electron|react|react-dom|zustand|radix-ui|lucide-react|cornerstone-.*|hammerjs|vite)(\/|$)/;

interface Import {
  target: string;
  typeOnly: boolean;
}

/** Static, dynamic and type imports and re-exports, in the one form that our formatter leaves. */
function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  for (const match of code.matchAll(/\b(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\sfrom\s+)?'([^']+)'/g)) {
    found.push({ target: match[2]!, typeOnly: match[1] !== undefined });
  }
  for (const match of code.matchAll(/\b(?:import|require|createRequire\([^)]*\))\(\s*'([^']+)'/g)) {
    found.push({ target: match[1]!, typeOnly: false });
  }
  return found;
}

function violationsOf(path: string, source: string): string[] {
  return importsOf(source).flatMap(({ target }) => {
    const why = objection(path, target.startsWith('.') ? join(path, '..', target) : target, target.startsWith('.'));
    return why === null ? [] : [`${path}: '${target}' ${why}`];
  });
}

/** Why the file at `path` may not import `target`, or null. Paths are relative to the root. */
function objection(path: string, target: string, ours: boolean): string | null {
  const [top, room] = path.split('/') as [string, string];
  const [targetTop, targetRoom] = target.split('/') as [string, string];
  if (!ours) {
    if (top === 'core' && NOT_IN_CORE.test(target)) return 'ties core to one host or to a screen';
    if (top === 'renderer' && /^(electron$|node:)/.test(target)) return 'is not there in a page';
    if (top === 'main' && room !== 'desktop' && target === 'electron') return 'is not there without a desktop';
    return null;
  }
  if (top === 'core') {
    if (targetTop === 'resources' || target === 'package.json') return null;
    if (targetTop !== 'core') return 'leads out of core';
    if (!ROOMS.includes(room)) return `is in the room '${room}', which has no place in the order`;
    if (ROOMS.indexOf(targetRoom) > ROOMS.indexOf(room)) return `runs backwards, from ${room} to ${targetRoom}`;
  }
  if (top === 'renderer' && targetTop !== 'core' && targetTop !== 'renderer' && targetTop !== 'resources') {
    return 'is the host behind the bridge';
  }
  if (top === 'main' && targetTop !== 'core' && targetTop !== 'main') return 'is the other side of the contract';
  if (top === 'preload' && target !== 'core/services/contract.ts') return 'is more than the contract';
  return null;
}

function sourcesUnder(folder: string): Map<string, string> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return new Map(
    files
      .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
      .map((name) => join(folder, name))
      .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  );
}

/** The files of core that the page loads: what it imports, what that imports, without types. */
function loadedByThePage(): string[] {
  const core = sourcesUnder('core');
  const seen = new Set<string>();
  const follow = (path: string, source: string) => {
    for (const { target, typeOnly } of importsOf(source)) {
      const file = join(path, '..', target);
      if (typeOnly || !target.startsWith('.') || seen.has(file) || !core.has(file)) continue;
      seen.add(file);
      follow(file, core.get(file)!);
    }
  };
  for (const [path, source] of sourcesUnder('renderer')) follow(path, source);
  return [...seen];
}

describe('the order of the rooms', () => {
  it('holds in every file of core, main, preload and renderer', () => {
    const sources = ['core', 'main', 'preload', 'renderer'].flatMap((folder) => [...sourcesUnder(folder)]);
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap(([path, source]) => violationsOf(path, source))).toEqual([]);
  });

  it('is known for every room of core', () => {
    const rooms = readdirSync(join(root, 'core'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).filter((name) => !ROOMS.includes(name))).toEqual([]);
  });

  it('lets the page load nothing of core that needs Node', () => {
    const needy = loadedByThePage().filter((path) =>
      importsOf(readFileSync(join(root, path), 'utf8')).some(
        ({ target, typeOnly }) => !typeOnly && /^node:/.test(target),
      ),
    );
    expect(needy).toEqual([]);
  });

  it.each([
    ['core/base/x.ts', "import { a } from '../services/contract.ts';", 'runs backwards, from base to services'],
    ['core/dicom/x.ts', "export * from '../models/runner.ts';", 'runs backwards, from dicom to models'],
    ['core/text/x.ts', "import type {\n  A,\n  B,\n} from '../training/sft.ts';", 'from text to training'],
    ['core/text/x.ts', "const a = await import('../report/pdf.ts');", 'from text to report'],
    ['core/models/deep/x.ts', "import '../../evaluation/metrics.ts';", 'from models to evaluation'],
    ['core/report/x.ts', "import { b } from '../../main/places.ts';", 'leads out of core'],
    ['core/report/x.ts', "import { c } from '../../renderer/charts/c.ts';", 'leads out of core'],
    ['core/report/x.ts', "import { app } from 'electron';", 'ties core'],
    ['core/report/x.ts', "import { createElement } from 'react';", 'ties core'],
    ['core/report/x.ts', "import * as cornerstone from 'cornerstone-core';", 'ties core'],
    ['core/extra/x.ts', "import { d } from '../base/errors.ts';", 'no place in the order'],
    ['renderer/x.tsx', "import { readFileSync } from 'node:fs';", 'not there in a page'],
    ['renderer/x.tsx', "import { e } from '../main/headless/serve.ts';", 'behind the bridge'],
    ['main/headless/x.ts', "import { BrowserWindow } from 'electron';", 'not there without a desktop'],
    ['preload/x.ts', "import { f } from '../core/base/errors.ts';", 'more than the contract'],
  ])('objects to a planted import: %s %s', (path, source, reason) => {
    expect(violationsOf(path, source).join()).toContain(reason);
  });

  it('does not object to comments, packages and the way down', () => {
    const source = `
      // import { app } from 'electron';
      /** import { b } from '../services/contract.ts'; */
      import { readFile } from 'node:fs/promises';
      import { c } from '../base/errors.ts';`;
    expect(violationsOf('core/dicom/x.ts', source)).toEqual([]);
  });
});

describe('core', () => {
  it('asks neither where it lies nor prints', () => {
    const guilty = [...sourcesUnder('core')].filter(([, source]) =>
      /\b(import\.meta|__dirname|__filename|console\.(log|warn|error|info))\b/.test(
        source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, ''),
      ),
    );
    expect(guilty.map(([path]) => relative('core', path))).toEqual([]);
  });

  /**
   * The oldest Electron that we run in has Node 16 and Chromium 108: what came later is there in every test but the desktop's.
   * A branch on presence writes `globalThis.fetch`.
   */
  it('uses nothing that the oldest desktop does not have', () => {
    const LATER =
      /(?<![.\w])(structuredClone|fetch)\(|\.(findLast|findLastIndex|toSorted|toReversed|toSpliced)\(|AbortSignal\.(timeout|any)\(|Object\.groupBy\(|Promise\.withResolvers\(|Array\.fromAsync\(/;
    const guilty = [...sourcesUnder('core'), ...sourcesUnder('main'), ...sourcesUnder('preload')].flatMap(
      ([path, source]) => {
        const found = LATER.exec(source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, ''));
        return found ? [`${path}: ${found[0]}`] : [];
      },
    );
    expect(guilty).toEqual([]);
  });
});
