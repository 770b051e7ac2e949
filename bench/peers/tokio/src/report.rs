// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

use std::time::{Duration, Instant};

/// Ends the program when a workload computed the wrong result.
pub fn check(ok: bool, what: &str) {
    if !ok {
        eprintln!("CHECK FAILED: {what}");
        std::process::exit(1);
    }
}

/// Prints the one line that the driver reads.
pub fn report(workload: &str, n: i64, took: Duration, extra: &str) {
    let seconds = took.as_secs_f64();
    let rate = n as f64 / seconds;
    println!("workload={workload} peer=tokio n={n} seconds={seconds:.6} rate={rate:.0}{extra}");
}

/// Sleeps, or spins when that is too short for a sleep.
pub fn wait_until(due: Instant) {
    if let Some(time) = due.checked_duration_since(Instant::now() + Duration::from_micros(200)) {
        std::thread::sleep(time + Duration::from_micros(200));
    }
    while Instant::now() < due {}
}

/// The memory the process holds now.
pub fn resident_bytes() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<i64>()
        .unwrap()
        * 4096
}

/// xorshift64: good enough to pick somebody.
pub fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
