/** Settings. */
import { plural } from './format.ts';

export const settings = {
  appearance: 'Appearance and keys',
  size: 'Size of the interface',
  sizeFailed: 'The size of the interface could not be kept',
  keys: 'Show and change keys',
  title: 'Settings',
  servers: 'Servers, on the Checkpoints screen',
  workspace: 'Workspace',
  workspaceHint: 'A folder of plain files: studies, answers, evaluations, runs, reports.',
  builtIn: 'built in',
  openOther: 'Open another workspace',
  open: 'Open',
  openFailed: 'The workspace could not be opened',
  engine: 'Engine',
  generation: 'Answers are made by',
  device: 'Computed by',
  deviceHint:
    'A GPU is tried before it is taken. Its answers have keys of their own: they are not compared with those of the processor.',
  devices: { cpu: 'Processor', webgpu: 'GPU (WebGPU)' },
  deviceFailed: 'The processor goes on computing',
  training: 'Training runs on',
  threads: (threads: number) => plural(threads, 'thread'),
  process: 'Process',
  memory: 'Memory',
  network: 'Network',
  networkNone: 'Nothing leaves this machine: no address is configured.',
  about: 'About',
  version: (version: string) => `Version ${version}`,
  research: 'Research use only. Not a medical device; no output may decide about a patient.',
};
