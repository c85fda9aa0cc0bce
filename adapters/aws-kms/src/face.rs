//! What every binary knows of the provider of AWS KMS.

use signer_cloud::{flag_of_calls_at_once, flag_of_calls_per_second};
use signer_domain::ProviderName;
use signer_module::{Face, Flag, Kind, TableRow, Unsaid};

pub(crate) const REGION: Flag = Flag {
    name: "--aws-region",
    value: "REGION",
    kind: Kind::Text,
    unsaid: Unsaid::Otherwise("what AWS_REGION, the AWS configuration files or the machine say"),
    help: "The region of the keys",
};
pub(crate) const ENDPOINT_URL: Flag = Flag {
    name: "--aws-endpoint-url",
    value: "URL",
    kind: Kind::Url,
    unsaid: Unsaid::Nothing,
    help: "Call this URL instead of the region's own endpoint",
};
pub(crate) const PROFILE: Flag = Flag {
    name: "--aws-profile",
    value: "NAME",
    kind: Kind::Text,
    unsaid: Unsaid::Otherwise("what AWS_PROFILE says"),
    help: "The profile of the AWS configuration files to take credentials from",
};
pub(crate) const ALIAS_PREFIX: Flag = Flag {
    name: "--aws-alias-prefix",
    value: "PREFIX",
    kind: Kind::Text,
    unsaid: Unsaid::Default("plexsphere-signer"),
    help: "What opens the alias of every key",
};
pub(crate) const SCHEDULE_DELETION_DAYS: Flag = Flag {
    name: "--aws-schedule-deletion-days",
    value: "N",
    kind: Kind::Text,
    unsaid: Unsaid::Otherwise("off"),
    help: "Schedule the deletion of a retired key, too, this many days ahead, 7 to 30",
};
/// As many calls as keep 300 a second busy at a latency of 200 ms.
pub(crate) const MAX_IN_FLIGHT: Flag = flag_of_calls_at_once(
    "--aws-max-in-flight",
    "How many signatures may be under way at once; half of them by one key",
);
/// AWS grants an account 1,000 signatures a second by elliptic-curve keys, and others may want some of
/// them.
pub(crate) const REQUESTS_PER_SECOND: Flag = flag_of_calls_per_second(
    "--aws-requests-per-second",
    "200",
    "How many calls may be begun in a second",
);

pub(crate) static FACE: Face = Face {
    heading: "AWS KMS options",
    flags: &[
        REGION,
        ENDPOINT_URL,
        PROFILE,
        ALIAS_PREFIX,
        SCHEDULE_DELETION_DAYS,
        MAX_IN_FLIGHT,
        REQUESTS_PER_SECOND,
    ],
    credential_files: &[
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ],
    in_table: &[TableRow {
        way: None,
        lives: "AWS KMS; see [docs/cloud](cloud/README.md)",
        exported_by: "nobody",
        takes: "a call over the network",
        retiring: "disables the key",
        permissions: "[policy](cloud/aws-kms-policy.json)",
    }],
    ..Face::bare(ProviderName::new("aws-kms"))
};
