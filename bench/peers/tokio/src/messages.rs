// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! Messages along fixed ways: pingpong, groups, counting, ring, mailbox-contention.

use crate::report::{check, report};
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

pub fn pingpong(runtime: &Runtime, n: &[i64]) {
    let rounds = n[0];
    let (took, seen) = runtime.block_on(async move {
        let (to_pong, mut pong_mailbox) = unbounded_channel::<i64>();
        let (to_ping, mut ping_mailbox) = unbounded_channel::<i64>();
        let pong = tokio::spawn(async move {
            let mut seen = 0;
            while let Some(ball) = pong_mailbox.recv().await {
                seen += 1;
                let _ = to_ping.send(ball);
            }
            seen
        });
        let start = Instant::now();
        tokio::spawn(async move {
            for i in 0..rounds {
                let _ = to_pong.send(i);
                ping_mailbox.recv().await.unwrap();
            }
        });
        let seen: i64 = pong.await.unwrap();
        (start.elapsed(), seen)
    });
    check(seen == rounds, "pong saw every ball");
    report("pingpong", rounds, took, "");
}

/// Independent pairs, each with a ball of its own.
pub fn groups(runtime: &Runtime, n: &[i64]) {
    let (pairs, rounds) = (n[0], n[1]);
    let (took, played) = runtime.block_on(async move {
        let start = Instant::now();
        let mut pings = vec![];
        for _ in 0..pairs {
            let (to_pong, mut pong_mailbox) = unbounded_channel::<i64>();
            let (to_ping, mut ping_mailbox) = unbounded_channel::<i64>();
            tokio::spawn(async move {
                while let Some(ball) = pong_mailbox.recv().await {
                    let _ = to_ping.send(ball);
                }
            });
            pings.push(tokio::spawn(async move {
                let mut played = 0;
                for i in 0..rounds {
                    let _ = to_pong.send(i);
                    ping_mailbox.recv().await.unwrap();
                    played += 1;
                }
                played
            }));
        }
        let mut played = 0;
        for ping in pings {
            played += ping.await.unwrap();
        }
        (start.elapsed(), played)
    });
    check(played == pairs * rounds, "every ball came back");
    report("groups", played, took, "");
}

enum CounterMessage {
    Add(i64),
    GetTotal(oneshot::Sender<i64>),
}

pub fn counting(runtime: &Runtime, n: &[i64]) {
    let adds = n[0];
    let (took, total) = runtime.block_on(async move {
        let (counter, mailbox) = unbounded_channel();
        tokio::spawn(count(mailbox));
        let start = Instant::now();
        let producer = tokio::spawn(async move {
            for _ in 0..adds {
                let _ = counter.send(CounterMessage::Add(1));
            }
            let (reply, answer) = oneshot::channel();
            let _ = counter.send(CounterMessage::GetTotal(reply));
            answer.await.unwrap()
        });
        let total = producer.await.unwrap();
        (start.elapsed(), total)
    });
    check(total == adds, "total");
    report("counting", adds, took, "");
}

async fn count(mut mailbox: UnboundedReceiver<CounterMessage>) {
    let mut total = 0;
    while let Some(message) = mailbox.recv().await {
        match message {
            CounterMessage::Add(value) => total += value,
            CounterMessage::GetTotal(reply) => reply.send(total).unwrap(),
        }
    }
}

pub fn ring(runtime: &Runtime, n: &[i64]) {
    let (members, hops, tokens) = (n[0] as usize, n[1], n[2]);
    let per_token = hops / tokens;
    check(per_token * tokens == hops, "hops divide by tokens");
    let (took, passed) = runtime.block_on(async move {
        let (finished, mut all_finished) = unbounded_channel();
        let (senders, mailboxes): (Vec<_>, Vec<_>) =
            (0..members).map(|_| unbounded_channel()).unzip();
        let mut ring = vec![];
        for (i, mailbox) in mailboxes.into_iter().enumerate() {
            let next = senders[(i + 1) % members].clone();
            ring.push(tokio::spawn(pass_on(mailbox, next, finished.clone())));
        }
        let start = Instant::now();
        for i in 0..tokens as usize {
            let _ = senders[i * members / tokens as usize].send(per_token);
        }
        for _ in 0..tokens {
            all_finished.recv().await.unwrap();
        }
        let took = start.elapsed();
        let mut passed = 0;
        for (sender, member) in senders.iter().zip(ring) {
            let _ = sender.send(STOP);
            passed += member.await.unwrap();
        }
        (took, passed)
    });
    check(passed == hops, "hops");
    report(if tokens == 1 { "ring" } else { "ring100" }, hops, took, "");
}

const STOP: i64 = 0; // in place of a token

async fn pass_on(
    mut mailbox: UnboundedReceiver<i64>,
    next: UnboundedSender<i64>,
    finished: UnboundedSender<()>,
) -> i64 {
    let mut passed = 0;
    loop {
        match mailbox.recv().await.unwrap() {
            STOP => return passed,
            1 => {
                let _ = finished.send(());
            }
            hops => {
                let _ = next.send(hops - 1);
            }
        }
        passed += 1;
    }
}

pub fn mailbox_contention(runtime: &Runtime, n: &[i64]) {
    let (producers, each) = (n[0], n[1]);
    let (took, sum) = runtime.block_on(async move {
        let (consumer, mut mailbox) = unbounded_channel();
        let receiving = tokio::spawn(async move {
            let mut sum = 0i64;
            for _ in 0..producers * each {
                let value: i64 = mailbox.recv().await.unwrap();
                sum += value;
            }
            sum
        });
        let start = Instant::now();
        for _ in 0..producers {
            let consumer = consumer.clone();
            tokio::spawn(async move {
                for i in 0..each {
                    let _ = consumer.send(i);
                }
            });
        }
        let sum = receiving.await.unwrap();
        (start.elapsed(), sum)
    });
    check(
        sum == producers * each * (each - 1) / 2,
        "sum of what was received",
    );
    report("mailbox-contention", producers * each, took, "");
}
