//! The flags that tell `serve` how to use AWS KMS.

use clap::Args;

/// Which keys, where, and how much of the quota.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "AWS KMS options")]
pub(crate) struct AwsArgs {
    /// The region of the keys [env: PLEXSPHERE_SIGNER_AWS_REGION] [default: what AWS_REGION, the AWS
    /// configuration files or the machine say]
    #[arg(id = "aws_region", long = "aws-region", value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Call this URL instead of the region's own endpoint [env: PLEXSPHERE_SIGNER_AWS_ENDPOINT_URL]
    #[arg(id = "aws_endpoint_url", long = "aws-endpoint-url", value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// The profile of the AWS configuration files to take credentials from [env:
    /// PLEXSPHERE_SIGNER_AWS_PROFILE] [default: what AWS_PROFILE says]
    #[arg(id = "aws_profile", long = "aws-profile", value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// What opens the alias of every key [env: PLEXSPHERE_SIGNER_AWS_ALIAS_PREFIX] [default:
    /// plexsphere-signer]
    #[arg(
        id = "aws_alias_prefix",
        long = "aws-alias-prefix",
        value_name = "PREFIX"
    )]
    pub(crate) alias_prefix: Option<String>,
    /// Schedule the deletion of a retired key, too, this many days ahead, 7 to 30 [env:
    /// PLEXSPHERE_SIGNER_AWS_SCHEDULE_DELETION_DAYS] [default: off]
    #[arg(
        id = "aws_schedule_deletion_days",
        long = "aws-schedule-deletion-days",
        value_name = "N"
    )]
    pub(crate) schedule_deletion_days: Option<String>,
    /// How many signatures may be under way at once; half of them by one key [env:
    /// PLEXSPHERE_SIGNER_AWS_MAX_IN_FLIGHT] [default: 64]
    #[arg(id = "aws_max_in_flight", long = "aws-max-in-flight", value_name = "N")]
    pub(crate) max_in_flight: Option<String>,
    /// How many calls may be begun in a second [env: PLEXSPHERE_SIGNER_AWS_REQUESTS_PER_SECOND]
    /// [default: 200]
    #[arg(
        id = "aws_requests_per_second",
        long = "aws-requests-per-second",
        value_name = "N"
    )]
    pub(crate) requests_per_second: Option<String>,
}
