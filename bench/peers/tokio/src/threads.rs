// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! Plain threads send to tasks as fast as they can: inject.

use crate::report::{check, report};
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;

pub fn inject(runtime: &Runtime, n: &[i64]) {
    for sinks in [1, 64] {
        for threads in [1, 2, 4, 8] {
            measure(runtime, threads, sinks, n[0]);
        }
    }
}

fn measure(runtime: &Runtime, threads: usize, sinks: usize, messages: i64) {
    let each = messages / threads as i64;
    let (mut senders, mut totals) = (vec![], vec![]);
    for _ in 0..sinks {
        let (sender, mut mailbox) = unbounded_channel::<i64>();
        senders.push(sender);
        totals.push(runtime.spawn(async move {
            let mut total = 0;
            while let Some(value) = mailbox.recv().await {
                total += value;
            }
            total
        }));
    }
    let start = Instant::now();
    let senders = Arc::new(senders);
    let running: Vec<_> = (0..threads)
        .map(|_| {
            let senders = senders.clone();
            std::thread::spawn(move || {
                for i in 0..each {
                    let _ = senders[i as usize % senders.len()].send(i);
                }
            })
        })
        .collect();
    drop(senders);
    for thread in running {
        thread.join().unwrap();
    }
    let sum: i64 = totals
        .into_iter()
        .map(|total| runtime.block_on(total).unwrap())
        .sum();
    let took = start.elapsed();
    check(
        sum == threads as i64 * (each * (each - 1) / 2),
        "sum of what was received",
    );
    let kind = if sinks == 1 { "one" } else { "many" };
    report(
        &format!("inject-{kind}-{threads}"),
        threads as i64 * each,
        took,
        "",
    );
}
