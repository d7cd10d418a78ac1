//! Keeping: working days, the recorded part of the expected time, the second copy (R7).

use super::super::both;
use super::super::measured::{BackupProof, Keeping, Reading};
use super::super::profile::{Rule, Terms};
use super::{About, Bench, Found, run_the_recorder};

/// Footage reaches back that many working days. A recorder younger than that has not proven it yet, unless footage is gone already.
pub(super) fn kept(bench: &mut Bench<'_>, rule: &Rule) {
    let Terms::WorkingDays(days) = rule.terms else { return };
    for camera in &bench.hall.cameras {
        for about in bench.subjects(camera) {
            let required = both(format!("保存不少于 {days} 个工作日"), format!("kept for at least {days} working days"));
            let found = match bench.of(&camera.id).and_then(|m| m.kept.as_ref()) {
                None => Found::unmeasured(run_the_recorder()),
                Some(reading) => kept_for(reading, days),
            };
            bench.put(rule, about, required, found);
        }
    }
}

fn kept_for(reading: &Reading<Keeping>, days: u32) -> Found {
    let Keeping { oldest, working_days: n, working_days_since_first, .. } = reading.value;
    let from = oldest.beijing().format("%Y-%m-%d");
    let measured = both(format!("自 {from} 起，{n} 个工作日"), format!("since {from}, {n} working days"));
    if n >= days {
        return Found::read(reading, true, measured, both("", ""));
    }
    if working_days_since_first > n {
        let remedy = both(
            "更早的录像已不在：请查 jiancha retention plan、jiancha storage list 和缺录台账，并按 jiancha plan 扩充磁盘。",
            "Earlier footage is gone: see jiancha retention plan, jiancha storage list and the gap ledger; jiancha plan sizes the disks.",
        );
        return Found::read(reading, false, measured, remedy);
    }
    let left = days - n;
    let remedy = both(
        format!("录像开始不久：再满 {left} 个工作日即可证明；磁盘是否够用见 jiancha plan。"),
        format!(
            "Recording began not long ago: {left} more working days prove it; jiancha plan tells whether the disks will do."
        ),
    );
    Found::not_yet(reading, measured, remedy)
}

/// Enough of the expected time was recorded.
pub(super) fn recorded(bench: &mut Bench<'_>, rule: &Rule) {
    let least = bench.hall.coverage.least_recorded_percent;
    for camera in &bench.hall.cameras {
        for about in bench.subjects(camera) {
            let required = both(
                format!("近 {} 天录像率不低于 {least}%", bench.hall.coverage.recorded_days),
                format!("at least {least} % of the expected time of the last {} days", bench.hall.coverage.recorded_days),
            );
            let reading = bench.of(&camera.id).and_then(|m| m.recorded.as_ref());
            let found = match reading.and_then(|r| r.value.ratio().map(|ratio| (r, ratio))) {
                None => Found::unmeasured(run_the_recorder()),
                Some((reading, ratio)) => {
                    // Rounded down: whatever is missing, a share never shows as complete.
                    let percent = format!("{:.2}", (ratio * 10_000.0).floor() / 100.0);
                    let remedy =
                        both("缺录的时段和原因见 jiancha timeline。", "jiancha timeline tells what is missing and why.");
                    let good = ratio * 100.0 >= f64::from(least);
                    Found::read(reading, good, both(format!("{percent}%"), format!("{percent} %")), remedy)
                }
            };
            bench.put(rule, about, required, found);
        }
    }
}

/// There is a second copy, elsewhere, and it is proven up to the day before yesterday.
pub(super) fn backup(bench: &mut Bench<'_>, rule: &Rule) {
    let required = both("第二份副本经过验证，滞后不超过一天", "a proven second copy, at most a day behind");
    if bench.hall.backup.is_none() {
        let remedy = both(
            "请在 hall.toml 增加 [backup]，指向另一块盘或对象存储；说明见 docs/backup.md。",
            "Add [backup] to hall.toml with another disk or an object store; see docs/backup.md.",
        );
        bench.put(rule, About::Hall, required, Found::declared(false, both("没有备份", "no backup"), remedy));
        return;
    }
    for camera in &bench.hall.cameras {
        for about in bench.subjects(camera) {
            let found = match bench.of(&camera.id).and_then(|m| m.backup.as_ref()) {
                None => Found::unmeasured(run_the_recorder()),
                Some(reading) => proven(reading),
            };
            bench.put(rule, about, required.clone(), found);
        }
    }
}

fn proven(reading: &Reading<BackupProof>) -> Found {
    let proof = &reading.value;
    let (days, proven) = (proof.days, proof.days_proven);
    let remedy = both("详情见 jiancha backup status。", "jiancha backup status tells more.");
    if proof.same_disk {
        let measured = both("副本与录像在同一块盘", "the copy lies on the disk of the recordings");
        return Found::read(reading, false, measured, remedy);
    }
    if let Some(day) = proof.oldest_unproven {
        return Found::read(reading, false, both(format!("{day} 起未验证"), format!("not proven since {day}")), remedy);
    }
    let measured = both(format!("{proven}/{days} 天已验证"), format!("{proven} of {days} days proven"));
    match proof.last_proof {
        Some(_) => Found::read(reading, true, measured, remedy),
        None => Found::not_yet(reading, both("尚无副本", "nothing copied yet"), remedy),
    }
}
