/**
 * Python, where it is there. The standard library is enough for resources/trl/rewards.py; what trains needs the packages
 * that ../shared/reference/versions.json names, in the interpreter that CHEXREASON_PYTHON names.
 */
import { execFileSync } from 'node:child_process';

/** CHEXREASON_PYTHON, else any python3; null where there is none. */
export const python: string | null = [process.env['CHEXREASON_PYTHON'], 'python3'].find(works) ?? null;

/** With TRL, PEFT and torch; null where CHEXREASON_PYTHON names none that has them. */
export const trlPython: string | null = hasTrl(process.env['CHEXREASON_PYTHON'])
  ? process.env['CHEXREASON_PYTHON']!
  : null;

function works(command: string | undefined): boolean {
  return runs(command, ['-c', 'import json, re']);
}

function hasTrl(command: string | undefined): boolean {
  const find =
    'import importlib.util as u, sys; sys.exit(any(u.find_spec(n) is None for n in ("trl", "peft", "torch")))';
  return runs(command, ['-c', find]);
}

function runs(command: string | undefined, args: string[]): boolean {
  if (!command) return false;
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
