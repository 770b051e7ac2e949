// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! From a send to its handling: latency-idle, latency-loaded, latency-stuck.

use crate::load::{work_rounds, Chat};
use crate::report::{check, report, wait_until};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio::task::yield_now;

const PERIOD: Duration = Duration::from_micros(100);
const WARM_UP: Duration = Duration::from_millis(20);
const STUCK: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(10);

/// Notes how late each stamp is.
async fn target(mut mailbox: UnboundedReceiver<Instant>) -> Vec<i64> {
    let mut all = Vec::with_capacity(100_000);
    while let Some(due) = mailbox.recv().await {
        all.push(due.elapsed().as_nanos() as i64);
    }
    all
}

pub fn report_latencies(row: &str, mut all: Vec<i64>, took: Duration) {
    all.sort_unstable();
    let quantile = |per_mille: usize| all[(all.len() * per_mille + 999) / 1000 - 1];
    let extra = format!(
        " p50_ns={} p99_ns={} p999_ns={} max_ns={}",
        quantile(500),
        quantile(990),
        quantile(999),
        quantile(1000)
    );
    report(row, all.len() as i64, took, &extra);
}

/// A plain thread sends now and then.
pub fn idle(runtime: &Runtime, n: &[i64]) {
    probe(runtime, "latency-idle-1ms", Duration::from_millis(1), n[0]);
    let probes = 20 * n[0];
    probe(
        runtime,
        "latency-idle-20us",
        Duration::from_micros(20),
        probes,
    );
}

fn probe(runtime: &Runtime, row: &str, period: Duration, probes: i64) {
    let (to, mailbox) = unbounded_channel();
    let measured = runtime.spawn(target(mailbox));
    let start = Instant::now();
    for _ in 0..probes {
        wait_until(Instant::now() + period);
        let _ = to.send(Instant::now());
    }
    let took = start.elapsed();
    drop(to);
    let all = runtime.block_on(measured).unwrap();
    check(all.len() as i64 == probes, "every probe arrived");
    report_latencies(row, all, took);
}

/// A prober sends about each 100 us, beside 100 pairs that play at full speed. When it does not get
/// its turn it is late, and that counts.
pub fn loaded(runtime: &Runtime, n: &[i64]) {
    let time = Duration::from_millis(n[0] as u64);
    let rounds = work_rounds(1000);
    probe_beside(runtime, "latency-loaded-light", 0, time);
    probe_beside(runtime, "latency-loaded-1us", rounds, time);
}

fn probe_beside(runtime: &Runtime, row: &str, work: i64, time: Duration) {
    let (to, mailbox) = unbounded_channel();
    let measured = runtime.spawn(target(mailbox));
    let load = Chat::start(runtime, 100, work);
    std::thread::sleep(WARM_UP);
    let prober = runtime.spawn(async move {
        let start = Instant::now(); // a task that was spawned by a thread may wait long before
        let (mut probes, mut due) = (0, start + PERIOD);
        loop {
            yield_now().await;
            let now = Instant::now();
            if now >= due {
                let _ = to.send(due);
                due = now + PERIOD;
                probes += 1;
            }
            if now >= start + time {
                return (probes, start.elapsed());
            }
        }
    });
    let (probes, took): (i64, _) = runtime.block_on(prober).unwrap();
    let all = runtime.block_on(measured).unwrap();
    check(all.len() as i64 == probes, "every probe arrived");
    check(load.halt(runtime) > probes, "there was a load");
    report_latencies(row, all, took);
}

/// 500 pairs play beside a task that now and then does not yield for 50 ms.
pub fn stuck(runtime: &Runtime, n: &[i64]) {
    let worst = Arc::new(AtomicI64::new(0));
    let halted = Arc::new(AtomicBool::new(false));
    let (jobs, mut mailbox) = unbounded_channel::<oneshot::Sender<()>>();
    runtime.spawn(async move {
        while let Some(done) = mailbox.recv().await {
            let until = Instant::now() + STUCK;
            while Instant::now() < until {}
            let _ = done.send(());
        }
    });
    let started = Arc::new(AtomicI64::new(0));
    for _ in 0..500 {
        let (to_first, first) = unbounded_channel();
        let (to_second, second) = unbounded_channel();
        let _ = to_first.send(Instant::now());
        for (mut mailbox, partner) in [(first, to_second), (second, to_first)] {
            let (worst, halted) = (worst.clone(), halted.clone());
            let started = started.clone();
            runtime.spawn(async move {
                started.fetch_add(1, Relaxed);
                while let Some(sent) = mailbox.recv().await {
                    let now = Instant::now();
                    let ns = (now - sent).as_nanos() as i64;
                    if ns > worst.load(Relaxed) {
                        worst.fetch_max(ns, Relaxed);
                    }
                    if halted.load(Relaxed) {
                        break;
                    }
                    let _ = partner.send(now);
                }
            });
        }
    }
    while started.load(Relaxed) < 1000 {
        std::thread::sleep(PAUSE);
    }
    let mut all = vec![];
    let start = Instant::now();
    while (all.len() as i64) < n[0] && start.elapsed() < Duration::from_secs(3) {
        let (done, end) = oneshot::channel();
        worst.store(0, Relaxed);
        let _ = jobs.send(done);
        end.blocking_recv().unwrap();
        std::thread::sleep(PAUSE);
        all.push(worst.load(Relaxed));
        check(all[all.len() - 1] > 0, "balls were played");
    }
    let took = start.elapsed();
    halted.store(true, Relaxed);
    report_latencies("latency-stuck", all, took);
}
