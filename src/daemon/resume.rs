//! What the recorder does at its start about the way it ended last time: open files are mended, and the ledger learns of the break.

use std::path::Path;

use crate::catalogue::{Catalogue, GapCause, LedgerEvent, LedgerRow, StoreError};
use crate::hall::{CameraId, Hall};
use crate::segment::adopt::{Adopted, adopt, recent_files};
use crate::segment::disk;
use crate::time::{Span, WallTime};

/// Mends every file a kill or power cut left open and enters it into the catalogue. Files that cannot be read are reported and
/// left alone. Gives the number of files mended.
pub fn mend(hall: &Hall, catalogue: &Catalogue) -> usize {
    let mut mended = 0;
    for root in &hall.storage {
        mended += mend_root(&root.path, hall.cameras.iter().map(|c| &c.id), catalogue);
    }
    mended
}

/// The same for one storage root: one that was away and came back.
pub fn mend_root<'a>(root: &Path, cameras: impl Iterator<Item = &'a CameraId>, catalogue: &Catalogue) -> usize {
    let mut mended = 0;
    for camera in cameras {
        match recent_files(root, camera.as_str()) {
            Ok(files) => mended += files.iter().filter(|f| mend_file(root, camera, f, catalogue)).count(),
            Err(e) => tracing::error!(root = %root.display(), %camera, "list recordings: {e}"),
        }
    }
    mended
}

fn mend_file(root: &Path, camera: &CameraId, file: &Path, catalogue: &Catalogue) -> bool {
    let (identity, seal, cut) = match adopt(file) {
        Ok(Adopted::WasSealed(identity, seal)) => (identity, seal, None),
        Ok(Adopted::Sealed { identity, seal, cut_bytes }) => (identity, seal, Some(cut_bytes)),
        Ok(Adopted::Empty(_)) => {
            tracing::warn!(file = %file.display(), "holds no whole part; left as it is");
            return false;
        }
        Err(e) => {
            tracing::error!("{e}; the file is left alone and its time is told as a gap");
            return false;
        }
    };
    let relative = file.strip_prefix(root).unwrap_or(file);
    let mut row = disk::row(camera, &identity, root, relative);
    row.to = seal.to;
    row.bytes = std::fs::metadata(file).map_or(seal.bytes, |m| m.len());
    row.digest = Some(seal.digest);
    match catalogue.segment_at(camera, row.from) {
        // What is known already keeps what only the catalogue knows of it.
        Ok(Some(known)) if known.digest == row.digest && known.path == row.path && known.root == row.root => return false,
        _ => {}
    }
    if let Some(cut_bytes) = cut {
        tracing::info!(file = %file.display(), parts = seal.parts, to = %seal.to, cut_bytes, "mended a file left open");
    }
    if let Err(e) = catalogue.put_segment(&row) {
        tracing::error!(file = %file.display(), "{e}");
    }
    cut.is_some()
}

/// Tells the ledger of a recorder that ended without a word: the break began where the newest recording ends.
///
/// # Errors
/// [`StoreError`] when the catalogue cannot be read or written.
pub fn note_break(hall: &Hall, catalogue: &Catalogue, now: WallTime) -> Result<(), StoreError> {
    for camera in &hall.cameras {
        let Some(newest) = catalogue.newest_segment(&camera.id)? else { continue };
        let since = Span::new(newest.from, now.plus_micros(1));
        let word = catalogue
            .ledger(&camera.id, since)?
            .into_iter()
            .rev()
            .find(|r| r.event.is_about_recording() && r.at >= newest.from);
        if word.is_some_and(|r| matches!(r.event, LedgerEvent::Stopped { .. }) && r.at >= newest.to.plus_micros(-10_000_000)) {
            continue;
        }
        let event = LedgerEvent::Stopped { cause: GapCause::RecorderRestart };
        let detail = "the recorder ended without a word: killed, crashed or without power".to_owned();
        catalogue.note(&LedgerRow { camera: camera.id.clone(), at: newest.to, event, detail })?;
    }
    Ok(())
}
