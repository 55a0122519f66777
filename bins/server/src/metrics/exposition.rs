//! Metrics as text, in the two formats that scrapers read: Prometheus text 0.0.4 and OpenMetrics 1.0.

use std::fmt::{Display, Write as _};

use keyward_engine::metrics::Histogram;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for: OpenMetrics where it is named before plain text or alone. Scrapers name what they prefer
    /// first.
    pub(crate) fn asked_for(accept: &str) -> Self {
        let place = |media: &str| accept.to_ascii_lowercase().find(media);
        match (place("application/openmetrics-text"), place("text/plain")) {
            (Some(open), Some(plain)) if open > plain => Self::Prometheus,
            (Some(_), _) => Self::OpenMetrics,
            (None, _) => Self::Prometheus,
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They only go up.
    Counter,
    /// They stand somewhere.
    Gauge,
    /// They were counted by how large they are.
    Histogram,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric: names and meanings are a promise, docs/operations/monitoring.md.
#[derive(Debug)]
pub(crate) struct Family {
    /// Its name, with the unit; of a counter with `_total`.
    pub name: &'static str,
    pub kind: Kind,
    /// What it says, in a sentence without a full stop at its end.
    pub help: &'static str,
}

/// The text, metric by metric.
pub(crate) struct Exposition {
    text: String,
    format: Format,
}

/// The samples of one metric.
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    family: &'static Family,
}

impl Exposition {
    pub(crate) fn new(format: Format) -> Self {
        Self { text: String::with_capacity(64 * 1024), format }
    }

    /// Begins a metric. All its samples come next.
    pub(crate) fn family(&mut self, family: &'static Family) -> Samples<'_> {
        // OpenMetrics names a counter without the end that its samples have.
        let name = match self.format {
            Format::OpenMetrics => family.name.strip_suffix("_total").unwrap_or(family.name),
            Format::Prometheus => family.name,
        };
        let (kind, help) = (family.kind.as_str(), family.help);
        let _ = write!(self.text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n");
        let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        Samples { text: &mut self.text, family }
    }

    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

impl Samples<'_> {
    /// A value, with the labels it has.
    pub(crate) fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.sample("", labels, None, value)
    }

    /// A duration in seconds, known in microseconds.
    pub(crate) fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        histogram: &Histogram,
        scale: Scale,
    ) -> &mut Self {
        let counted = histogram.counted();
        for (bound, count) in counted.up_to {
            self.sample("_bucket", labels, Some(&scale.written(bound)), count);
        }
        self.sample("_bucket", labels, Some("+Inf"), counted.count);
        self.sample("_sum", labels, None, scale.written(counted.sum));
        self.sample("_count", labels, None, counted.count)
    }

    fn sample(
        &mut self,
        end: &str,
        labels: &[(&str, &str)],
        bound: Option<&str>,
        value: impl Display,
    ) -> &mut Self {
        self.text.push_str(self.family.name);
        self.text.push_str(end);
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut before = '{';
        for (name, value) in labels {
            let _ = write!(self.text, "{before}{name}=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    letter => self.text.push(letter),
                }
            }
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
        self
    }
}

/// What the numbers of a histogram are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Microseconds, told in seconds.
    Micros,
    /// Things.
    Things,
}

impl Scale {
    fn written(self, number: u64) -> String {
        match self {
            // Written as OpenMetrics has canonical bounds: with a point.
            Self::Micros => format!("{:?}", number as f64 / 1e6),
            Self::Things => format!("{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Family = Family { name: "x_seen_total", kind: Kind::Counter, help: "How many were seen" };
    const TOOK: Family = Family { name: "x_took_seconds", kind: Kind::Histogram, help: "How long it took" };

    fn written(format: Format) -> String {
        static SEEN: Family = self::SEEN;
        static TOOK: Family = self::TOOK;
        let mut text = Exposition::new(format);
        text.family(&SEEN).value(&[("route", "a\\b\"c\nd"), ("code", "200")], 7_u64);
        let histogram = Histogram::new(&[500, 1_000_000]);
        histogram.observe(400);
        histogram.observe(2_000_000);
        text.family(&TOOK).histogram(&[], &histogram, Scale::Micros);
        text.finish()
    }

    #[test]
    fn both_formats_say_the_same() {
        assert_eq!(
            written(Format::Prometheus),
            "# HELP x_seen_total How many were seen.\n\
             # TYPE x_seen_total counter\n\
             x_seen_total{route=\"a\\\\b\\\"c\\nd\",code=\"200\"} 7\n\
             # HELP x_took_seconds How long it took.\n\
             # TYPE x_took_seconds histogram\n\
             x_took_seconds_bucket{le=\"0.0005\"} 1\n\
             x_took_seconds_bucket{le=\"1.0\"} 1\n\
             x_took_seconds_bucket{le=\"+Inf\"} 2\n\
             x_took_seconds_sum 2.0004\n\
             x_took_seconds_count 2\n"
        );
        let open = written(Format::OpenMetrics);
        assert!(open.starts_with("# HELP x_seen How many were seen.\n# TYPE x_seen counter\nx_seen_total{"));
        assert!(open.contains("# TYPE x_took_seconds histogram\n# UNIT x_took_seconds seconds\n"));
        assert!(open.ends_with("\n# EOF\n"), "{open}");
    }

    #[test]
    fn the_format_is_what_the_scraper_prefers() {
        for (accept, format) in [
            (
                "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
                Format::OpenMetrics,
            ),
            ("text/plain;version=0.0.4,application/openmetrics-text;q=0.5", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("", Format::Prometheus),
        ] {
            assert_eq!(Format::asked_for(accept), format, "{accept}");
        }
    }
}
