/** The report's pages, drawn when they come into view. */
import { useEffect, useRef, useState } from 'react';
import { useWorkbench } from '../frame/context.ts';
import { text } from '../text.ts';
import type { PdfPages } from './pdf.ts';

const PAGE_WIDTH = 760;
/** Height over width of A4. */
const A4 = Math.SQRT2;

export function Pages({ pdf }: { pdf: Uint8Array }) {
  const { frame } = useWorkbench();
  const [pages, setPages] = useState<PdfPages | null>(null);

  useEffect(() => {
    let opened: PdfPages | null = null;
    let gone = false;
    import('./pdf.ts')
      .then(({ openPdf }) => openPdf(pdf))
      .then((made) => {
        if (gone) return made.close();
        opened = made;
        setPages(made);
      })
      .catch((error) => frame.fail(text.report.drawFailed, error));
    return () => {
      gone = true;
      void opened?.close();
    };
  }, [pdf, frame]);

  if (!pages) return null;
  return Array.from({ length: pages.count }, (_, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a page has no other identity than its number.
    <Page key={index} pages={pages} number={index + 1} />
  ));
}

function Page({ pages, number }: { pages: PdfPages; number: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      // A preview that was closed while a page was being drawn has nothing to say any more.
      pages.draw(number, element, PAGE_WIDTH).catch(() => {});
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [pages, number]);
  return (
    <canvas
      ref={canvas}
      className="pdf-page"
      role="img"
      aria-label={text.report.page(number, pages.count)}
      width={PAGE_WIDTH}
      height={Math.round(PAGE_WIDTH * A4)}
    />
  );
}
