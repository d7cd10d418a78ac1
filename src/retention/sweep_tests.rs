use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::*;
use crate::calendar::Calendar;
use crate::catalogue::{Catalogue, GapCause, KnownRoots, LedgerEvent, LedgerRow, Store};
use crate::media::{AccessUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes};
use crate::retention::hold::Wish;
use crate::retention::plan::{NoBackup, Proof, ProofState};
use crate::segment::disk::Disk;
use crate::segment::root::claim;
use crate::segment::writer::{CutSettings, SegmentWriter, Subject};

const DATE: &str = "2026-09-21";
/// The first moment at which 2026-09-21 may go (国办发明电〔2025〕7号).
const NOW: &str = "2026-11-10T00:00:00+08:00";

fn at(text: &str) -> WallTime {
    text.parse().expect("a time")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn c1() -> CameraId {
    CameraId::new("C1")
}

/// Records a run of whole minutes at one picture in ten seconds.
fn record(disk: &Disk, camera: &str, start: &str, minutes: i64) {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    let format = StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 640,
            height: 360,
            codec_string: boxes::avc_codec_string(&record).expect("a record"),
            sample_entry: boxes::avc1(640, 360, &record),
            configuration: record.to_vec().into(),
        },
        audio: None,
    };
    let cut = CutSettings { segment_seconds: 60, part_90k: 900_000 };
    let subject = Subject { camera: camera.into(), ..Subject::default() };
    let run = format!("{camera}-{start}");
    let mut writer = SegmentWriter::new(cut, subject, format, true, run.clone());
    let mut commands = Vec::new();
    for n in 0..minutes * 6 {
        let unit = VideoUnit {
            pts_90k: n * 900_000,
            capture: at(start).plus_micros(n * 10_000_000),
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: true,
            data: vec![7; 200].into(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.finish(&mut commands);
    for command in commands {
        disk.write(&CameraId::new(camera), &run, command).expect("room");
    }
}

struct Site {
    dir: tempfile::TempDir,
    office: Arc<Office>,
}

/// When the backup is not proven: any row of 2026-09-18.
struct EighteenthUnproven;

impl Proof for EighteenthUnproven {
    fn proven(&self, row: &SegmentRow) -> ProofState {
        if row.path.contains("2026-09-18") { ProofState::NotProven } else { ProofState::Proven }
    }
}

impl Site {
    /// Three minutes of C1 on 21 September and two on 9 November; the recorder was there in between.
    fn new() -> Self {
        Self::with(&[("C1", "2026-09-21T14:58:00+08:00", 3), ("C1", "2026-11-09T10:00:00+08:00", 2)], Arc::new(NoBackup))
    }

    fn with(runs: &[(&str, &str, i64)], proof: Arc<dyn Proof>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("a");
        std::fs::create_dir_all(root.join("C1")).expect("a root");
        let toml = format!(
            "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
             [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
             [[storage]]\npath = \"{}\"\n[retention]\ndelete = \"when-due\"\n",
            root.display()
        );
        let (hall, _) = crate::hall::parse(&toml, dir.path()).expect("a hall");
        let store = Store::open(&dir.path().join("catalogue")).expect("a store");
        let catalogue = Catalogue::open(Arc::new(store)).expect("a catalogue");
        let id = claim(&root, at(NOW)).expect("a root").root;
        KnownRoots::open(&catalogue).and_then(|known| known.set(&root, &id)).expect("known");
        let disk = Disk::start(root, id, Duration::from_secs(3600), catalogue.clone(), Arc::new(|_| {})).expect("a disk");
        for (camera, start, minutes) in runs {
            record(&disk, camera, start, *minutes);
        }
        disk.sync();
        drop(disk);
        let calendar = Calendar::published().expect("the shipped files");
        let office = Arc::new(Office::open(&hall, catalogue, calendar, proof).expect("an office"));
        for date in day("2026-09-01").iter_days().take_while(|d| *d < day("2026-11-10")) {
            office.journal().awake(date, 36_000).expect("a row");
        }
        Self { dir, office }
    }

    fn sweeper(&self) -> Sweeper {
        Sweeper::new(self.office.clone(), Arc::new(UnsignedNotes))
    }

    fn sweep(&self) -> SweepReport {
        self.sweeper().sweep(at(NOW), Duration::ZERO, 1000).expect("a sweep")
    }

    fn folder(&self, date: &str) -> PathBuf {
        self.dir.path().join("a/C1").join(date)
    }

    /// Files of a date below its folder, in order.
    fn files(&self, date: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder(date)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.symlink_metadata().expect("there").is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(self.folder(date)).expect("below").display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    fn rows(&self, date: &str) -> usize {
        self.office.catalogue().day(&c1(), day(date)).expect("rows").rows.len()
    }

    fn note(&self, date: &str) -> RemovedNote {
        serde_json::from_slice(&std::fs::read(self.folder(date).join(REMOVED_NOTE)).expect("a note")).expect("a note")
    }

    /// What must be so once 21 September is gone.
    fn expect_gone(&self, what: &str) {
        assert_eq!(self.files(DATE), [REMOVED_NOTE], "{what}");
        assert!(!self.folder(DATE).join("14").exists(), "{what}: empty hours go");
        assert_eq!((self.rows(DATE), self.rows("2026-11-09")), (0, 2), "{what}");
        assert_eq!(self.files("2026-11-09").len(), 2, "{what}");
        assert_eq!(self.office.journal().unfinished().expect("a table"), [], "{what}");
        let done = self.office.journal().removals(10).expect("a table");
        assert_eq!(done.len(), 1, "{what}: {done:?}");
        let end = done[0].end.as_ref().expect("an end");
        assert_eq!((end.files, end.stopped.as_deref(), end.bytes > 600), (3, None, true), "{what}");
        let note = self.note(DATE);
        assert_eq!((note.files, note.rule.as_str(), note.working_days), (3, "due", 30), "{what}");
        // The last picture, at second 50, is taken to last 40 ms.
        let covered = Span::new(at("2026-09-21T14:58:00+08:00"), at("2026-09-21T15:00:50.040+08:00"));
        assert_eq!((note.spans, note.earlier.len()), (vec![covered], 0), "{what}");
        assert_eq!(self.office.catalogue().removed(&c1(), covered).expect("a table"), [covered], "{what}");
    }
}

#[test]
fn a_day_that_may_go_goes_with_note_journal_and_empty_folders() {
    let site = Site::new();
    std::fs::write(site.folder(DATE).join("manifest.json"), "{}").expect("a manifest");
    std::fs::write(site.folder(DATE).join("manifest.json.sig"), "x").expect("its signature");
    std::fs::write(site.folder(DATE).join("restored.json"), "{}").expect("a note");
    let report = site.sweep();
    assert_eq!((report.files, report.more, report.days.len()), (3, false, 1));
    assert_eq!(report.days[0].trouble, None);
    assert_eq!(site.files(DATE), ["manifest.json", "manifest.json.sig", REMOVED_NOTE, "restored.json"]);
    for name in ["manifest.json", "manifest.json.sig", "restored.json"] {
        std::fs::remove_file(site.folder(DATE).join(name)).expect("there");
    }
    site.expect_gone("one sweep");
    assert_eq!(site.sweep(), SweepReport::default(), "nothing is left to do");
}

#[test]
fn a_moment_earlier_nothing_goes() {
    let site = Site::new();
    let report = site.sweeper().sweep(at("2026-11-09T23:59:59+08:00"), Duration::ZERO, 1000).expect("a sweep");
    assert_eq!((report, site.files(DATE).len()), (SweepReport::default(), 3));
}

/// A kill after each step in turn: the next sweep ends what was begun, and nothing tells the two apart.
#[test]
fn a_kill_at_any_step_is_made_good_by_the_next_sweep() {
    let mut steps = 0;
    loop {
        let site = Site::new();
        let killed = site.sweeper();
        killed.cut_after.store(steps, Ordering::SeqCst);
        killed.sweep(at(NOW), Duration::ZERO, 1000).expect("a sweep");
        let reached_the_end = killed.cut_after.load(Ordering::SeqCst) > 0;
        let what = format!("cut after {steps} steps");
        if !reached_the_end {
            // Two kills in a row, the second one step on, then a sweep that lives.
            let again = site.sweeper();
            again.cut_after.store(3, Ordering::SeqCst);
            again.sweep(at("2026-11-10T00:05:00+08:00"), Duration::ZERO, 1000).expect("a sweep");
        }
        let last = site.sweeper().sweep(at("2026-11-10T00:10:00+08:00"), Duration::ZERO, 1000).expect("a sweep");
        assert!(last.days.iter().all(|d| d.trouble.is_none()), "{what}: {last:?}");
        if site.office.journal().removals(1).expect("a table")[0].begun == at(NOW) {
            site.expect_gone(&what);
        } else {
            // Nothing was written down before the first kill.
            assert_eq!((steps, site.files(DATE)), (0, vec![REMOVED_NOTE.to_owned()]), "{what}");
        }
        if reached_the_end {
            break;
        }
        steps += 1;
    }
    // Before and after the journal, the note, three files, the folders, the rows, the end; a tenth is not reached.
    assert_eq!(steps, 10);
}

#[test]
fn work_is_limited_and_goes_on_where_it_stopped() {
    let site = Site::new();
    let sweeper = site.sweeper();
    let report = sweeper.sweep(at(NOW), Duration::ZERO, 2).expect("a sweep");
    assert_eq!((report.files, report.more), (2, true));
    assert_eq!((site.files(DATE).len(), site.rows(DATE)), (2, 1), "a file, its row, and the note");
    let report = sweeper.sweep(at(NOW), Duration::ZERO, 2).expect("a sweep");
    assert_eq!((report.files, report.more), (1, false));
    site.expect_gone("two sweeps");
}

fn hold(site: &Site) -> String {
    let wish = Wish {
        cameras: vec![c1()],
        window: None,
        from: at("2026-09-21T15:00:00+08:00"),
        to: Some(at("2026-09-21T15:00:10+08:00")),
        person: "王芳".into(),
        reason: "投诉".into(),
    };
    site.office.holds().add(wish, at(NOW)).expect("placed").hold.id.to_string()
}

#[test]
fn a_hold_keeps_the_day_and_its_release_lets_it_go() {
    let site = Site::new();
    let id = hold(&site);
    assert_eq!((site.sweep(), site.files(DATE).len()), (SweepReport::default(), 3));
    site.office.holds().release(&crate::retention::HoldId::new(id), "李强", "结案", at(NOW)).expect("released");
    site.sweep();
    site.expect_gone("released");
}

/// Writes the note, and places a hold while doing so.
struct HoldWhileWriting(Arc<Office>);

impl NoteWriter for HoldWhileWriting {
    fn write(&self, folder: &Path, name: &str, json: &[u8]) -> std::io::Result<()> {
        if self.0.holds().list().is_empty() {
            let wish = Wish {
                cameras: vec![c1()],
                window: None,
                from: at("2026-09-21T15:00:00+08:00"),
                to: None,
                person: "王芳".into(),
                reason: "投诉".into(),
            };
            self.0.holds().add(wish, at(NOW)).expect("placed");
        }
        UnsignedNotes.write(folder, name, json)
    }
}

#[test]
fn a_hold_that_comes_in_the_last_moment_keeps_everything() {
    let site = Site::new();
    let sweeper = Sweeper::new(site.office.clone(), Arc::new(HoldWhileWriting(site.office.clone())));
    let report = sweeper.sweep(at(NOW), Duration::ZERO, 1000).expect("a sweep");
    assert!(report.days[0].trouble.as_deref().is_some_and(|t| t.contains("held by H2026")), "{report:?}");
    assert_eq!((report.files, site.files(DATE).len(), site.rows(DATE)), (0, 4, 3));
    let note = site.note(DATE);
    assert_eq!((note.files, note.bytes, note.spans.len(), note.stopped.is_some()), (0, 0, 0, true));
    assert_eq!(site.office.journal().unfinished().expect("a table"), []);
    assert_eq!(site.office.catalogue().removed(&c1(), crate::retention::plan::day_span(day(DATE))).expect("a table"), []);
}

#[test]
fn a_hold_between_two_sweeps_of_one_day_keeps_the_rest_and_the_note_tells_what_went() {
    let site = Site::new();
    site.sweeper().sweep(at(NOW), Duration::ZERO, 1).expect("a sweep");
    let id = hold(&site);
    let report = site.sweep();
    assert!(report.days[0].trouble.as_deref().is_some_and(|t| t.contains(&id)), "{report:?}");
    assert_eq!((site.files(DATE).len(), site.rows(DATE)), (3, 2));
    let note = site.note(DATE);
    let went = Span::new(at("2026-09-21T14:58:00+08:00"), at("2026-09-21T14:59:00+08:00"));
    assert_eq!((note.files, note.spans, note.stopped.is_some()), (1, vec![went], true));
    let done = site.office.journal().removals(9).expect("a table");
    assert_eq!(done[0].end.as_ref().map(|e| e.files), Some(1));
    assert_eq!(site.office.journal().unfinished().expect("a table"), []);
    // Released, the rest goes, and the note keeps the first one.
    site.office.holds().release(&crate::retention::HoldId::new(id), "李强", "结案", at(NOW)).expect("released");
    site.sweeper().sweep(at("2026-11-10T01:00:00+08:00"), Duration::ZERO, 1000).expect("a sweep");
    let note = site.note(DATE);
    assert_eq!((note.files, note.earlier.len()), (2, 1));
    assert_eq!(site.files(DATE), [REMOVED_NOTE]);
}

#[test]
fn files_that_are_not_what_their_rows_say_stay_with_all_others_gone() {
    let site = Site::new();
    let hour = site.folder(DATE).join("14");
    // A stranger's file, a link out of the root, a file without a row.
    std::fs::write(hour.join("145800.mp4"), b"not ours").expect("written");
    let outside = site.dir.path().join("precious.mp4");
    std::fs::rename(hour.join("145900.mp4"), &outside).expect("moved");
    std::os::unix::fs::symlink(&outside, hour.join("145900.mp4")).expect("a link");
    std::fs::write(site.folder(DATE).join("15/150500.mp4"), b"nobody's").expect("written");
    let report = site.sweep();
    let trouble = report.days[0].trouble.clone().expect("told");
    assert!(report.files == 1 && trouble.starts_with("2 files are not removed: "), "{report:?}");
    assert!(outside.exists());
    assert_eq!(site.files(DATE), ["14/145800.mp4", "14/145900.mp4", "15/150500.mp4", REMOVED_NOTE]);
    assert_eq!(site.rows(DATE), 2);
    // It is told again each time, and nothing grows by it.
    let note = site.note(DATE);
    assert_eq!(site.sweep().days[0].trouble, Some(trouble));
    assert_eq!(site.note(DATE), note);
    assert_eq!(site.office.journal().unfinished().expect("a table").len(), 1);
}

#[test]
fn a_linked_day_folder_is_not_followed() {
    let site = Site::new();
    let elsewhere = site.dir.path().join("elsewhere");
    std::fs::rename(site.folder(DATE), &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, site.folder(DATE)).expect("a link");
    let report = site.sweep();
    assert!(report.days[0].trouble.is_some() && report.files == 0, "{report:?}");
    assert!(elsewhere.join("14/145800.mp4").exists() && !elsewhere.join(REMOVED_NOTE).exists());
}

#[test]
fn garbage_rows_are_harmless_and_do_not_stop_other_days() {
    let runs = [
        ("C1", "2026-09-18T10:00:00+08:00", 1),
        ("C1", "2026-09-21T14:58:00+08:00", 3),
        ("C1", "2026-11-09T10:00:00+08:00", 2),
    ];
    let site = Site::with(&runs, Arc::new(NoBackup));
    let victim = site.dir.path().join("victim.mp4");
    std::fs::write(&victim, b"keep me").expect("written");
    let mut row = site.office.catalogue().day(&c1(), day("2026-09-18")).expect("rows").rows.remove(0);
    row.path = "../victim.mp4".into();
    site.office.catalogue().put_segment(&row).expect("put");
    site.office.catalogue().put_garbage(&CameraId::new("C9"), at("2026-09-18T10:00:00+08:00"));
    site.office.catalogue().put_garbage(&c1(), WallTime::from_micros(i64::MIN));
    site.office.catalogue().put_garbage(&c1(), WallTime::from_micros(i64::MAX));
    site.sweep();
    site.expect_gone("with garbage");
    assert!(victim.exists());
    assert_eq!(site.files("2026-09-18"), ["10/100000.mp4"]);
}

#[test]
fn an_unproven_copy_keeps_its_day() {
    let runs = [
        ("C1", "2026-09-18T10:00:00+08:00", 1),
        ("C1", "2026-09-21T14:58:00+08:00", 3),
        ("C1", "2026-11-09T10:00:00+08:00", 2),
    ];
    let site = Site::with(&runs, Arc::new(EighteenthUnproven));
    site.sweep();
    site.expect_gone("proven");
    assert_eq!(site.files("2026-09-18"), ["10/100000.mp4"]);
}

#[test]
fn a_clock_that_is_set_or_was_behind_deletes_nothing() {
    let site = Site::new();
    let sweeper = site.sweeper();
    sweeper.sweep(at("2026-11-08T00:00:00+08:00"), Duration::ZERO, 1000).expect("a sweep");
    let stepped = sweeper.sweep(at(NOW), Duration::from_secs(300), 1000).expect("a sweep");
    assert_eq!(stepped, SweepReport::default());
    // Six quiet hours later it is believed.
    let later = at(NOW).plus_micros(21_900_000_000);
    let report = sweeper.sweep(later, Duration::from_secs(300 + 21_900), 1000).expect("a sweep");
    assert_eq!(report.files, 3);

    let runs = [
        ("C1", "2026-09-21T14:58:00+08:00", 3),
        ("C1", "2026-11-09T10:00:00+08:00", 2),
        ("C1", "2027-06-01T10:00:00+08:00", 1),
    ];
    let future = Site::with(&runs, Arc::new(NoBackup));
    assert_eq!(future.sweep(), SweepReport::default(), "a recording from 2027 says that this clock, or that one, is wrong");
    assert_eq!(future.files(DATE).len(), 3);
}

#[test]
fn a_clock_months_ahead_deletes_nothing() {
    let site = Site::new();
    // By this clock all of the working days are over. The recorder was there on none after 2026-11-09, and that one, the thirtieth
    // behind 09-21, may have been cut short by the jump.
    let report = site.sweeper().sweep(at("2027-08-01T10:00:00+08:00"), Duration::ZERO, 1000).expect("a sweep");
    assert_eq!((report, site.files(DATE).len(), site.files("2026-11-09").len()), (SweepReport::default(), 3, 2));
}

#[test]
fn a_disk_that_is_not_mounted_changes_nothing() {
    let site = Site::new();
    let aside = site.dir.path().join("aside");
    std::fs::rename(site.dir.path().join("a"), &aside).expect("moved");
    std::fs::create_dir(site.dir.path().join("a")).expect("an empty mount point");
    assert_eq!(site.sweep(), SweepReport::default());
    assert_eq!((site.rows(DATE), std::fs::read_dir(site.dir.path().join("a")).expect("a folder").count()), (3, 0));
}

/// What lies below a mount point, or on another disk, is not the root: no row is forgotten for a file that is not found there.
#[test]
fn a_folder_with_something_in_it_and_another_disk_are_not_the_root() {
    let site = Site::new();
    let (root, aside) = (site.dir.path().join("a"), site.dir.path().join("aside"));
    std::fs::rename(&root, &aside).expect("moved");
    std::fs::create_dir_all(root.join("lost+found")).expect("a folder");
    assert_eq!((site.sweep(), site.rows(DATE)), (SweepReport::default(), 3));
    claim(&root, at(NOW)).expect("another disk");
    assert_eq!((site.sweep(), site.rows(DATE)), (SweepReport::default(), 3));
    std::fs::remove_dir_all(&root).expect("unmounted");
    std::fs::rename(&aside, &root).expect("mounted");
    assert_eq!((site.sweep().files, site.rows(DATE)), (3, 0));
}

#[test]
fn the_timeline_tells_removed_time_from_missing_time() {
    let site = Site::with(
        &[
            ("C1", "2026-09-21T14:58:00+08:00", 1),
            ("C1", "2026-09-21T15:00:00+08:00", 1),
            ("C1", "2026-11-09T10:00:00+08:00", 2),
        ],
        Arc::new(NoBackup),
    );
    let note = |at: WallTime, event| {
        let row = LedgerRow { camera: c1(), at, event, detail: String::new() };
        site.office.catalogue().note(&row).expect("noted");
    };
    note(at("2026-09-21T14:58:00+08:00"), LedgerEvent::Started);
    note(at("2026-09-21T14:59:00+08:00"), LedgerEvent::Stopped { cause: GapCause::CameraStalled });
    note(at("2026-09-21T15:00:00+08:00"), LedgerEvent::Started);
    note(at("2026-09-21T15:01:00+08:00"), LedgerEvent::Stopped { cause: GapCause::Operator });
    site.sweep();
    let span = Span::new(at("2026-09-21T14:58:00+08:00"), at("2026-09-21T15:02:00+08:00"));
    let told = site.office.catalogue().timeline(&c1(), span, at(NOW)).expect("a timeline");
    let removed = [("14:58:00", "14:58:50.040"), ("15:00:00", "15:00:50.040")]
        .map(|(from, to)| Span::new(at(&format!("{DATE}T{from}+08:00")), at(&format!("{DATE}T{to}+08:00"))));
    assert_eq!(told.removed, removed);
    let gaps: Vec<_> = told.gaps.iter().map(|g| (g.from, g.to, g.cause)).collect();
    let stalled = (removed[0].to, removed[1].from, GapCause::CameraStalled);
    assert_eq!(gaps, [stalled, (removed[1].to, span.to, GapCause::Operator)]);
    // The day after, whose recorded days before it are gone, still knows why nothing was recorded.
    let next = Span::new(at("2026-09-22T09:00:00+08:00"), at("2026-09-22T10:00:00+08:00"));
    let told = site.office.catalogue().timeline(&c1(), next, at(NOW)).expect("a timeline");
    assert_eq!(told.gaps.iter().map(|g| (g.from, g.cause)).collect::<Vec<_>>(), [(next.from, GapCause::Operator)]);
}
