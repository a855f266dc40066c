/** Report: sections on the left, pages as they will print in the middle, what it is about and the files on the right. */
import { useEffect } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Empty, ErrorBox, ProgressBar } from '../frame/parts.tsx';
import { text } from '../text.ts';
import { Choices } from './Choices.tsx';
import { Export } from './Export.tsx';
import { Pages } from './Pages.tsx';
import { Sections } from './Sections.tsx';

export function ReportScreen() {
  const { reporting, evaluating, frame, reportTheme } = useWorkbench();
  const { pdf, drawing } = useFrom(reporting, (all) => all);
  const theme = useFrom(reportTheme, (all) => all.theme);
  const list = useFrom(evaluating, (all) => all.list);
  const nothing = list.length === 0;
  // The list may come after the screen: a window that is loaded again opens where it was.
  useEffect(() => {
    if (!nothing) void reporting.open();
  }, [reporting, nothing]);
  if (nothing)
    return (
      <Empty title={text.report.empty} hint={text.report.emptyHint}>
        <button type="button" onClick={() => frame.show('evaluate')}>
          {text.report.goEvaluate}
        </button>
      </Empty>
    );
  return (
    <div className={`report theme-${theme}`}>
      <div className="report-side">
        <div className="report-scroll">
          <Sections />
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: pages are scrolled by the keyboard. */}
      <section className="pages" aria-label={text.report.preview} tabIndex={0} data-area="pages">
        {(pdf.state === 'loading' || pdf.state === 'none') && (
          <Empty title={text.report.drawing}>
            <div className="row" role="status">
              <ProgressBar progress={drawing} label={text.report.drawing} />
              {drawing && drawing.total !== null && (
                <span>
                  {drawing.stage} · {text.frame.progress(drawing.done, drawing.total)}
                </span>
              )}
            </div>
          </Empty>
        )}
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
