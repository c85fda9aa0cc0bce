//! Who may do something with a file.

use std::fmt;

/// The holders of a permission, beside the owner of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grantee {
    /// A user.
    User(u32),
    /// The users of a group.
    Group(u32),
    /// Every user.
    Everyone,
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "uid {user}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::Everyone => f.write_str("everyone"),
        }
    }
}
