/**
 * Other words for the 14 labels, for answers whose prompt did not give the names (NV-Reason-CXR-3B). One table; a word that
 * may mean two labels is not in it. The paper's format knows no synonyms: there the names were asked for.
 */
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';

const SYNONYMS: Partial<Record<Label, readonly string[]>> = {
  'No Finding': [
    'normal',
    'normal chest',
    'normal chest x ray',
    'no abnormality',
    'no acute abnormality',
    'unremarkable',
  ],
  'Enlarged Cardiomediastinum': ['widened mediastinum', 'mediastinal widening', 'enlarged mediastinum'],
  Cardiomegaly: ['enlarged heart', 'enlarged cardiac silhouette', 'cardiac enlargement'],
  'Lung Opacity': ['opacity', 'opacities', 'airspace opacity', 'pulmonary opacity', 'infiltrate'],
  'Lung Lesion': ['nodule', 'pulmonary nodule', 'lung nodule', 'mass', 'lung mass', 'pulmonary mass'],
  Edema: ['pulmonary edema', 'pulmonary oedema', 'oedema', 'interstitial edema'],
  Consolidation: ['airspace consolidation'],
  Pneumonia: ['infection'],
  Atelectasis: ['collapse', 'lobar collapse'],
  Pneumothorax: [],
  'Pleural Effusion': ['effusion'],
  'Pleural Other': ['pleural thickening', 'pleural plaque', 'pleural plaques'],
  Fracture: ['rib fracture', 'clavicle fracture', 'vertebral fracture'],
  'Support Devices': [
    'support device',
    'lines and tubes',
    'pacemaker',
    'central line',
    'endotracheal tube',
    'chest tube',
  ],
};

/** Side, size, place and certainty: they qualify a name and change nothing about it. */
const QUALIFIERS =
  /^(?:(?:a|an|the|there is|possible|probable|likely|suspected|mild|moderate|severe|small|large|trace|minimal|subtle|left|right|bilateral|bibasilar|basilar|basal|lower|upper|middle|lobe|focal|diffuse|patchy|acute|chronic|new)\s+)+/;

const BY_WORD = new Map<string, Label>(
  CHEXPERT_LABELS.flatMap((label) => [label.toLowerCase(), ...(SYNONYMS[label] ?? [])].map((word) => [word, label])),
);

/** @param item as it stands in the answer, without bullet and full stop */
export function synonymOf(item: string): Label | null {
  const plain = item.toLowerCase().replace(/[_-]+/g, ' ').trim();
  const bare = plain.replace(QUALIFIERS, '');
  return BY_WORD.get(plain) ?? BY_WORD.get(bare) ?? BY_WORD.get(bare.replace(/s$/, '')) ?? null;
}
