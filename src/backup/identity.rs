//! The identity of a target: an object that tells whose copies these are. Without it nothing is written, so that neither the disk
//! under an unmounted folder nor another hall's bucket is filled.

use serde::{Deserialize, Serialize};

use super::BackupError;
use super::records::Copies;
use super::target::{Fault, IDENTITY, Target, TargetError};
use crate::hall::Hall;
use crate::time::WallTime;

/// What `.jiancha-backup.json` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetIdentity {
    /// Drawn by lot when the target was first used.
    pub id: String,
    /// Hall.
    pub hall: String,
    /// Administrative division.
    pub division: String,
    /// When it was first used.
    pub made_at: WallTime,
    /// The target as hall.toml named it then.
    pub name: String,
}

/// What is to be done about an identity.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The target is the one known.
    Same,
    /// It is ours, and not known yet: remember it.
    Adopt,
    /// It is new: give it an identity.
    Make,
    /// Leave it alone.
    Refuse(Fault),
}

fn judge(found: Option<&TargetIdentity>, known: Option<&TargetIdentity>, ours: &TargetIdentity, anew: bool) -> Verdict {
    let known_here = known.filter(|k| k.name == ours.name);
    match (found, known) {
        (Some(found), Some(known)) if found.id == known.id => Verdict::Same,
        (Some(found), _) if (&found.hall, &found.division) != (&ours.hall, &ours.division) => Verdict::Refuse(Fault::NotOurs),
        (Some(_), _) if known_here.is_none() || anew => Verdict::Adopt,
        (None, _) if known_here.is_none() || anew => Verdict::Make,
        _ => Verdict::Refuse(Fault::IdentityGone),
    }
}

/// Reads the target's identity.
///
/// # Errors
/// [`TargetError`] when the target cannot be read or the identity is no identity.
pub fn read(target: &dyn Target) -> Result<Option<TargetIdentity>, TargetError> {
    if target.head(IDENTITY)?.is_none() {
        target.check()?;
        return Ok(None);
    }
    let mut text = Vec::new();
    target.read(IDENTITY, &mut |block| {
        text.extend_from_slice(block);
        Ok(())
    })?;
    let broken = |e: serde_json::Error| TargetError {
        target: target.name(),
        object: IDENTITY.into(),
        fault: Fault::NotAsWritten,
        detail: e.to_string(),
    };
    serde_json::from_slice(&text).map(Some).map_err(broken)
}

/// Makes sure that `target` is the one the copies lie on; a target used for the first time gets its identity. `anew`: take
/// whatever disk is there now, and copy everything to it.
///
/// # Errors
/// [`BackupError::Target`] with [`Fault::IdentityGone`] or [`Fault::NotOurs`]; nothing was written then.
pub fn establish(
    target: &dyn Target,
    copies: &Copies,
    hall: &Hall,
    now: WallTime,
    anew: bool,
) -> Result<TargetIdentity, BackupError> {
    let known = copies.target()?;
    let found = read(target)?;
    let ours = TargetIdentity {
        id: format!("{:032x}", rand::random::<u128>()),
        hall: hall.name.clone(),
        division: hall.division.clone(),
        made_at: now,
        name: target.name(),
    };
    let refuse = |fault, detail: String| {
        Err(BackupError::Target(TargetError { target: target.name(), object: IDENTITY.into(), fault, detail }))
    };
    match (judge(found.as_ref(), known.as_ref(), &ours, anew), found) {
        (Verdict::Same | Verdict::Adopt, Some(found)) => {
            let found = TargetIdentity { name: ours.name, ..found };
            if known.as_ref() != Some(&found) {
                copies.put_target(&found)?;
            }
            Ok(found)
        }
        (Verdict::Refuse(fault), Some(found)) => {
            refuse(fault, format!("it is target {} of {} {}, made {}", found.id, found.division, found.hall, found.made_at))
        }
        (Verdict::Refuse(fault), None) => refuse(fault, "there is no such object".into()),
        (_, _) => {
            let text = serde_json::to_vec_pretty(&ours).map_err(|e| BackupError::Other(e.to_string()))?;
            target.put(IDENTITY, &mut text.as_slice())?;
            if read(target)?.as_ref() != Some(&ours) {
                return refuse(Fault::NotAsWritten, "the identity just written was not read back".into());
            }
            copies.put_target(&ours)?;
            Ok(ours)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(id: &str, hall: &str, name: &str) -> TargetIdentity {
        TargetIdentity { id: id.into(), hall: hall.into(), name: name.into(), ..TargetIdentity::default() }
    }

    #[test]
    fn only_the_target_known_or_a_new_one_is_written_to() {
        let ours = identity("new", "甲", "/mnt/b");
        let known = identity("1", "甲", "/mnt/b");
        let elsewhere = identity("1", "甲", "/mnt/old");
        let say = |found: Option<&TargetIdentity>, known: Option<&TargetIdentity>, anew| judge(found, known, &ours, anew);
        assert_eq!(say(None, None, false), Verdict::Make, "first use");
        assert_eq!(say(Some(&known), Some(&known), false), Verdict::Same);
        assert_eq!(say(Some(&known), Some(&elsewhere), false), Verdict::Same, "the same disk, mounted elsewhere");
        assert_eq!(say(Some(&known), None, false), Verdict::Adopt, "the catalogue was lost");
        assert_eq!(say(None, Some(&known), false), Verdict::Refuse(Fault::IdentityGone), "nothing is mounted");
        assert_eq!(say(None, Some(&known), true), Verdict::Make);
        assert_eq!(say(None, Some(&elsewhere), false), Verdict::Make, "hall.toml names another place");
        let other_disk = identity("2", "甲", "/mnt/b");
        assert_eq!(say(Some(&other_disk), Some(&known), false), Verdict::Refuse(Fault::IdentityGone));
        assert_eq!(say(Some(&other_disk), Some(&known), true), Verdict::Adopt);
        let other_hall = identity("3", "乙", "/mnt/b");
        assert_eq!(say(Some(&other_hall), None, false), Verdict::Refuse(Fault::NotOurs));
        assert_eq!(say(Some(&other_hall), Some(&known), true), Verdict::Refuse(Fault::NotOurs), "not even when asked to");
        assert_eq!(say(Some(&identity("1", "旧名", "/mnt/b")), Some(&known), false), Verdict::Same, "the hall was renamed");
    }
}
