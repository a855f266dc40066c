/** A chart of the report on the screen: the same marks on the same white, as SVG that can be copied. */
import { useMemo } from 'react';
import type { Figure } from '../../core/report/charts/figure.ts';
import { figureSvg } from '../../core/report/charts/svg.ts';
import { text } from '../text.ts';
import { CopyButton } from './parts.tsx';

export function FigureView({ figure }: { figure: Figure }) {
  const svg = useMemo(() => figureSvg(figure, 'Inter Variable, sans-serif'), [figure]);
  return (
    <div className="figure">
      {/* biome-ignore lint/security/noDangerouslySetInnerHtml: drawn by core, which escapes every text in it. */}
      <div className="figure-paper" dangerouslySetInnerHTML={{ __html: svg }} />
      <CopyButton title={text.frame.copySvg} value={() => svg} />
    </div>
  );
}
