/** The tokens that stand for images, or open and close them, by architecture: what TRL may not sample in an exported run. */
import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { parseQwen25VlConfig } from '../../core/models/qwen25vl/config.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

it('of Gemma 3 are the image’s token and the two around it', async () => {
  const folder = await writeTinyModel();
  const { info } = await openModelFolder(folder);
  await rm(folder, { recursive: true });
  expect(info.visionTokenIds).toHaveLength(3);
  expect(info.visionTokenIds).toContain(info.imageTokenId);
});

it('of Qwen2.5-VL are the image’s, the video’s, and the two around them', () => {
  const config = {
    model_type: 'qwen2_5_vl',
    vision_config: { out_hidden_size: 8192 },
    image_token_id: 5,
    video_token_id: 6,
    vision_start_token_id: 7,
    vision_end_token_id: 8,
  };
  expect(parseQwen25VlConfig(config, 'config.json').visionTokenIds).toEqual([5, 6, 7, 8]);
});
