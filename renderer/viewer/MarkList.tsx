/** What is drawn on the active film, as a list: read by a screen reader, named, chosen and removed by keyboard. */
import { useEffect, useRef } from 'react';
import type { Film } from '../../core/dicom/film.ts';
import type { Annotation } from '../../core/services/contract.ts';
import { useFrom } from '../frame/context.ts';
import { X } from '../frame/icons.ts';
import { CopyButton, IconButton } from '../frame/parts.tsx';
import type { Marks } from '../state/marks.ts';
import { text } from '../text.ts';
import { annotationText } from './measurementText.ts';

export function MarkList({ marks }: { marks: Marks }) {
  const { annotations, film, selectedId } = useFrom(marks, (state) => state);
  if (!film || annotations.length === 0) return null;
  const copied = () => annotations.map((each) => annotationText(each, film)).join('\n');
  return (
    <section className="mark-list" aria-label={text.viewer.annotations} data-area="annotations">
      <ol>
        {annotations.map((annotation) => (
          <Line
            key={annotation.id}
            annotation={annotation}
            film={film}
            marks={marks}
            selected={annotation.id === selectedId}
          />
        ))}
      </ol>
      <div className="row">
        <CopyButton title={text.viewer.copyAnnotations} value={copied} />
        <button type="button" className="quiet" onClick={marks.clear}>
          {text.viewer.clearAnnotations}
        </button>
      </div>
    </section>
  );
}

function Line(props: { annotation: Annotation; film: Film; marks: Marks; selected: boolean }) {
  const { annotation, film, marks, selected } = props;
  const line = annotationText(annotation, film);
  return (
    <li className={selected ? 'selected' : ''}>
      <button
        type="button"
        className="quiet mark-line"
        aria-pressed={selected}
        onClick={() => marks.select(annotation.id)}
      >
        {line}
      </button>
      {selected && <Name annotation={annotation} marks={marks} />}
      <IconButton title={text.viewer.removeAnnotation(line)} onClick={() => marks.remove(annotation.id)}>
        <X size={13} />
      </IconButton>
    </li>
  );
}

/** An arrow is nothing without its text: it is asked for at once. */
function Name({ annotation, marks }: { annotation: Annotation; marks: Marks }) {
  const input = useRef<HTMLInputElement>(null);
  const isNewArrow = annotation.kind === 'arrow' && annotation.text === '';
  useEffect(() => {
    if (isNewArrow) input.current?.focus();
  }, [isNewArrow]);
  return (
    <input
      ref={input}
      key={annotation.id}
      defaultValue={annotation.text}
      maxLength={200}
      placeholder={text.viewer.annotationText}
      aria-label={text.viewer.annotationText}
      onBlur={(event) => marks.write(annotation.id, event.target.value.trim())}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== 'Escape') return;
        event.currentTarget.blur();
        document.querySelector<HTMLElement>('.pane.active .film')?.focus();
      }}
    />
  );
}
