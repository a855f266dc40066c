/**
 * Every word that the screens show: the one entry to the catalogue of each screen (renderer/text/).
 */
import { analysis } from './text/analysis.ts';
import { canary, checkpoints, precisions, servers } from './text/checkpoints.ts';
import { compare, reader } from './text/compare.ts';
import { evaluate } from './text/evaluate.ts';
import { commands, frame } from './text/frame.ts';
import { labelCodes, product, roles, screens, truth } from './text/names.ts';
import { removals } from './text/removals.ts';
import { report } from './text/report.ts';
import { settings } from './text/settings.ts';
import { agreement, doubt, exportFilms, studies } from './text/studies.ts';
import { traces } from './text/traces.ts';
import { train } from './text/train.ts';
import { trl } from './text/trl.ts';
import { viewer } from './text/viewer.ts';

export { bytes, count, duration, fileName, percent, plural, pValue, score, signed } from './text/format.ts';

export const text = {
  product,
  labelCodes,
  screens,
  roles,
  truth,
  frame,
  commands,
  studies,
  doubt,
  export: exportFilms,
  viewer,
  compare,
  reader,
  agreement,
  evaluate,
  analysis,
  train,
  traces,
  trl,
  removals,
  report,
  servers,
  precisions,
  canary,
  checkpoints,
  settings,
};
