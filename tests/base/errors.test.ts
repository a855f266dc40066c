/** Any thrown value becomes data that says what and where. */
import { describe, expect, it } from 'vitest';
import { fromErrorData, toErrorData, WorkbenchError } from '../../core/base/errors.ts';

describe('toErrorData', () => {
  const data = { code: 'A_CODE', message: 'A sentence.', details: { file: 'x' }, remedy: 'Help.' };

  it('is the inverse of fromErrorData, and leaves data as it is', () => {
    expect(toErrorData(fromErrorData(data))).toEqual(data);
    expect(toErrorData(data)).toEqual(data);
    expect(toErrorData(new WorkbenchError('B', 'C.'))).toEqual({ code: 'B', message: 'C.', details: {} });
  });

  it.each([
    [Object.assign(new Error('x'), { code: 'ENOENT', path: '/a' }), 'FILE_NOT_FOUND', { file: '/a' }],
    [Object.assign(new Error('x'), { code: 'ENOSPC' }), 'DISK_FULL', {}],
    [Object.assign(new Error('x'), { name: 'AbortError' }), 'CANCELLED', {}],
  ])('knows what Node throws: %s', (error, code, details) => {
    expect(toErrorData(error)).toMatchObject({ code, details });
  });

  it.each([
    [new Error('went wrong'), 'went wrong'],
    [{ message: 'an object with a message' }, 'an object with a message'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('keeps the words of what it does not know: %j', (error, message) => {
    expect(toErrorData(error)).toEqual({ code: 'INTERNAL', message, details: {} });
  });
});
