/** The report's sections: switched by a tick, ordered by dragging or with the two buttons. */
import { useState } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { ChevronDown, ChevronUp } from '../frame/icons.ts';
import { IconButton } from '../frame/parts.tsx';
import { text } from '../text.ts';

export function Sections() {
  const { reporting } = useWorkbench();
  const sections = useFrom(reporting, (all) => all.sections);
  const leftOut = useFrom(reporting, (all) => all.leftOut.sections);
  const [dragged, setDragged] = useState<string | null>(null);
  return (
    <fieldset className="report-sections" data-area="sections">
      <legend>{text.report.sections}</legend>
      <ol>
        {sections.map(({ id, title }, place) => (
          <li
            key={id}
            draggable
            className={dragged === id ? 'dragged' : ''}
            onDragStart={() => setDragged(id)}
            onDragEnd={() => setDragged(null)}
            onDragOver={(event) => event.preventDefault()}
            onDrop={() => dragged && reporting.place(dragged, place)}
          >
            <label className="tick">
              <input type="checkbox" checked={!leftOut.has(id)} onChange={() => reporting.toggle('sections', id)} />
              {title}
            </label>
            <span className="moves">
              <IconButton
                title={text.report.up(title)}
                disabled={place === 0}
                onClick={() => reporting.place(id, place - 1)}
              >
                <ChevronUp size={14} />
              </IconButton>
              <IconButton
                title={text.report.down(title)}
                disabled={place === sections.length - 1}
                onClick={() => reporting.place(id, place + 1)}
              >
                <ChevronDown size={14} />
              </IconButton>
            </span>
          </li>
        ))}
      </ol>
    </fieldset>
  );
}
