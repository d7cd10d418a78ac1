import { describe, expect, it } from 'vitest'
import { deafLimitMs, liveMove, pictureOf, pictureToAsk, reconnectDelayMs, shownCaptureMs, stillForMs } from './live-policy'

const facts = { nowMs: 100_000, openedMs: 90_000, lastFrameMs: null, connected: true, waiting: false, unsupported: false }

describe('the live player', () => {
  it('does nothing with an empty buffer', () => {
    expect(liveMove({ currentTime: 0, ranges: [], paused: true })).toEqual({ seekTo: null, rate: 1, trimBefore: null, play: false })
  })
  it('starts at the end of the first fragment, wherever the axis begins', () => {
    expect(liveMove({ currentTime: 0, ranges: [{ start: 4210, end: 4212 }], paused: true })).toMatchObject({ seekTo: 4211.92, play: true })
  })
  it('plays on calmly when it is close', () => {
    expect(liveMove({ currentTime: 9.8, ranges: [{ start: 0, end: 10 }], paused: false })).toMatchObject({ seekTo: null, rate: 1 })
  })
  it('hurries from a quarter of a second and jumps from six tenths', () => {
    expect(liveMove({ currentTime: 9.7, ranges: [{ start: 0, end: 10 }], paused: false })).toMatchObject({ seekTo: null, rate: 1.1 })
    expect(liveMove({ currentTime: 9.3, ranges: [{ start: 0, end: 10 }], paused: false })).toMatchObject({ seekTo: 9.92, rate: 1 })
  })
  it('leaps over a hole left by skipped fragments', () => {
    const ranges = [{ start: 0, end: 10 }, { start: 12, end: 12.04 }]
    expect(liveMove({ currentTime: 9.99, ranges, paused: false }).seekTo).toBe(12)
  })
  it('does not jump back for the moment in which it has run dry', () => {
    expect(liveMove({ currentTime: 10.03, ranges: [{ start: 0, end: 10 }], paused: false }).seekTo).toBeNull()
  })
  it('cuts off what was played, but not at every turn', () => {
    expect(liveMove({ currentTime: 14.9, ranges: [{ start: 0, end: 15 }], paused: false }).trimBefore).toBeNull()
    expect(liveMove({ currentTime: 16, ranges: [{ start: 0, end: 16.1 }], paused: false }).trimBefore).toBe(11)
  })
  it('waits longer after each failure, spread by chance, fifteen seconds and a quarter at most', () => {
    expect([0, 1, 2, 10].map((n) => reconnectDelayMs(n, 0.5))).toEqual([500, 1000, 2000, 15_000])
    expect(reconnectDelayMs(0, 0)).toBe(375)
    expect(reconnectDelayMs(40, 1)).toBe(18_750)
  })
  it('does not believe in a silent connection, but does not knock for ever either', () => {
    expect([0, 1, 2, 9].map((n) => deafLimitMs(true, n))).toEqual([12_000, 24_000, 48_000, 300_000])
    expect(deafLimitMs(false, 0)).toBe(600_000)
  })
  it('knows when the shown picture was taken', () => {
    const anchors = [{ captureMs: 1_000_000, mediaSeconds: 10 }, { captureMs: 1_005_000, mediaSeconds: 12 }]
    expect(shownCaptureMs(anchors, 11.5)).toBe(1_001_500)
    expect(shownCaptureMs(anchors, 12.25)).toBe(1_005_250)
    expect(shownCaptureMs([], 1)).toBeNull()
  })
})

describe('which picture a tile asks for', () => {
  it('is the small one among others, the full one when it is looked at closely or listened to', () => {
    expect(pictureToAsk({ large: false, audible: false })).toBe('wall')
    expect(pictureToAsk({ large: true, audible: false })).toBe('full')
    expect(pictureToAsk({ large: false, audible: true })).toBe('full')
  })
})

describe('what a tile may claim', () => {
  it('is live only while pictures come', () => {
    expect(pictureOf({ ...facts, lastFrameMs: 98_100 })).toBe('live')
    expect(pictureOf({ ...facts, lastFrameMs: 97_900 })).toBe('stale')
    expect(stillForMs({ ...facts, lastFrameMs: 93_000 })).toBe(7_000)
  })
  it('is stale even while the connection stands', () => {
    expect(pictureOf({ ...facts, connected: true, lastFrameMs: 1 })).toBe('stale')
  })
  it('tells waiting for the camera from waiting for the server', () => {
    expect(pictureOf({ ...facts, waiting: true })).toBe('waiting')
    expect(pictureOf({ ...facts, connected: false })).toBe('lost')
    expect(pictureOf({ ...facts, connected: false, openedMs: 99_000 })).toBe('connecting')
  })
  it('says so when the browser cannot play the format', () => {
    expect(pictureOf({ ...facts, unsupported: true, lastFrameMs: 99_999 })).toBe('unsupported')
  })
})
