/** Report: sections on the left, pages as they will print in the middle, what it is about and the files on the right. */
import { useEffect } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Empty, ErrorBox } from '../frame/parts.tsx';
import { text } from '../text.ts';
import { Choices } from './Choices.tsx';
import { Export } from './Export.tsx';
import { Pages } from './Pages.tsx';
import { Sections } from './Sections.tsx';

export function ReportScreen() {
  const { reporting, evaluating, frame } = useWorkbench();
  const pdf = useFrom(reporting, (all) => all.pdf);
  const list = useFrom(evaluating, (all) => all.list);
  useEffect(() => {
    void reporting.open();
  }, [reporting]);
  if (list.length === 0)
    return (
      <Empty title={text.report.empty} hint={text.report.emptyHint}>
        <button type="button" onClick={() => frame.show('evaluate')}>
          {text.report.goEvaluate}
        </button>
      </Empty>
    );
  return (
    <div className="report">
      <div className="report-side">
        <div className="report-scroll">
          <Sections />
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: pages are scrolled by the keyboard. */}
      <section className="pages" aria-label={text.report.preview} tabIndex={0} data-area="pages">
        {pdf.state === 'loading' && <Empty title={text.report.drawing} />}
        {pdf.state === 'failed' && <ErrorBox title={text.report.drawFailed} error={pdf.error} />}
        {pdf.state === 'ready' && <Pages pdf={pdf.value.pdf} />}
      </section>
      <div className="report-side" data-area="choices">
        <div className="report-scroll">
          <Choices />
        </div>
        <Export />
      </div>
    </div>
  );
}
