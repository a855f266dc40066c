/** The way between the screens. */

import { SCREENS, type Screen } from '../state/frame.ts';
import { text } from '../text.ts';
import { useFrom, useWorkbench } from './context.ts';
import { Eye, FileText, GraduationCap, Grid2x2, Layers, Settings } from './icons.ts';

const ICONS: Record<Screen, typeof Eye> = {
  read: Eye,
  evaluate: Grid2x2,
  train: GraduationCap,
  report: FileText,
  checkpoints: Layers,
  settings: Settings,
};

export function Rail() {
  const { frame } = useWorkbench();
  const current = useFrom(frame, (state) => state.screen);
  return (
    <nav className="rail" aria-label={text.frame.screens} data-area="rail">
      {SCREENS.map((screen, index) => {
        const Icon = ICONS[screen];
        return (
          <button
            key={screen}
            type="button"
            className={`rail-item ${screen === 'settings' ? 'rail-last' : ''}`}
            aria-current={screen === current ? 'page' : undefined}
            title={`${text.screens[screen]}  (Alt+${index + 1})`}
            onClick={() => frame.show(screen)}
          >
            <Icon size={20} strokeWidth={1.6} aria-hidden="true" />
            <span>{text.screens[screen]}</span>
          </button>
        );
      })}
    </nav>
  );
}
