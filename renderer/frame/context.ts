/** Gives every screen the one workbench, and parts of its stores. */
import { createContext, useContext } from 'react';
import { type StoreApi, useStore } from 'zustand';
import type { Command } from '../state/commands.ts';
import type { Workbench } from '../state/workbench.ts';

export const WorkbenchContext = createContext<Workbench | null>(null);

/** The table of commands, with the user's keys. */
export const CommandsContext = createContext<readonly Command[]>([]);

export function useCommand(id: string): Command {
  const command = useContext(CommandsContext).find((each) => each.id === id);
  if (!command) throw new Error(`There is no command ${id}.`);
  return command;
}

export function useWorkbench(): Workbench {
  const workbench = useContext(WorkbenchContext);
  if (!workbench) throw new Error('A screen was drawn outside the workbench.');
  return workbench;
}

/** A part of a store; the screen is drawn again when that part changes. */
export function useFrom<S, T>(part: { store: StoreApi<S> }, select: (state: S) => T): T {
  return useStore(part.store, select);
}
