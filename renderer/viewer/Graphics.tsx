/** What comes with the film: the overlay planes of its file (PS3.3 C.9.2) and the boxes of its data set. */
import { useEffect, useRef } from 'react';
import type { FilmOverlay } from '../../core/dicom/film.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import type { DisplayState } from '../state/display.ts';
import type { Pane } from '../state/panes.ts';
import { matrixOf } from './MarkLayer.tsx';
import { boxOf } from './measure.ts';
import { apply, type Matrix } from './transform.ts';

/** Opaque, little endian; a colour that no film has. */
const OVERLAY_WORD = 0xff6ee0f0;

export function Graphics({ pane, display }: { pane: Pane; display: DisplayState }) {
  const { reader } = useWorkbench();
  const entering = useFrom(reader, (state) => state.entering);
  const known = useFrom(pane.marks, (state) => state.boxes);
  // The boxes are the truth.
  const boxes = entering ? [] : known;
  const { film } = display;
  if (!film) return null;
  const matrix = matrixOf(film, display);
  return (
    <>
      {film.overlays?.map((overlay, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an overlay is its place in the file.
        <Plane key={index} overlay={overlay} matrix={matrix} />
      ))}
      {boxes.length > 0 && (
        <svg className="finding-boxes" aria-hidden="true">
          {boxes.map((box) => {
            const { left, top, right, bottom } = boxOf(
              apply(matrix, box),
              apply(matrix, { x: box.x + box.width, y: box.y + box.height }),
            );
            return (
              <g key={`${box.finding} ${box.x} ${box.y}`}>
                <rect x={left} y={top} width={right - left} height={bottom - top} className="under" />
                <rect x={left} y={top} width={right - left} height={bottom - top} className="box-line" />
                <text x={left} y={top - 5} className="mark-text">
                  {box.finding}
                </text>
              </g>
            );
          })}
        </svg>
      )}
    </>
  );
}

function Plane({ overlay, matrix }: { overlay: FilmOverlay; matrix: Matrix }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const drawn = new ImageData(overlay.columns, overlay.rows);
    const words = new Uint32Array(drawn.data.buffer);
    for (let i = 0; i < words.length; i++) words[i] = overlay.bits[i] ? OVERLAY_WORD : 0;
    context.putImageData(drawn, 0, 0);
  }, [overlay]);
  const { a, b, c, d } = matrix;
  const { x, y } = apply(matrix, { x: overlay.column, y: overlay.row });
  return (
    <canvas
      ref={canvas}
      className="overlay-plane"
      width={overlay.columns}
      height={overlay.rows}
      style={{ transform: `matrix(${a}, ${b}, ${c}, ${d}, ${x}, ${y})` }}
      role="img"
      aria-label={overlay.label}
    />
  );
}
