/**
 * Errors are data: a stable code, a sentence for a person, where it happened, and what helps.
 * They cross process boundaries as plain JSON (`toErrorData`) and come back as the same class (`fromErrorData`).
 */

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

export interface ErrorData {
  /** Stable, upper case with underscores, prefixed by its room: `DICOM_TRUNCATED_PIXELS`. */
  code: string;
  /** One sentence that a person understands. */
  message: string;
  /** Where: file, frame, row, column, tensor, expected and actual shape. */
  details: Record<string, JsonValue>;
  /** What the user can do about it, if something is known to help. */
  remedy?: string;
}

export class WorkbenchError extends Error implements ErrorData {
  readonly code: string;
  readonly details: Record<string, JsonValue>;
  readonly remedy?: string;

  constructor(code: string, message: string, details: Record<string, JsonValue> = {}, remedy?: string) {
    super(message);
    this.name = 'WorkbenchError';
    this.code = code;
    this.details = details;
    this.remedy = remedy;
  }
}

/** The same error with more places added to its details (the outer room knows the file, the inner one the byte). */
export function locate(error: unknown, details: Record<string, JsonValue>): WorkbenchError {
  const data = toErrorData(error);
  return new WorkbenchError(data.code, data.message, { ...details, ...data.details }, data.remedy);
}

const NODE_ERRORS: Record<string, [code: string, message: string, remedy?: string]> = {
  ENOENT: ['FILE_NOT_FOUND', 'The file or folder does not exist.', 'Check the path.'],
  EACCES: ['FILE_NOT_READABLE', 'The file or folder may not be read or written.', 'Check its permissions.'],
  EPERM: ['FILE_NOT_READABLE', 'The file or folder may not be read or written.', 'Check its permissions.'],
  EISDIR: ['FILE_IS_A_FOLDER', 'A file was expected, and this is a folder.'],
  ENOTDIR: ['FILE_NOT_A_FOLDER', 'A folder was expected, and this is a file.'],
  ENOSPC: [
    'DISK_FULL',
    'The disk is full.',
    'Free some space; what was done so far is kept, and the work can be resumed.',
  ],
  EMFILE: ['TOO_MANY_OPEN_FILES', 'Too many files are open at once.'],
};

/** Any thrown value as data. Unknown errors get the code `INTERNAL`. */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof WorkbenchError) {
    const { code, message, details, remedy } = error;
    return remedy === undefined ? { code, message, details } : { code, message, details, remedy };
  }
  if (isErrorData(error)) return error;
  if (isAbort(error)) return { code: 'CANCELLED', message: 'The work was cancelled.', details: {} };
  const node = error as { code?: string; path?: string; message?: string } | undefined;
  const known = node?.code === undefined ? undefined : NODE_ERRORS[node.code];
  if (known) {
    const [code, message, remedy] = known;
    return { code, message, details: node?.path ? { file: node.path } : {}, ...(remedy ? { remedy } : {}) };
  }
  return { code: 'INTERNAL', message: node?.message ?? String(error), details: {} };
}

export function fromErrorData(data: ErrorData): WorkbenchError {
  return new WorkbenchError(data.code, data.message, data.details, data.remedy);
}

/** What crossed a process boundary, or was made by hand. */
function isErrorData(error: unknown): error is ErrorData {
  const data = error as Partial<ErrorData> | null | undefined;
  const isText = typeof data?.code === 'string' && typeof data.message === 'string';
  return isText && !(error instanceof Error) && typeof data.details === 'object' && data.details !== null;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
