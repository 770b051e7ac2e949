// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! What a runtime offers beside messages: ask, restart, timers.

use crate::report::{check, random, report};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio::sync::oneshot;

type Request = (i64, oneshot::Sender<i64>);

async fn echo(mut mailbox: UnboundedReceiver<Request>) {
    while let Some((value, reply)) = mailbox.recv().await {
        let _ = reply.send(value);
    }
}

pub fn ask(runtime: &Runtime, n: &[i64]) {
    let asks = n[0];
    let (server, mailbox) = unbounded_channel();
    runtime.spawn(echo(mailbox));
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..asks {
        let (reply, answer) = oneshot::channel();
        let _ = server.send((i, reply));
        sum += answer.blocking_recv().unwrap();
    }
    let took = start.elapsed();
    check(sum == asks * (asks - 1) / 2, "answers");
    report("ask", asks, took, "");
}

pub fn ask_in_actor(runtime: &Runtime, n: &[i64]) {
    let asks = n[0];
    let (took, sum) = runtime.block_on(async move {
        let (server, mailbox) = unbounded_channel();
        tokio::spawn(echo(mailbox));
        let start = Instant::now();
        let asker = tokio::spawn(async move {
            let mut sum = 0;
            for i in 0..asks {
                let (reply, answer) = oneshot::channel();
                let _ = server.send((i, reply));
                sum += answer.await.unwrap();
            }
            sum
        });
        let sum = asker.await.unwrap();
        (start.elapsed(), sum)
    });
    check(sum == asks * (asks - 1) / 2, "answers");
    report("ask-in-actor", asks, took, "");
}

/// Tokio has no supervisor: a parent task sees the panic in the handle and spawns anew.
pub fn restart(runtime: &Runtime, n: &[i64]) {
    let crashes = n[0];
    std::panic::set_hook(Box::new(|_| {}));
    let took = runtime.block_on(async move {
        let parent = tokio::spawn(async move {
            let start = Instant::now();
            for i in 0..crashes {
                let (child, mut mailbox) = unbounded_channel();
                let running = tokio::spawn(async move {
                    mailbox.recv().await.unwrap();
                    panic!("crash");
                });
                let _ = child.send(i);
                let why = running.await.unwrap_err().into_panic();
                check(why.downcast_ref() == Some(&"crash"), "panicked");
            }
            start.elapsed()
        });
        parent.await.unwrap()
    });
    report("restart", crashes, took, "");
}

/// n timers pending, then all cancelled; then n timers that are due within 10 ms. A timer is a task
/// that sleeps: Tokio registers a timer when its future is first polled.
pub fn timers(runtime: &Runtime, n: &[i64]) {
    let count = n[0];
    insert_and_cancel(runtime, count, false); // fetches the memory
    let (insert, cancel) = insert_and_cancel(runtime, count, true);
    let fire = fire(runtime, count);
    report("timers-insert", count, insert, "");
    report("timers-cancel", count, cancel, "");
    report("timers-fire", count, fire, "");
    report("timers", count, insert + cancel + fire, "");
}

fn insert_and_cancel(runtime: &Runtime, count: i64, at_random: bool) -> (Duration, Duration) {
    let mut seed = 1;
    let delays: Vec<Duration> = (0..count)
        .map(|_| Duration::from_millis(100_000 + random(&mut seed) % 100_000))
        .collect();
    let inserted = Arc::new(AtomicI64::new(0));
    let alive = Arc::new(());
    let start = Instant::now();
    let mut pending: Vec<_> = delays
        .into_iter()
        .map(|delay| {
            let (inserted, alive) = (inserted.clone(), alive.clone());
            runtime.spawn(async move {
                let _alive = alive;
                inserted.fetch_add(1, Relaxed);
                tokio::time::sleep(delay).await;
                check(false, "fired too early");
            })
        })
        .collect();
    wait_until(|| inserted.load(Relaxed) == count);
    let insert = start.elapsed();
    if at_random {
        for i in (1..pending.len()).rev() {
            pending.swap(i, (random(&mut seed) % (i as u64 + 1)) as usize);
        }
    }
    let start = Instant::now();
    for timer in &pending {
        timer.abort();
    }
    wait_until(|| Arc::strong_count(&alive) == 1);
    (insert, start.elapsed())
}

/// Once more with twice the time when not all were there before the first was due.
fn fire(runtime: &Runtime, count: i64) -> Duration {
    let mut lead = Duration::from_millis(50) + Duration::from_micros(2 * count as u64);
    loop {
        let (took, started_in_time) = fire_after(runtime, lead, count);
        if started_in_time {
            return took;
        }
        lead *= 2;
    }
}

fn fire_after(runtime: &Runtime, lead: Duration, count: i64) -> (Duration, bool) {
    let mut seed = 2;
    let fired = Arc::new(AtomicI64::new(0));
    let first_due = Instant::now() + lead;
    for _ in 0..count {
        let due = first_due + Duration::from_micros(random(&mut seed) % 10_000);
        let fired = fired.clone();
        runtime.spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            fired.fetch_add(1, Relaxed);
        });
    }
    let started_in_time = Instant::now() < first_due;
    wait_until(|| fired.load(Relaxed) == count);
    (first_due.elapsed(), started_in_time)
}

fn wait_until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::sleep(Duration::from_micros(100));
    }
}
