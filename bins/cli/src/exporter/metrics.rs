//! The metrics of a license, in the two text formats that scrapers read.

use keyward_token::Health;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text 0.0.4, which the textfile collector reads, too.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for: OpenMetrics where it is wanted, and no less than text.
    pub(crate) fn asked_for(accept: &str) -> Self {
        let quality = |media: &str| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                if !parts.next()?.eq_ignore_ascii_case(media) {
                    return None;
                }
                let mut quality = 1.0;
                for part in parts {
                    match part
                        .split_once('=')
                        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
                    {
                        Some(("q" | "Q", value)) => quality = value.parse().unwrap_or(0.0),
                        // A later version is not ours.
                        Some(("version", version)) if !matches!(version, "0.0.1" | "0.0.4" | "1.0.0") => {
                            return None;
                        }
                        _ => {}
                    }
                }
                Some(quality)
            });
            ranges.fold(0.0_f32, f32::max)
        };
        let open = quality("application/openmetrics-text");
        if open > 0.0 && open >= quality("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Names and meanings are a promise: docs/operations/license-health.md.
const END: Metric = Metric {
    name: "keyward_license_end_timestamp_seconds",
    unit: "seconds",
    help: "When the license ends by its contract, in seconds since 1970. Absent for a license without end.",
};
const GRACE_END: Metric = Metric {
    name: "keyward_license_grace_end_timestamp_seconds",
    unit: "seconds",
    help: "When the grace after the end is over and the license no longer valid, in seconds since 1970. Without a grace, the end.",
};
const VALID: Metric = Metric {
    name: "keyward_license_valid",
    unit: "",
    help: "Whether the license is valid (1), or has ended, has not begun, is revoked or suspended, or its status is unknown (0).",
};
const LIST_AGE: Metric = Metric {
    name: "keyward_license_status_list_age_seconds",
    unit: "seconds",
    help: "How long ago the status list of the license was issued.",
};

struct Metric {
    name: &'static str,
    unit: &'static str,
    help: &'static str,
}

/// All there is to tell. A metric that has no value is absent, and so are all of them without a license: a number in their
/// place would be an alarm of its own.
pub(crate) fn exposition(health: Option<&Health>, format: Format) -> String {
    let mut text = String::new();
    if let Some(health) = health {
        let seconds = |age: u64| i64::try_from(age).unwrap_or(i64::MAX);
        let values = [
            (END, health.ends_at().map(|at| at.as_i64())),
            (GRACE_END, health.expires_at().map(|at| at.as_i64())),
            (VALID, Some(i64::from(health.is_valid()))),
            (LIST_AGE, health.list_age_seconds().map(seconds)),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                gauge(&mut text, &metric, value, format);
            }
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn gauge(text: &mut String, metric: &Metric, value: i64, format: Format) {
    let Metric { name, unit, help } = metric;
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
    if format == Format::OpenMetrics && !unit.is_empty() {
        text.push_str(&format!("# UNIT {name} {unit}\n"));
    }
    text.push_str(&format!("{name} {value}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_what_the_scraper_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            ("Application/OpenMetrics-Text", Format::OpenMetrics),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;version=2.0.0", Format::Prometheus),
            ("application/openmetrics-text;q=0.1,text/plain;q=0.2", Format::Prometheus),
            ("text/html,*/*", Format::Prometheus),
            ("application/openmetrics-text;q=NaN", Format::Prometheus),
            ("", Format::Prometheus),
            (";;,q=;=", Format::Prometheus),
        ] {
            assert_eq!(Format::asked_for(accept), format, "{accept}");
        }
    }

    #[test]
    fn nothing_is_told_without_a_license() {
        assert_eq!(exposition(None, Format::Prometheus), "");
        assert_eq!(exposition(None, Format::OpenMetrics), "# EOF\n");
    }
}
