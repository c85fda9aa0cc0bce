//! Which files code may be loaded from.
//!
//! A path is walked one name at a time, as the system walks it, and whatever is met on the way is judged:
//! every directory, every link, and the file in the end. Nobody but root and the user of this process
//! can bend a way that was judged, and what is loaded is the file that it led to.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use signer_files::{FileAccess, Objection, Policy, Process};

/// How many links one path may follow: as many as the system permits.
const MOST_LINKS: usize = 40;

/// Why no code is loaded from a file. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ModulePathRefusal {
    /// The loader would search for it.
    #[error("must be an absolute path to the vendor's module")]
    Relative,
    /// Something on the way is not there, or cannot be looked at.
    #[error("{} cannot be examined ({cause}); check the path", path.display())]
    Unseen {
        /// The file, directory or link.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It is something else.
    #[error("{} must be a regular file; name the vendor's module itself", path.display())]
    NotRegular {
        /// What the path leads to.
        path: PathBuf,
    },
    /// The links lead nowhere.
    #[error("leads over more than {MOST_LINKS} links; name the vendor's module itself")]
    TooManyLinks,
    /// Others could put their code there.
    #[error(
        "{} may be changed by others (mode {mode:04o}), who could run their code in the custodian; take the right to write from them",
        path.display()
    )]
    OpenToOthers {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody else could put their code there.
    #[error(
        "{} belongs to uid {owner}; it must belong to root or to the user that runs this process",
        path.display()
    )]
    ForeignOwner {
        /// The file, directory or link.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
}

/// Judges everything on the way that `path` leads, and names the file at its end without any link.
pub(super) fn judge(path: &Path) -> Result<PathBuf, ModulePathRefusal> {
    if !path.is_absolute() {
        return Err(ModulePathRefusal::Relative);
    }
    let mut way = Way::from_root(path)?;
    while let Some(name) = way.ahead.pop_front() {
        way.step(&name)?;
    }
    let Way { here, .. } = way;
    if examine(&here)?.is_file() {
        Ok(here)
    } else {
        Err(ModulePathRefusal::NotRegular { path: here })
    }
}

/// How far a path has been walked.
struct Way {
    /// Everything up to here was judged, and is no link.
    here: PathBuf,
    ahead: VecDeque<OsString>,
    links: usize,
    process: Process,
}

impl Way {
    fn from_root(path: &Path) -> Result<Self, ModulePathRefusal> {
        let mut way = Self {
            here: PathBuf::new(),
            ahead: VecDeque::new(),
            links: 0,
            process: Process::current(),
        };
        way.turn_to(path);
        // What a path begins with is passed by no step.
        way.judge_place(Path::new("/"), &examine(Path::new("/"))?)?;
        Ok(way)
    }

    /// Puts a path before what is ahead. An absolute one starts over.
    fn turn_to(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.ahead.push_front(name.to_owned()),
                Component::ParentDir => self.ahead.push_front("..".into()),
                Component::RootDir => self.here = PathBuf::from("/"),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    fn step(&mut self, name: &OsString) -> Result<(), ModulePathRefusal> {
        if name == ".." {
            // There is no link in what lies behind, so this is the directory above.
            self.here.pop();
            return Ok(());
        }
        let next = self.here.join(name);
        let met = examine(&next)?;
        if met.is_symlink() {
            self.follow(&next, &met)
        } else {
            self.judge_place(&next, &met)?;
            self.here = next;
            Ok(())
        }
    }

    /// Only the directory of a link and its owner say who can bend it; every link has the same mode.
    fn follow(&mut self, link: &Path, met: &Metadata) -> Result<(), ModulePathRefusal> {
        if !self.process.is_user_or_root(met.uid()) {
            return Err(refusal_of(link, met, Objection::Owner(met.uid())));
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(ModulePathRefusal::TooManyLinks);
        }
        let target = link.read_link().map_err(unseen(link))?;
        self.turn_to(&target);
        Ok(())
    }

    fn judge_place(&self, path: &Path, met: &Metadata) -> Result<(), ModulePathRefusal> {
        let access = FileAccess::at(path, met).map_err(unseen(path))?;
        let judged = access.judge(Policy::Code, &self.process);
        judged.map_err(|objection| refusal_of(path, met, objection))
    }
}

fn refusal_of(path: &Path, met: &Metadata, objection: Objection) -> ModulePathRefusal {
    let path = path.to_owned();
    match objection {
        Objection::Owner(owner) => ModulePathRefusal::ForeignOwner { path, owner },
        Objection::Open(_) => {
            let mode = met.mode() & 0o7777;
            ModulePathRefusal::OpenToOthers { path, mode }
        }
    }
}

fn examine(path: &Path) -> Result<Metadata, ModulePathRefusal> {
    path.symlink_metadata().map_err(unseen(path))
}

fn unseen(path: &Path) -> impl FnOnce(io::Error) -> ModulePathRefusal {
    let path = path.to_owned();
    move |cause| ModulePathRefusal::Unseen { path, cause }
}
