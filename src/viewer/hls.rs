//! HLS playlists (RFC 8216) over byte ranges of the segment files: what is on disk is what is played.
//!
//! Pure: tables of parts and a span in, text out. An entry is a run of whole parts that begins at a random access point and is
//! about two seconds long, so that requests stay few. Entries depend on the files alone and not on the span or the moment, so a playlist that grows never
//! changes what it said before.

use std::fmt::Write as _;
use std::ops::Range;

use crate::media::VIDEO_TIMESCALE;
use crate::segment::identity::Identity;
use crate::segment::reader::{PartEntry, SegmentIndex};
use crate::time::{Span, WallTime};

/// An entry ends before the next random access point once it is this long. A little below two seconds: a group of pictures of
/// two seconds that measures a few ticks short is an entry of its own.
const ENTRY_90K: u64 = 171_000;
/// Least `EXT-X-TARGETDURATION` in seconds: leaves room for entries a growing playlist does not hold yet.
const LEAST_TARGET_SECONDS: u64 = 3;
/// Media time that jumps by more than this within a run is a discontinuity.
const JUMP_90K: u64 = 45_000;

/// A segment file and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    /// Address relative to the playlist.
    pub uri: &'a str,
    /// Its table of parts.
    pub index: &'a SegmentIndex,
    /// True while the recorder is writing to it: what ends it may still grow.
    pub growing: bool,
    /// True when its pictures carry the stamp, as its row says.
    pub stamped: bool,
}

/// Consecutive parts of one file that begin at a random access point.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    bytes: Range<u64>,
    from: WallTime,
    start_90k: u64,
    duration_90k: u64,
}

impl Entry {
    fn end_90k(&self) -> u64 {
        self.start_90k.saturating_add(self.duration_90k)
    }

    fn span(&self) -> Span {
        Span::new(self.from, self.from.plus_micros(micros(self.duration_90k)))
    }
}

fn micros(ticks_90k: u64) -> i64 {
    i64::try_from(u128::from(ticks_90k) * 1_000_000 / u128::from(VIDEO_TIMESCALE)).unwrap_or(i64::MAX)
}

/// The entries of one file. Parts before the first random access point show nothing and are left out.
fn entries(parts: &[PartEntry], growing: bool) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for part in parts {
        match entries.last_mut() {
            Some(last) if !part.random_access || last.duration_90k < ENTRY_90K => {
                last.bytes.end = part.bytes.end;
                last.duration_90k = part.start_90k.saturating_add(part.duration_90k).saturating_sub(last.start_90k);
            }
            None if !part.random_access => {}
            _ => entries.push(Entry {
                bytes: part.bytes.clone(),
                from: part.from,
                start_90k: part.start_90k,
                duration_90k: part.duration_90k,
            }),
        }
    }
    if growing {
        // Its next part may belong to it.
        entries.pop();
    }
    entries
}

/// What stands in front of an entry whose pictures carry no stamp, so that whoever shows them can draw one: the exact capture time and
/// track time of its first picture, and the label as it was when this was recorded. Players that do not know the tag leave it out
/// (RFC 8216 section 4.1).
fn unstamped(entry: &Entry, identity: &Identity) -> String {
    let told = serde_json::json!({
        "capture_us": entry.from.as_micros(),
        "start_90k": entry.start_90k,
        "label": identity.label_lines(),
    });
    format!("#EXT-X-JIANCHA-UNSTAMPED:{told}")
}

/// The playlist of `span` from `pieces`, oldest first.
///
/// `complete` says that nothing will be added: the playlist then ends, and a file still growing is given up to its last whole
/// part. `span.to` may lie in the future.
pub(super) fn playlist(pieces: &[Piece<'_>], span: Span, complete: bool) -> String {
    let mut body = String::new();
    let mut longest_90k = 0;
    let mut first: Option<WallTime> = None;
    let mut before: Option<(&str, u64, &str)> = None;
    for piece in pieces {
        let mut mapped = false;
        for entry in entries(&piece.index.parts, piece.growing && !complete) {
            if entry.span().intersect(span).is_none() {
                continue;
            }
            let identity = &piece.index.identity;
            let unbroken = before.is_none_or(|(run, end, codecs)| {
                run == identity.run && codecs == identity.codecs && entry.start_90k.abs_diff(end) <= JUMP_90K
            });
            if !unbroken {
                body.push_str("#EXT-X-DISCONTINUITY\n");
            }
            if !mapped {
                let init = &piece.index.init;
                let _ = writeln!(
                    body,
                    "#EXT-X-MAP:URI=\"{}\",BYTERANGE=\"{}@{}\"",
                    piece.uri,
                    init.end.saturating_sub(init.start),
                    init.start
                );
                mapped = true;
            }
            if !piece.stamped {
                let _ = writeln!(body, "{}", unstamped(&entry, identity));
            }
            let seconds = entry.duration_90k as f64 / f64::from(VIDEO_TIMESCALE);
            let length = entry.bytes.end.saturating_sub(entry.bytes.start);
            let _ = write!(
                body,
                "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{seconds:.5},\n#EXT-X-BYTERANGE:{length}@{}\n{}\n",
                entry.from.to_rfc3339(),
                entry.bytes.start,
                piece.uri
            );
            longest_90k = longest_90k.max(entry.duration_90k);
            first.get_or_insert(entry.from);
            before = Some((&identity.run, entry.end_90k(), &identity.codecs));
        }
    }
    let target = longest_90k.div_ceil(u64::from(VIDEO_TIMESCALE)).max(LEAST_TARGET_SECONDS);
    let kind = if complete { "VOD" } else { "EVENT" };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    );
    // The first entry begins at the random access point before the start asked for; players that know the tag skip to the start.
    if let Some(first) = first {
        let offset = span.from.micros_since(first).max(0) as f64 / 1e6;
        let _ = writeln!(text, "#EXT-X-START:TIME-OFFSET={offset:.3},PRECISE=YES");
    }
    text.push_str(&body);
    if complete {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22 14:50:00 Beijing time.
    const START: i64 = 1_795_330_200;

    fn at_ms(ms: i64) -> WallTime {
        WallTime::from_micros(START * 1_000_000 + ms * 1000)
    }

    fn span_ms(from: i64, to: i64) -> Span {
        Span::new(at_ms(from), at_ms(to))
    }

    /// A file that begins `from_ms` after the start, with parts of one second and 100 bytes, a random access point in every `gop`-th.
    fn file(run: &str, codecs: &str, from_ms: i64, n: u64, gop: u64) -> SegmentIndex {
        let start_90k = u64::try_from(from_ms).unwrap() * 90;
        let parts: Vec<PartEntry> = (0..n)
            .map(|i| PartEntry {
                bytes: 1000 + i * 100..1100 + i * 100,
                from: at_ms(from_ms + i64::try_from(i).unwrap() * 1000),
                start_90k: start_90k + i * 90_000,
                duration_90k: 90_000,
                pictures: 25,
                random_access: i % gop == 0,
            })
            .collect();
        SegmentIndex {
            identity: Identity {
                version: 1,
                camera: "C3".into(),
                windows: vec![],
                zone: String::new(),
                hall: String::new(),
                division: String::new(),
                label: None,
                run: run.into(),
                number: 0,
                from: at_ms(from_ms),
                stamped: true,
                codecs: codecs.into(),
                width: 1920,
                height: 1080,
                audio_origin: None,
                clock: None,
                previous: None,
            },
            init: 0..1000,
            whole_bytes: 1000 + n * 100,
            parts,
            seal: None,
        }
    }

    fn piece<'a>(uri: &'a str, index: &'a SegmentIndex, growing: bool) -> Piece<'a> {
        Piece { uri, index, growing, stamped: true }
    }

    fn lines_with<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
        text.lines().filter_map(|l| l.strip_prefix(prefix)).collect()
    }

    #[test]
    fn a_sealed_span_is_told_to_the_byte() {
        let f = file("r1", "avc1.640028", 0, 4, 2);
        let text = playlist(&[piece("C3/2026-11-22/14/145000.mp4", &f, false)], span_ms(500, 4000), true);
        assert_eq!(
            text,
            "#EXTM3U\n\
             #EXT-X-VERSION:7\n\
             #EXT-X-TARGETDURATION:3\n\
             #EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-START:TIME-OFFSET=0.500,PRECISE=YES\n\
             #EXT-X-MAP:URI=\"C3/2026-11-22/14/145000.mp4\",BYTERANGE=\"1000@0\"\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-11-22T14:50:00.000+08:00\n\
             #EXTINF:2.00000,\n\
             #EXT-X-BYTERANGE:200@1000\n\
             C3/2026-11-22/14/145000.mp4\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-11-22T14:50:02.000+08:00\n\
             #EXTINF:2.00000,\n\
             #EXT-X-BYTERANGE:200@1200\n\
             C3/2026-11-22/14/145000.mp4\n\
             #EXT-X-ENDLIST\n"
        );
    }

    #[test]
    fn entries_without_a_stamp_tell_what_a_viewer_must_draw() {
        let mut f = file("r1", "c", 40, 4, 2);
        f.identity.label = Some(["长春市朝阳区".into(), "综合受理区 3号窗口".into()]);
        let text = playlist(&[Piece { stamped: false, ..piece("a", &f, false) }], span_ms(0, 5000), true);
        assert_eq!(
            lines_with(&text, "#EXT-X-JIANCHA-UNSTAMPED:"),
            [
                r#"{"capture_us":1795330200040000,"label":["长春市朝阳区","综合受理区 3号窗口"],"start_90k":3600}"#,
                r#"{"capture_us":1795330202040000,"label":["长春市朝阳区","综合受理区 3号窗口"],"start_90k":183600}"#,
            ]
        );
        assert!(!playlist(&[piece("a", &f, false)], span_ms(0, 5000), true).contains("JIANCHA"));
    }

    #[test]
    fn short_groups_are_joined_and_a_long_group_sets_the_target() {
        let short = file("r1", "c", 0, 6, 1);
        let text = playlist(&[piece("a", &short, false)], span_ms(0, 6000), true);
        assert_eq!(lines_with(&text, "#EXTINF:"), ["2.00000,", "2.00000,", "2.00000,"]);
        let long = file("r1", "c", 0, 14, 7);
        let text = playlist(&[piece("a", &long, false)], span_ms(0, 14_000), true);
        assert_eq!(lines_with(&text, "#EXTINF:"), ["7.00000,", "7.00000,"]);
        assert_eq!(lines_with(&text, "#EXT-X-TARGETDURATION:"), ["7"]);
    }

    #[test]
    fn a_growing_file_keeps_back_the_entry_that_may_still_grow() {
        let f = file("r1", "c", 0, 5, 2);
        let growing = playlist(&[piece("a", &f, true)], span_ms(0, 600_000), false);
        assert_eq!(lines_with(&growing, "#EXT-X-BYTERANGE:"), ["200@1000", "200@1200"]);
        assert!(growing.contains("TYPE:EVENT") && !growing.contains("ENDLIST"));
        let at_the_end = playlist(&[piece("a", &f, true)], span_ms(0, 5000), true);
        assert_eq!(lines_with(&at_the_end, "#EXT-X-BYTERANGE:"), ["200@1000", "200@1200", "100@1400"]);
    }

    #[test]
    fn files_of_one_run_follow_without_a_break_and_each_has_its_map() {
        let (a, b) = (file("r1", "c", 0, 4, 2), file("r1", "c", 4000, 4, 2));
        let text = playlist(&[piece("a", &a, false), piece("b", &b, false)], span_ms(0, 8000), true);
        assert_eq!(lines_with(&text, "#EXT-X-MAP:URI=").len(), 2);
        assert!(!text.contains("DISCONTINUITY"));
    }

    #[test]
    fn another_run_another_format_or_a_hole_is_a_discontinuity() {
        let a = file("r1", "c", 0, 4, 2);
        for b in [file("r2", "c", 4000, 4, 2), file("r1", "other", 4000, 4, 2), file("r1", "c", 64_000, 4, 2)] {
            let text = playlist(&[piece("a", &a, false), piece("b", &b, false)], span_ms(0, 90_000), true);
            assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b\"").count(), 1, "{text}");
        }
    }

    #[test]
    fn only_entries_that_share_an_instant_with_the_span_are_told() {
        let f = file("r1", "c", 0, 10, 2);
        let text = playlist(&[piece("a", &f, false)], span_ms(4000, 6000), true);
        assert_eq!(lines_with(&text, "#EXT-X-BYTERANGE:"), ["200@1400"]);
        let text = playlist(&[piece("a", &f, false)], span_ms(3999, 6001), true);
        assert_eq!(lines_with(&text, "#EXT-X-BYTERANGE:"), ["200@1200", "200@1400", "200@1600"]);
    }

    #[test]
    fn what_comes_before_the_first_random_access_point_is_left_out() {
        let mut f = file("r1", "c", 0, 6, 2);
        f.parts[0].random_access = false;
        let text = playlist(&[piece("a", &f, false)], span_ms(0, 6000), true);
        assert_eq!(lines_with(&text, "#EXT-X-BYTERANGE:"), ["200@1200", "200@1400"]);
    }

    #[test]
    fn nothing_recorded_is_still_a_playlist() {
        let text = playlist(&[], span_ms(0, 1000), false);
        assert!(text.starts_with("#EXTM3U\n") && !text.contains("START") && !text.contains("ENDLIST"));
    }

    proptest! {
        /// A playlist that grows only ever gets longer: what it said stays.
        #[test]
        fn growing_never_changes_what_was_said(n in 1u64..40, gop in 1u64..6, from in 0i64..10_000) {
            let (now, later) = (file("r1", "c", 0, n, gop), file("r1", "c", 0, n + 1, gop));
            let span = span_ms(from, 600_000);
            let said = playlist(&[piece("a", &now, true)], span, false);
            let says = playlist(&[piece("a", &later, true)], span, false);
            let entries = |t: &str| t.lines().filter(|l| !l.starts_with("#EXT-X-TARGET") && !l.starts_with("#EXT-X-START")).collect::<Vec<_>>().join("\n");
            prop_assert!(entries(&says).starts_with(&entries(&said)));
        }

        /// No entry is longer than the target duration says (RFC 8216 section 4.3.3.1).
        #[test]
        fn the_target_covers_every_entry(n in 1u64..60, gop in 1u64..20) {
            let f = file("r1", "c", 0, n, gop);
            let text = playlist(&[piece("a", &f, false)], span_ms(0, 60_000), true);
            let target: f64 = lines_with(&text, "#EXT-X-TARGETDURATION:")[0].parse().unwrap();
            for entry in lines_with(&text, "#EXTINF:") {
                prop_assert!(entry.trim_end_matches(',').parse::<f64>().unwrap() <= target);
            }
        }
    }
}
