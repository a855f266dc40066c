/** Keeps the films on which the checkpoints agree or not. Hidden while films are read blinded: it would tell. */
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { text } from '../text.ts';
import { AGREEMENTS, type AgreementKind, pairOf } from './agreement.ts';

export function AgreementFilter() {
  const { library, reading, checkpoints, reader } = useWorkbench();
  const agreement = useFrom(library, (state) => state.agreement);
  const blinded = useFrom(reader, (state) => state.blinded);
  const { activeId, previousId } = useFrom(reading, (state) => state);
  const list = useFrom(checkpoints, (state) => state.list);
  if (blinded) return null;
  const [from, to] = pairOf(list, activeId, previousId).map((each) => each?.name ?? '–');
  return (
    <div className="agreement">
      <select
        aria-label={text.agreement.title}
        value={agreement.kind}
        onChange={(event) => library.setAgreement({ ...agreement, kind: event.target.value as AgreementKind })}
      >
        {AGREEMENTS.map((kind) => (
          <option key={kind} value={kind}>
            {text.agreement.kinds[kind](from, to)}
          </option>
        ))}
      </select>
      {agreement.kind !== 'all' && (
        <select
          aria-label={text.compare.label}
          value={agreement.label ?? ''}
          onChange={(event) =>
            library.setAgreement({ ...agreement, label: (event.target.value || null) as Label | null })
          }
        >
          <option value="">{text.agreement.anyLabel}</option>
          {CHEXPERT_LABELS.map((label) => (
            <option key={label} value={label}>
              {label}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
