/** Checkpoints: what each is, what it hangs on, what is known against it; and how another is added. */

import { type FormEvent, useState } from 'react';
import type { Checkpoint } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Trash2, TriangleAlert } from '../frame/icons.ts';
import { PathField } from '../frame/PathField.tsx';
import { CopyButton, Empty, ErrorBox, IconButton, RoleDot } from '../frame/parts.tsx';
import { bytes, text } from '../text.ts';
import { CanaryView } from './CanaryView.tsx';
import { Precisions } from './Precisions.tsx';
import { Servers } from './Servers.tsx';

export function CheckpointsScreen() {
  const { checkpoints } = useWorkbench();
  const list = useFrom(checkpoints, (state) => state.list);
  return (
    <div className="page">
      <AddCheckpoint />
      <PromptProblems />
      {list.length === 0 && <Empty title={text.checkpoints.empty} hint={text.checkpoints.emptyHint} />}
      <div className="cards" data-area="cards">
        {list.map((checkpoint) => (
          <Card key={checkpoint.id} checkpoint={checkpoint} />
        ))}
      </div>
      <Servers />
    </div>
  );
}

/** Files that the user dropped into the workspace's folder prompts and that are none. */
function PromptProblems() {
  const { checkpoints } = useWorkbench();
  const problems = useFrom(checkpoints, (state) => state.promptProblems);
  return problems.map((error) => (
    <ErrorBox key={JSON.stringify(error.details)} title={text.checkpoints.promptProblems} error={error} />
  ));
}

function AddCheckpoint() {
  const { checkpoints } = useWorkbench();
  const adding = useFrom(checkpoints, (state) => state.adding);
  const [path, setPath] = useState('');
  const [role, setRole] = useState<Checkpoint['role'] | ''>('');
  async function submit(event: FormEvent) {
    event.preventDefault();
    const added = await checkpoints.add(path.trim(), role || undefined);
    // What was typed meanwhile stays.
    if (added) setPath((now) => (now === path ? '' : now));
  }
  return (
    <form className="fields add-checkpoint" onSubmit={(event) => void submit(event)} data-area="add">
      <PathField
        label={text.checkpoints.path}
        hint={text.checkpoints.pathHint}
        kind="folder"
        value={path}
        onChange={setPath}
      />
      <label className="field">
        <span>{text.checkpoints.role}</span>
        <select value={role} onChange={(event) => setRole(event.target.value as Checkpoint['role'] | '')}>
          <option value="">{text.checkpoints.roleByFolder}</option>
          {Object.entries(text.roles).map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" className="primary" disabled={adding || path.trim() === ''}>
        {text.checkpoints.add}
      </button>
    </form>
  );
}

function Card({ checkpoint }: { checkpoint: Checkpoint }) {
  const { checkpoints } = useWorkbench();
  const base = checkpoints.byId(checkpoint.baseId);
  const { error, warnings, name, role } = checkpoint;
  return (
    <article className={`card role-${role}`} aria-label={name}>
      <header className="row">
        <RoleDot role={role} />
        <h2>{name}</h2>
        <span className="muted">{kindText(checkpoint, base)}</span>
        <span className="spring" />
        <IconButton title={text.checkpoints.remove(name)} onClick={() => void checkpoints.remove(checkpoint.id)}>
          <Trash2 size={14} />
        </IconButton>
      </header>
      {error && <ErrorBox title={text.checkpoints.unusable} error={error} />}
      {warnings.map((warning) => (
        <p key={warning} className="card-warning">
          <TriangleAlert size={14} aria-hidden="true" />
          <span>{warning}</span>
        </p>
      ))}
      <dl className="provenance">
        {factsOf(checkpoint).map(([field, value]) => (
          <div key={field}>
            <dt>{text.checkpoints.fields[field]}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {!error && !checkpoint.server && checkpoint.baseId === null && <Precisions checkpoint={checkpoint} />}
      {!error && <CanaryView checkpoint={checkpoint} />}
      <CopyButton value={() => JSON.stringify(checkpoint, null, 2)} />
    </article>
  );
}

function kindText(checkpoint: Checkpoint, base: Checkpoint | null): string {
  const parent = checkpoint.server?.parent;
  if (parent) return text.checkpoints.adapterOn(parent);
  if (checkpoint.baseId === null) return text.checkpoints.base;
  return base ? text.checkpoints.adapterOn(base.name) : text.checkpoints.adapter;
}

function factsOf(checkpoint: Checkpoint): [keyof typeof text.checkpoints.fields, string][] {
  const { info, path, trainingSource, promptId, preprocessing, secondsPerFilm, hash, server } = checkpoint;
  const answers = text.checkpoints.answerFormats[checkpoint.answerFormat ?? 'solution'];
  const speed = secondsPerFilm === null ? text.checkpoints.notMeasured : text.checkpoints.perFilm(secondsPerFilm);
  if (server) {
    const kind = text.servers.kind(text.servers.kinds[server.kind], server.version);
    return [
      ['server', `${server.address} · ${kind}`],
      ['model', text.checkpoints.onServer(server.model, server.parent)],
      ['source', trainingSource || text.checkpoints.unknown],
      ['prompt', promptId],
      ['answers', answers],
      ['preprocessing', preprocessing],
      ['speed', speed],
      ['hash', hash],
    ];
  }
  const size = [
    bytes(checkpoint.bytes),
    info ? text.checkpoints.parameters((info.parameters / 1e6).toFixed(1)) : '',
    info?.dtype ?? '',
  ];
  return [
    ['path', path],
    ['source', trainingSource || text.checkpoints.unknown],
    ['prompt', promptId],
    ['preprocessing', preprocessing],
    ['architecture', info?.architecture ?? text.checkpoints.unknown],
    ['size', size.filter(Boolean).join(' · ')],
    ['answers', answers],
    ['speed', speed],
    ['hash', hash],
  ];
}
