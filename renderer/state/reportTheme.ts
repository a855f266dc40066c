/** The ground of the Report screen: light, as the paper that its pages print on, or dark as the other screens. */
import { createStore } from 'zustand/vanilla';
import type { HostBridge } from '../../core/services/contract.ts';

export const REPORT_THEMES = ['light', 'dark'] as const;
export type ReportThemeName = (typeof REPORT_THEMES)[number];
const KEY = 'reportTheme';

export type ReportTheme = ReturnType<typeof createReportTheme>;

export function createReportTheme(bridge: HostBridge, onError: (thrown: unknown) => void) {
  const store = createStore<{ theme: ReportThemeName }>(() => ({ theme: 'light' }));
  return {
    store,
    set(theme: ReportThemeName): void {
      store.setState({ theme });
      bridge.engine.call('settings.set', { key: KEY, value: theme }).catch(onError);
    },
    async load(): Promise<void> {
      const kept = (await bridge.engine.call('settings.get', {}))[KEY];
      const theme = REPORT_THEMES.find((each) => each === kept);
      if (theme) store.setState({ theme });
    },
  };
}
