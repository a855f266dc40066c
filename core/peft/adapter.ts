/** A LoRA adapter in memory (PEFT's `adapter_config.json` + `adapter_model.safetensors`), named by canonical modules. */

export interface AdapterModule {
  /** PEFT's lora_A, transposed: `[in, rank]`, row-major. */
  down: Float32Array;
  /** PEFT's lora_B, transposed: `[rank, out]`, row-major; not yet scaled. */
  up: Float32Array;
  rank: number;
  in: number;
  out: number;
  /** alpha / rank, or alpha / sqrt(rank) with use_rslora. */
  scale: number;
}

export interface Adapter {
  /** sha256 of the tensors and of what in the configuration changes the result. */
  hash: string;
  /** By the canonical name of the linear layer, e.g. `language.layers.0.self_attn.q_proj`. */
  modules: ReadonlyMap<string, AdapterModule>;
  config: Record<string, unknown>;
}
