/** What a run warns of, with what to do; and what its integrity gates found. */
import type { GateResult } from '../../core/services/contract.ts';
import { ALARM_MEANING, type Alarm } from '../../core/training/alarms.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { Check, TriangleAlert, X } from '../frame/icons.ts';
import { text } from '../text.ts';
import { shortNumber } from './numbers.ts';

export function AlarmList({ alarms }: { alarms: Alarm[] }) {
  if (alarms.length === 0) return null;
  return (
    <section className="block alarms" aria-label={text.train.alarms}>
      {alarms.map((alarm) => (
        <AlarmLine key={`${alarm.kind} ${alarm.step}`} alarm={alarm} />
      ))}
    </section>
  );
}

function AlarmLine({ alarm: { kind, step, until, value, limit } }: { alarm: Alarm }) {
  const { message, remedy } = ALARM_MEANING[kind];
  return (
    <div className={`alarm${until === null ? '' : ' over'}`} role="status">
      <TriangleAlert size={15} aria-hidden="true" />
      <div>
        <p>
          <strong>{text.train.alarm[kind]}</strong> <span className="muted">{text.train.alarmSteps(step, until)}</span>{' '}
          {message} <span className="muted">({text.train.alarmValue(shortNumber(value), shortNumber(limit))})</span>
        </p>
        {until === null && <p className="remedy">{remedy}</p>}
      </div>
    </div>
  );
}

export function Gates({ gates }: { gates: GateResult[] }) {
  return (
    <section className="block">
      <h2>{text.train.gates}</h2>
      <DataTable
        className="figures departures gates"
        name={text.train.gates}
        label={text.train.gates}
        headless
        rows={gates}
        rowKey={({ gate, after }) => `${gate} ${after}`}
        columns={[
          { id: 'gate', head: text.train.gates, isRowHead: true, cell: ({ gate }) => text.train.gate[gate] },
          { id: 'after', head: '', cell: ({ after, step }) => text.train.gateAfter[after](step) },
          {
            id: 'passed',
            head: '',
            cell: ({ passed }) => (
              <>
                {passed ? <Check size={13} aria-hidden="true" /> : <X size={13} aria-hidden="true" />}{' '}
                {passed ? text.train.gatePassed : text.train.gateFailed}
              </>
            ),
            cellClassName: ({ passed }) => (passed ? '' : 'failed'),
          },
          { id: 'found', head: '', className: 'muted', cell: ({ found }) => found },
        ]}
      />
    </section>
  );
}
