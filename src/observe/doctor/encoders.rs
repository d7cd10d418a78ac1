//! The table of encoders: which work here, how fast, and which one stamps.

use serde::Serialize;

use super::{Finding, Standing, both};
use crate::hall::StampSettings;
use crate::stamp::encoders::{self, EncoderProbe, Origin};

/// One encoder in the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EncoderRow {
    /// Name of its description.
    pub name: String,
    /// What it gives: `H.264` or `H.265`.
    pub codec: String,
    /// `built in`, or the site's own file.
    pub origin: String,
    /// True when stamped pictures came out and decoded as they were drawn.
    pub works: bool,
    /// What was seen, or why it does not work.
    pub detail: String,
    /// 1080p pictures a second that one thread stamps with it, on a drawn test picture; real pictures take longer.
    pub fps_1080p: Option<f64>,
    /// True for the one that stamps with the settings of the hall.
    pub taken: bool,
}

/// Tries every encoder and measures those that work.
pub fn look(settings: &StampSettings) -> Vec<EncoderRow> {
    let all = encoders::descriptions(settings).unwrap_or_default();
    let fps = |probe: &EncoderProbe| {
        let description = all.iter().find(|d| d.name == probe.name).filter(|_| probe.works)?;
        encoders::measure(description, settings).ok().map(|fps| (fps * 10.0).round() / 10.0)
    };
    let probes = encoders::probe(settings);
    let ladder: Vec<String> = encoders::ladder(settings).unwrap_or_default().into_iter().map(|d| d.name).collect();
    table(probes.into_iter().map(|probe| (fps(&probe), probe)), &ladder)
}

/// The table of what was tried; `ladder` holds the names in the order in which they are taken.
fn table(probes: impl Iterator<Item = (Option<f64>, EncoderProbe)>, ladder: &[String]) -> Vec<EncoderRow> {
    let row = |(fps_1080p, probe): (Option<f64>, EncoderProbe)| EncoderRow {
        name: probe.name,
        codec: probe.codec.to_string(),
        origin: probe.origin.to_string(),
        works: probe.works,
        detail: probe.detail,
        fps_1080p,
        taken: false,
    };
    let mut rows: Vec<EncoderRow> = probes.map(row).collect();
    let works = |name: &&String| rows.iter().any(|row| row.works && row.name == **name);
    if let Some(taken) = ladder.iter().find(works).cloned() {
        rows.iter_mut().filter(|row| row.name == taken).for_each(|row| row.taken = true);
    }
    rows
}

/// Judges the table against what the hall asks for: one finding for the whole, one for each encoder.
pub fn judge(wanted: &str, rows: &[EncoderRow]) -> Vec<Finding> {
    let working: Vec<&str> = rows.iter().filter(|row| row.works).map(|row| row.name.as_str()).collect();
    let list = if working.is_empty() { "-".to_owned() } else { working.join(" ") };
    let taken = rows.iter().find(|row| row.taken).map(|row| row.name.as_str());
    let check = both("叠加编码器", "encoder for the stamp");
    let found = both(
        format!("要求 {wanted}，选用 {}，可用 {list}", taken.unwrap_or("-")),
        format!("wanted {wanted}, taken {}, working: {list}", taken.unwrap_or("-")),
    );
    let whole = match taken {
        Some(name) if wanted == encoders::AUTO || wanted == name => Finding::ok("encoder", check, found),
        Some(_) => Finding::bad(
            "encoder",
            Standing::Wrong,
            check,
            found,
            both(
                format!("{wanted} 在本机不可用，录像改用别的编码器：请修好它，或把 [stamp] encoder 改为 \"auto\""),
                format!("{wanted} does not work here and another takes its place: mend it, or set [stamp] encoder to \"auto\""),
            ),
        ),
        None => Finding::bad(
            "encoder",
            Standing::Wrong,
            check,
            found,
            both(
                "没有可用的编码器，录像不带叠加：把 [stamp] encoder 改为 \"auto\"，至少安装 gstreamer1.0-plugins-ugly（x264）",
                "none works and recordings carry no stamp: set [stamp] encoder to \"auto\"; install at least gstreamer1.0-plugins-ugly (x264)",
            ),
        ),
    };
    std::iter::once(whole).chain(rows.iter().map(of_row)).collect()
}

fn of_row(row: &EncoderRow) -> Finding {
    let check = both(format!("编码器 {} {}", row.name, row.codec), format!("encoder {} {}", row.name, row.codec));
    let own = row.origin != Origin::BuiltIn.to_string();
    if !row.works {
        let first_line = row.detail.lines().next().unwrap_or("");
        let found = both(format!("本机不可用：{first_line}"), format!("not usable here: {first_line}"));
        // No graphics processor of that kind is no fault, unless the hall asks for it: that is said above. A site's own file is meant to work.
        return match own {
            true => Finding::bad(
                "encoder",
                Standing::Wrong,
                check,
                found,
                both(format!("请改正 {}", row.origin), format!("mend {}", row.origin)),
            ),
            false => Finding { standing: Standing::Absent, ..Finding::ok("encoder", check, found) },
        };
    }
    let (zh, en) = match row.fps_1080p {
        Some(fps) => (format!("，1080p 测试画面每秒 {fps} 帧"), format!(", {fps} test pictures of 1080p a second")),
        None => Default::default(),
    };
    let mark = |word: &str| if row.taken { format!(" ← {word}") } else { String::new() };
    Finding::ok("encoder", check, both(format!("试编成功{zh}{}", mark("选用")), format!("works{en}{}", mark("taken"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::VideoCodec;

    fn probe(name: &str, works: bool) -> (Option<f64>, EncoderProbe) {
        let codec = if name == "x265" { VideoCodec::H265 } else { VideoCodec::H264 };
        let probe = EncoderProbe { name: name.into(), origin: Origin::BuiltIn, codec, works, detail: "no such device".into() };
        (works.then_some(31.5), probe)
    }

    fn rows(probes: Vec<(Option<f64>, EncoderProbe)>, ladder: &[&str]) -> Vec<EncoderRow> {
        table(probes.into_iter(), &ladder.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_of_the_ladder_that_works_is_taken() {
        let rows = rows(vec![probe("vaapi", false), probe("x264", true), probe("x265", true)], &["vaapi", "x264"]);
        let taken: Vec<bool> = rows.iter().map(|r| r.taken).collect();
        assert_eq!(taken, [false, true, false]);
        let findings = judge("auto", &rows);
        let standings: Vec<Standing> = findings.iter().map(|f| f.standing).collect();
        assert_eq!(standings, [Standing::Ok, Standing::Absent, Standing::Ok, Standing::Ok]);
        assert_eq!(findings[0].found.en, "wanted auto, taken x264, working: x264 x265");
        assert_eq!(findings[1].found.en, "not usable here: no such device");
        assert_eq!(findings[2].found.en, "works, 31.5 test pictures of 1080p a second ← taken");
        assert_eq!(findings[3].check.en, "encoder x265 H.265");
    }

    #[test]
    fn an_encoder_that_does_not_work_is_a_fault_only_when_the_hall_asks_for_it_or_wrote_it() {
        let asked = rows(vec![probe("vaapi", false), probe("x264", true)], &["vaapi", "x264"]);
        assert_eq!(judge("vaapi", &asked)[0].standing, Standing::Wrong);
        let (fps, mut own) = probe("board", false);
        own.origin = Origin::File("/etc/jiancha/pipelines/stamp-board.launch".into());
        let finding = &judge("auto", &rows(vec![(fps, own), probe("x264", true)], &["board", "x264"]))[1];
        assert_eq!(finding.standing, Standing::Wrong);
        assert!(finding.mend.as_ref().is_some_and(|m| m.en.contains("/etc/jiancha/pipelines/stamp-board.launch")));
    }

    #[test]
    fn none_that_works_is_a_fault() {
        let none = rows(vec![probe("vaapi", false)], &["vaapi"]);
        assert_eq!(judge("auto", &none)[0].standing, Standing::Wrong);
    }
}
