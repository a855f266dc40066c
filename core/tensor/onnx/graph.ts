/**
 * An ONNX graph while it is being recorded: named values, nodes, constants and weights that stay in their own files.
 * Nothing here knows a network; ops.ts records one. Operators and their versions: https://onnx.ai/onnx/operators/
 */
import { sep } from 'node:path';
import { bytesOf } from '../../base/hash.ts';
import { encodeModel } from './schema.ts';

/** TensorProto.DataType of onnx.proto. */
export const DATA_TYPES = { float: 1, uint8: 2, int32: 6, int64: 7, float16: 10, bfloat16: 16 } as const;
export type DataType = keyof typeof DATA_TYPES;

/** A fixed size, or the name of a free one. */
export type Dimension = number | string;

/** An edge of the graph. */
export interface Value {
  readonly name: string;
}

/** A number is an INT, unless wrapped in `float()`. */
export type Attribute = number | string | number[] | FloatAttribute;
interface FloatAttribute {
  float: number;
}
export const float = (value: number): FloatAttribute => ({ float: value });

/** Bytes of a tensor in a file on disk: absolute real path, offset and length in bytes. */
export interface FileRegion {
  file: string;
  offset: number;
  length: number;
}

export interface EncodedGraph {
  bytes: Uint8Array;
  /** The folder that the locations of external weights are relative to; null where there are none. */
  externalRoot: string | null;
}

interface NodeRecord {
  opType: string;
  name: string;
  domain: string;
  input: string[];
  output: string[];
  attribute: Record<string, unknown>[];
}

interface Initializer {
  name: string;
  type: DataType;
  shape: readonly number[];
  raw?: Uint8Array;
  region?: FileRegion;
}

/** Opset 23 has Attention and RotaryEmbedding; IR version 11 goes with it. */
const OPSET = 23;
const IR_VERSION = 11;
export const MICROSOFT = 'com.microsoft';

export class OnnxGraph {
  private readonly nodes: NodeRecord[] = [];
  private readonly inputs: Record<string, unknown>[] = [];
  private readonly outputs: Record<string, unknown>[] = [];
  private readonly initializers = new Map<string, Initializer>();
  /** Results of nodes that are outputs: they bear the output's name, because an Identity would copy them. */
  private readonly outputNames = new Map<string, string>();
  private count = 0;

  constructor(private readonly name: string) {}

  input(name: string, type: DataType, shape: readonly Dimension[]): Value {
    this.inputs.push(valueInfo(name, type, shape));
    return { name };
  }

  /** Gives a value the name under which the session returns it; its shape is inferred where it is left out. */
  output(value: Value, name: string, type: DataType, shape?: readonly Dimension[]): void {
    const isResult = this.nodes.some((node) => node.output.includes(value.name)) && !this.outputNames.has(value.name);
    this.outputNames.set(isResult ? value.name : this.node('Identity', [value]).name, name);
    this.outputs.push(valueInfo(name, type, shape));
  }

  /** Records one operator with one result. `null` leaves an optional input out. */
  node(op: string, inputs: readonly (Value | null)[], attributes: Record<string, Attribute> = {}, domain = ''): Value {
    return this.nodeOf(1, op, inputs, attributes, domain)[0]!;
  }

  /** Records one operator with several results. */
  nodeOf(
    results: number,
    op: string,
    inputs: readonly (Value | null)[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): Value[] {
    const name = `${op}_${this.count++}`;
    const output = Array.from({ length: results }, (_, i) => (i === 0 ? name : `${name}.${i}`));
    this.nodes.push({
      opType: op,
      name,
      domain,
      input: inputs.map((value) => value?.name ?? ''),
      output,
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    return output.map((result) => ({ name: result }));
  }

  /**
   * Puts an operator in the place of the one that gave `replaced`: it gives the same value as its output number `at`
   * besides its own first one. null where a node depends on that value already, as nodes stand in order.
   */
  replace(
    replaced: Value,
    at: number,
    op: string,
    inputs: readonly (Value | null)[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): Value | null {
    const old = this.nodes.findIndex((node) => node.output[0] === replaced.name);
    if (old < 0 || this.nodes.slice(old).some((node) => node.input.includes(replaced.name))) return null;
    this.nodes.splice(old, 1);
    const value = this.node(op, inputs, attributes, domain);
    const { output } = this.nodes[this.nodes.length - 1]!;
    while (output.length < at) output.push('');
    output.push(replaced.name);
    return value;
  }

  /** A small constant inside the graph; equal ones are stored once. */
  int64s(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const name = `int64.${shape.join('x')}.${values.join(',')}`;
    const raw = bytesOf(BigInt64Array.from(values, BigInt));
    return this.initializer({ name, type: 'int64', shape, raw });
  }

  int32(value: number): Value {
    return this.initializer({ name: `int32.${value}`, type: 'int32', shape: [], raw: bytesOf(Int32Array.of(value)) });
  }

  float(value: number): Value {
    return this.initializer({ name: `float.${value}`, type: 'float', shape: [], raw: bytesOf(Float32Array.of(value)) });
  }

  /** A weight that stays where it is; ONNX Runtime maps the file into memory. */
  external(name: string, type: DataType, shape: readonly number[], region: FileRegion): Value {
    return this.initializer({ name, type, shape, region });
  }

  private initializer(tensor: Initializer): Value {
    if (!this.initializers.has(tensor.name)) this.initializers.set(tensor.name, tensor);
    return { name: tensor.name };
  }

  encode(): EncodedGraph {
    const tensors = [...this.initializers.values()];
    const files = tensors.flatMap((tensor) => (tensor.region ? [tensor.region.file] : []));
    const externalRoot = files.length === 0 ? null : commonFolder(files);
    const bytes = encodeModel({
      irVersion: IR_VERSION,
      producerName: 'chexreason',
      opsetImport: [
        { domain: '', version: OPSET },
        { domain: MICROSOFT, version: 1 },
      ],
      graph: {
        name: this.name,
        node: this.neededNodes().map((node) => this.withOutputNames(node)),
        initializer: tensors.map((tensor) => tensorProto(tensor, externalRoot ?? '')),
        input: this.inputs,
        output: this.outputs,
      },
    });
    return { bytes, externalRoot };
  }

  /** Those that an output depends on. */
  private neededNodes(): NodeRecord[] {
    const needed = new Set(this.outputNames.keys());
    const nodes = [...this.nodes].reverse().filter((node) => {
      const isNeeded = node.output.some((name) => needed.has(name));
      if (isNeeded) for (const name of node.input) needed.add(name);
      return isNeeded;
    });
    return nodes.reverse();
  }

  private withOutputNames(node: NodeRecord): NodeRecord {
    const final = (name: string) => this.outputNames.get(name) ?? name;
    return { ...node, input: node.input.map(final), output: node.output.map(final) };
  }
}

function attribute(name: string, value: Attribute): Record<string, unknown> {
  if (typeof value === 'string') return { name, s: Buffer.from(value), type: 3 };
  if (typeof value === 'number') return { name, i: value, type: 2 };
  if (Array.isArray(value)) return { name, ints: value, type: 7 };
  return { name, f: value.float, type: 1 };
}

function valueInfo(name: string, type: DataType, shape?: readonly Dimension[]): Record<string, unknown> {
  const dim = shape?.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[type], ...(dim ? { shape: { dim } } : {}) } } };
}

function tensorProto({ name, type, shape, raw, region }: Initializer, root: string): Record<string, unknown> {
  const head = { name, dataType: DATA_TYPES[type], dims: shape };
  if (!region) return { ...head, rawData: raw };
  const location = region.file.slice(root.length).split(sep).join('/');
  const externalData = Object.entries({ location, offset: `${region.offset}`, length: `${region.length}` });
  return { ...head, dataLocation: 1, externalData: externalData.map(([key, value]) => ({ key, value })) };
}

/** The deepest folder that holds all files, with its separator at the end. */
function commonFolder(files: readonly string[]): string {
  let folder = files[0]!.slice(0, files[0]!.lastIndexOf(sep) + 1);
  for (const file of files) {
    while (!file.startsWith(folder)) folder = folder.slice(0, folder.lastIndexOf(sep, folder.length - 2) + 1);
  }
  return folder;
}
