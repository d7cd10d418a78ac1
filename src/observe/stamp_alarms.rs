//! What a person must know of the stamp: an encoder that died, a machine that cannot keep up, a description that is wrong.

use serde::Serialize;

use super::alarms::{Board, Severity};
use super::state::Bilingual;
use super::words::Told;
use crate::catalogue::GapCause;
use crate::hall::{CameraId, GiveUp};
use crate::media::VideoCodec;
use crate::stamp::encoders::{EncoderProbe, Origin};
use crate::time::WallTime;

/// How one camera's pictures are stamped at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StampStanding {
    /// Name of the encoder that stamps; absent while pictures pass through without the recorder's stamp.
    pub encoder: Option<String>,
    /// What is given up because the machine cannot keep up: `wall`, `half-rate`, `stamp`.
    pub given_up: Vec<&'static str>,
    /// Encoders that died and are not well again.
    pub dead: Vec<DeadEncoder>,
}

/// An encoder that died at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadEncoder {
    /// Its name.
    pub encoder: String,
    /// What it died of.
    pub reason: String,
}

fn told(zh: String, en: String, remedy_zh: &str, remedy_en: &str) -> Told {
    Told { what: Bilingual { zh, en }, remedy: Bilingual { zh: remedy_zh.into(), en: remedy_en.into() } }
}

/// Raises what is wrong with the stamp of one camera that is in session; `trouble` is why its pictures carry none.
pub fn of_camera(
    board: &mut Board,
    now: WallTime,
    camera: &CameraId,
    standing: &StampStanding,
    trouble: Option<&(GapCause, String)>,
) {
    let goes_on = |dead: &str, zh: bool| match (&standing.encoder, zh) {
        (Some(name), true) if name == dead => "它已重新启动，正在观察；录像没有中断。".to_owned(),
        (Some(name), false) if name == dead => {
            "It was started again and is being watched; recording was not interrupted.".to_owned()
        }
        (Some(name), true) => format!("现由 {name} 叠加，录像没有中断。"),
        (Some(name), false) => format!("{name} stamps in its place; recording was not interrupted."),
        (None, true) => "目前录像不带叠加。".to_owned(),
        (None, false) => "Recording goes on without the stamp.".to_owned(),
    };
    for dead in &standing.dead {
        let (name, reason) = (&dead.encoder, &dead.reason);
        let words = told(
            format!("摄像机 {camera} 的编码器 {name} 出错：{reason}。{}", goes_on(name, true)),
            format!("Camera {camera}: the encoder {name} died: {reason}. {}", goes_on(name, false)),
            "系统会自动再试；如反复出现，请检查显卡驱动，或用 jiancha doctor 检查编码器并在 [stamp] encoder 改用别的。",
            "It is tried again by itself; if it recurs, check the graphics driver, or see jiancha doctor and name another in [stamp] encoder.",
        );
        board.raise("stamp-encoder-died", format!("{camera}/{name}"), Severity::Warning, now, words);
    }
    if let Some((cause, detail)) = trouble.filter(|_| standing.encoder.is_none()) {
        let (code, zh, en) = match cause {
            GapCause::Overload => {
                ("stamp-overload", "服务器处理不过来，叠加已暂停", "the server cannot keep up and stamping is paused")
            }
            _ => ("stamp-missing", "没有可用的编码器", "no encoder works"),
        };
        let words = told(
            format!("摄像机 {camera} 的录像没有叠加时间和区域：{zh}（{detail}）。录像没有中断。"),
            format!("Camera {camera} is recorded without time and label: {en} ({detail}). Recording was not interrupted."),
            "系统会自动恢复叠加；如反复出现，请降低帧率、减少重编码的摄像机，或使用硬件编码（jiancha doctor）。",
            "Stamping returns by itself; if it recurs, lower frame rates, re-encode fewer cameras, or use a hardware encoder (jiancha doctor).",
        );
        board.raise(code, camera.to_string(), Severity::Critical, now, words);
    } else if !standing.given_up.is_empty() {
        let gone = |word: &str| standing.given_up.contains(&word);
        let mut zh = Vec::new();
        let mut en = Vec::new();
        if gone(GiveUp::Wall.word()) {
            zh.push("电视墙小画面已停");
            en.push("the small pictures for the wall are paused");
        }
        if gone(GiveUp::HalfRate.word()) {
            zh.push("录像帧率减半");
            en.push("the recording has half its frame rate");
        }
        let words = told(
            format!("摄像机 {camera} 叠加跟不上：{}。", zh.join("，")),
            format!("Camera {camera}: stamping lags: {}.", en.join(", ")),
            "系统会自动恢复；如反复出现，请降低帧率、减少重编码的摄像机，或使用硬件编码。",
            "It comes back by itself; if it recurs, lower frame rates, re-encode fewer cameras, or use a hardware encoder.",
        );
        board.raise("stamp-reduced", camera.to_string(), Severity::Warning, now, words);
    }
}

/// What is known of the machine's encoders.
pub struct Encoders<'a> {
    /// The trials' results, best first.
    pub results: &'a [Option<EncoderProbe>],
    /// The encoder that hall.toml names.
    pub wanted: Option<&'a str>,
    /// The codec that hall.toml asks for.
    pub wanted_codec: Option<VideoCodec>,
    /// Cameras that have given up the stamp.
    pub n_down: usize,
}

/// Raises what is wrong with the machine's encoders as a whole.
pub fn of_encoders(board: &mut Board, now: WallTime, encoders: &Encoders<'_>) {
    let results = || encoders.results.iter().flatten();
    let mut raise = |code, subject: String, severity, words| board.raise(code, subject, severity, now, words);
    for bad in results().filter(|r| !r.works) {
        if let Origin::File(path) = &bad.origin {
            let words = told(
                format!("自备的编码器描述 {} 不能用：{}", path.display(), bad.detail),
                format!("The site's own encoder description {} cannot be used: {}", path.display(), bad.detail),
                "请改正该文件后重启录像服务，或把它移走；在此之前使用别的编码器。",
                "Mend the file and restart the recorder, or move it away; another encoder is used until then.",
            );
            raise("stamp-description", bad.name.clone(), Severity::Warning, words);
        } else if encoders.wanted == Some(bad.name.as_str()) {
            let words = told(
                format!("hall.toml 要求的编码器 {} 在本机不能用：{}", bad.name, bad.detail),
                format!("The encoder {} that hall.toml names does not work here: {}", bad.name, bad.detail),
                "已改用别的编码器；请修好它（jiancha doctor），或把 [stamp] encoder 改为 \"auto\"。",
                "Another is used; mend it (jiancha doctor), or set [stamp] encoder to \"auto\".",
            );
            raise("stamp-encoder-missing", bad.name.clone(), Severity::Warning, words);
        }
    }
    let works = |codec| results().any(|r| r.works && codec == Some(r.codec));
    let all_told = encoders.results.iter().all(Option::is_some);
    if encoders.wanted_codec == Some(VideoCodec::H265) && all_told && !works(encoders.wanted_codec) {
        let words = told(
            "要求 H.265，但本机没有可用的 H.265 编码器，录像以 H.264 保存。".to_owned(),
            "H.265 is asked for, but no H.265 encoder works here: recordings are kept in H.264.".to_owned(),
            "请安装 gstreamer1.0-plugins-bad（x265）或显卡驱动，或把 [stamp] codec 改为 \"h264\"。",
            "Install gstreamer1.0-plugins-bad (x265) or the graphics driver, or set [stamp] codec to \"h264\".",
        );
        raise("stamp-codec", String::new(), Severity::Warning, words);
    }
    if encoders.n_down >= 2 {
        let n = encoders.n_down;
        let words = told(
            format!("整机过载：{n} 台摄像机的录像暂无叠加，将逐台恢复。"),
            format!("The whole machine is overloaded: {n} cameras are recorded without the stamp; they come back one by one."),
            "请查看还有什么占用处理器（top），减少重编码的摄像机，或使用硬件编码。",
            "See what else uses the processor (top), re-encode fewer cameras, or use a hardware encoder.",
        );
        raise("stamp-machine-overload", String::new(), Severity::Critical, words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_micros(1_795_330_200_000_000);

    fn codes(look: impl FnOnce(&mut Board)) -> Vec<(&'static str, String)> {
        let mut board = Board::default();
        look(&mut board);
        board.settle(&[]).into_iter().map(|a| (a.code, a.subject)).collect()
    }

    fn camera(standing: &StampStanding, trouble: Option<(GapCause, String)>) -> Vec<(&'static str, String)> {
        codes(|board| of_camera(board, NOW, &CameraId::new("C1"), standing, trouble.as_ref()))
    }

    #[test]
    fn a_stamp_that_is_whole_raises_nothing() {
        let standing = StampStanding { encoder: Some("x264".into()), ..StampStanding::default() };
        assert_eq!(camera(&standing, None), []);
    }

    #[test]
    fn a_dead_encoder_is_told_with_what_it_died_of_and_who_works_in_its_place() {
        let dead = vec![DeadEncoder { encoder: "vaapi".into(), reason: "device lost".into() }];
        let standing = StampStanding { encoder: Some("x264".into()), dead, ..StampStanding::default() };
        let mut board = Board::default();
        of_camera(&mut board, NOW, &CameraId::new("C1"), &standing, None);
        let alarms = board.settle(&[]);
        assert_eq!((alarms[0].code, alarms[0].subject.as_str()), ("stamp-encoder-died", "C1/vaapi"));
        for word in ["vaapi", "device lost", "x264"] {
            assert!(alarms[0].text.zh.contains(word) && alarms[0].text.en.contains(word), "{word}: {:?}", alarms[0].text);
        }
    }

    #[test]
    fn no_stamp_is_graver_than_a_reduced_one_and_told_by_its_cause() {
        let given = |words: &[&'static str]| StampStanding { given_up: words.to_vec(), ..StampStanding::default() };
        let overload = Some((GapCause::Overload, "it lags 2.6 s".to_owned()));
        assert_eq!(camera(&given(&["wall", "stamp"]), overload), [("stamp-overload", "C1".to_owned())]);
        let failed = Some((GapCause::StampFailed, "x264: out of memory".to_owned()));
        assert_eq!(camera(&given(&[]), failed), [("stamp-missing", "C1".to_owned())]);
        let reduced = StampStanding { encoder: Some("x264".into()), ..given(&["wall", "half-rate"]) };
        assert_eq!(camera(&reduced, None), [("stamp-reduced", "C1".to_owned())]);
    }

    #[test]
    fn a_bad_file_of_the_site_a_named_encoder_that_fails_and_a_machine_overload_are_raised() {
        let trial = |name: &str, origin, works| {
            Some(EncoderProbe {
                name: name.into(),
                origin,
                codec: VideoCodec::H264,
                works,
                detail: "line 9: no element".into(),
            })
        };
        let own = Origin::File("/etc/jiancha/pipelines/stamp-own.launch".into());
        let results =
            [trial("own", own, false), trial("vaapi", Origin::BuiltIn, false), trial("x264", Origin::BuiltIn, true), None];
        let raised = |wanted, n_down| {
            codes(|board| of_encoders(board, NOW, &Encoders { results: &results, wanted, wanted_codec: None, n_down }))
        };
        assert_eq!(raised(None, 1), [("stamp-description", "own".to_owned())]);
        let both = [("stamp-description", "own".to_owned()), ("stamp-encoder-missing", "vaapi".to_owned())];
        assert_eq!(raised(Some("vaapi"), 0), both);
        assert_eq!(raised(None, 2)[0], ("stamp-machine-overload", String::new()));
        let wanted_codec = Some(VideoCodec::H265);
        let told = codes(|board| {
            of_encoders(board, NOW, &Encoders { results: &results[1..3], wanted: None, wanted_codec, n_down: 0 });
        });
        assert_eq!(told, [("stamp-codec", String::new())]);
    }
}
