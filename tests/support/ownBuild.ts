/**
 * The desktop as it is built, without the fuses of the packed one, which close Node's inspector: through that a test asks
 * Electron's main process. (Not by Playwright's own launcher: it attaches while the first page is being loaded, which
 * Chromium 108 sometimes does not survive.) Skipped for the same reasons as the packed one (desktop.ts).
 */
import { WebSocket } from 'ws';
import { electronWithApp } from '../../scripts/support/electronWithApp.ts';
import { buildAllAnd } from './build.ts';
import { type Desktop, electronDist, startDesktop } from './desktop.ts';

type ElectronModule = typeof Electron.CrossProcessExports;

export interface OwnBuild {
  desktop: Desktop;
  /** What the program has written to stderr. */
  said(): string;
  /** Runs a function, which sees nothing of the test but its argument, in Electron's main process. */
  inMain<T>(work: (electron: ElectronModule) => T | Promise<T>): Promise<T>;
  inMain<T, A>(work: (electron: ElectronModule, argument: A) => T | Promise<T>, argument: A): Promise<T>;
  /** Lets go of the main process, which does not end before. */
  letGo(): void;
}

let folder: Promise<string> | undefined;

/** Builds it, once for a test file, and starts it. */
export async function startOwnBuild(options: { display: string; home: string; args: string[] }): Promise<OwnBuild> {
  folder ??= buildAllAnd(async () => electronWithApp(electronDist!));
  let said = '';
  const desktop = await startDesktop({
    ...options,
    packed: await folder,
    program: 'electron',
    args: ['--inspect=0', ...options.args],
    onStderr: (text) => {
      said += text;
    },
  });
  const address = /Debugger listening on (ws:\S+)/.exec(said)?.[1];
  if (!address) throw new Error(`The main process has no inspector:\n${said}`);
  const socket = await connect(address);
  const evaluate = evaluator(socket);
  return {
    desktop,
    said: () => said,
    inMain: (work: unknown, argument?: unknown) =>
      evaluate(`(${work})(process.mainModule.require('electron'), ${JSON.stringify(argument)})`),
    letGo: () => socket.close(),
  };
}

async function connect(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

/** https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#method-evaluate */
function evaluator(socket: WebSocket): (expression: string) => Promise<never> {
  let last = 0;
  return (expression) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const hear = (data: Buffer) => {
        const answer = JSON.parse(String(data));
        if (answer.id !== id) return;
        socket.off('message', hear);
        const { result, exceptionDetails } = answer.result;
        if (exceptionDetails) reject(new Error(exceptionDetails.exception?.description ?? exceptionDetails.text));
        else resolve(result.value as never);
      };
      socket.on('message', hear);
      const params = { expression, awaitPromise: true, returnByValue: true };
      socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params }));
    });
}
