/** What runs a network, as the interface shows it. */
export interface ExecutorInfo {
  /** `onnxruntime-cpu`, `tfjs-tensorflow`, `tfjs-wasm`, later `onnxruntime-webgpu`, ... */
  name: string;
  version: string;
  threads: number;
  /** Why this one runs and not a faster one, as a sentence: "libtensorflow is not built; run npm run setup:tensorflow". */
  reason: string;
}
