/** README.md of an exported run: what it is, how it is trained and taken back, every setting, every departure. */
import type { TrlRow } from '../training/trl.ts';
import type { LeftOut } from './contract.ts';
import type { ExportedRun } from './trainingExchange.ts';

export interface ReadmeFacts {
  rows: readonly TrlRow[];
  fixed: readonly string[];
  /** The base is in the folder. */
  copied: boolean;
  leftOut: readonly LeftOut[];
  rollouts: number;
}

export function readmeOf(run: ExportedRun, sizes: { films: number; heldOut: number }, facts: ReadmeFacts): string {
  const script = `train_${run.kind}.py`;
  return `# ${run.name}

A ${run.kind.toUpperCase()} run of ChexReason Workbench ${run.version}, exported on ${run.exportedAt.slice(0, 10)}, to be trained with TRL, PEFT and accelerate.

- Base: ${run.base.name}${facts.copied ? ', in model/' : ', not in this folder: give it with --model'} (sha256 of its files in run.json; the scripts compare).
- Starts from: ${run.start.hash === null ? 'a new adapter, drawn by the seed' : run.start.name}, in adapter/.
- Data: ${sizes.films} films${sizes.heldOut > 0 ? `, and ${sizes.heldOut} held out by patient` : ''}, of ${run.dataset.name}. Images are the pixels that the base's processor gets, without a header; patients are keys.${leftOutText(facts.leftOut)}
- Order: data/order.json, as the run's seed gives it.

## Train

\`\`\`sh
pip install -r requirements.txt
python ${script}                    # one process
accelerate launch ${script}         # several GPUs or machines; the effective batch stays the run's
python ${script} --precision f32 --max-steps 1   # the first step only, for comparison
\`\`\`

${comparison(run, facts)}

What comes back is in output/. Take it into the workspace with \`chexreason train import --from FOLDER\`, or with "Import a trained run" on the Train screen: the adapter becomes a checkpoint with its log, its training source and the patients that it was trained on.

## Settings

| setting | value | in TRL |
| --- | --- | --- |
${facts.rows.map(({ field, value, there }) => `| ${field} | ${cell(value)} | ${cell(there) || 'none'} |`).join('\n')}

Besides, in every run: ${facts.fixed.join('; ')}.

## Departures

What differs from the same run in ChexReason Workbench:

${departuresText(facts.rows)}
- No integrity gates after the first and the last step; the import checks the adapter against its base.
${run.kind === 'sft' ? FILLED : NO_LABELS}
`;
}

const FILLED =
  '- On several processes accelerate fills an epoch’s last batch, where it is not whole, with films from the epoch’s beginning.';
const NO_LABELS = '- A film without readable labels has been left out: TRL would count it as the reward 0.';

function comparison({ firstStep, kind }: ExportedRun, { rollouts }: ReadmeFacts): string {
  if (firstStep === null)
    return 'The run has not begun in ChexReason Workbench; export it after its first step, and the scripts print both losses.';
  const loss = `The first step had the loss ${firstStep.loss} and the gradient norm ${firstStep.grad_norm} there, and the script prints the difference.`;
  if (kind === 'sft')
    return `${loss} With dropout above 0 the two draw different masks, and the losses differ by them.`;
  return rollouts > 0
    ? `${loss} Both must have the same completions for that: \`--replay\` takes the ${rollouts} of data/rollouts.jsonl instead of sampling.`
    : loss;
}

/** Fields with one reason stand together. */
function departuresText(rows: readonly TrlRow[]): string {
  const fields = new Map<string, string[]>();
  for (const { field, departure } of rows) {
    if (departure) fields.set(departure, [...(fields.get(departure) ?? []), field]);
  }
  return [...fields].map(([departure, names]) => `- ${names.join(', ')}: ${departure}`).join('\n');
}

function leftOutText(leftOut: readonly LeftOut[]): string {
  if (leftOut.length === 0) return '';
  return ` Left out or counted: ${leftOut.map(({ reason, count }) => `${count} ${reason}`).join(', ')}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
}
