/** The window: rail, screen, status line, and what lies over them. */
import { useEffect, useMemo } from 'react';
import { CheckpointsScreen } from './checkpoints/CheckpointsScreen.tsx';
import { ComparePanel } from './compare/ComparePanel.tsx';
import { EvaluateScreen } from './evaluation/EvaluateScreen.tsx';
import { CommandsContext, useFrom, useWorkbench, WorkbenchContext } from './frame/context.ts';
import { DropZone } from './frame/DropZone.tsx';
import { Fallback } from './frame/Fallback.tsx';
import { Notices } from './frame/Notices.tsx';
import { setPalette } from './frame/palette.ts';
import { Rail } from './frame/Rail.tsx';
import { Sheets } from './frame/Sheets.tsx';
import { StatusBar } from './frame/StatusBar.tsx';
import { ReportScreen } from './report/ReportScreen.tsx';
import { SettingsScreen } from './settings/SettingsScreen.tsx';
import { commandFor, commandsOf } from './state/commands.ts';
import type { Screen } from './state/frame.ts';
import { withKeys } from './state/keys.ts';
import type { Workbench } from './state/workbench.ts';
import { Doubt } from './studies/Doubt.tsx';
import { StudyList } from './studies/StudyList.tsx';
import { text } from './text.ts';
import { TrainScreen } from './training/TrainScreen.tsx';
import { FilmArea } from './viewer/FilmArea.tsx';

setPalette(document.documentElement);

export function App({ workbench }: { workbench: Workbench }) {
  return (
    <WorkbenchContext.Provider value={workbench}>
      <DropZone>
        <Window />
      </DropZone>
    </WorkbenchContext.Provider>
  );
}

function Window() {
  const workbench = useWorkbench();
  const screen = useFrom(workbench.frame, (state) => state.screen);
  const own = useFrom(workbench.keys, (state) => state.own);
  const commands = useMemo(() => withKeys(commandsOf(workbench), own), [workbench, own]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const command = commandFor(commands, event, workbench.frame.store.getState().screen);
      if (!command) return;
      event.preventDefault();
      void command.run();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [commands, workbench]);

  useEffect(
    () =>
      workbench.bridge.engine.onEvent((event) => {
        if (event.type === 'command') void commands.find((command) => command.id === event.command)?.run();
      }),
    [commands, workbench],
  );

  return (
    <CommandsContext.Provider value={commands}>
      <div className="window">
        <Rail />
        <main className="screen" aria-label={text.screens[screen]}>
          <h1 className="only-spoken">{`${text.product}: ${text.screens[screen]}`}</h1>
          <Fallback key={screen}>
            <ScreenOf screen={screen} />
          </Fallback>
        </main>
        <StatusBar />
        <Notices />
        <Sheets commands={commands} />
      </div>
    </CommandsContext.Provider>
  );
}

function ScreenOf({ screen }: { screen: Screen }) {
  switch (screen) {
    case 'evaluate':
      return <EvaluateScreen />;
    case 'train':
      return <TrainScreen />;
    case 'report':
      return <ReportScreen />;
    case 'checkpoints':
      return <CheckpointsScreen />;
    case 'settings':
      return <SettingsScreen />;
    case 'read':
      return <Read />;
  }
}

function Read() {
  // A click leaves the focus where it is, so that Tab still blinks after it; by keyboard every button can be reached.
  const keepFocus = (event: React.MouseEvent) => {
    if (event.target instanceof Element && event.target.closest('button')) event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only keeps the focus.
    <div className="read" onMouseDown={keepFocus}>
      <StudyList />
      <FilmArea />
      <ComparePanel />
      <Doubt />
    </div>
  );
}
