/** Settings: the workspace, the engine and why it, the network, and what this program is for. */
import { type FormEvent, type ReactNode, useState } from 'react';
import { DEVICES, type Device, type ExecutorInfo } from '../../core/tensor/executor.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import { Empty } from '../frame/parts.tsx';
import { ZOOMS } from '../state/interfaceSize.ts';
import { REPORT_THEMES, type ReportThemeName } from '../state/reportTheme.ts';
import { bytes, text } from '../text.ts';
import { RemovedList } from './RemovedList.tsx';

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
        <dl className="engines">
          <Executor title={text.settings.generation} info={engine.generation} />
          <Executor title={text.settings.training} info={engine.training} />
        </dl>
        <DeviceChoice used={engine.generation.name.endsWith('webgpu') ? 'webgpu' : 'cpu'} />
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
      <Part title={text.settings.appearance}>
        <InterfaceSize />
        <ReportThemeChoice />
        <p>
          <button type="button" onClick={() => frame.open('keys')}>
            {text.settings.keys}
          </button>
        </p>
      </Part>
      <Part title={text.removals.title}>
        <RemovedList />
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

/** Trying a GPU takes a moment, and may fail: then nothing changes but a message. */
function DeviceChoice({ used }: { used: Device }) {
  const { frame } = useWorkbench();
  const [trying, setTrying] = useState(false);
  async function choose(device: Device) {
    setTrying(true);
    await frame.setDevice(device);
    setTrying(false);
  }
  return (
    <div>
      <label className="row">
        {text.settings.device}
        <select value={used} disabled={trying} onChange={(event) => void choose(event.target.value as Device)}>
          {DEVICES.map((device) => (
            <option key={device} value={device}>
              {text.settings.devices[device]}
            </option>
          ))}
        </select>
        {trying && <span role="status">{text.settings.deviceTrying}</span>}
      </label>
      <p className="muted small">{text.settings.deviceHint}</p>
    </div>
  );
}

function InterfaceSize() {
  const { interfaceSize } = useWorkbench();
  const zoom = useFrom(interfaceSize, (state) => state.zoom);
  return (
    <label className="row">
      {text.settings.size}
      <select value={zoom} onChange={(event) => interfaceSize.set(Number(event.target.value))}>
        {ZOOMS.map((each) => (
          <option key={each} value={each}>
            {Math.round(each * 100)} %
          </option>
        ))}
      </select>
    </label>
  );
}

function ReportThemeChoice() {
  const { reportTheme } = useWorkbench();
  const theme = useFrom(reportTheme, (state) => state.theme);
  return (
    <label className="row">
      {text.settings.reportTheme}
      <select value={theme} onChange={(event) => reportTheme.set(event.target.value as ReportThemeName)}>
        {REPORT_THEMES.map((each) => (
          <option key={each} value={each}>
            {text.settings.themes[each]}
          </option>
        ))}
      </select>
    </label>
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
      <dt>{title}</dt>
      <dd>
        <strong>{info.name}</strong> {info.version}, {text.settings.threads(info.threads)}
        <p className="muted small">{info.reason}</p>
      </dd>
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
