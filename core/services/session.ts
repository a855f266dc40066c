/** Everything that belongs to one open workspace. */
import { join } from 'node:path';
import type { Platform } from '../platform/platform.ts';
import { loadPrompts } from '../text/prompts.ts';
import type { Prompt } from '../text/types.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { Answers } from './answers.ts';
import { Checkpoints } from './checkpoints.ts';
import { Collections } from './collections.ts';
import { type ModelOptions, Models } from './models.ts';
import { PredictionStore } from './predictions.ts';

export class Session {
  private constructor(
    readonly workspace: Workspace,
    readonly prompts: ReadonlyMap<string, Prompt>,
    readonly collections: Collections,
    readonly checkpoints: Checkpoints,
    readonly models: Models,
    readonly predictions: PredictionStore,
    readonly answers: Answers,
  ) {}

  static async open(platform: Platform, workspace: Workspace, options: ModelOptions = {}): Promise<Session> {
    const prompts = new Map(
      (await loadPrompts(join(platform.resourcesDir, 'prompts'))).map((prompt) => [prompt.id, prompt]),
    );
    const collections = new Collections(workspace);
    const checkpoints = new Checkpoints(workspace);
    const predictions = new PredictionStore(workspace);
    await Promise.all([collections.load(), checkpoints.load(), predictions.load()]);
    const { now } = platform;
    const models = new Models(options);
    const answers = new Answers(collections, checkpoints, models, prompts, predictions, now);
    return new Session(workspace, prompts, collections, checkpoints, models, predictions, answers);
  }

  async close(): Promise<void> {
    await this.models.dispose();
  }
}
