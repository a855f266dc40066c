/**
 * What a server is and what it has: kind, version, models and adapters, found out by a few small requests.
 *
 *   any         GET  /v1/models         data[].id; `owned_by` tells vllm, llamacpp, library (Ollama); vLLM: `root`, `parent`
 *   vLLM        GET  /version           {version}
 *   llama.cpp   GET  /props             build_info, modalities.vision;  GET /lora-adapters  [{id, path, scale}]
 *   Ollama      GET  /api/version       {version};                      GET /api/tags       models[].name, details
 */
import { type JsonValue, toErrorData, WorkbenchError } from '../../base/errors.ts';
import type { Connection, ServerKind } from './chat.ts';
import { type HttpCall, place, readJsonBody, readText, send, statusError } from './http.ts';

export interface RemoteModel {
  /** What a request names. */
  id: string;
  /** An adapter's base; null: a base model. */
  parent: string | null;
  /** llama.cpp: the number of the adapter. */
  loraId?: number;
  /** What the server says about it: path or repository, quantization. */
  root: string;
  precision: string;
  /** null: the server does not say. */
  vision: boolean | null;
  contextLength: number | null;
}

export interface ServerFacts {
  kind: ServerKind;
  /** Empty where the server does not say. */
  version: string;
  models: RemoteModel[];
}

const MOST_MODELS = 1000;

type Json = Record<string, JsonValue>;

/** Errors: those of http.ts; SERVER_ANSWER where the server is none that we understand. */
export async function detectServer(connection: Connection, signal?: AbortSignal): Promise<ServerFacts> {
  const call = { ...connection, path: '/v1/models', signal };
  const listed = modelsIn(await getJson(call), call);
  const owner = String(listed[0]?.['owned_by'] ?? '').toLowerCase();
  const get = (path: string) => getIfThere({ ...connection, path, signal });
  const ollama = owner === 'library' || listed.length === 0 ? await get('/api/version') : null;
  if (ollama) return ollamaFacts(textIn(ollama, 'version'), await get('/api/tags'));
  const props = owner === 'vllm' ? null : await get('/props');
  if (owner === 'llamacpp' || props?.['build_info'] !== undefined) {
    return llamaFacts(listed, props ?? {}, await get('/lora-adapters'));
  }
  const version = textIn(await get('/version'), 'version');
  return { kind: owner === 'vllm' ? 'vllm' : 'openai', version, models: listed.map(modelOf) };
}

function modelsIn(json: unknown, call: HttpCall): Json[] {
  const data = (json as { data?: unknown } | null)?.data;
  if (!Array.isArray(data) || data.some((model) => typeof model?.id !== 'string')) {
    const message = 'This is no OpenAI-compatible server: its list of models has another form.';
    throw new WorkbenchError('SERVER_ANSWER', message, place(call));
  }
  return data.slice(0, MOST_MODELS) as Json[];
}

function modelOf(model: Json): RemoteModel {
  const length = model['max_model_len'];
  return {
    id: model['id'] as string,
    parent: typeof model['parent'] === 'string' ? model['parent'] : null,
    root: textIn(model, 'root'),
    precision: '',
    vision: null,
    contextLength: typeof length === 'number' ? length : null,
  };
}

function llamaFacts(listed: Json[], props: Json, adapters: JsonValue | null): ServerFacts {
  const modalities = props['modalities'] as { vision?: boolean } | undefined;
  const settings = props['default_generation_settings'] as { n_ctx?: number } | undefined;
  const bases = listed.map((model) => ({
    ...modelOf(model),
    root: textIn(props, 'model_path'),
    precision: textIn(model['meta'] as Json | undefined, 'ftype') || textIn(props, 'model_ftype'),
    vision: modalities?.vision ?? null,
    contextLength: settings?.n_ctx ?? null,
  }));
  const [base] = bases;
  const loras = Array.isArray(adapters) && base ? (adapters as { id: number; path?: string }[]) : [];
  const named = loras.map(({ id, path = '' }) => ({
    ...base!,
    id: fileName(path) || `adapter ${id}`,
    parent: base!.id,
    loraId: id,
    root: path,
  }));
  return { kind: 'llama.cpp', version: textIn(props, 'build_info'), models: [...bases, ...named] };
}

function ollamaFacts(version: string, tags: Json | null): ServerFacts {
  const models = Array.isArray(tags?.['models']) ? (tags['models'] as Json[]) : [];
  return {
    kind: 'ollama',
    version,
    models: models.slice(0, MOST_MODELS).map((model) => ({
      id: textIn(model, 'name'),
      parent: null,
      root: textIn(model, 'digest').slice(0, 12),
      precision: textIn(model['details'] as Json | undefined, 'quantization_level'),
      vision: Array.isArray(model['capabilities']) ? model['capabilities'].includes('vision') : null,
      contextLength: null,
    })),
  };
}

/** vLLM: loads an adapter that lies on the server's disk. The answer is plain text. Errors: those of http.ts. */
export async function loadVllmAdapter(
  connection: Connection,
  adapter: { name: string; path: string },
  signal?: AbortSignal,
): Promise<void> {
  const body = { lora_name: adapter.name, lora_path: adapter.path };
  const call = { ...connection, path: '/v1/load_lora_adapter', body, signal };
  const answer = await send(call);
  if (answer.status === 404) {
    throw new WorkbenchError(
      'SERVER_NO_LOADING',
      'This server loads no adapters at run time.',
      place(call),
      'Start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, or name the adapter at its start with --lora-modules.',
    );
  }
  if (answer.status !== 200) throw await statusError(answer, call);
  await readText(answer);
}

async function getJson(call: HttpCall): Promise<unknown> {
  const answer = await send(call);
  if (answer.status !== 200) throw await statusError(answer, call);
  return readJsonBody(answer, call);
}

/** null where the server has no such path, or something else there. */
async function getIfThere(call: HttpCall): Promise<Json | null> {
  try {
    return (await getJson(call)) as Json;
  } catch (error) {
    if (toErrorData(error).code === 'CANCELLED') throw error;
    return null;
  }
}

function textIn(json: JsonValue | Json | null | undefined, field: string): string {
  const value = (json as Json | null | undefined)?.[field];
  return typeof value === 'string' ? value : '';
}

function fileName(path: string): string {
  return (path.split(/[\\/]/).pop() ?? '').replace(/\.gguf$/i, '');
}
