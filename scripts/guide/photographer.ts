/** Takes the guide's pictures of a page that is being used. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';

/** Room around a part of the page that is taken alone, in CSS pixels. */
const MARGIN = 8;

export class Photographer {
  readonly taken: string[] = [];
  bytes = 0;

  /** @param hidden texts that are written otherwise in the pictures: this machine's folders. */
  constructor(
    readonly page: Page,
    private readonly out: string,
    private readonly hidden: Record<string, string>,
  ) {}

  /** Of the whole window, or of what `part` covers of it. */
  async take(name: string, part?: Locator): Promise<void> {
    await this.page.mouse.move(0, 0);
    await this.page.waitForTimeout(400);
    await this.hide();
    const path = join(this.out, `${name}.png`);
    const box = part && (await part.boundingBox());
    const { width, height } = this.page.viewportSize()!;
    const clip = box && {
      x: Math.max(0, box.x - MARGIN),
      y: Math.max(0, box.y - MARGIN),
      width: Math.min(width, box.x + box.width + MARGIN) - Math.max(0, box.x - MARGIN),
      height: Math.min(height, box.y + box.height + MARGIN) - Math.max(0, box.y - MARGIN),
    };
    await this.page.screenshot({ path, ...(clip ? { clip } : {}) });
    this.taken.push(name);
    this.bytes += statSync(path).size;
  }

  /** Screens by their keys: 1 Read, 2 Evaluate, 3 Train, 4 Report, 5 Checkpoints, 6 Settings. */
  async show(screen: number, landmark: string): Promise<void> {
    await this.page.keyboard.press(`Alt+${screen}`);
    await this.page.locator(landmark).first().waitFor();
  }

  /** A film of the list by a text of its line. */
  async film(text: string, nth = 0): Promise<void> {
    await this.page.locator('.line-film', { hasText: text }).nth(nth).click();
    await this.page.waitForFunction(() => {
      const canvas = document.querySelector('.film-canvas canvas');
      return canvas !== null && (canvas.closest('.film-canvas') as HTMLElement).style.visibility === 'visible';
    });
    await this.page.locator('.lines').focus();
  }

  /** So that it stands at the top of its page. */
  async scrollTo(place: Locator): Promise<void> {
    await place.evaluate((element) => element.scrollIntoView({ block: 'start' }));
  }

  private hide(): Promise<void> {
    // No function in it has a name: the compiler would call a helper that the page has not.
    return this.page.evaluate((texts) => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode())
        for (const [from, to] of Object.entries(texts))
          if (node.nodeValue?.includes(from)) node.nodeValue = node.nodeValue.split(from).join(to);
      for (const input of document.querySelectorAll('input'))
        for (const [from, to] of Object.entries(texts))
          if (input.value.includes(from)) input.value = input.value.split(from).join(to);
    }, this.hidden);
  }
}
