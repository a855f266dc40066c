/** The 14 CheXpert labels (Irvin et al. 2019, table 1), in the order of CheXpert's own tables, and the paper's nine. */

export const CHEXPERT_LABELS = [
  'No Finding',
  'Enlarged Cardiomediastinum',
  'Cardiomegaly',
  'Lung Opacity',
  'Lung Lesion',
  'Edema',
  'Consolidation',
  'Pneumonia',
  'Atelectasis',
  'Pneumothorax',
  'Pleural Effusion',
  'Pleural Other',
  'Fracture',
  'Support Devices',
] as const;

export type Label = (typeof CHEXPERT_LABELS)[number];

/** The labels on which the paper scores NIH ChestX-ray14; every one of them is a CheXpert label too. */
export const NIH_NINE = [
  'No Finding',
  'Cardiomegaly',
  'Lung Lesion',
  'Edema',
  'Consolidation',
  'Pneumonia',
  'Atelectasis',
  'Pneumothorax',
  'Pleural Other',
] as const satisfies readonly Label[];

/** 1 positive, 0 negative, -1 uncertain, null not mentioned. */
export type LabelValue = 1 | 0 | -1 | null;
export type LabelValues = Partial<Record<Label, LabelValue>>;

/** What an uncertain label counts as. `ignore` leaves the film out of that label's figures. */
export type UncertaintyPolicy = 'zeros' | 'ones' | 'ignore';

export function isLabel(name: string): name is Label {
  return (CHEXPERT_LABELS as readonly string[]).includes(name);
}
