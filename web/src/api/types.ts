/** What the server says, as its JSON has it. Times are RFC 3339 strings with the Beijing offset. */

import type { StampStyle } from '@/pure/stamp-overlay'

export type Rfc3339 = string

export interface Bilingual {
  zh: string
  en: string
}

export interface User {
  name: string
  role: string
}

export interface Recorder {
  version: string
  /** `null` while the storage root it lies on is away. */
  key_id: string | null
  public_key_pem: string | null
}

export interface HallZone {
  id: string
  type: string
  name: string | null
  all_day: boolean
}

export interface HallWindow {
  id: string
  name: string | null
  zone: string
  camera: string
  sound_camera: string | null
  faces: string | null
}

export type CameraKind = 'fixed' | 'ptz'
export type StampMode = 'reencode' | 'camera' | 'none'

export interface HallCamera {
  id: string
  name: string | null
  kind: CameraKind
  zone: string
  stamp: StampMode
  label: string[]
  windows: string[]
}

export interface Hall {
  /** Where the stamp stands that is drawn over a picture which carries none. */
  stamp: StampStyle
  name: string
  division: string
  profile: string
  version: string
  zones: HallZone[]
  windows: HallWindow[]
  cameras: HallCamera[]
}

export type RecordingState = 'starting' | 'recording' | 'degraded' | 'not-recording'

export const GAP_CAUSES = [
  'camera-unreachable',
  'camera-closed',
  'camera-stalled',
  'authentication',
  'unsupported-stream',
  'format-changed',
  'disk',
  'overload',
  'stamp-failed',
  'recorder-restart',
  'recorder-stopped',
  'clock-step',
  'operator',
  'unknown',
] as const
export type GapCause = (typeof GAP_CAUSES)[number]

export interface VideoMeasured {
  codec: string
  width: number
  height: number
  frames_per_second: number
  bitrate_kbps: number
}

export interface AudioMeasured {
  codec: string
  sample_rate: number
  bitrate_kbps: number
  level_dbfs: number | null
}

export type TimeSource = 'sender-report' | 'arrival' | 'replay'

/** A camera's clock as its sender reports show it. */
export interface CameraClock {
  verdict: 'good' | 'off' | 'time-zone' | 'unset' | 'stepping' | 'drifting'
  hours: number | null
  drift_ppm: number | null
  text: Bilingual
}

/** What a camera that draws its own stamp was found to show. */
export interface OwnClock {
  verdict: 'unknown' | 'right' | 'wrong' | 'frozen' | 'missing' | 'unreadable'
  since: Rfc3339 | null
  text: string | null
  difference_seconds: number | null
  read_at: Rfc3339 | null
  looked_at: Rfc3339 | null
  label: 'not-attested' | 'same' | 'changed' | 'missing'
}

export interface CameraState {
  id: string
  kind: CameraKind
  desired: boolean
  state: RecordingState
  since: Rfc3339
  newest_part: Rfc3339 | null
  age_ms: number | null
  cause: GapCause | null
  cause_text: Bilingual | null
  action: Bilingual | null
  detail: string | null
  stamp_mode: StampMode
  stamped: boolean
  /** A small picture is made or fetched for the wall. */
  wall_picture: boolean
  camera_clock: OwnClock | null
  video: VideoMeasured | null
  audio: AudioMeasured | null
  time_source: TimeSource | null
  clock_skew_ms: number | null
  clock: CameraClock | null
  connections: number
}

export const STORAGE_FAULTS = ['full', 'read-only', 'gone', 'slow', 'failing'] as const
export type StorageFault = (typeof STORAGE_FAULTS)[number]

export interface StorageState {
  path: string
  free_bytes: number
  total_bytes: number
  writable: boolean
  fault: StorageFault | null
  detail: string | null
  /** Below this many free bytes nothing new is begun here. */
  reserve_bytes: number
  /** Cameras whose newest file lies here. */
  cameras: string[]
  bytes_per_second: number
  syncs: number
  /** Beijing date on which it is full although everything that may go has gone; `null` when it carries the floor. */
  full_on: string | null
}

export type Severity = 'warning' | 'critical'

/** What a person must act on. */
export interface Alarm {
  code: string
  /** What it is about: a storage root, a year, a backup target; empty for the recorder as a whole. */
  subject: string
  severity: Severity
  since: Rfc3339
  text: Bilingual
  action: Bilingual
}

export interface ClockState {
  synchronised: boolean
  max_error_ms: number
  limit_ms: number
  source: string
  leap: string | null
}

export interface HallState {
  at: Rfc3339
  started: Rfc3339
  should_record: number
  recording: number
  oldest_footage: Rfc3339 | null
  cameras: CameraState[]
  storage: StorageState[]
  clock: ClockState
  /** The gravest first. */
  alarms: Alarm[]
}

export interface RecordedSpan {
  camera: string
  from: Rfc3339
  to: Rfc3339
  stamped: boolean
  /** How the server's clock was kept; left out where that is not known. */
  clock?: 'disciplined' | 'undisciplined'
  /** It was lost and came back from the backup copy. */
  restored?: boolean
}

export interface Gap {
  camera: string
  from: Rfc3339
  to: Rfc3339
  cause: GapCause
  detail?: string
}

/** Recorded once, and gone since because its time was over: neither there nor missing. */
export interface RemovedSpan {
  from: Rfc3339
  to: Rfc3339
}

export interface Timeline {
  window: string | null
  spans: RecordedSpan[]
  gaps: Gap[]
  removed: RemovedSpan[]
}

export interface PlaybackGrant {
  url: string
  from: Rfc3339
  to: Rfc3339 | null
  expires: Rfc3339
  camera: string
}

/** `full` as recorded, with sound; `wall` small and silent, for a tile. */
export type PictureSize = 'full' | 'wall'

/** Text messages of the live WebSocket; `format` and `fragment` are each followed by one binary message. */
export type LiveMessage =
  | { type: 'format'; mime: string; generation: number }
  /** `stamped` is there for pictures only. */
  | { type: 'fragment'; capture: Rfc3339; media_seconds: number; random_access: boolean; stamped?: boolean }
  | ({ type: 'waiting' } & Bilingual)
  | { type: 'skipped'; count: number }
  | ({ type: 'picture'; picture: PictureSize; why?: string } & Partial<Bilingual>)

export interface ApiErrorBody {
  error: { code: string; zh: string; en: string; request_id: string }
}
