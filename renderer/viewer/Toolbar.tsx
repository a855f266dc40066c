/** The film's tools, for the viewport that is active. Every one has a key, too: names and keys come from the commands. */
import type { FilmView } from '../../core/services/contract.ts';
import { CommandButton } from '../frame/CommandButton.tsx';
import { useCommand, useFrom, useWorkbench } from '../frame/context.ts';
import {
  BrainCircuit,
  Circle,
  Columns2,
  Contrast,
  Crosshair,
  FlipHorizontal2,
  FlipVertical2,
  Grid2x2,
  HeartPulse,
  Link2,
  Maximize,
  Move,
  MoveUpRight,
  PencilRuler,
  Redo2,
  RotateCw,
  Ruler,
  ScanSearch,
  Search,
  Square,
  SunMedium,
  TriangleRight,
  Type,
  Undo2,
  ZoomIn,
} from '../frame/icons.ts';
import type { Preset } from '../state/display.ts';
import { keyText } from '../state/keys.ts';
import { readyValue } from '../state/loading.ts';
import type { Layout, Pane, Tool } from '../state/panes.ts';
import { text } from '../text.ts';

const VIEWING: [Tool, typeof Move][] = [
  ['window', SunMedium],
  ['pan', Move],
  ['zoom', ZoomIn],
  ['magnify', Search],
];
const MEASURING: [Tool, typeof Move][] = [
  ['length', Ruler],
  ['angle', TriangleRight],
  ['ctr', HeartPulse],
  ['rectangle', Square],
  ['ellipse', Circle],
  ['probe', Crosshair],
  ['arrow', MoveUpRight],
];
const LAYOUTS: [Layout, string, typeof Move][] = [
  [1, 'view:one', Square],
  [2, 'view:two', Columns2],
  [4, 'view:four', Grid2x2],
];

export function Toolbar() {
  const { panes, reading } = useWorkbench();
  const pane = panes.all[useFrom(panes, (state) => state.activeIndex)];
  const view = readyValue(useFrom(pane, (state) => state.film));
  const showModel = useFrom(reading, (state) => state.showModel);
  return (
    <div className="toolbar" role="toolbar" aria-label={text.viewer.toolbar} data-area="tools">
      <div className="tools">
        <WindowChoice pane={pane} disabled={view === null} />
        <Tools tools={VIEWING} />
        <ViewButtons pane={pane} disabled={view === null} />
        {view && view.film.frames > 1 && pane.index === 0 && <FrameChoice view={view} />}
      </div>
      <div className="tools">
        <Tools tools={MEASURING} />
        <UndoButtons pane={pane} />
        <span className="spring" />
        <LayoutButtons />
        <ShownButtons />
        <CommandButton id="read:model" pressed={showModel}>
          <BrainCircuit size={16} />
        </CommandButton>
      </div>
    </div>
  );
}

function Tools({ tools }: { tools: [Tool, typeof Move][] }) {
  const { panes } = useWorkbench();
  const chosen = useFrom(panes, (state) => state.tool);
  return (
    <>
      {tools.map(([tool, Icon]) => (
        <CommandButton key={tool} id={`view:${tool}`} pressed={tool === chosen}>
          <Icon size={16} />
        </CommandButton>
      ))}
      <span className="gap" />
    </>
  );
}

function ViewButtons({ pane, disabled }: { pane: Pane; disabled: boolean }) {
  const invert = useFrom(pane.display, (state) => state.invert);
  const scale = useFrom(pane.display, (state) => state.scale);
  const oneToOne = useCommand('view:oneToOne');
  return (
    <>
      <CommandButton id="view:invert" pressed={invert} disabled={disabled}>
        <Contrast size={16} />
      </CommandButton>
      <CommandButton id="view:rotate" disabled={disabled}>
        <RotateCw size={16} />
      </CommandButton>
      <CommandButton id="view:flipH" disabled={disabled}>
        <FlipHorizontal2 size={16} />
      </CommandButton>
      <CommandButton id="view:flipV" disabled={disabled}>
        <FlipVertical2 size={16} />
      </CommandButton>
      <span className="gap" />
      <CommandButton id="view:fit" pressed={scale === null} disabled={disabled}>
        <Maximize size={16} />
      </CommandButton>
      <button
        type="button"
        className="icon-button"
        title={[oneToOne.title, oneToOne.keys[0] && `(${keyText(oneToOne.keys[0])})`].filter(Boolean).join('  ')}
        aria-pressed={scale === 1}
        disabled={disabled}
        onClick={() => void oneToOne.run()}
      >
        {text.viewer.oneToOne}
      </button>
      <CommandButton id="view:reset" disabled={disabled}>
        <ScanSearch size={16} />
      </CommandButton>
    </>
  );
}

function UndoButtons({ pane }: { pane: Pane }) {
  const { undo, redo } = useFrom(pane.marks, (state) => state);
  return (
    <>
      <CommandButton id="view:undo" disabled={undo.length === 0}>
        <Undo2 size={16} />
      </CommandButton>
      <CommandButton id="view:redo" disabled={redo.length === 0}>
        <Redo2 size={16} />
      </CommandButton>
    </>
  );
}

function LayoutButtons() {
  const { panes } = useWorkbench();
  const { layout, linked } = useFrom(panes, (state) => state);
  return (
    <>
      {LAYOUTS.map(([count, id, Icon]) => (
        <CommandButton key={id} id={id} pressed={layout === count}>
          <Icon size={16} />
        </CommandButton>
      ))}
      <CommandButton id="view:linked" pressed={linked} disabled={layout === 1}>
        <Link2 size={16} />
      </CommandButton>
      <span className="gap" />
    </>
  );
}

function ShownButtons() {
  const { panes } = useWorkbench();
  const { overlay, drawn } = useFrom(panes, (state) => state);
  return (
    <>
      <CommandButton id="view:overlay" pressed={overlay}>
        <Type size={16} />
      </CommandButton>
      <CommandButton id="view:annotations" pressed={drawn}>
        <PencilRuler size={16} />
      </CommandButton>
    </>
  );
}

function WindowChoice({ pane, disabled }: { pane: Pane; disabled: boolean }) {
  const { display } = pane;
  const presets = useFrom(display, (state) => state.presets);
  const presetId = useFrom(display, (state) => state.presetId);
  return (
    <select
      aria-label={text.viewer.windows}
      value={presetId ?? ''}
      disabled={disabled || presets.length === 0}
      onChange={(event) => display.choose(event.target.value)}
    >
      {presetId === null && <option value="">{text.viewer.byHand}</option>}
      {presets.map((preset, index) => (
        <option key={preset.id} value={preset.id}>
          {presetName(preset, index + 1)}
        </option>
      ))}
    </select>
  );
}

function presetName(preset: Preset, position: number): string {
  const { voi } = preset;
  if (preset.kind !== 'file') return text.viewer.preset[preset.id];
  if (voi.kind === 'minmax') return text.viewer.preset.full;
  return text.viewer.fileWindow(position, voi.explanation);
}

function FrameChoice({ view }: { view: FilmView }) {
  const { reading } = useWorkbench();
  const frames = Array.from({ length: view.film.frames }, (_, frame) => frame);
  return (
    <select
      aria-label={text.viewer.frameChoice}
      value={view.film.frame}
      onChange={(event) => void reading.showFrame(Number(event.target.value))}
    >
      {frames.map((frame) => (
        <option key={frame} value={frame}>
          {text.viewer.frame(frame + 1, view.film.frames)}
        </option>
      ))}
    </select>
  );
}
