/**
 * `node scripts/complete-lockfile.mjs`: adds to package-lock.json the optional packages of other platforms that a registry
 * without them leaves out. Without these entries `npm ci` refuses the lock file, and users of those platforms would lack
 * them. Run after `npm install` has changed the lock file.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(FILE, 'utf8'));

const OS = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32', 'aix'];
const CPU = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64', 'wasm32'];

/** What a platform package's name says of its platform: `@rollup/rollup-linux-arm64-musl`. */
function platformOf(name) {
  const words = name.split('/').pop().split(/[-_]/);
  const os = OS.find((each) => words.includes(each));
  const cpu = CPU.find((each) => words.some((word) => word === each || (each === 'arm' && word === 'armv7')));
  if (!os || !cpu) return null;
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined;
  return { cpu: [cpu], os: [os], ...(libc && os === 'linux' ? { libc } : {}) };
}

let added = 0;
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const there = [`${place}/node_modules/${name}`, `node_modules/${name}`].some((path) => lock.packages[path]);
    const platform = platformOf(name);
    if (there || !platform) continue;
    const flags = entry.dev ? { dev: true } : {};
    lock.packages[`node_modules/${name}`] = { version, ...flags, optional: true, ...platform };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);
