/** The page of results as Markdown, next to the paper's figures; made again from the cells that are there. */
import { PAPER_GRPO, PAPER_SFT, paperSides, publishedTables } from '../evaluation/paper.ts';
import { CHEXPERT_LABELS } from '../labels/labels.ts';
import { decimals, signedDecimals } from '../report/charts/figure.ts';
import type { Ends, Estimate } from './estimates.ts';
import { paragraphs, table } from './markdown.ts';
import { DEFAULT_WORLD, FORMAT, WORLDS } from './plan.ts';
import { planPage } from './planPage.ts';
import type { Arm, Compared, ExperimentResults, Side } from './results.ts';

const READERS = ['base', 'sft', 'grpo'] as const;

export function resultsPage(results: ExperimentResults, figures: readonly { file: string; alt: string }[]): string {
  const { arms, prompts, formats } = results;
  const figure = (file: string) =>
    figures.filter((each) => each.file === file).map(({ alt }) => `![${alt}](${file})`)[0] ?? '';
  const parts = [
    '# The paper’s study in miniature',
    'Written by `chexreason experiment paper-in-miniature`. The films are computed, the model has 1.6 million parameters, and nothing here says anything ' +
      'about patients. It asks of a world that is known in full what the paper asks of two hospitals: does what GRPO gains on the benchmark ' +
      '(institution a) survive another hospital (b)?',
    progressText(results),
    ...(arms.length === 0
      ? ['No world has a result yet.']
      : [summaryText(arms), worldsPart(arms, figure('changes.svg'))]),
    prompts.length === 0 ? '' : promptsPart(prompts),
    formats.length === 0 ? '' : formatsPart(formats),
    arms.length === 0 ? '' : rewardsPart(arms, figure('reward.svg'), figure('kl.svg')),
    figure('probe.svg') === '' ? '' : probePart(figure('probe.svg')),
    arms.length === 0 ? '' : labelsPart(arms),
    planPage(results.sizes, results.seeds, results.base),
  ];
  return `${paragraphs(...parts)}\n`;
}

function progressText({ cells }: ExperimentResults): string {
  const { done, total, missing, processorSeconds, executors } = cells;
  const time = `${(processorSeconds / 60).toFixed(0)} minutes of processor time; ${executors.join('; ')}`;
  if (missing.length === 0) return `All ${total} cells (films, trainings, readings) are done; ${time}.`;
  const left = (of: (id: string) => boolean) => missing.filter(of).length;
  const [pretrain, sft, grpo, read] = [
    left((id) => id.startsWith('pretrain-')),
    left((id) => /^sft-.*\d$/.test(id)),
    left((id) => /^grpo-.*\d$/.test(id)),
    left((id) => /^base-|-answers$/.test(id)),
  ];
  return (
    `**${done} of ${total} cells are done** (${time}). Left: ${pretrain > 0 ? `${pretrain} stages of pretraining, ` : ''}${sft} SFT runs, ${grpo} GRPO runs, ${read} readings (results.json ` +
    'names them); the same command goes on with them. What has fewer seeds below has them for this reason.'
  );
}

// -------------------------------------------------------------------------------------------------------------- worlds

/** What the intervals say of the arms (world and reward), counted. */
export function summaryText(arms: readonly Arm[]): string {
  const named = (holds: (arm: Arm) => boolean) => {
    const found = arms.filter(holds);
    const names = found.length > 0 && found.length < arms.length ? ` (${found.map(armName).join('; ')})` : '';
    return `${found.length} of ${arms.length}${names}`;
  };
  const ends = ({ both, films }: Estimate) => both ?? films;
  const above = (of: Estimate) => ends(of)[0] > 0;
  const below = (of: Estimate) => ends(of)[1] < 0;
  return [
    `**In short.** Runs, each a world and a reward, by the interval over films and seeds. The paper’s pattern is shown in ${named(({ pattern }) => pattern === 'shown')}, its signs only in ${named(({ pattern }) => pattern === 'signs only')}.`,
    `- SFT is below its base on a in ${named(({ a }) => below(a.sftMinusBase))}, on b in ${named(({ b }) => below(b.sftMinusBase))}.`,
    `- GRPO is above its SFT on a (14 labels) in ${named(({ a }) => above(a.grpoMinusSft))}.`,
    `- GRPO is above its SFT on b in ${named(({ b }) => above(b.grpoMinusSft))}, below it in ${named(({ b }) => below(b.grpoMinusSft))}.`,
    `- GRPO gave b less than a on the same nine labels in ${named(({ gapChange }) => below(gapChange))}.`,
  ].join('\n');
}

function worldsPart(arms: readonly Arm[], figure: string): string {
  const paper = paperSides();
  const paperOf = (name: string) => paper.find(({ model }) => model === name)!;
  const paperRow = (name: string, model: string) => {
    const { own, shared } = paperOf(model);
    return [name, 'the paper', '1', decimals(own.chexpert), decimals(shared.chexpert), decimals(own.nih)];
  };
  const rows = distinct(arms.flatMap((arm) => READERS.map((reader) => readerRow(arm, reader))));
  return paragraphs(
    '## Base, SFT, GRPO on a and b',
    'Macro-F1; in brackets the 95 % interval over films and seeds (over films alone for the base, and where there is one seed). The paper has one run and no intervals.',
    table(
      ['checkpoint', 'of', 'seeds', 'a, 14 labels', 'a, nine labels', 'b, nine labels'],
      [...rows, paperRow('base', 'MedGemma-4B'), paperRow('SFT', PAPER_SFT), paperRow('GRPO', PAPER_GRPO)],
    ),
    '## What changed, and whether the paper’s pattern shows',
    table(
      [
        'world, reward',
        'SFT − base, a',
        'SFT − base, b',
        'GRPO − SFT, a (14)',
        'GRPO − SFT, a (nine)',
        'GRPO − SFT, b',
        'b − a (nine)',
        'pattern',
      ],
      [
        ...arms.map((arm) => [
          armName(arm),
          ...[arm.a.sftMinusBase, arm.b.sftMinusBase, arm.a.grpoMinusSft, arm.a.grpoMinusSftNine].map(change),
          ...[arm.b.grpoMinusSft, arm.gapChange].map(change),
          arm.pattern,
        ]),
        paperChanges(paperOf),
      ],
    ),
    '“b − a” is how much more GRPO changed b than a, on the same nine labels: below zero, the gain did not travel. Intervals: films and seeds; films alone where there is one seed.',
    figure,
    '### The same changes by seed, with each interval',
    table(
      ['world, reward', 'change', 'by seed', 'mean', 'films', 'both', 't'],
      arms.flatMap((arm) =>
        (
          [
            ['GRPO − SFT, a (14)', arm.a.grpoMinusSft],
            ['GRPO − SFT, a (nine)', arm.a.grpoMinusSftNine],
            ['GRPO − SFT, b', arm.b.grpoMinusSft],
            ['b − a (nine)', arm.gapChange],
          ] as const
        ).map(([what, of]) => [
          armName(arm),
          what,
          of.bySeed.map((value) => signedDecimals(value)).join(', '),
          signedDecimals(of.value),
          ...[of.films, of.both, of.t].map((ends) =>
            ends === null ? '' : ends.map((end) => signedDecimals(end)).join(' to '),
          ),
        ]),
      ),
    ),
  );
}

/** A base belongs to conventions, an SFT checkpoint to a teacher too; so several arms have the same row. */
function readerRow(arm: Arm, reader: (typeof READERS)[number]): string[] {
  const { teacher, conventions } = WORLDS.find(({ id }) => id === arm.world)!;
  const of = { base: `conventions ${conventions}`, sft: `teacher ${teacher}, ${conventions}`, grpo: armName(arm) }[
    reader
  ];
  const { a, b } = arm;
  return [
    reader === 'base' ? 'base' : reader.toUpperCase(),
    of,
    reader === 'base' ? '' : String(arm.seeds.length),
    ...[a.macroF1, a.nineF1, b.macroF1].map((side) => estimate(side[reader])),
  ];
}

function distinct(rows: readonly string[][]): string[][] {
  const known = new Map(rows.map((row) => [row.join('|'), row]));
  const order = READERS.map((reader) => (reader === 'base' ? 'base' : reader.toUpperCase()));
  return [...known.values()].sort((x, y) => order.indexOf(x[0]!) - order.indexOf(y[0]!));
}

function paperChanges(of: (model: string) => ReturnType<typeof paperSides>[number]): string[] {
  const [base, sft, grpo] = [of('MedGemma-4B'), of(PAPER_SFT), of(PAPER_GRPO)];
  const own = (side: 'chexpert' | 'nih', to: typeof base, from: typeof base) => to.own[side] - from.own[side];
  const nine = grpo.shared.chexpert - sft.shared.chexpert;
  const nih = own('nih', grpo, sft);
  const values = [own('chexpert', sft, base), own('nih', sft, base), own('chexpert', grpo, sft), nine, nih, nih - nine];
  return ['paper', ...values.map((value) => signedDecimals(value)), ''];
}

const armName = ({ world, reward }: Pick<Arm, 'world' | 'reward'>) => `\`${world}\`, ${reward}`;

function within(ends: Ends | null, text: (value: number) => string): string {
  return ends === null ? '' : ` [${ends.map(text).join(', ')}]`;
}

function estimate({ value, both, films }: Estimate): string {
  return `${decimals(value)}${within(both ?? films, (end) => decimals(end))}`;
}

function change({ value, both, films }: Estimate): string {
  return `${signedDecimals(value)}${within(both ?? films, (end) => signedDecimals(end))}`;
}

// --------------------------------------------------------------------------------------------------- prompts and formats

/** The paper's row of an instruction format: micro-F1, macro-F1, fail rate. */
function publishedRow(tableId: string, promptId: string): string[] {
  const { rows, columns } = publishedTables().find(({ id }) => id === tableId)!;
  const row = rows.find(({ name }) => name.toLowerCase().replace(/ /g, '-') === promptId);
  return ['Micro-F1', 'Macro-F1', 'Fail rate'].map((name) => (row ? decimals(row.values[columns.indexOf(name)]!) : ''));
}

const COMPARED_HEAD = ['micro-F1', 'macro-F1', 'fail rate', 'labels', 'paper: micro-F1', 'macro-F1', 'fail rate'];

function comparedRow(each: Compared, tableId: string): string[] {
  const { id, microF1, macroF1, failRate, labelsPerFilm } = each;
  const own = [decimals(microF1), estimate(macroF1), decimals(failRate), decimals(labelsPerFilm, 2)];
  return [`\`${id}\``, ...own, ...publishedRow(tableId, id)];
}

function promptsPart(prompts: readonly Compared[]): string {
  return paragraphs(
    '## Nine instruction formats on the base',
    `On a's validation films, greedy, conventions \`far\`. \`${FORMAT}\` is not among the paper's nine; the base was pretrained on it. Intervals: films.`,
    table(
      ['format', ...COMPARED_HEAD],
      prompts.map((each) => comparedRow(each, 'prompts')),
    ),
  );
}

function formatsPart(formats: readonly Compared[]): string {
  return paragraphs(
    '## Four SFT formats',
    "World `main-far`, on a's validation films; each checkpoint reads with the format that it was trained on. The paper's are MedGemma-4B's.",
    table(
      ['format', 'seeds', ...COMPARED_HEAD],
      formats.map((each) => {
        const [name, ...rest] = comparedRow(each, 'sft-medgemma');
        return [name!, String(each.seeds.length), ...rest];
      }),
    ),
  );
}

// ------------------------------------------------------------------------------------------------------ rewards, labels

function rewardsPart(arms: readonly Arm[], reward: string, kl: string): string {
  const published = publishedTables().find(({ id }) => id === 'rewards')!;
  const paper = published.rows.map(({ name, values }) => {
    const of = (column: string) => values[published.columns.indexOf(column)]!;
    return `${name}: macro-F1 ${decimals(of('Macro-F1'))}, micro-F1 ${decimals(of('Micro-F1'))}, fail rate ${decimals(of('Fail rate'))}`;
  });
  const rows = arms.map((arm) => {
    const { grpo } = arm.a.readings;
    const rates = [arm.a, arm.b].map(({ readings }) => decimals(readings.grpo.failRate)).join(', ');
    const written = [arm.a, arm.b].map(({ readings }) => readings.grpo.labelsPerFilm.toFixed(2)).join(', ');
    return [
      armName(arm),
      ...[arm.reward0, arm.reward1].map((value) => decimals(value)),
      arm.form === null ? '' : decimals(arm.form),
      decimals(arm.a.macroF1.grpo.value),
      decimals(grpo.microF1),
      rates,
      written,
    ];
  });
  return paragraphs(
    '## Rewards',
    'Reward of the sampled answers over the first and the last ten steps (the nuanced one divided by 100), the share of the first samples that hold the form, ' +
      'and GRPO on the test films. The paper compares its rewards on CheXpert validation: ' +
      `${paper.join('; ')}.`,
    table(
      ['world, reward', 'at first', 'at last', 'form', 'a macro-F1', 'a micro-F1', 'fail a, b', 'labels a, b'],
      rows,
    ),
    reward,
    kl,
  );
}

function probePart(figure: string): string {
  return paragraphs(
    '## The probe beside the reward',
    'Before the first step and every ten steps a run answers other films of a and of b greedily (`probeA`, `probeB` below), and is scored on ' +
      'the nine labels that both have: so it is seen while it trains whether a and b move together. Nothing is chosen on it, and it changes nothing of ' +
      'the run: its answers draw no random number. Reward: mean over eight steps of the samples’ reward; a, b: macro-F1 of the probe. A probe has a hundred films: it ' +
      'swings by some hundredths, and the test films decide.',
    figure,
  );
}

function labelsPart(arms: readonly Arm[]): string {
  const first = arms[0]!;
  const f1 = (side: Side, label: (typeof CHEXPERT_LABELS)[number]) =>
    READERS.map((reader) => {
      const value = side.readings[reader].f1[label];
      return value === undefined ? '' : value.toFixed(2);
    });
  return paragraphs(
    `## F1 by label: ${armName(first)}`,
    table(
      ['label', ...['a', 'b'].flatMap((name) => [`${name} base`, `${name} SFT`, `${name} GRPO`])],
      CHEXPERT_LABELS.map((label) => [label, ...f1(first.a, label), ...f1(first.b, label)]),
    ),
  );
}

// --------------------------------------------------------------------------------------------------- resources/models

/** The README of the checkpoints: what they are, and what seed 1 of their world came to. */
export function modelsPage({ arms }: ExperimentResults): string {
  const arm = arms.find(
    ({ world, reward, seeds }) => world === DEFAULT_WORLD.id && reward === 'hard' && seeds[0] === 1,
  );
  const parts = [
    '# Checkpoints of the phantom',
    'The films are computed, the names invented, and nothing here says anything about patients.',
    [
      '- `base/`: a tiny Gemma3ForConditionalGeneration (Hugging Face layout), pretrained on 18,000 films of mixed looks; a line for each step in `logs/`.',
      `- \`sft/\`: a LoRA adapter, seed 1 of the world \`${DEFAULT_WORLD.id}\` of [the experiment](../../docs/experiment/README.md): films of institution m, and the traces of a teacher who names the main findings only.`,
      '- `grpo/`: the same after GRPO with the hard reward on other films of m and their correct labels.',
      '- `run.json`: settings and departures from the paper; `log.jsonl`: a line for each step.',
      '- This world and seed were chosen before a film was read. `chexreason experiment paper-in-miniature --base make --checkpoints DIR` makes all three again, from seeds; without `--base make` the adapters, on this base.',
    ].join('\n'),
    arm === undefined
      ? ''
      : table(
          ['macro-F1 of seed 1', 'a, 14 labels', 'a, nine labels', 'b, nine labels', 'fail rate a, b (all seeds)'],
          READERS.map((reader) => [
            reader,
            ...[arm.a.macroF1, arm.a.nineF1, arm.b.macroF1].map((side) => decimals(side[reader].bySeed[0]!)),
            [arm.a, arm.b].map(({ readings }) => decimals(readings[reader].failRate, 4)).join(', '),
          ]),
        ),
    'All seeds, worlds and intervals, those without the paper’s pattern too: [docs/experiment](../../docs/experiment/README.md).',
  ];
  return `${paragraphs(...parts)}\n`;
}
