//! The power fails at any byte: the open file is cut at every byte of its last two parts. Each time all earlier parts list, a parser
//! that is not ours reads them, the file is mended and sealed, and `rebuild` gives exactly its row; with real media it plays.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic here is a failed test with a line number; figures are printed"
)]

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiancha::catalogue::rebuild::{How, Rebuilt, rebuild};
use jiancha::catalogue::{Catalogue, SegmentRow, Store};
use jiancha::hall::CameraId;
use jiancha::media::{
    AccessUnit, AudioCodec, AudioFormat, AudioUnit, StreamFormat, TimeSource, VideoCodec, VideoFormat, VideoUnit, boxes,
};
use jiancha::segment::adopt::{Adopted, adopt, files_of};
use jiancha::segment::identity::Seal;
use jiancha::segment::reader;
use jiancha::segment::writer::{CutSettings, SegmentWriter, Subject, WriteCommand};
use jiancha::time::WallTime;
use mp4_atom::{Any, ReadFrom};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const JIANCHA: &str = env!("CARGO_BIN_EXE_jiancha");
/// 2026-11-22T14:50:00+08:00.
const MINUTE: i64 = 1_795_330_200_000_000;
const PICTURES_A_PART: u32 = 8;
const PARTS: usize = 6;

/// A folder in memory where there is one: every cut is synced.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// A sealed file of six small parts of a second each, with sound; a key frame begins every second part.
fn file() -> Vec<u8> {
    let record = [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0];
    let format = StreamFormat {
        video: VideoFormat {
            codec: VideoCodec::H264,
            width: 640,
            height: 360,
            codec_string: boxes::avc_codec_string(&record).unwrap(),
            sample_entry: boxes::avc1(640, 360, &record),
            configuration: record.to_vec().into(),
        },
        audio: Some(AudioFormat {
            codec: AudioCodec::Flac,
            sample_rate: 8000,
            channels: 1,
            codec_string: "flac".into(),
            sample_entry: boxes::flac(1, 8000, &jiancha::media::flac::stream_info(8000, 1000)),
            origin: Some("G.711 A-law".into()),
        }),
    };
    let cut = CutSettings { segment_seconds: 60, part_90k: 90_000 };
    let subject = Subject { camera: "C1".into(), ..Subject::default() };
    let mut writer = SegmentWriter::new(cut, subject, format, true, "C1-run".into());
    let mut commands = Vec::new();
    let each = i64::from(PICTURES_A_PART);
    for n in 0..each * i64::try_from(PARTS).unwrap() {
        let capture = WallTime::from_micros(MINUTE + n * 1_000_000 / each);
        let byte = n.to_le_bytes()[0];
        writer.push(
            AccessUnit::Audio(AudioUnit {
                pts_samples: n * 8000 / each,
                duration_samples: 1000,
                capture,
                data: vec![byte; 12].into(),
            }),
            &mut commands,
        );
        let unit = VideoUnit {
            pts_90k: n * 90_000 / each,
            capture,
            time_source: TimeSource::SenderReport,
            other_capture: None,
            random_access: n % (2 * each) == 0,
            data: vec![byte; usize::try_from(30 + n * 7 % 23).unwrap()].into(),
        };
        writer.push(AccessUnit::Video(unit), &mut commands);
    }
    writer.finish(&mut commands);
    let mut bytes = Vec::new();
    for command in commands {
        match command {
            WriteCommand::Create { head, .. } => bytes.extend_from_slice(&head),
            WriteCommand::Part { bytes: more, .. } | WriteCommand::Seal { bytes: more, .. } => bytes.extend_from_slice(&more),
        }
    }
    bytes
}

fn index_of(bytes: &[u8]) -> reader::SegmentIndex {
    let dir = folder();
    let path = dir.path().join("s.mp4");
    std::fs::write(&path, bytes).unwrap();
    reader::index(&path).unwrap()
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// Number of parts and pictures in `bytes` as an independent parser reads them; every box must be whole.
fn told_by_another_parser(bytes: &[u8]) -> (usize, usize) {
    let mut input = Cursor::new(bytes);
    let (mut parts, mut pictures) = (0, 0);
    while let Some(atom) = Option::<Any>::read_from(&mut input).unwrap() {
        if let Any::Moof(moof) = atom {
            parts += 1;
            pictures += moof.traf[0].trun[0].samples.iter().count();
        }
    }
    assert_eq!(at(input.position()), bytes.len());
    (parts, pictures)
}

/// The seal's digest, found without our reader: everything before the box that holds it.
fn digest_before_seal(bytes: &[u8]) -> String {
    let mark = bytes.windows(20).rposition(|w| w == b"uuidjiancha seal box").unwrap();
    Sha256::digest(&bytes[..mark - 4]).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_file_cut_at_any_byte_of_its_last_two_parts_lists_is_mended_and_rebuilt() {
    let sealed = file();
    let whole = index_of(&sealed);
    assert_eq!(whole.parts.len(), PARTS);
    // As the file is while it is being recorded: no seal yet.
    let open = &sealed[..at(whole.whole_bytes)];
    let first_cut = at(whole.parts[PARTS - 2].bytes.start);
    assert!((1000..4000).contains(&(open.len() - first_cut)), "{} bytes", open.len() - first_cut);

    let dir = folder();
    let root = dir.path().join("a");
    let relative = Path::new("C1/2026-11-22/14/145000.mp4");
    let (path, copy) = (root.join(relative), dir.path().join("copy.mp4"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let catalogue = Catalogue::open(Arc::new(Store::open(&dir.path().join("catalogue")).unwrap())).unwrap();
    let camera = CameraId::new("C1");
    let from = WallTime::from_micros(MINUTE);
    let began = std::time::Instant::now();
    for cut in first_cut..=open.len() {
        let kept = whole.parts.iter().filter(|p| p.bytes.end <= cut as u64).count();
        let kept_bytes = at(whole.parts[kept - 1].bytes.end);
        std::fs::write(&path, &open[..cut]).unwrap();
        std::fs::write(&copy, &open[..cut]).unwrap();

        let listed = reader::index(&path).unwrap();
        assert_eq!((&listed.parts[..], listed.seal), (&whole.parts[..kept], None), "cut at {cut}");
        let pictures = kept * PICTURES_A_PART as usize;
        assert_eq!(told_by_another_parser(&open[..kept_bytes]), (kept, pictures), "cut at {cut}");

        // Rebuild finds it open, mends it and gives its row.
        let told = rebuild(Some(&catalogue), std::slice::from_ref(&root), How::default(), &mut || ()).unwrap();
        let (added, changed) = (cut == first_cut, cut != first_cut && cut == kept_bytes);
        let same = u64::from(!added && !changed);
        let (added, changed) = (u64::from(added), u64::from(changed));
        assert_eq!(told, Rebuilt { segments: 1, mended: 1, added, changed, same, ..Rebuilt::default() }, "cut at {cut}");
        let mended = std::fs::read(&path).unwrap();
        assert_eq!(mended[..kept_bytes], open[..kept_bytes], "cut at {cut}: no byte of the media is another");
        assert_eq!(told_by_another_parser(&mended), (kept, pictures), "cut at {cut}");
        let row = SegmentRow {
            camera: camera.clone(),
            from,
            to: from.plus_micros(i64::try_from(kept).unwrap() * 1_000_000),
            run: "C1-run".into(),
            number: 0,
            root: root.to_str().unwrap().into(),
            path: relative.to_str().unwrap().into(),
            bytes: mended.len() as u64,
            stamped: true,
            codecs: "avc1.64001E,flac".into(),
            width: 640,
            height: 360,
            digest: Some(digest_before_seal(&mended)),
            restored: false,
            clock: None,
        };
        assert_eq!(catalogue.segment_at(&camera, from).unwrap(), Some(row), "cut at {cut}");

        // Adopted at a start of the recorder it is the same file.
        let Adopted::Sealed { seal, cut_bytes, .. } = adopt(&copy).unwrap() else { panic!("cut at {cut}: not mended") };
        assert_eq!((at(cut_bytes), seal.parts as usize, seal.pictures as usize), (cut - kept_bytes, kept, pictures));
        assert_eq!(std::fs::read(&copy).unwrap(), mended, "cut at {cut}");
        assert!(matches!(adopt(&copy).unwrap(), Adopted::WasSealed(_, again) if again == seal), "cut at {cut}");
    }
    println!("{} cuts in {:.1} s", open.len() + 1 - first_cut, began.elapsed().as_secs_f64());
}

#[test]
fn a_cut_inside_the_seal_loses_no_picture() {
    let sealed = file();
    let whole = index_of(&sealed);
    let dir = folder();
    let path = dir.path().join("s.mp4");
    for cut in at(whole.whole_bytes)..sealed.len() {
        std::fs::write(&path, &sealed[..cut]).unwrap();
        assert!(matches!(adopt(&path).unwrap(), Adopted::Sealed { .. }), "cut at {cut}");
        let mended = std::fs::read(&path).unwrap();
        assert!(
            mended[..at(whole.whole_bytes)] == sealed[..at(whole.whole_bytes)],
            "cut at {cut}: nothing of the media changed"
        );
        // How the times were found is known only to the recorder that was killed, and the digest covers the length of the seal.
        let (seal, before) = (index_of(&mended).seal.unwrap(), whole.seal.clone().unwrap());
        let digest: String = Sha256::digest(&mended[..at(seal.bytes)]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(seal, Seal { times: None, digest, ..before }, "cut at {cut}: sealed as it was before");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever bytes of a sealed file a failing disk spoils: mending takes none of its media away.
    #[test]
    fn mending_takes_nothing_from_a_sealed_file_that_is_damaged(spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = file();
        let media = at(index_of(&bytes).whole_bytes);
        // Damage in the middle or in the seal; both at once cannot be told from a file that was never sealed.
        let middle = spots[0].0.index(bytes.len()) < media;
        let range = if middle { 0..media } else { media..bytes.len() };
        for (spot, value) in &spots {
            bytes[range.start + spot.index(range.len())] = *value;
        }
        let dir = folder();
        let path = dir.path().join("s.mp4");
        std::fs::write(&path, &bytes).unwrap();
        let mended = adopt(&path);
        let after = std::fs::read(&path).unwrap();
        prop_assert_eq!(&after[..media], &bytes[..media]);
        if middle {
            prop_assert_eq!(after, bytes, "{:?}", mended);
        }
    }

    /// An open file that is spoilt before its last part is left alone, or mended with every part in it.
    #[test]
    fn an_open_file_that_is_damaged_in_its_middle_is_not_cut_there(spot: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let whole = file();
        let index = index_of(&whole);
        let last = at(index.parts[PARTS - 1].bytes.start);
        // The last part is whole, or begun: its head is there.
        let end = last + 16 + cut.index(at(index.whole_bytes) - last - 16);
        let mut bytes = whole[..end].to_vec();
        bytes[spot.index(last)] = value;
        let dir = folder();
        let path = dir.path().join("s.mp4");
        std::fs::write(&path, &bytes).unwrap();
        let mended = adopt(&path);
        let after = std::fs::read(&path).unwrap();
        match mended {
            Ok(Adopted::Sealed { .. }) => prop_assert_eq!(&after[..last], &bytes[..last]),
            _ => prop_assert_eq!(after, bytes),
        }
    }
}

/// Digests of every decoded picture; any complaint of ffmpeg's fails the test.
fn pictures(file: &Path) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Eight seconds of a generated camera with A-law sound, written by the recorder's own path.
fn recorded(dir: &Path) -> PathBuf {
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-media/generated");
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new(JIANCHA).args(["simulate", "--generate"]).arg(&media).args(["--cameras", "h264-720p"]));
    let film = dir.join("film.mkv");
    run(Command::new("ffmpeg")
        .args(["-v", "error", "-fflags", "+genpts", "-r", "25", "-i"])
        .arg(media.join("h264-720p.h264"))
        .args(["-f", "alaw", "-ar", "8000", "-ac", "1", "-i"])
        .arg(media.join("h264-720p.alaw"))
        .args(["-c", "copy"])
        .arg(&film));
    let hall = "[hall]\nname = \"测试中心\"\ndivision = \"测试区\"\n[[zone]]\nid = \"Z1\"\ntype = \"综合受理区\"\n\
        [[camera]]\nid = \"C1\"\nkind = \"fixed\"\nzone = \"Z1\"\nurl = \"rtsp://192.0.2.1/1\"\nstamp = \"camera\"\n\
        [[window]]\nid = \"01\"\nzone = \"Z1\"\ncamera = \"C1\"\npickup = \"C1\"\n[[storage]]\npath = \"storage\"\n";
    std::fs::write(dir.join("hall.toml"), hall).unwrap();
    std::fs::create_dir(dir.join("storage")).unwrap();
    run(Command::new(JIANCHA)
        .args(["replay", "--json", "--seconds", "8", "--start", "2024-11-18T09:00:10+08:00", "--config"])
        .arg(dir.join("hall.toml"))
        .args(["--media", &format!("C1={}", film.display()), "--out"])
        .arg(dir.join("out")));
    let files = files_of(&dir.join("out"), "C1").unwrap();
    assert_eq!(files.len(), 1, "eight seconds inside one minute");
    files[0].clone()
}

#[test]
fn what_is_left_of_a_cut_file_plays_picture_for_picture() {
    let dir = tempfile::tempdir().unwrap();
    let sealed = recorded(dir.path());
    let shown = pictures(&sealed);
    let whole = reader::index(&sealed).unwrap();
    assert_eq!((shown.len(), whole.seal.as_ref().unwrap().pictures as usize), (200, 200));
    let open = &std::fs::read(&sealed).unwrap()[..at(whole.whole_bytes)];
    // The last byte of each part, and places between, no two at the same stretch of a part.
    let mut cuts: Vec<usize> = whole.parts.iter().map(|p| at(p.bytes.end)).collect();
    let first = cuts[0];
    cuts.extend((1..=20).map(|n| first + (open.len() - first) * n / 21 + 7 * n));
    let path = dir.path().join("cut.mp4");
    for cut in &cuts {
        let kept: Vec<_> = whole.parts.iter().filter(|p| p.bytes.end <= *cut as u64).collect();
        let expected: u32 = kept.iter().map(|p| p.pictures).sum();
        std::fs::write(&path, &open[..*cut]).unwrap();
        let Adopted::Sealed { seal, .. } = adopt(&path).unwrap() else { panic!("cut at {cut}: not mended") };
        assert_eq!((seal.parts as usize, seal.pictures), (kept.len(), expected), "cut at {cut}");
        assert_eq!(pictures(&path), shown[..expected as usize], "cut at {cut}");
    }
    println!("{} cuts played, {} parts of {} bytes", cuts.len(), whole.parts.len(), open.len());
}
