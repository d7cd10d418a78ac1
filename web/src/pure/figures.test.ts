import { expect, it } from 'vitest'
import { formatAge, formatBytes, formatSigned, formatSkew, levelShare } from './figures'

it('bytes are shown with three figures and their unit', () => {
  expect([0, 999, 1000, 734_200_000_000, 1_824_000_000_000, 999_900].map(formatBytes)).toEqual([
    '0 B', '999 B', '1.00 kB', '734 GB', '1.82 TB', '1.00 MB',
  ])
})

it('ages are exact while they are short', () => {
  expect(formatAge(940)).toEqual({ value: '0.9', unit: 's' })
  expect(formatAge(75_000)).toEqual({ value: '75', unit: 's' })
  expect(formatAge(600_000)).toEqual({ value: '10', unit: 'min' })
  expect(formatAge(90_000_000)).toEqual({ value: '25', unit: 'h' })
  expect(formatAge(-20)).toEqual({ value: '0.0', unit: 's' })
})

it('differences carry a sign', () => {
  expect([12.4, -340, 0.2].map(formatSigned)).toEqual(['+12', '−340', '0'])
})

it('a clock’s difference is shown in seconds, the finer the smaller', () => {
  expect([3, -4, 120, -940, 5000, -90_040, 28_800_120].map(formatSkew)).toEqual(['0', '0', '+0.12', '−0.94', '+5.0', '−90.0', '+28800'])
})

it('silence is an empty bar and full scale a full one', () => {
  expect([-90, -60, -30, 0, 3].map(levelShare)).toEqual([0, 0, 0.5, 1, 1])
})
