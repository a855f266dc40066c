/** Where the window was: its bounds and whether it filled the screen, in `window.json` of the application's folder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { app, type BrowserWindow, type Rectangle, screen } from 'electron';
import { z } from 'zod';

const State = z.object({
  bounds: z.object({ x: z.number(), y: z.number(), width: z.number().min(1), height: z.number().min(1) }),
  maximized: z.boolean(),
});
type State = z.infer<typeof State>;

const FIRST_SIZE = { width: 1600, height: 1000 };
/** Written so long after the last change: whatever ends the program then, the window comes back as it was. */
const SETTLED_MS = 500;
/** The window's title bar must be within reach: at least this much of it, in pixels. */
const IN_REACH = 80;

const file = () => join(app.getPath('userData'), 'window.json');

/** Bounds for a new window: the last ones, where a display still shows them. */
export function restoredBounds(): Partial<Rectangle> & { width: number; height: number } {
  const state = read();
  return state && isInReach(state.bounds) ? state.bounds : FIRST_SIZE;
}

/** Fills the screen again where it did; writes down what changes. */
export function rememberState(window: BrowserWindow): void {
  if (read()?.maximized) window.maximize();
  const remember = () => write({ bounds: window.getNormalBounds(), maximized: window.isMaximized() });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const rememberSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(remember, SETTLED_MS);
  };
  // `maximize` comes without `resize` on some systems.
  window.on('resize', rememberSoon);
  window.on('move', rememberSoon);
  window.on('maximize', rememberSoon);
  window.on('unmaximize', rememberSoon);
  window.on('close', remember);
  window.on('closed', () => clearTimeout(timer));
}

function isInReach({ x, y, width }: Rectangle): boolean {
  return screen.getAllDisplays().some(({ workArea }) => {
    const across = Math.min(x + width, workArea.x + workArea.width) - Math.max(x, workArea.x);
    return across >= IN_REACH && y >= workArea.y && y < workArea.y + workArea.height - IN_REACH;
  });
}

function read(): State | null {
  try {
    return State.parse(JSON.parse(readFileSync(file(), 'utf8')));
  } catch {
    // The first start, or a file that somebody changed.
    return null;
  }
}

function write(state: State): void {
  try {
    mkdirSync(dirname(file()), { recursive: true });
    writeFileSync(file(), JSON.stringify(state));
  } catch {
    // A window that opens where it first did is no reason to keep it from closing.
  }
}
