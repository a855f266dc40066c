/** What must be asked about before a model reads it, as files of different makers say it, or fail to. */
import { describe, expect, it } from 'vitest';
import { readDicom } from '../../core/dicom/dataSet.ts';
import { type Encoding, type Pieces, sequence, text } from '../../core/dicom/deidentify/dataSetWriter.ts';
import { readTags } from '../../core/dicom/header.ts';
import { readCautionsOf, viewOfText } from '../../core/dicom/suitability.ts';
import { encodeFile } from '../../core/dicom/write.ts';

const EXPLICIT: Encoding = { explicitVr: true, bigEndian: false };
const TAGS = {
  imageType: [0x00080008, 'CS'],
  sopClass: [0x00080016, 'UI'],
  modality: [0x00080060, 'CS'],
  intent: [0x00080068, 'CS'],
  studyDescription: [0x00081030, 'LO'],
  seriesDescription: [0x0008103e, 'LO'],
  bodyPart: [0x00180015, 'CS'],
  protocol: [0x00181030, 'LO'],
  processing: [0x00181400, 'LO'],
  view: [0x00185101, 'CS'],
  orientation: [0x00200020, 'CS'],
} as const;
type Header = Partial<Record<keyof typeof TAGS, string>> & { viewCode?: [string, string]; region?: string };

/** The codes of a data set with these values. */
function cautions({ viewCode, region, ...values }: Header): string[] {
  const own = Object.entries({ modality: 'DX', ...values }).map(([name, value]): [number, Pieces] => {
    const [tag, vr] = TAGS[name as keyof typeof TAGS];
    return [tag, text(tag, vr, value, EXPLICIT)];
  });
  const code = (tag: number, value: string, meaning: string): [number, Pieces] => [
    tag,
    sequence(
      tag,
      [[...text(0x00080100, 'SH', value, EXPLICIT), ...text(0x00080104, 'LO', meaning, EXPLICIT)]],
      EXPLICIT,
    ),
  ];
  if (region !== undefined) own.push(code(0x00082218, '51185008', region));
  if (viewCode) own.push(code(0x00540220, ...viewCode));
  const body = own.sort(([a], [b]) => a - b).flatMap(([, pieces]) => pieces);
  const ids = { transferSyntax: '1.2.840.10008.1.2.1', sopClassUid: '1.2', sopInstanceUid: '1.2.3' };
  const { attributes } = readDicom(encodeFile(ids, body));
  return readCautionsOf(attributes, readTags(attributes)).map((caution) => caution.code);
}

const PA = { view: 'PA', bodyPart: 'CHEST' };

describe('a frontal chest film', () => {
  it.each<[string, Header]>([
    ['as the standard has it', PA],
    ['by view code (SNOMED CT)', { bodyPart: 'CHEST', viewCode: ['272479007', 'postero-anterior'] }],
    ['by view code (SNOMED RT)', { bodyPart: 'CHEST', viewCode: ['R-10206', ''] }],
    ['by a view code’s meaning alone', { bodyPart: 'CHEST', viewCode: ['X1', 'Postero-anterior projection'] }],
    ['by its orientation', { bodyPart: 'CHEST', orientation: 'L\\F' }],
    ['by its description', { bodyPart: 'CHEST', seriesDescription: 'Thorax p.a.' }],
    ['by the processing of its device', { bodyPart: 'CHEST', processing: 'W Chest AP portable' }],
    ['with the view written out', { bodyPart: 'THORAX', view: 'POSTERO_ANTERIOR' }],
    ['with more than the view', { bodyPart: 'CHEST', view: 'AP SUPINE' }],
    ['with a region for a body part', { view: 'AP', region: 'Thorax' }],
    ['with other words for the chest', { view: 'AP', bodyPart: 'LUNGS' }],
    ['in Spanish', { view: 'PA', bodyPart: 'TORAX' }],
    ['with abdomen', { view: 'AP', bodyPart: 'CHESTABDOMEN' }],
    ['with a body part that says nothing', { view: 'AP', bodyPart: 'UNKNOWN' }],
    ['for presentation', { ...PA, intent: 'FOR PRESENTATION' }],
  ])('%s: nothing to ask', (_name, header) => {
    expect(cautions(header)).toEqual([]);
  });
});

describe('what has to be asked about', () => {
  it.each<[string, string[], Header]>([
    ['intent', ['for-processing'], { ...PA, intent: 'FOR PROCESSING' }],
    ['intent, written otherwise', ['for-processing'], { ...PA, intent: 'For_Processing ' }],
    ['storage class', ['for-processing'], { ...PA, sopClass: '1.2.840.10008.5.1.4.1.1.1.1.1' }],
    ['description', ['for-processing'], { ...PA, seriesDescription: 'Chest RAW' }],
    ['lateral by LL', ['lateral'], { ...PA, view: 'LL' }],
    ['lateral by word', ['lateral'], { ...PA, view: 'LATERAL' }],
    ['lateral by code', ['lateral'], { bodyPart: 'CHEST', viewCode: ['399173006', 'left lateral'] }],
    ['lateral by orientation', ['lateral'], { bodyPart: 'CHEST', orientation: 'A\\F' }],
    ['lateral by description', ['lateral'], { bodyPart: 'CHEST', seriesDescription: 'Chest Lat' }],
    [
      'lateral by description against orientation',
      ['lateral'],
      { bodyPart: 'CHEST', orientation: 'L\\F', seriesDescription: 'Thorax seitlich' },
    ],
    ['decubitus', ['other-view'], { ...PA, view: 'LLD' }],
    ['oblique', ['other-view'], { ...PA, view: 'RAO' }],
    ['lordotic', ['other-view'], { ...PA, view: 'AP LORDOTIC' }],
    ['a view of another part', ['not-the-chest', 'other-view'], { view: 'MLO', bodyPart: 'BREAST' }],
    ['no view', ['view-unknown'], { bodyPart: 'CHEST' }],
    ['a study of two views', ['view-unknown'], { bodyPart: 'CHEST', studyDescription: 'Chest PA and lateral' }],
    ['hand', ['not-the-chest'], { view: 'PA', bodyPart: 'HAND' }],
    ['thoracic spine', ['not-the-chest'], { view: 'AP', bodyPart: 'TSPINE' }],
    ['thoracic spine, written out', ['not-the-chest'], { view: 'AP', bodyPart: 'THORACIC SPINE' }],
    ['ribs', ['not-the-chest'], { view: 'AP', bodyPart: 'RIB' }],
    ['a part that only the description names', ['not-the-chest'], { view: 'AP', studyDescription: 'Abdomen supine' }],
    ['computed tomography', ['not-a-radiograph'], { modality: 'CT', bodyPart: 'CHEST' }],
    ['nothing at all', ['view-unknown'], {}],
  ])('%s', (_name, expected, header) => {
    expect(cautions(header)).toEqual(expected);
  });
});

describe('a view of a label table', () => {
  it.each([
    ['AP', 'frontal'],
    ['PA', 'frontal'],
    ['FRONTAL', 'frontal'],
    ['Frontal', 'frontal'],
    ['LATERAL', 'lateral'],
    ['XTABLE LATERAL', 'lateral'],
    ['LL', 'lateral'],
    ['PA LLD', 'other'],
    ['AP AXIAL', 'other'],
    ['SWIMMERS', 'other'],
    ['', 'unknown'],
    ['UNKNOWN', 'unknown'],
  ])('%s is %s', (stated, view) => {
    expect(viewOfText(stated)).toBe(view);
  });
});
