/**
 * Builds what Electron and an installation run into out/: the bundles of main, preload, engine and command (CommonJS, for
 * the Node 16 of Electron 22 and everything newer), the files that bundled packages read beside themselves, and the page.
 *
 * `npm run build`; `-- --without-page` leaves the page as it is.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { build as buildPage } from 'vite';

const root = resolve(import.meta.dirname, '..');
const out = join(root, 'out');

/**
 * Native code. An installation carries ONNX Runtime's (electron-builder.yml); libtensorflow is there where a checkout has
 * built it, with a tfjs of its own, which shares its engine with the bundled one by tfjs' global registry.
 */
const NATIVE_PACKAGES = ['onnxruntime-node', '@tensorflow/tfjs-node-gpu'];

/** Packages read these beside their own file, which after bundling is ours: folder, which files, where to. */
const FILES_BESIDE_THE_BUNDLES: [folder: string, files: RegExp, to: string][] = [
  ['@cornerstonejs/codec-charls/dist', /\.wasm$/, '.'],
  ['@cornerstonejs/codec-libjpeg-turbo-8bit/dist', /\.wasm$/, '.'],
  ['@cornerstonejs/codec-openjph/dist', /\.wasm$/, '.'],
  ['@tensorflow/tfjs-backend-wasm/dist', /\.wasm$/, '.'],
  ['pdfkit/js/data', /./, 'data'],
];

const common: BuildOptions = {
  absWorkingDir: root,
  outdir: out,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node16',
  format: 'cjs',
  // Electron's archive can be read by require, not by import().
  supported: { 'dynamic-import': false },
  sourcemap: true,
  legalComments: 'linked',
  logLevel: 'warning',
};

/**
 * PDFKit reads the colour profile of PDF/A through a plain file system, which sees the archive as one file. It lies beside the
 * archive then (asarUnpack).
 */
const profileBesideTheArchive: Plugin = {
  name: 'profile beside the archive',
  setup({ onLoad }) {
    onLoad({ filter: /pdfkit\.node\.mjs$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const wanted = /new URL\('\.\/data\/sRGB_IEC61966_2_1\.icc', import\.meta\.url\)/;
      if (!wanted.test(source)) throw new Error('build: PDFKit reads its colour profile in another way');
      const archive = "import.meta.url.replace('/app.asar/', '/app.asar.unpacked/')";
      return { contents: source.replace(wanted, `new URL('./data/sRGB_IEC61966_2_1.icc', ${archive})`), loader: 'js' };
    });
  },
};

export async function buildBundles(): Promise<void> {
  for (const folder of ['main', 'preload']) rmSync(join(out, folder), { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: {
      'main/desktop': 'main/desktop/desktop.ts',
      'main/engine': 'main/engine/engine.ts',
      'main/chexreason': 'main/headless/chexreason.ts',
      'main/dicomThread': 'core/dicom/thread.ts',
      'main/statisticsThread': 'core/evaluation/thread.ts',
    },
    // vite is there in a checkout only, cbor-extract where it was built.
    external: ['electron', 'vite', 'cbor-extract', ...NATIVE_PACKAGES],
    plugins: [profileBesideTheArchive],
    // The place of a source file is, in a bundle, the bundle's.
    define: { 'import.meta.url': '__bundleUrl' },
    banner: { js: "const __bundleUrl = require('url').pathToFileURL(__filename).href;" },
  });
  await build({ ...common, entryPoints: { 'preload/preload': 'preload/preload.ts' }, external: ['electron'] });
  for (const [folder, files, to] of FILES_BESIDE_THE_BUNDLES) copyBeside(join('node_modules', folder), files, to);
}

function copyBeside(folder: string, files: RegExp, to: string): void {
  const names = readdirSync(join(root, folder)).filter((name) => files.test(name));
  if (names.length === 0) throw new Error(`build: ${folder} has no ${files}`);
  mkdirSync(join(out, 'main', to), { recursive: true });
  for (const name of names) cpSync(join(root, folder, name), join(out, 'main', to, name));
}

export async function buildAll(): Promise<void> {
  await buildBundles();
  await buildPage({ configFile: join(root, 'vite.config.ts'), logLevel: 'warn' });
  if (!existsSync(join(out, 'renderer', 'index.html'))) throw new Error('build: the page was not built');
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  await (process.argv.includes('--without-page') ? buildBundles() : buildAll());
}
