//! No argument, file or clock makes the host panic or wait.

use std::path::Path;
use std::time::{Duration, Instant};

use keyward_client::test_kit::Failure;
use keyward_client::{Client, Decision, Lapsed};

use crate::{GONE, KEY, asking, mock};

#[test]
fn no_length_of_time_panics() {
    let client = asking(GONE).offline_days(u16::MAX).timeout(Duration::MAX).build().unwrap();
    assert!(!client.check("key", None).may_run());
    let none = asking(GONE).timeout(Duration::ZERO).build().unwrap();
    assert!(!none.check("key", None).may_run());
    let tolerant = asking(GONE).clock_tolerance_seconds(u32::MAX).build().unwrap();
    assert!(!tolerant.check(&"k".repeat(1 << 20), Some("\0")).may_run());
}

/// What is decided within the timeout of two seconds, by little.
fn in_time(client: Client) -> Decision {
    let (to, from) = std::sync::mpsc::channel();
    std::thread::spawn(move || drop(to.send(client.check(KEY, None))));
    from.recv_timeout(Duration::from_secs(4)).expect("an answer in time")
}

#[cfg(unix)]
fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name);
    pipe(&there("pipe"));
    std::fs::create_dir(there("folder")).unwrap();
    std::os::unix::fs::symlink(there("pipe"), there("link")).unwrap();
    let server = mock();
    for path in [there("pipe"), there("folder"), there("link"), "/dev/zero".into(), "/dev/tty".into()] {
        let offline = in_time(asking(GONE).keep_in(&path).build().unwrap());
        assert!(
            matches!(&offline, Decision::Unknown { lapsed: Some(Lapsed::Unreadable(_)), .. }),
            "{path:?} {offline}"
        );
        let online = in_time(asking(&server.url()).keep_in(&path).build().unwrap());
        assert!(online.may_run() && online.not_kept().is_some(), "{path:?} {online}");
        // It is what it was.
        assert!(!std::fs::metadata(path).is_ok_and(|found| found.is_file()));
    }
    let nowhere = there("no/such/folder/license.json");
    let online = in_time(asking(&server.url()).keep_in(&nowhere).build().unwrap());
    let error = online.not_kept().expect("a reason");
    assert_eq!((error.path(), error.io_error().kind()), (nowhere.as_path(), std::io::ErrorKind::NotFound));
    let full = in_time(asking(&server.url()).keep_in("/dev/full").build().unwrap());
    assert!(full.not_kept().is_some() && Path::new("/dev/full").exists());
}

#[cfg(unix)]
#[test]
fn what_lies_beside_the_file_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    pipe(&folder.path().join("license.new"));
    for place in 0..16 {
        let beside = folder.path().join(format!(".license.json.{place}.new"));
        match place % 3 {
            0 => pipe(&beside),
            1 => std::fs::create_dir(&beside).unwrap(),
            _ => std::fs::write(&beside, "x").unwrap(),
        }
        let server = mock();
        let decision = in_time(asking(&server.url()).keep_in(&file).build().unwrap());
        assert_eq!(decision.not_kept().is_some(), place == 15, "{place} {decision}");
    }
    // What was left by a process that is gone makes room.
    let left = folder.path().join(".license.json.2.new");
    assert!(
        std::process::Command::new("touch").args(["-d", "1 hour ago"]).arg(left).status().unwrap().success()
    );
    let server = mock();
    assert!(in_time(asking(&server.url()).keep_in(&file).build().unwrap()).not_kept().is_none());
}

#[test]
fn a_large_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    std::fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
    let begun = Instant::now();
    let decision = in_time(asking(GONE).keep_in(&file).build().unwrap());
    assert!(matches!(decision, Decision::Unknown { lapsed: Some(Lapsed::Unreadable(_)), .. }));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let server = mock();
    assert!(in_time(asking(&server.url()).keep_in(&file).build().unwrap()).not_kept().is_none());
    assert!(std::fs::metadata(&file).unwrap().len() < 10_000, "the answer takes its place");
}

#[test]
fn a_check_ends_in_time_whatever_the_server_does() {
    for failure in [Failure::Silence, Failure::Drip] {
        let server = mock();
        server.rotate_key();
        server.fail(Some(failure.clone()));
        let begun = Instant::now();
        let client = asking(&server.url()).timeout(Duration::from_secs(1));
        let client =
            client.refresh_keys_from(keyward_client::KeySource::Url(server.jwks_url())).build().unwrap();
        assert!(!client.check(KEY, None).may_run());
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{failure:?} {:?}", begun.elapsed());
    }
    // Servers that never speak TLS, or begin a record of 16 KiB and go on byte by byte.
    for drips in [false, true] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let bytes = [0x16, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat_n(2, 100));
            for byte in bytes.filter(|_| drips) {
                std::thread::sleep(Duration::from_millis(100));
                let _ = std::io::Write::write_all(&mut stream, &[byte]);
            }
            std::thread::sleep(Duration::from_secs(10));
        });
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let client = asking(&url).timeout(Duration::from_secs(1)).tls_provider(provider).build().unwrap();
        let begun = Instant::now();
        assert!(!client.check(KEY, None).may_run());
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{drips} {:?}", begun.elapsed());
    }
}

#[test]
fn async_code_is_not_held_up() {
    use std::future::Future as _;
    use std::task::{Context, Poll, Waker};

    let server = mock();
    let client = asking(&server.url()).build().unwrap();
    let mut check = Box::pin(client.check_async(KEY, None));
    let begun = Instant::now();
    let decision = loop {
        let polled = Instant::now();
        match check.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(decision) => break decision,
            Poll::Pending => assert!(polled.elapsed() < Duration::from_millis(100)),
        }
        assert!(begun.elapsed() < Duration::from_secs(4));
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(decision.may_run());
    let is_send = |_: &dyn Send| ();
    is_send(&client.check_async(KEY, None));
}

#[test]
fn nothing_shows_a_secret() {
    let builder = asking(GONE);
    let client = builder.clone().build().unwrap();
    let decision = client.check("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", None);
    let shown = format!("{builder:?} {client:?} {decision:?} {decision}");
    assert!(!shown.contains("kw_prod_x") && !shown.contains("7ZZQ2"), "{shown}");
}
