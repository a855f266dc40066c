/**
 * What every architecture's configuration says, in one form, and reading config.json with errors that name the key.
 */
import { type JsonValue, WorkbenchError } from '../base/errors.ts';

export interface Rope {
  /** Base of the frequencies. */
  theta: number;
  /** Linear scaling: frequencies are divided by it; 1 for the default kind. */
  factor: number;
}

export type LayerType = 'full_attention' | 'sliding_attention';

/** The language model of any architecture, as executors, caches and training see it. */
export interface TextConfig {
  vocabulary: number;
  width: number;
  /** Inner width of the gated feed-forward block. */
  innerWidth: number;
  heads: number;
  keyValueHeads: number;
  headWidth: number;
  /** One for each layer. */
  layerTypes: LayerType[];
  normEpsilon: number;
  /** true: logits come from the embedding, false: from a head of its own. */
  tiedHead: boolean;
  maxPositions: number;
}

export interface ModelConfig {
  architecture: string;
  text: TextConfig;
  imageTokenId: number;
  /** Tokens that stand for images and videos, or open and close them. */
  visionTokenIds: number[];
  endTokenIds: number[];
  padTokenId: number;
}

/** The kinds of layers that a language model has, each once. */
export function layerKinds({ layerTypes }: TextConfig): LayerType[] {
  return [...new Set(layerTypes)];
}

export const MAX_LAYERS = 1024;

/** An object of config.json. Keys that are absent or null take their default. */
export class Section {
  private readonly values: Record<string, unknown>;

  constructor(
    values: unknown,
    private readonly file: string,
    private readonly path: string,
  ) {
    if (typeof values !== 'object' || values === null || Array.isArray(values))
      throw configError(file, path || 'config.json', 'must be an object.', values);
    this.values = values as Record<string, unknown>;
  }

  value(key: string): unknown {
    const value = Object.hasOwn(this.values, key) ? this.values[key] : undefined;
    return value === null ? undefined : value;
  }

  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  section(key: string): Section {
    return new Section(this.value(key) ?? {}, this.file, this.path + key);
  }

  overriddenBy(other: Section): Section {
    return new Section({ ...this.values, ...other.values }, this.file, this.path);
  }

  integer(key: string, absent: number): number {
    const value = this.value(key) ?? absent;
    if (Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31) return value as number;
    throw this.error(key, 'must be a positive integer.');
  }

  positive(key: string, absent: number): number {
    const value = this.value(key) ?? absent;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.error(key, 'must be a positive number.');
  }

  boolean(key: string, absent: boolean): boolean {
    const value = this.value(key) ?? absent;
    if (typeof value === 'boolean') return value;
    throw this.error(key, 'must be true or false.');
  }

  tokenId(key: string, absent: number): number {
    const value = this.value(key) ?? absent;
    if (Number.isInteger(value) && (value as number) >= 0) return value as number;
    throw this.error(key, 'must be a token id.');
  }

  /** One id or a list. */
  tokenIds(key: string, absent: number[]): number[] {
    const value = this.value(key) ?? absent;
    const list = Array.isArray(value) ? value : [value];
    if (list.length > 0 && list.every((id) => Number.isInteger(id) && id >= 0)) return list;
    throw this.error(key, 'must be a token id or a list of them.');
  }

  /** A number, or [n, n] for a square. */
  side(key: string, absent: number): number {
    const value = this.value(key);
    if (Array.isArray(value) && value.length === 2 && value[0] === value[1])
      return new Section({ [key]: value[0] }, this.file, this.path).integer(key, absent);
    return this.integer(key, absent);
  }

  requireOneOf(key: string, allowed: string[], absent: string, code = 'MODEL_CONFIG'): void {
    const value = this.value(key) ?? absent;
    if (typeof value === 'string' && allowed.includes(value)) return;
    throw configError(this.file, this.name(key), `must be ${allowed.join(' or ')}.`, value, code);
  }

  error(key: string, problem: string): WorkbenchError {
    return configError(this.file, this.name(key), problem, this.value(key));
  }

  private name(key: string): string {
    return this.path ? `${this.path}.${key}` : key;
  }
}

function configError(file: string, key: string, problem: string, value: unknown, code = 'MODEL_CONFIG') {
  const shown = value === undefined ? null : (JSON.parse(JSON.stringify(value)) as JsonValue);
  return new WorkbenchError(code, `In the model's configuration, ${key} ${problem}`, { file, key, value: shown });
}
