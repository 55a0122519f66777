//! What the system knows of this process, under the names that all Prometheus clients use.

/// What was found; `None` where this system does not say.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_files: Option<u64>,
    pub most_files: Option<u64>,
    pub started_at: Option<f64>,
}

impl Process {
    /// From `/proc`, where there is one.
    #[cfg(target_os = "linux")]
    pub(crate) fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        // The name in parentheses may hold anything; what comes after it is numbers, from the third field on.
        let stat = text("/proc/self/stat");
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let tick = rustix::param::clock_ticks_per_second() as f64;
        let booted = text("/proc/stat")
            .lines()
            .find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
        let limit = text("/proc/self/limits")
            .lines()
            .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) as f64 / tick),
            threads: field(20),
            started_at: field(22).zip(booted).map(|(ticks, booted)| booted + ticks as f64 / tick),
            virtual_bytes: field(23),
            resident_bytes: field(24).map(|pages| pages * rustix::param::page_size() as u64),
            // Less the one by which the folder is read.
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|all| (all.count() as u64).saturating_sub(1)),
            most_files: limit,
        }
    }

    /// Other systems are not asked.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn read() -> Self {
        Self::default()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_found_on_linux() {
        let process = Process::read();
        assert!(process.cpu_seconds.is_some_and(|seconds| seconds >= 0.0));
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{process:?}");
        assert!(process.virtual_bytes > process.resident_bytes, "{process:?}");
        assert!(process.open_files > Some(2) && process.most_files > process.open_files, "{process:?}");
        let age = crate::tls::now() as f64 - process.started_at.unwrap();
        assert!((-2.0..600.0).contains(&age), "{age}");
        assert!(process.threads >= Some(1));
    }
}
