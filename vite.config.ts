/** Builds the screens (renderer) into out/renderer: relative addresses, for the application's own protocol and for http. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: new URL('./renderer', import.meta.url).pathname,
  base: './',
  plugins: [react()],
  build: {
    outDir: new URL('./out/renderer', import.meta.url).pathname,
    emptyOutDir: true,
    target: 'chrome108',
    // No data: addresses, so that the content security policy can stay at 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2500,
  },
});
