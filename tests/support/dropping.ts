/** Files and folders of the disk dropped on a page as the system does it: Chromium itself makes the drag of it. */
import type { Page } from 'playwright-core';

export async function dropPaths(page: Page, paths: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { width, height } = await page.evaluate(() => ({ width: innerWidth, height: innerHeight }));
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  const at = { x: Math.round(width / 2), y: Math.round(height / 2), data };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, ...at });
  await session.detach();
}

/** Messages on the screen; they are dismissed afterwards. */
export async function messages(page: Page): Promise<string> {
  // Beyond three the earlier ones are only counted until they are asked for.
  const earlier = page.locator('.notices').getByRole('button', { name: /earlier message/ });
  if (await earlier.isVisible()) await earlier.click();
  const said = (await page.locator('.notices').allTextContents()).join('\n');
  const buttons = page.locator('.notices').getByRole('button', { name: 'Dismiss' });
  for (let left = await buttons.count(); left > 0; left--) await buttons.first().click();
  return said;
}
