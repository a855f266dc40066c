/**
 * The page comes by a protocol of its own, `app://chexreason/`, never by file://. It has the same headers as from the page
 * host, and nothing else can be loaded: every other address is refused before it is asked.
 */
import { readFile } from 'node:fs/promises';
import { type CommandLine, protocol, type Session } from 'electron';
import { mediaType, PAGE_HEADERS, pageFile } from '../page.ts';
import { rendererDir } from '../places.ts';

export const PAGE_ORIGIN = 'app://chexreason';
export const PAGE_URL = `${PAGE_ORIGIN}/index.html`;

/** Before the application is ready. */
export function declarePageProtocol(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/**
 * Chromium itself asks for things that no page asked for (updates of its components, dictionaries); `webRequest` does not
 * see those. Its resolver knows no name but this machine's, so that nothing can be reached from the browser's processes.
 * A configured server is the engine's to reach, which has Node's own resolver. Before the application is ready.
 */
export function keepToThisMachine(commandLine: CommandLine): void {
  commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost');
  for (const name of ['disable-background-networking', 'disable-component-update', 'disable-domain-reliability'])
    commandLine.appendSwitch(name);
}

export function servePage(session: Session): void {
  // Else it fetches a dictionary at every start, whether a page uses it or not.
  session.setSpellCheckerEnabled(false);
  session.setSpellCheckerLanguages([]);
  // `protocol.handle` is its successor from Electron 25 on; this form runs on every version that we pack and test with.
  session.protocol.registerBufferProtocol('app', (request, callback) => {
    respond(request.url).then(callback, () => callback({ statusCode: 404 }));
  });
  session.webRequest.onBeforeRequest((details, callback) => callback({ cancel: !isOurs(details.url) }));
  session.setPermissionRequestHandler((_contents, _permission, callback) => callback(false));
  session.setPermissionCheckHandler(() => false);
}

/** The page itself, what it makes (blob:, data:), and the developer tools, which the user opens. */
function isOurs(url: string): boolean {
  return url.startsWith(`${PAGE_ORIGIN}/`) || /^(blob:app:\/\/chexreason\/|data:|devtools:)/.test(url);
}

async function respond(url: string): Promise<Electron.ProtocolResponse> {
  const { host, pathname } = new URL(url);
  const path = host === 'chexreason' ? pageFile(rendererDir, pathname) : null;
  if (path === null) return { statusCode: 404 };
  return { data: await readFile(path), mimeType: mediaType(path).split(';')[0], headers: PAGE_HEADERS };
}
