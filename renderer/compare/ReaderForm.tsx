/** The reader's own findings, label by label. While it is open no answer and no truth is on the screen. */
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import type { Judgement } from '../state/reader.ts';
import { text } from '../text.ts';

const JUDGEMENTS: Judgement[] = [1, -1, 0];

export function ReaderForm() {
  const { reader } = useWorkbench();
  const { comment, saving, blinded } = useFrom(reader, (state) => state);
  return (
    <div className="reader-form role-reader">
      <header className="answer-head">
        <h2>{text.reader.title}</h2>
      </header>
      <p className="muted reader-hint">{blinded ? text.reader.blindedHint : text.reader.openHint}</p>
      <table className="matrix reader-table" aria-label={text.reader.title}>
        <thead>
          <tr>
            <th scope="col" className="label-head">
              {text.compare.label}
            </th>
            {JUDGEMENTS.map((judgement) => (
              <th key={judgement} scope="col">
                {text.reader.judgements[judgement]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {CHEXPERT_LABELS.map((label) => (
            <Row key={label} label={label} />
          ))}
        </tbody>
      </table>
      <textarea
        rows={2}
        value={comment}
        placeholder={text.reader.comment}
        aria-label={text.reader.comment}
        onChange={(event) => reader.write(event.target.value)}
      />
      <div className="row reader-buttons">
        <button type="button" className="primary" disabled={saving} onClick={() => void reader.save()}>
          {text.reader.save}
        </button>
        <button type="button" onClick={reader.restAbsent}>
          {text.reader.restAbsent}
        </button>
        <span className="spring" />
        <button type="button" className="quiet" onClick={reader.giveUp}>
          {text.reader.giveUp}
        </button>
      </div>
      <p className="muted reader-hint">{text.reader.keys}</p>
    </div>
  );
}

function Row({ label }: { label: Label }) {
  const { reader } = useWorkbench();
  const judged = useFrom(reader, (state) => state.draft[label]);
  return (
    <tr>
      <th scope="row">{label}</th>
      {JUDGEMENTS.map((judgement) => (
        <td key={judgement}>
          <button
            type="button"
            className="judge"
            aria-pressed={judged === judgement}
            aria-label={text.reader.judge(label, text.reader.judgements[judgement])}
            onClick={() => reader.judge(label, judgement)}
          >
            <Shape judgement={judgement} />
          </button>
        </td>
      ))}
    </tr>
  );
}

function Shape({ judgement }: { judgement: Judgement }) {
  return <span aria-hidden="true">{judgement === 1 ? '●' : judgement === 0 ? '–' : '?'}</span>;
}
