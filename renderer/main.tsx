/** Starts the screens: finds the host, ties the stores to its engine, draws the window. */
import './style/all.css';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import { connect } from './bridge/connect.ts';
import { createWorkbench } from './state/workbench.ts';

const workbench = createWorkbench(connect());
workbench.start();
window.addEventListener('focus', workbench.returned);
createRoot(document.getElementById('root') as HTMLElement).render(<App workbench={workbench} />);
