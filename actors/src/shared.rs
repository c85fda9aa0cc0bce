//! What the actors share. Each part is a module of its own and knows nothing of the others.

use std::io;
use std::sync::Arc;

use signer_domain::ports::{GeneratedOrStanding, OpenedOrStanding};
use signer_domain::{KeyId, ProviderName, Scope};

use crate::currents::CurrentKeys;
use crate::flights::{Flights, Held};
use crate::key::Means;
use crate::keys::{Keys, Limits};
use crate::metrics::Metrics;
use crate::missing::MissingKeys;
use crate::own_acts::OwnActs;
use crate::ports::DrivenPorts;
use crate::providers::Providers;
use crate::settings::CustodySettings;
use crate::watch::{NoticeWatch, RotationWatch, UnsettledWatch};

/// What the supervisor, the providers' actors and custody share.
pub(crate) struct Shared {
    pub(crate) settings: CustodySettings,
    pub(crate) ports: DrivenPorts,
    pub(crate) metrics: Metrics,
    pub(crate) own_acts: OwnActs,
    /// What is known of each provider.
    pub(crate) providers: Arc<Providers>,
    /// From a handle to its actor.
    pub(crate) keys: Keys,
    /// From a scope to the handle that signs for it.
    pub(crate) currents: Arc<CurrentKeys>,
    /// The keys that their providers do not show.
    pub(crate) missing: Arc<MissingKeys>,
    /// The keys that are being made.
    pub(crate) generations: Flights<GeneratedOrStanding>,
    /// The same for the new keys of rotations. The registry reserves a name for one purpose at a time, so
    /// of the two tables no more than one asks a provider for it.
    pub(crate) openings: Flights<OpenedOrStanding>,
    /// What was last seen of the marks of keys, and of scopes that cannot sign.
    pub(crate) notices: NoticeWatch,
    /// What was last seen of the rotations that are open.
    pub(crate) rotations: RotationWatch,
    /// What was last seen of reservations that nobody settles.
    pub(crate) unsettled: UnsettledWatch,
}

impl Shared {
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn new(
        names: &[ProviderName],
        settings: CustodySettings,
        ports: DrivenPorts,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let own_acts = OwnActs::new(Arc::clone(&ports.audit));
        let max_in_flight = settings.max_in_flight;
        let providers = Arc::new(Providers::new(names, max_in_flight, metrics.clone()));
        let currents = Arc::<CurrentKeys>::default();
        let missing = Arc::new(MissingKeys::new(metrics.clone()));
        let means = Means {
            ports: ports.clone(),
            own_acts: own_acts.clone(),
            profile: settings.profile,
            verify_after_sign: settings.verify_after_sign,
            providers: Arc::clone(&providers),
            currents: Arc::clone(&currents),
            missing: Arc::clone(&missing),
            metrics: metrics.clone(),
        };
        let limits = Limits {
            resident: settings.resident_keys,
            queue: settings.queue_of_a_key(max_in_flight / names.len().max(1)),
        };
        Ok(Self {
            keys: Keys::new(Arc::new(means), limits)?,
            notices: NoticeWatch::new(metrics.clone()),
            rotations: RotationWatch::new(metrics.clone()),
            unsettled: UnsettledWatch::new(metrics.clone()),
            generations: Flights::default(),
            openings: Flights::default(),
            settings,
            ports,
            metrics,
            own_acts,
            providers,
            currents,
            missing,
        })
    }

    /// Reserves a name, so that no call makes its key for any purpose; `None` when a call is making it.
    pub(crate) fn hold(
        &self,
        scope: Scope,
        key_id: &KeyId,
    ) -> Option<(Held<'_, GeneratedOrStanding>, Held<'_, OpenedOrStanding>)> {
        let generation = self.generations.hold(scope, key_id)?;
        Some((generation, self.openings.hold(scope, key_id)?))
    }

    /// Whether a key of this name is being made, for whatever purpose.
    pub(crate) fn is_being_made(&self, scope: Scope, key_id: &KeyId) -> bool {
        self.generations.is_under_way(scope, key_id) || self.openings.is_under_way(scope, key_id)
    }
}
