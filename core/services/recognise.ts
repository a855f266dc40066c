/** What a dropped or pasted path is, judged by names, a table's header and a folder's files; nothing is read whole. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import type { RecognisedPath } from './contract.ts';

/** Bytes of a table that hold its header. */
const HEADER_BYTES = 4096;
/** Of any form: one whose columns are not known is asked about. */
const TABLE = /\.(csv|jsonl|ndjson)(\.gz)?$/i;

export async function recognisePath(path: string): Promise<RecognisedPath> {
  try {
    const kind = (await stat(path)).isDirectory() ? await folderKind(path) : null;
    if (kind) return { path, kind, table: null };
    const table = await tableKind(path);
    return { path, kind: TABLE.test(path) ? 'table' : 'films', table };
  } catch {
    return { path, kind: 'unknown', table: null };
  }
}

async function folderKind(path: string): Promise<RecognisedPath['kind']> {
  const names = new Set(await readdir(path));
  if (names.has('workspace.json')) return 'workspace';
  if (names.has('adapter_config.json')) return 'adapter';
  const weights = [...names].some((name) => name.endsWith('.safetensors') || name.endsWith('.safetensors.index.json'));
  return names.has('config.json') && weights ? 'base' : 'films';
}

async function tableKind(path: string): Promise<RecognisedPath['table']> {
  if (!TABLE.test(path)) return null;
  // MIMIC-CXR-JPG's tables come compressed and keep their names.
  if (/^mimic-cxr/i.test(basename(path))) return 'mimic';
  const header = await firstLine(path);
  if (header.includes('Finding Labels')) return 'nih';
  if (header.includes('subject_id')) return 'mimic';
  return header.includes('No Finding') || header.includes('Enlarged Cardiomediastinum') ? 'chexpert' : null;
}

async function firstLine(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const bytes = buffer.subarray(0, bytesRead);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    // What is there of it: the rest follows in the file.
    const plain = isGzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
    return plain.toString('utf8').split('\n')[0]!;
  } finally {
    await file.close();
  }
}
