/** The user's settings: short texts by key, in `settings.json` of the user's folder. */
import { join } from 'node:path';
import { readJsonIfThere, writeJson } from '../platform/files.ts';
import { DEVICES, type Device } from '../tensor/executor.ts';

const DEVICE = 'device';

export class Settings {
  private constructor(
    private readonly file: string,
    private readonly values: Record<string, string>,
  ) {}

  static async open(userDir: string): Promise<Settings> {
    const file = join(userDir, 'settings.json');
    return new Settings(file, (await readJsonIfThere<Record<string, string>>(file)) ?? {});
  }

  /** Where answers are computed. */
  device(): Device {
    return DEVICES.find((device) => device === this.values[DEVICE]) ?? 'cpu';
  }

  async setDevice(device: Device): Promise<void> {
    await this.set(DEVICE, device);
  }

  all(): Record<string, string> {
    return { ...this.values };
  }

  async set(key: string, value: string): Promise<void> {
    this.values[key] = value;
    await writeJson(this.file, this.values);
  }
}
