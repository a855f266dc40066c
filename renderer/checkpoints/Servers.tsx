/** Servers: which there are, what is on them, and how another is added. A film goes to no other place. */
import { type FormEvent, useState } from 'react';
import type { Checkpoint, RemoteModel, ServerFacts, ServerInfo } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Plus, RefreshCw, Server, Trash2 } from '../frame/icons.ts';
import { ErrorBox, IconButton } from '../frame/parts.tsx';
import { text } from '../text.ts';

export function Servers() {
  const { servers } = useWorkbench();
  const list = useFrom(servers, (state) => state.list);
  const [adding, setAdding] = useState(false);
  const close = () => {
    servers.forgetProbe();
    setAdding(false);
  };
  return (
    <section className="servers" aria-label={text.servers.title} data-area="servers">
      <header className="row">
        <h2>{text.servers.title}</h2>
        <span className="spring" />
        {!adding && (
          <button type="button" onClick={() => setAdding(true)}>
            <Plus size={14} aria-hidden="true" /> {text.servers.open}
          </button>
        )}
      </header>
      {(adding || list.length === 0) && <p className="muted servers-intro">{text.servers.intro}</p>}
      {adding && <AddServer onClose={close} />}
      {list.map((server) => (
        <ServerCard key={server.id} server={server} />
      ))}
    </section>
  );
}

function AddServer({ onClose }: { onClose(): void }) {
  const { servers } = useWorkbench();
  const probe = useFrom(servers, (state) => state.probe);
  const busy = useFrom(servers, (state) => state.busy);
  const [address, setAddress] = useState('');
  const [key, setKey] = useState('');
  const [concurrency, setConcurrency] = useState('8');
  const [timeout, setTimeout] = useState('300');
  const change = (set: (value: string) => void) => (value: string) => {
    set(value);
    servers.forgetProbe();
  };
  async function add() {
    const limits = { concurrency: positive(concurrency, 8), timeoutSeconds: positive(timeout, 300) };
    const added = await servers.add({ address: address.trim(), key, ...limits });
    if (added) onClose();
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    if (probe.state === 'found') void add();
    else void servers.probe(address.trim(), key);
  }
  return (
    <form className="add-server" onSubmit={submit} data-area="add-server">
      <div className="fields">
        <label className="field server-address">
          <span>{text.servers.address}</span>
          <input
            // biome-ignore lint/a11y/noAutofocus: the form was opened to type an address.
            autoFocus
            value={address}
            placeholder={text.servers.addressHint}
            spellCheck={false}
            onChange={(event) => change(setAddress)(event.target.value)}
          />
        </label>
        <label className="field">
          <span>{text.servers.key}</span>
          <input
            type="password"
            autoComplete="off"
            value={key}
            placeholder={text.servers.keyHint}
            title={text.servers.keySafe}
            onChange={(event) => change(setKey)(event.target.value)}
          />
        </label>
        <NumberField label={text.servers.concurrency} value={concurrency} onChange={setConcurrency} />
        <NumberField label={text.servers.timeout} value={timeout} onChange={setTimeout} />
      </div>
      {key !== '' && <p className="muted">{text.servers.keySafe}</p>}
      {probe.state === 'failed' && <ErrorBox title={text.servers.failed} error={probe.error} />}
      {probe.state === 'found' && <Found facts={probe.facts} />}
      <div className="row">
        <button type="submit" className="primary" disabled={busy || address.trim() === '' || probe.state === 'asking'}>
          {probe.state === 'found'
            ? text.servers.add
            : probe.state === 'asking'
              ? text.servers.looking
              : text.servers.look}
        </button>
        {probe.state === 'failed' && (
          <button type="button" disabled={busy} onClick={() => void add()}>
            {text.servers.addAnyway}
          </button>
        )}
        <button type="button" onClick={onClose}>
          {text.servers.cancel}
        </button>
      </div>
    </form>
  );
}

function NumberField(props: { label: string; value: string; onChange(value: string): void }) {
  return (
    <label className="field">
      <span>{props.label}</span>
      <input type="number" min={1} value={props.value} onChange={(event) => props.onChange(event.target.value)} />
    </label>
  );
}

function positive(typed: string, otherwise: number): number {
  const value = Math.floor(Number(typed));
  return value >= 1 ? value : otherwise;
}

function Found({ facts }: { facts: ServerFacts }) {
  const adapters = facts.models.filter(({ parent }) => parent !== null).length;
  return (
    <p className="server-found" role="status">
      <strong>{text.servers.kind(text.servers.kinds[facts.kind], facts.version)}</strong>{' '}
      {text.servers.models(facts.models.length - adapters, adapters)}
      {': '}
      {facts.models.map(({ id }) => id).join(', ')}
    </p>
  );
}

function ServerCard({ server }: { server: ServerInfo }) {
  const { servers } = useWorkbench();
  const busy = useFrom(servers, (state) => state.busy);
  const [keyOpen, setKeyOpen] = useState(false);
  const { name, address, kind, version, models, error } = server;
  return (
    <article className="server" aria-label={name}>
      <header className="row">
        <Server size={16} aria-hidden="true" />
        <strong>{name}</strong>
        <span className="muted selectable">{address}</span>
        {kind && <span>{text.servers.kind(text.servers.kinds[kind], version)}</span>}
        <span className="spring" />
        <button
          type="button"
          className="quiet"
          title={text.servers.keyTitle(server)}
          onClick={() => setKeyOpen(!keyOpen)}
        >
          {text.servers.keyFrom[server.key]}
        </button>
        <IconButton title={text.servers.ask} disabled={busy} onClick={() => void servers.ask(server.id)}>
          <RefreshCw size={14} />
        </IconButton>
        <IconButton title={text.servers.remove(name)} disabled={busy} onClick={() => void servers.remove(server)}>
          <Trash2 size={14} />
        </IconButton>
      </header>
      {keyOpen && <KeyForm server={server} onDone={() => setKeyOpen(false)} />}
      {error && <ErrorBox title={text.servers.unreachable} error={error} />}
      {models.length > 0 && (
        <ul className="server-models">
          {models.map((model) => (
            <ModelRow key={model.id} server={server} model={model} />
          ))}
        </ul>
      )}
      {kind === 'vllm' && <LoadAdapter server={server} />}
    </article>
  );
}

function ModelRow({ server, model }: { server: ServerInfo; model: RemoteModel }) {
  const { servers, checkpoints } = useWorkbench();
  const list = useFrom(checkpoints, (state) => state.list);
  const busy = useFrom(servers, (state) => state.busy);
  const [role, setRole] = useState<Checkpoint['role']>(roleOf(model));
  const used = list.some(({ server: on }) => on?.address === server.address && on.model === model.id);
  const facts = [
    model.parent === null ? text.servers.baseModel : text.servers.adapterOf(model.parent),
    model.precision,
    model.vision === false ? text.servers.noVision : '',
  ];
  return (
    <li>
      <span className="selectable">{model.id}</span>
      <span className="muted">{facts.filter(Boolean).join(' · ')}</span>
      <span className="spring" />
      {used ? (
        <span className="muted">{text.servers.used}</span>
      ) : (
        <>
          <select
            aria-label={text.servers.roleOf(model.id)}
            value={role}
            onChange={(event) => setRole(event.target.value as Checkpoint['role'])}
          >
            {Object.entries(text.roles).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
          <button type="button" disabled={busy} onClick={() => void servers.addModel(server.id, model.id, { role })}>
            {text.servers.use}
          </button>
        </>
      )}
    </li>
  );
}

/** From the name, where it says so. */
function roleOf({ id, parent }: RemoteModel): Checkpoint['role'] {
  const found = /(?:^|[^a-z])(sft|grpo)(?:[^a-z]|$)/.exec(id.toLowerCase())?.[1];
  return (found as Checkpoint['role'] | undefined) ?? (parent === null ? 'base' : 'other');
}

function KeyForm({ server, onDone }: { server: ServerInfo; onDone(): void }) {
  const { servers } = useWorkbench();
  const [key, setKey] = useState('');
  async function submit(event: FormEvent) {
    event.preventDefault();
    await servers.setKey(server, key);
    onDone();
  }
  return (
    <form className="row server-key" onSubmit={(event) => void submit(event)}>
      <label className="field">
        <span>{text.servers.key}</span>
        <input type="password" autoComplete="off" value={key} onChange={(event) => setKey(event.target.value)} />
      </label>
      <button type="submit">{key === '' ? text.servers.forgetKey : text.servers.setKey}</button>
      <span className="muted">{text.servers.keyVariable(server.keyVariable)}</span>
    </form>
  );
}

function LoadAdapter({ server }: { server: ServerInfo }) {
  const { servers } = useWorkbench();
  const busy = useFrom(servers, (state) => state.busy);
  const [name, setName] = useState('');
  const [path, setPath] = useState('');
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (await servers.loadAdapter(server.id, name.trim(), path.trim())) {
      setName('');
      setPath('');
    }
  }
  return (
    <details className="server-load">
      <summary>{text.servers.loadAdapter}</summary>
      <form className="fields" onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>{text.servers.loadName}</span>
          <input value={name} spellCheck={false} onChange={(event) => setName(event.target.value)} />
        </label>
        <label className="field server-address">
          <span>{text.servers.loadPath}</span>
          <input value={path} spellCheck={false} onChange={(event) => setPath(event.target.value)} />
        </label>
        <button type="submit" disabled={busy || name.trim() === '' || path.trim() === ''}>
          {text.servers.load}
        </button>
      </form>
      <p className="muted">{text.servers.loadHint}</p>
    </details>
  );
}
