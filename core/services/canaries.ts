/**
 * The canary: one built-in phantom film that every checkpoint reads when it is opened. An adapter's answer is recorded beside
 * its base's to the same question, so that an adapter that a loader or a server ignores is seen at once (TRL #6700, unsloth
 * #8701, vLLM #48019 are such cases). Kept in `canaries.json` of the workspace, by checkpoint and hash.
 */
import { join } from 'node:path';
import { writePhantom } from '../phantom/generate.ts';
import { readJsonLines } from '../platform/files.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Answers, GREEDY, type Question } from './answers.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Canary, Checkpoint, FilmEntry, Prediction } from './contract.ts';

const FILE = 'canaries.json';
const SEED = 451;
const SIZE = 512;
/** Enough to tell two checkpoints apart; a large model on a CPU takes its time. */
const TOKENS = 160;
const TOKENS_OF_LARGE = 40;
const LARGE_PARAMETERS = 1e8;
/** Logits of one row differ by this much with the batch that it is in. */
const ROUNDING = 1e-5;

export const CANARY_FILM = 'canary';

export class Canaries {
  private readonly known = new Map<string, { hash: string; canary: Canary }>();

  constructor(
    private readonly workspace: Workspace,
    private readonly checkpoints: Checkpoints,
    private readonly answers: Answers,
    private readonly userDir: string,
    private readonly now: () => Date,
  ) {}

  async load(): Promise<void> {
    const stored = await this.workspace.read<Record<string, { hash: string; canary: Canary }>>(FILE);
    for (const [id, each] of Object.entries(stored ?? {})) this.known.set(id, each);
    for (const checkpoint of this.checkpoints.list()) this.show(checkpoint);
  }

  /** Whether it has not read the canary film yet. */
  isMissing({ id, hash, error }: Checkpoint): boolean {
    return error === null && this.known.get(id)?.hash !== hash;
  }

  /** Whether asking costs seconds, not minutes, so that it is done unasked. */
  isCheap({ info, server }: Checkpoint): boolean {
    return !server && info !== null && info.parameters < LARGE_PARAMETERS;
  }

  /** Asks the checkpoint and, for an adapter, its base in the same way. Throws what asking throws. */
  async ask(id: string, signal?: AbortSignal): Promise<Checkpoint> {
    const checkpoint = this.checkpoints.usable(id);
    const base = this.baseOf(checkpoint);
    const maxNewTokens = (checkpoint.info?.parameters ?? 0) < LARGE_PARAMETERS ? TOKENS : TOKENS_OF_LARGE;
    const film = await canaryFilm(this.userDir);
    const asked = [checkpoint, ...(base ? [base] : [])];
    const questions = asked.map((each): Question => ({ film, checkpoint: each }));
    const [own, other] = await this.answers.answer(questions, { ...GREEDY, maxNewTokens }, { signal });
    const canary = canaryOf(own!, other ?? null, this.now());
    this.known.set(id, { hash: checkpoint.hash, canary });
    await this.workspace.write(Object.fromEntries(this.known), FILE);
    this.show(checkpoint);
    return this.checkpoints.usable(id);
  }

  /** Its base, asked with the adapter's own prompt, preprocessing and reader. */
  private baseOf(checkpoint: Checkpoint): Checkpoint | null {
    const { server, preprocessing, promptId, answerFormat } = checkpoint;
    const same = { preprocessing, promptId, ...(answerFormat ? { answerFormat } : {}) };
    if (server) {
      if (server.parent === null) return null;
      return { ...checkpoint, id: `${checkpoint.id}-base`, server: { ...server, model: server.parent, parent: null } };
    }
    return checkpoint.baseId === null ? null : { ...this.checkpoints.usable(checkpoint.baseId), ...same };
  }

  private show({ id, hash, warnings, server }: Checkpoint): void {
    const found = this.known.get(id);
    if (found?.hash !== hash) return;
    const { canary } = found;
    const others = warnings.filter((warning) => !SILENT.includes(warning));
    const silent = canary.base?.same ? [SILENT[server ? 1 : 0]!] : [];
    this.checkpoints.note(id, { canary, warnings: [...others, ...silent] });
  }
}

const SILENT = [
  'It answers the canary film exactly as its base does, word for word and with the same probabilities.',
  'It answers the canary film exactly as its base does: the server seems to ignore the adapter.',
];

function canaryOf(own: Prediction, base: Prediction | null, now: Date): Canary {
  const { text, reading, logprobs, provenance } = own;
  return {
    text,
    findings: reading.findings,
    parseFailure: reading.parseFailure,
    logprobs: logprobs.slice(0, 16),
    executor: `${provenance.executor} ${provenance.executorVersion}`.trim(),
    at: now.toISOString(),
    base: base && comparisonOf(own, base),
  };
}

function comparisonOf(own: Prediction, base: Prediction): NonNullable<Canary['base']> {
  const sameText = own.text === base.text;
  const tokens = Math.min(own.logprobs.length, base.logprobs.length);
  const gaps = own.logprobs.slice(0, tokens).map((logprob, i) => Math.abs(logprob - base.logprobs[i]!));
  // Of different texts the probabilities are of different tokens.
  const largestDifference = sameText && tokens > 0 ? Math.max(...gaps) : null;
  const same = sameText && (largestDifference === null || largestDifference <= ROUNDING);
  return { text: base.text, findings: base.reading.findings, largestDifference, same };
}

/** The film itself, drawn where it is missing; it belongs to no collection. */
async function canaryFilm(userDir: string): Promise<FilmEntry> {
  const out = join(userDir, 'cache', `canary-${SEED}-${SIZE}`);
  await writePhantom({ institution: 'a', count: 1, seed: SEED, out, size: SIZE, format: 'png' });
  const [facts] = await readJsonLines<{ path: string }>(join(out, 'phantom.jsonl'));
  return {
    id: CANARY_FILM,
    collectionId: '',
    path: join(out, facts!.path),
    frame: 0,
    patientId: '',
    patientName: '',
    patientSex: '',
    patientAge: '',
    studyDate: '',
    studyInstanceUid: '',
    seriesInstanceUid: '',
    description: 'Canary film',
    modality: '',
    viewPosition: 'AP',
    rows: SIZE,
    columns: SIZE,
    truth: null,
    phantom: true,
    cautions: [],
    warnings: [],
  };
}
