/** A film's thumbnail in the study list; an empty place until it is there. */
import { useEffect, useRef } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';

export function FilmPicture({ filmId }: { filmId: string }) {
  const { thumbnails } = useWorkbench();
  const picture = useFrom(thumbnails, (state) => state.pictures.get(filmId));
  const canvas = useRef<HTMLCanvasElement>(null);
  const round = useFrom(thumbnails, (state) => state.round);

  // biome-ignore lint/correctness/useExhaustiveDependencies: in every round it is asked for anew.
  useEffect(() => thumbnails.want(filmId), [thumbnails, filmId, round]);

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !picture) return;
    const pixels = new ImageData(picture.width, picture.height);
    const words = new Uint32Array(pixels.data.buffer);
    // Opaque gray: the same byte three times, under an alpha of 255.
    for (let i = 0; i < words.length; i++) words[i] = 0xff000000 + picture.gray[i] * 0x010101;
    context.putImageData(pixels, 0, 0);
  }, [picture]);

  return (
    <div className="picture" aria-hidden="true">
      {picture && <canvas ref={canvas} width={picture.width} height={picture.height} />}
    </div>
  );
}
