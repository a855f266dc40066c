/**
 * Messages at the edge of the window: nothing is modal, nothing goes away unread, and the film's centre stays free. One alone
 * says everything; several take a line each, which opens; beyond three the earlier ones are counted.
 */
import { useState } from 'react';
import type { Notice } from '../state/frame.ts';
import { remedyFor } from '../text/remedies.ts';
import { text } from '../text.ts';
import { useFrom, useWorkbench } from './context.ts';
import { Check, ChevronDown, TriangleAlert, X } from './icons.ts';
import { ErrorBox, IconButton } from './parts.tsx';

const LINES = 3;

export function Notices() {
  const { frame } = useWorkbench();
  const notices = useFrom(frame, (state) => state.notices);
  const [openId, setOpenId] = useState<number | null>(null);
  const [all, setAll] = useState(false);
  const shown = all ? notices : notices.slice(-LINES);
  const earlier = notices.length - shown.length;
  const alone = notices.length === 1;
  return (
    <aside className="notices" aria-label={text.frame.notices} aria-live="polite">
      {notices.length > 1 && (
        <div className="notice-head">
          {(earlier > 0 || all) && notices.length > LINES && (
            <button type="button" className="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? text.frame.fewerNotices : text.frame.earlierNotices(earlier)}
            </button>
          )}
          <button type="button" className="quiet" onClick={frame.dismissAll}>
            {text.frame.dismissAll(notices.length)}
          </button>
        </div>
      )}
      {shown.map((notice) =>
        notice.error === null ? (
          <Done key={notice.id} notice={notice} />
        ) : alone || notice.id === openId ? (
          <ErrorBox
            key={notice.id}
            title={notice.title}
            error={notice.error}
            onDismiss={() => frame.dismiss(notice.id)}
          />
        ) : (
          <ErrorLine key={notice.id} notice={notice} onOpen={() => setOpenId(notice.id)} />
        ),
      )}
    </aside>
  );
}

/** What happened and what helps, as far as a line goes; the whole on opening and in the tooltip. */
function ErrorLine({ notice, onOpen }: { notice: Notice; onOpen(): void }) {
  const { frame } = useWorkbench();
  const { id, title, error } = notice;
  const remedy = error && (error.remedy ?? remedyFor(error.code));
  const says = [error?.message, remedy && `${text.frame.remedy}${remedy}`].filter(Boolean).join(' ');
  return (
    <div className="error-box one-line">
      <TriangleAlert size={16} aria-hidden="true" />
      <span className="says" title={`${title}. ${says}`}>
        <strong>{title}</strong> {says}
      </span>
      <IconButton title={text.frame.openNotice(title)} onClick={onOpen}>
        <ChevronDown size={14} />
      </IconButton>
      <IconButton title={text.frame.dismiss} onClick={() => frame.dismiss(id)}>
        <X size={14} />
      </IconButton>
    </div>
  );
}

function Done({ notice: { id, title, action } }: { notice: Notice }) {
  const { frame } = useWorkbench();
  return (
    <div className="done-box">
      <Check size={16} aria-hidden="true" />
      <span>{title}</span>
      {action && (
        <button
          type="button"
          onClick={() => {
            frame.dismiss(id);
            action.run();
          }}
        >
          {action.title}
        </button>
      )}
      <IconButton title={text.frame.dismiss} onClick={() => frame.dismiss(id)}>
        <X size={14} />
      </IconButton>
    </div>
  );
}
