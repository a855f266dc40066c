/** What can be done, by palette, key and menu: one table for all three, and for the sheet of keys. */
import type { JobInfo } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import { isUnderWay, SCREENS, type Screen } from './frame.ts';
import type { Pane, Tool } from './panes.ts';
import type { Workbench } from './workbench.ts';

export interface Command {
  /** Also what a host's menu says: `screen:read`, `help:keys`. */
  id: string;
  title: string;
  /** As the user presses them: `j`, `Shift+R`, `Control+k`. The first is shown. */
  keys: string[];
  /** Works on this screen only. */
  on: Screen | 'everywhere';
  run(): unknown;
}

export function commandsOf(workbench: Workbench): Command[] {
  return [
    ...frameCommands(workbench),
    ...readCommands(workbench),
    ...viewCommands(workbench),
    ...traceCommands(workbench),
    ...workCommands(workbench),
  ];
}

/** Of the work that can be paused: on Train the training, elsewhere the evaluation before it. */
function workCommands({ frame }: Workbench): Command[] {
  const pausable = (): JobInfo | undefined => {
    const { jobs, screen } = frame.store.getState();
    const found = jobs.filter((job) => job.pause && isUnderWay(job));
    const first = screen === 'train' ? 'train' : 'evaluate';
    return found.find(({ kind }) => kind === first) ?? found[0];
  };
  const command = (id: string, title: string, keys: string[], run: (job: JobInfo) => unknown): Command => {
    return { id: `work:${id}`, title, keys, on: 'everywhere', run: () => ((job) => job && run(job))(pausable()) };
  };
  return [
    command('pause', text.commands.pause, ['Alt+p'], frame.togglePause),
    command('cancel', text.commands.cancelWork, [], ({ id }) => frame.cancelJob(id)),
  ];
}

/** Of the queue on Train, Traces; elsewhere on that screen they do nothing. */
function traceCommands({ traces }: Workbench): Command[] {
  const command = (id: string, title: string, keys: string[], run: () => unknown): Command => {
    const { store } = traces;
    const inQueue = () => (store.getState().open && store.getState().draft === null ? run() : undefined);
    return { id: `trace:${id}`, title, keys, on: 'train', run: inQueue };
  };
  return [
    command('accept', text.commands.traceAccept, ['a'], () => traces.accept()),
    command('edit', text.commands.traceEdit, ['e'], traces.edit),
    command('reject', text.commands.traceReject, ['r'], traces.reject),
    command('undo', text.commands.traceUndo, ['u', 'Control+z', 'Meta+z'], traces.undo),
    command('next', text.traces.next, ['j'], () => traces.move(1)),
    command('previous', text.traces.previous, ['k'], () => traces.move(-1)),
  ];
}

function frameCommands({ frame, interfaceSize, reportTheme, removals }: Workbench): Command[] {
  const screens = SCREENS.map((screen, index): Command => {
    return {
      id: `screen:${screen}`,
      title: text.commands.goTo(text.screens[screen]),
      keys: [`Alt+${index + 1}`],
      on: 'everywhere',
      run: () => frame.show(screen),
    };
  });
  const toggle = (what: 'palette' | 'keys') => () =>
    frame.open(frame.store.getState().open === what ? 'nothing' : what);
  return [
    {
      id: 'help:palette',
      title: text.frame.palette,
      keys: ['Control+k', 'Meta+k'],
      on: 'everywhere',
      run: toggle('palette'),
    },
    { id: 'help:keys', title: text.frame.keys, keys: ['F1', '?'], on: 'everywhere', run: toggle('keys') },
    {
      id: 'window:larger',
      title: text.commands.interfaceLarger,
      keys: ['Control++', 'Control+=', 'Meta+=', 'Meta++'],
      on: 'everywhere',
      run: () => interfaceSize.by(1),
    },
    {
      id: 'window:smaller',
      title: text.commands.interfaceSmaller,
      keys: ['Control+-', 'Meta+-'],
      on: 'everywhere',
      run: () => interfaceSize.by(-1),
    },
    {
      id: 'window:zoomReset',
      title: text.commands.interfaceReset,
      keys: ['Control+0', 'Meta+0'],
      on: 'everywhere',
      run: () => interfaceSize.by(0),
    },
    {
      id: 'window:reportTheme',
      title: text.commands.reportTheme,
      keys: [],
      on: 'everywhere',
      run: () => reportTheme.set(reportTheme.store.getState().theme === 'light' ? 'dark' : 'light'),
    },
    { id: 'window:restore', title: text.removals.undo, keys: ['Alt+z'], on: 'everywhere', run: removals.undo },
    { id: 'window:area', title: text.commands.area, keys: ['F6'], on: 'everywhere', run: nextArea },
    ...screens,
  ];
}

/** Moves the focus to the next of the areas that are marked with data-area. */
function nextArea(): void {
  const areas = [...document.querySelectorAll<HTMLElement>('[data-area]')];
  const at = areas.findIndex((area) => area.contains(document.activeElement));
  const next = areas[(at + 1) % areas.length];
  const control = next?.querySelector<HTMLElement>('button:not(:disabled), input, select, [tabindex="0"]');
  control?.focus();
}

function readCommands({ library, reading, reader, exporting }: Workbench): Command[] {
  const read = (id: string, title: string, keys: string[], run: () => unknown): Command => {
    return { id: `read:${id}`, title, keys, on: 'read', run };
  };
  // What is being read blinded must not come up by a key.
  const unlessEntering = (run: () => unknown) => () => (reader.store.getState().entering ? undefined : run());
  const choose = [1, 2, 3, 4].map((position) =>
    read(`checkpoint-${position}`, text.commands.checkpoint(position), [String(position)], () =>
      reading.activateNth(position),
    ),
  );
  return [
    read('next', text.studies.next, ['j', 'PageDown'], () => library.step(1)),
    read('previous', text.studies.previous, ['k', 'PageUp'], () => library.step(-1)),
    ...choose,
    read('blinded', text.reader.blinded, ['r'], () => reader.toggle()),
    read('saveFindings', text.reader.save, ['Control+Enter', 'Meta+Enter'], () => reader.save()),
    read(
      'blink',
      text.commands.blink,
      ['Tab'],
      unlessEntering(() => reading.blink()),
    ),
    read('difference', text.compare.differenceTitle, ['s'], () => reading.toggleDifference()),
    read('truth', text.commands.truth, ['t'], () => reading.toggleTruth()),
    read('model', text.viewer.model, ['m'], () => reading.toggleModel()),
    read('export', text.export.open, [], exporting.show),
    read(
      'ask',
      text.commands.ask,
      ['Enter'],
      unlessEntering(() => reading.askActive()),
    ),
    read('askAll', text.compare.askAll, ['Shift+Enter'], () => reading.askAll()),
    read(
      'again',
      text.compare.again,
      ['Shift+R'],
      unlessEntering(() => reading.askAgain()),
    ),
    read('probabilities', text.compare.score, ['Shift+P'], () => reading.scorePair()),
    read('samples', text.commands.samples, ['Shift+S'], () => reading.samplePair()),
    read('stop', text.compare.stop, ['Escape'], () => reading.stop()),
    read('removeStudy', text.removals.removeStudy, ['Delete'], () => library.removeStudy()),
    read('removeFolder', text.removals.removeFolder, ['Shift+Delete'], () => library.removeFolder()),
    read('removeCollection', text.removals.removeCollection(text.removals.itsCollection), [], () =>
      library.removeCollection(),
    ),
    read('filter', text.studies.filter, ['/'], () => document.getElementById('study-filter')?.focus()),
  ];
}

const TOOL_KEYS: [Tool, string][] = [
  ['window', 'w'],
  ['pan', 'p'],
  ['zoom', 'z'],
  ['magnify', 'g'],
  ['length', 'l'],
  ['angle', 'a'],
  ['ctr', 'c'],
  ['rectangle', 'b'],
  ['ellipse', 'e'],
  ['probe', 'd'],
  ['arrow', 'y'],
];

/** On the viewport that is active. */
function viewCommands({ panes }: Workbench): Command[] {
  const view = (id: string, title: string, keys: string[], run: (pane: Pane) => unknown): Command => {
    return { id: `view:${id}`, title, keys, on: 'read', run: () => run(panes.active()) };
  };
  const preset = (id: string, key: string) =>
    view(`preset-${id}`, text.commands.preset(text.viewer.preset[id]), [key], ({ display }) => display.choose(id));
  return [
    ...TOOL_KEYS.map(([tool, key]) => view(tool, text.viewer.tools[tool], [key], () => panes.setTool(tool))),
    preset('standard', 'Shift+1'),
    preset('lung', 'Shift+2'),
    preset('bone', 'Shift+3'),
    preset('soft', 'Shift+4'),
    view('fileWindow', text.commands.fileWindow, ['Shift+0'], ({ display }) => display.chooseNextOfFile()),
    view('larger', text.commands.larger, ['+', '='], ({ display }) => display.zoomBy(1.25)),
    view('smaller', text.commands.smaller, ['-'], ({ display }) => display.zoomBy(0.8)),
    view('invert', text.viewer.invert, ['i'], ({ display }) => display.invert()),
    view('rotate', text.viewer.rotate, ['.'], ({ display }) => display.rotate(90)),
    view('rotateBack', text.viewer.rotateBack, [','], ({ display }) => display.rotate(-90)),
    view('flipH', text.viewer.flipH, ['h'], ({ display }) => display.flip('hflip')),
    view('flipV', text.viewer.flipV, ['v'], ({ display }) => display.flip('vflip')),
    view('fit', text.viewer.fit, ['f'], ({ display }) => display.setScale(null)),
    view('oneToOne', text.viewer.oneToOne, ['o'], ({ display }) => display.setScale(1)),
    view('reset', text.viewer.reset, ['0'], ({ display }) => display.reset()),
    view('undo', text.commands.undo, ['Control+z', 'Meta+z'], ({ marks }) => marks.undo()),
    view('redo', text.commands.redo, ['Control+Shift+Z', 'Meta+Shift+Z', 'Control+y'], ({ marks }) => marks.redo()),
    view('overlay', text.viewer.overlay, ['x'], () => panes.toggleOverlay()),
    view('annotations', text.viewer.drawn, ['Shift+A'], () => panes.toggleDrawn()),
    view('graphics', text.viewer.graphics, ['Shift+G'], () => panes.toggleGraphics()),
    view('one', text.viewer.layouts[1], ['F2'], () => panes.setLayout(1)),
    view('two', text.viewer.layouts[2], ['F3'], () => panes.setLayout(2)),
    view('four', text.viewer.layouts[4], ['F4'], () => panes.setLayout(4)),
    view('linked', text.viewer.linked, ['Shift+L'], () => panes.toggleLinked()),
    view('nextPane', text.commands.nextPane, ['n'], () => panes.activateNext()),
  ];
}

/** The key of an event as the table writes it. */
export function keyOf(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'> & { code?: string },
): string {
  // Shift with a digit gives another sign on every keyboard.
  const digit = event.shiftKey && !event.altKey ? /^Digit(\d)$/.exec(event.code ?? '')?.[1] : undefined;
  if (digit)
    return [event.ctrlKey ? 'Control' : '', event.metaKey ? 'Meta' : '', 'Shift', digit].filter(Boolean).join('+');
  const single = event.key.length === 1;
  const letter = single && event.key.toLowerCase() !== event.key.toUpperCase();
  const modifiers = [
    event.ctrlKey ? 'Control' : '',
    event.metaKey ? 'Meta' : '',
    event.altKey ? 'Alt' : '',
    // Shift is part of a sign ("?"), and apart from a letter or a named key.
    event.shiftKey && (letter || !single) ? 'Shift' : '',
  ];
  const key = letter ? (event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()) : event.key;
  return [...modifiers.filter(Boolean), key].join('+');
}

/**
 * The command of a key on a screen. What a control does with a key of its own comes first: letters in a text field,
 * Enter, Space and Tab on a button. (F6 and Shift+Tab lead from the film to the controls.)
 */
export function commandFor(commands: Command[], event: KeyboardEvent, screen: Screen): Command | undefined {
  const key = keyOf(event);
  const command = commands.find((each) => each.keys.includes(key) && (each.on === 'everywhere' || each.on === screen));
  const target = event.target instanceof Element ? event.target : null;
  return command && !belongsToControl(key, event, target) ? command : undefined;
}

function belongsToControl(key: string, event: KeyboardEvent, target: Element | null): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || /^F\d+$/.test(key)) return false;
  // Also where the control that had the focus in an open dialog is gone: keys then go to the body.
  if (target?.closest('dialog') || (target === document.body && document.querySelector('dialog[open]'))) return true;
  if (target?.closest('input, textarea, select')) return key !== 'Escape';
  return !!target?.closest('button, a, summary') && ['Enter', 'Shift+Enter', 'Tab', ' '].includes(key);
}
