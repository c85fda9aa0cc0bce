//! Whether paths still lead to the files that were opened.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::identity::{Displaced, FileId};
use super::seal::Seal;

/// How long one look serves those who ask for every signature.
const REUSE: Duration = Duration::from_millis(2);

/// Looks whether paths still lead to the files that were opened, and seals are whole. What is written into a file that was
/// removed or replaced is lost at the next start, and another custodian may have what stands there now.
///
/// As long as the files are open no other can have their numbers, so a file that is put back is the
/// same one.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    files: Vec<(PathBuf, FileId)>,
    seals: Vec<Seal>,
    began: Instant,
    /// When all was last seen in place, in microseconds behind `began`; 0 when never.
    seen: AtomicU64,
    /// Whether the last look found something else. Each change is told once.
    is_displaced: AtomicBool,
}

impl Watch {
    /// Watches the files that stand at `paths` now, and are open, and the content of some.
    ///
    /// # Errors
    /// The path at which no file can be seen.
    pub fn over(
        paths: impl IntoIterator<Item = PathBuf>,
        seals: Vec<Seal>,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let identify = |path: PathBuf| match FileId::at(&path) {
            Ok(id) => Ok((path, id)),
            Err(error) => Err((path, error)),
        };
        Ok(Self(Arc::new(Watched {
            files: paths.into_iter().map(identify).collect::<Result<_, _>>()?,
            seals,
            began: Instant::now(),
            seen: AtomicU64::new(0),
            is_displaced: AtomicBool::new(false),
        })))
    }

    /// Looks now.
    ///
    /// # Errors
    /// When a file is not at its path, or not as it was left.
    pub fn look(&self) -> Result<(), Displaced> {
        let watched = &*self.0;
        let now = watched.now();
        let is_displaced =
            |(path, id): &&(PathBuf, FileId)| !FileId::at(path).is_ok_and(|found| found == *id);
        let look = match watched.files.iter().find(is_displaced) {
            Some((path, _)) => Err(Displaced::Replaced(path.clone())),
            None => watched.seals.iter().try_for_each(Seal::look),
        };
        let was = watched.is_displaced.swap(look.is_err(), Ordering::AcqRel);
        match &look {
            Ok(()) => {
                watched.seen.store(now, Ordering::Release);
                if was {
                    info!("every file of the state is in its place again");
                }
            }
            Err(displaced) => {
                watched.seen.store(0, Ordering::Release);
                if !was {
                    error!(cause = %displaced, "state taken away; nothing is signed");
                }
            }
        }
        look
    }

    /// Looks whether somebody else has written into a file.
    pub fn is_overwritten(&self) -> bool {
        self.0.seals.iter().any(|seal| seal.look().is_err())
    }

    /// Notes that what is sealed is not what was left, whichever file that is.
    pub fn distrust(&self) {
        if let Some(seal) = self.0.seals.last() {
            seal.give_up();
        }
        self.0.seen.store(0, Ordering::Release);
    }

    /// Looks, unless that was done a moment ago.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn glance(&self) -> Result<(), Displaced> {
        let seen = self.0.seen.load(Ordering::Acquire);
        let reuse = u64::try_from(REUSE.as_micros()).unwrap_or_default();
        if seen > 0 && self.0.now().saturating_sub(seen) < reuse {
            Ok(())
        } else {
            self.look()
        }
    }
}

impl Watched {
    fn now(&self) -> u64 {
        let micros = self.began.elapsed().as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A move, and the way back.
    type ThereAndBack<'a> = (&'a dyn Fn(), &'a dyn Fn());

    #[test]
    fn a_file_that_is_moved_replaced_or_taken_with_its_directory_is_seen_and_so_is_its_return() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("state");
        fs::create_dir(&directory).unwrap();
        let (path, other) = (directory.join("data"), directory.join("other"));
        fs::write(&path, "one").unwrap();
        let _open = fs::File::open(&path).unwrap();
        let watch = Watch::over([path.clone()], Vec::new()).unwrap();
        watch.look().unwrap();
        let there_and_back: [ThereAndBack<'_>; 3] = [
            (&|| fs::rename(&path, &other).unwrap(), &|| {
                fs::rename(&other, &path).unwrap();
            }),
            (
                &|| {
                    fs::rename(&path, &other).unwrap();
                    fs::write(&path, "one").unwrap();
                },
                &|| fs::rename(&other, &path).unwrap(),
            ),
            (
                &|| fs::rename(&directory, place.path().join("old")).unwrap(),
                &|| fs::rename(place.path().join("old"), &directory).unwrap(),
            ),
        ];
        for (there, back) in there_and_back {
            there();
            let displaced = watch.look().unwrap_err();
            assert_eq!(displaced, Displaced::Replaced(path.clone()));
            watch.glance().unwrap_err();
            back();
            watch.glance().unwrap();
        }
    }
}
