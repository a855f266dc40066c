/** The two sheets over the screens: the palette of commands (Ctrl+K) and the keys (F1). */
import { useState } from 'react';
import { type Command, keyOf } from '../state/commands.ts';
import { keyText } from '../state/keys.ts';
import { text } from '../text.ts';
import { useFrom, useWorkbench } from './context.ts';
import { Sheet } from './Sheet.tsx';

export function Sheets({ commands }: { commands: Command[] }) {
  const { frame } = useWorkbench();
  const open = useFrom(frame, (state) => state.open);
  if (open === 'nothing') return null;
  return (
    <Sheet
      name={open}
      label={open === 'palette' ? text.frame.palette : text.frame.keys}
      onClose={() => frame.open('nothing')}
    >
      {open === 'palette' ? <Palette commands={commands} /> : <Keys commands={commands} />}
    </Sheet>
  );
}

function Palette({ commands }: { commands: Command[] }) {
  const { frame, library } = useWorkbench();
  const screen = useFrom(frame, (state) => state.screen);
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const found = commands.filter(
    (command) =>
      (command.on === 'everywhere' || command.on === screen) &&
      words.every((word) => command.title.toLowerCase().includes(word)),
  );
  const chosen = found[Math.min(at, found.length - 1)];
  function run(command: Command | undefined) {
    frame.open('nothing');
    if (command) command.run();
    else if (typed.trim() !== '') library.setFilter(typed.trim());
  }
  function onKeyDown(event: React.KeyboardEvent) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      setAt(Math.max(0, Math.min(found.length - 1, at + by)));
    }
    if (event.key === 'Enter') run(chosen);
  }
  return (
    <div className="palette">
      <input
        // biome-ignore lint/a11y/noAutofocus: the palette was opened to type into it.
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={chosen && `command-${chosen.id}`}
        aria-label={text.frame.palette}
        placeholder={text.frame.paletteHint}
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-list" role="listbox" aria-label={text.frame.palette} className="palette-list">
        {found.map((command) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the box above takes the keys.
          <div
            key={command.id}
            id={`command-${command.id}`}
            role="option"
            aria-selected={command === chosen}
            className="palette-option"
            onClick={() => run(command)}
          >
            <span>{command.title}</span>
            {command.keys[0] && <kbd>{keyText(command.keys[0])}</kbd>}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="muted">{text.frame.paletteEmpty}</p>}
    </div>
  );
}

function Keys({ commands }: { commands: Command[] }) {
  const { keys } = useWorkbench();
  const changed = useFrom(keys, (state) => Object.keys(state.own).length);
  const places = [...new Set(commands.map((command) => command.on))];
  return (
    <div className="keys">
      <h2>{text.frame.keys}</h2>
      <div className="keys-columns">
        {places.map((place) => (
          <section key={place}>
            <h3>{place === 'everywhere' ? text.frame.everywhere : text.screens[place]}</h3>
            <dl>
              {commands
                .filter((command) => command.on === place)
                .map((command) => (
                  <KeyLine key={command.id} command={command} commands={commands} />
                ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="muted">
        {text.frame.keysHint}
        {changed > 0 && (
          <button type="button" className="quiet" onClick={() => void keys.restoreAll()}>
            {text.frame.keysRestore(changed)}
          </button>
        )}
      </p>
    </div>
  );
}

const ONLY_MODIFIERS = ['Control', 'Shift', 'Alt', 'Meta', 'AltGraph'];

/** A command with its keys; a press on the key's button, then a key, binds it anew. */
function KeyLine({ command, commands }: { command: Command; commands: Command[] }) {
  const { keys, frame } = useWorkbench();
  const [waiting, setWaiting] = useState(false);
  const own = useFrom(keys, (state) => command.id in state.own);
  function onKeyDown(event: React.KeyboardEvent) {
    if (!waiting || ONLY_MODIFIERS.includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    setWaiting(false);
    if (event.key === 'Escape') return;
    const saved = keys.bind(commands, command, keyOf(event.nativeEvent));
    saved.catch((error: unknown) => frame.fail(text.frame.keysFailed, error));
  }
  return (
    <div>
      <dt>{command.title}</dt>
      <dd>
        {own && (
          <button type="button" className="quiet" onClick={() => void keys.restore(command.id)}>
            {text.frame.keyRestore}
          </button>
        )}
        <button
          type="button"
          className={`key-button${waiting ? ' waiting' : ''}`}
          onClick={() => setWaiting(true)}
          onBlur={() => setWaiting(false)}
          onKeyDown={onKeyDown}
        >
          <span className="only-spoken">{text.frame.keyBind(command.title, command.keys.map(keyText).join(', '))}</span>
          <span aria-hidden="true">{waiting ? text.frame.keyWaiting : <KeyNames keys={command.keys} />}</span>
        </button>
      </dd>
    </div>
  );
}

function KeyNames({ keys }: { keys: string[] }) {
  if (keys.length === 0) return <span className="muted">{text.frame.keyNone}</span>;
  return <kbd>{keyText(keys[0])}</kbd>;
}
