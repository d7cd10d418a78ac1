//! One camera's live channel: keeps the units since the newest random access point and makes fragments while somebody watches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, broadcast, watch};

use super::demand::Demand;
use super::{LiveFragment, LiveInit, LiveJoin, Withheld};
use crate::media::{AccessUnit, StreamFormat, VIDEO_TIMESCALE};
use crate::segment::init::{codecs, init_segment};
use crate::segment::part::put_part;

/// Fragments a viewer may lag behind before it is moved to the newest random access point: about four seconds.
const MOST_WAITING_FRAGMENTS: usize = 256;
/// A backlog longer than this (a camera with very rare key frames) is cut: the viewer then waits for the next key frame.
const LONGEST_BACKLOG_UNITS: usize = 2048;
/// Length of a picture whose predecessor is unknown: one at 25 pictures a second.
const USUAL_PICTURE_90K: i64 = 3600;

/// The newest media of one camera, for any number of viewers.
pub struct LiveChannel {
    fragments: broadcast::Sender<Arc<LiveFragment>>,
    inner: Mutex<Inner>,
    /// Told when somebody joins.
    joined: Notify,
    withheld: watch::Sender<Option<Withheld>>,
}

#[derive(Default)]
struct Inner {
    demand: Demand,
    format: Option<StreamFormat>,
    init: Option<Arc<LiveInit>>,
    generation: u64,
    backlog: Vec<AccessUnit>,
    last_pts_90k: Option<i64>,
    picture_90k: i64,
    sequence: u32,
    stamped: bool,
}

impl Default for LiveChannel {
    fn default() -> Self {
        Self::new()
    }
}

impl LiveChannel {
    /// A channel on which nothing has been published.
    pub fn new() -> Self {
        let (fragments, _) = broadcast::channel(MOST_WAITING_FRAGMENTS);
        let (withheld, _) = watch::channel(None);
        let inner = Mutex::new(Inner { picture_90k: USUAL_PICTURE_90K, ..Inner::default() });
        Self { fragments, inner, joined: Notify::new(), withheld }
    }

    /// A new run begins: what follows is of this format, on a new time axis. `stamped` says whether its pictures carry the stamp.
    pub fn publish_format(&self, format: &StreamFormat, stamped: bool) {
        let mut inner = self.lock();
        inner.generation += 1;
        inner.stamped = stamped;
        inner.init = Some(Arc::new(LiveInit {
            mime: format!("video/mp4; codecs=\"{}\"", codecs(format)),
            bytes: init_segment(format, None),
            generation: inner.generation,
        }));
        inner.format = Some(format.clone());
        inner.backlog.clear();
        inner.last_pts_90k = None;
    }

    /// Whether the pictures from now on carry the stamp: for a camera that draws it, once that is proven or no longer so.
    pub fn set_stamped(&self, stamped: bool) {
        self.lock().stamped = stamped;
    }

    /// One more unit of the current format. Before the first random access point nothing is shown.
    pub fn publish(&self, unit: &AccessUnit) {
        let mut inner = self.lock();
        if inner.format.is_none() {
            return;
        }
        let starts = matches!(unit, AccessUnit::Video(v) if v.random_access);
        if starts || inner.backlog.len() >= LONGEST_BACKLOG_UNITS {
            inner.backlog.clear();
        }
        if inner.backlog.is_empty() && !starts {
            return;
        }
        inner.backlog.push(unit.clone());
        if let AccessUnit::Video(v) = unit {
            if let Some(last) = inner.last_pts_90k.filter(|last| (1..=i64::from(VIDEO_TIMESCALE)).contains(&(v.pts_90k - last)))
            {
                inner.picture_90k = v.pts_90k - last;
            }
            inner.last_pts_90k = Some(v.pts_90k);
        }
        if self.fragments.receiver_count() > 0 {
            let fragment = inner.fragment(unit);
            // Sent under the lock, so that a viewer who joins gets each fragment exactly once.
            let _ = self.fragments.send(Arc::new(fragment));
        }
    }

    /// Joins the channel: the format, the fragments since the newest random access point, and what follows.
    pub fn join(&self) -> LiveJoin {
        let mut inner = self.lock();
        inner.demand.joined();
        self.joined.notify_one();
        let units = inner.backlog.clone();
        let backlog = units.iter().map(|u| Arc::new(inner.fragment(u))).collect();
        LiveJoin { init: inner.init.clone(), backlog, fragments: self.fragments.subscribe() }
    }

    /// What follows, without counting as somebody who joins: for a viewer who is shown something else meanwhile.
    pub fn listen(&self) -> broadcast::Receiver<Arc<LiveFragment>> {
        self.fragments.subscribe()
    }

    /// The source has ended: who joins later gets nothing of it.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.format = None;
        inner.init = None;
        inner.backlog.clear();
        inner.last_pts_90k = None;
    }

    /// For a picture made only while somebody looks: how many have joined so far, or `None` when nobody has looked for
    /// [`LINGER`](super::LINGER).
    pub fn wanted(&self) -> Option<u64> {
        self.lock().demand.look(self.fragments.receiver_count(), Instant::now())
    }

    /// Waits until somebody wants the picture. For one waiter.
    pub async fn demanded(&self) {
        while self.wanted().is_none() {
            self.joined.notified().await;
        }
    }

    /// Tells viewers that the picture does not come at this moment, or (`None`) that it does.
    pub fn withhold(&self, why: Option<Withheld>) {
        self.withheld.send_if_modified(|now| std::mem::replace(now, why) != why);
    }

    /// Whether the picture comes, and every change of it.
    pub fn withheld(&self) -> watch::Receiver<Option<Withheld>> {
        self.withheld.subscribe()
    }

    /// The format of the fragments being sent, for a viewer who sees a new generation.
    pub fn init(&self) -> Option<Arc<LiveInit>> {
        self.lock().init.clone()
    }

    /// Number of viewers.
    pub fn viewers(&self) -> usize {
        self.fragments.receiver_count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing in here panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    #[expect(clippy::cast_precision_loss, reason = "ticks of a run stay far below 2^52")]
    fn fragment(&mut self, unit: &AccessUnit) -> LiveFragment {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(unit.len_bytes() + 160);
        let (random_access, media_seconds) = match unit {
            AccessUnit::Video(v) => {
                let end = v.pts_90k + self.picture_90k;
                put_part(&mut bytes, self.sequence, std::slice::from_ref(v), end, &[], false);
                (v.random_access, v.pts_90k as f64 / f64::from(VIDEO_TIMESCALE))
            }
            AccessUnit::Audio(a) => {
                put_part(&mut bytes, self.sequence, &[], 0, std::slice::from_ref(a), false);
                let rate = self.format.as_ref().and_then(|f| f.audio.as_ref()).map_or(8000, |a| a.sample_rate.max(1));
                (false, a.pts_samples as f64 / f64::from(rate))
            }
        };
        LiveFragment {
            generation: self.generation,
            random_access,
            stamped: matches!(unit, AccessUnit::Video(_)).then_some(self.stamped),
            capture: unit.capture(),
            media_seconds,
            bytes: bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{TimeSource, VideoCodec, VideoFormat, VideoUnit};
    use crate::time::WallTime;

    fn format() -> StreamFormat {
        let video = VideoFormat {
            codec: VideoCodec::H264,
            width: 640,
            height: 360,
            codec_string: "avc1.64001E".into(),
            sample_entry: crate::media::boxes::avc1(640, 360, &[1, 0x64, 0, 0x1e]),
            configuration: Default::default(),
        };
        StreamFormat { video, audio: None }
    }

    fn picture(n: i64, random_access: bool) -> AccessUnit {
        AccessUnit::Video(VideoUnit {
            pts_90k: n * 3600,
            capture: WallTime::from_micros(n * 40_000),
            time_source: TimeSource::Arrival,
            other_capture: None,
            random_access,
            data: vec![0; 5].into(),
        })
    }

    #[test]
    fn a_late_viewer_starts_at_the_newest_random_access_point_and_misses_nothing_after_it() {
        let channel = LiveChannel::new();
        channel.publish_format(&format(), true);
        for n in 0..7 {
            channel.publish(&picture(n, n % 5 == 0));
        }
        let mut join = channel.join();
        channel.publish(&picture(7, false));
        let shown: Vec<i64> = join.backlog.iter().map(|f| f.capture.as_micros() / 40_000).collect();
        assert_eq!(shown, [5, 6]);
        assert!(join.backlog[0].random_access);
        assert_eq!(join.fragments.try_recv().unwrap().capture.as_micros() / 40_000, 7);
    }

    #[test]
    fn who_joins_after_the_source_has_ended_gets_nothing_old() {
        let channel = LiveChannel::new();
        channel.publish_format(&format(), true);
        channel.publish(&picture(0, true));
        channel.clear();
        let join = channel.join();
        assert!(join.init.is_none() && join.backlog.is_empty());
        channel.publish(&picture(1, true));
        assert!(channel.join().backlog.is_empty(), "its format has not come");
        channel.publish_format(&format(), true);
        assert_eq!(channel.join().init.unwrap().generation, 2);
    }

    #[test]
    fn only_who_joins_makes_a_picture_wanted_anew() {
        let channel = LiveChannel::new();
        assert_eq!(channel.wanted(), None);
        let joined = channel.join();
        let _listening = channel.listen();
        assert_eq!(channel.wanted(), Some(1));
        drop(joined);
        assert_eq!(channel.wanted(), Some(1));
    }

    #[test]
    fn nothing_is_shown_before_the_first_random_access_point() {
        let channel = LiveChannel::new();
        channel.publish_format(&format(), true);
        channel.publish(&picture(1, false));
        assert!(channel.join().backlog.is_empty());
        assert!(channel.join().init.is_some());
    }

    #[test]
    fn every_picture_tells_whether_it_carries_the_stamp() {
        let channel = LiveChannel::new();
        channel.publish_format(&format(), false);
        channel.publish(&picture(0, true));
        let mut join = channel.join();
        channel.set_stamped(true);
        channel.publish(&picture(1, false));
        assert_eq!(join.backlog[0].stamped, Some(false));
        assert_eq!(join.fragments.try_recv().unwrap().stamped, Some(true));
    }

    #[test]
    fn a_new_format_starts_a_new_generation() {
        let channel = LiveChannel::new();
        channel.publish_format(&format(), true);
        channel.publish(&picture(0, true));
        let first = channel.join().init.unwrap().generation;
        channel.publish_format(&format(), true);
        let join = channel.join();
        assert_eq!(join.init.unwrap().generation, first + 1);
        assert!(join.backlog.is_empty());
    }
}
