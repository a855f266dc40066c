/** By keyboard alone, in Chromium: every control is reached with Tab, is seen where it has the focus, and does something. */
import { describe, expect, it } from 'vitest';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

/** More controls than any screen has. */
const MOST = 400;

describe.skipIf(!chromiumPath)('By keyboard alone (in Chromium; skipped where there is none)', () => {
  const { page } = openedPage();

  /** Walks through the page once; what cannot be reached, and what is not seen when it is. */
  const walk = async () => {
    await page().evaluate(() => {
      const marked = window as unknown as { reached: Set<Element>; unseen: string[] };
      marked.reached = new Set();
      marked.unseen = [];
      (document.activeElement as HTMLElement | null)?.blur();
    });
    for (let pressed = 0; pressed < MOST; pressed++) {
      await page().keyboard.press('Shift+Tab');
      const again = await page().evaluate(() => {
        const { reached, unseen } = window as unknown as { reached: Set<Element>; unseen: string[] };
        const at = document.activeElement!;
        if (at === document.body) return false;
        if (reached.has(at)) return true;
        reached.add(at);
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
        if ((outlineStyle === 'none' || outlineWidth === '0px') && boxShadow === 'none')
          unseen.push(at.outerHTML.slice(0, 120));
        return false;
      });
      if (again) break;
    }
    return page().evaluate(() => {
      const { reached, unseen } = window as unknown as { reached: Set<Element>; unseen: string[] };
      const shown = (element: Element) => (element as HTMLElement).checkVisibility();
      const controls = [
        ...document.querySelectorAll('button, input, select, textarea, summary, [tabindex="0"]'),
      ].filter(
        (each) =>
          shown(each) &&
          !(each as HTMLButtonElement).disabled &&
          // Of a radio group Tab reaches the chosen one; -1 has a key or a command of its own.
          !(each instanceof HTMLInputElement && each.type === 'radio' && !each.checked) &&
          (each as HTMLElement).tabIndex >= 0,
      );
      return {
        controls: controls.length,
        unreached: controls.filter((each) => !reached.has(each)).map((each) => each.outerHTML.slice(0, 120)),
        unseen,
      };
    });
  };

  it.each([
    ['Read', 1, '.matrix'],
    ['Train', 3, 'text=Memory: about'],
    ['Report', 4, '.empty'],
    ['Checkpoints', 5, '.card'],
    ['Settings', 6, '.settings'],
  ] as const)('on %s', async (_, position, landmark) => {
    await page().keyboard.press(`Alt+${position}`);
    await page().waitForSelector(landmark);
    const { controls, unreached, unseen } = await walk();
    expect(controls).toBeGreaterThan(5);
    expect(unreached).toEqual([]);
    expect(unseen).toEqual([]);
  });

  it('on Evaluate, with a result', async () => {
    await page().keyboard.press('Alt+2');
    await page().locator('.setup-run button.primary').focus();
    await page().keyboard.press('Enter');
    await page().waitForSelector('.headline', { timeout: 120_000 });
    const { unreached, unseen } = await walk();
    expect(unreached).toEqual([]);
    expect(unseen).toEqual([]);
  });

  it('a dialog takes the focus, keeps it, and gives it back', async () => {
    await page().locator('.lines').focus();
    await page().keyboard.press('F1');
    await page().locator('dialog[open]').waitFor();
    for (let pressed = 0; pressed < 5; pressed++) {
      await page().keyboard.press('Tab');
      expect(
        await page().evaluate(
          () => document.activeElement === document.body || !!document.activeElement?.closest('dialog'),
        ),
      ).toBe(true);
    }
    await page().keyboard.press('Escape');
    await page().locator('dialog[open]').waitFor({ state: 'detached' });
    expect(await page().evaluate(() => document.activeElement?.classList.contains('lines'))).toBe(true);
  });
});
