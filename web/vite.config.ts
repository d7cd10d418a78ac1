import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** Where `npm run dev` finds the server: a recorder, or the mock of `npm run mock`. */
const server = process.env.JIANCHA_URL ?? 'http://127.0.0.1:5199'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    // The policy of the server's answers is `default-src 'self'`: fonts and pictures stay files of their own.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/api': { target: server, ws: true },
      '/media': { target: server },
      '/mock': { target: server },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
