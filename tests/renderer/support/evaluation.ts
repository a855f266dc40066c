/** An evaluation's result for the page tests: numbers that add up, made from a few chosen F1 values. */
import type {
  EvaluationCell,
  EvaluationResult,
  Figures,
  Interval,
  LabelFigures,
} from '../../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../../../core/labels/labels.ts';

const FILMS = 200;
/** Steps of the checkpoints at the source and at the other institution. */
const LIFT: Record<string, [source: number, target: number]> = { base: [0, 0], sft: [0.12, 0.06], grpo: [0.15, 0.01] };

function intervalAround(value: number, half: number): Interval {
  return {
    low: value - half,
    high: value + half,
    level: 0.95,
    method: 'percentile',
    replicates: 1000,
    seed: 1,
    clusters: [FILMS],
  };
}

function labelFigures(label: Label, f1: number, index: number): LabelFigures {
  const support = 12 + 7 * index;
  const tp = Math.round(support * f1);
  const fn = support - tp;
  const fp = Math.round(fn * 0.8);
  return {
    label,
    tp,
    fp,
    fn,
    tn: FILMS - tp - fp - fn,
    precision: f1,
    recall: f1,
    f1,
    jaccard: f1 / (2 - f1),
    support,
    predicted: tp + fp,
    films: FILMS,
    specificity: 0.9,
    accuracy: 0.9,
    balancedAccuracy: 0.8,
    kappa: 0.4,
    mcc: 0.4,
    f1Interval: intervalAround(f1, 0.08),
    probability: null,
  };
}

function figuresOf(labels: readonly Label[], lift: number): Figures {
  const each = labels.map((label, index) => {
    const f1 = 0.2 + ((index * 37) % 50) / 100 + lift;
    return labelFigures(label, f1, index);
  });
  const macroF1 = each.reduce((sum, figures) => sum + figures.f1, 0) / each.length;
  const set = {
    precision: macroF1,
    recall: macroF1,
    specificity: 0.9,
    f1: macroF1,
    jaccard: macroF1 / 2,
    accuracy: 0.9,
    kappa: 0.4,
    mcc: 0.4,
  };
  return {
    labels: each,
    micro: { ...set, f1: macroF1 + 0.15 },
    macro: set,
    weighted: set,
    samples: set,
    subsetAccuracy: 0.3,
    hammingLoss: 0.1,
    macroF1Interval: intervalAround(macroF1, 0.02),
    microF1Interval: null,
    films: FILMS,
    patients: FILMS - 10,
    failures: lift === 0 ? 7 : 0,
    failRate: lift === 0 ? 0.035 : 0,
    withoutFailures: { films: FILMS - 7, macroF1, microF1: macroF1 + 0.15 },
    findingsPerFilm: 2.2,
    dominant: { label: 'Support Devices', share: 0.4 },
  };
}

export function evaluationResult(): EvaluationResult {
  const checkpoints = [
    { id: 'base', name: 'Phantom base', role: 'base' as const, trainingSource: 'phantom m' },
    { id: 'sft', name: 'SFT', role: 'sft' as const, trainingSource: 'phantom m' },
    { id: 'grpo', name: 'GRPO', role: 'grpo' as const, trainingSource: 'phantom m' },
  ];
  const cell = (datasetId: 'a' | 'b', checkpointId: string): EvaluationCell => {
    const lift = LIFT[checkpointId][datasetId === 'a' ? 0 : 1];
    const own = datasetId === 'a' ? CHEXPERT_LABELS : NIH_NINE;
    return {
      datasetId,
      checkpointId,
      own: figuresOf(own, lift),
      ownLabelSet: datasetId === 'a' ? 'chexpert-14' : 'nih-9',
      shared: figuresOf(NIH_NINE, lift),
      done: FILMS,
      total: FILMS,
    };
  };
  const cells = (['a', 'b'] as const).flatMap((id) => checkpoints.map((checkpoint) => cell(id, checkpoint.id)));
  const at = (datasetId: string, checkpointId: string) =>
    cells.find((each) => each.datasetId === datasetId && each.checkpointId === checkpointId) as EvaluationCell;
  const gaps = (['shared', 'own'] as const).flatMap((labelSet) =>
    checkpoints.map(({ id }) => {
      const [source, target] = [at('a', id)[labelSet], at('b', id)[labelSet]];
      const change = target.macro.f1 - source.macro.f1;
      const shared = labelSet === 'shared';
      return {
        labelSet,
        comparable: shared,
        checkpointId: id,
        source: source.macro.f1,
        target: target.macro.f1,
        change,
        interval: shared ? intervalAround(change, 0.03) : null,
        contributions: shared
          ? source.labels.map((figures, index) => ({
              label: figures.label,
              source: figures.f1,
              target: target.labels[index].f1,
              contribution: (target.labels[index].f1 - figures.f1) / source.labels.length,
            }))
          : [],
      };
    }),
  );
  return {
    id: 'e1',
    createdAt: '2026-11-23T08:00:00.000Z',
    sourceDatasetId: 'a',
    targetDatasetId: 'b',
    datasets: [
      {
        id: 'a',
        name: 'Phantom a',
        kind: 'chexpert',
        part: 'source',
        labels: [...CHEXPERT_LABELS],
        labelSet: 'chexpert-14',
        policy: 'zeros',
        unit: 'film',
        films: FILMS,
        patients: 190,
      },
      {
        id: 'b',
        name: 'Phantom b',
        kind: 'nih',
        part: 'target',
        labels: [...NIH_NINE],
        labelSet: 'nih-9',
        policy: 'zeros',
        unit: 'film',
        films: FILMS,
        patients: 190,
      },
    ],
    checkpoints,
    sharedLabels: [...NIH_NINE],
    cells,
    gaps,
    differences: (['a', 'b'] as const).map((datasetId) => {
      const [from, to] = [at(datasetId, 'sft').shared.macro.f1, at(datasetId, 'grpo').shared.macro.f1];
      return {
        datasetId,
        labelSet: 'shared',
        fromCheckpointId: 'sft',
        toCheckpointId: 'grpo',
        from,
        to,
        change: to - from,
        films: FILMS,
        interval: intervalAround(to - from, 0.04),
        p: datasetId === 'a' ? 0.21 : 0.0004,
        contributions: [],
      };
    }),
    gapDifferences: [
      {
        fromCheckpointId: 'sft',
        toCheckpointId: 'grpo',
        atSource: 0.03,
        atTarget: -0.05,
        change: -0.08,
        interval: intervalAround(-0.08, 0.04),
      },
    ],
    agreements: [],
    ...analyses(),
    headline: 'GRPO gains 0.030 over SFT at Phantom a and loses 0.050 at Phantom b, on the 9 shared labels.',
  };
}

/** Why, in whom, how many films, which films: made up, and adding up. */
function analyses(): Pick<
  EvaluationResult,
  'decompositions' | 'evidence' | 'habits' | 'subgroups' | 'power' | 'disagreements' | 'warnings'
> {
  const parts = [
    { cause: 'prevalence' as const, value: -0.01, interval: intervalAround(-0.01, 0.02) },
    { cause: 'convention' as const, value: -0.05, interval: intervalAround(-0.05, 0.03) },
    { cause: 'image' as const, value: -0.02, interval: intervalAround(-0.02, 0.03) },
  ];
  const pair = { fromCheckpointId: 'sft', toCheckpointId: 'grpo' };
  return {
    decompositions: [{ checkpointId: 'grpo', fromCheckpointId: 'sft', change: -0.08, parts, labels: [] }],
    evidence: [
      {
        label: 'Edema',
        sourcePrevalence: 0.24,
        targetPrevalence: 0.05,
        confirmedPrevalence: 0.21,
        truthMoved: 0.08,
        answersMoved: 0.001,
      },
    ],
    habits: [{ given: 'Pneumonia', also: 'Consolidation', source: 0.7, target: 0.12, answers: [] }],
    subgroups: (['F', 'M'] as const).map((group) => ({
      datasetId: 'b',
      by: 'sex',
      group,
      films: 100,
      patients: 95,
      labelsWithTen: 6,
      figures: ['base', 'sft', 'grpo'].map((checkpointId) => {
        return { checkpointId, macroF1: 0.4, interval: intervalAround(0.4, 0.05) };
      }),
      difference: { ...pair, change: -0.05, interval: intervalAround(-0.05, group === 'F' ? 0.04 : 0.07) },
    })),
    power: [
      {
        what: 'gap-difference',
        datasetId: null,
        fromCheckpointId: 'sft',
        checkpointId: 'grpo',
        effect: -0.08,
        standardError: 0.05,
        settled: false,
        films: [200, 200],
        filmsNeeded: [614, 614],
        detectable: 0.14,
      },
    ],
    disagreements: [
      {
        datasetId: 'b',
        filmId: 'b1',
        ...pair,
        contribution: -0.0042,
        labels: [
          { label: 'Edema', truth: 1, from: true, to: false },
          { label: 'Consolidation', truth: 0, from: false, to: true },
        ],
      },
    ],
    warnings: ['Patients in both data sets: 2.'],
  };
}
