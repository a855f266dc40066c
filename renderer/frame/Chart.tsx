/** A chart from a vega-lite specification, drawn without evaluating text (the content security policy forbids that). */
import { useEffect, useRef, useState } from 'react';
import type { View } from 'vega';
import type { TopLevelSpec } from 'vega-lite';
import { text } from '../text.ts';

/** `rows` are the data set named "rows" of the specification; the drawing follows them without being made anew. */
export function Chart(props: { spec: TopLevelSpec; rows: object[]; label: string }) {
  const { spec, rows, label } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<View | null>(null);
  const latest = useRef(rows);
  const [failed, setFailed] = useState(false);
  latest.current = rows;

  useEffect(() => {
    let gone = false;
    makeView(spec, latest.current)
      .then((made) => {
        if (gone || !place.current) return made.finalize();
        view.current = made.initialize(place.current);
        return made.runAsync();
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

  return (
    <figure className="chart">
      <figcaption>{label}</figcaption>
      {failed ? <p className="muted">{text.train.drawFailed}</p> : <div ref={place} />}
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
