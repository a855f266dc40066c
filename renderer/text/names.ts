/** Names that every screen uses: the product, the screens, labels, roles. */
import type { Label } from '../../core/labels/labels.ts';
import type { Checkpoint } from '../../core/services/contract.ts';
import type { Screen } from '../state/frame.ts';

export const labelCodes: Record<Label, string> = {
  'No Finding': 'NF',
  'Enlarged Cardiomediastinum': 'ECM',
  Cardiomegaly: 'CMG',
  'Lung Opacity': 'LO',
  'Lung Lesion': 'LL',
  Edema: 'EDE',
  Consolidation: 'CON',
  Pneumonia: 'PNA',
  Atelectasis: 'ATL',
  Pneumothorax: 'PTX',
  'Pleural Effusion': 'EFF',
  'Pleural Other': 'PLO',
  Fracture: 'FX',
  'Support Devices': 'DEV',
};

export const product = 'ChexReason Workbench';

export const screens = {
  read: 'Read',
  evaluate: 'Evaluate',
  train: 'Train',
  report: 'Report',
  checkpoints: 'Checkpoints',
  settings: 'Settings',
} satisfies Record<Screen, string>;

export const roles = { base: 'Base', sft: 'SFT', grpo: 'GRPO', other: 'Other' } satisfies Record<
  Checkpoint['role'],
  string
>;

export const truth = 'Truth';
