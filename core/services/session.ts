/** Everything that belongs to one open workspace. */

import { codeVersion } from '../evaluation/codeVersion.ts';
import type { Platform } from '../platform/platform.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { AnnotationStore } from './annotations.ts';
import { Answers } from './answers.ts';
import { Boxes } from './boxes.ts';
import { Canaries } from './canaries.ts';
import { Checkpoints } from './checkpoints.ts';
import { Collections } from './collections.ts';
import { KeptResults } from './evaluation/kept.ts';
import { Evaluations } from './evaluations.ts';
import { ImportedEvaluations } from './importedEvaluations.ts';
import { type ModelOptions, Models } from './models.ts';
import { PredictionStore } from './predictions.ts';
import { Prompts } from './prompts.ts';
import { ReaderStore } from './readers.ts';
import { RemoteAnswers } from './remoteAnswers.ts';
import { Reports } from './reports.ts';
import { Selection } from './selection.ts';
import type { Servers } from './servers.ts';
import { Thumbnails } from './thumbnails.ts';
import { Traces } from './traces.ts';
import { TrainingExports } from './trainingExport.ts';
import { TrainingImports } from './trainingImport.ts';
import { TrainingInput } from './trainingInput.ts';
import { Trainings } from './trainings.ts';

export class Session {
  readonly collections: Collections;
  readonly selection: Selection;
  readonly thumbnails: Thumbnails;
  readonly checkpoints: Checkpoints;
  readonly models: Models;
  readonly predictions: PredictionStore;
  readonly answers: Answers;
  readonly canaries: Canaries;
  readonly evaluations: Evaluations;
  readonly imported: ImportedEvaluations;
  readonly traces: Traces;
  readonly trainings: Trainings;
  readonly trainingExports: TrainingExports;
  readonly trainingImports: TrainingImports;
  readonly reports: Reports;
  readonly annotations: AnnotationStore;
  readonly boxes = new Boxes();
  readonly readers: ReaderStore;

  private constructor(
    platform: Platform,
    readonly workspace: Workspace,
    readonly prompts: Prompts,
    servers: Servers,
    options: ModelOptions,
  ) {
    this.collections = new Collections(workspace, platform.now);
    this.selection = new Selection(this.collections);
    this.thumbnails = new Thumbnails(workspace.pathOf('cache', 'thumbnails'));
    this.annotations = new AnnotationStore(workspace);
    this.checkpoints = new Checkpoints(workspace, servers, options.cacheDir, options.opening);
    this.readers = new ReaderStore(workspace, platform.now);
    this.models = new Models({ ...options, precisionOf: (dir) => this.checkpoints.precisionIn(dir) });
    this.predictions = new PredictionStore(workspace);
    this.answers = new Answers(
      this.collections,
      this.checkpoints,
      this.models,
      prompts,
      this.predictions,
      new RemoteAnswers(servers, platform.now),
      platform.now,
    );
    this.canaries = new Canaries(workspace, this.checkpoints, this.answers, platform.userDir, platform.now);
    const kept = new KeptResults(workspace.pathOf('cache', 'results'), () => codeVersion(platform.resourcesDir));
    this.imported = new ImportedEvaluations(workspace, this.collections, platform.now, kept);
    this.evaluations = new Evaluations(
      workspace,
      this.collections,
      this.checkpoints,
      this.answers,
      this.predictions,
      platform.now,
      this.selection,
      kept,
    );
    this.traces = new Traces(platform, workspace, this.collections, servers, prompts);
    const input = new TrainingInput(this.collections, this.checkpoints, prompts, this.traces.store);
    this.trainings = new Trainings(platform, workspace, this.collections, this.checkpoints, input);
    this.trainingExports = new TrainingExports(
      platform,
      workspace,
      this.collections,
      this.checkpoints,
      input,
      this.trainings,
    );
    this.trainingImports = new TrainingImports(platform, workspace, this.checkpoints);
    this.reports = new Reports(
      platform,
      this.collections,
      this.checkpoints,
      this.evaluations,
      this.imported,
      this.models,
    );
  }

  static async open(
    platform: Platform,
    workspace: Workspace,
    servers: Servers,
    options: ModelOptions = {},
  ): Promise<Session> {
    const prompts = await Prompts.open(platform.resourcesDir, workspace.pathOf('prompts'));
    const session = new Session(platform, workspace, prompts, servers, options);
    await Promise.all([session.collections.load(), session.checkpoints.load(), session.predictions.load()]);
    await session.canaries.load();
    return session;
  }

  async close(): Promise<void> {
    await this.models.dispose();
  }
}
