//! The access control list of a file, in the form of the extended attribute that holds it: a version and
//! entries of tag, permissions and id, all little-endian (`linux/posix_acl_xattr.h`).

use std::io;

use rustix::io::Errno;

use super::grantee::Grantee;

/// The attribute that holds the list.
pub(super) const ACCESS_LIST: &str = "system.posix_acl_access";

const VERSION: u32 = 2;
const ENTRY: usize = 8;
/// The kernel takes no attribute above 64 KiB (xattr(7)).
const LARGEST: usize = 65536;

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// Reads the attribute with `ask`, which fills a buffer and tells how much it filled. `None` when there is
/// no list, or when the file system knows none.
pub(super) fn read(
    ask: impl FnOnce(&mut [u8]) -> Result<usize, Errno>,
) -> io::Result<Option<Vec<u8>>> {
    let mut list = vec![0; LARGEST];
    match ask(&mut list) {
        Ok(length) => {
            list.truncate(length);
            Ok(Some(list))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a list grants beside the owner of the file, each after the mask; `None` when it is malformed.
pub(super) fn grants(list: &[u8], owning_group: u32) -> Option<Vec<(Grantee, u32)>> {
    let (version, entries) = list.split_first_chunk::<4>()?;
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if u32::from_le_bytes(*version) != VERSION || !rest.is_empty() {
        return None;
    }
    let entries: Vec<(u16, u32, u32)> = entries.iter().copied().map(entry).collect();
    let mask = entries.iter().find(|(tag, ..)| *tag == MASK);
    let mask = mask.map_or(0o7, |(_, permission, _)| *permission);
    let mut grants = Vec::new();
    for (tag, permission, id) in entries {
        match tag {
            OWNER | MASK => {}
            USER => grants.push((Grantee::User(id), permission & mask)),
            OWNING_GROUP => grants.push((Grantee::Group(owning_group), permission & mask)),
            GROUP => grants.push((Grantee::Group(id), permission & mask)),
            OTHER => grants.push((Grantee::Everyone, permission)),
            _ => return None,
        }
    }
    Some(grants)
}

fn entry(bytes: [u8; ENTRY]) -> (u16, u32, u32) {
    let [t0, t1, p0, p1, i0, i1, i2, i3] = bytes;
    (
        u16::from_le_bytes([t0, t1]),
        u16::from_le_bytes([p0, p1]).into(),
        u32::from_le_bytes([i0, i1, i2, i3]),
    )
}
