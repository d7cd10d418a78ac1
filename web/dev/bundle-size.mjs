/** Adds up what a browser loads first, compressed, and fails when it outgrows the limit. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const LIMIT_KB = 600
const dist = new URL('../dist/', import.meta.url)
const html = readFileSync(new URL('index.html', dist), 'utf8')
const files = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((m) => m[1])
if (files.length === 0) throw new Error(`no script in ${fileURLToPath(dist)}index.html`)
const kb = files.reduce((sum, f) => sum + gzipSync(readFileSync(new URL(f, dist))).length, 0) / 1000
console.log(`first load: ${kb.toFixed(0)} kB of JavaScript, gzip (limit ${LIMIT_KB} kB)`)
if (kb > LIMIT_KB) process.exit(1)
