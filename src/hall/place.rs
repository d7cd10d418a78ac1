//! Paths as hall.toml writes them: relative ones start at the folder of the file.

use std::path::{Component, Path, PathBuf};

/// The path `written` in a file that lies in `base_dir`, without `.` and `..`.
pub(super) fn resolve(base_dir: &Path, written: &str) -> PathBuf {
    let joined = base_dir.join(written);
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::CurDir => {}
            // At the root, `..` stays at the root; a relative base keeps its leading `..`.
            Component::ParentDir => match clean.components().next_back() {
                Some(Component::Normal(_)) => {
                    clean.pop();
                }
                Some(Component::RootDir) => {}
                _ => clean.push(".."),
            },
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_file_and_dots_are_folded() {
        let at = |base: &str, written: &str| resolve(Path::new(base), written).display().to_string();
        assert_eq!(at("/etc/jiancha", "c3.secret"), "/etc/jiancha/c3.secret");
        assert_eq!(at("/opt/jiancha/config", "../var/./storage/"), "/opt/jiancha/var/storage");
        assert_eq!(at("/opt", "/srv/a"), "/srv/a");
        assert_eq!(at("/opt", "../../../a"), "/a");
        assert_eq!(at("config", "../../a"), "../a");
    }
}
