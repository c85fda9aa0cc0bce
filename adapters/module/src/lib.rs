//! What a key provider is to the program that holds it: a name, settings as data, and what opens it.
//!
//! A provider says everything that the program has to know of it in its [`Face`], which is compiled into
//! every binary; the command line, the environment, the refusals and the help follow from that. How it is
//! opened it says as a [`ProviderModule`]. Nothing here knows how a command line is read.

mod face;
mod flag;
mod module;
mod refusal;
mod scoped_name;
mod setting;
mod settings;
mod unsupported;

pub use face::{Face, TableRow};
pub use flag::{Flag, Kind, Unsaid};
/// What the methods of [`Prepared`] return.
pub use futures_util::future::BoxFuture;
pub use module::{Closed, LeftOut, Prepared, ProviderModule, announce};
pub use refusal::{Reason, Refusal};
pub use scoped_name::{handle_of, names_in};
pub use setting::{PREFIX, Setting, Source, quoted, variable};
pub use settings::{SecretText, Settings};
pub use unsupported::UnsupportedProvider;
