import { describe, expect, it } from 'vitest'
import { clockOffset, feedOf } from './server-feed'

const heard = { nowMs: 10_000, openedMs: 8_000, broken: false, heardMs: 9_500, advancedMs: 9_500 }

describe('the state feed', () => {
  it('is believed while it comes and moves', () => {
    expect(feedOf(heard)).toBe('heard')
  })
  it('is lost at once when the connection breaks, and after silence', () => {
    expect(feedOf({ ...heard, broken: true })).toBe('lost')
    expect(feedOf({ ...heard, heardMs: 6_000 })).toBe('lost')
  })
  it('is not believed when it repeats an old measurement', () => {
    expect(feedOf({ ...heard, advancedMs: 6_000 })).toBe('stopped')
  })
  it('claims nothing before the first event', () => {
    expect(feedOf({ ...heard, heardMs: null, advancedMs: null })).toBe('first')
    expect(feedOf({ ...heard, heardMs: null, advancedMs: null, broken: true })).toBe('lost')
    expect(feedOf({ ...heard, openedMs: 6_000, heardMs: null, advancedMs: null })).toBe('lost')
  })
})

describe('the server clock', () => {
  it('is told by the event with the least delay', () => {
    let o = clockOffset([], 5_000, 5_400)
    expect(o.offsetMs).toBe(-400)
    o = clockOffset(o.offsets, 6_000, 6_020)
    expect(o.offsetMs).toBe(-20)
    o = clockOffset(o.offsets, 7_000, 7_900)
    expect(o.offsetMs).toBe(-20)
  })
  it('forgets a delay that no longer occurs', () => {
    let o = clockOffset([], 1_000, 1_000)
    for (let n = 2; n <= 21; n += 1) o = clockOffset(o.offsets, n * 1000, n * 1000 + 100)
    expect(o.offsetMs).toBe(-100)
  })
  it('follows a step', () => {
    expect(clockOffset([0, 0], 60_000, 2_000).offsetMs).toBe(58_000)
    expect(clockOffset([0, 0], 2_000, 60_000).offsetMs).toBe(-58_000)
  })
})
