/** What computes: the processor, or a GPU through WebGPU (Vulkan, Direct3D 12, Metal). */
export const DEVICES = ['cpu', 'webgpu'] as const;
export type Device = (typeof DEVICES)[number];

/** What runs a network, as the interface shows it. */
export interface ExecutorInfo {
  /** `onnxruntime-cpu`, `onnxruntime-webgpu`, `tfjs-tensorflow`, `tfjs-wasm`. */
  name: string;
  version: string;
  threads: number;
  /** Why this one runs and not a faster one, as a sentence: "libtensorflow is not built; run npm run setup:tensorflow". */
  reason: string;
}

/** What may be asked for: `auto` is the fastest that is there. */
export const EXECUTORS = ['auto', 'onnxruntime-cpu', 'tfjs-tensorflow', 'tfjs-wasm'] as const;
export type ExecutorChoice = (typeof EXECUTORS)[number];
