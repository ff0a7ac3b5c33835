//! The files behind a configuration, to notice when one of them was replaced.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Files with secrets, certificates and authorities that a configuration was made from.
#[derive(Clone, Debug, Default)]
pub struct Watched(Vec<PathBuf>);

/// What the file system says of the files; two equal states mean that nothing was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(BTreeMap<PathBuf, Option<[i64; 4]>>);

impl State {
    /// This state, but what `earlier` says of files in both: a file that was replaced while it was read
    /// counts as changed since.
    pub fn not_after(mut self, earlier: &State) -> State {
        for (path, state) in &mut self.0 {
            if let Some(before) = earlier.0.get(path) {
                *state = *before;
            }
        }
        self
    }
}

impl Watched {
    /// Files to look at.
    pub fn new(files: Vec<PathBuf>) -> Watched {
        Watched(files)
    }

    /// Inode, size and time of change of every file; symbolic links are followed.
    pub fn state(&self) -> State {
        let state = |path: &PathBuf| {
            let metadata = fs::metadata(path).ok()?;
            let inode = metadata.ino().cast_signed();
            Some([inode, metadata.len().cast_signed(), metadata.mtime(), metadata.mtime_nsec()])
        };
        State(self.0.iter().map(|path| (path.clone(), state(path))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "one").unwrap();
        let watched = Watched::new(vec![path.clone()]);
        let before = watched.state();
        assert_eq!(watched.state(), before);
        fs::write(&path, "three").unwrap();
        assert_ne!(watched.state(), before);
        fs::remove_file(&path).unwrap();
        assert_ne!(watched.state(), before);
    }

    #[test]
    fn a_file_that_is_replaced_while_it_is_read_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["known", "new"].map(|name| directory.path().join(name));
        paths.iter().for_each(|path| fs::write(path, "one").unwrap());
        let before = Watched::new(vec![paths[0].clone()]).state();
        fs::write(&paths[0], "three").unwrap();
        let watched = Watched::new(paths.to_vec());
        assert_ne!(watched.state().not_after(&before), watched.state());
        assert_eq!(watched.state().not_after(&watched.state()), watched.state());
    }
}
