//! The keys that a Compose file may have, and those that it may not.

/// What may stand below a key.
#[derive(Debug)]
pub(super) enum Keys {
    /// Whatever.
    Any,
    /// A mapping of these keys.
    Of(&'static [(&'static str, Keys)]),
    /// A mapping of names that the file chooses, or a list of such names.
    Named(&'static Keys),
    /// A list.
    List(&'static Keys),
}

use Keys::{Any, List, Named, Of};

/// Labels by which a container's project and deployment are known.
pub(super) const OUR_LABELS: [&str; 4] =
    ["dev.keyward.", "com.docker.compose.", "io.podman.", "com.docker.stack."];

/// Keys of a service that are never carried out, and why.
pub(super) const REFUSED: [(&str, &str); 8] = [
    ("build", "images are not built on this host"),
    ("provider", "it runs a program of the host"),
    ("develop", "it is for those who write the application"),
    ("models", "models are not supported"),
    ("use_api_socket", "it hands out the engine itself"),
    ("credential_spec", "it reads a file of the host"),
    ("annotations", "they tell the engine's runtime what to do"),
    ("isolation", "it is for Windows"),
];

const RESOURCES: Keys = Of(&[
    ("limits", Of(&[("cpus", Any), ("memory", Any), ("pids", Any)])),
    (
        "reservations",
        Of(&[
            ("cpus", Any),
            ("memory", Any),
            ("generic_resources", Any),
            (
                "devices",
                List(&Of(&[
                    ("capabilities", Any),
                    ("count", Any),
                    ("device_ids", Any),
                    ("driver", Any),
                    ("options", Any),
                ])),
            ),
        ]),
    ),
]);

const DEPLOY: Keys = Of(&[
    ("mode", Any),
    ("replicas", Any),
    ("labels", Any),
    ("resources", RESOURCES),
    ("restart_policy", Of(&[("condition", Any), ("delay", Any), ("max_attempts", Any), ("window", Any)])),
    ("update_config", Any),
    ("rollback_config", Any),
    ("placement", Any),
    ("endpoint_mode", Any),
]);

const HOOK: Keys = List(&Of(&[
    ("command", Any),
    ("user", Any),
    ("privileged", Any),
    ("working_dir", Any),
    ("environment", Any),
]));

const MOUNT: Keys = List(&Of(&[
    ("type", Any),
    ("source", Any),
    ("target", Any),
    ("read_only", Any),
    ("consistency", Any),
    ("bind", Of(&[("propagation", Any), ("create_host_path", Any), ("recursive", Any), ("selinux", Any)])),
    ("volume", Of(&[("nocopy", Any), ("subpath", Any), ("labels", Any)])),
    ("tmpfs", Of(&[("size", Any), ("mode", Any)])),
]));

const STORED: Keys =
    List(&Of(&[("source", Any), ("target", Any), ("uid", Any), ("gid", Any), ("mode", Any)]));

const ENDPOINT: Keys = Named(&Of(&[
    ("aliases", Any),
    ("driver_opts", Any),
    ("gw_priority", Any),
    ("interface_name", Any),
    ("ipv4_address", Any),
    ("ipv6_address", Any),
    ("link_local_ips", Any),
    ("mac_address", Any),
    ("priority", Any),
]));

/// Of a service.
pub(super) const SERVICE: &[(&str, Keys)] = &[
    ("attach", Any),
    ("blkio_config", Any),
    ("cap_add", Any),
    ("cap_drop", Any),
    ("cgroup", Any),
    ("cgroup_parent", Any),
    ("command", Any),
    ("configs", STORED),
    ("container_name", Any),
    ("cpu_count", Any),
    ("cpu_percent", Any),
    ("cpu_period", Any),
    ("cpu_quota", Any),
    ("cpu_rt_period", Any),
    ("cpu_rt_runtime", Any),
    ("cpu_shares", Any),
    ("cpus", Any),
    ("cpuset", Any),
    ("depends_on", Named(&Of(&[("condition", Any), ("restart", Any), ("required", Any)]))),
    ("deploy", DEPLOY),
    ("device_cgroup_rules", Any),
    ("devices", Any),
    ("dns", Any),
    ("dns_opt", Any),
    ("dns_search", Any),
    ("domainname", Any),
    ("entrypoint", Any),
    ("env_file", Any),
    ("environment", Any),
    ("expose", Any),
    ("extends", Of(&[("service", Any), ("file", Any)])),
    ("external_links", Any),
    ("extra_hosts", Any),
    ("gpus", Any),
    ("group_add", Any),
    (
        "healthcheck",
        Of(&[
            ("disable", Any),
            ("interval", Any),
            ("retries", Any),
            ("start_interval", Any),
            ("start_period", Any),
            ("test", Any),
            ("timeout", Any),
        ]),
    ),
    ("hostname", Any),
    ("image", Any),
    ("init", Any),
    ("ipc", Any),
    ("label_file", Any),
    ("labels", Any),
    ("links", Any),
    ("logging", Of(&[("driver", Any), ("options", Any)])),
    ("mac_address", Any),
    ("mem_limit", Any),
    ("mem_reservation", Any),
    ("mem_swappiness", Any),
    ("memswap_limit", Any),
    ("network_mode", Any),
    ("networks", ENDPOINT),
    ("oom_kill_disable", Any),
    ("oom_score_adj", Any),
    ("pid", Any),
    ("pids_limit", Any),
    ("platform", Any),
    (
        "ports",
        List(&Of(&[
            ("app_protocol", Any),
            ("host_ip", Any),
            ("mode", Any),
            ("name", Any),
            ("protocol", Any),
            ("published", Any),
            ("target", Any),
        ])),
    ),
    ("post_start", HOOK),
    ("pre_stop", HOOK),
    ("privileged", Any),
    ("profiles", Any),
    ("pull_policy", Any),
    ("pull_refresh_after", Any),
    ("read_only", Any),
    ("restart", Any),
    ("runtime", Any),
    ("scale", Any),
    ("secrets", STORED),
    ("security_opt", Any),
    ("shm_size", Any),
    ("stdin_open", Any),
    ("stop_grace_period", Any),
    ("stop_signal", Any),
    ("storage_opt", Any),
    ("sysctls", Any),
    ("tmpfs", Any),
    ("tty", Any),
    ("ulimits", Named(&Of(&[("soft", Any), ("hard", Any)]))),
    ("user", Any),
    ("userns_mode", Any),
    ("uts", Any),
    ("volumes", MOUNT),
    ("volumes_from", Any),
    ("working_dir", Any),
];

/// Of a network.
pub(super) const NETWORK: &[(&str, Keys)] = &[
    ("attachable", Any),
    ("driver", Any),
    ("driver_opts", Any),
    ("enable_ipv4", Any),
    ("enable_ipv6", Any),
    ("external", Any),
    ("internal", Any),
    (
        "ipam",
        Of(&[
            ("driver", Any),
            (
                "config",
                List(&Of(&[("subnet", Any), ("ip_range", Any), ("gateway", Any), ("aux_addresses", Any)])),
            ),
            ("options", Any),
        ]),
    ),
    ("labels", Any),
    ("name", Any),
];

/// Of a volume.
pub(super) const VOLUME: &[(&str, Keys)] =
    &[("driver", Any), ("driver_opts", Any), ("external", Any), ("labels", Any), ("name", Any)];

/// Of a secret or a config.
pub(super) const STORED_FILE: &[(&str, Keys)] = &[
    ("content", Any),
    ("environment", Any),
    ("external", Any),
    ("file", Any),
    ("labels", Any),
    ("name", Any),
];
