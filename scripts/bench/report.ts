/**
 * Seconds to make the report of 25,596 films x 14 labels x 3 checkpoints at two institutions, given the computed figures (they
 * are made before, with few replicates; their number does not change the report): assembled, drawn, written as PDF/A, with six
 * films of 512 pixels and a training run of 2,000 steps for each checkpoint; then every export. The first run is a fresh
 * process's, the median that of the later ones.
 *
 * With --python, reportlab and matplotlib in the same run: as many figures as PDF vectors and the same tables, cell by cell,
 * with the same fonts (untagged, no PDF/A: they write neither).
 *
 *   npm run -s bench -- report [--films N] [--runs N] [--python PATH] --json
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../../core/base/random.ts';
import { evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { CHEXPERT_LABELS, type LabelValues } from '../../core/labels/labels.ts';
import { assemble, figuresOf, tablesOf } from '../../core/report/assemble.ts';
import { exportFiles } from '../../core/report/export/files.ts';
import { renderReport } from '../../core/report/report.ts';
import type { ReportInput } from '../../core/report/types.ts';
import { machine, median } from '../support/measure.ts';

const CHECKPOINTS = (['base', 'sft', 'grpo'] as const).map((role) => ({
  id: role,
  name: role.toUpperCase(),
  role,
  trainingSource: role === 'base' ? '' : 'institution m',
}));
const DATASETS = [
  { id: 'a', name: 'Institution a', kind: 'chexpert' as const },
  { id: 'b', name: 'Institution b', kind: 'nih' as const },
];

const PEER = `
import io, json, sys, time
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
work = json.load(sys.stdin)
pdfmetrics.registerFont(TTFont('Inter', work['font']))
def escaped(text): return text.replace('&', '&amp;').replace('<', '&lt;')
def once():
    for figure in work['figures']:
        fig, axes = plt.subplots(figsize=(figure['width'] / 72, figure['height'] / 72))
        for line in figure['lines']: axes.plot(line[0], line[1], color=line[2], linewidth=1)
        for x, y, text in figure['texts']: axes.text(x, y, text, fontsize=7)
        axes.set_xlim(0, figure['width']); axes.set_ylim(figure['height'], 0); axes.axis('off')
        fig.savefig(io.BytesIO(), format='pdf'); plt.close(fig)
    style = ParagraphStyle('cell', fontName='Inter', fontSize=8, leading=10)
    story = []
    for table in work['tables']:
        cells = [[Paragraph(escaped(text), style) for text in row] for row in table['rows']]
        total = sum(table['widths'])
        made = Table(cells, colWidths=[487 * w / total for w in table['widths']], repeatRows=1)
        made.setStyle(TableStyle([('LINEBELOW', (0, 0), (-1, -1), .4, colors.lightgrey)]))
        story += [Paragraph(escaped(table['caption']), style), made, Spacer(1, 12)]
    out = io.BytesIO()
    document = SimpleDocTemplate(out, pagesize=A4)
    document.build(story)
    return document.page
times = []
for run in range(work['runs'] + 1):
    start = time.perf_counter(); pages = once(); times.append(time.perf_counter() - start)
print(json.dumps({'first': times[0], 'later': sorted(times[1:])[(len(times) - 1) // 2], 'pages': pages}))
`;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      films: { type: 'string', default: '25596' },
      runs: { type: 'string', default: '5' },
      python: { type: 'string' },
    },
  });
  const [films, runs] = [Number(values.films), Number(values.runs)];
  const input = await simulatedInput(films);
  const resources = resolve('resources');
  const seconds: number[] = [];
  const peers: Peer[] = [];
  let pages = 0;
  let bytes = 0;
  for (let i = 0; i <= runs; i++) {
    const start = performance.now();
    const report = await renderReport(input, resources);
    seconds.push((performance.now() - start) / 1000);
    pages = report.pages;
    bytes = report.pdf.length;
    // In turn, so that a machine's other work hits both alike.
    if (values.python && i > 0) peers.push(timePeer(values.python, input));
  }
  const start = performance.now();
  const exported = (['csv', 'json', 'latex', 'svg'] as const).flatMap((format) => exportFiles(input, format));
  const exportSeconds = (performance.now() - start) / 1000;
  const later = median(seconds.slice(1));
  const peer = peers.length === 0 ? null : medianPeer(peers);
  return {
    benchmark: 'report',
    films,
    labels: CHEXPERT_LABELS.length,
    checkpoints: CHECKPOINTS.length,
    runs,
    machine: machine(),
    pages,
    bytes,
    firstSeconds: seconds[0],
    medianSeconds: later,
    exports: { files: exported.length, seconds: exportSeconds },
    peer,
    ratio: peer && { first: seconds[0]! / peer.first, later: later / peer.later },
  };
}

interface Peer {
  /** Of a fresh process, without its imports; then the same once more. */
  first: number;
  later: number;
  pages: number;
}

function medianPeer(peers: readonly Peer[]): Peer {
  const of = (field: 'first' | 'later') => median(peers.map((peer) => peer[field]));
  return { first: of('first'), later: of('later'), pages: peers[0]!.pages };
}

function timePeer(python: string, input: ReportInput): Peer {
  const report = assemble(input);
  const work = {
    runs: 1,
    font: resolve('resources/fonts/Inter-Regular.ttf'),
    tables: tablesOf(report).map(({ caption, columns, rows }) => ({
      caption,
      widths: columns.map(({ width }) => width),
      rows: [columns.map(({ title }) => title), ...rows.map((row) => row.map(({ text }) => text))],
    })),
    figures: figuresOf(report).map(({ figure: { width, height, marks } }) => ({
      width,
      height,
      lines: marks.flatMap((mark) =>
        mark.kind === 'line' ? [[mark.points.map(([x]) => x), mark.points.map(([, y]) => y), mark.color]] : [],
      ),
      texts: marks.flatMap((mark) => (mark.kind === 'text' ? [[mark.x, mark.y, mark.text]] : [])),
    })),
  };
  return JSON.parse(execFileSync(python, ['-c', PEER], { input: JSON.stringify(work), encoding: 'utf8' }));
}

async function simulatedInput(films: number): Promise<ReportInput> {
  const dataset = (index: 0 | 1) => ({
    ...DATASETS[index],
    labels: [...CHEXPERT_LABELS],
    policy: 'zeros' as const,
    unit: 'film' as const,
    total: films,
  });
  const evaluation = await evaluate({
    id: 'bench',
    createdAt: '2026-11-28T00:00:00.000Z',
    source: dataset(0),
    target: dataset(1),
    checkpoints: CHECKPOINTS,
    films: DATASETS.flatMap(({ id }) => simulatedFilms(id, films)),
    replicates: 50,
    seed: 1,
  });
  const hash = 'e'.repeat(64);
  return {
    evaluation,
    createdAt: '2026-11-28T00:00:00.000Z',
    answered: { from: '2026-11-27T00:00:00.000Z', to: '2026-11-28T00:00:00.000Z' },
    application: { name: 'ChexReason Workbench', version: '0.1.0' },
    datasets: DATASETS.map(({ id, kind }, i) => ({
      id,
      mapping: kind,
      description: `Simulated films of institution ${id}.`,
      table: `${id}.csv`,
      tableHash: hash,
      filmsHash: hash,
      filmsLeftOut: 0,
      unsuitable: { read: false, reasons: [] },
      relation: i === 0 ? ('in-distribution' as const) : ('other institution' as const),
    })),
    checkpoints: CHECKPOINTS.map(({ id }) => ({
      id,
      baseHash: hash,
      adapterHash: id === 'base' ? null : hash,
      promptId: 'free-reasoning',
      promptHash: hash,
      preprocessing: 'gemma3',
      training: '',
      concerns: [],
    })),
    reading: {
      sampling: { temperature: 0, topP: 1, seed: 0, maxNewTokens: 256, samplesPerFilm: 1 },
      engine: { executor: 'onnxruntime-cpu', version: '1', precision: 'f32', threads: 2 },
    },
    samples: DATASETS.flatMap(({ id }) => [1, 2, 3].map((number) => sampleOf(id, number))),
    failures: [],
    runs: (['sft', 'grpo'] as const).map((kind) => ({
      checkpointId: kind,
      kind,
      createdAt: '2026-11-20T00:00:00.000Z',
      config: {},
      departures: [],
      executor: 'tfjs',
      startHash: null,
      examples: 2000,
      dataHash: hash,
      log: Array.from({ length: 2000 }, (_, step) => ({
        step,
        loss: 1 / (step + 1),
        reward: step / 4000,
        kl: step / 1e5,
        entropy: 0.2,
        'probe/source/macro_f1': 0.2 + step / 1e4,
        'probe/target/macro_f1': 0.2 - step / 1e5,
      })),
    })),
    cost: { readings: [], peakMemoryBytes: 2 ** 30 },
    reproduce: ['npm run -s bench -- report --json'],
    limits: [],
  };
}

function simulatedFilms(datasetId: string, count: number): EvaluatedFilm[] {
  const random = new Random(`bench report ${datasetId}`);
  return Array.from({ length: count }, (_, i) => {
    const truth: LabelValues = {};
    for (const [j, label] of CHEXPERT_LABELS.entries()) truth[label] = random.chance(0.01 * 1.3 ** j) ? 1 : 0;
    return CHECKPOINTS.map(({ id }) => ({
      filmId: `${datasetId}${i}`,
      patientId: String(i % 2797),
      datasetId,
      checkpointId: id,
      truth,
      findings: CHEXPERT_LABELS.filter((label) => random.chance(truth[label] === 1 ? 0.7 : 0.05)),
      failed: random.chance(0.01),
    }));
  }).flat();
}

function sampleOf(datasetId: string, number: number): ReportInput['samples'][number] {
  const random = new Random(number);
  const reasoning = 'The heart is wide. Perihilar haze on both sides suggests fluid. No line or tube is seen. '.repeat(
    6,
  );
  return {
    title: `Film ${number} of institution ${datasetId}`,
    datasetId,
    image: {
      width: 512,
      height: 512,
      gray: Uint8Array.from({ length: 512 * 512 }, (_, i) => (i & 255) ^ random.below(8)),
    },
    truth: { Edema: 1 },
    readings: CHECKPOINTS.map(({ id }) => ({ checkpointId: id, findings: ['Edema'], reasoning, failure: null })),
  };
}
