/** A chart from a vega-lite specification, drawn without evaluating text (the content security policy forbids that). */
import { useEffect, useRef, useState } from 'react';
import type { View } from 'vega';
import type { TopLevelSpec } from 'vega-lite';
import { text } from '../text.ts';
import { CopyButton, QuietButton } from './parts.tsx';
import { fileNameOf, saveFile } from './saveFile.ts';
import { commaSeparated, tabbed } from './tableText.ts';

/**
 * `rows` are the data set named "rows" of the specification; the drawing follows them without being made anew. `paper`: the
 * same on white, for the file. `onPick`: a mark was clicked that stands for this row.
 */
export function Chart(props: {
  spec: TopLevelSpec;
  paper: TopLevelSpec;
  rows: object[];
  label: string;
  onPick?(row: Record<string, unknown>): void;
}) {
  const { spec, paper, rows, label, onPick } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<View | null>(null);
  const latest = useRef(rows);
  const [failed, setFailed] = useState(false);
  latest.current = rows;
  const pick = useRef(onPick);
  pick.current = onPick;

  useEffect(() => {
    let gone = false;
    makeView(spec, latest.current)
      .then((made) => {
        if (gone || !place.current) return made.finalize();
        view.current = made.initialize(place.current);
        made.addEventListener('click', (_event, item) => item?.datum && pick.current?.(item.datum));
        // Rows may have come while it was made.
        return made.data('rows', latest.current).runAsync();
      })
      .catch(() => setFailed(true));
    return () => {
      gone = true;
      view.current?.finalize();
      view.current = null;
    };
  }, [spec]);

  useEffect(() => {
    void view.current?.data('rows', rows).runAsync();
  }, [rows]);

  async function svgOnPaper(): Promise<string> {
    const printed = await makeView(paper, latest.current);
    const svg = await printed.toSVG();
    printed.finalize();
    return svg;
  }
  const saveSvg = async () => saveFile(fileNameOf(label, 'svg'), await svgOnPaper(), 'image/svg+xml');

  return (
    <figure className="chart">
      <figcaption>{label}</figcaption>
      {failed ? <p className="muted">{text.train.drawFailed}</p> : <div ref={place} />}
      <div className="take-out">
        <CopyButton title={text.frame.copySvg} value={svgOnPaper} />
        <QuietButton title={text.frame.saveSvg} onClick={() => void saveSvg()} />
        <CopyButton title={text.frame.copyValues} value={() => tabbed(valuesOf(latest.current))} />
        <QuietButton
          title={text.frame.saveCsv}
          onClick={() => saveFile(fileNameOf(label, 'csv'), commaSeparated(valuesOf(latest.current)), 'text/csv')}
        />
      </div>
    </figure>
  );
}

async function makeView(spec: TopLevelSpec, rows: object[]): Promise<View> {
  const [vega, { compile }, { expressionInterpreter }] = await Promise.all([
    import('vega'),
    import('vega-lite'),
    import('vega-interpreter'),
  ]);
  const { spec: compiled } = compile(spec);
  const runtime = vega.parse(compiled, undefined, { ast: true });
  const view = new vega.View(runtime, { renderer: 'svg', expr: expressionInterpreter, logLevel: vega.Error });
  return view.data('rows', rows);
}

/** As a table: one line for each row, the names of its fields above. */
function valuesOf(rows: readonly object[]): string[][] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [
    columns,
    ...rows.map((row) => columns.map((column) => String((row as Record<string, unknown>)[column] ?? ''))),
  ];
}
