/**
 * What is packed (`electron-builder --dir`), file by file: everything that is needed is there, native code and models lie
 * outside of the archive, and nothing else is. That it starts and works: desktop.test.ts. For the systems that this machine
 * cannot pack for, that the configuration finds their native code. Skipped, and counted, where there is no Electron.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/command.ts';
import { missing, packDesktop } from '../support/desktop.ts';

interface Entry {
  size?: number;
  unpacked?: boolean;
  offset?: string;
  files?: Record<string, Entry>;
}

/** In a checkout only, or where they were built; the bundles do without. */
const OPTIONAL = ['vite', 'cbor-extract', '@tensorflow/tfjs-node-gpu', 'bufferutil', 'utf-8-validate', 'encoding'];
const NATIVE = /\.(node|dll|dylib)$|\.so(\.\d+)*$/;
const CONFIG = readFileSync(join(root, 'electron-builder.yml'), 'utf8');

describe.skipIf(missing)(`the package${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let resources: string;
  let archive: Archive;

  beforeAll(async () => {
    resources = join(await packDesktop(), 'resources');
    archive = new Archive(join(resources, 'app.asar'));
  });

  it('has the bundles, the page, and no file that is not the application’s', () => {
    for (const name of ['desktop', 'engine', 'dicomThread', 'statisticsThread', 'chexreason'])
      expect(archive.names).toContain(`out/main/${name}.cjs`);
    expect(archive.names).toContain('out/preload/preload.cjs');
    expect(archive.names).toContain('out/renderer/index.html');
    const wanted = /^(package\.json$|out\/(main|preload|renderer)\/|node_modules\/onnxruntime-(node|common)\/)/;
    expect(archive.names.filter((name) => !wanted.test(name))).toEqual([]);
    expect(archive.names.filter((name) => /\.(map|ts|tsx)$/.test(name))).toEqual([]);
  });

  it('can resolve every module that its code asks for', () => {
    const open = archive.names.filter((name) => /^out\/(main|preload)\/[^/]+\.cjs$/.test(name));
    const asked = new Set<string>();
    while (open.length > 0) {
      const name = open.pop()!;
      for (const module of modulesIn(archive.read(name))) {
        if (asked.has(module)) continue;
        asked.add(module);
        open.push(
          ...archive.names.filter((each) => each.startsWith(`node_modules/${module}/`) && /\.c?js$/.test(each)),
        );
      }
    }
    const outside = [...asked].filter((name) => !builtinModules.includes(name.replace(/^node:/, '')));
    const needed = outside.filter((name) => name !== 'electron' && !OPTIONAL.includes(name));
    expect(needed).toContain('onnxruntime-node');
    for (const name of needed) {
      const card = JSON.parse(archive.read(`node_modules/${name}/package.json`)) as { main: string };
      expect(archive.names, name).toContain(join('node_modules', name, card.main));
    }
  });

  it('has native code beside the archive only, and all of it', () => {
    const native = archive.names.filter((name) => NATIVE.test(name));
    expect(native.map((name) => name.split('/').at(-1))).toContain('onnxruntime_binding.node');
    for (const name of native) {
      expect(archive.entry(name).unpacked, name).toBe(true);
      const beside = join(resources, 'app.asar.unpacked', name);
      expect(statSync(beside).size, name).toBe(statSync(join(root, name)).size);
    }
    // What it is linked with lies beside it.
    const folder = join('node_modules/onnxruntime-node/bin/napi-v6', process.platform, process.arch);
    for (const name of readdirSync(join(root, folder)))
      expect(existsSync(join(resources, 'app.asar.unpacked', folder, name)), name).toBe(true);
  });

  it('has the decoders’ WebAssembly beside their code', () => {
    const beside = archive.names.filter((name) => name.startsWith('out/main/') && name.endsWith('.wasm'));
    for (const part of ['charls', 'jpegturbo', 'openjph', 'tfjs-backend-wasm'])
      expect(
        beside.some((name) => name.includes(part)),
        part,
      ).toBe(true);
  });

  it('has prompts, labels, models, fonts and films outside of the archive, as they are here', () => {
    const packed = filesOf(join(resources, 'resources'));
    expect(packed).toEqual(filesOf(join(root, 'resources')));
    for (const name of ['models/base/model.safetensors', 'models/sft/adapter_model.safetensors'])
      expect(readFileSync(join(resources, 'resources', name)).equals(readFileSync(join(root, 'resources', name)))).toBe(
        true,
      );
    expect(archive.names.filter((name) => name.endsWith('.safetensors'))).toEqual([]);
  });

  it('comes with its licence and those of what is bundled', () => {
    expect(readFileSync(join(resources, 'LICENSE'), 'utf8')).toContain('Apache License');
    expect(archive.names).toContain('out/main/engine.cjs.LEGAL.txt');
    expect(existsSync(join(resources, 'resources/studies/NOTICE.md'))).toBe(true);
  });
});

describe('the configuration of the packages', () => {
  it.each([
    ['linux', 'x64'],
    ['linux', 'arm64'],
    ['win32', 'x64'],
    ['win32', 'arm64'],
    ['darwin', 'arm64'],
  ])('finds ONNX Runtime for %s on %s', (platform, arch) => {
    const pattern = /- (bin\/\S+)\/\*\*/.exec(CONFIG)![1]!;
    const folder = pattern.replace(/\$\{platform\}/, platform).replace(/\$\{arch\}/, arch);
    const files = readdirSync(join(root, 'node_modules/onnxruntime-node', folder));
    expect(files).toContain('onnxruntime_binding.node');
    expect(files.some((name) => /^(lib)?onnxruntime\..*(so|dll|dylib)/.test(name))).toBe(true);
  });

  it('builds an AppImage, a deb, an installer and a disk image, and no Mac package that lacks its native code', () => {
    expect(CONFIG).toMatch(/^linux:[\s\S]*?target: \[AppImage, deb\]/m);
    expect(CONFIG).toMatch(/^win:[\s\S]*?target: \[nsis\]/m);
    expect(CONFIG).toMatch(/^mac:[\s\S]*?target: dmg\s+arch: \[arm64\]/m);
    expect(existsSync(join(root, 'node_modules/onnxruntime-node/bin/napi-v6/darwin/x64'))).toBe(false);
  });

  it('has an icon of the size that every system asks for', () => {
    for (const icon of CONFIG.matchAll(/icon: (\S+)/g)) {
      const png = readFileSync(join(root, icon[1]!));
      expect(png.subarray(1, 4).toString()).toBe('PNG');
      // The header's width and height; macOS asks for 512.
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([512, 512]);
    }
  });

  it('takes films by a double click', () => {
    expect(CONFIG).toMatch(/fileAssociations:\s+- ext: dcm/);
    expect(CONFIG).toContain('mimeType: application/dicom');
  });
});

/** The names in `require(…)` that are no path; code that is written in a text is none. */
function modulesIn(source: string): string[] {
  return [...source.matchAll(/\brequire\(["']([^"'.][^"']*)["']\)/g)].map((found) => found[1]!);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Electron's archive: a pickled JSON header, and the files one after the other (https://github.com/electron/asar#format). */
class Archive {
  readonly names: string[] = [];
  private readonly entries = new Map<string, Entry>();
  private readonly start: number;

  constructor(private readonly path: string) {
    const sizes = this.bytes(0, 16);
    this.start = 8 + sizes.readUInt32LE(4);
    const header = JSON.parse(this.bytes(16, sizes.readUInt32LE(12)).toString()) as Entry;
    this.collect(header, '');
  }

  entry(name: string): Entry {
    const found = this.entries.get(name);
    if (!found) throw new Error(`The archive has no ${name}.`);
    return found;
  }

  read(name: string): string {
    const { size = 0, offset, unpacked } = this.entry(name);
    if (unpacked) return readFileSync(join(`${this.path}.unpacked`, name), 'utf8');
    return this.bytes(this.start + Number(offset), size).toString();
  }

  private collect({ files = {} }: Entry, folder: string): void {
    for (const [name, entry] of Object.entries(files)) {
      if (entry.files) this.collect(entry, `${folder}${name}/`);
      else {
        this.names.push(`${folder}${name}`);
        this.entries.set(`${folder}${name}`, entry);
      }
    }
  }

  private bytes(offset: number, length: number): Buffer {
    const file = openSync(this.path, 'r');
    try {
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, offset);
      return bytes;
    } finally {
      closeSync(file);
    }
  }
}
