/**
 * Where an institution files its films, and its label tables in the original's own format:
 *
 * - `a`: CheXpert. `valid.csv`: 1.0 or 0.0 for each of the 14 labels, as in CheXpert's validation set.
 * - `b`: NIH ChestX-ray14. `Data_Entry_2017_v2020.csv` with the commas inside its column names, names joined by `|`, and
 *   the two lists that split patients.
 * - `m`: MIMIC-CXR-JPG. Three tables, labels in alphabetical order: 1.0, 0.0, -1.0 (uncertain) or blank (not mentioned),
 *   as a labeler of reports leaves them; split by patient.
 *
 * Paths end in the film's own extension, where the originals have .jpg or .png.
 */
import { gzipSync } from 'node:zlib';
import { Random } from '../base/random.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { chexpertLabels, nihNames } from './conventions.ts';
import { FILM_MM, type FilmIdentity, studyDate } from './dicom.ts';
import type { Institution, Scene } from './scene.ts';

/** A film and its place. */
export interface FiledFilm {
  scene: Scene;
  identity: FilmIdentity;
  /** Below the output folder, with slashes. */
  path: string;
  size: number;
}

export interface Table {
  path: string;
  data: string | Uint8Array;
}

export function fileFilm(scene: Scene, seed: number, size: number, extension: string): FiledFilm {
  const { source, patient, visit } = scene;
  const key = `phantom/${source}/${seed}/${patient.number}/${visit}`;
  const { patientId, studyId, path } = PLACES[source as Institution](scene, extension, seed);
  return { scene, size, path, identity: { patientId, studyId, key } };
}

type Place = (scene: Scene, extension: string, seed: number) => { patientId: string; studyId: string; path: string };

const PLACES: Record<Institution, Place> = {
  a({ patient, visit }, extension) {
    const name = `patient${digits(64541 + patient.number, 5)}`;
    return {
      patientId: name,
      studyId: `${name}-${visit + 1}`,
      path: `CheXpert-v1.0/valid/${name}/study${visit + 1}/view1_frontal.${extension}`,
    };
  },
  b({ patient, visit }, extension) {
    const name = digits(patient.number + 1, 8);
    return { patientId: name, studyId: `${name}-${visit}`, path: `images/${name}_${digits(visit, 3)}.${extension}` };
  },
  m(scene, extension, seed) {
    const { subject, study, dicom } = mimicIds(scene, seed);
    return {
      patientId: subject,
      studyId: study,
      path: `files/p${subject.slice(0, 2)}/p${subject}/s${study}/${dicom}.${extension}`,
    };
  },
};

function mimicIds({ patient, visit }: Scene, seed: number): { subject: string; study: string; dicom: string } {
  const random = new Random(seed).fork(`mimic ${patient.number}/${visit}`);
  const group = () => random.uint32().toString(16).padStart(8, '0');
  return {
    subject: String(10_000_000 + patient.number),
    study: String(50_000_000 + patient.number * 3 + visit),
    dicom: [group(), group(), group(), group(), group()].join('-'),
  };
}

/** The label tables of these films; the first is the one that a data set is read from. */
export function labelTables(institution: Institution, films: readonly FiledFilm[], seed: number): Table[] {
  return { a: chexpertTables, b: nihTables, m: mimicTables }[institution](films, seed);
}

function chexpertTables(films: readonly FiledFilm[]): Table[] {
  const rows = films.map(({ scene, path }) => {
    const labels = chexpertLabels(scene);
    const values = CHEXPERT_LABELS.map((label) => (labels.includes(label) ? '1.0' : '0.0'));
    return [path, sexWord(scene), scene.patient.age, 'Frontal', scene.view, ...values].join(',');
  });
  const header = ['Path', 'Sex', 'Age', 'Frontal/Lateral', 'AP/PA', ...CHEXPERT_LABELS].join(',');
  return [{ path: 'CheXpert-v1.0/valid.csv', data: lines(header, rows) }];
}

const NIH_HEADER =
  'Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]';

function nihTables(films: readonly FiledFilm[], seed: number): Table[] {
  const index = ({ path }: FiledFilm) => path.slice('images/'.length);
  const rows = films.map((film) => {
    const { scene, size } = film;
    const names = nihNames(scene).join('|') || 'No Finding';
    const spacing = FILM_MM / size;
    const { patient, visit, view } = scene;
    return [
      index(film),
      names,
      visit,
      patient.number + 1,
      patient.age,
      patient.sex,
      view,
      size,
      size,
      spacing,
      spacing,
    ].join(',');
  });
  const list = (test: boolean) =>
    films
      .filter((film) => isTestPatient(film.scene, seed) === test)
      .map(index)
      .join('\n');
  return [
    { path: 'Data_Entry_2017_v2020.csv', data: lines(NIH_HEADER, rows) },
    { path: 'train_val_list.txt', data: list(false) },
    { path: 'test_list.txt', data: list(true) },
  ];
}

/** NIH's lists hold 23 % for the test, by patient. */
function isTestPatient({ patient }: Scene, seed: number): boolean {
  return new Random(seed).fork(`split ${patient.number}`).chance(0.23);
}

const MIMIC_ORDER: readonly Label[] = [...CHEXPERT_LABELS].sort();

function mimicTables(films: readonly FiledFilm[], seed: number): Table[] {
  const ids = films.map((film) => mimicIds(film.scene, seed));
  const labels = films.map(({ scene }, i) => [ids[i]!.subject, ids[i]!.study, ...reported(scene)].join(','));
  const metadata = films.map(({ scene, size }, i) => {
    const ap = scene.view === 'AP';
    const { subject, study, dicom } = ids[i]!;
    const procedure = ap ? 'CHEST (PORTABLE AP)' : 'CHEST (PA)';
    const view = ap ? 'antero-posterior' : 'postero-anterior';
    return [
      dicom,
      subject,
      study,
      procedure,
      scene.view,
      size,
      size,
      studyDate(scene),
      '120000.0',
      procedure,
      view,
      'Erect',
    ].join(',');
  });
  const split = films.map(({ scene }, i) => {
    const share = new Random(seed).fork(`split ${scene.patient.number}`).uniform();
    const { subject, study, dicom } = ids[i]!;
    return [dicom, study, subject, share < 0.9 ? 'train' : share < 0.95 ? 'validate' : 'test'].join(',');
  });
  const table = (name: string, header: string, rows: string[]): Table => ({
    path: `mimic-cxr-2.0.0-${name}.csv.gz`,
    data: gzipSync(lines(header, rows)),
  });
  return [
    table('chexpert', ['subject_id', 'study_id', ...MIMIC_ORDER].join(','), labels),
    table(
      'metadata',
      'dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning',
      metadata,
    ),
    table('split', 'dicom_id,study_id,subject_id,split', split),
  ];
}

/** As a labeler leaves a report: what is there, some things that are denied, one in fifteen positives in doubt. */
function reported(scene: Scene): string[] {
  const labels = chexpertLabels(scene);
  const random = new Random(scene.seed).fork('report');
  return MIMIC_ORDER.map((label) => {
    const [doubt, denied] = [random.chance(1 / 15), random.chance(0.15)];
    if (labels.includes(label)) return doubt && label !== 'No Finding' ? '-1.0' : '1.0';
    return denied && label !== 'No Finding' ? '0.0' : '';
  });
}

function sexWord({ patient }: Scene): string {
  return patient.sex === 'F' ? 'Female' : 'Male';
}

function lines(header: string, rows: readonly string[]): string {
  return `${[header, ...rows].join('\n')}\n`;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
