/** The page of a file of tests: opened once, anew before each test, closed at the end; and what most of these tests do with it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Method } from '../../../core/services/contract.ts';
import { type OpenPage, openPage } from './chromium.ts';

/** Call it in a describe block; what the block does before each test of its own comes after the page is there. */
export function openedPage(size?: { width: number; height: number }) {
  let open: OpenPage;
  beforeAll(async () => {
    open = await openPage(size);
  });
  afterAll(() => open?.close());
  beforeEach(async () => {
    await open.reload();
    await page().waitForSelector('.film-canvas canvas');
  });

  const page = () => open.page;
  const goTo = async (position: number, landmark: string) => {
    await page().keyboard.press(`Alt+${position}`);
    await page().waitForSelector(landmark);
  };
  return {
    page,
    goTo,
    /** What the page wrote to its console as an error. */
    faults: () => open.faults,
    /** What the engine was asked. */
    calls: (method: Method) =>
      page().evaluate((wanted) => window.engine.calls.filter((call) => call.method === wanted), method),
    /** Shows an evaluation's result. */
    evaluate: async () => {
      await goTo(2, '.setup');
      await page().locator('.setup-run button.primary').click();
      await page().waitForSelector('.headline');
    },
    /** What axe calls serious or critical; contrast (WCAG AA) is among its rules. */
    serious: async (): Promise<string[]> => {
      if (!(await page().evaluate(() => 'axe' in window))) await page().evaluate(axeSource());
      const { violations } = await page().evaluate(() =>
        (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
      );
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
    },
  };
}

function axeSource(): string {
  return readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
}
