/** Drawing on the film in Chromium: by mouse and by keyboard, what stands where, viewports side by side, the user's keys. */
import { beforeEach, describe, expect, it } from 'vitest';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

describe.skipIf(!chromiumPath)('On the film (in Chromium; skipped where there is none)', () => {
  const { page, faults } = openedPage({ width: 1600, height: 1000 });

  beforeEach(() => page().locator('.lines').focus());

  const box = async (index = 0) => {
    const found = await page().locator('.film').nth(index).boundingBox();
    if (!found) throw new Error('There is no film.');
    return found;
  };
  const drag = async (from: [number, number], to: [number, number]) => {
    const { x, y } = await box();
    await page().mouse.move(x + from[0], y + from[1]);
    await page().mouse.down();
    await page().mouse.move(x + to[0], y + to[1], { steps: 5 });
    await page().mouse.up();
  };
  const drawn = () => page().evaluate(() => window.workbench.panes.active().marks.store.getState().annotations);
  const listed = () => page().locator('.mark-line').allTextContents();
  const scale = () => page().evaluate(() => window.workbench.display.store.getState().shownScale);

  it('measures a length by a drag, with its origin, and keeps it with the film', async () => {
    await page().keyboard.press('l');
    await drag([200, 200], [320, 290]);
    const [length] = await drawn();
    const [a, b] = length.points;
    expect(Math.hypot(b.x - a.x, b.y - a.y) * (await scale())).toBeCloseTo(150, 3);
    const millimetres = (150 / (await scale())) * 0.4;
    expect(await listed()).toEqual([`Length · ${millimetres.toFixed(1)} mm at the detector`]);
    await page().keyboard.press('j');
    await page().waitForFunction(() => window.workbench.reading.store.getState().filmId === 'a1');
    expect(await listed()).toEqual([]);
    await page().keyboard.press('k');
    await page().waitForSelector('.mark-line');
    expect(await drawn()).toEqual([length]);
  });

  it('draws each kind, names an arrow, removes and brings back', async () => {
    await page().keyboard.press('a');
    await drag([200, 200], [260, 200]);
    await drag([260, 300], [260, 300]);
    expect(await listed()).toEqual(['Angle · 90.0°']);
    await page().keyboard.press('c');
    await drag([220, 400], [420, 440]);
    await drag([120, 450], [520, 480]);
    expect((await listed())[1]).toMatch(/^Cardiothoracic ratio · ratio 0\.50 · heart .* mm at the detector/);
    await page().keyboard.press('b');
    await drag([100, 500], [180, 560]);
    expect((await listed())[2]).toMatch(/^Rectangle · mean \d+ {2}SD .* · min \d+ {2}max \d+ · .* cm² at the detector/);
    await page().keyboard.press('y');
    await drag([500, 200], [440, 240]);
    await page().keyboard.type('nodule?');
    await page().keyboard.press('Enter');
    expect((await listed())[3]).toBe('Arrow with text · nodule?');
    await page().keyboard.press('Delete');
    expect(await listed()).toHaveLength(3);
    await page().keyboard.press('Control+z');
    expect((await listed())[3]).toBe('Arrow with text · nodule?');
    await page().keyboard.press('Control+Shift+z');
    expect(await listed()).toHaveLength(3);
    if (process.env.CHEXREASON_SCREENSHOTS) await page().screenshot({ path: 'test-results/draw.png' });
  });

  it('an annotation stands on the pixels that it was drawn on, however the film is turned', async () => {
    // On a ramp every pixel has its own gray.
    await page().evaluate(() => window.workbench.library.select('linear'));
    await page().waitForFunction(() => window.workbench.display.store.getState().film?.columns === 64);
    for (const keys of [[], ['.'], ['h'], ['.', 'h', 'v'], ['+', '+', ',']]) {
      await page().keyboard.press('0');
      for (const key of keys) await page().keyboard.press(key);
      await page().waitForTimeout(60);
      // The gray under the cross of the probe is that of the probed pixel: the ramp gives every pixel its own.
      const found = await page().evaluate(() => {
        const { marks, display } = window.workbench.panes.all[0];
        marks.clear();
        marks.place('probe', { x: 40.5, y: 34.5 });
        return display.store.getState().shownScale;
      });
      expect(found).toBeGreaterThan(1);
      const sampled = await page().evaluate(() => {
        const cross = document.querySelector('.mark-on-film circle.handle') as SVGCircleElement;
        const canvas = document.querySelector('.film-canvas canvas') as HTMLCanvasElement;
        const at = [Math.round(cross.cx.baseVal.value), Math.round(cross.cy.baseVal.value)];
        return (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(at[0], at[1], 1, 1).data[0];
      });
      const value = 34 * 64 + 40;
      expect(sampled).toBe(Math.floor(((value - 1999.5) / 1499 + 0.5) * 255 + 0.5));
    }
  });

  it('a point is moved by the mouse, in one step of undo', async () => {
    await page().keyboard.press('l');
    await drag([200, 200], [300, 200]);
    await page().keyboard.press('w');
    await drag([300, 200], [300, 320]);
    const [moved] = await drawn();
    expect((moved.points[1].y - moved.points[0].y) * (await scale())).toBeCloseTo(120, 3);
    await page().keyboard.press('Control+z');
    const [before] = await drawn();
    expect(before.points[1].y).toBeCloseTo(before.points[0].y, 6);
  });

  it('draws by keyboard alone', async () => {
    await page().locator('.film').focus();
    await page().keyboard.press('l');
    await page().keyboard.press('ArrowRight');
    await page().keyboard.press('Enter');
    for (let i = 0; i < 10; i++) await page().keyboard.press('ArrowDown');
    await page().keyboard.press('Shift+ArrowDown');
    await page().keyboard.press('Space');
    const [length] = await drawn();
    const [a, b] = length.points;
    expect(b.x).toBeCloseTo(a.x, 6);
    // Ten steps of twelve screen pixels, and one film pixel.
    expect(b.y - a.y).toBeCloseTo(120 / (await scale()) + 1, 6);
    await page().keyboard.press('ArrowRight');
    await page().keyboard.press('Enter');
    await page().keyboard.press('Escape');
    expect(await drawn()).toHaveLength(1);
    await page().keyboard.press('Delete');
    expect(await drawn()).toHaveLength(1);
  });

  it('shows what the data set’s authors boxed, and hides it', async () => {
    await page().evaluate(() => window.workbench.library.select('b0'));
    await page().waitForSelector('.finding-boxes');
    expect(await page().locator('.finding-boxes text').textContent()).toBe('Nodule');
    await page().keyboard.press('Shift+G');
    expect(await page().locator('.finding-boxes').count()).toBe(0);
  });

  it('magnifies what is under the pointer', async () => {
    await page().keyboard.press('g');
    const { x, y } = await box();
    await page().mouse.move(x + 300, y + 300);
    await page().mouse.down();
    expect(await page().locator('.magnifier').isVisible()).toBe(true);
    const gray = await page().evaluate(() => {
      const glass = document.querySelector('.magnifier') as HTMLCanvasElement;
      const film = document.querySelector('.film-canvas canvas') as HTMLCanvasElement;
      const at = (canvas: HTMLCanvasElement, cx: number, cy: number) =>
        (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(cx, cy, 1, 1).data[0];
      return [at(glass, 120, 120), at(film, 300, 300)];
    });
    expect(Math.abs(gray[0] - gray[1])).toBeLessThan(25);
    await page().mouse.up();
    expect(await page().locator('.magnifier').isVisible()).toBe(false);
  });

  it('shows a large film reduced while its window is dragged, and then itself', async () => {
    const gray = (centers: number[] = []) =>
      page().evaluate(async (all) => {
        // In one go: on a busy machine the film would settle in between. Cornerstone draws in the next frame.
        for (const center of all) window.workbench.display.setWindow(center, 1000);
        await new Promise(requestAnimationFrame);
        const canvas = document.querySelector('.film-canvas canvas') as HTMLCanvasElement;
        const context = canvas.getContext('2d') as CanvasRenderingContext2D;
        return [-100, 100].map((x) => context.getImageData(canvas.width / 2 + x, 400, 1, 1).data[0]);
      }, centers);
    await page().evaluate(() => {
      // A flat half of 1,000 beside a checkerboard of 0 and 2,000: the mean of both is the same.
      const { display } = window.workbench;
      const film = display.store.getState().film;
      const edge = 2048;
      const pixels = Uint16Array.from({ length: edge * edge }, (_, i) =>
        i % edge < edge / 2 ? 1000 : ((i % edge) + Math.floor(i / edge)) % 2 ? 2000 : 0,
      );
      display.show({ ...film, rows: edge, columns: edge, pixels, minimum: 0, maximum: 2000, sha256: 'large' } as never);
    });
    // C 1100 W 1000 shows 1,000 as 102; of the checkerboard's mean while it is dragged, and then of its own values.
    const [flat, mixed] = await gray([900, 1000, 1100]);
    expect([flat, mixed].map((value) => Math.abs(value - 102) <= 1)).toEqual([true, true]);
    await page().waitForTimeout(400);
    const [settled, own] = await gray();
    expect(Math.abs(settled - 102)).toBeLessThanOrEqual(1);
    expect(Math.abs(own - 127.5)).toBeLessThanOrEqual(12);
  });

  it('at 1:1 shows the part in the viewport while the window is dragged, turned or not, and then all of it', async () => {
    await page().evaluate(() => {
      // Every pixel is its column: what is drawn tells where from.
      const { display } = window.workbench;
      const film = display.store.getState().film;
      const edge = 2048;
      const pixels = Uint16Array.from({ length: edge * edge }, (_, i) => i % edge);
      display.show({
        ...film,
        rows: edge,
        columns: edge,
        pixels,
        minimum: 0,
        maximum: 2047,
        sha256: 'columns',
      } as never);
    });
    /** The grays on the screen: after changes of the window in one go, or once the film has settled. */
    const shown = (turned: boolean, centers: number[]) =>
      page().evaluate(
        async ([turn, all]) => {
          const { display } = window.workbench;
          if (turn) display.rotate(90);
          for (const center of all) display.setWindow(center, 1500);
          await new Promise(requestAnimationFrame);
          const canvas = document.querySelector('.film-canvas canvas') as HTMLCanvasElement;
          const context = canvas.getContext('2d') as CanvasRenderingContext2D;
          const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
          const some = 101;
          const count = Math.floor(data.length / (4 * some));
          return Array.from({ length: count }, (_, i) => data[4 * some * i] as number);
        },
        [turned, centers] as const,
      );
    await page().evaluate(() => window.workbench.display.setScale(1));
    for (const turned of [false, true]) {
      const dragged = await shown(turned, [900, 1000, 1100]);
      await page().waitForTimeout(400);
      const settled = await shown(false, []);
      expect(dragged.filter((gray, i) => gray !== settled[i]).length).toBe(0);
      expect(new Set(dragged).size).toBeGreaterThan(50);
    }
    // What was out of the viewport has the last window too.
    await page().evaluate(() => window.workbench.display.setScale(null));
    await page().waitForTimeout(400);
    const fitted = await shown(false, []);
    expect(new Set(fitted).size).toBeGreaterThan(150);
  });

  it('hangs the patient’s films side by side, linked or not', async () => {
    await page().evaluate(() => window.workbench.library.select('a3'));
    await page().keyboard.press('F3');
    await page().waitForFunction(() => window.workbench.panes.all[1].display.store.getState().film !== null);
    expect(await page().locator('.slot').allTextContents()).toEqual(['this film', 'prior']);
    const shown = () =>
      page().evaluate(() =>
        window.workbench.panes.all.slice(0, 2).map(({ display }) => {
          const { invert, scale, presetId } = display.store.getState();
          return { invert, scale, presetId };
        }),
      );
    await page().keyboard.press('i');
    await page().keyboard.press('+');
    await page().keyboard.press('Shift+Digit2');
    const [first, second] = await shown();
    expect(second.invert).toBe(true);
    expect(second.scale).toBeCloseTo(first.scale as number, 9);
    expect([first.presetId, second.presetId]).toEqual(['lung', 'lung']);
    await page().keyboard.press('Shift+L');
    await page().keyboard.press('n');
    await page().keyboard.press('i');
    expect((await shown()).map(({ invert }) => invert)).toEqual([true, false]);
    await page().keyboard.press('F4');
    expect(await page().locator('.pane').count()).toBe(4);
    expect(await page().getByText('No other film of this patient.').first().isVisible()).toBe(true);
    if (process.env.CHEXREASON_SCREENSHOTS) await page().screenshot({ path: 'test-results/four.png' });
    await page().keyboard.press('F2');
    expect(await page().locator('.pane').count()).toBe(1);
  });

  it('gives a command another key, and the tooltip and the sheet say so', async () => {
    await page().keyboard.press('F1');
    await page()
      .getByRole('button', { name: /^Invert: I/ })
      .click();
    await page().keyboard.press('q');
    await page()
      .getByRole('button', { name: /^Invert: Q/ })
      .waitFor();
    await page().keyboard.press('Escape');
    await page().waitForSelector('dialog', { state: 'detached' });
    expect(await page().getByRole('button', { name: 'Invert', exact: true }).getAttribute('title')).toBe('Invert  (Q)');
    await page().keyboard.press('q');
    await page().keyboard.press('i');
    expect(await page().evaluate(() => window.workbench.display.store.getState().invert)).toBe(true);
    const saved = await page().evaluate(() => window.engine.calls.filter((call) => call.method === 'settings.set'));
    const keys = saved
      .map(({ params }) => params as { key: string; value: string })
      .filter(({ key }) => key === 'keys');
    expect(keys).toEqual([{ key: 'keys', value: '{"view:invert":["q"]}' }]);
  });

  it('wrote no error to the console', () => {
    expect(faults()).toEqual([]);
  });
});
