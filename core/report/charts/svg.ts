/** A figure as a standalone SVG text, for the exports and for screens. */
import type { Figure, Mark } from './figure.ts';
import { outline } from './figure.ts';

export function figureSvg(figure: Figure, fontFamily = 'Inter, sans-serif'): string {
  const { width, height, alt, marks } = figure;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}" role="img" font-family="${escaped(fontFamily)}" font-variant-numeric="tabular-nums">`;
  return `${head}<title>${escaped(alt)}</title>${marks.map(markSvg).join('')}</svg>\n`;
}

function markSvg(mark: Mark): string {
  switch (mark.kind) {
    case 'line': {
      const dash = mark.dash ? ` stroke-dasharray="${mark.dash.join(' ')}"` : '';
      return `<polyline points="${points(mark.points)}" fill="none" stroke="${mark.color}" stroke-width="${round(mark.width)}"${dash}/>`;
    }
    case 'rect':
      return `<rect x="${round(mark.x)}" y="${round(mark.y)}" width="${round(mark.width)}" height="${round(mark.height)}" fill="${mark.fill}"/>`;
    case 'symbol': {
      const paint = mark.hollow ? `fill="#FFFFFF" stroke="${mark.color}" stroke-width="1"` : `fill="${mark.color}"`;
      const corners = outline(mark.shape, mark.x, mark.y, mark.radius);
      if (corners) return `<polygon points="${points(corners)}" ${paint}/>`;
      return `<circle cx="${round(mark.x)}" cy="${round(mark.y)}" r="${round(mark.radius)}" ${paint}/>`;
    }
    case 'text': {
      const style = { regular: '', semibold: ' font-weight="600"', italic: ' font-style="italic"' }[mark.weight];
      return `<text x="${round(mark.x)}" y="${round(mark.y + mark.size * 0.36)}" font-size="${round(mark.size)}" fill="${mark.color}" text-anchor="${mark.anchor}"${style}>${escaped(mark.text)}</text>`;
    }
  }
}

function points(list: [number, number][]): string {
  return list.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
