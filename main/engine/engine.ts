/** The program of the engine process. */
import { nodePlatform, stderrLog } from '../../core/platform/node.ts';
import { createEngine } from '../../core/services/engine.ts';
import { runEngineProcess } from './process.ts';

runEngineProcess(({ resourcesDir, userDir, workspace }) =>
  createEngine(nodePlatform({ resourcesDir, userDir }, stderrLog), { workspace }),
);
