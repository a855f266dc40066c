/** The program of the engine process. */
import { startDicomThreads, warmDicomThreads } from '../../core/dicom/threads.ts';
import { startStatisticsThreads } from '../../core/evaluation/threads.ts';
import { nodePlatform, stderrLog } from '../../core/platform/node.ts';
import { createEngine } from '../../core/services/engine.ts';
import { dicomThreadPath, statisticsThreadPath } from '../places.ts';
import { runEngineProcess } from './process.ts';

startDicomThreads(dicomThreadPath());
warmDicomThreads();
startStatisticsThreads(statisticsThreadPath());
runEngineProcess(({ resourcesDir, userDir, workspace }, keys) =>
  createEngine(nodePlatform({ resourcesDir, userDir }, stderrLog), { workspace, canaries: true, goOn: true, keys }),
);
