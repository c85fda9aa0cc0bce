//! `serve`: its own flags as they were typed. The configuration reads and judges them, and those of the
//! providers.

use clap::Args;

/// `serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// A provider of keys; the catalogue puts its names into the help
    #[arg(long, value_name = "NAME")]
    pub(crate) key_provider: Vec<String>,
    /// Run a ready set-up for trying things out: the software provider, with all state in
    /// ./.plexsphere-signer/, and print the lines to try
    #[arg(
        long,
        conflicts_with_all = [
            "key_provider", "socket", "socket_mode", "registry", "audit_log",
            "deployment_profile",
        ]
    )]
    pub(crate) dev: bool,
    /// The socket to serve on [env: PLEXSPHERE_SIGNER_SOCKET] [default:
    /// /run/plexsphere-signer/signer.sock]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<String>,
    /// The mode of the socket [env: PLEXSPHERE_SIGNER_SOCKET_MODE] [default: 0600]
    #[arg(long, value_name = "OCTAL")]
    pub(crate) socket_mode: Option<String>,
    /// Answer livez, readyz and metrics over TCP too [env: PLEXSPHERE_SIGNER_HEALTH_LISTEN]
    /// [default: off]
    #[arg(long, value_name = "ADDR:PORT|off")]
    pub(crate) health_listen: Option<String>,
    /// The registry of keys [env: PLEXSPHERE_SIGNER_REGISTRY] [default:
    /// sqlite:/var/lib/plexsphere-signer/registry.db]
    #[arg(long, value_name = "URL")]
    pub(crate) registry: Option<String>,
    /// The record of who asked for what, or none to keep none [env: PLEXSPHERE_SIGNER_AUDIT_LOG]
    /// [default: audit.jsonl beside the registry]
    #[arg(long, value_name = "PATH|none")]
    pub(crate) audit_log: Option<String>,
    /// What kind of installation this is: saas, selfhosted-single or selfhosted-multi [env:
    /// PLEXSPHERE_SIGNER_DEPLOYMENT_PROFILE] [default: selfhosted-single]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) deployment_profile: Option<String>,
    /// How long both keys of a rotation are to be in use before it should be closed [env:
    /// PLEXSPHERE_SIGNER_OVERLAP_WINDOW] [default: 24h]
    #[arg(long, value_name = "DURATION")]
    pub(crate) overlap_window: Option<String>,
    /// Release signatures unverified; refused unless software is the only provider
    #[arg(long)]
    pub(crate) no_verify_after_sign: bool,
    /// How long a request may take [env: PLEXSPHERE_SIGNER_REQUEST_DEADLINE] [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) request_deadline: Option<String>,
    /// How many requests may be under way at once [env: PLEXSPHERE_SIGNER_MAX_IN_FLIGHT] [default:
    /// 1024]
    #[arg(long, value_name = "N")]
    pub(crate) max_in_flight: Option<String>,
    /// How many bytes callers may take up with connections, heads, bodies and answers; what goes
    /// beyond is refused [env: PLEXSPHERE_SIGNER_MEMORY_BUDGET] [default: half of the memory limit of
    /// the control group, else a quarter of the memory, at most 1 GiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory_budget: Option<String>,
    /// How long to go on answering what was accepted before a stop; callers then have 5 s to read it [env:
    /// PLEXSPHERE_SIGNER_DRAIN_TIMEOUT] [default: 20s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) drain_timeout: Option<String>,
    /// The form of log lines: json or text [env: PLEXSPHERE_SIGNER_LOG_FORMAT] [default: json, but
    /// text when standard error is a terminal]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// What to log: error, warn, info, debug or trace [env: PLEXSPHERE_SIGNER_LOG_LEVEL] [default:
    /// info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}
