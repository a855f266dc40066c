/**
 * The frames that Chromium's compositor gave out (Page.startScreencast), and which of them have a gap in a list: what the
 * page's own thread sees of its rows says nothing of a list that the compositor scrolls ahead of it.
 */
import { decode } from 'jpeg-js';
import type { Page } from 'playwright-core';

export interface Recorded {
  /** JPEG. */
  frames: Buffer[];
  /** The window's width in CSS pixels, to which the frames are scaled. */
  width: number;
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export async function record(page: Page, work: () => Promise<unknown>): Promise<Recorded> {
  const session = await page.context().newCDPSession(page);
  const frames: Buffer[] = [];
  session.on('Page.screencastFrame', ({ data, sessionId }) => {
    frames.push(Buffer.from(data, 'base64'));
    session.send('Page.screencastFrameAck', { sessionId }).catch(() => {});
  });
  await session.send('Page.startScreencast', { format: 'jpeg', quality: 60, everyNthFrame: 1 });
  await work();
  await page.waitForTimeout(300);
  await session.send('Page.stopScreencast');
  await session.detach();
  return { frames, width: await page.evaluate<number>('window.innerWidth') };
}

/** Gray values that a line of pixels differs by at least where something is written. */
const WRITTEN = 24;
/** A line of the list is so high (renderer/studies/StudyList.tsx). */
const ROW_HEIGHT = 52;

/** Frames in which a whole line's height of the box has nothing in it. */
export function blankFrames({ frames, width }: Recorded, box: Box): number {
  return frames.filter((frame) => largestGap(frame, width, box) >= ROW_HEIGHT).length;
}

/** CSS pixels. */
function largestGap(frame: Buffer, windowWidth: number, box: Box): number {
  const image = decode(frame, { useTArray: true, formatAsRGBA: false });
  const scale = image.width / windowWidth;
  const [left, right] = [Math.ceil(box.x * scale), Math.floor((box.x + box.width) * scale) - Math.ceil(20 * scale)];
  let [gap, largest] = [0, 0];
  for (let y = Math.ceil(box.y * scale); y < Math.floor((box.y + box.height) * scale); y++) {
    let [low, high] = [255, 0];
    for (let x = left; x < right; x++) {
      const value = image.data[3 * (y * image.width + x)]!;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    gap = high - low >= WRITTEN ? 0 : gap + 1;
    largest = Math.max(largest, gap);
  }
  return largest / scale;
}
