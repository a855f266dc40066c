import { describe, expect, it } from 'vitest';
import type { Film } from '../../core/dicom/film.ts';
import { equalizeHistogram, presetFor, presetOfSource, toModelImage } from '../../core/preprocessing/presets.ts';

function film(pixels: Uint16Array, more: Partial<Film> = {}): Film {
  return {
    rows: 1,
    columns: pixels.length,
    samplesPerPixel: 1,
    pixels,
    bitsStored: 12,
    modality: { kind: 'identity' },
    voi: [{ kind: 'window', center: 2048, width: 4096, function: 'LINEAR', explanation: '' }],
    minimum: Math.min(...pixels),
    maximum: Math.max(...pixels),
    inverse: false,
    padding: null,
    ...more,
  } as Film;
}

describe('presets of model input', () => {
  it('file-window shows what the viewer shows, inverted where the film is', () => {
    const values = Uint16Array.of(0, 1024, 2048, 4095);
    expect([...toModelImage(film(values), 'file-window').data]).toEqual([0, 64, 128, 255]);
    expect([...toModelImage(film(values, { inverse: true }), 'file-window').data]).toEqual([255, 191, 127, 0]);
  });

  it('as-stored scales by the stored bits and ignores windows and inversion', () => {
    const values = Uint16Array.of(0, 2048, 4095);
    expect([...toModelImage(film(values, { inverse: true }), 'as-stored').data]).toEqual([0, 128, 255]);
  });

  it('mimic-cxr-jpg takes minimum to maximum and equalizes the histogram', () => {
    const values = Uint16Array.of(100, 100, 200, 300);
    // Levels 0, 0, 128, 255; cumulative counts without the darkest level: 1 and 2 of 2.
    expect([...toModelImage(film(values), 'mimic-cxr-jpg').data]).toEqual([0, 0, 128, 255]);
  });

  it('percentile cuts off single extreme pixels', () => {
    const values = Uint16Array.from({ length: 1001 }, (_, i) => i);
    values[1000] = 4000;
    const { data } = toModelImage(film(values), 'percentile');
    expect(data[1000]).toBe(255);
    expect(data[500]).toBe(Math.floor(((500 - 5) / 990) * 255 + 0.5));
  });

  it('mimic-cxr-jpg inverts MONOCHROME1 before it equalizes', () => {
    const values = Uint16Array.of(100, 100, 200, 300);
    // Inverted levels 255, 255, 127, 0: the darkest is now the 300; cumulative counts 1 and 3 of 3.
    expect([...toModelImage(film(values, { inverse: true }), 'mimic-cxr-jpg').data]).toEqual([255, 255, 85, 0]);
  });

  it('takes a PNG or JPEG of 8 bits as it was made, and treats deeper ones as DICOM', () => {
    const values = Uint16Array.of(10, 20, 200);
    const png = film(values, { kind: 'png', bitsStored: 8 });
    expect([...toModelImage(png, 'mimic-cxr-jpg').data]).toEqual([10, 20, 200]);
    expect(presetFor(png, 'mimic-cxr-jpg')).toBe('as-stored');
    expect(presetFor(png, 'percentile')).toBe('percentile');
    const deep = film(values, { kind: 'png', bitsStored: 16 });
    expect(presetFor(deep, 'mimic-cxr-jpg')).toBe('mimic-cxr-jpg');
    expect([...toModelImage(deep, 'mimic-cxr-jpg').data]).toEqual([0, 128, 255]);
  });

  it.each([
    ['MIMIC-CXR-JPG', 'mimic-cxr-jpg'],
    ['NIH ChestX-ray14', 'file-window'],
    ['phantom m', 'file-window'],
    ['', 'mimic-cxr-jpg'],
  ])('follows the source of training: %s', (source, preset) => {
    expect(presetOfSource(source)).toBe(preset);
  });

  it('refuses a preset that it does not know', () => {
    expect(() => toModelImage(film(Uint16Array.of(1)), 'auto')).toThrow(
      expect.objectContaining({ code: 'PRESET_UNKNOWN' }),
    );
  });
});

describe('equalizeHistogram', () => {
  it("equals OpenCV's equalizeHist", () => {
    // cv2.equalizeHist of the same bytes (OpenCV 5.0.0); halves are rounded to even.
    expect([...equalizeHistogram(Uint8Array.of(50, 50, 60, 70, 70, 70, 200, 255))]).toEqual([
      0, 0, 42, 170, 170, 170, 212, 255,
    ]);
  });

  it('leaves an image of one gray as it is', () => {
    expect([...equalizeHistogram(Uint8Array.of(7, 7))]).toEqual([7, 7]);
  });
});
