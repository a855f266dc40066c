/**
 * Shows that a training run survives kill -9: kills SFT and GRPO at random moments, goes on, and compares with runs that
 * were left alone. On wasm and ONNX Runtime they must be equal to the bit, on tensorflow within float noise.
 *
 *   npx tsx scripts/kill.ts [--kills 20] [--seed 0] [--backend wasm|onnxruntime|tensorflow] [--kind sft|grpo]
 *
 * Prints one JSON object a run; exit status 1 where one differs.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { Random } from '../core/base/random.ts';
import type { EngineName } from '../tests/support/engines.ts';
import { adapterDistance, comparableFiles, comparableLog, type Kind, killAtRandom } from '../tests/support/killing.ts';

/** Of libtensorflow's threads over a whole run of this size. */
const NOISE = 1e-3;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
    backend: { type: 'string', default: 'wasm' },
    kind: { type: 'string', multiple: true, default: ['sft', 'grpo'] },
  },
});
const backend = values.backend as EngineName;
for (const kind of values.kind as Kind[]) {
  const random = new Random(Number(values.seed)).fork(kind);
  const wanted = Number(values.kills);
  let kills = 0;
  let equal = true;
  let distance = 0;
  while (kills < wanted && equal) {
    const run = await killAtRandom(kind, backend, wanted - kills, random, (n) =>
      process.stderr.write(`${kind}: kill ${kills + n}\n`),
    );
    kills += run.kills;
    distance = Math.max(distance, await adapterDistance(run.whole, run.killed));
    const same =
      isDeepStrictEqual(await comparableFiles(run.whole), await comparableFiles(run.killed)) &&
      isDeepStrictEqual(await comparableLog(run.whole), await comparableLog(run.killed));
    equal = backend === 'tensorflow' ? distance < NOISE : same;
  }
  process.stdout.write(`${JSON.stringify({ kind, backend, kills, equal, adapterDistance: distance })}\n`);
  if (!equal) process.exitCode = 1;
}
