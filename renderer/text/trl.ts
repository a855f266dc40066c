/** Train: runs out to TRL and back. */
import { count, plural } from './format.ts';

export const trl = {
  exportRun: 'Export this run for TRL',
  exportForm: 'Export for TRL',
  exportTitle: {
    'export-run': 'Export the shown run for TRL',
    'export-form': 'Export the run of the form for TRL, without training it here',
  },
  exportHint:
    'A folder with data, settings, rewards and scripts that TRL, PEFT and accelerate train as it stands, on any number of GPUs. Films are in it as pixels without a header; no patient is named.',
  exportTo: 'To a new or an empty folder',
  base: 'Base model',
  bases: { auto: 'copied up to 2 GiB', copy: 'copied', leave: 'left out; given to the script' },
  export: 'Write the folder',
  exported: (films: number, heldOut: number, model: boolean) =>
    `${plural(films, 'film')}${heldOut > 0 ? ` and ${count(heldOut)} held out` : ''} written, ${
      model ? 'with' : 'without'
    } the base. Train it with`,
  departures: (fields: number) => `${plural(fields, 'setting')} that TRL has otherwise, or not at all`,
  exportFailed: 'The run could not be exported',
  import: 'Import a trained run',
  importTitle: 'Import what TRL has trained',
  importHint: 'The folder that was exported, with “output” in it. Its adapter becomes a checkpoint, its log a run.',
  importFrom: 'Exported folder',
  nameHint: 'as it was exported',
  doImport: 'Import',
  imported: (name: string) => `${name} is a checkpoint now`,
  importFailed: 'The trained run could not be imported',
  close: 'Close',
  trainedBy: (what: string) => `trained by ${what}`,
  draw: (films: number, patients: number, there: number) =>
    `Drawn: ${plural(films, 'film')} of ${plural(patients, 'patient')}, of ${count(there)} that are there.`,
  fewer: (asked: number) => `${count(asked)} were asked for.`,
  reserved: (patients: number) => `${plural(patients, 'patient')} left for GRPO (reserveForGrpo).`,
  ofSft: (patients: number) => `${plural(patients, 'patient')} of the SFT run left out.`,
  sftUnknown: 'On whom its start was trained is not known, so the films may be of the same patients.',
};
