/// <reference types="vite/client" />

/** hls.js without subtitles, alternate audio and DRM; it carries no types of its own. */
declare module 'hls.js/light' {
  export { default } from 'hls.js'
}
