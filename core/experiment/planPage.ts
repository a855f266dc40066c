/** The part of the page that was written before any film was read: worlds and their reasons, films, settings, analysis. */
import { paragraphs, table } from './markdown.ts';
import {
  FORMAT,
  grpoSettings,
  PROMPTS,
  SFT_FORMATS,
  SFT_REASONS,
  type Sizes,
  setPlan,
  sftSettings,
  WORLDS,
} from './plan.ts';
import type { PretrainPlan } from './pretraining/stages.ts';

const TEACHERS = {
  full: 'names every label of the table',
  omits: 'leaves out each label with probability .45, adds each other with .03',
  main: 'names at most the two severest findings, never Lung Opacity, devices half of the time',
} as const;

export function planPage(sizes: Sizes, seeds: number, base: PretrainPlan | null): string {
  return paragraphs(
    '## Plan',
    'Written and committed before a test film was read. What was known then: two trials in PyTorch on a simpler phantom and one run of ' +
      '`main-far` with one seed and other films ([docs/LOG.md](../LOG.md)). ' +
      (base === null ? 'The base was given; it was not trained again.' : baseText(base)),
    table(
      ['world', 'teacher', 'conventions', 'beta', 'rewards', 'why'],
      WORLDS.map(({ id, teacher, conventions, beta, rewards, why }) => [
        `\`${id}\``,
        TEACHERS[teacher],
        conventions,
        String(beta),
        rewards.join(', '),
        why,
      ]),
    ),
    `Conventions: \`core/phantom/conventions.ts\`. \`far\` and \`near\` differ in a and in b; films are the same in all worlds. ` +
      `Worlds that differ in beta alone share their SFT checkpoints.`,
    table(
      ['films', 'institution', 'seed', 'number', 'for'],
      (
        [
          ['sft', `a pool; each run draws ${sizes.sft} by its seed, a tenth of the patients held out`],
          ['grpo', `a pool; each run draws ${sizes.grpo} by its seed`],
          ['validationA', 'prompts and SFT formats, as the paper’s CheXpert validation'],
          ['testA', 'test'],
          ['testB', 'test'],
          ['probeA', 'the probe of GRPO runs; added when the results were known, decides nothing'],
          ['probeB', 'the same'],
        ] as const
      ).map(([name, use]) => {
        const { source, seed, count } = setPlan(name, sizes);
        return [name, source, String(seed), count.toLocaleString('en'), use];
      }),
    ),
    settingsText(sizes, seeds),
    `**Analysis.** Macro-F1 on a's 14 labels, on the nine that both have, and on b's nine, against the institution's own table; greedy ` +
      `answers; an answer that cannot be read counts as no label. Estimates are means over the seeds. Three intervals of 95 %: *films*, ` +
      `percentiles of 2,000 bootstrap replicates that draw patients, the seeds' checkpoints as they are; *both*, the same with the seeds ` +
      `drawn too (three seeds drawn from three: rather too narrow); *t*, Student's t over the seeds' values, the films as they are (with three ` +
      `seeds very wide). Checkpoints of one seed are compared with each other on the same films.`,
    `**The paper's pattern** is called *shown* where GRPO − SFT is above zero on a (14 labels) and below zero on b (nine) and the interval ` +
      `*both* of each leaves out zero; *signs only* where the means have these signs; else *not shown*. Every world is reported. Nothing is ` +
      `chosen on a test set: SFT keeps the epoch with the lowest held-out loss, GRPO its last step.`,
  );
}

function baseText({ films, stages }: PretrainPlan): string {
  const steps = stages
    .map(({ name, steps, stopAt = steps, batchSize }) => `${name} ${stopAt} x ${batchSize}`)
    .join(', ');
  return (
    `The base was made here, from seeds: ${films.count.toLocaleString('en')} films of mixed looks; stages, steps x films: ${steps}. ` +
    'The plan had been carried out before on the base of 2026-11-23, so results on these test films were known when it was repeated; nothing of the plan was changed.'
  );
}

function settingsText(sizes: Sizes, seeds: number): string {
  const list = (settings: Record<string, string | number>) =>
    Object.entries(settings)
      .filter(([name]) => !['seed', 'promptId', 'checkpointEvery', 'reward', 'beta', 'probeEvery'].includes(name))
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const reasons = Object.values(SFT_REASONS).join(' ');
  return (
    `Seeds 1 to ${seeds}: films drawn, order, dropout, samples. SFT: ${list(sftSettings(1, sizes, FORMAT))}; GRPO: ` +
    `${list(grpoSettings(1, sizes, WORLDS[0]!, 'hard'))}; everything else as in the paper. (${reasons}) The four SFT formats ` +
    `(${SFT_FORMATS.join(', ')}) are trained in \`main-far\`; the teacher writes one kind of trace, so they differ in the instruction, and ` +
    `\`only-label\` in the target too. The nine prompts (${PROMPTS.join(', ')}) are put to the base, which was pretrained on Free Reasoning, ` +
    'its paraphrases and Only Label alone.'
  );
}
