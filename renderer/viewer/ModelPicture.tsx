/** The exact pixels that the model receives, beside the film. */
import { useEffect, useRef } from 'react';
import type { ModelView } from '../../core/services/contract.ts';
import { text } from '../text.ts';

const LARGE = 400;

export function ModelPicture({ view }: { view: ModelView }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const pixels = new ImageData(view.width, view.height);
    for (let i = 0; i < view.gray.length; i++) pixels.data.set([view.gray[i], view.gray[i], view.gray[i], 255], 4 * i);
    context.putImageData(pixels, 0, 0);
  }, [view]);
  return (
    <canvas
      ref={canvas}
      width={view.width}
      height={view.height}
      className={view.width > LARGE ? 'model-picture large' : 'model-picture'}
      role="img"
      aria-label={text.viewer.modelPicture(view.width, view.height)}
    />
  );
}
