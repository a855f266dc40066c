/** Everything that belongs to one open workspace. */
import { join } from 'node:path';
import type { Platform } from '../platform/platform.ts';
import { loadPrompts } from '../text/prompts.ts';
import type { Prompt } from '../text/types.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { AnnotationStore } from './annotations.ts';
import { Answers } from './answers.ts';
import { Boxes } from './boxes.ts';
import { Checkpoints } from './checkpoints.ts';
import { Collections } from './collections.ts';
import { Evaluations } from './evaluations.ts';
import { type ModelOptions, Models } from './models.ts';
import { PredictionStore } from './predictions.ts';
import { Reports } from './reports.ts';
import { Trainings } from './trainings.ts';

export class Session {
  readonly collections: Collections;
  readonly checkpoints: Checkpoints;
  readonly models: Models;
  readonly predictions: PredictionStore;
  readonly answers: Answers;
  readonly evaluations: Evaluations;
  readonly trainings: Trainings;
  readonly reports: Reports;
  readonly annotations: AnnotationStore;
  readonly boxes = new Boxes();

  private constructor(
    platform: Platform,
    readonly workspace: Workspace,
    /** By id. */
    readonly prompts: ReadonlyMap<string, Prompt>,
    options: ModelOptions,
  ) {
    this.collections = new Collections(workspace, platform.now);
    this.checkpoints = new Checkpoints(workspace);
    this.annotations = new AnnotationStore(workspace);
    this.models = new Models(options);
    this.predictions = new PredictionStore(workspace);
    this.answers = new Answers(
      this.collections,
      this.checkpoints,
      this.models,
      prompts,
      this.predictions,
      platform.now,
    );
    this.evaluations = new Evaluations(
      workspace,
      this.collections,
      this.checkpoints,
      this.answers,
      this.predictions,
      platform.now,
    );
    this.trainings = new Trainings(platform, workspace, this.collections, this.checkpoints, prompts);
    this.reports = new Reports(platform, this.collections, this.checkpoints, this.evaluations, this.models);
  }

  static async open(platform: Platform, workspace: Workspace, options: ModelOptions = {}): Promise<Session> {
    const prompts = await loadPrompts(join(platform.resourcesDir, 'prompts'));
    const session = new Session(platform, workspace, new Map(prompts.map((prompt) => [prompt.id, prompt])), options);
    await Promise.all([session.collections.load(), session.checkpoints.load(), session.predictions.load()]);
    return session;
  }

  async close(): Promise<void> {
    await this.models.dispose();
  }
}
