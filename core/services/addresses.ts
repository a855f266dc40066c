/** Where a window finds its engine. Apart from the contract, so that the page carries no checks of requests (zod). */

export const ENGINE_PORT_MESSAGE = 'chexreason:engine-port';

/**
 * The page host (`chexreason serve`), all behind the token of the printed address: envelopes as CBOR on the WebSocket
 * `/ws`, and `POST /upload?name=FILE&drop=ID`, which keeps a copy of a dropped file and answers `{ path }`. FILE may have
 * folders in it, as it was dropped; the files of one drop (ID: 16 hexadecimal digits, by the page) lie together, and `path` is
 * that of the file or folder that was dropped. The token is the query's `token` on the first page load, and a cookie from then on.
 */
export const PAGE_HOST = { socket: '/ws', upload: '/upload' } as const;
