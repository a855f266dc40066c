/** A chart of the report on the screen: the same marks on the same white, as SVG that can be copied and saved. */
import { useMemo } from 'react';
import type { Figure } from '../../core/report/charts/figure.ts';
import { figureSvg } from '../../core/report/charts/svg.ts';
import { text } from '../text.ts';
import { CopyButton, QuietButton } from './parts.tsx';
import { fileNameOf, saveFile } from './saveFile.ts';

export function FigureView({ figure, name }: { figure: Figure; name: string }) {
  const svg = useMemo(() => figureSvg(figure, 'Inter Variable, sans-serif'), [figure]);
  return (
    <div className="figure">
      {/* biome-ignore lint/security/noDangerouslySetInnerHtml: drawn by core, which escapes every text in it. */}
      <div className="figure-paper" dangerouslySetInnerHTML={{ __html: svg }} />
      <div className="take-out">
        <CopyButton title={text.frame.copySvg} value={() => svg} />
        <QuietButton
          title={text.frame.saveSvg}
          onClick={() => saveFile(fileNameOf(name, 'svg'), svg, 'image/svg+xml')}
        />
      </div>
    </div>
  );
}
