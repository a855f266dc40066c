/**
 * What the benchmark of the interface measures in the real window, each on a page that is driven by Chromium's own input
 * events. What runs in the page is text, since what compiles this file would add helpers that the page has not.
 */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { commandLineOf, processesOf } from '../../tests/support/desktop.ts';
import { median } from './measure.ts';
import { blankFrames, type Recorded, record } from './screencast.ts';

export interface Frames {
  framesPerSecond: number;
  medianMs: number;
  longestMs: number;
}

/** Keeps the time of every frame in `window.frames` until `stopFrames`; `look` is asked in each. */
const startFrames = (look = 'undefined') => `(() => {
  const seen = { times: [], looks: [], going: true };
  window.frames_ = seen;
  requestAnimationFrame(function step(now) {
    if (!seen.going) return;
    seen.times.push(now);
    seen.looks.push(${look});
    requestAnimationFrame(step);
  });
})()`;

const STOP_FRAMES = '(window.frames_.going = false, window.frames_)';

async function framesDuring<T>(page: Page, look: string, work: () => Promise<unknown>) {
  await page.evaluate(startFrames(look));
  await work();
  const { times, looks } = await page.evaluate<{ times: number[]; looks: T[] }>(STOP_FRAMES);
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const frames: Frames = {
    framesPerSecond: round(1000 / mean),
    medianMs: round(median(gaps)),
    longestMs: round(Math.max(...gaps)),
  };
  return { frames, looks };
}

/** Waits until the expression holds at the start of a frame. (Playwright's own would be refused: the page evaluates no text.) */
export async function until(page: Page, condition: string, timeoutMs = 120_000): Promise<void> {
  const held = await page.evaluate<boolean>(`new Promise((resolve) => {
    const end = performance.now() + ${timeoutMs};
    (function look() {
      if (${condition}) resolve(true);
      else if (performance.now() > end) resolve(false);
      else requestAnimationFrame(look);
    })();
  })`);
  if (!held) throw new Error(`Not within ${timeoutMs} ms: ${condition}`);
}

/** Who draws: a GPU's name, or that there is none. */
export async function drawnBy(page: Page): Promise<{ renderer: string; software: boolean }> {
  const renderer = await page.evaluate<string>(`(() => {
    const context = document.createElement('canvas').getContext('webgl');
    const info = context && context.getExtension('WEBGL_debug_renderer_info');
    return info ? String(context.getParameter(info.UNMASKED_RENDERER_WEBGL)) : 'none';
  })()`);
  return { renderer, software: renderer === 'none' || /swiftshader|llvmpipe|software/i.test(renderer) };
}

/** The film that is open is on the screen: its canvas is not black everywhere. */
export const FILM_IS_SHOWN = `(() => {
  const canvas = document.querySelector('.film-canvas canvas');
  if (!canvas || !canvas.width || document.querySelector('.pane .empty')) return false;
  const { data } = canvas.getContext('2d').getImageData(canvas.width >> 2, canvas.height >> 1, canvas.width >> 1, 1);
  return data.some((value, at) => at % 4 === 0 && value > 16);
})()`;

/** The patient whose film is open, as the corner says it. */
export const isOpen = (name: string) =>
  `(document.querySelector('.overlay')?.textContent ?? '').includes(${JSON.stringify(name)}) && ${FILM_IS_SHOWN}`;

/**
 * A drag of the window over the film for so many moves, each as soon as the last was taken. A frame counts where the window
 * that the corner shows is another than in the frame before: that one was drawn anew.
 */
export async function dragWindow(page: Page, moves: number): Promise<Frames & { redrawnPerSecond: number }> {
  const box = (await page.locator('.film').first().boundingBox())!;
  const [x, y] = [box.x + 0.3 * box.width, box.y + 0.3 * box.height];
  await page.mouse.move(x, y);
  await page.mouse.down();
  const drag = async (count: number) => {
    for (let i = 0; i < count; i++) await page.mouse.move(x + (i % 200), y + (i % 160) / 2);
  };
  // The first moves make what a drag needs.
  await drag(10);
  const corner = "document.querySelector('.corner.bottom.left')?.firstChild?.textContent";
  const { frames, looks } = await framesDuring<string>(page, corner, () => drag(moves));
  await page.mouse.up();
  const redrawn = looks.slice(1).filter((window, i) => window !== looks[i]).length / (looks.length - 1);
  return { ...frames, redrawnPerSecond: round(redrawn * frames.framesPerSecond) };
}

/** Milliseconds from the key until the other checkpoint's answer has been painted: the task after the next frame. */
export async function toggle(page: Page, times: number): Promise<{ medianMs: number; longestMs: number }> {
  await page.locator('.lines').focus();
  await page.evaluate(`(() => {
    window.toggles_ = [];
    const active = () => document.querySelector('.column-head[aria-pressed="true"]').textContent;
    window.addEventListener('keydown', (event) => {
      const before = active();
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => window.toggles_.push(active() === before ? NaN : performance.now() - event.timeStamp);
        channel.port2.postMessage(null);
      });
    }, { capture: true });
  })()`);
  for (let i = 0; i < times; i++) {
    await page.keyboard.press('Tab');
    await until(page, `window.toggles_.length > ${i}`);
  }
  const measured = await page.evaluate<number[]>('window.toggles_');
  if (measured.some(Number.isNaN)) throw new Error('A toggle showed no other checkpoint.');
  return { medianMs: round(median(measured)), longestMs: round(Math.max(...measured)) };
}

export interface Scrolled extends Frames {
  /** Frames that the compositor gave out, and those of them with a gap in the list. */
  recorded: number;
  blank: number;
}

/** In a frame: which line is in the middle of the list, by its number; 0: none. */
const MIDDLE_LINE = `(() => {
  const box = document.querySelector('.lines').getBoundingClientRect();
  const line = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest('.line');
  return line ? Number(line.getAttribute('aria-rowindex')) : 0;
})()`;

/** The wheel turned so many times over the list, by `pixels` each; once for the frames' times, once recorded. */
export async function scrollByWheel(page: Page, turns: number, pixels: number): Promise<Scrolled & { lines: number }> {
  const box = (await page.locator('.lines').boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const turn = async (by: number) => {
    for (let i = 0; i < turns; i++) await page.mouse.wheel(0, by);
  };
  const { frames, looks } = await framesDuring<number>(page, MIDDLE_LINE, () => turn(pixels));
  const recorded = await record(page, () => turn(-pixels / 2));
  return {
    ...frames,
    lines: Math.max(...looks) - Math.min(...looks.filter(Boolean)),
    ...blankOf(recorded, box, looks),
  };
}

/** The down arrow pressed so many times, as fast as the page takes it; the chosen line must be as many further down. */
export async function scrollByKeyboard(page: Page, presses: number): Promise<Scrolled & { lost: number }> {
  const list = page.locator('.lines');
  await list.focus();
  const box = (await list.boundingBox())!;
  const press = async () => {
    for (let i = 0; i < presses; i++) await page.keyboard.press('ArrowDown');
  };
  const chosen = () =>
    page.evaluate<number>("Number(document.querySelector('.line.current')?.getAttribute('aria-rowindex'))");
  const before = await chosen();
  const { frames, looks } = await framesDuring<number>(page, MIDDLE_LINE, press);
  const lost = before + presses - (await chosen());
  const recorded = await record(page, press);
  return { ...frames, lost, ...blankOf(recorded, box, looks) };
}

function blankOf(recorded: Recorded, box: { x: number; y: number; width: number; height: number }, looks: number[]) {
  return {
    recorded: recorded.frames.length,
    blank: blankFrames(recorded, box) + looks.filter((line) => line === 0).length,
  };
}

/** Mebibytes of all processes of the application, pages that they share counted once; by kind of process. */
export async function memoryOf(page: Page, packed: string): Promise<Record<string, number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.detach();
  // What other processes give back takes a moment.
  await page.waitForTimeout(3000);
  const kinds: Record<string, number> = { all: 0 };
  for (const pid of processesOf(packed, '')) {
    const kind = /--type=(\S+)/.exec(commandLineOf(pid))?.[1] ?? 'main';
    const bytes = proportionalBytes(pid) / 2 ** 20;
    kinds[kind] = (kinds[kind] ?? 0) + bytes;
    kinds['all']! += bytes;
  }
  return Object.fromEntries(Object.entries(kinds).map(([kind, mebibytes]) => [kind, Math.round(mebibytes)]));
}

/** PSS (proc(5)): of a shared page this process's part. */
function proportionalBytes(pid: number): number {
  try {
    return 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    // It has ended.
    return 0;
  }
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
