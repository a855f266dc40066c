/**
 * Whether the decomposition of a change (core/evaluation/shift.ts) finds its cause where a network reads the films: the
 * shipped checkpoints answer films of institution a, and the target differs from the source in one thing alone: the look, the
 * labels' convention, or the prevalence (films drawn again by their labels). `same`: of the same films and patients, so that
 * the noise of a sample is in neither; `other`: of the other half of the patients, as a user has them.
 *
 *   npx tsx scripts/causes.ts [--films 400] [--seeds 1,2,3] [--looks scanner,inverted] [--replicates 1000] [--cache DIR]
 *
 * Prints, for each seed, world and checkpoint: the change of macro-F1 over the nine shared labels with its interval, and, where
 * it is settled, the share of each cause with the range that the parts' intervals allow; then how many settled changes went to
 * their cause by 80 %, of all and of those in which a part is settled too (of the others the product says that the cause is not).
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Decomposition } from '../core/evaluation/causes.ts';
import { evaluate } from '../core/evaluation/evaluate.ts';
import { isSettled } from '../core/evaluation/types.ts';
import { NIH_NINE } from '../core/labels/labels.ts';
import { halves, type PoolFilm, type Shifted, worldOf } from './support/causeWorlds.ts';
import { CHECKPOINTS, LOOKS, type LookName, openShippedReader, scenesOf } from './support/shippedReader.ts';

const { values } = parseArgs({
  options: {
    films: { type: 'string', default: '400' },
    seeds: { type: 'string', default: '1,2,3' },
    looks: { type: 'string', default: LOOKS.filter((look) => look !== 'own').join() },
    replicates: { type: 'string', default: '1000' },
    cache: { type: 'string', default: join(tmpdir(), 'chexreason-causes') },
  },
});
const FILMS = Number(values.films);
const looks = values.looks.split(',') as LookName[];
const NOTHING: Shifted = { prevalence: 0, convention: false, look: null };
const WORLDS: [name: string, cause: Decomposition['parts'][number]['cause'] | null, Shifted][] = [
  ['nothing', null, NOTHING],
  ['prevalence of b', 'prevalence', { ...NOTHING, prevalence: 1 }],
  ['prevalence as far the other way', 'prevalence', { ...NOTHING, prevalence: -1 }],
  ['convention', 'convention', { ...NOTHING, convention: true }],
  ...looks.map((look): (typeof WORLDS)[number] => [look, 'image', { ...NOTHING, look }]),
];

const reader = await openShippedReader(values.cache);

async function poolOf(seed: number): Promise<PoolFilm[]> {
  const pool: PoolFilm[] = scenesOf(FILMS, seed).map((scene) => ({ scene, found: {} }));
  for (const look of ['own', ...looks] as LookName[]) {
    for (const checkpoint of CHECKPOINTS) {
      const answers = await reader.answers(seed, FILMS, look, checkpoint);
      pool.forEach(({ found }, i) => {
        found[look] = { ...found[look], [checkpoint]: answers[i]! };
      });
    }
  }
  return pool;
}

async function decompositions(source: readonly PoolFilm[], target: readonly PoolFilm[], shifted: Shifted) {
  const dataset = (id: string) => {
    const rest = { kind: 'other' as const, labels: [...NIH_NINE], policy: 'zeros' as const, unit: 'film' as const };
    return { id, name: id, total: FILMS, ...rest };
  };
  const result = await evaluate({
    ...{ id: 'causes', createdAt: '', source: dataset('source'), target: dataset('target') },
    checkpoints: CHECKPOINTS.map((id) => ({ id, name: id, role: id, trainingSource: '' })),
    films: [...worldOf('source', source, NOTHING), ...worldOf('target', target, shifted)],
    replicates: Number(values.replicates),
  });
  return result.decompositions!.filter(({ fromCheckpointId }) => fromCheckpointId === null);
}

function line({ change, interval, parts }: Decomposition): string {
  const ends = (value: readonly [number, number] | null | undefined, digits: number, unit: number) =>
    value ? ` [${value.map((end) => (unit * end).toFixed(digits)).join(', ')}]` : '';
  const whole = `${change.toFixed(3)}${interval ? ends([interval.low, interval.high], 3, 1) : ''}`;
  if (!isSettled(interval ?? null)) return `${whole} not settled`;
  const shares = parts.map(
    ({ cause, share, shareRange }) => `${cause} ${(100 * share!).toFixed(0)} %${ends(shareRange, 0, 100)}`,
  );
  const said = parts.filter((part) => isSettled(part.interval)).map(({ cause }) => cause);
  return `${whole} ${shares.join(', ')}; settled: ${said.join(', ') || 'no part'}`;
}

const tally = new Map<string, { settled: number; right: number; worlds: number; said: number; saidRight: number }>();
for (const seed of values.seeds.split(',').map(Number)) {
  const pool = await poolOf(seed);
  for (const [side, source, target] of [['same', pool, pool] as const, ['other', ...halves(pool)] as const]) {
    for (const [name, cause, shifted] of WORLDS) {
      for (const each of await decompositions(source, target, shifted)) {
        console.log(`seed ${seed}, ${side}, ${name}, ${each.checkpointId}: ${line(each)}`);
        const key = `${side}, ${cause ?? 'nothing'}`;
        const count = tally.get(key) ?? { settled: 0, right: 0, worlds: 0, said: 0, saidRight: 0 };
        count.worlds++;
        if (isSettled(each.interval ?? null)) {
          count.settled++;
          const share = each.parts.find((part) => part.cause === cause)?.share ?? 0;
          const isSaid = each.parts.some((part) => isSettled(part.interval));
          if (isSaid) count.said++;
          if (share >= 0.8) count.right++;
          if (isSaid && share >= 0.8) count.saidRight++;
        }
        tally.set(key, count);
      }
    }
  }
}
for (const [key, { settled, right, worlds, said, saidRight }] of tally)
  console.log(
    `${key}: of ${worlds} changes ${settled} settled, ${right} of these by 80 % to their cause; in ${said} a part is settled, ${saidRight} of these by 80 %`,
  );
