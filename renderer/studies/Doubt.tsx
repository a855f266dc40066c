/** Before a film that is not what the checkpoints were made for is read: why, and whether to read it all the same. */
import { useFrom, useWorkbench } from '../frame/context.ts';
import { TriangleAlert } from '../frame/icons.ts';
import { Sheet } from '../frame/Sheet.tsx';
import { text } from '../text.ts';

export function Doubt() {
  const { reading } = useWorkbench();
  const doubt = useFrom(reading, (state) => state.doubt);
  return doubt ? <Dialog cautions={doubt.cautions} /> : null;
}

function Dialog({ cautions }: { cautions: (keyof typeof text.doubt.reasons)[] }) {
  const { reading } = useWorkbench();
  return (
    <Sheet name="doubt" label={text.doubt.title} stays onClose={() => void reading.decide(false)}>
      <h2>
        <TriangleAlert size={16} className="warn" aria-hidden="true" /> {text.doubt.title}
      </h2>
      <ul>
        {cautions.map((code) => (
          <li key={code}>{text.doubt.reasons[code]}</li>
        ))}
      </ul>
      <p className="muted">{text.doubt.why}</p>
      <div className="row">
        <button type="button" className="primary" onClick={() => void reading.decide(false)}>
          {text.doubt.no}
        </button>
        <button type="button" onClick={() => void reading.decide(true)}>
          {text.doubt.yes}
        </button>
      </div>
    </Sheet>
  );
}
