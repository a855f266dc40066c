/** Overlay planes over the film, and a touchpad's two fingers and pinch, in Chromium. */
import { beforeEach, describe, expect, it } from 'vitest';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

/** What the plane of these tests marks, in pixels of the film: a block of 20 columns by 10 rows. */
const BLOCK = { column: 100, row: 60, columns: 20, rows: 10 };

describe.skipIf(!chromiumPath)('Over the film (in Chromium; skipped where there is none)', () => {
  const { page } = openedPage({ width: 1600, height: 1000 });

  beforeEach(() => page().locator('.lines').focus());

  /** Opens the next film with the plane on it. */
  const openWithPlane = async () => {
    await page().evaluate((block) => {
      const { handlers } = window.engine;
      const opened = handlers['films.open']!;
      handlers['films.open'] = async (params, call) => {
        const view = await opened(params, call);
        const bits = new Uint8Array(block.rows * block.columns).fill(1);
        return { ...view, film: { ...view.film, overlays: [{ ...block, label: 'Collimator', bits }] } };
      };
    }, BLOCK);
    await page().keyboard.press('j');
    await page().waitForSelector('.overlay-plane');
  };
  /** Where the film's pixel lies in the window, and the plane's own corners. */
  const places = () =>
    page().evaluate(({ column, row, columns, rows }) => {
      const { film, scale, shownScale, translation, room } = window.workbench.display.store.getState();
      const outer = document.querySelector('.film')!.getBoundingClientRect();
      const factor = scale ?? shownScale;
      const at = (x: number, y: number) => [
        outer.left + room.width / 2 + (x - film!.columns / 2 + translation.x) * factor,
        outer.top + room.height / 2 + (y - film!.rows / 2 + translation.y) * factor,
      ];
      const plane = document.querySelector('.overlay-plane')!.getBoundingClientRect();
      const film_ = [...at(column, row), ...at(column + columns, row + rows)];
      return { film: film_, plane: [plane.left, plane.top, plane.right, plane.bottom] };
    }, BLOCK);
  const gray = () =>
    page().evaluate(() => {
      const plane = document.querySelector<HTMLCanvasElement>('.overlay-plane')!;
      return [...plane.getContext('2d')!.getImageData(0, 0, 1, 1).data];
    });

  it('a plane of the file is drawn where the file says, named, and follows zoom and pan', async () => {
    await openWithPlane();
    expect(await page().getByRole('img', { name: 'Collimator' }).isVisible()).toBe(true);
    const [red, green, blue, alpha] = await gray();
    expect(alpha).toBe(255);
    expect(new Set([red, green, blue]).size, 'a colour that no film has').toBeGreaterThan(1);
    const same = async () => {
      const { film, plane } = await places();
      for (const [i, value] of plane.entries()) expect(value).toBeCloseTo(film[i], 1);
    };
    await same();
    await page().keyboard.press('+');
    await same();
    const box = (await page().locator('.film').boundingBox())!;
    await page().keyboard.press('p');
    await page().mouse.move(box.x + 300, box.y + 300);
    await page().mouse.down();
    await page().mouse.move(box.x + 340, box.y + 280, { steps: 3 });
    await page().mouse.up();
    await same();
  });

  it('is hidden and shown by its key', async () => {
    await openWithPlane();
    await page().keyboard.press('Shift+G');
    expect(await page().locator('.overlay-plane').count()).toBe(0);
    await page().keyboard.press('Shift+G');
    expect(await page().locator('.overlay-plane').count()).toBe(1);
  });

  const wheel = (event: { deltaX: number; deltaY: number; ctrlKey: boolean }) =>
    page().evaluate((init) => {
      const film = document.querySelector('.film')!;
      const box = film.getBoundingClientRect();
      const at = { clientX: box.left + box.width / 2 + 80, clientY: box.top + box.height / 2 + 40 };
      const given = new WheelEvent('wheel', { ...init, ...at, deltaMode: 0, bubbles: true, cancelable: true });
      film.dispatchEvent(given);
      const { scale, shownScale, translation } = window.workbench.display.store.getState();
      return { scale: scale ?? shownScale, translation, taken: given.defaultPrevented };
    }, event);

  it('two fingers on a touchpad pan in both directions, by as much as they move', async () => {
    const still = await wheel({ deltaX: 0, deltaY: 0.5, ctrlKey: false });
    const moved = await wheel({ deltaX: 12.5, deltaY: -7.25, ctrlKey: false });
    expect(moved.scale).toBeCloseTo(still.scale, 9);
    expect((moved.translation.x - still.translation.x) * still.scale).toBeCloseTo(-12.5, 6);
    expect((moved.translation.y - still.translation.y) * still.scale).toBeCloseTo(7.25, 6);
    expect(moved.taken, 'the page itself does not scroll').toBe(true);
  });

  it('a pinch zooms around the fingers, and zooms neither page nor window', async () => {
    const before = await wheel({ deltaX: 0.5, deltaY: 0, ctrlKey: false });
    const larger = await wheel({ deltaX: 0, deltaY: -10, ctrlKey: true });
    expect(larger.scale / before.scale).toBeCloseTo(Math.exp(0.1), 6);
    // What was under the fingers still is.
    for (const [axis, offset] of [
      ['x', 80],
      ['y', 40],
    ] as const)
      expect(offset / larger.scale - larger.translation[axis]).toBeCloseTo(
        offset / before.scale - before.translation[axis],
        6,
      );
    expect(larger.taken).toBe(true);
    const smaller = await wheel({ deltaX: 0, deltaY: 10, ctrlKey: true });
    expect(smaller.scale).toBeCloseTo(before.scale, 6);
    expect(await page().evaluate(() => window.visualViewport!.scale)).toBe(1);
  });

  it('a wheel with steps zooms, as with a mouse', async () => {
    const before = await wheel({ deltaX: 0.5, deltaY: 0, ctrlKey: false });
    const turned = await wheel({ deltaX: 0, deltaY: -100, ctrlKey: false });
    expect(turned.scale / before.scale).toBeCloseTo(1.15, 6);
  });
});
