//! One file, many processes. This test's own program is each of them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keyward_client::test_kit::MockServer;

use crate::{GONE, KEY, asking, mock};

const URL: &str = "KEYWARD_TEST_URL";
const FILE: &str = "KEYWARD_TEST_FILE";

/// What a process of the tests below does: asks without end, and keeps each answer.
#[test]
#[ignore = "it is run by the tests below, and never ends"]
#[expect(clippy::disallowed_methods, reason = "the settings of a process")]
fn ask_without_end() {
    let client = asking(&std::env::var(URL).unwrap()).keep_in(std::env::var(FILE).unwrap()).build().unwrap();
    loop {
        assert!(client.check(KEY, None).not_kept().is_none());
    }
}

fn process(server: &MockServer, file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "processes::ask_without_end"])
        .envs([(URL, server.url().as_str()), (FILE, file.to_str().unwrap())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads the file without end while two processes replace it: reads, empty ones, and those that don't count.
fn shared(time: Duration) -> (u64, u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    let server = mock();
    let mut processes = [process(&server, &file), process(&server, &file)];
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (mut reads, mut empty, mut corrupt) = (0, 0, 0);
    let begun = Instant::now();
    while begun.elapsed() < time {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        reads += 1;
        empty += u64::from(text.is_empty());
        corrupt += u64::from(serde_json::from_str::<serde_json::Value>(&text).is_err());
        if reads % 100 == 0 && !asking(GONE).keep_in(&file).build().unwrap().check(KEY, None).may_run() {
            corrupt += 1;
        }
    }
    for process in &mut processes {
        assert!(process.try_wait().unwrap().is_none(), "it failed to keep an answer");
        process.kill().unwrap();
        process.wait().unwrap();
    }
    (reads, empty, corrupt)
}

/// Kills a process while it writes, so often, and counts how often the kept answer did not count then.
fn killed(times: u32) -> (u32, usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    let server = mock();
    assert!(asking(&server.url()).keep_in(&file).build().unwrap().check(KEY, None).may_run());
    let mut lost = 0;
    for time in 0..times {
        let mut process = process(&server, &file);
        std::thread::sleep(Duration::from_millis(30 + u64::from(time) * 7 % 40));
        process.kill().unwrap();
        process.wait().unwrap();
        lost += u32::from(!asking(GONE).keep_in(&file).build().unwrap().check(KEY, None).may_run());
    }
    (lost, std::fs::read_dir(folder.path()).unwrap().count())
}

#[test]
fn two_processes_share_a_file() {
    let (reads, empty, corrupt) = shared(Duration::from_secs(2));
    assert!(reads > 100);
    assert_eq!((empty, corrupt), (0, 0), "of {reads}");
}

#[test]
fn a_process_that_is_killed_loses_nothing() {
    let (lost, files) = killed(20);
    assert_eq!(lost, 0);
    assert!(files <= 17);
}

#[test]
#[ignore = "takes two minutes: the figures of docs and changelog"]
#[expect(clippy::print_stdout, reason = "it is run to see them")]
fn long() {
    let (reads, empty, corrupt) = shared(Duration::from_secs(60));
    println!("two processes for a minute: {reads} reads, {empty} empty, {corrupt} corrupt");
    let (lost, files) = killed(800);
    println!("800 kills: {lost} lost, {files} files");
    assert_eq!((empty, corrupt, lost), (0, 0, 0));
}
