/** Measuring on a film: lengths with their origin, angles, ratios, statistics; what is drawn where; undo; linked viewports. */
import { describe, expect, it } from 'vitest';
import type { Film } from '../../core/dicom/film.ts';
import { ANNOTATION_POINTS, type AnnotationKind } from '../../core/services/annotationKinds.ts';
import { annotation } from '../../core/services/annotations.ts';
import type { Annotation, FilmEntry, HostBridge } from '../../core/services/contract.ts';
import { createDisplay } from '../../renderer/state/display.ts';
import { carriedOver } from '../../renderer/state/linking.ts';
import { createMarks } from '../../renderer/state/marks.ts';
import { hang } from '../../renderer/viewer/hanging.ts';
import { acrossBody, measure, ratioCaveat } from '../../renderer/viewer/measure.ts';
import { annotationText } from '../../renderer/viewer/measurementText.ts';
import { apply, filmToScreen, inverse } from '../../renderer/viewer/transform.ts';
import { chest, filmOf, ramp } from './support/films.ts';

const at = (x: number, y: number) => ({ x, y });

function filmWith(rest: Partial<Film>): Film {
  return { ...filmOf(8, ramp(8, 0, 1), [{ kind: 'minmax', minimum: 0, maximum: 63 }]), ...rest };
}

function measured(kind: AnnotationKind, points: { x: number; y: number }[], film: Film) {
  return measure({ kind, points }, film);
}

describe('Lengths', () => {
  it('are in pixels where the film has no spacing', () => {
    const length = { value: 5, unit: 'px', origin: null };
    expect(measured('length', [at(1, 1), at(4, 5)], filmWith({}))).toEqual({ kind: 'length', length });
  });

  it.each(['detector', 'calibrated', 'estimated', 'unknown'] as const)('carry their origin: %s', (origin) => {
    const film = filmWith({ spacing: { row: 0.5, column: 0.25, origin } });
    // 4 columns of 0.25 mm, 1.5 rows of 0.5 mm.
    const length = { value: Math.hypot(1, 0.75), unit: 'mm', origin };
    expect(measured('length', [at(0, 0), at(4, 1.5)], film)).toEqual({ kind: 'length', length });
  });

  it('are in pixels where the file gives the pixels’ proportions only', () => {
    const film = filmWith({ spacing: { row: 3, column: 1.5, origin: 'aspect' } });
    const length = { value: 5, unit: 'px', origin: null };
    expect(measured('length', [at(0, 0), at(3, 2)], film)).toEqual({ kind: 'length', length });
  });

  it('say where they were measured', () => {
    const film = filmWith({ spacing: { row: 0.2, column: 0.2, origin: 'detector' } });
    const line = annotationText(made('length', [at(0, 0), at(50, 0)]), film);
    expect(line).toBe('Length · 10.0 mm at the detector');
  });
});

describe('Angles', () => {
  it.each([
    [at(5, 0), at(0, 5), 90],
    [at(5, 0), at(-5, 0), 180],
    [at(5, 0), at(5, 0), 0],
    [at(5, 0), at(5, 5), 45],
    [at(5, 0), at(0, 0), 0],
  ])('%j, %j: %d degrees', (a, c, degrees) => {
    const found = measured('angle', [a, at(0, 0), c], filmWith({}));
    expect(found.kind === 'angle' && found.degrees).toBeCloseTo(degrees, 12);
  });

  it('are those of the body where pixels are not square', () => {
    const film = filmWith({ spacing: { row: 1, column: 2, origin: 'detector' } });
    const found = measured('angle', [at(1, 0), at(0, 0), at(1, 2)], film);
    expect(found.kind === 'angle' && found.degrees).toBeCloseTo(45, 12);
  });
});

describe('The cardiothoracic ratio', () => {
  const points = [at(2, 4), at(6, 4), at(0, 6), at(8, 6)];
  it('is the heart by the chest', () => {
    expect(measured('ctr', points, filmWith({}))).toMatchObject({
      ratio: 0.5,
      heart: { value: 4 },
      chest: { value: 8 },
    });
    expect(measured('ctr', [at(2, 4), at(6, 4), at(3, 6), at(3, 6)], filmWith({}))).toMatchObject({ ratio: null });
  });

  it.each([
    ['PA', null],
    ['AP', 'ap'],
    ['ap ', 'ap'],
    ['', 'unknown'],
    ['LATERAL', 'other'],
  ])('of a film seen %j has the caveat %j', (view, caveat) => {
    expect(ratioCaveat(view)).toBe(caveat);
  });

  it('says the caveat beside the number on an AP film', () => {
    const film = filmWith({ tags: { ...filmWith({}).tags, viewPosition: 'AP' } });
    expect(annotationText(made('ctr', points), film)).toContain('ratio 0.50');
    expect(annotationText(made('ctr', points), film)).toContain('AP film: the heart is magnified');
  });

  it('is measured across the body, also on a film that lies on its side', () => {
    expect(acrossBody(at(1, 1), at(5, 9), 'L\\F')).toEqual(at(5, 1));
    expect(acrossBody(at(1, 1), at(5, 9), 'F\\L')).toEqual(at(1, 9));
    expect(acrossBody(at(1, 1), at(5, 9), '')).toEqual(at(5, 1));
  });
});

describe('Statistics', () => {
  const modality = { kind: 'rescale', slope: 2, intercept: -10 } as const;

  it('of a rectangle are those of the pixels whose centres lie inside, in modality values', () => {
    // Stored 9, 10, 17, 18; modality 8, 10, 24, 26. numpy: mean 17, std 8.06225774829855.
    const found = measured('rectangle', [at(2.9, 2.9), at(1.2, 1.2)], filmWith({ modality }));
    expect(found).toMatchObject({ statistics: { pixels: 4, mean: 17, minimum: 8, maximum: 26 } });
    expect(found.kind === 'rectangle' && found.statistics?.sd).toBeCloseTo(8.06225774829855, 12);
  });

  it('of an ellipse leave the corners out', () => {
    const found = measured('ellipse', [at(0, 0), at(4, 4)], filmWith({}));
    // Of 16 pixels the four corners (centres 1.5, 1.5 from the middle: 1.125 of the radius squared) lie outside.
    expect(found).toMatchObject({ statistics: { pixels: 12 }, area: { unit: 'px²' } });
    expect(found.kind === 'ellipse' && found.area.value).toBeCloseTo(4 * Math.PI, 12);
  });

  it('leave padding and what is beyond the film out', () => {
    const film = filmWith({ padding: { low: 0, high: 3 } });
    expect(measured('rectangle', [at(-50, -50), at(8, 1)], film)).toMatchObject({
      statistics: { pixels: 4, minimum: 4, maximum: 7 },
    });
    expect(measured('rectangle', [at(-5, -5), at(-1, -1)], film)).toMatchObject({ statistics: null });
  });

  it('keep their digits far from zero', () => {
    const far = Float64Array.from({ length: 64 }, (_, i) => 1e9 + (i % 2));
    expect(measured('rectangle', [at(0, 0), at(8, 8)], filmWith({ pixels: far }))).toMatchObject({
      statistics: { mean: 1e9 + 0.5, sd: 0.5 },
    });
  });

  it('are not given for colour', () => {
    const film = filmWith({ samplesPerPixel: 3, pixels: new Uint8Array(192) });
    expect(measured('rectangle', [at(0, 0), at(4, 4)], film)).toMatchObject({ statistics: null });
    expect(measured('probe', [at(1, 1)], film)).toMatchObject({ stored: [0, 0, 0], value: null });
  });

  it('of one pixel name it, with its stored and its modality value', () => {
    expect(measured('probe', [at(3.9, 2.1)], filmWith({ modality }))).toEqual({
      kind: 'probe',
      column: 3,
      row: 2,
      stored: [19],
      value: 28,
    });
    expect(measured('probe', [at(8, 0)], filmWith({}))).toMatchObject({ stored: null });
  });
});

describe('From the film to the screen', () => {
  const room = { width: 400, height: 300 };
  const film = { rows: 100, columns: 200, spacing: null };
  const upright = { scale: 2, translation: at(0, 0), rotation: 0, hflip: false, vflip: false };

  it.each([
    [upright, at(0, 0), at(0, 50)],
    [{ ...upright, hflip: true }, at(0, 0), at(400, 50)],
    [{ ...upright, vflip: true }, at(0, 0), at(0, 250)],
    // A quarter turn clockwise: the upper left corner comes to the upper right.
    [{ ...upright, rotation: 90 }, at(0, 0), at(300, -50)],
    // The place is along the screen, whatever the turn.
    [{ ...upright, rotation: 90, translation: at(10, 0) }, at(0, 0), at(320, -50)],
  ])('%j', (place, point, wanted) => {
    const matrix = filmToScreen(film, place, room);
    const found = apply(matrix, point);
    expect(found.x).toBeCloseTo(wanted.x, 9);
    expect(found.y).toBeCloseTo(wanted.y, 9);
    const back = apply(inverse(matrix), found);
    expect(back.x).toBeCloseTo(point.x, 9);
    expect(back.y).toBeCloseTo(point.y, 9);
  });

  it('stretches pixels that are not square', () => {
    const wide = { ...film, spacing: { row: 1, column: 2, origin: 'detector' as const } };
    const matrix = filmToScreen(wide, { ...upright, scale: 1 }, room);
    expect(apply(matrix, at(200, 50)).x).toBeCloseTo(400, 9);
  });
});

function made(kind: AnnotationKind, points: { x: number; y: number }[]): Annotation {
  return { id: 'x', kind, points, text: '', createdAt: '' };
}

describe('Drawing', () => {
  function drawing() {
    const saved: Annotation[][] = [];
    const errors: unknown[] = [];
    const bridge = {
      engine: {
        call: async (method: string, params: { annotations: Annotation[] }) => {
          if (method === 'annotations.set') saved.push(params.annotations);
          return { annotations: [], boxes: [] };
        },
      },
    } as unknown as HostBridge;
    const marks = createMarks(bridge, (error) => errors.push(error));
    marks.show('film', chest(64, 1));
    return { marks, saved, errors };
  }
  const kinds = (marks: ReturnType<typeof createMarks>) => marks.store.getState().annotations.map(({ kind }) => kind);

  it.each(Object.entries(ANNOTATION_POINTS))('%s is finished by its last point (%d)', (kind, points) => {
    const { marks } = drawing();
    for (let i = 0; i < points; i++) {
      expect(kinds(marks)).toEqual([]);
      marks.place(kind as AnnotationKind, at(i, i));
    }
    expect(kinds(marks)).toEqual([kind]);
    expect(() => annotation.parse(marks.store.getState().annotations[0])).not.toThrow();
  });

  it('undoes and does again, and the disk has the same', async () => {
    const { marks, saved } = drawing();
    marks.place('probe', at(1, 1));
    marks.place('probe', at(2, 2));
    const [first] = marks.store.getState().annotations;
    marks.write(first.id, 'here');
    marks.remove(first.id);
    for (const left of [2, 2, 1, 0]) {
      marks.undo();
      expect(kinds(marks)).toHaveLength(left);
    }
    expect(marks.undo()).toBe(false);
    for (let i = 0; i < 4; i++) marks.redo();
    expect(kinds(marks)).toHaveLength(1);
    expect(marks.redo()).toBe(false);
    await marks.saved();
    expect(saved).toHaveLength(12);
    expect(saved[11]).toEqual(marks.store.getState().annotations);
  });

  it('before the workspace has answered loses nothing of either', async () => {
    const kept = made('arrow', [at(0, 0), at(3, 3)]);
    let answer = (_: unknown) => {};
    const saved: Annotation[][] = [];
    const bridge = {
      engine: {
        call: (method: string, params: { annotations: Annotation[] }) => {
          if (method === 'annotations.ofFilm') return new Promise((resolve) => (answer = resolve));
          saved.push(params.annotations);
          return Promise.resolve(null);
        },
      },
    } as unknown as HostBridge;
    const marks = createMarks(bridge, () => {});
    marks.show('film', chest(64, 1));
    marks.place('probe', at(1, 1));
    answer({ annotations: [kept], boxes: [] });
    await marks.saved();
    expect(kinds(marks)).toEqual(['arrow', 'probe']);
    expect(saved.map((all) => all.map(({ kind }) => kind))).toEqual([['arrow', 'probe']]);
    marks.undo();
    expect(kinds(marks)).toEqual(['arrow']);
  });

  it('writes nothing over annotations that could not be read', async () => {
    const calls: string[] = [];
    const errors: unknown[] = [];
    const call = (method: string) => {
      calls.push(method);
      return method === 'annotations.ofFilm' ? Promise.reject(new Error('damaged')) : Promise.resolve(null);
    };
    const marks = createMarks({ engine: { call } } as unknown as HostBridge, (error) => errors.push(error));
    marks.show('film', chest(64, 1));
    marks.place('probe', at(1, 1));
    await marks.saved();
    expect(calls).toEqual(['annotations.ofFilm']);
    expect(errors).toHaveLength(1);
  });

  it('a drag is one step', () => {
    const { marks } = drawing();
    marks.place('probe', at(1, 1));
    const before = marks.store.getState().annotations;
    for (let i = 2; i < 20; i++) marks.drag(before[0].id, [at(i, i)]);
    marks.settle(before);
    expect(marks.store.getState().annotations[0].points).toEqual([at(19, 19)]);
    marks.undo();
    expect(marks.store.getState().annotations[0].points).toEqual([at(1, 1)]);
  });

  it('another film has other annotations', () => {
    const { marks } = drawing();
    marks.place('probe', at(1, 1));
    marks.show('other', chest(64, 2));
    expect(marks.store.getState()).toMatchObject({ annotations: [], undo: [] });
  });
});

describe('Linked viewports', () => {
  function shown(film: Film) {
    const display = createDisplay();
    display.show(film);
    display.setShown(1, { width: 400, height: 400 });
    return display;
  }
  const follow = (change: (display: ReturnType<typeof createDisplay>) => void, from: Film, to: Film) => {
    const [source, target] = [shown(from), shown(to)];
    const before = source.store.getState();
    change(source);
    return carriedOver(before, source.store.getState(), target.store.getState());
  };

  it('have the same preset, each from its own percentiles', () => {
    const bright = { ...chest(64, 2), pixels: Uint16Array.from(chest(64, 2).pixels, (value) => Number(value) * 4) };
    const found = follow((display) => display.choose('lung'), chest(64, 1), bright);
    expect(found).toMatchObject({ presetId: 'lung' });
    expect(found?.voi).toEqual(
      shown(bright)
        .store.getState()
        .presets.find(({ id }) => id === 'lung')?.voi,
    );
  });

  it('have windows of the same share of their film', () => {
    const film = chest(64, 1);
    const bright = { ...film, sha256: 'bright', pixels: Uint16Array.from(film.pixels, (value) => Number(value) * 4) };
    const found = follow((display) => display.setWindow(1000, 800), film, bright);
    expect(found?.voi).toMatchObject({ kind: 'window', center: 4000, width: 3200 });
  });

  it('are zoomed alike, relative to the whole film', () => {
    const found = follow((display) => display.place(2 * (400 / 64), at(8, 0)), chest(64, 1), chest(256, 2));
    expect(found).toEqual({ scale: 2 * (400 / 256), translation: at(32, 0) });
  });

  it('take nothing over from another film that is shown', () => {
    expect(follow((display) => display.show(chest(64, 3)), chest(64, 1), chest(64, 2))).toBeNull();
  });
});

describe('What hangs beside a film', () => {
  const film = (id: string, patientId: string, study: string, viewPosition: string, studyDate = ''): FilmEntry =>
    ({ id, patientId, studyInstanceUid: study, viewPosition, studyDate, collectionId: 'a' }) as FilmEntry;
  const films = [
    film('new-pa', '1', 's3', 'PA', '20260301'),
    film('old-pa', '1', 's1', 'PA', '20250101'),
    film('old-lat', '1', 's1', 'LL', '20250101'),
    film('mid-ap', '1', 's2', 'AP', '20251212'),
    film('new-lat', '1', 's3', 'LATERAL', '20260301'),
    film('stranger', '2', 's9', 'PA', '20260201'),
  ];
  const hung = (id: string, count: number) =>
    hang(films.find((each) => each.id === id) as FilmEntry, films, count).map(
      ({ slot, entry }) => `${slot} ${entry.id}`,
    );

  it('is the lateral of its study and the latest study before, whatever the order of the list', () => {
    expect(hung('new-pa', 4)).toEqual(['current new-pa', 'lateral new-lat', 'prior mid-ap', 'earlier old-pa']);
    expect(hung('new-pa', 2)).toEqual(['current new-pa', 'lateral new-lat']);
    expect(hung('mid-ap', 4)).toEqual(['current mid-ap', 'prior old-pa', 'priorLateral old-lat']);
  });

  it('is the frontal beside a lateral', () => {
    expect(hung('new-lat', 2)).toEqual(['current new-lat', 'lateral new-pa']);
  });

  it('is nobody else’s', () => {
    expect(hung('stranger', 4)).toEqual(['current stranger']);
    expect(hung('old-pa', 4)).toEqual(['current old-pa', 'lateral old-lat']);
  });
});
