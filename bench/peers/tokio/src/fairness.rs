// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! Does everybody get a turn? 1,000 tasks that send to themselves; 1,000 quiet ones beside a flood.

use crate::latency::report_latencies;
use crate::load::{work, work_rounds};
use crate::report::{check, report};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;

const ACTORS: usize = 1000;
const LETTERS: usize = 64;

pub fn fairness(runtime: &Runtime, n: &[i64]) {
    let time = Duration::from_millis(n[0] as u64);
    let rounds = work_rounds(1000);
    share(runtime, "fairness-light", 0, time);
    share(runtime, "fairness-1us", rounds, time);
    wait_beside_a_flood(runtime, time);
}

fn share(runtime: &Runtime, row: &str, rounds: i64, time: Duration) {
    let halted = Arc::new(AtomicBool::new(false));
    let turns: Vec<_> = (0..ACTORS).map(|_| Arc::new(AtomicI64::new(0))).collect();
    for turns in &turns {
        let (turns, halted) = (turns.clone(), halted.clone());
        runtime.spawn(async move {
            let (to_me, mut mailbox) = unbounded_channel();
            let _ = to_me.send(());
            while !halted.load(Relaxed) {
                mailbox.recv().await.unwrap();
                work(rounds);
                turns.store(turns.load(Relaxed) + 1, Relaxed);
                let _ = to_me.send(());
            }
        });
    }
    // Busy workers seldom look at what a thread has spawned: it may take seconds.
    let patience = Instant::now() + Duration::from_secs(1);
    let late = || turns.iter().any(|turns| turns.load(Relaxed) == 0);
    while late() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
    let count = || -> Vec<i64> { turns.iter().map(|turns| turns.load(Relaxed)).collect() };
    let (start, before) = (Instant::now(), count());
    std::thread::sleep(time);
    let (took, after) = (start.elapsed(), count());
    halted.store(true, Relaxed);
    let turns: Vec<_> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    let sum: i64 = turns.iter().sum();
    check(sum > 0, "somebody had a turn");
    let share = |turns: &i64| (turns * ACTORS as i64) as f64 / sum as f64;
    let least = share(turns.iter().min().unwrap());
    let most = share(turns.iter().max().unwrap());
    report(
        row,
        sum,
        took,
        &format!(" min_share={least:.4} max_share={most:.4}"),
    );
}

fn wait_beside_a_flood(runtime: &Runtime, time: Duration) {
    let halted = Arc::new(AtomicBool::new(false));
    let (to_first, first) = unbounded_channel();
    let (to_second, second) = unbounded_channel();
    for _ in 0..LETTERS {
        let _ = to_first.send(());
    }
    for (mut mailbox, partner) in [(first, to_second), (second, to_first)] {
        let halted = halted.clone();
        runtime.spawn(async move {
            while mailbox.recv().await.is_some() && !halted.load(Relaxed) {
                let _ = partner.send(());
            }
        });
    }
    std::thread::sleep(Duration::from_millis(10));
    let caller = runtime.spawn(async move {
        let (to_me, mut mailbox) = unbounded_channel();
        let mut quiet = vec![];
        for _ in 0..ACTORS {
            let (to_quiet, mut mailbox) = unbounded_channel::<Instant>();
            let caller = to_me.clone();
            quiet.push(to_quiet);
            tokio::spawn(async move {
                while let Some(sent) = mailbox.recv().await {
                    let _ = caller.send(sent.elapsed().as_nanos() as i64);
                }
            });
        }
        let (start, mut waits) = (Instant::now(), vec![]);
        while start.elapsed() < time {
            for to_quiet in &quiet {
                let _ = to_quiet.send(Instant::now());
            }
            for _ in 0..ACTORS {
                waits.push(mailbox.recv().await.unwrap());
            }
        }
        (waits, start.elapsed())
    });
    let (waits, took) = runtime.block_on(caller).unwrap();
    check(!halted.swap(true, Relaxed), "there was a flood");
    report_latencies("fairness-flood", waits, took);
}
