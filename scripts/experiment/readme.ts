/** resources/models/README.md, made from the numbers of experiment.json. */
import type { PretrainPlan, PretrainStage } from './pretrain.ts';
import type { Summary } from './score.ts';

interface Change {
  change: number;
  low: number;
  high: number;
}

export interface ExperimentResult {
  teacher: string;
  films: Record<string, { source: string; seed: number; count: number }>;
  pretraining: PretrainPlan;
  sft: { config: Record<string, unknown>; departures: { field: string; paper: string; run: string; reason: string }[] };
  grpo: ExperimentResult['sft'];
  institutions: Record<
    string,
    {
      checkpoints: Record<string, { table: Summary; truth: Summary }>;
      sftMinusBase: { own: Change; nine: Change };
      grpoMinusSft: { own: Change; nine: Change };
    }
  >;
}

const three = (value: number) => value.toFixed(3);
const signed = ({ change, low, high }: Change) =>
  `${change >= 0 ? '+' : ''}${three(change)} [${three(low)}, ${three(high)}]`;

export function readme(result: ExperimentResult): string {
  return `# Checkpoints of the phantom

Written by \`npm run experiment\`, which makes all of this again from seeds. The films are computed, the names invented, and no
result here says anything about patients.

- \`base/\`: a tiny Gemma3ForConditionalGeneration (Hugging Face layout), pretrained on ${count(result, 'base')} films of mixed looks:
${result.pretraining.stages.map(stageLine).join('\n')}
- \`sft/\`: a LoRA adapter, fine-tuned on ${count(result, 'sft')} films of institution m and the traces of a teacher who names the main findings only.
- \`grpo/\`: the SFT adapter after GRPO with the hard reward on ${count(result, 'grpo')} other films of m and their correct labels.
- \`run.json\`: settings and departures from the paper; \`log.jsonl\` and \`logs/\`: a line for each step; \`experiment.json\`: everything below in full.

## Test

${count(result, 'testA')} films of institution a (labels as m's, another scanner) and ${count(result, 'testB')} of b (other labelling habits, other films), seeds that no training saw,
greedy answers, each scored once. Macro-F1 over a's 14 labels and b's nine; "nine" are the labels that both have; "truth" is what is
physically on the film, whatever the table says.

| checkpoint | a macro | a nine | a micro | a truth | b macro (nine) | b micro | b truth | fail a, b | labels a, b |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${['base', 'sft', 'grpo'].map((name) => row(name, result)).join('\n')}

| change of macro-F1, paired bootstrap over patients, 95 % | a, 14 labels | a, nine labels | b, nine labels |
| --- | --- | --- | --- |
| SFT − base | ${changes(result, 'sftMinusBase')} |
| GRPO − SFT | ${changes(result, 'grpoMinusSft')} |

The intervals cover the test films, not the seeds of training: there is one base, one SFT run and one GRPO run.

## F1 by label

| label | a base | a SFT | a GRPO | b base | b SFT | b GRPO |
| --- | --- | --- | --- | --- | --- | --- |
${labelRows(result)}

## Where the runs depart from the paper

${departures('SFT', result.sft)}
${departures('GRPO', result.grpo)}
`;
}

function stageLine({ name, steps, stopAt, batchSize, learningRate, questions, frozenVision }: PretrainStage): string {
  const what =
    questions === undefined
      ? 'the vision tower, on findings'
      : frozenVision
        ? 'the language model alone'
        : 'all parameters';
  const length = stopAt === undefined ? `${steps} steps` : `${stopAt} steps of a schedule of ${steps}`;
  return `  - ${name}: ${what}; ${length} of ${batchSize} films, rate ${learningRate};`;
}

function count(result: ExperimentResult, name: string): string {
  return result.films[name]!.count.toLocaleString('en');
}

function row(name: string, { institutions }: ExperimentResult): string {
  const { a, b } = { a: institutions['a']!.checkpoints[name]!, b: institutions['b']!.checkpoints[name]! };
  const cells = [
    name,
    three(a.table.macroF1),
    three(a.table.nineMacroF1),
    three(a.table.microF1),
    three(a.truth.macroF1),
    three(b.table.macroF1),
    three(b.table.microF1),
    three(b.truth.macroF1),
    `${a.table.failRate.toFixed(4)}, ${b.table.failRate.toFixed(4)}`,
    `${a.table.labelsPerFilm.toFixed(2)}, ${b.table.labelsPerFilm.toFixed(2)}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function changes({ institutions }: ExperimentResult, which: 'sftMinusBase' | 'grpoMinusSft'): string {
  const [a, b] = [institutions['a']![which], institutions['b']![which]];
  return [a.own, a.nine, b.own].map(signed).join(' | ');
}

function labelRows({ institutions }: ExperimentResult): string {
  const f1 = (institution: string, name: string) =>
    institutions[institution]!.checkpoints[name]!.table.f1 as Record<string, number>;
  return Object.keys(f1('a', 'base'))
    .map((label) => {
      const cells = ['a', 'b'].flatMap((institution) =>
        ['base', 'sft', 'grpo'].map((name) => f1(institution, name)[label]?.toFixed(2) ?? ''),
      );
      return `| ${label} | ${cells.join(' | ')} |`;
    })
    .join('\n');
}

function departures(title: string, { departures: list }: ExperimentResult['sft']): string {
  const rows = list.map(({ field, paper, run, reason }) => `| ${field} | ${paper} | ${run} | ${reason} |`);
  return [`### ${title}`, '', '| setting | paper | here | why |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}
