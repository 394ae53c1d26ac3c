import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// For those who change the page: `npx vite` beside a running server, named by THRONG_URL.
const target = process.env['THRONG_URL'] ?? 'http://127.0.0.1:8080';
const proxy = { '/v1': { target }, '/metrics': { target }, '/docs': { target }, '/openapi.json': { target } };

export default defineConfig({
  plugins: [svelte()],
  // A picture inside a style sheet would be a request the policy of the page does not know.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy },
  preview: { proxy },
  test: { include: ['src/**/*.test.ts'] },
});
