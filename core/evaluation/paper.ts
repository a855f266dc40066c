/**
 * The paper's published figures (arXiv 2512.23090, tables 1-6; resources/paper/paper-results.json) and what can be worked
 * out from them again: macro-F1 from per-label F1, micro-F1 from micro precision and recall, and its two test sets on the
 * nine labels that both share. On those the GRPO checkpoint's gain on CheXpert is 0.264 -> 0.274, not 0.282 -> 0.346.
 */
import published from '../../resources/paper/paper-results.json' with { type: 'json' };
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../labels/labels.ts';
import { f1Of } from './metrics.ts';

export const PAPER_SOURCE: string = published.source;

/** The paper's names of the checkpoints that answer its question. */
export const PAPER_SFT = 'MedGemma-4B SFT';
export const PAPER_GRPO = 'ChexReason';

export interface PaperTable {
  /** `chexpert` (its test set, 14 labels) or `nih` (its test set, 9 labels). */
  dataset: 'chexpert' | 'nih';
  labels: Label[];
  models: string[];
  /** F1 by model, in the order of `labels`. */
  f1: Record<string, number[]>;
  /** Macro-F1 as printed. */
  macroF1: Record<string, number>;
}

export function paperTable(dataset: PaperTable['dataset']): PaperTable {
  const { columns, ...rows } = dataset === 'chexpert' ? published.chexpert_test_f1 : published.nih_test_f1;
  const values = rows as Record<string, number[]>;
  const labels = CHEXPERT_LABELS.filter((label) => label in values);
  const byModel = <T>(of: (column: number) => T) => Object.fromEntries(columns.map((model, i) => [model, of(i)]));
  return {
    dataset,
    labels,
    models: columns,
    f1: byModel((column) => labels.map((label) => values[label]![column]!)),
    macroF1: byModel((column) => values['Macro F1']![column]!),
  };
}

/** The unweighted mean of the printed F1 of these labels. */
export function paperMacroF1(table: PaperTable, model: string, labels: readonly Label[] = table.labels): number {
  const values = labels.map((label) => table.f1[model]![table.labels.indexOf(label)]!);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export interface Recomputed {
  table: string;
  row: string;
  figure: 'macro-F1' | 'micro-F1';
  printed: number;
  recomputed: number;
}

/** Every printed figure that follows from other printed ones. */
export function recomputePaper(): Recomputed[] {
  return [...macroFromLabels(), ...microFromRates()];
}

function macroFromLabels(): Recomputed[] {
  return (['chexpert', 'nih'] as const).flatMap((dataset) => {
    const table = paperTable(dataset);
    return table.models.map((model) => ({
      table: dataset === 'chexpert' ? 'CheXpert test' : 'NIH test',
      row: model,
      figure: 'macro-F1' as const,
      printed: table.macroF1[model]!,
      recomputed: paperMacroF1(table, model),
    }));
  });
}

/** From rounded rates, so within about 0.001. Macro-F1 does not follow from macro precision and recall. */
function microFromRates(): Recomputed[] {
  const { sft_chexpert_validation: sft, grpo_chexpert_validation: grpo } = published;
  return [
    { table: 'SFT, CheXpert validation', rows: withoutColumns(sft) },
    { table: 'GRPO, CheXpert validation', rows: withoutColumns(grpo) },
  ].flatMap(({ table, rows }) =>
    Object.entries(rows).flatMap(([group, entries]) =>
      Object.entries(entries).map(([name, [precision, recall, f1]]) => ({
        table,
        row: `${group}, ${name}`,
        figure: 'micro-F1' as const,
        printed: f1!,
        recomputed: f1Of({ precision: precision!, recall: recall! }),
      })),
    ),
  );
}

function withoutColumns(table: object): Record<string, Record<string, number[]>> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => key !== 'columns'));
}

export interface PaperSide {
  model: string;
  /** Printed, on each set's own labels (14 and 9). */
  own: { chexpert: number; nih: number };
  /** Recomputed on the nine labels that both sets share. */
  shared: { chexpert: number; nih: number };
}

/** Both ways of comparing the two test sets, for every model of the paper. */
export function paperSides(): PaperSide[] {
  const [chexpert, nih] = [paperTable('chexpert'), paperTable('nih')];
  return chexpert.models.map((model) => ({
    model,
    own: { chexpert: chexpert.macroF1[model]!, nih: nih.macroF1[model]! },
    shared: { chexpert: paperMacroF1(chexpert, model, NIH_NINE), nih: paperMacroF1(nih, model, NIH_NINE) },
  }));
}

/** One of the paper's six tables of results, row by row as printed. */
export interface PublishedTable {
  id: string;
  title: string;
  columns: string[];
  rows: { name: string; values: number[] }[];
}

const COLUMN_NAMES: Record<string, string> = {
  micro_p: 'Micro P',
  micro_r: 'Micro R',
  micro_f1: 'Micro-F1',
  macro_p: 'Macro P',
  macro_r: 'Macro R',
  macro_f1: 'Macro-F1',
  fail_rate: 'Fail rate',
};

/** The six tables: nine prompts, SFT of two models by format, two rewards, and the two test sets by label. */
export function publishedTables(): PublishedTable[] {
  const { sft_chexpert_validation: sft, grpo_chexpert_validation: grpo } = published;
  const table = (id: string, title: string, columns: string[], rows: Record<string, number[]>): PublishedTable => ({
    id,
    title,
    columns: columns.map((column) => COLUMN_NAMES[column] ?? column),
    rows: Object.entries(rows).map(([name, values]) => ({ name, values })),
  });
  const { columns: promptColumns, ...prompts } = published.prompts_medgemma4b_chexpert_validation;
  const { columns: chexpertColumns, ...chexpert } = published.chexpert_test_f1;
  const { columns: nihColumns, ...nih } = published.nih_test_f1;
  const rewards = Object.entries(withoutColumns(grpo)).flatMap(([reward, rows]) =>
    Object.entries(rows).map(([name, values]) => [`${reward}, ${name}`, values] as const),
  );
  const [medgemma, qwen] = ['MedGemma-4B', 'Qwen2.5-VL-3B-Instruct'] as const;
  return [
    table('prompts', 'Nine instruction formats, MedGemma-4B, CheXpert validation', promptColumns, prompts),
    table('sft-medgemma', `SFT of ${medgemma} by format, CheXpert validation`, sft.columns, sft[medgemma]),
    table('sft-qwen', `SFT of ${qwen} by format, CheXpert validation`, sft.columns, sft[qwen]),
    table('rewards', 'GRPO by reward, CheXpert validation', grpo.columns, Object.fromEntries(rewards)),
    table('chexpert-test', 'F1 by label, CheXpert test', chexpertColumns, chexpert),
    table('nih-test', 'F1 by label, NIH test', nihColumns, nih),
  ];
}
