/**
 * Reverse-mode differentiation of a graph while it is recorded: each operation leaves behind how the gradient of its result
 * becomes that of its inputs, as further nodes of the same graph; `backward` records these in reverse order. What no output
 * depends on is left out of the graph by `OnnxGraph.encode`, so a gradient that nobody wants costs nothing.
 */
import type { OnnxGraph, Value } from '../graph.ts';

/** The gradients of an operation's inputs from that of its result; null: none flows there. */
export type Pull = (dy: Value) => readonly (Value | null)[];

export interface TapeEntry {
  y: Value;
  inputs: readonly Value[];
  pull: Pull;
}

export class Tape {
  private entries: TapeEntry[] = [];
  private readonly differentiable = new Set<string>();
  private readonly leaves = new Set<string>();
  private readonly leafGradients = new Map<string, Value>();

  constructor(private readonly graph: OnnxGraph) {}

  /** A value whose gradient is wanted. */
  leaf(value: Value): Value {
    this.leaves.add(value.name);
    return this.passing(value);
  }

  /** A value that gradients pass through although nothing recorded gave it. */
  passing(value: Value): Value {
    this.differentiable.add(value.name);
    return value;
  }

  needs(value: Value): boolean {
    return this.differentiable.has(value.name);
  }

  /** Notes how `y` came to be. @returns y */
  record(y: Value, inputs: readonly Value[], pull: Pull): Value {
    if (inputs.some((input) => this.needs(input))) {
      this.differentiable.add(y.name);
      this.entries.push({ y, inputs, pull });
    }
    return y;
  }

  /** As `record`, for a part whose inner values are differentiable although none of its inputs is. */
  always(y: Value, inputs: readonly Value[], pull: Pull): Value {
    this.differentiable.add(y.name);
    this.entries.push({ y, inputs, pull });
    return y;
  }

  /** Notes nothing of what `work` records here, but in a list of its own. */
  apart<R>(work: () => R): { result: R; entries: TapeEntry[] } {
    const outer = this.entries;
    this.entries = [];
    const result = work();
    const { entries } = this;
    this.entries = outer;
    return { result, entries };
  }

  /**
   * Records the way back from `y`, whose gradient is `dy`, over `entries` (absent: all). Gradients of leaves are added to
   * what they have already.
   * @returns the gradients of values that no entry gave, by name, and those that went into leaves
   */
  backward(
    y: Value,
    dy: Value,
    entries: readonly TapeEntry[] = this.entries,
  ): { passed: Map<string, Value>; leaves: Value[] } {
    const passed = new Map([[y.name, dy]]);
    const leaves: Value[] = [];
    for (const entry of [...entries].reverse()) {
      const own = passed.get(entry.y.name);
      if (!own) continue;
      passed.delete(entry.y.name);
      entry.pull(own).forEach((dx, i) => {
        const input = entry.inputs[i]!;
        if (!dx || !this.needs(input)) return;
        const isLeaf = this.leaves.has(input.name);
        if (isLeaf) leaves.push(dx);
        this.add(isLeaf ? this.leafGradients : passed, input, dx);
      });
    }
    return { passed, leaves };
  }

  /** After `backward`. */
  gradientOf(leaf: Value): Value | undefined {
    return this.leafGradients.get(leaf.name);
  }

  private add(gradients: Map<string, Value>, { name }: Value, dx: Value): void {
    const before = gradients.get(name);
    gradients.set(name, before ? this.graph.node('Add', [before, dx]) : dx);
  }
}
