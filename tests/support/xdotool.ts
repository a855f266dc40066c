/** Keys and windows of a display, for what only the system shows: its dialogs. xdotool may be missing (hasProgram). */
import { execFileSync } from 'node:child_process';

export function xdotool(display: string, ...args: string[]): string {
  return execFileSync('xdotool', args, {
    env: { ...process.env, DISPLAY: display },
    encoding: 'utf8',
    timeout: 20_000,
  });
}

export function windowsNamed(display: string, name: string): string[] {
  return xdotool(display, 'search', '--onlyvisible', '--name', name)
    .split('\n')
    .filter((line) => line !== '');
}
