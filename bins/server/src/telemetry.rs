//! The log, on stderr, and traces where they are asked for.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, Settings};
use crate::traces::{TARGET, Traces};

/// Starts logging, and with `traced` sending traces, if the settings say where to.
pub(crate) fn start(settings: &Settings, traced: bool) -> anyhow::Result<Option<Traces>> {
    let filter =
        EnvFilter::try_new(&settings.log).with_context(|| format!("KEYWARD_LOG “{}”", settings.log))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
        LogFormat::Pretty => {
            let lines = lines.with_target(false).with_ansi(std::io::stderr().is_terminal());
            lines.with_filter(filter).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let to = settings.traces.as_ref().filter(|_| traced);
    let Some(to) = to else {
        tracing_subscriber::registry().with(log).init();
        return Ok(None);
    };
    let traces = Traces::start(to, &settings.authorities)?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer())
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(TARGET, LevelFilter::DEBUG));
    tracing_subscriber::registry().with(log).with(spans).init();
    Ok(Some(traces))
}
