/** Settings: the workspace, the engine and why it, the network, and what this program is for. */
import { type FormEvent, type ReactNode, useState } from 'react';
import type { ExecutorInfo } from '../../core/models/runner.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import { Empty } from '../frame/parts.tsx';
import { bytes, text } from '../text.ts';

export function SettingsScreen() {
  const { frame } = useWorkbench();
  const app = useFrom(frame, (state) => state.app);
  if (!app) return <Empty title={text.frame.connecting} />;
  const { engine, workspace, network } = app;
  return (
    <div className="page settings">
      <Part title={text.settings.workspace}>
        <p className="selectable">
          {workspace.path} {workspace.builtIn && <span className="muted">({text.settings.builtIn})</span>}
        </p>
        <p className="muted">{text.settings.workspaceHint}</p>
        <OpenWorkspace />
      </Part>
      <Part title={text.settings.engine}>
        <Executor title={text.settings.generation} info={engine.generation} />
        <Executor title={text.settings.training} info={engine.training} />
        <p className="muted">
          {text.settings.process} {engine.processId} · {text.settings.memory} {bytes(engine.memoryBytes)}
        </p>
      </Part>
      <Part title={text.settings.network}>
        <p>{network.length === 0 ? text.settings.networkNone : text.frame.network(network)}</p>
        <p className="muted">{text.servers.intro}</p>
        <div className="row">
          <button type="button" onClick={() => frame.show('checkpoints')}>
            {text.settings.servers}
          </button>
        </div>
      </Part>
      <Part title={text.settings.about}>
        <p>
          {text.product} · {text.settings.version(app.version)}
        </p>
        <p>{text.settings.research}</p>
      </Part>
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="block">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Executor({ title, info }: { title: string; info: ExecutorInfo }) {
  return (
    <div>
      <p>
        {title} <strong>{info.name}</strong> {info.version}, {text.settings.threads(info.threads)}
      </p>
      <p className="muted">{info.reason}</p>
    </div>
  );
}

function OpenWorkspace() {
  const { openWorkspace } = useWorkbench();
  const [path, setPath] = useState('');
  function submit(event: FormEvent) {
    event.preventDefault();
    void openWorkspace(path.trim());
  }
  return (
    <form className="fields" onSubmit={submit}>
      <PathField label={text.settings.openOther} kind="folder" value={path} onChange={setPath} />
      <button type="submit" disabled={path.trim() === ''}>
        {text.settings.open}
      </button>
    </form>
  );
}
