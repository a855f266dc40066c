/** Messages at the edge of the window: nothing is modal, nothing goes away unread. */

import { text } from '../text.ts';
import { useFrom, useWorkbench } from './context.ts';
import { Check, X } from './icons.ts';
import { ErrorBox, IconButton } from './parts.tsx';

export function Notices() {
  const { frame } = useWorkbench();
  const notices = useFrom(frame, (state) => state.notices);
  return (
    <aside className="notices" aria-label={text.frame.notices} aria-live="polite">
      {notices.map(({ id, title, error, action }) =>
        error ? (
          <ErrorBox key={id} title={title} error={error} onDismiss={() => frame.dismiss(id)} />
        ) : (
          <div key={id} className="done-box">
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
        ),
      )}
    </aside>
  );
}
