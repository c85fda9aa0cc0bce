//! The points themselves, by name.

use std::fmt;

/// Lists the calls of the driven ports, each with the name that its points open with.
macro_rules! port_calls {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A call of a driven port.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PortCall {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl PortCall {
            /// Every call that has points.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name that its points open with.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

port_calls! {
    Reserve = "registry.reserve",
    Complete = "registry.complete",
    Abandon = "registry.abandon",
    Pending = "registry.pending",
    Find = "registry.find",
    AnyOf = "registry.any_of",
    Current = "registry.current",
    List = "registry.list",
    Mark = "registry.mark",
    Unmark = "registry.unmark",
    Notices = "registry.notices",
    BeginRetirement = "registry.begin_retirement",
    UnsettledRetirements = "registry.unsettled_retirements",
    Retire = "registry.retire",
    ConfirmRetirement = "registry.confirm_retirement",
    LeaseHolds = "registry.lease_holds",
    CheckRegistry = "registry.check",
    CloseRegistry = "registry.close",
    ReserveRotation = "registry.reserve_rotation",
    OpenRotation = "registry.open_rotation",
    RotateTo = "registry.rotate_to",
    Rotation = "registry.rotation",
    RotationBetween = "registry.rotation_between",
    OpenRotations = "registry.open_rotations",
    CloseRotation = "registry.close_rotation",
    GenerateAtProvider = "provider.generate",
    SignAtProvider = "provider.sign",
    PublicKeyAtProvider = "provider.public_key",
    RetireAtProvider = "provider.retire",
    LocateAtProvider = "provider.locate",
    CheckProvider = "provider.check",
    Record = "audit.record",
    Note = "audit.note",
    OpenLog = "audit_file.open",
    AppendToLog = "audit_file.append",
    SyncLog = "audit_file.sync",
    TruncateLog = "audit_file.truncate",
    LookAtLog = "audit_file.standing",
    NoteRun = "audit_file.note_run",
    SignCheckpoint = "audit_file.sign_checkpoint",
    MakeKey = "audit_file.make_key",
}

impl PortCall {
    /// Whether a crash point counts as a place of its own for `any`. Checks and looks come and go
    /// with probes and caches, so that counting them would make a run differ from the next; nothing
    /// can be half done in them either, nor in the end of the registry's use.
    pub const fn counts(self) -> bool {
        match self {
            Self::Reserve
            | Self::Complete
            | Self::Abandon
            | Self::Pending
            | Self::Mark
            | Self::Unmark
            | Self::BeginRetirement
            | Self::UnsettledRetirements
            | Self::Retire
            | Self::ReserveRotation
            | Self::OpenRotation
            | Self::RotateTo
            | Self::RotationBetween
            | Self::OpenRotations
            | Self::CloseRotation
            | Self::ConfirmRetirement
            | Self::GenerateAtProvider
            | Self::SignAtProvider
            | Self::RetireAtProvider
            | Self::LocateAtProvider
            | Self::Record
            | Self::Note
            | Self::OpenLog
            | Self::AppendToLog
            | Self::SyncLog
            | Self::TruncateLog
            | Self::NoteRun
            | Self::SignCheckpoint
            | Self::MakeKey => true,
            Self::Find
            | Self::AnyOf
            | Self::Current
            | Self::List
            | Self::Notices
            | Self::LeaseHolds
            | Self::CheckRegistry
            | Self::CloseRegistry
            | Self::Rotation
            | Self::PublicKeyAtProvider
            | Self::CheckProvider
            | Self::LookAtLog => false,
        }
    }
}

/// Which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// Nothing has happened yet.
    Before,
    /// The effect is there, and nobody has heard of it.
    After,
}

/// One side of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// The call.
    pub call: PortCall,
    /// Which side of it.
    pub moment: Moment,
}

impl Point {
    /// Every point there is.
    pub fn all() -> impl Iterator<Item = Self> {
        PortCall::ALL
            .iter()
            .flat_map(|&call| [Moment::Before, Moment::After].map(|moment| Self { call, moment }))
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        write!(f, "{}.{moment}", self.call.as_str())
    }
}
