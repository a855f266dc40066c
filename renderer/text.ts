/** Every word that the screens show. */
import type { LengthOrigin } from '../core/dicom/film.ts';
import type { ScanReport } from '../core/dicom/scan.ts';
import type { ParseFailure } from '../core/findings/types.ts';
import type { Label } from '../core/labels/labels.ts';
import type { Checkpoint, Collection, DeidentifySummary, JobInfo, ScanSummary } from '../core/services/contract.ts';
import type { Screen } from './state/frame.ts';
import type { Layout, Tool } from './state/panes.ts';
import type { AgreementKind } from './studies/agreement.ts';
import type { Slot } from './viewer/hanging.ts';

const counts = new Intl.NumberFormat('en');

export function count(value: number): string {
  return counts.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Seconds as a person says them. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(value: number): string {
  if (value < 1e6) return `${Math.round(value / 1e3)} kB`;
  return value < 1e9 ? `${Math.round(value / 1e6)} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/** A score between 0 and 1, with three decimals as the paper prints them. */
export function score(value: number): string {
  return value.toFixed(3);
}

/** A difference of scores, with its sign. */
export function signed(value: number, digits = 3): string {
  const rounded = value.toFixed(digits);
  if (Number(rounded) === 0) return (0).toFixed(digits);
  return value > 0 ? `+${rounded}` : rounded.replace('-', '−');
}

export function pValue(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

export function percent(value: number): string {
  return `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;
}

const labelCodes: Record<Label, string> = {
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

export const text = {
  product: 'ChexReason Workbench',
  labelCodes,

  screens: {
    read: 'Read',
    evaluate: 'Evaluate',
    train: 'Train',
    report: 'Report',
    checkpoints: 'Checkpoints',
    settings: 'Settings',
  } satisfies Record<Screen, string>,

  roles: { base: 'Base', sft: 'SFT', grpo: 'GRPO', other: 'Other' } satisfies Record<Checkpoint['role'], string>,
  truth: 'Truth',

  frame: {
    screens: 'Screens',
    offline: 'Nothing leaves this machine',
    network: (addresses: string[]) => `May send to ${addresses.join(', ')}`,
    research: 'Research use only',
    connecting: 'Starting the engine',
    jobs: 'Work under way',
    noJobs: 'No work under way',
    cancel: 'Cancel',
    cancelJob: (title: string) => `Cancel: ${title}`,
    close: 'Close',
    dismiss: 'Dismiss',
    copy: 'Copy',
    copied: 'Copied',
    copySvg: 'Copy as SVG',
    notices: 'Messages',
    remedy: 'What helps: ',
    engine: 'Engine',
    memory: 'Memory of the engine process',
    restarted: 'The engine process ended and was started again',
    startFailed: 'The engine did not answer',
    screenFailed: 'This screen cannot be drawn',
    drawAgain: 'Draw it again',
    dropHere: 'Drop films, folders, label tables or checkpoints',
    dropUnknown: 'Nothing known in what was dropped',
    dropFailed: 'What was dropped could not be opened',
    palette: 'Commands',
    paletteHint: 'Type a command, a screen or a checkpoint',
    paletteEmpty: 'No command of that name',
    keys: 'Keys',
    keysHint: 'F1 shows this sheet everywhere. Press a key’s button, then another key, to change it. ',
    keyBind: (command: string, keys: string) => `${command}: ${keys || 'no key'}. Press to change`,
    keyWaiting: 'Press a key…',
    keyNone: 'none',
    keyRestore: 'Reset',
    keysRestore: (changed: number) => `Reset ${plural(changed, 'changed key')}`,
    keysFailed: 'The key could not be saved',
    everywhere: 'Everywhere',
    jobKinds: {
      scan: 'Scan',
      generate: 'Reading',
      evaluate: 'Evaluation',
      train: 'Training',
      report: 'Report',
      load: 'Loading',
      canary: 'Canary film',
      export: 'Export',
    } satisfies Record<JobInfo['kind'], string>,
    progress: (done: number, total: number | null) =>
      total === null ? count(done) : `${count(done)} of ${count(total)}`,
    left: (seconds: number) => `${duration(seconds)} left`,
  },

  commands: {
    goTo: (screen: string) => `Go to ${screen}`,
    checkpoint: (position: number) => `Look at checkpoint ${position}`,
    blink: 'Blink between the last two checkpoints',
    truth: 'Show or hide the truth',
    ask: 'Ask the checkpoint that is looked at',
    area: 'Next area of the window',
    larger: 'Zoom in',
    smaller: 'Zoom out',
    preset: (name: string) => `Window: ${name}`,
    fileWindow: 'Next window of the file',
    undo: 'Undo on the film',
    redo: 'Redo on the film',
    nextPane: 'Next viewport',
  },

  studies: {
    title: 'Studies',
    filter: 'Filter',
    filterHint: 'Patient, view, finding; -word leaves out',
    open: 'Open',
    openFiles: 'Open files',
    openFolder: 'Open a folder',
    openPath: 'Path of a file or folder',
    pathHint: '/data/films or a DICOMDIR',
    films: (shown: number, all: number) => (shown === all ? count(all) : `${count(shown)} of ${count(all)}`),
    role: {
      'training-source': 'training source',
      source: 'source',
      target: 'other institution',
      none: '',
    } satisfies Record<Collection['role'], string>,
    fold: (name: string) => `Fold ${name}`,
    unfold: (name: string) => `Unfold ${name}`,
    followed: 'Films behind a number',
    unfollow: 'Show all films',
    scanning: ({ done, failures = 0, counts: { patients, studies, instances } }: ScanReport) => {
      const found = `${plural(instances, 'film')}, ${plural(studies, 'study', 'studies')}, ${plural(patients, 'patient')}`;
      return `Scanning: ${found} in ${plural(done, 'file')}${failures > 0 ? `, ${count(failures)} left out` : ''}`;
    },
    scanned: ({ patients, studies, series, instances, unchanged, seconds }: ScanSummary) => {
      const found = [
        plural(patients, 'patient'),
        plural(studies, 'study', 'studies'),
        `${count(series)} series`,
        plural(instances, 'film'),
      ].join(', ');
      return `${found} in ${duration(seconds)}${unchanged > 0 ? ` (${count(unchanged)} unchanged)` : ''}`;
    },
    counts: ({ patients, studies, series, films }: Collection) =>
      [
        plural(patients, 'patient'),
        plural(studies, 'study', 'studies'),
        `${count(series)} series`,
        plural(films, 'film'),
      ].join(', '),
    rejected: (files: number) => `${plural(files, 'file')} could not be opened; the rest is listed`,
    openFailed: 'The films could not be opened',
    loading: 'Loading the study list',
    empty: 'No films yet.',
    coming: 'The films appear here as they come.',
    emptyHint: 'Drop DICOM files, a folder or a DICOMDIR here, or type a path below.',
    nothingFound: 'No film matches the filter.',
    clearFilter: 'Clear the filter',
    more: (hidden: number) => `+${hidden}`,
    noTruth: 'no label table',
    uncertain: 'uncertain',
    hint: [
      'Tab compares the last two checkpoints on this film.',
      'Evaluate measures them on two institutions.',
      'Report exports what came out, as PDF.',
    ],
    position: (at: number, all: number) => `Film ${count(at)} of ${count(all)}`,
    previous: 'Previous film',
    next: 'Next film',
    warning: 'Outside what the model knows',
  },

  export: {
    open: 'Export films without their patients',
    title: 'Export films without their patients',
    what:
      'DICOM copies under PS3.15’s Basic Application Level Confidentiality Profile: names, numbers, dates, free text and ' +
      'private elements go, UIDs are new and consistent in this workspace. Pixels stay as they are. The films themselves ' +
      'are not changed.',
    choices: 'What is exported',
    scopes: {
      study: (films: number) => `The study on the screen (${plural(films, 'film')})`,
      listed: (films: number) => `All in the list (${plural(films, 'film')})`,
    },
    out: 'Folder of the copies',
    outHint: '/data/export',
    shiftDates: 'Keep the time between dates: each patient’s dates move back by a secret number of days',
    keepCharacteristics: 'Keep sex, age, size and weight',
    run: (films: number) => `Export ${plural(films, 'film')}`,
    running: 'Writing the copies',
    failed: 'The export stopped',
    done: ({ films, studies, patients, out }: DeidentifySummary) =>
      `${plural(films, 'film')}, ${plural(studies, 'study', 'studies')}, ${plural(patients, 'patient')} written to ${out}.`,
    look: (films: number) =>
      `${plural(films, 'film')} may show who the patient is: look at the pixels before you pass them on.`,
    rejected: (files: number) => `${plural(files, 'file')} not exported`,
  },

  viewer: {
    title: 'Film',
    help: 'Drag: the chosen tool. Right drag or wheel: zoom. Middle drag: pan. Double click: fit. With a drawing tool the arrow keys move a cross and Enter places a point.',
    film: (patient: string, view: string) => `Film of ${patient} ${view}`.trim(),
    empty: 'No film is open.',
    emptyHint: 'Choose one on the left, or drop a file anywhere.',
    loading: 'Decoding the film',
    failed: 'This film cannot be shown',
    toolbar: 'Film tools',
    tools: {
      window: 'Window and level',
      pan: 'Pan',
      zoom: 'Zoom',
      magnify: 'Magnifier',
      length: 'Length',
      angle: 'Angle',
      ctr: 'Cardiothoracic ratio',
      rectangle: 'Rectangle',
      ellipse: 'Ellipse',
      probe: 'Probe',
      arrow: 'Arrow with text',
    } satisfies Record<Tool, string>,
    measured: {
      length: (value: number, unit: string, origin: string | null) =>
        `${unit === 'px' ? Math.round(value) : value.toFixed(1)} ${unit}${origin ? ` ${origin}` : ''}`,
      degrees: (value: number) => `${value.toFixed(1)}°`,
      ratio: (value: number | null) => (value === null ? 'ratio –' : `ratio ${value.toFixed(2)}`),
      widths: (heart: string, chest: string) => `heart ${heart}, chest ${chest}`,
      caveats: {
        ap: 'AP film: the heart is magnified; 0.50 is the limit of PA films',
        unknown: 'view not stated: 0.50 is the limit of PA films',
        other: 'not a frontal film: no cardiothoracic ratio',
      },
      mean: (mean: number, sd: number) => `mean ${number(mean)}  SD ${number(sd)}`,
      extremes: (low: number, high: number) => `min ${number(low)}  max ${number(high)}`,
      area: (value: number, unit: string, origin: string | null, pixels: number | null) =>
        [
          unit === 'mm²' ? `${(value / 100).toFixed(2)} cm²` : `${Math.round(value)} px²`,
          origin ?? '',
          pixels === null ? '' : `(${count(pixels)} pixels)`,
        ]
          .filter(Boolean)
          .join(' '),
      probe: (column: number, row: number) => `column ${column + 1}, row ${row + 1}`,
      pixel: (stored: number[], value: number | null) =>
        value === null || value === stored[0]
          ? `value ${stored.map(number).join(' ')}`
          : `value ${number(value)} (stored ${stored.map(number).join(' ')})`,
      outside: 'outside the film',
    },
    annotations: 'Drawn on the film',
    annotationText: 'Text',
    copyAnnotations: 'Copy',
    clearAnnotations: 'Remove all',
    removeAnnotation: (name: string) => `Remove: ${name}`,
    annotationsFailed: 'What is drawn on the film could not be read or saved',
    drawn: 'Annotations',
    graphics: "The file's overlays and the boxes of its data set",
    layouts: { 1: 'One film', 2: 'Two films', 4: 'Four films' } as Record<Layout, string>,
    layout: 'Viewports',
    linked: 'Link window, zoom and place',
    slots: {
      current: 'this film',
      lateral: 'other view of this study',
      prior: 'prior',
      priorLateral: 'other view of the prior',
      next: 'same study',
    } satisfies Record<Slot, string>,
    nothingBeside: 'No other film of this patient.',
    nothingBesideHint: 'A lateral or a prior of the same patient hangs here.',
    windows: 'Window',
    byHand: 'By hand',
    preset: {
      full: 'Whole range',
      standard: 'Standard (0.5–99.5 %)',
      lung: 'Lung (1–65 %)',
      bone: 'Bone (40–99.9 %)',
      soft: 'Soft tissue (20–95 %)',
    } as Record<string, string>,
    fileWindow: (position: number, explanation: string) =>
      explanation ? `File: ${explanation}` : `File: window ${position}`,
    invert: 'Invert',
    rotate: 'Rotate 90° clockwise',
    rotateBack: 'Rotate 90° counterclockwise',
    flipH: 'Flip left and right',
    flipV: 'Flip top and bottom',
    fit: 'Fit',
    oneToOne: '1:1',
    reset: 'Reset the view',
    overlay: 'Text on the film',
    model: "The model's view",
    modelPicture: (width: number, height: number) => `What the model receives, ${width} by ${height} pixels`,
    modelCaption: (width: number, height: number, preprocessing: string) =>
      `As the model sees it · ${width} × ${height} · ${preprocessing}`,
    window: (center: number, width: number, kind: string) =>
      `C ${number(center)}  W ${number(width)}${kind === 'LINEAR' ? '' : `  ${kind.toLowerCase().replace('_', ' ')}`}`,
    lut: (explanation: string) => `VOI LUT${explanation ? `: ${explanation}` : ''}`,
    range: (low: number, high: number) => `${number(low)} to ${number(high)}`,
    zoom: (scale: number) => `${Math.round(scale * 100)} %`,
    inverted: 'inverted',
    flipped: 'flipped',
    frame: (at: number, all: number) => `frame ${at} of ${all}`,
    frameChoice: 'Frame',
    scaleBar: (millimetres: number, origin: string) =>
      `${millimetres >= 10 ? `${millimetres / 10} cm` : `${millimetres} mm`} ${origin}`,
    origins: {
      detector: 'at the detector',
      calibrated: 'calibrated',
      estimated: 'in the body, estimated',
      unknown: 'by pixel spacing, origin unknown',
    } satisfies Record<LengthOrigin, string>,
  },

  compare: {
    title: 'Findings',
    matrix: 'Findings by checkpoint',
    label: 'Label',
    change: 'Change',
    changeOf: (from: string, to: string) => `${from} to ${to}`,
    marks: {
      hit: 'said, as the table says',
      'false-alarm': 'said, the table says no',
      miss: 'not said, the table says yes',
      rest: 'not said, as the table says',
      said: 'said, the table is silent',
      blank: 'not said',
      unreadable: 'answer cannot be read',
      none: 'not asked yet',
      asking: 'being asked',
    },
    truthMarks: { yes: 'yes', no: 'no', uncertain: 'uncertain', silent: 'not mentioned', hidden: 'hidden' },
    gained: (name: string) => `gained by ${name}`,
    lost: (name: string) => `lost by ${name}`,
    legend: 'Marks',
    active: (name: string) => `Look at ${name}`,
    blink: 'Tab blinks between the last two',
    reasoning: (name: string) => `Reasoning of ${name}`,
    ask: 'Ask',
    askAll: 'Ask all',
    cost: (seconds: number | null) => {
      if (seconds === null) return 'time not measured yet';
      return seconds < 0.1 ? 'under 0.1 s' : `about ${duration(seconds)}`;
    },
    notAsked: (name: string) => `${name} has not read this film.`,
    askHint: 'Enter asks',
    stop: 'Stop',
    stopHint: 'Esc stops',
    difference: 'Difference',
    differenceTitle: 'Write what the other reading said into the reasoning',
    loose: 'Changed without a sentence that says so:',
    onlyIn: (name: string) => `only in ${name}'s reasoning`,
    saidHere: (label: string, other: string) => `${label}: said here, not by ${other}`,
    notSaid: (label: string, other: string) => `${label}: said by ${other}, not here`,
    prompt: (tokens: number | null) =>
      tokens === null
        ? 'What the server was asked, beside the film'
        : `What the model was given (${plural(tokens, 'token')}, image included)`,
    copyPrompt: 'Copy prompt',
    tokens: (tokens: number) => `What it wrote (${plural(tokens, 'token')})`,
    tokensHint: 'The brighter the ground, the less probable the token; point at one for its probability.',
    copyTokens: 'Copy tokens',
    copyText: 'Copy text',
    probability: (p: number) => `p ${p < 0.001 ? p.toExponential(1) : p.toFixed(3)}`,
    certainty: 'How sure is it?',
    sample: (count: number, names: string[]) => `Draw ${count} answers of ${names.join(' and ')}`,
    sampling: 'Drawing answers…',
    sampleFailed: 'The samples could not be drawn',
    sampleFailures: (failures: number) => `${plural(failures, 'sample')} could not be read.`,
    frequency: (count: number, of: number) => `${count}/${of}`,
    probabilityHead: 'p',
    noiseHead: 'Difference',
    noise: (p: number) => `may be noise (p ${p.toFixed(2)})`,
    moreThanNoise: (p: number) => `more than noise (p ${p < 0.001 ? '< 0.001' : p.toFixed(3)})`,
    askElse: 'Ask something else',
    promptChoice: 'Instruction',
    ownQuestion: 'Own question',
    questionHint: 'Is there a pneumothorax on the right?',
    askThis: (name: string) => `Ask ${name}`,
    asking: 'Reading the film',
    failed: 'No answer',
    retry: 'Ask again',
    cut: 'Cut off at the longest allowed length.',
    noReasoning: 'The answer has no reasoning.',
    parseFailures: {
      'no-solution': 'no findings block',
      'several-solutions': 'several findings blocks',
      'unclosed-solution': 'findings block not closed',
      'no-think': 'no reasoning block',
      'several-thinks': 'several reasoning blocks',
      'unclosed-think': 'reasoning block not closed',
      'wrong-order': 'blocks in the wrong order',
      'empty-solution': 'findings block is empty',
      'no-valid-label': 'no known label',
      'text-outside': 'text outside the two blocks',
    } satisfies Record<ParseFailure, string>,
    unreadable: (reason: string) => `This answer cannot be read (${reason}) and counts as no finding.`,
    invalid: (names: string[]) => `Not among the 14 labels: ${names.join(', ')}`,
    raw: 'Raw text',
    provenance: 'Provenance',
    copyProvenance: 'Copy as JSON',
    noCheckpoints: 'No checkpoint can be used.',
    noCheckpointsHint: 'Add one in Checkpoints.',
    showTruth: 'Show the truth',
    hideTruth: 'Hide the truth',
    findingsOf: (name: string, findings: string) => `${name}: ${findings}`,
    nothingSaid: 'nothing',
    changedSentence: (other: string) => `not in ${other}'s reasoning`,
    tokensPerSecond: (rate: number) => `${Math.round(rate)} tokens/s`,
    fields: {
      createdAt: 'Made',
      imageHash: 'Image',
      preprocessing: 'Preprocessing',
      baseHash: 'Base',
      adapterHash: 'Adapter',
      promptId: 'Prompt',
      promptHash: 'Prompt hash',
      temperature: 'Temperature',
      topP: 'Top-p',
      seed: 'Seed',
      maxNewTokens: 'Maximum tokens',
      precision: 'Precision',
      executor: 'Executor',
      executorVersion: 'Version',
      key: 'Key',
      seconds: 'Seconds',
    } as Record<string, string>,
  },

  reader: {
    title: 'Your findings',
    column: 'Reader',
    blinded: 'Read blinded first',
    hidden: 'hidden while read blinded',
    blindedHint: 'The answers and the truth of this film are hidden until you save.',
    openHint: 'The answers of this film were on the screen; that is kept with the findings.',
    judgements: { '1': 'Present', '0': 'Absent', '-1': 'Uncertain' } as Record<string, string>,
    judge: (label: string, judgement: string) => `${label}: ${judgement}`,
    comment: 'Comment',
    save: 'Save findings',
    restAbsent: 'The rest is absent',
    giveUp: 'Show the answers instead',
    keys: 'Ctrl Enter saves. R leaves blinded reading.',
    failed: 'The findings could not be saved',
    when: (blinded: boolean, seconds: number) =>
      `${blinded ? 'Read blinded' : 'Read with the answers known'}, in ${duration(seconds)}. Change`,
  },

  agreement: {
    title: 'Agreement',
    anyLabel: 'any label',
    kinds: {
      all: () => 'All films',
      allWrong: () => 'All checkpoints wrong',
      allRight: () => 'All checkpoints right',
      lost: (from: string, to: string) => `${to} lost it (${from} right)`,
      won: (from: string, to: string) => `${to} won it (${from} wrong)`,
      disagree: (from: string, to: string) => `${from} and ${to} disagree`,
      unreadable: () => 'An answer cannot be read',
      unanswered: (from: string, to: string) => `Not read by ${from} or ${to}`,
      readerDiffers: (_from: string, to: string) => `${to} differs from the reader`,
    } satisfies Record<AgreementKind, (from: string, to: string) => string>,
  },

  evaluate: {
    title: 'Evaluate',
    question: 'Does the gain at the source survive at another institution?',
    setup: 'What is compared',
    source: 'Source',
    target: 'Other institution',
    checkpoints: 'Checkpoints',
    limit: 'Films of each data set',
    limitHint: 'Empty: all films',
    all: 'all',
    run: 'Evaluate',
    resume: 'Resume',
    update: 'Show the result',
    cancel: 'Cancel',
    running: 'Evaluating',
    finished: 'The evaluation is complete',
    failed: 'The evaluation stopped',
    filmsFailed: 'The films could not be listed',
    noFilms: 'No film is behind this number',
    earlier: 'Result',
    evaluationName: (name: string, done: number, total: number) =>
      done === total ? `${name} (${count(total)} answers)` : `${name} (${count(done)} of ${count(total)} answers)`,
    cost: (films: number, done: number, seconds: number | null) => {
      const left = films - done;
      if (left <= 0) return 'Every answer is there already.';
      const known = done > 0 ? `, ${count(done)} are there already` : '';
      const time = seconds === null ? 'time not measured yet' : `about ${duration(seconds)}`;
      return `${plural(left, 'answer')} to make${known}: ${time}.`;
    },
    choose: 'Choose two data sets and at least one checkpoint.',
    needTwo: 'An evaluation needs two labelled data sets.',
    needTwoHint: 'Add a label table (CheXpert, NIH ChestX-ray14 or MIMIC-CXR-JPG) with its images.',
    empty: 'Nothing has been evaluated yet.',
    emptyHint: 'Choose what is compared above, then Evaluate. Results appear while it runs and every answer is kept.',
    loading: 'Reading the result',
    resultFailed: 'The result cannot be shown',
    grid: 'Macro-F1 by data set and checkpoint, on each data set’s own labels',
    dataset: 'Data set',
    parts: { source: 'source', target: 'other institution' },
    films: (films: number, patients: number) => `${plural(films, 'film')}, ${plural(patients, 'patient')}`,
    labelSets: {
      shared: 'shared labels',
      'chexpert-14': '14 labels',
      'nih-9': '9 labels',
      own: 'own labels',
    },
    failRate: (rate: number) => `${percent(rate)} unreadable`,
    unreadable: (name: string, dataset: string) => `${name} on ${dataset}: unreadable answers`,
    cellFilms: (name: string, dataset: string) => `${name} on ${dataset}: all films`,
    interval: (low: number, high: number, show: (value: number) => string) => `${show(low)} to ${show(high)}`,
    waiting: 'waiting',
    rate: (rate: number) => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} films/s`,
    gaps: (labels: number) => `From source to target, on the ${labels} shared labels`,
    gapsHint: 'Macro-F1. The same labels on both sides, so the two numbers can be compared.',
    ownGaps: 'From source to target, each on its own labels',
    ownGapsHint: 'As the paper prints it. The labels differ, so these two numbers cannot be compared.',
    checkpoint: 'Checkpoint',
    at: (name: string) => `at ${name}`,
    change: 'Change',
    ci: '95 % interval',
    survives: 'Does the gain survive?',
    survivesHint: 'Macro-F1 on the shared labels, the second checkpoint minus the first.',
    step: 'Step',
    stepOf: (from: string, to: string) => `${from} → ${to}`,
    atSource: 'Gain at the source',
    atTarget: 'Gain at the other institution',
    difference: 'Difference',
    differences: 'Between checkpoints, on the same films',
    differencesHint: 'Macro-F1. Strong where the interval leaves out zero; p by flipping whole patients.',
    perLabel: 'Label by label',
    perLabelHint:
      'F1: open mark at the source, filled mark at the other institution. Choose a label for the films behind it.',
    labelChoice: 'Labels',
    sharedChoice: 'Shared',
    ownChoice: 'All',
    contribution: 'Part of the change',
    contributionHint: 'The label’s share of the change in macro-F1; the column adds up to it.',
    support: 'Films with it',
    behind: (label: string) => `Films behind ${label}`,
    outcomes: {
      tp: 'said, right',
      fp: 'said, wrong',
      fn: 'missed',
      tn: 'not said, right',
      failed: 'unreadable',
    },
    outcomeFilms: (label: string, name: string, dataset: string, outcome: string) =>
      `${label}, ${name} on ${dataset}: ${outcome}`,
    notScored: 'not scored here',
    addTable: 'Add data set',
    tableKind: 'Format',
    tableKinds: { chexpert: 'CheXpert', nih: 'NIH ChestX-ray14', mimic: 'MIMIC-CXR-JPG' },
    csv: 'Label table (CSV)',
    images: 'Folder of the images',
    imagesHint: 'Empty: beside the table',
    policy: 'Uncertain labels count as',
    policies: { zeros: 'negative', ones: 'positive', ignore: 'neither (left out)' },
    role: 'Part in the question',
    roles: {
      'training-source': 'training source',
      source: 'source',
      target: 'other institution',
      none: 'none',
    },
    add: 'Add',
    browse: 'Choose',
    added: (name: string, films: number) => `${name} was added: ${plural(films, 'film')}`,
    addFailed: 'The data set could not be added',
  },

  train: {
    title: 'Train',
    newRun: 'New run',
    kinds: { sft: 'SFT', grpo: 'GRPO' },
    kind: 'Method',
    name: 'Name',
    newName: (kind: 'sft' | 'grpo') => `${kind.toUpperCase()} run`,
    startFrom: 'Starts from',
    dataset: 'Learns from',
    sourceCollection: 'the training source',
    settings: 'Settings',
    departures: (fields: number) =>
      fields === 0 ? 'As the paper, where it says something.' : `${plural(fields, 'field')} away from the paper.`,
    paper: (value: string) => `Paper: ${value}`,
    unstated: 'Not stated in the paper',
    ours: (value: string) => `Default: ${value}`,
    departs: 'departs from the paper',
    restore: (name: string) => `Restore the default of ${name}`,
    start: 'Start training',
    stop: 'Stop',
    resume: 'Resume',
    runs: 'Runs',
    noRuns: 'No run yet.',
    noRunsHint: 'Fill in the form and start. The run goes on when this window closes, and can be resumed.',
    states: { running: 'running', paused: 'paused', stopped: 'stopped', complete: 'complete', failed: 'failed' },
    steps: (done: number, total: number) => `step ${count(done)} of ${count(total)}`,
    finished: (name: string) => `${name} is complete`,
    failed: 'The run stopped',
    noLog: 'The first lines of the log come after the first step.',
    charts: {
      loss: 'Loss',
      reward: 'Reward',
      kl: 'KL to the SFT checkpoint',
      entropy: 'Entropy',
      clip: 'Share clipped',
      length: 'Length of completions (tokens)',
      gradient: 'Gradient norm',
      rate: 'Learning rate',
    },
    step: 'Step',
    last: 'Last values of the log',
    away: 'Away from the paper',
    field: 'Field',
    paperColumn: 'Paper',
    runColumn: 'This run',
    reason: 'Why',
    chart: (title: string, lines: number) => `${title}, ${plural(lines, 'step')}`,
    drawFailed: 'The chart cannot be drawn',
  },

  report: {
    title: 'Report',
    evaluation: 'Evaluation',
    sections: 'Sections',
    preview: 'Pages as they will print',
    page: (at: number, all: number) => `Page ${at} of ${all}`,
    pages: (pages: number) => plural(pages, 'page'),
    empty: 'Nothing to report yet.',
    emptyHint: 'Run an evaluation first; the report is made from it.',
    goEvaluate: 'Go to Evaluate',
    drawing: 'Drawing the pages',
    drawFailed: 'The report cannot be drawn',
    export: 'Export PDF',
    download: 'Download PDF',
    saveAs: 'Save to a path on the machine of the engine',
    save: 'Save',
    saved: (path: string, pages: number) => `${plural(pages, 'page')} saved as ${path}`,
    saveFailed: 'The report could not be saved',
    reveal: 'Show in folder',
    fileName: 'chexreason-report.pdf',
  },

  servers: {
    title: 'Servers',
    intro:
      'A checkpoint may be on a server that speaks OpenAI’s form: vLLM, llama.cpp, Ollama. Films asked of it are sent there as pixels, without name or header; nothing is sent anywhere else.',
    address: 'Address',
    addressHint: 'http://host:8000',
    key: 'API key',
    keyHint: 'none needed',
    keySafe: 'Kept in the system’s key store where that is safe, else for this session. Never in a file.',
    name: 'Name',
    concurrency: 'Requests at once',
    timeout: 'Timeout, seconds',
    look: 'Look what is there',
    looking: 'Asking …',
    add: 'Add server',
    cancel: 'Cancel',
    open: 'Add a server',
    failed: 'Nothing usable is there',
    unreachable: 'The server does not answer',
    kinds: { vllm: 'vLLM', 'llama.cpp': 'llama.cpp', ollama: 'Ollama', openai: 'OpenAI-compatible' },
    kind: (kind: string, version: string) => [kind, version].filter(Boolean).join(' '),
    models: (bases: number, adapters: number) =>
      `${bases} ${bases === 1 ? 'model' : 'models'}, ${adapters} ${adapters === 1 ? 'adapter' : 'adapters'}`,
    adapterOf: (parent: string) => `adapter on ${parent}`,
    baseModel: 'model',
    noVision: 'takes no images',
    use: 'Use as checkpoint',
    used: 'in the workspace',
    ask: 'Ask again',
    remove: (name: string) => `Remove the server ${name}`,
    setKey: 'Set key',
    keyFrom: {
      none: 'no key',
      session: 'key for this session',
      environment: 'key from the environment',
    },
    keyKept: 'The key is in the system’s key store.',
    keySession: 'The key is kept for this session only: this system has no safe key store.',
    loadAdapter: 'Load an adapter',
    loadHint: 'A folder on the server’s disk. vLLM started with --enable-lora.',
    loadName: 'Name',
    loadPath: 'Path on the server',
    load: 'Load',
    addFailed: 'The server was not added',
    keyFailed: 'The key was not taken',
    askFailed: 'The server did not answer',
    removeFailed: 'The server was not removed',
    loadFailed: 'The adapter was not loaded',
    addModelFailed: 'The checkpoint was not added',
  },
  checkpoints: {
    title: 'Checkpoints',
    add: 'Add',
    path: 'Folder of a base model or of an adapter',
    pathHint: 'A Hugging Face or PEFT folder; it is read, never changed',
    role: 'Role',
    roleByFolder: 'as the folder says',
    added: (name: string) => `${name} was added`,
    addFailed: 'The checkpoint could not be added',
    removeFailed: 'The checkpoint could not be removed',
    remove: (name: string) => `Remove ${name} from the list; its files stay`,
    removeShort: 'Remove',
    empty: 'No checkpoint yet.',
    emptyHint: 'Drop a folder with a base model or a PEFT adapter, or paste its path above.',
    base: 'base model',
    adapterOn: (base: string) => `adapter on ${base}`,
    adapter: 'adapter',
    unusable: 'This folder cannot be used',
    parameters: (millions: string) => `${millions} M parameters`,
    fields: {
      path: 'Folder',
      source: 'Trained on',
      prompt: 'Prompt',
      preprocessing: 'Preprocessing',
      architecture: 'Architecture',
      size: 'Size',
      speed: 'Per film',
      hash: 'Hash',
    },
    unknown: 'unknown',
    perFilm: (seconds: number) => `${duration(seconds)} here`,
    notMeasured: 'not measured yet',
  },

  settings: {
    title: 'Settings',
    workspace: 'Workspace',
    workspaceHint: 'A folder of plain files: studies, answers, evaluations, runs, reports.',
    builtIn: 'built in',
    openOther: 'Open another workspace',
    open: 'Open',
    openFailed: 'The workspace could not be opened',
    engine: 'Engine',
    generation: 'Answers are made by',
    training: 'Training runs on',
    threads: (threads: number) => plural(threads, 'thread'),
    process: 'Process',
    memory: 'Memory',
    network: 'Network',
    networkNone: 'Nothing leaves this machine: no address is configured.',
    about: 'About',
    version: (version: string) => `Version ${version}`,
    research: 'Research use only. Not a medical device; no output may decide about a patient.',
  },
};

/** At most four significant digits, without an exponent. */
function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
