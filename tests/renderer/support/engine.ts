/**
 * An engine in memory for the page tests: the same contract, answers prepared beforehand. It counts what it was asked
 * (`calls`), so that a test can say what reached the engine. Test code only.
 */
import { WorkbenchError } from '../../../core/base/errors.ts';
import { CHEXPERT_LABELS, NIH_NINE } from '../../../core/labels/labels.ts';
import type { EngineEvent, ServerInfo } from '../../../core/services/contract.ts';
import { FixtureEngine, type Handlers } from './fixture.ts';
import { modelHandlers } from './models.ts';
import { fixtureStudies, studyHandlers } from './studies.ts';
import { workHandlers } from './work.ts';

/** The whole world of the page tests; a test may replace single answers. */
export function fixtureEngine(changed: Handlers = {}): FixtureEngine {
  const studies = fixtureStudies();
  const goneServers: ServerInfo[] = [];
  const tell = (event: EngineEvent) => engine.emit(event);
  const engine = new FixtureEngine({
    ...studyHandlers(studies, goneServers, tell),
    ...modelHandlers(goneServers, tell),
    ...workHandlers(studies.entries),
    'app.state': () => ({
      version: '0.1.0',
      engine: {
        generation: { name: 'onnxruntime-cpu', version: '1.30.0', threads: 2, reason: 'The fastest that is here.' },
        training: {
          name: 'tfjs-wasm',
          version: '4.22.0',
          threads: 1,
          reason: 'libtensorflow is not built; run npm run setup:tensorflow.',
        },
        processId: 4711,
        memoryBytes: 412_000_000,
      },
      workspace: { path: '/workspace', name: 'Built-in', builtIn: true },
      network: [],
      paperLabels: { chexpert: CHEXPERT_LABELS, nih: NIH_NINE },
    }),
    'jobs.list': () => [],
    'jobs.cancel': () => null,
    'jobs.pause': () => null,
    'jobs.resume': () => null,
    'engine.setDevice': () => {
      throw new WorkbenchError('DEVICE_UNAVAILABLE', 'No GPU can be used: No supported adapters');
    },
    'settings.get': () => ({}),
    'settings.set': () => null,
    ...changed,
  });
  return engine;
}
