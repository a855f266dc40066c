/// <reference types="vite/client" />
/** The screens on the fixture's engine, as Chromium opens them in the page tests. */
import '../../../renderer/style/all.css';
import { createRoot } from 'react-dom/client';
import { App } from '../../../renderer/App.tsx';
import { createWorkbench, type Workbench } from '../../../renderer/state/workbench.ts';
import { fixtureEngine } from './engine.ts';
import type { FixtureEngine } from './fixture.ts';

declare global {
  interface Window {
    workbench: Workbench;
    engine: FixtureEngine;
  }
}

window.engine = fixtureEngine();
window.workbench = createWorkbench({
  host: 'browser',
  dialogs: false,
  engine: window.engine,
  pickFiles: async () => [],
  pickFolder: async () => null,
  pickSavePath: async () => null,
  pathsOfDrop: async (drop) => [...(drop as DataTransfer).files].map((file) => `/dropped/${file.name}`),
  reveal: async () => {},
  setZoom: async () => {},
  keepKey: async () => false,
  restoreKey: async () => false,
});
window.workbench.start();
createRoot(document.getElementById('root') as HTMLElement).render(<App workbench={window.workbench} />);
