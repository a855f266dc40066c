/** The sections of the report, in the order in which they are printed unless another is chosen. */
import { calibration } from './calibration.ts';
import { causes } from './causes.ts';
import { contributions, gap } from './change.ts';
import { claimItems, tripod } from './checklists.ts';
import { cost } from './cost.ts';
import { differences } from './differences.ts';
import { disagreements } from './disagreements.ts';
import { failures } from './failures.ts';
import { films } from './films.ts';
import { byLabel, confusion } from './labels.ts';
import { limits, mapping, methods, provenance, reproduce } from './methods.ts';
import { comparison, summary } from './overview.ts';
import { paper, paperTables } from './paper.ts';
import { power } from './power.ts';
import type { Section } from './section.ts';
import { subgroups } from './subgroups.ts';
import { training } from './training.ts';

export const SECTIONS: readonly Section[] = [
  { id: 'summary', title: 'In short', build: summary },
  { id: 'comparison', title: 'What was compared on what', build: comparison },
  { id: 'gap', title: 'From the source to the target', build: gap },
  { id: 'differences', title: 'Differences between checkpoints', build: differences },
  { id: 'labels', title: 'Results by label', build: byLabel },
  { id: 'confusion', title: 'Confusion by label', build: confusion },
  { id: 'contributions', title: 'What each label contributes to the change', build: contributions },
  { id: 'causes', title: 'Why it changed', build: causes },
  { id: 'subgroups', title: 'Subgroups', build: subgroups },
  { id: 'calibration', title: 'Probabilities and calibration', build: calibration },
  { id: 'power', title: 'Power', build: power },
  { id: 'failures', title: 'Failed completions and dominance', build: failures },
  { id: 'disagreements', title: 'Films where the checkpoints disagree', build: disagreements },
  { id: 'samples', title: 'Films with both readings', build: films },
  { id: 'training', title: 'Training', build: training },
  { id: 'cost', title: 'What it cost', build: cost },
  { id: 'paper', title: 'Beside the published figures', build: paper },
  { id: 'paper-tables', title: 'The paper\u2019s tables', build: paperTables },
  { id: 'mapping', title: 'Labels and their mapping', build: mapping },
  { id: 'methods', title: 'Methods', build: methods },
  { id: 'provenance', title: 'Data and model provenance', build: provenance },
  { id: 'tripod-ai', title: 'TRIPOD+AI', build: tripod },
  { id: 'claim', title: 'CLAIM', build: claimItems },
  { id: 'reproduce', title: 'How to reproduce', build: reproduce },
  { id: 'limits', title: 'Limits', build: limits },
];
