//! A document of which the program prints a part.

use std::path::{Path, PathBuf};
use std::{env, fs};

pub(crate) struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name);
        // A page that is not there yet is one that says nothing.
        let text = fs::read_to_string(&path).unwrap_or_default();
        Self { path, text }
    }

    /// Makes sure that `now` stands between `begin` and `end`, of which none means the whole page, or writes
    /// it there.
    pub(crate) fn assert_holds(&self, begin: &str, now: &str, end: &str) {
        let (front, rest) = self.text.split_once(begin).unwrap();
        let (then, back) = match end {
            "" => (rest, ""),
            end => rest.split_at(rest.find(end).unwrap()),
        };
        if env::var_os("PLEXSPHERE_RECORD").is_some() {
            fs::write(&self.path, [front, begin, now, back].concat()).unwrap();
            return;
        }
        assert_eq!(
            now,
            then,
            "{} is to be recorded anew; see the head of help.rs",
            self.path.display()
        );
    }
}
