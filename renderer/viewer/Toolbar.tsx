/** The film's tools. Every one has a key, too. */

import type { FilmView } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import {
  BrainCircuit,
  Contrast,
  FlipHorizontal2,
  FlipVertical2,
  Maximize,
  Move,
  RotateCw,
  SunMedium,
  Type,
  Undo2,
  ZoomIn,
} from '../frame/icons.ts';
import { IconButton } from '../frame/parts.tsx';
import type { Preset, Tool } from '../state/display.ts';
import { text } from '../text.ts';

const TOOLS: [Tool, typeof Move, string][] = [
  ['window', SunMedium, 'W'],
  ['pan', Move, 'P'],
  ['zoom', ZoomIn, 'Z'],
];

export function Toolbar({ view }: { view: FilmView | null }) {
  const { display, reading } = useWorkbench();
  const tool = useFrom(display, (state) => state.tool);
  const overlay = useFrom(display, (state) => state.overlay);
  const invert = useFrom(display, (state) => state.invert);
  const scale = useFrom(display, (state) => state.scale);
  const showModel = useFrom(reading, (state) => state.showModel);
  const disabled = view === null;
  return (
    <div className="toolbar" role="toolbar" aria-label={text.viewer.toolbar} data-area="tools">
      <WindowChoice disabled={disabled} />
      <span className="gap" />
      {TOOLS.map(([id, Icon, keys]) => (
        <IconButton
          key={id}
          title={text.viewer.tools[id]}
          keys={keys}
          pressed={tool === id}
          onClick={() => display.setTool(id)}
        >
          <Icon size={16} />
        </IconButton>
      ))}
      <span className="gap" />
      <IconButton title={text.viewer.invert} keys="I" pressed={invert} disabled={disabled} onClick={display.invert}>
        <Contrast size={16} />
      </IconButton>
      <IconButton title={text.viewer.rotate} keys="R" disabled={disabled} onClick={() => display.rotate(90)}>
        <RotateCw size={16} />
      </IconButton>
      <IconButton title={text.viewer.flipH} keys="H" disabled={disabled} onClick={() => display.flip('hflip')}>
        <FlipHorizontal2 size={16} />
      </IconButton>
      <IconButton title={text.viewer.flipV} keys="V" disabled={disabled} onClick={() => display.flip('vflip')}>
        <FlipVertical2 size={16} />
      </IconButton>
      <span className="gap" />
      <IconButton
        title={text.viewer.fit}
        keys="F"
        pressed={scale === null}
        disabled={disabled}
        onClick={() => display.setScale(null)}
      >
        <Maximize size={16} />
      </IconButton>
      <button
        type="button"
        className="icon-button"
        title={`${text.viewer.oneToOne}  (O)`}
        aria-pressed={scale === 1}
        disabled={disabled}
        onClick={() => display.setScale(1)}
      >
        {text.viewer.oneToOne}
      </button>
      <IconButton title={text.viewer.reset} keys="0" disabled={disabled} onClick={display.reset}>
        <Undo2 size={16} />
      </IconButton>
      {view && view.film.frames > 1 && <FrameChoice view={view} />}
      <span className="spring" />
      <IconButton title={text.viewer.overlay} keys="X" pressed={overlay} onClick={display.toggleOverlay}>
        <Type size={16} />
      </IconButton>
      <IconButton title={text.viewer.model} keys="M" pressed={showModel} onClick={reading.toggleModel}>
        <BrainCircuit size={16} />
      </IconButton>
    </div>
  );
}

function WindowChoice({ disabled }: { disabled: boolean }) {
  const { display } = useWorkbench();
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
