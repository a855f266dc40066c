import { describe, expect, it } from 'vitest';
import { contributionsChart, estimatesChart } from '../../core/report/charts/changes.ts';
import {
  decimals,
  linearScale,
  niceDomain,
  signedDecimals,
  spread,
  verticalGrid,
} from '../../core/report/charts/figure.ts';
import { forestChart } from '../../core/report/charts/forest.ts';
import { slopeChart } from '../../core/report/charts/slope.ts';
import { figureSvg } from '../../core/report/charts/svg.ts';
import { ON_BLACK, ON_WHITE } from '../../core/report/palette.ts';

const lines = [
  {
    name: 'SFT',
    role: 'sft' as const,
    source: 0.4,
    target: 0.6,
    sourceInterval: [0.3, 0.5] as [number, number],
    targetInterval: null,
  },
  { name: 'GRPO', role: 'grpo' as const, source: 0.41, target: 0.5, sourceInterval: null, targetInterval: null },
];

describe('charts', () => {
  it('put values where the scale says, with round ticks', () => {
    const x = linearScale([-0.1, 0.3], [0, 400]);
    expect(x(0)).toBeCloseTo(100);
    expect(x.ticks.map((tick) => tick.toFixed(2))).toEqual(['-0.10', '0.00', '0.10', '0.20', '0.30']);
    expect(verticalGrid(x, 0, 10)).toHaveLength(10);
    expect(niceDomain([0.13, 0.22]).map((value) => value.toFixed(2))).toEqual(['0.10', '0.25']);
    expect(niceDomain([0.2]).map((value) => value.toFixed(2))).toEqual(['0.15', '0.25']);
  });

  it('write numbers with a true minus and no negative zero', () => {
    expect([-0.0004, -0.01, 0.0126].map((value) => decimals(value))).toEqual(['0.000', '\u22120.010', '0.013']);
    expect([0.01, 0, -0.01].map((value) => signedDecimals(value))).toEqual(['+0.010', '0.000', '\u22120.010']);
  });

  it('keep names of near lines apart', () => {
    expect(spread([10, 11, 40], 8, 0, 100)).toEqual([10, 18, 40]);
    expect(spread([99, 98], 8, 0, 100)).toEqual([100, 92]);
  });

  it('say in words what they show', () => {
    const chart = slopeChart({ lines, sourceName: 'A', targetName: 'B', width: 400, height: 200 });
    expect(chart.alt).toBe('Macro-F1 on A and B: SFT 0.400 and 0.600; GRPO 0.410 and 0.500.');
    const words = chart.marks.flatMap((mark) => (mark.kind === 'text' ? [mark.text] : []));
    expect(words).toEqual(expect.arrayContaining(['A', 'B', 'SFT  0.400', '0.500  GRPO']));
  });

  it('draw an unsettled estimate hollow', () => {
    const chart = estimatesChart(
      [
        { name: 'x', role: 'grpo', value: 0.1, interval: [-0.05, 0.2], strong: false },
        { name: 'y', role: 'grpo', value: 0.1, interval: [0.05, 0.2], strong: false },
      ],
      400,
      'difference',
    );
    expect(chart.marks.flatMap((mark) => (mark.kind === 'symbol' ? [mark.hollow] : []))).toEqual([true, false]);
  });

  it('draw contributions as bars whose lengths are in proportion, with their sum', () => {
    const chart = contributionsChart(
      ['Edema', 'Fracture'],
      [{ title: 't', series: [{ name: 'SFT', role: 'sft', values: [0.02, -0.01] }] }],
      400,
    );
    const bars = chart.marks.flatMap((mark) =>
      mark.kind === 'rect' && mark.fill === ON_WHITE.sft ? [mark.width] : [],
    );
    expect(bars[0]! / bars[1]!).toBeCloseTo(2);
    expect(chart.marks.some((mark) => mark.kind === 'text' && mark.text === 'SFT: sum +0.010')).toBe(true);
  });

  it('say where a label is not scored', () => {
    const panel = {
      title: 'B',
      rows: [null, { support: 3, marks: [{ role: 'sft' as const, f1: 0.5, interval: null }] }],
    };
    const chart = forestChart(['Edema', 'Fracture'], [panel], [{ role: 'sft', name: 'SFT' }], 400);
    expect(chart.marks.filter((mark) => mark.kind === 'text' && mark.text === 'not scored')).toHaveLength(1);
  });

  it('become SVG with escaped text', () => {
    const svg = figureSvg(slopeChart({ lines, sourceName: '<A&B>', targetName: 'B', width: 400, height: 200 }));
    expect(svg).toContain('&#60;A&#38;B&#62;');
    expect(svg).not.toContain('<A&');
    expect(svg.startsWith('<svg ')).toBe(true);
  });
});

describe('the palette', () => {
  const luminance = (hex: string) => {
    const channel = (i: number) => {
      const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  };
  const contrast = (a: string, b: string) =>
    (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

  it.each(Object.entries(ON_WHITE))('%s is readable on white', (_role, color) =>
    expect(contrast(color, '#FFFFFF')).toBeGreaterThan(4.5),
  );
  it.each(Object.entries(ON_BLACK))('%s is readable on black', (_role, color) =>
    expect(contrast(color, '#000000')).toBeGreaterThan(4.5),
  );
});
